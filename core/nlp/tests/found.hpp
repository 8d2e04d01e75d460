// What find_entities() finds, as one line that a table can hold.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "core/nlp/entities.hpp"

namespace easyflow::nlp::testing {

/// Friday, noon in Moscow.
inline Reference friday() { return {*parse_rfc3339("2026-11-20T12:00:00+03:00")}; }

inline std::vector<Entity> entities_of(std::string_view text, const UserRules* rules = nullptr) {
  return find_entities(text, friday(), rules);
}

/// "type surface=value" of the entities of the given types, joined by "; "; the value is left out where it is the
/// surface.
inline std::string found(std::string_view text, const std::vector<std::string>& types,
                         const UserRules* rules = nullptr) {
  std::string line;
  for (const Entity& entity : entities_of(text, rules)) {
    if (std::find(types.begin(), types.end(), entity.type) == types.end()) continue;
    if (!line.empty()) line += "; ";
    line += entity.type + " " + entity.text;
    if (entity.value != entity.text) line += "=" + entity.value;
  }
  return line;
}

struct Case {
  std::string_view text;
  std::string_view expected;
};

}  // namespace easyflow::nlp::testing
