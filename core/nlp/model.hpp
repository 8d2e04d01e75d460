// The intent model: hashed word and character n-grams, a linear classifier and a small embedding network, int8 weights,
// one calibrated confidence. Immutable once built, safe to share between threads.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/nlp/entities.hpp"

namespace easyflow::nlp {

/// The label of what belongs to no intent. Also given to what the model is not sure enough of.
inline constexpr std::string_view kOutOfScope = "out_of_scope";

struct IntentScore {
  std::string intent;
  double confidence = 0;
};

/// What a message means.
struct Meaning {
  std::string intent;
  double confidence = 0;   ///< the calibrated probability that `intent` is right
  bool rejected = false;   ///< below the threshold: `intent` is out_of_scope, ranking[0] is what it would have been
  bool ambiguous = false;  ///< the two best are closer than the margin
  std::vector<IntentScore> ranking;  ///< the best three, best first
  std::vector<Entity> entities;
  std::vector<Entity> codes;     ///< Facts::codes
  std::string model;             ///< version of the model that said so
  std::string source = "model";  ///< who said so: "model", or the remote provider
};

/// How good a model was when it was made: by cross-validation, or on the typical messages where they were given
/// (TrainingOptions::typical), which also told how sure it is.
struct ModelMetrics {
  std::size_t examples = 0;
  std::size_t intents = 0;
  double accuracy = 0;
  double macro_f1 = 0;
  double ece = 0;                     ///< expected calibration error, 10 bins
  double rejection_threshold = 0;     ///< 5 % of in-scope messages fall below it
  bool calibration_reliable = false;  ///< false with few examples: the confidence can't be trusted
};

class Model {
 public:
  /// Reads a model file. Errors: invalid_input (not a model, another version of the format, hash does not match).
  static Result<std::shared_ptr<const Model>> load(std::string_view bytes);
  /// The model that ships with the program.
  static std::shared_ptr<const Model> embedded();

  /// The bytes of the model file: magic, format version, SHA-256, labels, options, weights, metrics, fingerprint of the
  /// data. The same data and options give the same bytes on one machine.
  const std::string& bytes() const;
  /// Short and unique: "default-3f9a1c04" or "shop-81b2e6d0", from the name and the hash.
  const std::string& version() const;
  const std::vector<std::string>& intents() const;
  const ModelMetrics& metrics() const;
  /// SHA-256 of the training examples, hex.
  const std::string& data_fingerprint() const;

  /// Intent, entities and confidence. Any bytes may come in; time is bounded (the first 512 and the last 256 code
  /// points are classified). `rules` may be null.
  Meaning parse(std::string_view text, const Reference& reference, const UserRules* rules) const;
  /// Calibrated probabilities of all intents in the order of intents(), without rejection; adds to one.
  std::vector<float> probabilities(std::string_view text, const std::vector<Entity>& entities) const;

  struct Impl;
  explicit Model(std::unique_ptr<const Impl> impl);
  ~Model();
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<const Impl> impl_;
};

/// {"intent","confidence","rejected","ambiguous","ranking":[...],"entities":[...],"model","source"}
std::string to_json(const Meaning& meaning);

}  // namespace easyflow::nlp
