// Telegram Bot API: text messages and inline buttons, in by webhook or poll, out by sendMessage. See README.md.
#pragma once

#include <memory>

#include "connectors/sdk/connector.hpp"

namespace easyflow::connectors {

std::unique_ptr<sdk::Connector> make_telegram();

}  // namespace easyflow::connectors
