// What messages mean: models, rules, examples, labels, training.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/api/handlers.hpp"
#include "core/api/input.hpp"
#include "core/api/views.hpp"
#include "core/net/problem.hpp"

namespace easyflow::api {
namespace {

constexpr std::size_t kLongestMessage = 16 * 1024;     // read on the I/O thread
constexpr std::size_t kLongestCsv = 64 * 1024 * 1024;  // the server's own limit is lower
constexpr std::size_t kLongestName = 255;
constexpr int kReportDays = 30;

bool is_csv(const Call& call) {
  constexpr std::string_view kCsv = "text/csv";
  return call.request.headers.get("Content-Type").substr(0, kCsv.size()) == kCsv;
}

/// The CSV of a request: its whole body, or the member "csv" of a JSON body.
std::string csv_of(const Call& call, Fields& fields) {
  return is_csv(call) ? call.request.body : fields.required_text("csv", kLongestCsv);
}

/// The members of a JSON body; none in a CSV.
Result<Fields> fields_of(const Call& call) { return Fields::parse(is_csv(call) ? std::string() : call.request.body); }

/// Work of more than a millisecond, away from the I/O thread.
template <class T>
Task<T> elsewhere(BlockingThread& thread, std::function<T()> work) {
  auto result = std::make_shared<std::optional<T>>();
  std::function<void()> job = [result, work = std::move(work)] { *result = work(); };
  co_await thread.run(std::move(job));
  co_return std::move(**result);
}

Task<Result<std::vector<nlp::Example>>> read_csv(Services& services, std::string csv) {
  std::function<Result<std::vector<nlp::Example>>()> work = [csv = std::move(csv)] {
    auto examples = nlp::read_examples(csv);
    if (examples && examples->empty())
      examples = Error(ErrorKind::invalid_input, "line 2: there are no examples below the header");
    return examples;
  };
  auto examples = co_await elsewhere(services.trainer.thread(), std::move(work));
  if (!examples) co_return Error(examples.error().kind(), examples.error().message()).with_field("csv");
  co_return examples;
}

nlohmann::json csv_view(const std::string& csv) {
  auto value = nlohmann::json::object();
  value["csv"] = csv;
  return value;
}

HttpResponse active_view(const std::string& version) {
  auto value = nlohmann::json::object();
  value["active"] = version;
  return net::json_response(200, value);
}

}  // namespace

Reply list_models(Services& services, Call call) {
  auto models = co_await services.nlp.models(call.tenant());
  co_return net::json_response(200, view(models));
}

Reply activate_model(Services& services, Call call) {
  const auto& shipped = nlp::Model::embedded()->version();
  std::string version = call.params.get("version");
  if (version == "default" || version == shipped) version.clear();
  bool there = co_await services.nlp.activate(call.tenant(), version);
  if (!there)
    co_return net::problem_from(
        Error(ErrorKind::not_found, "There is no such model. GET /api/v1/nlp/models lists them.")
            .with_field("version"));
  co_return active_view(version.empty() ? shipped : version);
}

Reply parse_text(Services& services, Call call) {
  auto fields = Fields::parse(call.request.body);
  if (!fields) co_return net::problem_from(fields.error());
  auto text = fields->required_text("text", kLongestMessage);
  auto now = fields->text("now", kLongestName);
  if (auto checked = fields->finish(); !checked) co_return net::problem_from(checked.error());
  auto reader = co_await services.readers.open(call.tenant());
  auto reference = reader->reference(services.clock.now());
  if (!now.empty()) {
    auto at = parse_rfc3339(now);
    if (!at)
      co_return net::problem_from(
          Error(ErrorKind::invalid_input, "Expected a time with its offset, as 2026-11-20T12:00:00+03:00.")
              .with_field("now"));
    reference.now = *at;
    reference.utc_offset = rfc3339_offset(now);
  }
  const auto meaning = reader->model()->parse(text, reference, reader->rules().get());
  co_return net::json_response(200, nlohmann::json::parse(nlp::to_json(meaning), nullptr, /*allow_exceptions=*/false));
}

Reply show_rules(Services& services, Call call) {
  auto csv = co_await services.nlp.rules(call.tenant());
  co_return net::json_response(200, csv_view(csv));
}

Reply replace_rules(Services& services, Call call) {
  auto fields = fields_of(call);
  if (!fields) co_return net::problem_from(fields.error());
  auto csv = csv_of(call, *fields);
  if (auto checked = fields->finish(); !checked) co_return net::problem_from(checked.error());
  using Rules = Result<std::shared_ptr<const nlp::UserRules>>;
  std::function<Rules()> work = [csv] { return nlp::UserRules::from_csv(csv); };
  auto rules = co_await elsewhere(services.trainer.thread(), std::move(work));
  if (!rules) co_return net::problem_from(Error(rules.error().kind(), rules.error().message()).with_field("csv"));
  co_await services.nlp.put_rules(call.tenant(), csv);
  co_return net::json_response(200, csv_view(csv));
}

Reply remove_rules(Services& services, Call call) {
  co_await services.nlp.put_rules(call.tenant(), "");
  co_return no_content();
}

Reply list_examples(Services& services, Call call) {
  Query query(call.request);
  auto page = query.page();
  if (auto checked = query.finish(); !checked) co_return net::problem_from(checked.error());
  auto examples = co_await services.nlp.examples(call.tenant(), std::move(page));
  if (!examples) co_return net::problem_from(examples.error());
  co_return net::json_response(200, view(*examples));
}

Reply add_examples(Services& services, Call call) {
  auto fields = fields_of(call);
  if (!fields) co_return net::problem_from(fields.error());
  auto csv = csv_of(call, *fields);
  if (auto checked = fields->finish(); !checked) co_return net::problem_from(checked.error());
  auto examples = co_await read_csv(services, std::move(csv));
  if (!examples) co_return net::problem_from(examples.error());
  const auto written = co_await training::store_examples(services.nlp, call.tenant(), *examples, call.who.user_id);
  auto value = nlohmann::json::object();
  value["read"] = examples->size();
  value["written"] = written;
  co_return net::json_response(200, value);
}

Reply remove_example(Services& services, Call call) {
  auto id = call.id("example");
  if (!id) co_return net::problem_from(id.error());
  bool gone = co_await services.nlp.remove_example(call.tenant(), *id);
  if (!gone) co_return no_such("example");
  co_return no_content();
}

Reply label_message(Services& services, Call call) {
  auto id = call.id("message");
  if (!id) co_return net::problem_from(id.error());
  auto fields = Fields::parse(call.request.body);
  if (!fields) co_return net::problem_from(fields.error());
  auto intent = fields->required_text("intent", kLongestName);
  bool is_new = fields->flag("new");
  if (auto checked = fields->finish(); !checked) co_return net::problem_from(checked.error());
  auto labelled = co_await training::label_message(services.nlp, call.tenant(), *id, intent, call.who.user_id, is_new);
  if (!labelled) co_return net::problem_from(labelled.error());
  auto value = nlohmann::json::object();
  value["message_id"] = *id;
  value["intent"] = intent;
  value["confidence"] = 1.0;
  value["model"] = "operator";
  co_return net::json_response(200, value);
}

Reply show_report(Services& services, Call call) {
  const auto since = services.clock.now() - std::chrono::hours(24 * kReportDays);
  auto counts = co_await services.nlp.counts(call.tenant(), since);
  auto tested = co_await training::test_tenant(services.nlp, services.trainer.thread(), call.tenant());
  co_return net::json_response(200, view(counts, since, tested));
}

Reply start_training(Services& services, Call call) {
  auto fields = fields_of(call);
  if (!fields) co_return net::problem_from(fields.error());
  training::Request request;
  std::string csv;
  if (is_csv(call) || fields->has("csv")) csv = csv_of(call, *fields);
  auto base = fields->text("base", kLongestName);
  auto name = fields->text("name", kLongestName);
  request.force = fields->flag("force");
  request.dry_run = fields->flag("dry_run");
  if (auto checked = fields->finish(); !checked) co_return net::problem_from(checked.error());
  if (!base.empty() && base != "default" && base != "none")
    co_return net::problem_from(Error(ErrorKind::invalid_input, "Expected one of: default, none.").with_field("base"));
  request.with_base = base != "none";
  if (!name.empty()) request.name = name;
  if (!csv.empty()) {
    auto examples = co_await read_csv(services, std::move(csv));
    if (!examples) co_return net::problem_from(examples.error());
    request.examples = *std::move(examples);
  }
  auto started = services.trainer.start(call.tenant(), std::move(request));
  if (!started) co_return net::problem_from(started.error());
  auto response = net::json_response(202, view(services.trainer.state(call.tenant())));
  response.headers.add("Location", "/api/v1/nlp/train");
  co_return response;
}

Reply show_training(Services& services, Call call) {
  co_return net::json_response(200, view(services.trainer.state(call.tenant())));
}

}  // namespace easyflow::api
