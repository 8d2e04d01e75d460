// Keys in the database and keys in the file, brought together.
#pragma once

#include <string>
#include <vector>

#include "core/async/task.hpp"
#include "core/base/error.hpp"
#include "crypto/vault.hpp"
#include "storage/repositories/integrations.hpp"
#include "storage/repositories/keys.hpp"
#include "storage/repositories/users.hpp"

namespace easyflow::keys {

struct RotationReport {
  std::string new_master_key_id;
  std::string old_master_key_id;
  int tenant_keys = 0;  ///< new data keys made
  int credentials = 0;  ///< integrations sealed anew
};

class KeyService {
 public:
  KeyService(storage::KeyRepository& keys, storage::IntegrationRepository& integrations, storage::UserRepository& users,
             crypto::Vault& vault);

  /// Start-up: proves that the key file fits this database and adopts every tenant's keys.
  /// Error unauthorized naming the master key id that is missing or does not fit.
  Task<Result<void>> open_all();
  /// Adopts what changed since (NOTIFY keys).
  Task<Result<void>> refresh();
  /// Makes sure the tenant has a data key.
  Task<Result<void>> ensure_tenant_key(std::string tenant_id);
  /// The keys are the installation's: where it has several tenants, they are no single tenant's business.
  Task<bool> serve_several_tenants();
  Task<std::vector<storage::MasterKeyRow>> list();
  /// A new master key and new data keys; credentials are sealed anew while the hub runs. Old keys stay readable.
  Task<Result<RotationReport>> rotate();
  /// Takes an old master key out of use and out of the key file, once nothing is wrapped by it any more.
  /// Errors: not_found; conflict while it is active or data keys still hang on it (rotate mends that).
  Task<Result<void>> retire(std::string master_key_id);

 private:
  Task<Result<bool>> reseal(storage::Integration integration);

  storage::KeyRepository& keys_;
  storage::IntegrationRepository& integrations_;
  storage::UserRepository& users_;
  crypto::Vault& vault_;
};

}  // namespace easyflow::keys
