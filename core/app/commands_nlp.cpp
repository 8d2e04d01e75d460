// nlp: what messages mean, tried out from the command line
#include "core/app/commands_nlp.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/app/files.hpp"
#include "core/app/terminal.hpp"

namespace easyflow::app {
namespace {

using namespace std::chrono_literals;

// --- parse --------------------------------------------------------------------------------------------------------

struct ParseOptions {
  std::vector<std::string> words;
  std::string in;
  std::string out;
  std::string now;
  std::string model;
  std::string rules;
  bool installed = false;
};

/// What a message is read with.
struct Reading {
  std::shared_ptr<const nlp::Model> model;
  std::shared_ptr<const nlp::UserRules> rules;
  nlp::Reference reference;
};

/// `reference` moved to --now, if given.
Result<nlp::Reference> reference_of(const ParseOptions& options, nlp::Reference reference) {
  if (options.now.empty()) return reference;
  const auto now = parse_rfc3339(options.now);
  if (!now)
    return Error(ErrorKind::invalid_input, "Expected a time with its offset, as 2026-11-20T12:00:00+03:00.")
        .with_field("--now");
  reference.now = *now;
  reference.utc_offset = rfc3339_offset(options.now);
  return reference;
}

/// Without a database: files, or what ships with the program.
Result<Reading> reading_of(const ParseOptions& options) {
  Reading out;
  EASYFLOW_TRY(model, read_model(options.model));
  out.model = model;
  if (!options.rules.empty()) {
    EASYFLOW_TRY(csv, read_file(options.rules));
    auto rules = nlp::UserRules::from_csv(csv);
    if (!rules) return Error(rules.error().kind(), options.rules + ": " + rules.error().message());
    out.rules = *rules;
  }
  out.reference.now = SystemClock().now();
  EASYFLOW_TRY(reference, reference_of(options, out.reference));
  out.reference = reference;
  return out;
}

/// One line for each line of a TSV with the columns id and text.
Result<std::string> predictions(const std::string& tsv, const Reading& reading, std::size_t& count) {
  const auto cells_of = [](std::string_view line) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    std::vector<std::string_view> cells;
    for (;;) {
      const auto tab = line.find('\t');
      cells.push_back(line.substr(0, tab));
      if (tab == std::string_view::npos) return cells;
      line.remove_prefix(tab + 1);
    }
  };
  std::string_view rest(tsv);
  if (rest.substr(0, 3) == "\xEF\xBB\xBF") rest.remove_prefix(3);
  std::size_t id_at = 0, text_at = 0;
  std::string out;
  for (std::size_t line_number = 1; !rest.empty(); ++line_number) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const auto cells = cells_of(line);
    if (line_number == 1) {
      id_at = static_cast<std::size_t>(std::find(cells.begin(), cells.end(), "id") - cells.begin());
      text_at = static_cast<std::size_t>(std::find(cells.begin(), cells.end(), "text") - cells.begin());
      for (const char* column : {"id", "text"})
        if (std::find(cells.begin(), cells.end(), column) == cells.end())
          return Error(ErrorKind::invalid_input, std::string("line 1, ") + column +
                                                     ": no such column; the first line must name, between tabs, at "
                                                     "least id and text");
      continue;
    }
    if (line.empty() || line == "\r") continue;
    if (std::max(id_at, text_at) >= cells.size())
      return Error(ErrorKind::invalid_input,
                   "line " + std::to_string(line_number) + ", " + (text_at >= cells.size() ? "text" : "id") +
                       ": is missing; the line has " + std::to_string(cells.size()) + " columns");
    const auto meaning = reading.model->parse(cells[text_at], reading.reference, reading.rules.get());
    out += "{\"id\":";
    out += nlohmann::json(cells[id_at]).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    out += ',';
    out += std::string_view(nlp::to_json(meaning)).substr(1);
    out += '\n';
    ++count;
  }
  if (text_at == id_at)
    return Error(ErrorKind::invalid_input,
                 "line 1: the file is empty; its first line must name the columns id and text");
  return out;
}

void print_meaning(const nlp::Meaning& meaning) {
  std::cout << meaning.intent << "  " << decimals(meaning.confidence);
  if (meaning.rejected && !meaning.ranking.empty())
    std::cout << "  (not sure; the best guess is " << meaning.ranking.front().intent << ")";
  if (meaning.ambiguous) std::cout << "  (close to the next)";
  std::cout << '\n';
  if (!meaning.ranking.empty()) {
    std::cout << '\n';
    Table ranking({"INTENT", "PROBABILITY"});
    for (const auto& score : meaning.ranking) ranking.add({score.intent, decimals(score.confidence)});
    ranking.print();
  }
  if (!meaning.entities.empty()) {
    std::cout << '\n';
    Table entities({"ENTITY", "TEXT", "VALUE", "CONFIDENCE", "AT"});
    for (const auto& entity : meaning.entities)
      entities.add({entity.type, printable(entity.text, 40), printable(entity.value, 40), decimals(entity.confidence),
                    std::to_string(entity.start) + "-" + std::to_string(entity.end)});
    entities.print();
  }
  std::cout << "\nmodel " << meaning.model << '\n';
}

