// nlp train, nlp test
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/app/commands_nlp.hpp"
#include "core/app/files.hpp"
#include "core/app/terminal.hpp"
#include "core/async/blocking.hpp"
#include "core/training/trainer.hpp"

namespace easyflow::app {
namespace {

constexpr std::size_t kConfusionsShown = 10;

std::string percent(double share) {
  char text[32];
  (void)std::snprintf(text, sizeof text, "%.1f %%", share * 100);
  return text;
}

/// A line on the terminal that grows; nothing where nobody looks.
std::function<bool(double)> progress_line(const Invocation& invocation, const char* what) {
  if (invocation.json || ::isatty(STDERR_FILENO) != 1) return {};
  auto last = std::make_shared<int>(-1);
  return [last, what](double done) {
    const int now = static_cast<int>(std::min(done, 1.0) * 100);
    if (now > *last) {
      *last = now;
      std::cerr << '\r' << what << ' ' << now << " %" << (now == 100 ? "\n" : "") << std::flush;
    }
    return true;
  };
}

void end_progress_line(const Invocation& invocation) {
  if (!invocation.json && ::isatty(STDERR_FILENO) == 1) std::cerr << "\r\033[K" << std::flush;
}

void print_report(const nlp::TestReport& report) {
  Table intents({"INTENT", "EXAMPLES", "PRECISION", "RECALL", "F1"});
  for (const auto& row : report.intents)
    intents.add(
        {row.intent, std::to_string(row.examples), decimals(row.precision), decimals(row.recall), decimals(row.f1)});
  intents.print();
  if (!report.confusions.empty()) {
    std::cout << "\nMost often confused\n";
    Table confusions({"SHOULD BE", "SAID", "TIMES", "FOR EXAMPLE"});
    for (std::size_t i = 0; i < std::min(kConfusionsShown, report.confusions.size()); ++i) {
      const auto& row = report.confusions[i];
      confusions.add({row.gold, row.predicted, std::to_string(row.count),
                      row.samples.empty() ? "" : printable(row.samples.front(), 70)});
    }
    confusions.print();
  }
  bool any = false;
  for (const auto& point : report.coverage) any = any || point.coverage >= 0.5;
  if (any) {
    std::cout << "\nAnswering only the surest\n";
    Table coverage({"ANSWERED", "RIGHT"});
    for (const auto& point : report.coverage) {
      const int share = static_cast<int>(point.coverage * 100 + 0.5);
      if (share % 10 == 0 && share >= 50) coverage.add({std::to_string(share) + " %", percent(point.accuracy)});
    }
    coverage.print();
  }
  std::cout << "\nexamples            " << report.examples << "\naccuracy            " << decimals(report.accuracy)
            << "\nmacro-F1            " << decimals(report.macro_f1) << "\ncalibration error   "
            << decimals(report.ece);
  std::cout << (report.calibration_reliable ? "\n" : "  (the confidence can't be trusted yet: see docs/nlp.md)\n");
  const bool has_outsiders = std::any_of(report.intents.begin(), report.intents.end(),
                                         [](const auto& row) { return row.intent == nlp::kOutOfScope; });
  if (has_outsiders) std::cout << "out of scope found  " << percent(report.out_of_scope_recall) << '\n';
  std::cout << "wrongly rejected    " << percent(report.false_rejections) << '\n';
}

Result<bool> uses_base(const std::string& base) {
  if (base == "default") return true;
  if (base == "none") return false;
  return Error(ErrorKind::invalid_input, "Expected default or none.").with_field("--base");
}

// --- train --------------------------------------------------------------------------------------------------------

struct TrainOptions {
  std::string data;
  std::string base = "default";
  std::string out;
  std::string name = "shop";
  std::string against;
  bool force = false;
  bool dry_run = false;
};

void print_retraining(const nlp::Retraining& trained) {
  print_report(trained.report);
  for (const auto& row : trained.comparisons)
    std::cout << "\nmacro-F1 on " << row.examples << " of " << row.of << ": " << decimals(row.before) << " before, "
              << decimals(row.after) << " now";
  if (!trained.comparisons.empty()) std::cout << '\n';
  if (!trained.note.empty()) std::cout << "\nnote: " << trained.note << '\n';
}

/// Says why and returns true when the model must not be used.
bool refused(const nlp::Retraining& trained, const TrainOptions& options) {
  if (trained.refusal.empty() || options.force) return false;
  (void)report(Error(ErrorKind::conflict, "Nothing was changed: " + trained.refusal +
                                              ". Look at the confusions, or use --force to take it all the same."),
               /*json=*/false);
  return true;
}

nlohmann::json json_of(const nlp::Retraining& trained) {
  auto value = nlohmann::json::parse(nlp::to_json(trained), nullptr, /*allow_exceptions=*/false);
  const auto& faults = trained.report.faults;
  value["data"] = {{"duplicates", faults.duplicates},
                   {"contradictions", faults.contradictions},
                   {"small_intents", faults.small_intents}};
  return value;
}

int train_to_file(const Invocation& invocation, const TrainOptions& options) {
  auto with_base = uses_base(options.base);
  if (!with_base) return report(with_base.error(), invocation.json);
  auto own = read_examples_file(options.data);
  if (!own) return report(own.error(), invocation.json);
  auto previous = read_model(options.against);
  if (!previous) return report(previous.error(), invocation.json);
  nlp::RetrainingOptions retraining;
  retraining.with_base = *with_base;
  retraining.training.name = options.name;
  retraining.training.on_progress = progress_line(invocation, "training");
  const auto provenance = options.against.empty() ? nlp::embedded_provenance() : nlp::Provenance();
  auto trained = nlp::retrain(*std::move(own), previous->get(), provenance, retraining);
  end_progress_line(invocation);
  if (!trained) return report(trained.error(), invocation.json);

  if (!invocation.json) {
    print_faults(trained->report.faults);
    print_retraining(*trained);
  }
  auto value = json_of(*trained);
  const bool keep = !refused(*trained, options);
  if (keep && !options.dry_run) {
    auto written = write_file(options.out, trained->model->bytes());
    if (!written) return report(Error(written.error()).with_field("--out"), invocation.json);
    if (!invocation.json)
      std::cout << '\n'
                << trained->model->version() << " written to " << options.out << " ("
                << trained->model->bytes().size() / 1024 << " KiB)\n";
  }
  value["out"] = keep && !options.dry_run ? nlohmann::json(options.out) : nlohmann::json();
  if (invocation.json) print(value);
  return keep ? 0 : 1;
}

Task<int> train_installed(Core& core, const Invocation& invocation, const TrainOptions& options) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  training::Request request;
  auto with_base = uses_base(options.base);
  if (!with_base) co_return report(with_base.error(), invocation.json);
  request.with_base = *with_base;
  if (!options.data.empty()) {
    auto own = read_examples_file(options.data);
    if (!own) co_return report(own.error(), invocation.json);
    request.examples = *std::move(own);
  }
  request.name = options.name;
  request.force = options.force;
  request.dry_run = options.dry_run;
  // the loop must stay free to notice Ctrl-C
  BlockingThread thread;
  auto on_progress = progress_line(invocation, "training");
  auto outcome = co_await training::train_tenant(core.nlp, thread, *tenant, std::move(request), std::move(on_progress));
  end_progress_line(invocation);
  if (!outcome) co_return report(outcome.error(), invocation.json);
  const auto& trained = outcome->trained;
  if (!invocation.json) {
    print_faults(trained.report.faults);
    if (outcome->stored_examples > 0) std::cerr << outcome->stored_examples << " stored examples are used too\n";
    print_retraining(trained);
  }
  const bool keep = !refused(trained, options);
  if (invocation.json) {
    auto value = json_of(trained);
    value["installed"] = outcome->installed;
    print(value);
  } else if (outcome->installed) {
    std::cout << '\n' << trained.version << " is the active model now; a running hub takes it on by itself.\n";
  }
  co_return keep ? 0 : 1;
}

void add_train(CLI::App& group, Invocation& invocation) {
  auto options = std::make_shared<TrainOptions>();
  auto* command = group.add_subcommand("train", "Train a model on labelled messages of your own");
  command->add_option("data", options->data,
                      "CSV with the columns text, intent and, if you like, lang; default: the stored examples alone");
  command
      ->add_option("--base", options->base,
                   "default: the examples that ship are used too, yours weigh three times as much; none: only yours")
      ->check(CLI::IsMember({"default", "none"}));
  auto* out = command->add_option("--out", options->out,
                                  "Write the model to this file and leave the database alone; default: install it");
  command->add_option("--name", options->name, "Begins the model's version");
  command
      ->add_option("--against", options->against,
                   "A model file that the new one must not fall behind; default: the active model, with --out the one "
                   "that ships")
      ->needs(out);
  command->add_flag("--force", options->force, "Take the model even when it is worse than the one before");
  command->add_flag("--dry-run", options->dry_run, "Train and measure, change nothing");
  command->footer(
      "Without --out the stored examples (imported, and messages that operators labelled) are used too, and the model\n"
      "becomes the tenant's active one.\n"
      "The new model is measured on examples it was not trained on. When its macro-F1 is more than 0.02 below that of\n"
      "the model before, nothing is changed and the exit code is 1.\n"
      "Examples:\n"
      "  easyflow nlp train shop.csv\n"
      "  easyflow nlp train shop.csv --out shop.model\n"
      "  easyflow nlp train shop.csv --base none --name bikes --out bikes.model");
  command->callback([&invocation, options] {
    if (options->out.empty()) {
      invocation.action = [&invocation, options] {
        return with_core(invocation,
                         [&invocation, options](Core& core) { return train_installed(core, invocation, *options); });
      };
      return;
    }
    if (options->data.empty()) throw CLI::ValidationError("nlp train", "--out needs a CSV: the database is left alone");
    invocation.action = [&invocation, options] { return train_to_file(invocation, *options); };
  });
}

// --- test ---------------------------------------------------------------------------------------------------------

struct TestOptions {
  std::string data;
  std::string model;
  std::string base = "default";
  std::string html;
  int folds = 5;
  bool installed = false;
};

Result<nlp::TestReport> tested(const Invocation& invocation, const TestOptions& options) {
  std::vector<nlp::Example> examples;
  if (!options.data.empty()) {
    EASYFLOW_TRY(own, read_examples_file(options.data));
    examples = std::move(own);
  }
  if (!options.model.empty()) {
    EASYFLOW_TRY(model, read_model(options.model == "default" ? "" : options.model));
    return nlp::test(*model, examples.empty() ? nlp::default_examples() : examples);
  }
  EASYFLOW_TRY(with_base, uses_base(options.base));
  nlp::TrainingOptions training;
  training.on_progress = progress_line(invocation, "measuring");
  if (examples.empty()) return nlp::cross_validate(nlp::default_examples(), {}, options.folds, training);
  const auto faults = nlp::clean(examples);
  auto out = nlp::cross_validate(examples, with_base ? nlp::default_examples() : std::vector<nlp::Example>(),
                                 options.folds, training);
  if (out) out->faults = faults;
  return out;
}

Result<void> write_page(const TestOptions& options, const nlp::TestReport& measured) {
  if (options.html.empty()) return {};
  auto written = write_file(options.html, nlp::to_html(measured));
  if (!written) return Error(written.error()).with_field("--html");
  return written;
}

int test(const Invocation& invocation, const TestOptions& options) {
  auto measured = tested(invocation, options);
  end_progress_line(invocation);
  if (!measured) return report(measured.error(), invocation.json);
  auto written = write_page(options, *measured);
  if (!written) return report(written.error(), invocation.json);
  if (invocation.json) {
    print(nlohmann::json::parse(nlp::to_json(*measured), nullptr, /*allow_exceptions=*/false));
    return 0;
  }
  print_faults(measured->faults);
  print_report(*measured);
  if (!options.html.empty()) std::cout << "\nThe page with the plots: " << options.html << '\n';
  return 0;
}

Task<int> test_installed(Core& core, const Invocation& invocation, const TestOptions& options) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  BlockingThread thread;
  auto tested = co_await training::test_tenant(core.nlp, thread, *tenant);
  auto written = write_page(options, tested.report);
  if (!written) co_return report(written.error(), invocation.json);
  if (invocation.json) {
    print({{"model", tested.model},
           {"labelled", tested.labelled},
           {"reliable", tested.is_reliable},
           {"report", nlohmann::json::parse(nlp::to_json(tested.report), nullptr, /*allow_exceptions=*/false)}});
    co_return 0;
  }
  if (tested.report.examples > 0) print_report(tested.report);
  std::cout << '\n'
            << tested.model << ": " << tested.report.examples << " of " << tested.labelled
            << " messages that operators labelled are new to it";
  if (!tested.is_reliable)
    std::cout << "; it takes " << nlp::kEnoughForCalibration << " to tell how well its confidence is calibrated";
  std::cout << ".\n";
  co_return 0;
}

