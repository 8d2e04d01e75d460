// Key ids and states, and the wrapped data keys of tenants.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "crypto/vault.hpp"
#include "storage/database.hpp"

namespace easyflow::storage {

struct MasterKeyRow {
  std::string id;
  std::string fingerprint;
  std::string state;  ///< active, old, retired
  Timestamp created_at;
};

struct TenantKeyRow {
  crypto::WrappedKey key;
  bool current = false;
};

class KeyRepository {
 public:
  explicit KeyRepository(Database& db) : db_(db) {}
  Task<std::vector<MasterKeyRow>> master_keys();
  /// Writes a master key's row; an `active` one makes the others `old`.
  Task<> put_master_key(crypto::MasterKeyInfo key, std::string state);
  Task<std::vector<TenantKeyRow>> tenant_keys();
  /// Stores a new data key and makes it the tenant's current one (NOTIFY keys).
  Task<> add_tenant_key(crypto::WrappedKey key);
  /// Stores the same data key under another master key (NOTIFY keys).
  Task<> replace_wrapping(crypto::WrappedKey key);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
