// Sealing of everything secret the hub stores.
//
// Two levels: master keys live in a key file outside the database; each tenant has data keys, stored wrapped (sealed)
// by a master key. Sealed text is XChaCha20-Poly1305 (libsodium) and begins with a version byte and the id of its key;
// associated data binds it to tenant, owner row and field, so that it opens nowhere else.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/secret.hpp"

namespace easyflow::crypto {

/// 32 bytes of key in guarded, unswappable memory (sodium_malloc), read-only but while being filled.
class SecureKey;

struct MasterKeyInfo {
  std::string id;           ///< "mk_" + 16 hex digits, random
  std::string fingerprint;  ///< hex BLAKE2b-128 of the key under a fixed context: proves a key without showing it
  bool active = false;      ///< new wraps use it
};

/// The master keys of this installation. Thread-safe; changes of the file are safe against other processes too.
///
/// The file is text, one key a line: `mk_<16 hex> <base64 of 32 bytes> active|old`, '#' begins a comment. From memory
/// (environment) a single `mk_<16 hex> <base64>` will do.
class MasterKeys {
 public:
  /// Reads the key file; creates it with one fresh key and mode 0600 when missing and `create` is set (fsynced,
  /// atomic). Errors: invalid_input for a file that others may read (says chmod 600), that is malformed, or missing.
  static Result<MasterKeys> load_file(const std::string& path, bool create);
  /// Reads the same text from memory (environment variable EASYFLOW_MASTER_KEY).
  static Result<MasterKeys> parse(const Secret& text);

  std::vector<MasterKeyInfo> list() const;
  /// Stays valid (though not active) after a rotation.
  const std::string& active_id() const;
  bool has(std::string_view id) const;
  /// Adds a fresh key, makes it active and rewrites the file. Error: conflict when the keys did not come from a file.
  Result<std::string> add_key();
  /// Removes a key that is not active from the file. Errors: not_found, conflict (active, or not from a file).
  Result<void> remove_key(std::string_view id);
  /// Reads the file again, to learn the keys another process added; keys known here stay known. Does nothing when the
  /// keys did not come from a file.
  Result<void> reload();

  MasterKeys(MasterKeys&&) noexcept;
  MasterKeys& operator=(MasterKeys&&) noexcept;
  ~MasterKeys();

 private:
  MasterKeys();
  /// The key of that id, null when there is none.
  std::shared_ptr<const SecureKey> find(std::string_view id) const;
  std::pair<std::string, std::shared_ptr<const SecureKey>> active() const;
  struct Impl;
  std::unique_ptr<Impl> impl_;
  friend class Vault;
};

/// A tenant's data key as it is stored: useless without its master key.
struct WrappedKey {
  std::string id;  ///< "dk_" + 16 hex digits
  std::string tenant_id;
  std::string master_key_id;
  std::string wrapped;  ///< bytes
};

/// Where a sealed value belongs: it opens only under the same context.
struct SealContext {
  SealContext(std::string tenant_id_, std::string owner_id_, std::string field_)
      : tenant_id(std::move(tenant_id_)), owner_id(std::move(owner_id_)), field(std::move(field_)) {}
  std::string tenant_id;
  std::string owner_id;  ///< integration id, event id
  std::string field;     ///< "credentials", "inbound.body"
};

/// Seals and opens with tenant keys. Tenant keys are opened once and kept in secure memory. Thread-safe.
class Vault {
 public:
  explicit Vault(MasterKeys keys);
  ~Vault();

  /// Makes a new data key for a tenant, wrapped by the active master key. Not yet known to the vault: store, then
  /// adopt.
  WrappedKey make_tenant_key(const std::string& tenant_id) const;
  /// Opens and keeps a stored key; `current` makes it the one that seals for its tenant from now on.
  /// A master key that another process added to the key file meanwhile is found.
  /// Errors: unauthorized naming the master key id that is missing, or saying that the key does not fit.
  Result<void> adopt(const WrappedKey& key, bool current);
  bool knows_tenant(const std::string& tenant_id) const;
  /// Id of the key that seals for a tenant now; empty when unknown.
  std::string current_key_id(const std::string& tenant_id) const;
  /// The same data key wrapped by the active master key.
  Result<WrappedKey> rewrap(const WrappedKey& key) const;

  /// Sealed bytes under the tenant's current key. Errors: not_found when no key of the tenant was adopted,
  /// invalid_input over 64 MB.
  Result<std::string> seal(const SealContext& context, std::string_view plain) const;
  /// The plain bytes. Errors: unauthorized when key, context or bytes do not fit (it never says which).
  Result<Secret> open(const SealContext& context, std::string_view sealed) const;
  /// Id of the data key a sealed value names, empty when malformed.
  static std::string key_id_of(std::string_view sealed);

  MasterKeys& master_keys() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace easyflow::crypto
