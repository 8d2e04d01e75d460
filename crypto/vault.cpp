#include "crypto/vault.hpp"

#include <sodium.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "crypto/secure_key.hpp"
#include "crypto/tokens.hpp"

namespace easyflow::crypto {

namespace {

constexpr char kVersion = 1;
constexpr std::size_t kNonceSize = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagSize = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kMaxPlainSize = 64u << 20;
constexpr std::size_t kMaxKeyIdSize = 255;  // its length is one byte

static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == SecureKey::kSize);

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes_of(std::string& text, std::size_t offset) {
  return reinterpret_cast<unsigned char*>(text.data() + offset);
}

/// The parts with their lengths before them: no two lists of parts give the same bytes.
std::string length_prefixed(std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (std::string_view part : parts) size += 4 + part.size();
  std::string bytes;
  bytes.reserve(size);
  for (std::string_view part : parts) {
    auto length = static_cast<std::uint32_t>(part.size());
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(length >> shift));
    bytes.append(part);
  }
  return bytes;
}

/// Appends a random nonce and the encrypted bytes with their tag.
void append_encrypted(std::string& out, const SecureKey& key, const unsigned char* plain, std::size_t size,
                      std::string_view associated) {
  std::size_t nonce = out.size();
  out.resize(nonce + kNonceSize + size + kTagSize);
  randombytes_buf(out.data() + nonce, kNonceSize);  // 192 random bits never repeat in practice
  crypto_aead_xchacha20poly1305_ietf_encrypt(bytes_of(out, nonce + kNonceSize), nullptr, plain, size,
                                             bytes_of(associated), associated.size(), nullptr, bytes_of(out, nonce),
                                             key.data());
}

/// `box` is nonce and encrypted bytes; `plain` has room for box.size() - kNonceSize - kTagSize.
bool decrypt(std::string_view box, const SecureKey& key, std::string_view associated, unsigned char* plain) {
  return crypto_aead_xchacha20poly1305_ietf_decrypt(plain, nullptr, nullptr, bytes_of(box) + kNonceSize,
                                                    box.size() - kNonceSize, bytes_of(associated), associated.size(),
                                                    bytes_of(box), key.data()) == 0;
}

std::string wrap(const SecureKey& master, const std::string& master_id, const SecureKey& key, const std::string& key_id,
                 const std::string& tenant_id) {
  std::string wrapped(1, kVersion);
  append_encrypted(wrapped, master, key.data(), SecureKey::kSize,
                   length_prefixed({"easyflow tenant key", key_id, tenant_id, master_id}));
  return wrapped;
}

std::shared_ptr<const SecureKey> unwrap(const SecureKey& master, const WrappedKey& key) {
  constexpr std::size_t kWrappedSize = 1 + kNonceSize + SecureKey::kSize + kTagSize;
  if (key.wrapped.size() != kWrappedSize || key.wrapped[0] != kVersion) return nullptr;
  std::string associated = length_prefixed({"easyflow tenant key", key.id, key.tenant_id, key.master_key_id});
  return SecureKey::make([&](unsigned char* plain) {
    return decrypt(std::string_view(key.wrapped).substr(1), master, associated, plain);
  });
}

/// The outer form of a sealed value: version | length of the key id | key id | nonce | encrypted bytes and tag.
struct SealedParts {
  std::string_view key_id;
  std::string_view box;
};

std::optional<SealedParts> split(std::string_view sealed) {
  if (sealed.size() < 2 || sealed[0] != kVersion) return std::nullopt;
  std::size_t id_size = static_cast<unsigned char>(sealed[1]);
  if (id_size == 0 || sealed.size() < 2 + id_size + kNonceSize + kTagSize) return std::nullopt;
  return SealedParts{sealed.substr(2, id_size), sealed.substr(2 + id_size)};
}

std::string associated_data(const SealContext& context, std::string_view key_id) {
  return length_prefixed({context.tenant_id, context.owner_id, context.field, key_id});
}

struct DataKey {
  std::string id;
  std::string tenant_id;
  std::shared_ptr<const SecureKey> key;
};

struct TextHash : std::hash<std::string_view> {
  using is_transparent = void;
};

using DataKeys = std::unordered_map<std::string, std::shared_ptr<const DataKey>, TextHash, std::equal_to<>>;

std::shared_ptr<const DataKey> find(const DataKeys& keys, std::string_view name) {
  auto found = keys.find(name);
  return found == keys.end() ? nullptr : found->second;
}

}  // namespace

struct Vault::Impl {
  explicit Impl(MasterKeys keys) : masters(std::move(keys)) {}