int parse_with(const Invocation& invocation, const ParseOptions& options, const Reading& reading) {
  if (!options.in.empty()) {
    auto tsv = read_file(options.in);
    if (!tsv) return report(Error(tsv.error()).with_field("--in"), invocation.json);
    std::size_t count = 0;
    auto lines = predictions(*tsv, reading, count);
    if (!lines)
      return report(Error(lines.error().kind(), options.in + ": " + lines.error().message()).with_field("--in"),
                    invocation.json);
    if (options.out.empty() || options.out == "-") {
      std::cout << *lines;
      return 0;
    }
    auto written = write_file(options.out, *lines);
    if (!written) return report(Error(written.error()).with_field("--out"), invocation.json);
    if (invocation.json)
      print({{"out", options.out}, {"messages", count}, {"model", reading.model->version()}});
    else
      std::cerr << count << " messages read with " << reading.model->version() << ", written to " << options.out
                << '\n';
    return 0;
  }
  std::string text;
  for (const auto& word : options.words) text += (text.empty() ? "" : " ") + word;
  if (text == "-") text = read_stdin();
  const auto meaning = reading.model->parse(text, reading.reference, reading.rules.get());
  if (invocation.json) {
    auto value = nlohmann::json::parse(nlp::to_json(meaning), nullptr, /*allow_exceptions=*/false);
    value["text"] = nlp::mask_cards(text, meaning.entities);
    print(value);
  } else {
    print_meaning(meaning);
  }
  return 0;
}

int parse(const Invocation& invocation, const ParseOptions& options) {
  auto reading = reading_of(options);
  if (!reading) return report(reading.error(), invocation.json);
  return parse_with(invocation, options, *reading);
}

Task<int> parse_installed(Core& core, const Invocation& invocation, const ParseOptions& options) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  auto reader = co_await core.readers.open(*tenant);
  Reading reading;
  reading.model = reader->model();
  reading.rules = reader->rules();
  auto reference = reference_of(options, reader->reference(core.clock.now()));
  if (!reference) co_return report(reference.error(), invocation.json);
  reading.reference = *reference;
  co_return parse_with(invocation, options, reading);
}

void add_parse(CLI::App& group, Invocation& invocation) {
  auto options = std::make_shared<ParseOptions>();
  auto* command = group.add_subcommand("parse", "What a text means: intent, confidence, entities");
  command->add_option("text", options->words, "The message; - reads it from standard input");
  auto* in = command->add_option("--in", options->in, "Many at once: a TSV whose header names at least id and text");
  command->add_option("--out", options->out, "Where to write one JSON object a line; default: standard output")
      ->needs(in);
  command->add_option(
      "--now", options->now,
      "What \"tomorrow\" is counted from, with its offset; default: now, in Moscow or the tenant's zone");
  auto* model =
      command->add_option("--model", options->model, "A model file; default: the model that ships with the program");
  auto* rules = command->add_option("--rules", options->rules, "Entity rules to try out (CSV)");
  command->add_flag("--installed", options->installed, "With the tenant's active model, rules and time zone")
      ->excludes(model)
      ->excludes(rules);
  command->footer(
      "Needs no database and no configuration, but for --installed.\n"
      "Examples:\n"
      "  easyflow nlp parse \"Где мой заказ 66102?\"\n"
      "  echo \"I want a refund\" | easyflow nlp parse - --json\n"
      "  easyflow nlp parse --installed \"Сколько стоит EF-100500?\"\n"
      "  easyflow nlp parse --in messages.tsv --out meanings.jsonl --now 2026-11-20T12:00:00+03:00");
  command->callback([&invocation, options] {
    if (options->words.empty() == options->in.empty())
      throw CLI::ValidationError(
          "nlp parse", options->in.empty() ? "give a text, - or --in FILE" : "give a text or --in FILE, not both");
    if (options->installed)
      invocation.action = [&invocation, options] {
        return with_core(invocation,
                         [&invocation, options](Core& core) { return parse_installed(core, invocation, *options); });
      };
    else
      invocation.action = [&invocation, options] { return parse(invocation, *options); };
  });
}

// --- intents ------------------------------------------------------------------------------------------------------