void add_test(CLI::App& group, Invocation& invocation) {
  auto options = std::make_shared<TestOptions>();
  auto* command = group.add_subcommand("test", "How often a model is right, and whether its confidence can be trusted");
  command->add_option("data", options->data, "CSV of labelled messages; default: the examples that ship");
  auto* model = command->add_option("--model", options->model,
                                    "Measure this model file, or \"default\"; without it: cross-validation");
  command->add_option("--folds", options->folds, "Parts of the cross-validation")
      ->check(CLI::Range(2, 20))
      ->excludes(model);
  command->add_option("--base", options->base, "default: train on the examples that ship too; none: only on yours")
      ->check(CLI::IsMember({"default", "none"}))
      ->excludes(model);
  command
      ->add_flag("--installed", options->installed,
                 "Measure the tenant's active model on messages that operators have labelled")
      ->excludes(model);
  command->add_option("--html", options->html, "Write the report as a page with its plots");
  command->footer(
      "Examples:\n"
      "  easyflow nlp test shop.csv --html report.html\n"
      "  easyflow nlp test shop.csv --folds 10 --base none\n"
      "  easyflow nlp test shop.csv --model shop.model\n"
      "  easyflow nlp test --installed");
  command->callback([&invocation, options] {
    if (!options->installed) {
      invocation.action = [&invocation, options] { return test(invocation, *options); };
      return;
    }
    if (!options->data.empty())
      throw CLI::ValidationError("nlp test", "--installed measures on the labelled messages: leave the CSV out");
    invocation.action = [&invocation, options] {
      return with_core(invocation,
                       [&invocation, options](Core& core) { return test_installed(core, invocation, *options); });
    };
  });
}

}  // namespace

void add_nlp_training(CLI::App& group, Invocation& invocation) {
  add_train(group, invocation);
  add_test(group, invocation);
}

}  // namespace easyflow::app
