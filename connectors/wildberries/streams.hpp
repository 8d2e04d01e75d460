// The two streams of this connector.
#pragma once

#include <memory>
#include <string_view>

#include "connectors/sdk/connector.hpp"

namespace easyflow::connectors::wildberries {

/// FBS orders and their statuses; how no order gets lost is told in README.md#orders.
/// Error protocol: `cursor` was not written by this stream.
Result<std::unique_ptr<sdk::StreamWalk>> read_orders(const sdk::Account& account, std::string_view cursor,
                                                     Timestamp now);

/// Product cards in order of change. Error protocol: `cursor` was not written by this stream.
Result<std::unique_ptr<sdk::StreamWalk>> read_products(const sdk::Account& account, std::string_view cursor);

}  // namespace easyflow::connectors::wildberries
