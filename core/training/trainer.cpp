#include "core/training/trainer.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/log.hpp"
#include "core/base/nearest.hpp"

namespace easyflow::training {
namespace {

constexpr int kPage = 200;

/// The model in force, and what is known of it.
struct InForce {
  std::shared_ptr<const nlp::Model> model;
  nlp::Provenance provenance;
};

/// Reading a model takes a while: on the thread for it.
InForce read_in_force(const storage::NlpSettings& settings, const std::string& provenance) {
  InForce out;
  if (!settings.model_version.empty()) {
    auto loaded = nlp::Model::load(settings.model);
    if (loaded) {
      out.model = *loaded;
      out.provenance = nlp::provenance_from_json(provenance);
      return out;
    }
    // a hub reads with the model that ships, then
    log::warn("nlp.model_refused", {{"version", settings.model_version}, {"error", loaded.error().message()}});
  }
  out.model = nlp::Model::embedded();
  out.provenance = nlp::embedded_provenance();
  return out;
}

struct Settings {
  storage::NlpSettings nlp;
  std::string provenance;
};

Task<std::shared_ptr<Settings>> settings_of(storage::NlpRepository& rows, std::string tenant_id) {
  auto out = std::make_shared<Settings>();
  out->nlp = co_await rows.settings(tenant_id, "");
  if (!out->nlp.model_version.empty()) out->provenance = co_await rows.provenance(tenant_id, out->nlp.model_version);
  co_return out;
}

bool is_name(const std::string& intent) {
  return !intent.empty() && intent.size() <= 64 && std::all_of(intent.begin(), intent.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == ':' || c == '.' || c == '-';
  });
}

/// The intents a metrics_of() tells of.
std::vector<std::string> intents_of(const storage::NlpModelRow& model) {
  const auto metrics = nlohmann::json::parse(model.metrics_json, nullptr, /*allow_exceptions=*/false);
  std::vector<std::string> out;
  if (!metrics.is_object() || !metrics.contains("intent_names")) return out;
  for (const auto& name : metrics["intent_names"])
    if (name.is_string()) out.push_back(name.get<std::string>());
  return out;
}

std::string metrics_of(const nlp::Retraining& trained) {
  const auto& metrics = trained.model->metrics();
  auto comparisons = nlohmann::json::parse(nlp::to_json(trained), nullptr, /*allow_exceptions=*/false);
  return nlohmann::json{{"examples", metrics.examples},
                        {"intents", metrics.intents},
                        {"intent_names", trained.model->intents()},
                        {"accuracy", metrics.accuracy},
                        {"macro_f1", metrics.macro_f1},
                        {"calibration_error", metrics.ece},
                        {"calibration_reliable", metrics.calibration_reliable},
                        {"rejection_threshold", metrics.rejection_threshold},
                        {"comparisons", comparisons.value("comparisons", nlohmann::json::array())}}
      .dump();
}

}  // namespace

Task<std::vector<nlp::Example>> stored_examples(storage::NlpRepository& rows, std::string tenant_id,
                                                std::string source) {
  std::vector<nlp::Example> out;
  std::string cursor;
  for (;;) {
    storage::PageRequest page(kPage, cursor);
    auto examples = co_await rows.examples(tenant_id, std::move(page));
    if (!examples) throw ErrorException(examples.error());
    for (auto& row : examples->items) {
      if (!source.empty() && row.source != source) continue;
      nlp::Example example;
      example.text = std::move(row.text);
      example.intent = std::move(row.intent);
      example.lang = std::move(row.lang);
      out.push_back(std::move(example));
    }
    cursor = examples->next;
    if (cursor.empty()) co_return out;
  }
}

