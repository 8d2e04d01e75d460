#include "core/nlp/linear.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/nlp/lanes.hpp"
#include "core/nlp/random.hpp"

namespace easyflow::nlp {

void FeatureSet::add(const std::vector<Feature>& row, std::uint32_t label, float weight) {
  features.insert(features.end(), row.begin(), row.end());
  offsets.push_back(features.size());
  labels.push_back(label);
  weights.push_back(weight);
}

std::vector<float> train_linear(const FeatureSet& set, std::size_t rows, std::size_t classes,
                                const LinearOptions& options, const std::function<bool()>& go_on) {
  const std::size_t width = padded(classes);
  std::vector<float> matrix(rows * width);
  std::vector<float> alpha(set.size() * width);
  std::vector<float> norms(set.size());
  for (std::size_t i = 0; i < set.size(); ++i)
    for (std::size_t f = 0; f < set.count(i); ++f) norms[i] += set.begin(i)[f].value * set.begin(i)[f].value;

  std::vector<std::size_t> all(set.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::vector<std::size_t> active = all, next;
  std::vector<float> gradient(width), target(width), sorted(classes), delta(width);
  Random random(options.seed);
  bool whole = true;  // the pass goes over all examples
  for (int epoch = 0; epoch < options.most_epochs; ++epoch) {
    if (!go_on()) return matrix;
    random.shuffle(active);
    next.clear();
    float worst = 0;
    for (auto i : active) {
      const float norm = norms[i];
      if (norm <= 0) continue;
      const auto label = set.labels[i];
      const float cost = options.cost * set.weights[i];
      float* own = alpha.data() + i * width;
      gather(matrix.data(), width, set.begin(i), set.count(i), gradient.data());
      float highest = -std::numeric_limits<float>::infinity(), lowest = std::numeric_limits<float>::infinity();
      for (std::size_t m = 0; m < classes; ++m) {
        if (m != label) gradient[m] += 1;
        if (own[m] < (m == label ? cost : 0)) lowest = std::min(lowest, gradient[m]);
        highest = std::max(highest, gradient[m]);
      }
      // how far the example is from its optimum; alpha may only sink where it is at its bound
      const float violation = highest - lowest;
      worst = std::max(worst, violation);
      if (violation > options.tolerance * 0.1f) next.push_back(i);
      if (violation < 1e-6f) continue;
      for (std::size_t m = 0; m < classes; ++m) target[m] = gradient[m] - norm * own[m];
      std::copy_n(target.begin(), classes, sorted.begin());
      sorted[label] += norm * cost;
      std::sort(sorted.begin(), sorted.end(), std::greater<float>());
      float beta = sorted[0] - norm * cost;
      std::size_t r = 1;
      for (; r < classes && beta < static_cast<float>(r) * sorted[r]; ++r) beta += sorted[r];
      beta /= static_cast<float>(r);
      bool changed = false;
      for (std::size_t m = 0; m < classes; ++m) {
        const float value = std::min(m == label ? cost : 0.0f, (beta - target[m]) / norm);
        delta[m] = value - own[m];
        changed = changed || delta[m] > 1e-7f || delta[m] < -1e-7f;
        own[m] = value;
      }
      if (changed) scatter(matrix.data(), width, set.begin(i), set.count(i), delta.data());
    }
    if (worst < options.tolerance) {
      if (whole) break;
      active = all;
      whole = true;
    } else {
      active.swap(next);
      whole = false;
      if (active.empty()) {
        active = all;
        whole = true;
      }
    }
  }
  return matrix;
}

}  // namespace easyflow::nlp
