// Connecting, checking and removing integrations.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/platforms/accounts.hpp"
#include "core/platforms/caller.hpp"
#include "storage/repositories/integrations.hpp"

namespace easyflow::platforms {

struct NewIntegration {
  std::string user_id;
  std::string platform_id;
  std::string account = "default";
  std::map<std::string, Secret> credentials;
  std::optional<int> sync_interval_minutes;  ///< 1..10080; the platform's default when empty
};

/// What a credentials check said.
struct CheckReport {
  bool ok = false;
  std::string message;    ///< why not, and what to do
  sdk::AccountInfo info;  ///< when ok
};

/// An added or checked integration with what the check learned.
struct CheckedIntegration {
  storage::Integration integration;
  CheckReport report;
};

/// Used by the API and the CLI alike. Thread: the I/O thread.
class IntegrationService {
 public:
  IntegrationService(storage::IntegrationRepository& integrations, crypto::Vault& vault,
                     const sdk::Registry& connectors, AccountDirectory& accounts, PlatformCaller& caller,
                     BaseUrls base_urls);

  /// Validates the fields, proves the credentials at the platform, seals and stores them.
  /// Errors: not_found (field "platform", names the nearest), invalid_input (field "credentials.<name>" or another),
  /// unauthorized (field "credentials": the platform refused them; nothing is stored), unavailable (the platform could
  /// not be asked; nothing is stored), conflict (fields "account", "credentials": connected already).
  Task<Result<CheckedIntegration>> add(std::string tenant_id, NewIntegration request);
  /// Proves the stored credentials again and brings the status in line. Error: not_found.
  Task<Result<CheckedIntegration>> check(std::string tenant_id, std::string id);
  /// Replaces the credentials after proving the new ones. Errors as add.
  Task<Result<CheckedIntegration>> replace_credentials(std::string tenant_id, std::string id,
                                                       std::map<std::string, Secret> credentials);
  Task<Result<storage::Integration>> set_paused(std::string tenant_id, std::string id, bool paused);
  /// Removes the integration and its credentials; orders and products go with it, conversations stay.
  Task<Result<void>> remove(std::string tenant_id, std::string id);
  /// Finds by id, by unambiguous beginning of the id (at least 4 characters), by platform, or "platform/account".
  /// Errors: not_found, invalid_input when several match (names them).
  Task<Result<storage::Integration>> resolve(std::string tenant_id, std::string reference);

 private:
  Result<void> validate(const sdk::Manifest& manifest, const std::map<std::string, Secret>& credentials) const;
  Task<Result<CheckReport>> prove(const sdk::Connector& connector, AccountPtr account);
  Result<storage::SealedCredentials> seal(const storage::Integration& integration, const sdk::Account& account);
  static void adopt_hub_secrets(sdk::Account& account);

  storage::IntegrationRepository& integrations_;
  crypto::Vault& vault_;
  const sdk::Registry& connectors_;
  AccountDirectory& accounts_;
  PlatformCaller& caller_;
  BaseUrls base_urls_;
};

}  // namespace easyflow::platforms
