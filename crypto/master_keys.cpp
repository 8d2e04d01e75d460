// The key file: reading, writing, and the set of master keys that comes from it.
#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <system_error>
#include <thread>

#include "crypto/secure_key.hpp"
#include "crypto/tokens.hpp"
#include "crypto/vault.hpp"

namespace easyflow::crypto {

namespace {

constexpr std::size_t kMaxFileSize = 64 * 1024;
constexpr std::size_t kMaxKeys = 200;
constexpr std::size_t kIdSize = 19;  // "mk_" + 16 hex digits
constexpr int kBase64 = sodium_base64_VARIANT_ORIGINAL;
constexpr std::size_t kBase64Size = sodium_base64_ENCODED_LEN(SecureKey::kSize, kBase64) - 1;
constexpr std::string_view kFileHeader =
    "# Master keys of Easy Flow. They open the key of every tenant, and so every stored credential.\n"
    "# BACK THIS FILE UP, apart from the database: without it nothing that is sealed can be read again.\n"
    "# Keep it private (chmod 600). One key a line: id, 32 bytes in base64, active or old; one key is active.\n";

using Key = std::shared_ptr<const SecureKey>;

struct Entry {
  std::string id;
  Key key;
};

/// What a key file says.
struct KeyRing {
  std::vector<Entry> entries;
  std::string active_id;

  const Entry* find(std::string_view id) const {
    auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.id == id; });
    return found == entries.end() ? nullptr : &*found;
  }
};

Error fault(std::string message) { return Error(ErrorKind::invalid_input, std::move(message)); }

Error system_fault(const std::string& what, const std::string& path) {
  return fault(what + " " + path + ": " + std::generic_category().message(errno));
}

