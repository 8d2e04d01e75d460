// Duckling's own corpora of example phrases as a test of the finders of times and amounts: written by other people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace easyflow::bench {

/// What the finders did with one corpus. Each example is a whole text with one gold span of one type: finding a span of
/// that type is right, every other span of datetime, duration, money or quantity is a false one. Nothing must be found
/// in a negative example.
struct DucklingScore {
  std::string corpus;  ///< "Time_RU"
  std::string type;
  int examples = 0;
  int right = 0;
  int false_spans = 0;
  std::vector<std::string> failures;  ///< "missed: ..." and "false: ..."

  double f1() const {
    const int all = 2 * right + false_spans + (examples - right);
    return all == 0 ? 0 : 2.0 * right / all;
  }
};

/// The strings of a corpus file: those of `negativeCorpus` apart, latent and custom ones left out.
struct DucklingCorpus {
  std::vector<std::string> examples;
  std::vector<std::string> negatives;
};
DucklingCorpus read_duckling(std::string_view haskell);

/// Scores all corpora found in `folder`/duckling_corpora: Time, AmountOfMoney and Duration in Russian and English.
std::vector<DucklingScore> score_duckling(const std::string& folder);

}  // namespace easyflow::bench
