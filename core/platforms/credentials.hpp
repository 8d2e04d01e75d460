// Credentials of an integration as they are sealed into its row.
#pragma once

#include "connectors/sdk/connector.hpp"
#include "core/base/error.hpp"
#include "crypto/vault.hpp"
#include "storage/repositories/integrations.hpp"

namespace easyflow::platforms {

/// Seals the account's credentials and hub secrets for this row: they open for no other tenant or integration.
Result<storage::SealedCredentials> seal_credentials(const crypto::Vault& vault, const storage::Integration& integration,
                                                    const sdk::Account& account);

/// Opens what seal_credentials sealed into `account`. Errors: unauthorized.
Result<void> open_credentials(const crypto::Vault& vault, const storage::Integration& integration,
                              const storage::SealedCredentials& sealed, sdk::Account& account);

/// The same credentials under the tenant's current key.
Result<storage::SealedCredentials> reseal_credentials(const crypto::Vault& vault,
                                                      const storage::Integration& integration,
                                                      const storage::SealedCredentials& sealed);

}  // namespace easyflow::platforms