  /// The key inside, opened by the master key it names. Errors as of adopt.
  Result<std::shared_ptr<const SecureKey>> unwrap_any(const WrappedKey& key) {
    auto master = masters.find(key.master_key_id);
    if (!master) {
      auto reloaded = masters.reload();
      master = masters.find(key.master_key_id);
      if (!master) {
        std::string why = reloaded ? "" : " (reading the keys again failed: " + reloaded.error().message() + ")";
        return Error(ErrorKind::unauthorized, "master key " + key.master_key_id + " is missing: tenant key " + key.id +
                                                  " is sealed with it; restore that master key from the backup" + why);
      }
    }
    auto plain = unwrap(*master, key);
    if (!plain) {
      return Error(ErrorKind::unauthorized, "master key " + key.master_key_id + " does not fit tenant key " + key.id +
                                                ": it is another key under that id, or the stored key was changed");
    }
    return plain;
  }

  MasterKeys masters;
  mutable std::shared_mutex mutex;
  DataKeys by_id;
  DataKeys current;  // by tenant
};

Vault::Vault(MasterKeys keys) : impl_(std::make_unique<Impl>(std::move(keys))) {}
Vault::~Vault() = default;

WrappedKey Vault::make_tenant_key(const std::string& tenant_id) const {
  auto [master_id, master] = impl_->masters.active();
  WrappedKey made;
  made.id = "dk_" + random_hex(8);
  made.tenant_id = tenant_id;
  made.master_key_id = master_id;
  made.wrapped = wrap(*master, master_id, *SecureKey::random(), made.id, tenant_id);
  return made;
}

Result<void> Vault::adopt(const WrappedKey& key, bool current) {
  if (key.id.empty() || key.id.size() > kMaxKeyIdSize) {
    return Error(ErrorKind::unauthorized, "a stored tenant key has no usable id");
  }
  EASYFLOW_TRY(plain, impl_->unwrap_any(key));
  std::unique_lock lock(impl_->mutex);
  auto& known = impl_->by_id[key.id];
  if (!known) {
    known = std::make_shared<const DataKey>(DataKey{key.id, key.tenant_id, plain});
  } else if (known->tenant_id != key.tenant_id || !known->key->same_as(*plain)) {
    return Error(ErrorKind::unauthorized, "tenant key " + key.id + " is known already, with other bytes");
  }
  if (current) impl_->current[key.tenant_id] = known;
  return {};
}

bool Vault::knows_tenant(const std::string& tenant_id) const { return !current_key_id(tenant_id).empty(); }

std::string Vault::current_key_id(const std::string& tenant_id) const {
  std::shared_lock lock(impl_->mutex);
  auto key = find(impl_->current, tenant_id);
  return key ? key->id : std::string();
}

Result<WrappedKey> Vault::rewrap(const WrappedKey& key) const {
  EASYFLOW_TRY(plain, impl_->unwrap_any(key));
  auto [master_id, master] = impl_->masters.active();
  WrappedKey fresh = key;
  fresh.master_key_id = master_id;
  fresh.wrapped = wrap(*master, master_id, *plain, key.id, key.tenant_id);
  return fresh;
}

Result<std::string> Vault::seal(const SealContext& context, std::string_view plain) const {
  if (plain.size() > kMaxPlainSize) return Error(ErrorKind::invalid_input, "too large to be sealed (over 64 MB)");
  std::shared_ptr<const DataKey> key;
  {
    std::shared_lock lock(impl_->mutex);
    key = find(impl_->current, context.tenant_id);
  }
  if (!key) return Error(ErrorKind::not_found, "no key of tenant " + context.tenant_id + " is open");
  std::string sealed;
  sealed.reserve(2 + key->id.size() + kNonceSize + plain.size() + kTagSize);
  sealed.push_back(kVersion);
  sealed.push_back(static_cast<char>(key->id.size()));
  sealed.append(key->id);
  append_encrypted(sealed, *key->key, bytes_of(plain), plain.size(), associated_data(context, key->id));
  return sealed;
}

Result<Secret> Vault::open(const SealContext& context, std::string_view sealed) const {
  const auto refuse = [] {
    return Error(ErrorKind::unauthorized, "the sealed value does not open: key, context or bytes do not fit");
  };
  auto parts = split(sealed);
  if (!parts) return refuse();
  std::shared_ptr<const DataKey> key;
  {
    std::shared_lock lock(impl_->mutex);
    key = find(impl_->by_id, parts->key_id);
  }
  if (!key || key->tenant_id != context.tenant_id) return refuse();
  std::string plain(parts->box.size() - kNonceSize - kTagSize, '\0');
  if (!decrypt(parts->box, *key->key, associated_data(context, parts->key_id), bytes_of(plain, 0))) return refuse();
  return Secret(std::move(plain));
}

std::string Vault::key_id_of(std::string_view sealed) {
  auto parts = split(sealed);
  return parts ? std::string(parts->key_id) : std::string();
}

MasterKeys& Vault::master_keys() noexcept { return impl_->masters; }

}  // namespace easyflow::crypto
