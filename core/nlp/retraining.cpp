#include "core/nlp/retraining.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_set>
#include <utility>

#include "core/nlp/measures.hpp"
#include "core/nlp/normalize.hpp"

namespace easyflow::nlp {
namespace {

constexpr double kOwnWeight = 3;
/// A confidence that is further off than this on the user's own messages can't be trusted, however many there are.
constexpr double kToleratedCalibrationError = 0.1;
/// Below this a macro-F1 says too little to refuse a model for it.
constexpr std::size_t kEnoughToCompare = 30;

/// The text as training sees it: two that differ in the case of letters only are one.
std::string key_of(const std::string& text) {
  Words words;
  normalize(text, nullptr, nullptr, words);
  return words.spans.empty() ? text : to_text(words);
}

/// Eight hex digits of FNV-1a.
std::string hash_of(const Example& example) {
  std::uint32_t hash = 2166136261U;
  for (unsigned char c : key_of(example.text) + '\x1f' + example.intent) hash = (hash ^ c) * 16777619U;
  char text[9];
  (void)std::snprintf(text, sizeof text, "%08x", hash);
  return text;
}

std::string hashes_of(const std::vector<Example>& examples) {
  std::set<std::string> sorted;
  for (const auto& example : examples) sorted.insert(hash_of(example));
  std::string out;
  for (const auto& hash : sorted) out += hash;
  return out;
}

/// By the likeliest intent: where a model draws the line of rejection depends on how much it was calibrated on, not on
/// what it has learnt.
double macro_f1_of(const std::vector<Example>& examples, const std::vector<Answer>& answers) {
  std::set<std::string> names;
  for (const auto& example : examples) names.insert(example.intent);
  for (const auto& answer : answers) names.insert(answer.best);
  const std::vector<std::string> intents(names.begin(), names.end());
  Measures measures(intents);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    Decision decision;
    decision.best =
        static_cast<std::size_t>(std::lower_bound(intents.begin(), intents.end(), answers[i].best) - intents.begin());
    decision.confidence = answers[i].confidence;
    measures.add(examples[i].intent, examples[i].text, {}, decision);
  }
  return measures.report().macro_f1;
}

std::string rounded(double value) {
  char text[16];
  (void)std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

/// Which of the examples `provenance` does not hold.
std::vector<std::size_t> unseen(const Provenance& provenance, const std::vector<Example>& examples) {
  std::unordered_set<std::string> hashes, base;
  for (std::size_t at = 0; at + 8 <= provenance.seen.size(); at += 8) hashes.insert(provenance.seen.substr(at, 8));
  if (provenance.with_base)
    for (const auto& example : default_examples()) base.insert(key_of(example.text));
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < examples.size(); ++i)
    if (hashes.count(hash_of(examples[i])) == 0 && (base.empty() || base.count(key_of(examples[i].text)) == 0))
      out.push_back(i);
  return out;
}

/// The shipped examples but those whose text the user has labelled too: the user's word counts.
std::vector<Example> base_beside(const std::vector<Example>& own) {
  std::unordered_set<std::string> keys;
  for (const auto& example : own) keys.insert(key_of(example.text));
  std::vector<Example> out;
  for (const auto& example : default_examples())
    if (keys.count(key_of(example.text)) == 0) out.push_back(example);
  return out;
}

/// Every fourth example of each intent; the others go to `rest` (may be null).
std::vector<Example> quarter_of(const std::vector<Example>& examples, std::vector<Example>* rest = nullptr) {
  std::map<std::string, std::size_t> seen;
  std::vector<Example> out;
  for (const auto& example : examples) {
    if (++seen[example.intent] % 4 == 0)
      out.push_back(example);
    else if (rest != nullptr)
      rest->push_back(example);
  }
  return out;
}

/// Macro-F1 on a quarter of `base` of a model trained on the rest of it and `own`.
Result<double> held_out_f1(std::vector<Example> own, const std::vector<Example>& base, const TrainingOptions& options) {
  const auto held_out = quarter_of(base, &own);
  EASYFLOW_TRY(model, train(own, options));
  return macro_f1_of(held_out, test(*model, held_out).answers);
}

/// Takes out examples of intents that have only one: nobody can learn from it and be measured. Names those intents.
std::vector<std::string> take_out_single(std::vector<Example>& own, bool with_base) {
  std::map<std::string, std::size_t> sizes;
  for (const auto& example : own) ++sizes[example.intent];
  if (with_base)
    for (const auto& example : default_examples()) ++sizes[example.intent];
  std::vector<std::string> out;
  for (const auto& [intent, size] : sizes)
    if (size == 1) out.push_back(intent);
  std::erase_if(own, [&](const Example& example) { return sizes[example.intent] == 1; });
  return out;
}

void add_note(std::string& note, const std::string& text) { note += (note.empty() ? "" : "; ") + text; }

/// A part of a whole progress: training after measuring.
TrainingOptions part_of(const TrainingOptions& options, double from, double to) {
  auto out = options;
  if (options.on_progress)
    out.on_progress = [tell = options.on_progress, from, to](double done) { return tell(from + (to - from) * done); };
  return out;
}

}  // namespace

Provenance embedded_provenance() {
  Provenance out;
  out.known = true;
  out.with_base = true;
  out.base_macro_f1 = Model::embedded()->metrics().macro_f1;
  return out;
}

