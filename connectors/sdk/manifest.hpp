// What a connector declares about its platform. The rows of `platforms`, the CLI prompts and the API's validation all
// come from here.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace easyflow::sdk {

struct CredentialField {
  std::string name;   ///< "bot_token"
  std::string label;  ///< "Bot token"
  std::string help;   ///< where a seller finds it
  bool required = true;
  bool secret = true;  ///< false: may be shown back
};

struct StreamSpec {
  std::string name;                       ///< "orders"
  std::string sync_type;                  ///< value of the enum sync_type for sync_logs
  std::chrono::minutes default_interval;  ///< how often it is read when the user sets nothing
  std::chrono::seconds overlap;           ///< how far each run reads back behind its cursor
};

/// A token bucket of one account: `burst` calls at once, then one per `interval`.
struct BudgetSpec {
  std::string name;                    ///< "orders", "send"
  std::chrono::milliseconds interval;  ///< one more call is allowed each interval
  int burst = 1;
  bool per_scope = false;  ///< true: one bucket for each BucketUse::scope (a chat)
};

struct HostSpec {
  std::string name;  ///< "marketplace"
  std::string url;   ///< production base URL, https, no trailing slash
};

struct Manifest {
  std::string id;  ///< "wildberries": the id of the platforms row
  std::string name;
  std::string display_name;
  std::string type;    ///< enum platform_type
  std::string region;  ///< enum platform_region
  std::vector<std::string> capabilities;
  std::vector<CredentialField> credentials;
  std::vector<StreamSpec> streams;
  std::vector<BudgetSpec> budgets;
  std::vector<HostSpec> hosts;
  std::string api_version;  ///< version or date of the API it was written against
  std::string status;       ///< "alpha" or "stable"
  std::string docs_url;

  const StreamSpec* find_stream(std::string_view stream) const noexcept;
  const BudgetSpec* find_budget(std::string_view budget) const noexcept;
};

/// Reads a manifest from the text of a connector's manifest.json. Error: protocol, naming the path that is wrong.
Result<Manifest> parse_manifest(std::string_view json_text);

}  // namespace easyflow::sdk