Task<int> store_examples(storage::NlpRepository& rows, std::string tenant_id, std::vector<nlp::Example> examples,
                         std::string user_id) {
  constexpr std::size_t kAtOnce = 1000;
  int written = 0;
  for (std::size_t from = 0; from < examples.size(); from += kAtOnce) {
    std::vector<storage::NlpExample> batch;
    std::map<std::string, std::size_t> places;  // one statement takes a text once: its last intent counts
    for (std::size_t i = from; i < std::min(from + kAtOnce, examples.size()); ++i) {
      storage::NlpExample row;
      row.text = examples[i].text;
      row.intent = examples[i].intent;
      row.lang = examples[i].lang;
      row.source = "import";
      row.user_id = user_id;
      const auto [place, is_new] = places.emplace(row.text, batch.size());
      if (is_new)
        batch.push_back(std::move(row));
      else
        batch[place->second] = std::move(row);
    }
    written += co_await rows.put_examples(tenant_id, std::move(batch));
  }
  co_return written;
}

Task<Result<void>> label_message(storage::NlpRepository& rows, std::string tenant_id, std::string message_id,
                                 std::string intent, std::string user_id, bool is_new) {
  if (!is_name(intent))
    co_return Error(ErrorKind::invalid_input, "An intent is 1 to 64 of a-z, 0-9, _ : . -").with_field("intent");
  auto known = nlp::Model::embedded()->intents();
  known.emplace_back(nlp::kOutOfScope);
  if (!is_new) {
    auto models = co_await rows.models(tenant_id);
    for (const auto& model : models)
      for (auto& name : intents_of(model)) known.push_back(std::move(name));
    auto labelled = co_await rows.example_intents(tenant_id);
    known.insert(known.end(), labelled.begin(), labelled.end());
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    if (!std::binary_search(known.begin(), known.end(), intent))
      co_return Error(ErrorKind::invalid_input, "There is no intent '" + intent + "'." + did_you_mean(intent, known) +
                                                    " If it is a new one, say so.")
          .with_field("intent");
  }
  co_return co_await rows.label_message(tenant_id, message_id, intent, user_id);
}

Task<Result<Outcome>> train_tenant(storage::NlpRepository& rows, BlockingThread& thread, std::string tenant_id,
                                   Request request, std::function<bool(double)> on_progress) {
  auto stored = co_await stored_examples(rows, tenant_id, "");
  auto settings = co_await settings_of(rows, tenant_id);
  auto own = std::make_shared<std::vector<nlp::Example>>(std::move(request.examples));
  const auto stored_count = stored.size();
  own->insert(own->end(), std::make_move_iterator(stored.begin()), std::make_move_iterator(stored.end()));
  if (own->empty())
    co_return Error(ErrorKind::invalid_input,
                    "There are no examples to train on. Label messages, import examples, or give a CSV.");

  nlp::RetrainingOptions options;
  options.with_base = request.with_base;
  options.training.name = request.name;
  options.training.on_progress = std::move(on_progress);
  auto trained = std::make_shared<std::optional<Result<nlp::Retraining>>>();
  std::function<void()> work = [own, settings, trained, options] {
    const auto previous = read_in_force(settings->nlp, settings->provenance);
    *trained = nlp::retrain(std::move(*own), previous.model.get(), previous.provenance, options);
  };
  co_await thread.run(std::move(work));
  auto& result = **trained;
  if (!result) co_return result.error();

  Outcome outcome;
  outcome.trained = std::move(*result);
  outcome.stored_examples = stored_count;
  const auto& made = outcome.trained;
  if (!request.dry_run && (made.refusal.empty() || request.force)) {
    storage::NlpModelRow row;
    row.version = made.model->version();
    row.metrics_json = metrics_of(made);
    row.data_fingerprint = made.model->data_fingerprint();
    row.provenance_json = nlp::to_json(made.provenance);
    std::string bytes = made.model->bytes();
    co_await rows.put_model(tenant_id, std::move(row), std::move(bytes));
    outcome.installed = true;
  }
  co_return outcome;
}