std::string to_json(const Provenance& provenance) {
  if (!provenance.known) return "null";
  return nlohmann::json{
      {"with_base", provenance.with_base}, {"base_macro_f1", provenance.base_macro_f1}, {"seen", provenance.seen}}
      .dump();
}

Provenance provenance_from_json(std::string_view json) {
  Provenance out;
  const auto read = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!read.is_object()) return out;
  const auto base = read.find("with_base");
  const auto f1 = read.find("base_macro_f1");
  const auto seen = read.find("seen");
  if (base == read.end() || !base->is_boolean() || f1 == read.end() || !f1->is_number() || seen == read.end() ||
      !seen->is_string())
    return out;
  out.known = true;
  out.with_base = base->get<bool>();
  out.base_macro_f1 = f1->get<double>();
  out.seen = seen->get<std::string>();
  return out;
}

std::vector<Example> unseen_by(const Provenance& provenance, const std::vector<Example>& examples) {
  std::vector<Example> out;
  for (auto i : unseen(provenance, examples)) out.push_back(examples[i]);
  return out;
}

Result<Retraining> retrain(std::vector<Example> own, const Model* previous, const Provenance& previous_provenance,
                           const RetrainingOptions& options) {
  const auto faults = clean(own);
  const auto single = take_out_single(own, options.with_base);
  if (own.empty())
    return Error(ErrorKind::invalid_input, "there are no examples to train on, or none of an intent with two of them");
  auto all = own;
  std::vector<Example> base;
  if (options.with_base) {
    for (auto& example : all) example.weight *= kOwnWeight;
    base = base_beside(own);
  }

  // the user's examples: each by a model that has seen the others and all that ship
  EASYFLOW_TRY(measured, cross_validate(all, base, options.folds, part_of(options.training, 0, 0.5)));
  Retraining out;
  for (const auto& intent : single) add_note(out.note, "left out: " + intent + " has a single example");
  out.report = std::move(measured);
  out.report.faults = faults;
  out.report.calibration_reliable = out.report.calibration_reliable && own.size() >= kEnoughForCalibration &&
                                    out.report.ece <= kToleratedCalibrationError;
  out.provenance.known = true;
  out.provenance.with_base = options.with_base;
  out.provenance.seen = hashes_of(own);
  if (options.with_base) {
    EASYFLOW_TRY(measured_base, held_out_f1(all, base, part_of(options.training, 0.5, 0.75)));
    out.provenance.base_macro_f1 = measured_base;
  }

  if (previous != nullptr) {
    if (!previous_provenance.known) {
      add_note(out.note,
               "nothing is known of what the previous model was trained on: it may have seen some of these examples");
    }
    std::vector<Example> fresh;
    std::vector<Answer> after;
    for (auto i : unseen(previous_provenance, own)) {
      fresh.push_back(own[i]);
      after.push_back(out.report.answers[i]);
    }
    if (fresh.size() >= kEnoughToCompare) {
      Comparison comparison;
      comparison.of = "your examples";
      comparison.examples = fresh.size();
      comparison.before = macro_f1_of(fresh, test(*previous, fresh).answers);
      comparison.after = macro_f1_of(fresh, after);
      out.comparisons.push_back(comparison);
    } else {
      add_note(out.note, std::to_string(fresh.size()) +
                             " of your examples are new to the previous model: too few to compare the two on");
    }
    if (options.with_base && previous_provenance.base_macro_f1 > 0) {
      Comparison comparison;
      comparison.of = "the shipped examples";
      comparison.examples = quarter_of(base).size();
      comparison.before = previous_provenance.base_macro_f1;
      comparison.after = out.provenance.base_macro_f1;
      if (previous_provenance.seen.empty()) {
        // what the model that ships tells of itself was measured in another way
        EASYFLOW_TRY(before, held_out_f1({}, base, part_of(options.training, 0.75, 0.85)));
        comparison.before = before;
      }
      out.comparisons.push_back(comparison);
    }
  }
  for (const auto& comparison : out.comparisons) {
    const double fall = comparison.before - comparison.after;
    if (fall <= kToleratedFall) continue;
    out.refusal += out.refusal.empty() ? "" : "; ";
    out.refusal += "macro-F1 on " + std::to_string(comparison.examples) + " of " + comparison.of + " falls from " +
                   rounded(comparison.before) + " to " + rounded(comparison.after) + ", by " + rounded(fall) +
                   " (at most " + rounded(kToleratedFall) + " is taken)";
  }

  all.insert(all.end(), base.begin(), base.end());
  auto last = part_of(options.training, options.with_base ? 0.85 : 0.5, 1);
  if (options.with_base) last.typical = &typical_examples();
  EASYFLOW_TRY(model, train(all, last));
  out.model = model;
  out.version = model->version();
  return out;
}

std::string to_json(const Retraining& retraining) {
  auto comparisons = nlohmann::json::array();
  for (const auto& comparison : retraining.comparisons)
    comparisons.push_back({{"of", comparison.of},
                           {"examples", comparison.examples},
                           {"before", comparison.before},
                           {"after", comparison.after}});
  nlohmann::json out{{"version", retraining.version},
                     {"report", nlohmann::json::parse(to_json(retraining.report))},
                     {"comparisons", comparisons},
                     {"accepted", retraining.refusal.empty()},
                     {"refusal", retraining.refusal.empty() ? nlohmann::json() : nlohmann::json(retraining.refusal)},
                     {"note", retraining.note.empty() ? nlohmann::json() : nlohmann::json(retraining.note)}};
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace easyflow::nlp
