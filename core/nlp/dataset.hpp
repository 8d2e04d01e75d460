// Labelled utterances: reading them, and what is wrong with them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace easyflow::nlp {

struct Example {
  std::string text;
  std::string intent;
  std::string lang;   ///< "ru", "en" or empty
  double weight = 1;  ///< a user's rows weigh more than those of the default set
};

/// CSV with a header: text,intent[,lang]; RFC 4180 quoting, "," or ";" or tab, UTF-8 with or without a BOM. Errors:
/// invalid_input naming the line and column (no such column, empty text, an intent that is not [a-z0-9_:.-]{1,64}, over
/// 4,096 characters, over 200,000 rows).
Result<std::vector<Example>> read_examples(std::string_view csv);

/// The training set that ships with the program, out-of-scope negatives included.
const std::vector<Example>& default_examples();
/// Messages as buyers write them, which ship to tell how sure a model of those examples is (TrainingOptions::typical).
const std::vector<Example>& typical_examples();

struct DataFaults {
  int duplicates = 0;                       ///< same text, same intent: the later ones are left out
  std::vector<std::string> contradictions;  ///< same text under two intents
  std::vector<std::string> small_intents;   ///< fewer than ten examples
};
/// Leaves out duplicates (compared after normalization) and says what else is doubtful.
DataFaults clean(std::vector<Example>& examples);

}  // namespace easyflow::nlp
