// Wildberries Seller API: FBS orders and product cards. What the platform does and does not do is in README.md.
#pragma once

#include <memory>

#include "connectors/sdk/connector.hpp"

namespace easyflow::connectors {

std::unique_ptr<sdk::Connector> make_wildberries();

}  // namespace easyflow::connectors
