// From scores to probabilities that can be trusted, and what to do with them. Private to core/nlp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/nlp/classifier.hpp"

namespace easyflow::nlp {

/// Fitted on messages the classifier had not seen. Factors of the two stages' scores hold both their shares and the
/// temperature.
struct Calibration {
  float linear = 6;
  float network = 0;
  /// The best intent's probability p is corrected by what a softmax can't express: its log-odds become the sum of these
  /// times ln p; -ln(1 - p); share of known words - 1; 0 if both stages agree, else -1; the linear stage's lead; 1.
  static constexpr std::size_t kFacts = 6;
  std::array<float, kFacts> correction{1, 1, 0, 0, 0, 0};
  float threshold = 0;  ///< a best in-scope probability below it means out_of_scope
  float margin = 0.1f;  ///< the two best closer than this are ambiguous
  /// Probability that a rejected message is out of scope indeed: logistic(slope * log-odds(p) + bias), with p what
  /// out_of_scope got, or what is left to it when the model has no such intent.
  float rejected_slope = 1, rejected_bias = 0;
};

/// Softmax of the weighted sum of both stages, the best one corrected, the others sharing what is left.
void to_probabilities(const Scores& scores, const Calibration& calibration, std::vector<float>& out);

/// What is answered.
struct Decision {
  std::size_t best = 0;   ///< of all intents, the likeliest
  double confidence = 0;  ///< that the answer (out_of_scope when rejected) is right
  bool rejected = false;
  bool ambiguous = false;
};
inline constexpr std::size_t kNoIntent = static_cast<std::size_t>(-1);
/// `out_of_scope`: the index of that intent, or kNoIntent.
Decision decide(const std::vector<float>& probabilities, const Calibration& calibration, std::size_t out_of_scope);

/// A message that was held out of training.
struct HeldOut {
  Scores scores;
  std::size_t label = 0;
};
/// Negative log-likelihood decides the factors; five of a hundred in-scope messages may end as out_of_scope.
Calibration calibrate(const std::vector<HeldOut>& held_out, std::size_t out_of_scope);

/// One answer: how sure, and whether it was right.
struct Outcome {
  double confidence = 0;
  bool right = false;
};
/// Expected calibration error over ten bins of equal width.
double calibration_error(const std::vector<Outcome>& outcomes);

}  // namespace easyflow::nlp
