// What all calls to the Bot API have in common. The token is a part of every address, so no text made here may hold
// one.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/sdk/connector.hpp"

namespace easyflow::connectors::telegram {

/// The update kinds the hub asks for, one list for webhook and poll. Kinds left out are not even kept by Telegram.
const nlohmann::json& allowed_updates();

/// Error unauthorized (field credentials.bot_token) when it cannot be a bot token; the text says what to do.
Result<void> check_token(std::string_view token);

/// A call of `method`. Only with a token that check_token takes does the address name the bot.
sdk::Request call(const sdk::Account& account, std::string_view method, const nlohmann::json& parameters,
                  std::string bucket);

/// Every reply of the Bot API, read as far as it can be.
struct Reply {
  bool is_json = false;  ///< false: a proxy in front answered, or the body was cut off
  bool ok = false;
  int code = 0;             ///< the body's error_code, else the HTTP status
  std::string description;  ///< fit for people: clipped, without tokens
  std::optional<std::chrono::seconds> retry_after;
  std::optional<std::int64_t> migrate_to_chat_id;
  nlohmann::json result;
};
Reply read_reply(const HttpResponse& response);

/// What a failed call of anything but a send means: unauthorized (401, 403, 404, logged out), conflict (409),
/// rate_limited (429), unavailable (5xx), invalid_input (other 4xx), protocol (no readable answer).
Error error_of(const Reply& reply, std::string_view what);

}  // namespace easyflow::connectors::telegram