Task<TenantTest> test_tenant(storage::NlpRepository& rows, BlockingThread& thread, std::string tenant_id) {
  auto examples = co_await stored_examples(rows, tenant_id, "operator");
  auto settings = co_await settings_of(rows, tenant_id);
  auto labelled = std::make_shared<std::vector<nlp::Example>>(std::move(examples));
  auto out = std::make_shared<TenantTest>();
  std::function<void()> work = [labelled, settings, out] {
    const auto in_force = read_in_force(settings->nlp, settings->provenance);
    const auto fresh = nlp::unseen_by(in_force.provenance, *labelled);
    out->model = in_force.model->version();
    out->labelled = labelled->size();
    out->report = nlp::test(*in_force.model, fresh);
    out->is_reliable = fresh.size() >= nlp::kEnoughForCalibration;
    out->report.calibration_reliable = out->is_reliable;
  };
  co_await thread.run(std::move(work));
  co_return std::move(*out);
}

/// Outlives a training whose hub is gone from the thread's point of view.
struct Trainer::Shared {
  std::atomic<bool> stopping{false};
  std::atomic<double> progress{0};
  std::optional<std::string> running;  ///< whose training runs
  std::map<std::string, State> states;
  BlockingThread training;
  BlockingThread measuring;
};

Trainer::Trainer(boost::asio::any_io_executor executor, storage::NlpRepository& rows, const Clock& clock)
    : rows_(rows), clock_(clock), shared_(std::make_shared<Shared>()), tasks_(std::move(executor)) {}
Trainer::~Trainer() = default;

BlockingThread& Trainer::thread() { return shared_->measuring; }

Result<void> Trainer::start(std::string tenant_id, Request request) {
  if (shared_->running)
    return Error(ErrorKind::conflict, "A model is being trained already. Wait for its end: GET /api/v1/nlp/train.");
  if (shared_->stopping) return Error(ErrorKind::conflict, "The hub is stopping.");
  State state;
  state.state = "running";
  state.started_at = clock_.now();
  shared_->running = tenant_id;
  shared_->progress = 0;
  shared_->states[tenant_id] = std::move(state);
  tasks_.spawn("nlp.train", run(tenant_id, std::move(request)));
  return {};
}

Task<> Trainer::run(std::string tenant_id, Request request) {
  const bool dry_run = request.dry_run;
  std::string failure;
  std::optional<Outcome> outcome;
  auto shared = shared_;
  std::function<bool(double)> on_progress = [shared](double done) {
    shared->progress = done;
    return !shared->stopping;
  };
  try {
    auto trained =
        co_await train_tenant(rows_, shared->training, tenant_id, std::move(request), std::move(on_progress));
    if (trained)
      outcome = std::move(*trained);
    else
      failure = trained.error().message();
  } catch (const boost::system::system_error& cancelled) {
    if (cancelled.code() == boost::asio::error::operation_aborted) throw;
    failure = cancelled.what();
  } catch (const storage::StorageDown&) {
    failure = "The database is out of reach. Try again.";
  } catch (const std::exception& fault) {
    log::error("nlp.training_failed", {{"tenant", tenant_id}, {"error", fault.what()}});
    failure = "The training failed; the hub's log tells why.";
  }
  auto& state = shared->states[tenant_id];
  state.finished_at = clock_.now();
  state.progress = 1;
  state.error = failure;
  state.state = "failed";
  if (outcome) {
    state.state = outcome->installed ? "installed" : dry_run ? "trained" : "refused";
    state.outcome = std::move(outcome);
    state.outcome->trained.model.reset();  // megabytes that nobody asks for again
    state.outcome->trained.report.answers.clear();
  }
  shared->running.reset();
  log::info("nlp.trained", {{"tenant", tenant_id}, {"outcome", state.state}});
}

State Trainer::state(const std::string& tenant_id) const {
  const auto found = shared_->states.find(tenant_id);
  if (found == shared_->states.end()) return {};
  auto out = found->second;
  if (out.state == "running") out.progress = shared_->progress;
  return out;
}

Task<> Trainer::close() {
  shared_->stopping = true;
  co_await tasks_.close();
}

}  // namespace easyflow::training
