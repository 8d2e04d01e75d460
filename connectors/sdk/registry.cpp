#include "connectors/sdk/registry.hpp"

#include <stdexcept>
#include <string>

#include "connectors/sdk/text.hpp"
#include "core/base/nearest.hpp"

namespace easyflow::sdk {

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
  constexpr std::size_t kLongestId = 64;
  const std::string asked = clipped(id, kLongestId);
  std::vector<std::string> known;
  for (const auto& connector : connectors_) known.push_back(connector->manifest().id);
  return Error(ErrorKind::not_found, "There is no platform '" + asked + "'." + did_you_mean(asked, known))
      .with_field("platform");
}

}  // namespace easyflow::sdk
