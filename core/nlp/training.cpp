#include "core/nlp/training.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/nlp/learner.hpp"
#include "core/nlp/measures.hpp"
#include "core/nlp/model_impl.hpp"
#include "crypto/digest.hpp"

namespace easyflow::nlp {
namespace {

/// Held-out messages enough to fit the few numbers of a calibration; more folds than it takes are not trained.
constexpr std::size_t kEnoughHeldOut = 2000;
constexpr std::size_t kReliableExamples = 500, kReliablePerIntent = 20;

/// Relative dates do not matter to the classifier: a fixed day keeps training repeatable.
Reference some_day() {
  Reference out;
  out.now = Timestamp(std::chrono::hours(24 * 20'000));
  return out;
}

std::vector<std::string> intents_of(const std::vector<Example>& a, const std::vector<Example>& b) {
  std::set<std::string> all;
  for (const auto& example : a) all.insert(example.intent);
  for (const auto& example : b) all.insert(example.intent);
  return {all.begin(), all.end()};
}

std::size_t index_of(const std::vector<std::string>& intents, std::string_view intent) {
  const auto found = std::lower_bound(intents.begin(), intents.end(), intent);
  return found == intents.end() || *found != intent ? kNoIntent : static_cast<std::size_t>(found - intents.begin());
}

std::vector<Sample> to_samples(const std::vector<Example>& examples, const std::vector<std::string>& intents,
                               const KnownWords& known, bool mask_entities, ShortGrams short_grams) {
  std::vector<Sample> out;
  out.reserve(examples.size());
  const auto reference = some_day();
  Words words;
  for (const auto& example : examples) {
    std::vector<Entity> entities;
    if (mask_entities) entities = find_entities(example.text, reference, nullptr);
    normalize(example.text, mask_entities ? &entities : nullptr, &known, words);
    Sample sample;
    collect(words, short_grams, sample.grams);
    sample.label = static_cast<std::uint32_t>(index_of(intents, example.intent));
    sample.weight = static_cast<float>(std::clamp(example.weight, 0.01, 100.0));
    out.push_back(std::move(sample));
  }
  return out;
}

/// Counts training steps, tells how far it is, remembers when it was stopped.
class Progress {
 public:
  Progress(const TrainingOptions& options, int rounds) : options_(options), rounds_(rounds) {}
  void next_round() {
    ++round_;
    asked_ = 0;
  }
  bool go_on() {
    // how many steps a round takes is not known beforehand: the fraction closes in on the next round
    const double part = 1 - std::exp(-static_cast<double>(asked_++) / 2000.0);
    if (!stopped_ && options_.on_progress && asked_ % 16 == 1)
      stopped_ = !options_.on_progress((static_cast<double>(round_) + part) / static_cast<double>(rounds_));
    return !stopped_;
  }
  bool stopped() const { return stopped_; }

 private:
  const TrainingOptions& options_;
  int rounds_;
  int round_ = 0;
  std::size_t asked_ = 0;
  bool stopped_ = false;
};

Error stopped() { return Error(ErrorKind::conflict, "the training was stopped"); }

Scores score(const Classifier& classifier, const Sample& sample, Workspace& workspace) {
  workspace.grams = sample.grams;
  classifier.score(workspace);
  return workspace.scores;
}

/// What the whole classifier says of the typical messages.
std::vector<HeldOut> typical_of(const ModelParts& parts, const TrainingOptions& options) {
  std::vector<HeldOut> out;
  if (options.typical == nullptr) return out;
  Workspace workspace;
  const auto samples =
      to_samples(*options.typical, parts.intents, parts.known_words, parts.mask_entities, parts.short_grams);
  for (const auto& sample : samples)
    if (sample.label < parts.intents.size()) out.push_back({score(parts.classifier, sample, workspace), sample.label});
  return out;
}

/// The held-out messages, and the typical ones as often as makes them three times as many.
std::vector<HeldOut> joined(const std::vector<HeldOut>& held_out, const std::vector<HeldOut>& typical) {
  auto out = held_out;
  if (typical.empty()) return out;
  const auto times = std::max<std::size_t>(1, 3 * held_out.size() / typical.size());
  for (std::size_t i = 0; i < times; ++i) out.insert(out.end(), typical.begin(), typical.end());
  return out;
}

Result<bool> check(const std::vector<Example>& examples, const TrainingOptions& options) {
  std::map<std::string, std::size_t> sizes;
  for (const auto& example : examples) ++sizes[example.intent];
  if (sizes.size() < 2)
    return Error(ErrorKind::invalid_input, "there must be at least two intents; add examples of another one");
  for (const auto& [intent, size] : sizes)
    if (size < 2)
      return Error(ErrorKind::invalid_input, "intent " + intent + " has a single example; add at least one more");
  if (options.folds < 2 || options.folds > 20)
    return Error(ErrorKind::invalid_input, "folds must be 2 to 20").with_field("folds");
  const auto& name = options.name;
  if (name.empty() || name.size() > 48 || !std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
               c == '-';
      }))
    return Error(ErrorKind::invalid_input, "the name of a model is 1 to 48 of a-z, A-Z, 0-9, _ . -").with_field("name");
  return true;
}

Answer answer_of(const Decision& decision, const std::vector<std::string>& intents) {
  Answer out;
  out.best = intents[decision.best];
  out.intent = decision.rejected ? std::string(kOutOfScope) : intents[decision.best];
  out.confidence = decision.confidence;
  return out;
}

/// Enough examples in all and of most intents: one intent with many does not make up for the others.
bool is_reliable(const std::vector<Sample>& samples, std::size_t intents) {
  std::vector<std::size_t> sizes(intents);
  for (const auto& sample : samples) ++sizes[sample.label];
  const auto large = std::count_if(sizes.begin(), sizes.end(), [](auto size) { return size >= kReliablePerIntent; });
  return samples.size() >= kReliableExamples && 2 * static_cast<std::size_t>(large) >= intents;
}

}  // namespace

std::string fingerprint_of(const std::vector<Example>& examples) {
  std::string all;
  for (const auto& example : examples) {
    all += example.text;
    all += '\x1f';
    all += example.intent;
    all += '\x1f';
    all += example.lang;
    all += '\x1f';
    all += std::to_string(example.weight);
    all += '\n';
  }
  return crypto::sha256_hex(all);
}

Result<std::shared_ptr<const Model>> train(const std::vector<Example>& examples, const TrainingOptions& options) {
  EASYFLOW_TRY(checked, check(examples, options));
  (void)checked;
  ModelParts parts;
  parts.name = options.name;
  parts.fingerprint = fingerprint_of(examples);
  parts.mask_entities = options.mask_entities;
  parts.intents = intents_of(examples, {});
  parts.known_words = find_known_words(examples);
  const auto recipe = recipe_for(examples.size(), options.thorough, options.seed);
  parts.short_grams = recipe.short_grams;
  const auto samples = to_samples(examples, parts.intents, parts.known_words, options.mask_entities, parts.short_grams);
  const auto classes = parts.intents.size();
  const auto fold_of = split_into_folds(samples, options.folds, options.seed);
  const auto fold_size = std::max<std::size_t>(1, samples.size() / static_cast<std::size_t>(options.folds));
  const int used =
      static_cast<int>(std::min(static_cast<std::size_t>(options.folds), (kEnoughHeldOut + fold_size - 1) / fold_size));

  Progress progress(options, used + 1);
  const auto go_on = [&progress] { return progress.go_on(); };
  std::vector<HeldOut> held_out;
  Workspace workspace;
  for (int fold = 0; fold < used; ++fold) {
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (fold_of[i] != fold) chosen.push_back(i);
    const auto classifier = learn(samples, chosen, classes, recipe, go_on);
    if (progress.stopped()) return stopped();
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (fold_of[i] == fold) held_out.push_back({score(classifier, samples[i], workspace), samples[i].label});
    progress.next_round();
  }
  std::vector<std::size_t> all(samples.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  parts.classifier = learn(samples, all, classes, recipe, go_on);
  if (progress.stopped()) return stopped();

  auto typical = typical_of(parts, options);
  const auto& measured = typical.empty() ? held_out : typical;
  const auto out_of_scope = index_of(parts.intents, kOutOfScope);
  parts.calibration = calibrate(joined(held_out, typical), out_of_scope);
  Measures measures(parts.intents);
  std::vector<float> p;
  for (const auto& item : measured) {
    to_probabilities(item.scores, parts.calibration, p);
    measures.add(parts.intents[item.label], "", p, decide(p, parts.calibration, out_of_scope));
  }
  const auto report = measures.report();
  parts.metrics.examples = examples.size();
  parts.metrics.intents = classes;
  parts.metrics.accuracy = report.accuracy;
  parts.metrics.macro_f1 = report.macro_f1;
  parts.metrics.ece = report.ece;
  parts.metrics.rejection_threshold = parts.calibration.threshold;
  parts.metrics.calibration_reliable = is_reliable(samples, classes);
  return Model::load(to_file(parts));
}

Result<TestReport> cross_validate(const std::vector<Example>& examples, const std::vector<Example>& base, int folds,
                                  const TrainingOptions& options) {
  auto checked_options = options;
  checked_options.folds = folds;
  auto joined = examples;
  joined.insert(joined.end(), base.begin(), base.end());
  EASYFLOW_TRY(checked, check(joined, checked_options));
  (void)checked;
  const auto intents = intents_of(examples, base);
  const auto known = find_known_words(joined);
  const auto recipe = recipe_for(joined.size(), options.thorough, options.seed);
  const auto samples = to_samples(joined, intents, known, options.mask_entities, recipe.short_grams);
  const std::vector<Sample> own(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(examples.size()));
  const auto fold_of = split_into_folds(own, folds, options.seed);
  Progress progress(options, folds);
  const auto go_on = [&progress] { return progress.go_on(); };
  std::vector<HeldOut> held_out(own.size());
  Workspace workspace;
  for (int fold = 0; fold < folds; ++fold) {
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (i >= own.size() || fold_of[i] != fold) chosen.push_back(i);
    const auto classifier = learn(samples, chosen, intents.size(), recipe, go_on);
    if (progress.stopped()) return stopped();
    for (std::size_t i = 0; i < own.size(); ++i)
      if (fold_of[i] == fold) held_out[i] = {score(classifier, own[i], workspace), own[i].label};
    progress.next_round();
  }
  // each fold's probabilities come from the calibration of the others
  const auto out_of_scope = index_of(intents, kOutOfScope);
  Measures measures(intents);
  std::vector<Answer> answers(own.size());
  std::vector<float> p;
  for (int fold = 0; fold < folds; ++fold) {
    std::vector<HeldOut> others;
    for (std::size_t i = 0; i < own.size(); ++i)
      if (fold_of[i] != fold) others.push_back(held_out[i]);
    const auto calibration = calibrate(others, out_of_scope);
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (fold_of[i] != fold) continue;
      to_probabilities(held_out[i].scores, calibration, p);
      const auto decision = decide(p, calibration, out_of_scope);
      measures.add(examples[i].intent, examples[i].text, p, decision);
      answers[i] = answer_of(decision, intents);
    }
  }
  auto out = measures.report();
  out.answers = std::move(answers);
  out.calibration_reliable = is_reliable(samples, intents.size());
  auto copy = examples;
  out.faults = clean(copy);
  return out;
}

TestReport test(const Model& model, const std::vector<Example>& examples) {
  const auto& parts = model.impl().parts;
  const auto reference = some_day();
  Measures measures(parts.intents);
  Workspace workspace;
  std::vector<Answer> answers;
  std::vector<float> p;
  for (const auto& example : examples) {
    const auto entities = find_entities(example.text, reference, nullptr);
    classify(parts, example.text, entities, workspace, p);
    const auto decision = decide(p, parts.calibration, model.impl().out_of_scope);
    measures.add(example.intent, example.text, p, decision);
    answers.push_back(answer_of(decision, parts.intents));
  }
  auto out = measures.report();
  out.answers = std::move(answers);
  out.calibration_reliable = parts.metrics.calibration_reliable;
  auto copy = examples;
  out.faults = clean(copy);
  return out;
}

}  // namespace easyflow::nlp