bool is_master_key_id(std::string_view id) {
  return id.size() == kIdSize && id.starts_with("mk_") &&
         std::all_of(id.begin() + 3, id.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// The next word of `line`, which is shortened by it.
std::string_view take_word(std::string_view& line) {
  constexpr std::string_view kBlank = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  std::string_view word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

Key decode_key(std::string_view base64) {
  return SecureKey::make([&](unsigned char* bytes) {
    std::size_t size = 0;
    return base64.size() == kBase64Size &&
           sodium_base642bin(bytes, SecureKey::kSize, base64.data(), base64.size(), nullptr, &size, nullptr, kBase64) ==
               0 &&
           size == SecureKey::kSize;
  });
}

/// `source` names the text in errors, which never quote it.
Result<KeyRing> parse_keys(std::string_view text, const std::string& source) {
  KeyRing ring;
  std::string stateless;  // id of a key that stands without "active" or "old"
  int number = 0;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    ++number;
    std::string where = source + ", line " + std::to_string(number) + ": ";
    std::string_view id = take_word(line);
    if (id.empty() || id.front() == '#') continue;
    std::string_view base64 = take_word(line);
    std::string_view state = take_word(line);
    if (!take_word(line).empty()) return fault(where + "more than id, key and state stand there");
    if (!is_master_key_id(id)) return fault(where + "the key id is not mk_ and 16 hex digits");
    if (ring.find(id) != nullptr) return fault(where + "the key id " + std::string(id) + " stands there twice");
    if (ring.entries.size() == kMaxKeys) return fault(where + "too many keys");
    Key key = decode_key(base64);
    if (!key) return fault(where + "the key of " + std::string(id) + " is not 32 bytes in base64");
    if (state == "active") {
      if (!ring.active_id.empty()) return fault(where + "a second key is active");
      ring.active_id = id;
    } else if (state.empty()) {
      stateless = id;
    } else if (state != "old") {
      return fault(where + "the state is neither active nor old");
    }
    ring.entries.push_back({std::string(id), std::move(key)});
  }
  if (ring.entries.empty()) return fault(source + " holds no master key; restore it from the backup");
  if (!stateless.empty()) {
    if (ring.entries.size() > 1) return fault(source + ": " + stateless + " needs a state, active or old");
    ring.active_id = stateless;
  }
  if (ring.active_id.empty()) return fault(source + " marks no key as active");
  return ring;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string folder_of(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

/// Error not_found when there is no such file.
Result<KeyRing> read_key_file(const std::string& path) {
  // O_NONBLOCK: a FIFO in its place must not hang the start
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    if (errno == ENOENT) {
      return Error(ErrorKind::not_found, "there is no key file " + path + "; restore it from the backup");
    }
    return system_fault("cannot open the key file", path);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_fault("cannot inspect the key file", path);
  if (!S_ISREG(status.st_mode)) return fault("the key file " + path + " is not a regular file");
  if ((status.st_mode & 077) != 0) {
    return fault("the key file " + path + " is open to other users; close it: chmod 600 " + path);
  }
  if (static_cast<std::size_t>(status.st_size) > kMaxFileSize) return fault("the key file " + path + " is too large");

  std::string text(kMaxFileSize, '\0');
  std::size_t size = 0;
  bool failed = false;
  while (size < text.size()) {
    ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    failed = got < 0;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  Error read_error = system_fault("cannot read the key file", path);
  Secret content(std::move(text));  // zeroed on every way out
  if (failed) return read_error;
  return parse_keys(std::string_view(content.reveal()).substr(0, size), "the key file " + path);
}

Secret format_keys(const KeyRing& ring) {
  std::string text;
  // reserved in full: growing would leave copies of key bytes in freed memory
  text.reserve(kFileHeader.size() + ring.entries.size() * (kIdSize + kBase64Size + 16));
  text = kFileHeader;
  for (const Entry& entry : ring.entries) {
    std::array<char, kBase64Size + 1> base64;
    sodium_bin2base64(base64.data(), base64.size(), entry.key->data(), SecureKey::kSize, kBase64);
    text.append(entry.id).append(" ").append(base64.data(), kBase64Size);
    text.append(entry.id == ring.active_id ? " active\n" : " old\n");
    sodium_memzero(base64.data(), base64.size());
  }
  return Secret(std::move(text));
}

/// Held while the key file is made or changed, so that two processes neither make two files nor lose a key.
Result<Descriptor> lock_key_file(const std::string& path) {
  std::string lock_path = path + ".lock";
  Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.is_open()) return system_fault("cannot open the lock of the key file", lock_path);
  constexpr auto kPause = std::chrono::milliseconds(20);
  for (int attempt = 0; attempt < 500; ++attempt) {
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK && errno != EINTR) return system_fault("cannot lock", lock_path);
    std::this_thread::sleep_for(kPause);
  }
  return Error(ErrorKind::conflict, "another process has been holding " + lock_path + " for 10 seconds");
}

/// Replaces the file in one step: a crash leaves the old content or the new. Call with the lock held.
Result<void> write_key_file(const std::string& path, const KeyRing& ring) {
  Secret text = format_keys(ring);
  std::string temporary = path + ".new";
  ::unlink(temporary.c_str());  // what a crash left; the lock is ours
  {
    Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.is_open()) return system_fault("cannot create", temporary);
    std::string_view rest = text.reveal();
    while (!rest.empty()) {
      ssize_t written = ::write(file.get(), rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) {
        Error error = system_fault("cannot write", temporary);
        ::unlink(temporary.c_str());
        return error;
      }
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fchmod(file.get(), 0600) != 0 || ::fsync(file.get()) != 0) {
      Error error = system_fault("cannot write", temporary);
      ::unlink(temporary.c_str());
      return error;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    Error error = system_fault("cannot replace", path);
    ::unlink(temporary.c_str());
    return error;
  }
  Descriptor folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open() || ::fsync(folder.get()) != 0) return system_fault("cannot flush the folder of", path);
  return {};
}

Entry fresh_key() { return {"mk_" + random_hex(8), SecureKey::random()}; }

std::string fingerprint_of(const SecureKey& key) {
  constexpr std::string_view kContext = "easyflow master key fingerprint";
  std::array<unsigned char, 16> digest;
  crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(kContext.data()),
                     kContext.size(), key.data(), SecureKey::kSize);
  std::array<char, 2 * 16 + 1> hex;
  return sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
}

/// `base` with the keys of `other` that it lacks.
Result<KeyRing> merge(KeyRing base, const KeyRing& other) {
  for (const Entry& entry : other.entries) {
    const Entry* same = base.find(entry.id);
    if (same == nullptr) {
      base.entries.push_back(entry);
    } else if (!same->key->same_as(*entry.key)) {
      return fault("the key file holds another key under the id " + entry.id + " than when it was read first");
    }
  }
  return base;
}

}  // namespace

struct MasterKeys::Impl {
  std::string path;  // empty: not from a file
  mutable std::shared_mutex mutex;
  KeyRing ring;
  std::set<std::string, std::less<>> ids;  // every active id there ever was: active_id() hands out references to them
  const std::string* active_id = nullptr;

  /// Call with the mutex held, or before anyone else knows this object.
  void hold(KeyRing fresh) {
    ring = std::move(fresh);
    active_id = &*ids.insert(ring.active_id).first;
  }
};

MasterKeys::MasterKeys() : impl_(std::make_unique<Impl>()) {}
MasterKeys::MasterKeys(MasterKeys&&) noexcept = default;
MasterKeys& MasterKeys::operator=(MasterKeys&&) noexcept = default;
MasterKeys::~MasterKeys() = default;

