// Any bytes must get a meaning whose JSON is JSON and whose entities lie inside the text.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/nlp/tests/small_set.hpp"
#include "core/nlp/training.hpp"

namespace nlp = easyflow::nlp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // small, so that a run is dominated by parsing; its words reach the repair of layouts and transliteration
  static const auto model = nlp::train(nlp::testing::small_set(), nlp::TrainingOptions()).value();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  nlp::Reference reference;
  reference.now = easyflow::Timestamp(std::chrono::hours(24 * 20'000));
  const auto meaning = model->parse(text, reference, nullptr);
  if (!std::isfinite(meaning.confidence) || meaning.ranking.size() != 3) std::abort();
  if (!nlohmann::json::accept(nlp::to_json(meaning))) std::abort();
  std::size_t behind = 0;
  for (const auto& entity : meaning.entities) {
    if (entity.start < behind || entity.end <= entity.start || entity.end > size) std::abort();
    behind = entity.end;
  }
  return 0;
}
