// What an update means to the hub.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/sdk/connector.hpp"

namespace easyflow::connectors::telegram {

/// The one event of an update's bytes. Error protocol: not an update as the Bot API documents it. Runs for every
/// webhook: one parse, values moved rather than copied.
Result<std::vector<sdk::InboundEvent>> decode_update(std::string_view body);

/// The same for an update that is parsed already; empties it.
Result<std::vector<sdk::InboundEvent>> read_update(nlohmann::json&& update);

/// Reads the answer of getUpdates. Error: see api.hpp, conflict when somebody else receives this bot's updates.
std::unique_ptr<sdk::Exchange<sdk::PollBatch>> poll_updates(const sdk::Account& account, std::string_view cursor,
                                                            std::chrono::seconds hold);

}  // namespace easyflow::connectors::telegram
