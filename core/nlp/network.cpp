#include "core/nlp/network.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/nlp/lanes.hpp"
#include "core/nlp/random.hpp"

namespace easyflow::nlp {
namespace {

/// Weights with the two running means of Adam.
struct Trained {
  std::vector<float> weights, gradient, mean, square;
  explicit Trained(std::size_t size) : weights(size), gradient(size), mean(size), square(size) {}
  void step(const AdamStep& step) {
    adam(weights.data(), mean.data(), square.data(), gradient.data(), weights.size(), step);
    std::fill(gradient.begin(), gradient.end(), 0.0f);
  }
};

void fill(std::vector<float>& weights, std::size_t fan_in, std::size_t fan_out, Random& random) {
  const float bound = std::sqrt(6.0f / static_cast<float>(fan_in + fan_out));
  for (auto& weight : weights) weight = (2 * random.uniform() - 1) * bound;
}

}  // namespace

Network train_network(const FeatureSet& set, std::size_t rows, std::size_t word_rows, std::size_t classes,
                      const NetworkOptions& options, const std::function<bool()>& go_on) {
  const std::size_t d = options.embedding, h = options.hidden, k = padded(classes);
  Random random(options.seed);
  // Rows the training never meets must stay silent, so embeddings begin at zero; the layers above break the symmetry.
  std::vector<float> embeddings(rows * d), mean(rows * d), square(rows * d);
  Trained first(d * h), first_bias(h), second(h * k), second_bias(k);
  fill(first.weights, d, h, random);
  for (std::size_t i = 0; i < h; ++i)
    for (std::size_t m = 0; m < classes; ++m)
      second.weights[i * k + m] = (2 * random.uniform() - 1) * std::sqrt(6.0f / static_cast<float>(h + classes));
  std::fill(first_bias.weights.begin(), first_bias.weights.end(), 0.1f);

  std::vector<std::size_t> order(set.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t batches = (set.size() + options.batch - 1) / options.batch;
  const std::size_t steps = batches * static_cast<std::size_t>(options.epochs);
  double decay1 = 1, decay2 = 1;

  std::vector<std::uint32_t> slot_of(rows, 0xFFFFFFFF);
  std::vector<std::uint32_t> touched;
  std::vector<float> row_gradient;
  std::vector<Feature> kept;
  std::vector<float> bag(d), bag_gradient(d), hidden(h), hidden_gradient(h), scores(k), score_gradient(k), drop(h);

  std::size_t step_number = 0;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    random.shuffle(order);
    for (std::size_t from = 0; from < order.size(); from += options.batch) {
      if (!go_on()) break;
      const auto to = std::min(order.size(), from + options.batch);
      const float share = 1.0f / static_cast<float>(to - from);
      touched.clear();
      for (auto at = from; at < to; ++at) {
        const auto i = order[at];
        kept.clear();
        for (std::size_t f = 0; f < set.count(i); ++f) {
          auto feature = set.begin(i)[f];
          const float dropout = feature.row < word_rows ? options.word_dropout : options.character_dropout;
          if (random.uniform() < dropout) continue;
          feature.value /= 1 - dropout;
          kept.push_back(feature);
        }
        gather(embeddings.data(), d, kept.data(), kept.size(), bag.data());
        std::copy(first_bias.weights.begin(), first_bias.weights.end(), hidden.begin());
        multiply(first.weights.data(), h, bag.data(), d, hidden.data());
        for (std::size_t j = 0; j < h; ++j) {
          drop[j] = hidden[j] <= 0 || random.uniform() < options.hidden_dropout ? 0 : 1 / (1 - options.hidden_dropout);
          hidden[j] *= drop[j];
        }
        std::copy(second_bias.weights.begin(), second_bias.weights.end(), scores.begin());
        multiply(second.weights.data(), k, hidden.data(), h, scores.data());
        float highest = scores[0];
        for (std::size_t m = 1; m < classes; ++m) highest = std::max(highest, scores[m]);
        float sum = 0;
        for (std::size_t m = 0; m < classes; ++m) sum += score_gradient[m] = std::exp(scores[m] - highest);
        const float even = options.smoothing / static_cast<float>(classes);
        for (std::size_t m = 0; m < classes; ++m) {
          const float wanted = even + (m == set.labels[i] ? 1 - options.smoothing : 0);
          score_gradient[m] = (score_gradient[m] / sum - wanted) * share * set.weights[i];
        }
        outer(second.gradient.data(), k, hidden.data(), h, score_gradient.data());
        for (std::size_t m = 0; m < classes; ++m) second_bias.gradient[m] += score_gradient[m];
        project(second.weights.data(), k, score_gradient.data(), h, hidden_gradient.data());
        for (std::size_t j = 0; j < h; ++j) {
          hidden_gradient[j] *= drop[j];
          first_bias.gradient[j] += hidden_gradient[j];
        }
        outer(first.gradient.data(), h, bag.data(), d, hidden_gradient.data());
        project(first.weights.data(), h, hidden_gradient.data(), d, bag_gradient.data());
        for (auto& feature : kept) {
          if (slot_of[feature.row] == 0xFFFFFFFF) {
            slot_of[feature.row] = static_cast<std::uint32_t>(touched.size());
            touched.push_back(feature.row);
            if (row_gradient.size() < touched.size() * d) row_gradient.resize(touched.size() * d * 2);
            std::fill_n(row_gradient.begin() + static_cast<std::ptrdiff_t>((touched.size() - 1) * d), d, 0.0f);
          }
          feature.row = slot_of[feature.row];
        }
        scatter(row_gradient.data(), d, kept.data(), kept.size(), bag_gradient.data());
      }
      AdamStep step;
      step.rate = options.rate * (1 - static_cast<float>(step_number) / static_cast<float>(steps));
      decay1 *= step.beta1;
      decay2 *= step.beta2;
      step.correction1 = static_cast<float>(1 / (1 - decay1));
      step.correction2 = static_cast<float>(1 / (1 - decay2));
      for (std::size_t slot = 0; slot < touched.size(); ++slot) {
        const auto at = static_cast<std::size_t>(touched[slot]) * d;
        adam(embeddings.data() + at, mean.data() + at, square.data() + at, row_gradient.data() + slot * d, d, step);
        slot_of[touched[slot]] = 0xFFFFFFFF;
      }
      first.step(step);
      first_bias.step(step);
      second.step(step);
      second_bias.step(step);
      ++step_number;
    }
  }
  Network out;
  out.embedding = d;
  out.hidden = h;
  out.classes = classes;
  out.embeddings = std::move(embeddings);
  out.first = std::move(first.weights);
  out.first_bias = std::move(first_bias.weights);
  out.second = std::move(second.weights);
  out.second_bias = std::move(second_bias.weights);
  return out;
}

}  // namespace easyflow::nlp
