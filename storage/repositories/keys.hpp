// Key ids and states, and the wrapped data keys of tenants.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
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
  /// Makes a master key `retired`, unless data keys still hang on it: false then. Nothing hangs itself on it later.
  Task<bool> retire_master_key(std::string id);
  Task<std::vector<TenantKeyRow>> tenant_keys();
  /// Stores a new data key and makes it the tenant's current one (NOTIFY keys). Error: conflict when the master key was
  /// retired.
  Task<Result<void>> add_tenant_key(crypto::WrappedKey key);
  /// Stores the same data key under another master key (NOTIFY keys). Error: conflict when that was retired.
  Task<Result<void>> replace_wrapping(crypto::WrappedKey key);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
