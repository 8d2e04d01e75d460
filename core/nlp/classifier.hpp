// A trained classifier as it is used: int8 rows of both stages side by side, one pass over the features. Private to
// core/nlp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/nlp/grams.hpp"
#include "core/nlp/network.hpp"

namespace easyflow::nlp {

/// Scores of one message before calibration.
struct Scores {
  std::vector<float> linear;   ///< margins, one an intent
  std::vector<float> network;  ///< mean of the networks' logarithms of probability; empty without networks
  float coverage = 0;          ///< Weigher::coverage()
};

/// Scratch of one thread.
struct Workspace {
  Words words;
  Grams grams;
  Weigher weigher;
  std::vector<float> sums, hidden, logits;
  Scores scores;
};

class Classifier {
 public:
  Classifier() = default;
  /// `linear`: rows * padded(classes). All networks have one shape; there may be none.
  Classifier(RowIndex vocabulary, const std::vector<float>& linear, std::size_t classes,
             const std::vector<Network>& networks);

  std::size_t classes() const { return classes_; }
  const RowIndex& vocabulary() const { return vocabulary_; }
  bool has_networks() const { return !tops_.empty(); }

  /// Reads workspace.grams, writes workspace.scores.
  void score(Workspace& workspace) const;

  /// Appends its part of a model file.
  void write(std::string& out) const;
  /// Reads what write() wrote from the front of `bytes`, which moves behind it. Errors: invalid_input.
  static Result<Classifier> read(std::string_view& bytes, std::size_t classes);

 private:
  struct Top {
    std::vector<float> first, first_bias, second, second_bias;
  };
  void set_shape(std::size_t classes, std::size_t networks, std::size_t embedding, std::size_t hidden);
  std::size_t rows() const { return vocabulary_.rows(); }
  std::uint8_t* row(std::size_t index) { return reinterpret_cast<std::uint8_t*>(matrix_.data()) + index * stride_; }
  const std::uint8_t* row(std::size_t index) const {
    return reinterpret_cast<const std::uint8_t*>(matrix_.data()) + index * stride_;
  }

  RowIndex vocabulary_;
  std::size_t classes_ = 0, embedding_ = 0, hidden_ = 0;
  std::size_t width_ = 0;   ///< padded(classes_)
  std::size_t linear_ = 0;  ///< bytes of a row's linear part: weights, then both scales
  std::size_t stride_ = 0;  ///< bytes of a row: the linear part, networks * embedding_ weights
  /// The rows begin on a cache line: with 26 intents one takes just one.
  struct alignas(64) Line {
    std::uint8_t bytes[64];
  };
  std::vector<Line> matrix_;
  std::vector<Top> tops_;
};

}  // namespace easyflow::nlp
