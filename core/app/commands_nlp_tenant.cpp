// nlp models, rules, examples, label, rescore: what decides how the messages of one tenant are read
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/api/views.hpp"
#include "core/app/commands_nlp.hpp"
#include "core/app/files.hpp"
#include "core/app/terminal.hpp"
#include "core/base/nearest.hpp"
#include "core/training/trainer.hpp"

namespace easyflow::app {
namespace {

/// A command over one tenant; the error is told when there is none.
using TenantWork = std::function<Task<int>(Core&, std::string tenant_id)>;

Task<int> for_tenant(Core& core, const Invocation& invocation, TenantWork work) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  int code = co_await work(core, *tenant);
  co_return code;
}

/// Runs `work` when `command` was chosen.
void on_choice(CLI::App* command, Invocation& invocation, TenantWork work) {
  command->callback([&invocation, work = std::move(work)] {
    invocation.action = [&invocation, work] {
      return with_core(invocation, [&invocation, work](Core& core) { return for_tenant(core, invocation, work); });
    };
  });
}

// --- models -------------------------------------------------------------------------------------------------------

Task<int> list_models(Core& core, const Invocation& invocation, std::string tenant_id) {
  auto models = co_await core.nlp.models(tenant_id);
  const bool own = std::any_of(models.begin(), models.end(), [](const auto& model) { return model.active; });
  if (invocation.json) {
    print(api::view(models));
    co_return 0;
  }
  Table table({"VERSION", "ACTIVE", "MADE", "EXAMPLES", "INTENTS", "MACRO-F1", "CALIBRATION ERROR"});
  const auto shown = [](const nlohmann::json& metrics, const char* name) {
    const auto found = metrics.is_object() ? metrics.find(name) : metrics.end();
    if (!metrics.is_object() || found == metrics.end() || !found->is_number()) return std::string("-");
    return found->is_number_float() ? decimals(found->get<double>()) : found->dump();
  };
  for (const auto& model : models) {
    const auto metrics = nlohmann::json::parse(model.metrics_json, nullptr, /*allow_exceptions=*/false);
    table.add({model.version, model.active ? "yes" : "", ago(model.created_at, core.clock.now()),
               shown(metrics, "examples"), shown(metrics, "intents"), shown(metrics, "macro_f1"),
               shown(metrics, "calibration_error")});
  }
  const auto shipped = nlp::Model::embedded();
  table.add({shipped->version(), own ? "" : "yes", "ships with the hub", std::to_string(shipped->metrics().examples),
             std::to_string(shipped->metrics().intents), decimals(shipped->metrics().macro_f1),
             decimals(shipped->metrics().ece)});
  table.print();
  co_return 0;
}

Task<int> activate_model(Core& core, const Invocation& invocation, std::string tenant_id, std::string version) {
  const bool shipped = version.empty() || version == nlp::Model::embedded()->version();
  std::string wanted = shipped ? std::string() : version;
  bool there = co_await core.nlp.activate(tenant_id, wanted);
  if (!there) {
    std::vector<std::string> versions;
    auto models = co_await core.nlp.models(tenant_id);
    for (const auto& model : models) versions.push_back(model.version);
    co_return report(Error(ErrorKind::not_found, "There is no model '" + version + "'." +
                                                     did_you_mean(version, versions) + " See: easyflow nlp models")
                         .with_field("version"),
                     invocation.json);
  }
  const auto active = shipped ? nlp::Model::embedded()->version() : version;
  if (invocation.json)
    print({{"active", active}});
  else
    std::cout << active << " is the active model now.\n";
  co_return 0;
}

void add_models(CLI::App& group, Invocation& invocation) {
  auto* models = group.add_subcommand("models", "The tenant's models; the one that ships is always there");
  auto* list = models->add_subcommand("list", "The models, newest first");
  auto version = std::make_shared<std::string>();
  auto* activate = models->add_subcommand("activate", "Read messages with this model from now on");
  activate->add_option("version", *version, "As `nlp models` shows it")->required();
  auto* shipped = models->add_subcommand("default", "Read messages with the model that ships");
  (void)list;
  on_choice(models, invocation, [&invocation, activate, shipped, version](Core& core, std::string tenant_id) {
    if (activate->parsed()) return activate_model(core, invocation, std::move(tenant_id), *version);
    if (shipped->parsed()) return activate_model(core, invocation, std::move(tenant_id), "");
    return list_models(core, invocation, std::move(tenant_id));
  });
}

// --- rules --------------------------------------------------------------------------------------------------------

Task<int> show_rules(Core& core, const Invocation& invocation, std::string tenant_id) {
  auto csv = co_await core.nlp.rules(tenant_id);
  if (invocation.json)
    print({{"csv", csv}});
  else if (csv.empty())
    std::cerr << "No entity rules. Add some with: easyflow nlp rules import FILE.csv\n";
  else
    std::cout << csv << (csv.back() == '\n' ? "" : "\n");
  co_return 0;
}

Task<int> import_rules(Core& core, const Invocation& invocation, std::string tenant_id, std::string path) {
  auto csv = read_file(path);
  if (!csv) co_return report(csv.error(), invocation.json);
  auto rules = nlp::UserRules::from_csv(*csv);
  if (!rules) co_return report(Error(rules.error().kind(), path + ": " + rules.error().message()), invocation.json);
  co_await core.nlp.put_rules(tenant_id, *csv);
  if (invocation.json)
    print({{"csv", *csv}});
  else
    std::cout << "The rules hold from the next message on. Try: easyflow nlp parse --installed \"...\"\n";
  co_return 0;
}

Task<int> clear_rules(Core& core, const Invocation& invocation, std::string tenant_id) {
  co_await core.nlp.put_rules(tenant_id, "");
  if (invocation.json)
    print({{"csv", ""}});
  else
    std::cout << "There are no entity rules now.\n";
  co_return 0;
}

void add_rules(CLI::App& group, Invocation& invocation) {
  auto* rules = group.add_subcommand("rules", "Entity rules of your own: patterns and lists");
  auto* show = rules->add_subcommand("show", "The rules as they were imported");
  auto path = std::make_shared<std::string>();
  auto* import = rules->add_subcommand("import", "Replace the rules by those of a CSV");
  import->add_option("file", *path, "Columns: kind (regex or lookup), type, pattern, value")->required();
  auto* clear = rules->add_subcommand("clear", "Remove them all");
  rules->footer(
      "A file of rules:\n"
      "  kind,type,pattern,value\n"
      "  regex,order_number,\"\\bEF-(\\d{6})\\b\",\n"
      "  lookup,product_line,nordic light,nordic_light");
  (void)show;
  on_choice(rules, invocation, [&invocation, import, clear, path](Core& core, std::string tenant_id) {
    if (import->parsed()) return import_rules(core, invocation, std::move(tenant_id), *path);
    if (clear->parsed()) return clear_rules(core, invocation, std::move(tenant_id));
    return show_rules(core, invocation, std::move(tenant_id));
  });
}

// --- examples -----------------------------------------------------------------------------------------------------

struct ExampleOptions {
  std::string file;
  std::string out;
  std::string id;
  std::string cursor;
  int limit = 50;
};

Task<int> list_examples(Core& core, const Invocation& invocation, std::string tenant_id,
                        const ExampleOptions& options) {
  storage::PageRequest request(options.limit, options.cursor);
  auto page = co_await core.nlp.examples(tenant_id, std::move(request));
  if (!page) co_return report(page.error(), invocation.json);
  if (invocation.json) {
    print(api::view(*page));
    co_return 0;
  }
  Table table({"ID", "INTENT", "FROM", "TEXT"});
  for (const auto& row : page->items) table.add({row.id, row.intent, row.source, printable(row.text, 70)});
  if (table.empty())
    std::cout << "No examples yet. Label messages, or: easyflow nlp examples import FILE.csv\n";
  else
    table.print();
  if (!page->next.empty()) std::cerr << "more: --cursor " << page->next << '\n';
  co_return 0;
}

Task<int> import_examples(Core& core, const Invocation& invocation, std::string tenant_id, std::string path) {
  auto examples = read_examples_file(path);
  if (!examples) co_return report(examples.error(), invocation.json);
  const int written = co_await training::store_examples(core.nlp, tenant_id, *examples, "");
  if (invocation.json)
    print({{"read", examples->size()}, {"written", written}});
  else
    std::cout << examples->size() << " examples read, " << written
              << " of them new or changed. Train with: easyflow nlp train\n";
  co_return 0;
}

std::string csv_field(const std::string& text) {
  std::string out = "\"";
  for (char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

Task<int> export_examples(Core& core, const Invocation& invocation, std::string tenant_id, std::string path) {
  auto examples = co_await training::stored_examples(core.nlp, tenant_id, "");
  std::string csv = "text,intent,lang\n";
  for (const auto& example : examples)
    csv += csv_field(example.text) + ',' + example.intent + ',' + example.lang + '\n';
  if (path.empty() || path == "-") {
    std::cout << csv;
    co_return 0;
  }
  auto written = write_file(path, csv);
  if (!written) co_return report(Error(written.error()).with_field("--out"), invocation.json);
  if (invocation.json)
    print({{"out", path}, {"examples", examples.size()}});
  else
    std::cerr << examples.size() << " examples written to " << path << '\n';
  co_return 0;
}

Task<int> remove_example(Core& core, const Invocation& invocation, std::string tenant_id, std::string id) {
  bool gone = co_await core.nlp.remove_example(tenant_id, id);
  if (!gone)
    co_return report(Error(ErrorKind::not_found, "There is no example '" + id + "'.").with_field("id"),
                     invocation.json);
  if (invocation.json)
    print({{"removed", id}});
  else
    std::cout << "Removed.\n";
  co_return 0;
}

void add_examples(CLI::App& group, Invocation& invocation) {
  auto options = std::make_shared<ExampleOptions>();
  auto* examples = group.add_subcommand("examples", "Labelled messages to train on: imported, and from operators");
  auto* list = examples->add_subcommand("list", "The examples, oldest first");
  for (auto* command : {examples, list}) {
    command->add_option("--limit", options->limit, "How many")->check(CLI::Range(1, 200));
    command->add_option("--cursor", options->cursor, "Where the last page ended");
  }
  auto* import = examples->add_subcommand("import", "Add those of a CSV; a known text gets the new intent");
  import->add_option("file", options->file, "Columns: text, intent and, if you like, lang")->required();
  auto* export_ = examples->add_subcommand("export", "All of them as CSV");
  export_->add_option("--out", options->out, "Where to; default: standard output");
  auto* remove = examples->add_subcommand("remove", "Forget one");
  remove->add_option("id", options->id, "Its id")->required();
  on_choice(examples, invocation, [&invocation, import, export_, remove, options](Core& core, std::string tenant_id) {
    if (import->parsed()) return import_examples(core, invocation, std::move(tenant_id), options->file);
    if (export_->parsed()) return export_examples(core, invocation, std::move(tenant_id), options->out);
    if (remove->parsed()) return remove_example(core, invocation, std::move(tenant_id), options->id);
    return list_examples(core, invocation, std::move(tenant_id), *options);
  });
}

// --- label --------------------------------------------------------------------------------------------------------

struct LabelOptions {
  std::string message;
  std::string intent;
  bool is_new = false;
};

Task<int> label_message(Core& core, const Invocation& invocation, std::string tenant_id, const LabelOptions& options) {
  auto labelled =
      co_await training::label_message(core.nlp, tenant_id, options.message, options.intent, "", options.is_new);
  if (!labelled) co_return report(labelled.error(), invocation.json);
  if (invocation.json)
    print({{"message_id", options.message}, {"intent", options.intent}});
  else
    std::cout << "The message means " << options.intent << " now, and is an example to train on.\n";
  co_return 0;
}

void add_label(CLI::App& group, Invocation& invocation) {
  auto options = std::make_shared<LabelOptions>();
  auto* label = group.add_subcommand("label", "Say what a message really means");
  label->add_option("message", options->message, "The message's id, as conversations show --json tells it")->required();
  label->add_option("intent", options->intent, "What it means; see: easyflow nlp intents")->required();
  label->add_flag("--new", options->is_new, "The intent is a new one of your own");
  on_choice(label, invocation, [&invocation, options](Core& core, std::string tenant_id) {
    return label_message(core, invocation, std::move(tenant_id), *options);
  });
}

// --- rescore ------------------------------------------------------------------------------------------------------

struct RescoreOptions {
  std::string since;
  bool status = false;
};

nlohmann::json json_of(const storage::Rescore& run) {
  const auto time = [](const std::optional<Timestamp>& at) {
    return at ? nlohmann::json(format_rfc3339(*at)) : nlohmann::json();
  };
  return {{"model", run.model},
          {"since", time(run.since)},
          {"seen", run.seen},
          {"changed", run.changed},
          {"labelled", run.labelled},
          {"started_at", time(run.started_at)},
          {"updated_at", time(run.updated_at)},
          {"finished_at", time(run.finished_at)}};
}

void print_rescore(const storage::Rescore& run) {
  std::cout << run.model << ": " << run.seen << " messages looked at, " << run.changed << " read otherwise now, "
            << run.labelled << " keep the intent of an operator's label; "
            << (run.finished_at ? "finished" : "not finished, run it again to go on") << '\n';
}

Task<int> rescore_status(Core& core, const Invocation& invocation, std::string tenant_id) {
  auto run = co_await core.rescorer.status(tenant_id);
  if (invocation.json)
    print(run ? json_of(*run) : nlohmann::json());
  else if (run)
    print_rescore(*run);
  else
    std::cout << "Older messages have never been read again.\n";
  co_return 0;
}

Task<int> rescore(Core& core, const Invocation& invocation, std::string tenant_id, const RescoreOptions& options) {
  std::optional<Timestamp> since;
  if (!options.since.empty()) {
    // a date alone is its first moment
    since = parse_rfc3339(options.since.size() == 10 ? options.since + "T00:00:00Z" : options.since);
    if (!since)
      co_return report(Error(ErrorKind::invalid_input,
                             "Expected a date or a time, as 2026-11-01 or "
                             "2026-11-01T12:00:00+03:00.")
                           .with_field("--since"),
                       invocation.json);
  }
  std::function<void(const storage::Rescore&)> on_page;
  if (!invocation.json && is_interactive())
    on_page = [](const storage::Rescore& run) { std::cerr << '\r' << run.seen << " messages" << std::flush; };
  auto run = co_await core.rescorer.run(tenant_id, since, on_page);
  if (on_page) std::cerr << "\r\033[K" << std::flush;
  if (!run) co_return report(run.error(), invocation.json);
  if (invocation.json)
    print(json_of(*run));
  else
    print_rescore(*run);
  co_return 0;
}

void add_rescore(CLI::App& group, Invocation& invocation) {
  auto options = std::make_shared<RescoreOptions>();
  auto* command =
      group.add_subcommand("rescore", "Read older messages again: model, rules, orders and products of now");
  auto* since = command->add_option("--since", options->since, "Only messages from then on: 2026-11-01");
  command->add_flag("--status", options->status, "How far it has come")->excludes(since);
  command->footer(
      "It may be stopped at any moment; the next run goes on from there. What operators or a provider said stays.\n"
      "Example:\n"
      "  easyflow nlp rescore --since 2026-11-01");
  on_choice(command, invocation, [&invocation, options](Core& core, std::string tenant_id) {
    if (options->status) return rescore_status(core, invocation, std::move(tenant_id));
    return rescore(core, invocation, std::move(tenant_id), *options);
  });
}

}  // namespace

void add_nlp_tenant(CLI::App& group, Invocation& invocation) {
  add_models(group, invocation);
  add_rules(group, invocation);
  add_examples(group, invocation);
  add_label(group, invocation);
  add_rescore(group, invocation);
}

}  // namespace easyflow::app
