// sendMessage: what may be sent, how, and what the answer means. The table of outcomes is in README.md#sending.
#pragma once

#include "connectors/sdk/connector.hpp"

namespace easyflow::connectors::telegram {

/// Error invalid_input, naming the field ("keyboard[0][1].data").
Result<void> validate_message(const sdk::OutboundMessage& message);
sdk::Request send_request(const sdk::Account& account, const sdk::OutboundMessage& message);
sdk::SendOutcome send_outcome(const HttpResponse& response);

}  // namespace easyflow::connectors::telegram
