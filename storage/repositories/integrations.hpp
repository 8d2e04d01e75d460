// Integrations: one account of one user on one platform.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connectors/sdk/manifest.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "storage/database.hpp"

namespace easyflow::storage {

struct Integration {
  std::string id;
  std::string tenant_id;
  std::string user_id;
  std::string platform_id;
  std::string account = "default";
  std::string status = "pending";  ///< pending, connected, error, disconnected
  std::string status_message;
  bool paused = false;
  std::string display_name;
  std::string external_account_id;
  std::string webhook_path;  ///< last segment of /hooks/<platform>/<path>
  int sync_interval_minutes = 60;
  std::optional<Timestamp> last_sync_at;
  std::optional<Timestamp> next_sync_at;
  Timestamp created_at;
  Timestamp updated_at;
};

/// Sealed credentials as they stand in the row.
struct SealedCredentials {
  std::string sealed;  ///< bytes
  std::string key_id;
};

/// An integration of any tenant, by id only.
struct IntegrationKey {
  std::string integration_id;
  std::string tenant_id;
  std::string platform_id;
};

/// Every change of an integration sends NOTIFY integrations, '<integration id>' with its commit.
class IntegrationRepository {
 public:
  explicit IntegrationRepository(Database& db) : db_(db) {}

  /// Brings the rows of `platforms` in line with the manifests.
  Task<> put_platforms(std::vector<sdk::Manifest> manifests);

  /// Stores a new integration and the cursors of its streams, due now.
  /// Errors: conflict, field "account" when the user already has this platform under this account name, field
  /// "credentials" when the tenant has connected this very account before.
  Task<Result<Integration>> add(Integration integration, SealedCredentials credentials,
                                std::vector<std::string> streams);
  Task<std::vector<Integration>> list(std::string tenant_id);
  Task<std::optional<Integration>> find(std::string tenant_id, std::string id);
  Task<std::optional<SealedCredentials>> credentials(std::string tenant_id, std::string id);
  /// Replaces the sealed credentials, unless they were changed since `expected_key_id`/`expected_sealed` was read.
  Task<bool> replace_credentials(std::string tenant_id, std::string id, SealedCredentials expected,
                                 SealedCredentials next);
  /// False when there is no such integration.
  Task<bool> set_status(std::string tenant_id, std::string id, std::string status, std::string message);
  Task<bool> set_paused(std::string tenant_id, std::string id, bool paused);
  Task<bool> set_account_info(std::string tenant_id, std::string id, std::string external_id, std::string display_name);
  Task<bool> remove(std::string tenant_id, std::string id);

  Task<std::optional<IntegrationKey>> by_webhook_path(std::string path);
  /// Connected, not paused integrations of these platforms, of all tenants.
  Task<std::vector<IntegrationKey>> connected(std::vector<std::string> platform_ids);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
