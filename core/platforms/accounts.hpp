// Integrations opened for use: connector, credentials, addresses.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "connectors/sdk/registry.hpp"
#include "core/async/task.hpp"
#include "core/base/error.hpp"
#include "crypto/vault.hpp"
#include "storage/repositories/integrations.hpp"

namespace easyflow::platforms {

/// One integration, ready to be worked with. Immutable; a change makes a new one.
struct OpenAccount {
  storage::Integration integration;
  const sdk::Connector* connector = nullptr;
  sdk::Account account;
};
using AccountPtr = std::shared_ptr<const OpenAccount>;

/// Where platforms are, when not where their manifests say (the sandbox, a local Bot API server): by platform id.
using BaseUrls = std::map<std::string, std::string>;

/// The account of a connector at the configured addresses.
sdk::Account make_account(const sdk::Manifest& manifest, std::string integration_id, const BaseUrls& overrides);

/// Opens integrations and remembers them until they change. Thread: the I/O thread.
class AccountDirectory {
 public:
  AccountDirectory(storage::IntegrationRepository& integrations, crypto::Vault& vault, const sdk::Registry& connectors,
                   BaseUrls base_urls);

  /// Errors: not_found; unauthorized when the credentials can't be opened (says which key is missing).
  Task<Result<AccountPtr>> open(std::string tenant_id, std::string integration_id);
  /// By the secret last segment of its webhook URL. Error: not_found.
  Task<Result<AccountPtr>> open_by_path(std::string webhook_path);
  /// Forgets one integration (all when empty): called on NOTIFY integrations.
  void forget(const std::string& integration_id);

 private:
  storage::IntegrationRepository& integrations_;
  crypto::Vault& vault_;
  const sdk::Registry& connectors_;
  BaseUrls base_urls_;
  std::map<std::string, AccountPtr> by_id_;
  std::map<std::string, AccountPtr> by_path_;
  std::uint64_t generation_ = 0;  ///< grows with every forget: an older answer of the database is not kept
};

}  // namespace easyflow::platforms
