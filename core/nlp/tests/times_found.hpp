// What the finders of times and amounts find by themselves, as one line that a table can hold.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "core/nlp/finder.hpp"
#include "core/nlp/lexicon.hpp"

namespace easyflow::nlp::testing {

using Finder = void (*)(const Phrase&, std::vector<Candidate>&);

/// "type surface=value", joined by "; ", at Friday 2026-11-20, noon in Moscow.
inline std::string found_by(Finder find, std::string_view text) {
  const Scan scanned = scan(text, {*parse_rfc3339("2026-11-20T12:00:00+03:00"), std::chrono::minutes(180)});
  std::vector<Candidate> candidates;
  find(Phrase(scanned), candidates);
  std::string line;
  for (const Candidate& found : candidates) {
    if (!line.empty()) line += "; ";
    line += found.type + " " + scanned.text.substr(found.begin, found.end - found.begin) + "=" + found.value;
  }
  return line;
}

}  // namespace easyflow::nlp::testing
