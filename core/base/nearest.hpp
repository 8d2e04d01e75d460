// Help for typing mistakes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace easyflow {

/// The candidates that look like `name` (edit distance at most a third of its length, at least 2), nearest first, at
/// most 3.
std::vector<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates);

/// " Did you mean 'orders'?" or, when nothing is near, " Known: 'orders', 'products'." Empty without candidates.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace easyflow
