// Key bytes in guarded memory. Only crypto/ includes this.
#pragma once

#include <sodium.h>

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace easyflow::crypto {

/// 32 bytes of key: locked into memory, left out of core dumps, between guard pages, zeroed when freed
/// (sodium_malloc), and read-only once filled. Costs four pages of address space and one of memory.
/// initialize() must have run.
class SecureKey {
 public:
  static constexpr std::size_t kSize = 32;

  /// `fill(unsigned char*)` writes kSize bytes and returns whether it could. Null when it could not.
  template <class Fill>
  static std::shared_ptr<const SecureKey> make(Fill&& fill) {
    std::shared_ptr<SecureKey> key(new SecureKey);
    if (!std::forward<Fill>(fill)(key->bytes_.get())) return nullptr;
    sodium_mprotect_readonly(key->bytes_.get());
    return key;
  }
  static std::shared_ptr<const SecureKey> random() {
    return make([](unsigned char* bytes) {
      randombytes_buf(bytes, kSize);
      return true;
    });
  }

  const unsigned char* data() const noexcept { return bytes_.get(); }
  bool same_as(const SecureKey& other) const noexcept { return sodium_memcmp(data(), other.data(), kSize) == 0; }

 private:
  SecureKey() : bytes_(static_cast<unsigned char*>(sodium_malloc(kSize))) {
    if (!bytes_) throw std::bad_alloc();
  }
  struct Free {
    void operator()(unsigned char* bytes) const noexcept { sodium_free(bytes); }
  };
  std::unique_ptr<unsigned char, Free> bytes_;
};

}  // namespace easyflow::crypto
