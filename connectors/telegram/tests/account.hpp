// An account whose token has the right form and belongs to nobody.
#pragma once

#include "connectors/sdk/connector.hpp"

namespace easyflow::connectors::telegram::testing {

inline const std::string kToken = "7000000001:test-secret-of-nobody";

inline sdk::Account account(const std::string& token = kToken) {
  sdk::Account made;
  made.integration_id = "00000000-0000-7000-8000-000000000002";
  made.credentials.emplace("bot_token", Secret(token));
  made.base_urls = {{"api", "http://api.test"}};
  made.hub_secrets.emplace("webhook_secret", Secret("webhook-secret_1"));
  return made;
}

}  // namespace easyflow::connectors::telegram::testing
