#include "connectors/sdk/registry.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

namespace easyflow::sdk {
namespace {

/// Levenshtein distance: how many letters differ, are missing or are too many.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

constexpr std::size_t kLongestId = 64;

}  // namespace

void Registry::add(std::unique_ptr<Connector> connector) {
  if (!connector) throw std::logic_error("a connector must not be null");
  const std::string& id = connector->manifest().id;
  if (find(id) != nullptr) throw std::logic_error("two connectors are called " + id);
  connectors_.push_back(std::move(connector));
}

const Connector* Registry::find(std::string_view id) const noexcept {
  for (const auto& connector : connectors_)
    if (connector->manifest().id == id) return connector.get();
  return nullptr;
}

Result<const Connector*> Registry::require(std::string_view id) const {
  if (const Connector* found = find(id)) return found;
  std::string asked(id.substr(0, kLongestId));
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const auto& connector : connectors_) {
    const std::string& known = connector->manifest().id;
    near.emplace_back(distance(asked, known), known);
  }
  std::sort(near.begin(), near.end());
  std::string message = "there is no platform \"" + asked + "\"";
  // a third of the letters wrong is still a slip of the pen; beyond that the whole list helps more
  if (!near.empty() && near.front().first <= std::max<std::size_t>(2, asked.size() / 3)) {
    message += "; did you mean \"" + near.front().second + "\"?";
  } else {
    message += "; this hub knows:";
    constexpr std::size_t kShown = 10;
    for (std::size_t i = 0; i < near.size() && i < kShown; ++i) message += (i == 0 ? " " : ", ") + near[i].second;
  }
  return Error(ErrorKind::not_found, std::move(message)).with_field("platform");
}

}  // namespace easyflow::sdk
