// What all calls to Wildberries have in common: the token, the requests' form and what replies mean.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/sdk/connector.hpp"

namespace easyflow::connectors::wildberries {

/// The claims of an API token that matter to the hub. Its signature cannot be verified (no public key is published),
/// so they serve for display and early refusal only. README.md#token
struct TokenClaims {
  std::string id;           ///< id of the token itself, harmless to show
  std::string seller;       ///< `sid`, the seller account; the platform's limits are counted by it
  std::string supplier_id;  ///< `oid`
  std::optional<Timestamp> expires_at;
  std::uint64_t categories = 0;  ///< `s`, a bit mask
  bool test = false;             ///< works in the platform's sandbox only
  std::int64_t type = 0;         ///< 1 basic, 2 test, 3 personal, 4 service; 0 unknown

  bool has(int bit) const noexcept { return ((categories >> bit) & 1U) != 0; }
};

constexpr int kContentBit = 1;
constexpr int kMarketplaceBit = 4;
constexpr int kReadOnlyBit = 30;

/// Decodes a token. Error unauthorized (field credentials.api_key): it is not an API token; the text says what to do.
Result<TokenClaims> decode_token(std::string_view token);

/// Names of the categories in the mask, in the seller portal's words.
std::vector<std::string> category_names(std::uint64_t mask);

sdk::Request get(const sdk::Account& account, const std::string& host, const std::string& path,
                 const std::string& bucket);
sdk::Request post(const sdk::Account& account, const std::string& host, const std::string& path,
                  const nlohmann::json& body, const std::string& bucket);

/// The JSON of a good reply, or the error its status and body mean, naming `what` was asked ("orders").
/// Kinds: unauthorized (401, 402, 403), rate_limited (429, with the platform's wait), unavailable (5xx), invalid_input
/// (other 4xx and a 200 that says "error": true), protocol (anything else, or no JSON). Never holds the token.
Result<nlohmann::json> read_reply(const sdk::Account& account, const HttpResponse& reply, std::string_view what);

}  // namespace easyflow::connectors::wildberries
