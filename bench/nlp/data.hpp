// Readers of the public intent sets, each in the form its authors publish it.
#pragma once

#include <string>
#include <vector>

#include "core/nlp/dataset.hpp"
#include "core/nlp/entities.hpp"

namespace easyflow::bench {

using Examples = std::vector<nlp::Example>;

struct IntentSet {
  Examples train, valid, test;
  Examples valid_out, test_out;  ///< out of scope
};

/// True when the folder or file is there.
bool exists(const std::string& path);
std::string read_file(const std::string& path);
/// Records of RFC 4180 CSV.
std::vector<std::vector<std::string>> read_csv(const std::string& path, char separator);

IntentSet clinc150(const std::string& folder);
IntentSet banking77(const std::string& folder);
IntentSet hwu64(const std::string& folder);
/// fold is 1..10
IntentSet hwu64_fold(const std::string& folder, int fold);
IntentSet ru_nlu_eval(const std::string& folder);
/// `bot`: sofmattress, curekart or powerplay11
IntentSet hint3(const std::string& folder, const std::string& bot);

/// A line of the e-commerce development set (columns id, lang, intent, text, entities).
struct Annotated {
  nlp::Example example;
  std::vector<nlp::Entity> entities;
  std::vector<bool> has_value;  ///< of each entity
};
std::vector<Annotated> annotated(const std::string& path);

/// Moves every tenth training example to the validation part, for sets that come without one.
void hold_out(IntentSet& set);

}  // namespace easyflow::bench
