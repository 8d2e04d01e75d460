// The connectors this binary contains.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "connectors/sdk/connector.hpp"

namespace easyflow::sdk {

class Registry {
 public:
  /// Throws std::logic_error on a second connector with the same id.
  void add(std::unique_ptr<Connector> connector);
  /// Null when there is none.
  const Connector* find(std::string_view id) const noexcept;
  /// As find; the error not_found lists the nearest ids.
  Result<const Connector*> require(std::string_view id) const;
  const std::vector<std::unique_ptr<Connector>>& all() const noexcept { return connectors_; }

 private:
  std::vector<std::unique_ptr<Connector>> connectors_;
};

}  // namespace easyflow::sdk

namespace easyflow::connectors {

/// Every connector, registered one by one in connectors/registry.cpp: that file is the inventory.
sdk::Registry make_registry();

}  // namespace easyflow::connectors