struct IntentText {
  const char* intent;
  const char* covers;
};

/// The intents of the model that ships with the program.
constexpr IntentText kIntents[] = {
    {"order_status", "an existing order: where it is, tracking, stuck, late, \"delivered\" but absent"},
    {"delivery_time", "delivery terms before or apart from an order: days, cost, regions, carriers, express"},
    {"return_request", "wants to return or exchange goods: conditions, who pays, label"},
    {"refund_status", "money back: when, not received, partial"},
    {"complaint_quality", "poor quality, breaks in use, not as described, fake"},
    {"price_question", "price of goods, price lists, why the price changed"},
    {"availability", "in stock, restock, reserve, colours and sizes that exist"},
    {"size_help", "which size, fit, measurements, size chart"},
    {"product_question", "material, features, compatibility, contents, care, origin"},
    {"cancel_order", "cancel an order or a part of it before it is delivered"},
    {"change_address", "change address, pick-up point, recipient, phone or delivery date of an order"},
    {"payment_issue", "payment fails, double charge; which payment methods and instalments exist"},
    {"discount_promo", "promo codes, sales, bonuses, cashback, bargaining"},
    {"greeting", "only a greeting"},
    {"thanks", "only thanks"},
    {"goodbye", "only a goodbye"},
    {"operator_request", "wants a person, a call, a phone number"},
    {"review_feedback", "praise, reviews and ratings, suggestions"},
    {"wrong_item", "another item, size or colour arrived, or parts or items are missing"},
    {"damaged_item", "arrived broken, leaking, scratched, opened, dead on arrival"},
    {"pickup_point", "pick-up points and lockers: address, hours, storage, code, who may collect"},
    {"warranty", "guarantee terms, repairs, service centres"},
    {"invoice_documents", "receipts, invoices, VAT papers, certificates, contracts"},
    {"wholesale", "bulk, dealers, dropshipping, partnership to buy"},
    {"spam", "unsolicited offers, scams, ads"},
    {"out_of_scope", "anything else, and what the model is not sure of"},
};

int list_intents(const Invocation& invocation) {
  auto items = nlohmann::json::array();
  Table table({"INTENT", "COVERS"});
  for (const auto& row : kIntents) {
    items.push_back({{"intent", row.intent}, {"covers", row.covers}});
    table.add({row.intent, row.covers});
  }
  if (invocation.json)
    print({{"items", items}, {"next", nullptr}});
  else
    table.print();
  return 0;
}

}  // namespace

Result<std::shared_ptr<const nlp::Model>> read_model(const std::string& path) {
  if (path.empty()) return nlp::Model::embedded();
  auto bytes = read_file(path);
  if (!bytes) return Error(bytes.error()).with_field("--model");
  auto model = nlp::Model::load(*bytes);
  if (!model) return Error(model.error().kind(), path + ": " + model.error().message()).with_field("--model");
  return model;
}

Result<std::vector<nlp::Example>> read_examples_file(const std::string& path) {
  EASYFLOW_TRY(csv, read_file(path));
  auto examples = nlp::read_examples(csv);
  if (!examples) return Error(examples.error().kind(), path + ": " + examples.error().message());
  if (examples->empty())
    return Error(ErrorKind::invalid_input, path + ": line 2: there are no examples below the header");
  return examples;
}

void print_faults(const nlp::DataFaults& faults) {
  const auto shown = [](const std::vector<std::string>& texts) {
    std::string out;
    for (std::size_t i = 0; i < std::min<std::size_t>(5, texts.size()); ++i)
      out += (i == 0 ? "" : ", ") + printable(texts[i], 60);
    return texts.size() > 5 ? out + ", ..." : out;
  };
  if (faults.duplicates > 0) std::cerr << faults.duplicates << " examples stand there twice; one of each is used\n";
  if (!faults.contradictions.empty())
    std::cerr << faults.contradictions.size() << " texts stand under two intents: " << shown(faults.contradictions)
              << '\n';
  if (!faults.small_intents.empty())
    std::cerr << faults.small_intents.size() << " intents have fewer than ten examples: " << shown(faults.small_intents)
              << '\n';
}

std::string decimals(double value) {
  char text[32];
  (void)std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

void add_nlp_commands(CLI::App& app, Invocation& invocation) {
  auto* group = app.add_subcommand("nlp", "What messages mean: try it, train it, measure it")->require_subcommand(1);
  add_parse(*group, invocation);
  add_nlp_training(*group, invocation);
  add_nlp_tenant(*group, invocation);
  group->add_subcommand("intents", "The intents of the model that ships with the program")->callback([&] {
    invocation.action = [&] { return list_intents(invocation); };
  });
}

}  // namespace easyflow::app