Result<MasterKeys> MasterKeys::load_file(const std::string& given_path, bool create) {
  initialize();
  std::error_code error;
  // a link is followed once, so that rewriting replaces the file and not the link
  std::filesystem::path real = std::filesystem::canonical(given_path, error);
  std::string path = error ? given_path : real.string();

  Result<KeyRing> ring = read_key_file(path);
  if (!ring && ring.error().kind() == ErrorKind::not_found && create) {
    auto lock = lock_key_file(path);
    if (!lock) return lock.error();
    ring = read_key_file(path);  // another process may have been first
    if (!ring && ring.error().kind() == ErrorKind::not_found) {
      KeyRing first;
      first.entries.push_back(fresh_key());
      first.active_id = first.entries.front().id;
      auto written = write_key_file(path, first);
      if (!written) return written.error();
      ring = std::move(first);
    }
  }
  if (!ring) return Error(ErrorKind::invalid_input, ring.error().message());
  MasterKeys keys;
  keys.impl_->path = path;
  keys.impl_->hold(*std::move(ring));
  return keys;
}

Result<MasterKeys> MasterKeys::parse(const Secret& text) {
  initialize();
  if (text.reveal().size() > kMaxFileSize) return fault("the master key is too long");
  EASYFLOW_TRY(ring, parse_keys(text.reveal(), "the master key"));
  MasterKeys keys;
  keys.impl_->hold(std::move(ring));
  return keys;
}

std::vector<MasterKeyInfo> MasterKeys::list() const {
  std::shared_lock lock(impl_->mutex);
  std::vector<MasterKeyInfo> infos;
  for (const Entry& entry : impl_->ring.entries) {
    infos.push_back({entry.id, fingerprint_of(*entry.key), entry.id == impl_->ring.active_id});
  }
  return infos;
}

const std::string& MasterKeys::active_id() const {
  std::shared_lock lock(impl_->mutex);
  return *impl_->active_id;
}

bool MasterKeys::has(std::string_view id) const { return find(id) != nullptr; }

std::shared_ptr<const SecureKey> MasterKeys::find(std::string_view id) const {
  std::shared_lock lock(impl_->mutex);
  const Entry* entry = impl_->ring.find(id);
  return entry == nullptr ? nullptr : entry->key;
}

std::pair<std::string, std::shared_ptr<const SecureKey>> MasterKeys::active() const {
  std::shared_lock lock(impl_->mutex);
  return {impl_->ring.active_id, impl_->ring.find(impl_->ring.active_id)->key};
}

Result<std::string> MasterKeys::add_key() {
  std::unique_lock guard(impl_->mutex);
  if (impl_->path.empty()) {
    return Error(ErrorKind::conflict,
                 "the master key was given by the environment: add a line with a new key there, marked active, and "
                 "mark the present one old");
  }
  auto lock = lock_key_file(impl_->path);
  if (!lock) return lock.error();
  KeyRing next = impl_->ring;
  auto stored = read_key_file(impl_->path);
  if (stored) {
    EASYFLOW_TRY(merged, merge(*std::move(stored), impl_->ring));
    next = std::move(merged);
  } else if (stored.error().kind() != ErrorKind::not_found) {
    return stored.error();
  }
  if (next.entries.size() >= kMaxKeys) return Error(ErrorKind::conflict, "too many master keys; remove old ones first");
  next.entries.push_back(fresh_key());
  next.active_id = next.entries.back().id;
  auto written = write_key_file(impl_->path, next);
  if (!written) return written.error();
  impl_->hold(std::move(next));
  return impl_->ring.active_id;
}

Result<void> MasterKeys::remove_key(std::string_view id) {
  std::unique_lock guard(impl_->mutex);
  if (impl_->path.empty()) {
    return Error(ErrorKind::conflict, "the master keys were given by the environment: remove the key there");
  }
  auto lock = lock_key_file(impl_->path);
  if (!lock) return lock.error();
  EASYFLOW_TRY(stored, read_key_file(impl_->path));
  EASYFLOW_TRY(next, merge(std::move(stored), impl_->ring));
  if (next.find(id) == nullptr) {
    return Error(ErrorKind::not_found, "there is no master key " + std::string(id));
  }
  if (id == next.active_id) {
    return Error(ErrorKind::conflict, "master key " + std::string(id) + " is active; rotate to another one first");
  }
  std::erase_if(next.entries, [&](const Entry& entry) { return entry.id == id; });
  auto written = write_key_file(impl_->path, next);
  if (!written) return written.error();
  impl_->hold(std::move(next));
  return {};
}

Result<void> MasterKeys::reload() {
  std::unique_lock guard(impl_->mutex);
  if (impl_->path.empty()) return {};
  EASYFLOW_TRY(stored, read_key_file(impl_->path));
  EASYFLOW_TRY(merged, merge(std::move(stored), impl_->ring));
  impl_->hold(std::move(merged));
  return {};
}

}  // namespace easyflow::crypto
