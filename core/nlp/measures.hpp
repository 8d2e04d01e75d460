// Collects answers and makes the report of them. Private to core/nlp.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/nlp/calibration.hpp"
#include "core/nlp/training.hpp"

namespace easyflow::nlp {

class Measures {
 public:
  explicit Measures(std::vector<std::string> intents) : intents_(std::move(intents)) {}

  /// `gold` may be an intent the model does not know: then every answer but out_of_scope is wrong.
  void add(const std::string& gold, const std::string& text, const std::vector<float>& probabilities,
           const Decision& decision);
  TestReport report() const;

 private:
  struct Counts {
    std::size_t right = 0, missed = 0, wrong = 0;
  };
  std::vector<std::string> intents_;
  std::map<std::string, Counts> counts_;
  std::map<std::pair<std::string, std::string>, Confusion> confusions_;
  std::vector<Outcome> outcomes_;
  std::size_t out_of_scope_ = 0, out_of_scope_found_ = 0, falsely_rejected_ = 0;
};

}  // namespace easyflow::nlp
