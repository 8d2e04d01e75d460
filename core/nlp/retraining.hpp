// Training a model anew on a user's examples, and whether it may take the place of the one in force.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/nlp/training.hpp"

namespace easyflow::nlp {

/// What is known about a model's training besides the model, so that the next one is measured fairly against it.
struct Provenance {
  bool known = false;
  bool with_base = false;    ///< trained on the examples that ship with the program
  double base_macro_f1 = 0;  ///< on those, held out; 0: not measured
  std::string seen;          ///< the user's examples it was trained on, as hashes of eight hex digits
};
/// Of the model that ships with the program.
Provenance embedded_provenance();
/// {"with_base","base_macro_f1","seen"}; what is malformed reads as not known.
std::string to_json(const Provenance& provenance);
Provenance provenance_from_json(std::string_view json);

struct RetrainingOptions {
  bool with_base = true;  ///< adds the examples that ship; the user's weigh three times as much
  int folds = 4;          ///< of the measuring
  TrainingOptions training;
};

/// Two models on the same messages, which neither had seen.
struct Comparison {
  std::string of;  ///< "your examples", "the shipped examples"
  std::size_t examples = 0;
  double before = 0, after = 0;  ///< macro-F1
};

/// A fall of macro-F1 beyond this is refused.
inline constexpr double kToleratedFall = 0.02;

struct Retraining {
  std::shared_ptr<const Model> model;
  std::string version;  ///< of the model
  Provenance provenance;
  TestReport report;  ///< of the user's examples, each measured by a model that was not trained on it
  std::vector<Comparison> comparisons;
  std::string refusal;  ///< why the model should not replace the previous one, with numbers; empty: it may
  std::string note;     ///< what was left out or could not be compared; may be empty
};

/// Trains and measures. `own` are the user's examples, corrections included; of `previous` only what it had not seen is
/// held against it. An intent with a single example is left out. `previous` may be null: nothing to compare with.
/// Errors: those of train().
Result<Retraining> retrain(std::vector<Example> own, const Model* previous, const Provenance& previous_provenance,
                           const RetrainingOptions& options);

/// The examples `model` was not trained on, as far as is known.
std::vector<Example> unseen_by(const Provenance& provenance, const std::vector<Example>& examples);

/// Labelled messages of one tenant below this number can't prove how well its confidence is calibrated.
inline constexpr std::size_t kEnoughForCalibration = 200;

/// Without the model: {"version","report","comparisons","accepted","refusal","note"}
std::string to_json(const Retraining& retraining);

}  // namespace easyflow::nlp
