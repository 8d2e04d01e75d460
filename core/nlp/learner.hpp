// From labelled messages to a classifier and its calibration. Private to core/nlp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/nlp/calibration.hpp"
#include "core/nlp/dataset.hpp"
#include "core/nlp/known_words.hpp"

namespace easyflow::nlp {

/// A labelled message as n-grams.
struct Sample {
  Grams grams;
  std::uint32_t label = 0;
  float weight = 1;
};

/// What the size of the data decides.
struct Recipe {
  ShortGrams short_grams = ShortGrams::at_the_ends;  ///< that the samples were made with
  std::size_t networks = 1;
  std::uint32_t least_frequency = 1;
  LinearOptions linear;
  NetworkOptions network;
};
Recipe recipe_for(std::size_t samples, bool thorough, std::uint64_t seed);

/// The words of the examples that tell what transliterated or mistyped ones were meant to be.
KnownWords find_known_words(const std::vector<Example>& examples);

/// Trains on samples[i] for i in `chosen`.
Classifier learn(const std::vector<Sample>& samples, const std::vector<std::size_t>& chosen, std::size_t classes,
                 const Recipe& recipe, const std::function<bool()>& go_on);

/// For each sample the part it belongs to, 0..folds-1; every intent is spread over the parts. Of fewer than 1,500
/// samples those that word the same question alike stay together: few examples are mostly such wordings, and a model
/// that has seen a message's twin would seem to know messages that it has not seen.
std::vector<int> split_into_folds(const std::vector<Sample>& samples, int folds, std::uint64_t seed);

}  // namespace easyflow::nlp
