#include "core/understanding/masked_text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/json.hpp"
#include "core/understanding/reply.hpp"

namespace easyflow::understanding {
namespace {

bool is_private(const std::string& type) { return type == "payment_card" || type == "phone" || type == "email"; }

void add_stored(const std::string& json, std::vector<nlp::Entity>& out) {
  const auto list = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return;
  for (const auto& given : list) {
    const auto* start = member(given, "start");
    const auto* end = member(given, "end");
    nlp::Entity entity;
    entity.type = text_member(given, "type");
    if (!is_private(entity.type) || start == nullptr || end == nullptr) continue;
    if (!start->is_number_unsigned() || !end->is_number_unsigned()) continue;
    entity.start = start->get<std::size_t>();
    entity.end = end->get<std::size_t>();
    out.push_back(std::move(entity));
  }
}

/// By position; what overlaps becomes one.
std::vector<nlp::Entity> merged(std::vector<nlp::Entity> entities, std::size_t length) {
  std::erase_if(entities, [&](nlp::Entity& entity) {
    entity.end = std::min(entity.end, length);
    return entity.start >= entity.end;
  });
  std::stable_sort(entities.begin(), entities.end(),
                   [](const nlp::Entity& a, const nlp::Entity& b) { return a.start < b.start; });
  std::vector<nlp::Entity> out;
  for (auto& entity : entities) {
    if (!out.empty() && entity.start < out.back().end)
      out.back().end = std::max(out.back().end, entity.end);
    else
      out.push_back(std::move(entity));
  }
  return out;
}

/// How many code points stand for an entity in a masked text.
std::size_t masked_length(nlp::Entity entity) {
  entity.start = 0;
  entity.end = 1;
  return code_points(nlp::mask_private("?", {entity}));
}

}  // namespace

MaskedText::MaskedText(const std::string& text, const std::string& stored_entities_json) {
  std::vector<nlp::Entity> found;
  add_stored(stored_entities_json, found);
  // without the user's rules: one of them could hide a phone as something else
  for (auto& entity : nlp::find_entities(text, nlp::Reference{}, nullptr))
    if (is_private(entity.type)) found.push_back(std::move(entity));
  const auto length = code_points(text);
  const auto hidden = merged(std::move(found), length);
  text_ = nlp::mask_private(text, hidden);

  std::size_t masked = 0, original = 0;
  auto add_piece = [&](std::size_t until) {
    if (until > original) pieces_.push_back({masked, original, until - original});
    masked += until - original;
    original = until;
  };
  for (const auto& entity : hidden) {
    add_piece(entity.start);
    masked += masked_length(entity);
    original = entity.end;
  }
  add_piece(length);
}

std::optional<std::pair<std::size_t, std::size_t>> MaskedText::original(std::size_t start, std::size_t end) const {
  for (const auto& piece : pieces_) {
    if (start < piece.at || start >= end || end > piece.at + piece.length) continue;
    const auto shift = piece.original - piece.at;  // may wrap, and back again
    return std::pair(start + shift, end + shift);
  }
  return std::nullopt;
}

}  // namespace easyflow::understanding
