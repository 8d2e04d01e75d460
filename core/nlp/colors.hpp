// Colours of goods. Private to core/nlp.
#pragma once

#include <cstdint>
#include <vector>

#include "core/nlp/finder.hpp"

namespace easyflow::nlp {

/// Finds them; `message` are the cues of all words of the text together.
void find_colors(const Scan& scan, std::uint32_t message, std::vector<Candidate>& out);

}  // namespace easyflow::nlp
