// Any bytes are a message, any bytes are a user's rules: entities must come in order, inside the text, as valid JSON,
// and masking a card must not move anything else.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/nlp/entities.hpp"
#include "core/nlp/finder.hpp"

namespace nlp = easyflow::nlp;

namespace {

std::size_t code_points(std::string_view valid) {
  std::size_t count = 0;
  for (char c : valid) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

void check(std::string_view text, const nlp::UserRules* rules) {
  const nlp::Reference reference{easyflow::from_unix_seconds(1'795'165'200)};
  const auto [entities, codes] = nlp::find_facts(text, reference, rules);
  const std::size_t length = code_points(nlp::valid_utf8(text));
  if (codes.size() > 8) std::abort();
  std::size_t behind_code = 0;
  for (const auto& code : codes) {
    if (code.start < behind_code) std::abort();
    behind_code = code.end;
    if (!code.type.empty() || code.end > length || code_points(code.text) != code.end - code.start) std::abort();
    for (const auto& entity : entities) {
      if (entity.end <= code.start || code.end <= entity.start) continue;
      const bool is_part =
          code.start <= entity.start && entity.end <= code.end && entity.end - entity.start < code.end - code.start;
      if (!is_part || (entity.type != "color" && entity.type != "size" && entity.type != "city")) std::abort();
    }
  }
  std::size_t behind = 0;
  for (const auto& entity : entities) {
    if (entity.start < behind || entity.end <= entity.start || entity.end > length || entity.type.empty()) std::abort();
    if (code_points(entity.text) != entity.end - entity.start) std::abort();
    behind = entity.end;
  }
  if (!nlohmann::json::accept(nlp::to_json(entities))) std::abort();
  (void)nlp::mask_private(text, entities);
  const std::string stored = nlp::mask_cards(text, entities);
  if (code_points(stored) != length) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes, nullptr);
  // the part before a NUL is the rules, the rest the message
  const std::size_t end = bytes.find('\0');
  if (end == std::string_view::npos) return 0;
  if (auto rules = nlp::UserRules::from_csv(bytes.substr(0, end))) check(bytes.substr(end + 1), rules->get());
  return 0;
}
