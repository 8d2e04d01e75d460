// Training of the small embedding network (a deep averaging network). Private to core/nlp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/nlp/linear.hpp"

namespace easyflow::nlp {

/// Sum of the features' embeddings, one hidden layer with ReLU, one score an intent.
struct Network {
  std::size_t embedding = 0, hidden = 0, classes = 0;
  std::vector<float> embeddings;           ///< rows * embedding
  std::vector<float> first, first_bias;    ///< embedding * hidden; hidden
  std::vector<float> second, second_bias;  ///< hidden * padded(classes); padded(classes)
};

struct NetworkOptions {
  std::size_t embedding = 32, hidden = 128;
  int epochs = 20;
  std::size_t batch = 32;
  float rate = 0.001f;
  float word_dropout = 0.6f, character_dropout = 0.8f, hidden_dropout = 0.3f;
  float smoothing = 0.05f;
  std::uint64_t seed = 1;
};

/// Adam with a rate that sinks to zero, dropout of features and hidden units, smoothed labels. `word_rows`: the rows
/// below it are words, the others characters. `go_on` as in train_linear.
Network train_network(const FeatureSet& set, std::size_t rows, std::size_t word_rows, std::size_t classes,
                      const NetworkOptions& options, const std::function<bool()>& go_on);

}  // namespace easyflow::nlp
