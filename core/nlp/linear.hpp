// Training of the linear classifier. Private to core/nlp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/nlp/grams.hpp"

namespace easyflow::nlp {

/// Training examples as features, one after the other.
struct FeatureSet {
  std::vector<std::size_t> offsets{0};
  std::vector<Feature> features;
  std::vector<std::uint32_t> labels;
  std::vector<float> weights;

  std::size_t size() const { return labels.size(); }
  const Feature* begin(std::size_t i) const { return features.data() + offsets[i]; }
  std::size_t count(std::size_t i) const { return offsets[i + 1] - offsets[i]; }
  void add(const std::vector<Feature>& row, std::uint32_t label, float weight);
};

struct LinearOptions {
  float cost = 0.8f;
  float tolerance = 0.1f;
  int most_epochs = 60;
  std::uint64_t seed = 1;
};

/// The multi-class support vector machine of Crammer and Singer, solved in the dual, one example at a time (Keerthi and
/// others, 2008). Gives rows * padded(classes) weights. An example's weight multiplies its cost. `go_on` is asked now
/// and then; when it says no, the result is not finished.
std::vector<float> train_linear(const FeatureSet& set, std::size_t rows, std::size_t classes,
                                const LinearOptions& options, const std::function<bool()>& go_on);

}  // namespace easyflow::nlp
