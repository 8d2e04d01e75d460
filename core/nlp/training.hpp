// Training and measuring intent models.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/nlp/dataset.hpp"
#include "core/nlp/model.hpp"

namespace easyflow::nlp {

struct TrainingOptions {
  std::string name = "default";  ///< begins the version
  std::uint64_t seed = 1;
  int folds = 10;  ///< of the cross-validation that calibrates the confidence; of a large set only some are run
  bool mask_entities = true;  ///< entities become features of their type (off for data of other domains)
  /// Labelled messages as people write them, not trained on: when there are any, they count three times as much
  /// as the cross-validation for how sure the model is, and the model's metrics are measured on them. Training examples
  /// are written to be varied and are harder than most messages, so confidence learnt on them alone is too low. May be
  /// null; must outlive the training.
  const std::vector<Example>* typical = nullptr;
  /// Three wider networks instead of one, and short n-grams anywhere: up to a point more of right answers, about four
  /// times the size and the time.
  bool thorough = false;
  /// Told now and then how far it is, 0..1. Returning false stops the training.
  std::function<bool(double)> on_progress;
};

/// Errors: invalid_input (fewer than two intents, an intent with fewer than two examples), conflict (stopped).
Result<std::shared_ptr<const Model>> train(const std::vector<Example>& examples, const TrainingOptions& options);

struct IntentReport {
  std::string intent;
  std::size_t examples = 0;
  double precision = 0, recall = 0, f1 = 0;
};
struct Confusion {
  std::string gold, predicted;
  std::size_t count = 0;
  std::vector<std::string> samples;  ///< up to three texts
};
struct CalibrationBin {
  double confidence = 0;  ///< mean of the bin
  double accuracy = 0;
  std::size_t count = 0;
};
struct CoveragePoint {
  double coverage = 0;  ///< share of messages answered, surest first
  double accuracy = 0;  ///< among those
};

/// What was said of one example.
struct Answer {
  std::string intent;  ///< out_of_scope when rejected
  std::string best;    ///< the likeliest, rejected or not
  double confidence = 0;
};

/// What testing a model tells.
struct TestReport {
  std::size_t examples = 0;
  double accuracy = 0, macro_f1 = 0, ece = 0;
  double out_of_scope_recall = 0, false_rejections = 0;  ///< shares, at the model's threshold
  std::vector<IntentReport> intents;
  std::vector<Confusion> confusions;  ///< most frequent first
  std::vector<CalibrationBin> calibration;
  std::vector<CoveragePoint> coverage;
  bool calibration_reliable = false;
  DataFaults faults;
  std::vector<Answer> answers;  ///< to the examples, in their order; not part of the JSON and the page
};

/// k-fold cross-validation over the examples. `base` is trained on in every fold and never tested on; may be empty.
Result<TestReport> cross_validate(const std::vector<Example>& examples, const std::vector<Example>& base, int folds,
                                  const TrainingOptions& options);
/// A given model over labelled examples it has not seen.
TestReport test(const Model& model, const std::vector<Example>& examples);

/// The report as a page of its own, with the calibration plot and the coverage curve as SVG.
std::string to_html(const TestReport& report);
std::string to_json(const TestReport& report);

}  // namespace easyflow::nlp
