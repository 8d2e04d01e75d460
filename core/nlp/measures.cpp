#include "core/nlp/measures.hpp"

#include <algorithm>
#include <cmath>

namespace easyflow::nlp {

void Measures::add(const std::string& gold, const std::string& text, const std::vector<float>& probabilities,
                   const Decision& decision) {
  (void)probabilities;
  const std::string answer = decision.rejected ? std::string(kOutOfScope) : intents_[decision.best];
  Outcome outcome;
  outcome.confidence = decision.confidence;
  outcome.right = answer == gold;
  outcomes_.push_back(outcome);
  const bool answered_out = answer == kOutOfScope;
  if (gold == kOutOfScope) {
    ++out_of_scope_;
    out_of_scope_found_ += answered_out ? 1 : 0;
  } else {
    falsely_rejected_ += answered_out ? 1 : 0;
  }
  if (outcome.right) {
    ++counts_[gold].right;
    return;
  }
  ++counts_[gold].missed;
  ++counts_[answer].wrong;
  auto& confusion = confusions_[{gold, answer}];
  confusion.gold = gold;
  confusion.predicted = answer;
  ++confusion.count;
  if (confusion.samples.size() < 3 && !text.empty()) confusion.samples.push_back(text);
}

TestReport Measures::report() const {
  TestReport out;
  out.examples = outcomes_.size();
  if (outcomes_.empty()) return out;
  const auto all = static_cast<double>(outcomes_.size());
  std::size_t right = 0;
  for (const auto& outcome : outcomes_) right += outcome.right ? 1 : 0;
  out.accuracy = static_cast<double>(right) / all;
  out.ece = calibration_error(outcomes_);
  double sum = 0;
  for (const auto& [intent, counts] : counts_) {
    const std::size_t gold = counts.right + counts.missed;
    if (gold == 0) continue;  // answered, but never asked for
    IntentReport row;
    row.intent = intent;
    row.examples = gold;
    const auto answered = counts.right + counts.wrong;
    row.precision = answered == 0 ? 0 : static_cast<double>(counts.right) / static_cast<double>(answered);
    row.recall = static_cast<double>(counts.right) / static_cast<double>(gold);
    row.f1 = 2 * static_cast<double>(counts.right) / static_cast<double>(answered + gold);
    sum += row.f1;
    out.intents.push_back(row);
  }
  out.macro_f1 = out.intents.empty() ? 0 : sum / static_cast<double>(out.intents.size());
  if (out_of_scope_ > 0)
    out.out_of_scope_recall = static_cast<double>(out_of_scope_found_) / static_cast<double>(out_of_scope_);
  if (outcomes_.size() > out_of_scope_)
    out.false_rejections =
        static_cast<double>(falsely_rejected_) / static_cast<double>(outcomes_.size() - out_of_scope_);
  for (const auto& [key, confusion] : confusions_) out.confusions.push_back(confusion);
  std::stable_sort(out.confusions.begin(), out.confusions.end(),
                   [](const Confusion& a, const Confusion& b) { return a.count > b.count; });

  out.calibration.resize(10);
  for (const auto& outcome : outcomes_) {
    auto& bin = out.calibration[std::min<std::size_t>(9, static_cast<std::size_t>(outcome.confidence * 10))];
    bin.confidence += outcome.confidence;
    bin.accuracy += outcome.right ? 1 : 0;
    ++bin.count;
  }
  for (auto& bin : out.calibration) {
    if (bin.count == 0) continue;
    bin.confidence /= static_cast<double>(bin.count);
    bin.accuracy /= static_cast<double>(bin.count);
  }
  auto sorted = outcomes_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Outcome& a, const Outcome& b) { return a.confidence > b.confidence; });
  std::size_t so_far = 0, at = 0;
  for (int percent = 5; percent <= 100; percent += 5) {
    const auto until = std::max<std::size_t>(1, sorted.size() * static_cast<std::size_t>(percent) / 100);
    for (; at < until; ++at) so_far += sorted[at].right ? 1 : 0;
    CoveragePoint point;
    point.coverage = static_cast<double>(percent) / 100;
    point.accuracy = static_cast<double>(so_far) / static_cast<double>(until);
    out.coverage.push_back(point);
  }
  return out;
}

}  // namespace easyflow::nlp
