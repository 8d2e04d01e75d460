#include "crypto/signatures.hpp"

#include <sodium.h>

#include <array>

namespace easyflow::crypto {

namespace {

using Digest = std::array<unsigned char, crypto_auth_hmacsha256_BYTES>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Digest hmac_sha256(const Secret& key, std::string_view bytes) {
  crypto_auth_hmacsha256_state state;
  Digest digest;
  crypto_auth_hmacsha256_init(&state, bytes_of(key.reveal()), key.reveal().size());
  crypto_auth_hmacsha256_update(&state, bytes_of(bytes), bytes.size());
  crypto_auth_hmacsha256_final(&state, digest.data());
  sodium_memzero(&state, sizeof state);
  return digest;
}

}  // namespace

std::string hmac_sha256_hex(const Secret& key, std::string_view bytes) {
  Digest digest = hmac_sha256(key, bytes);
  std::array<char, 2 * crypto_auth_hmacsha256_BYTES + 1> hex;
  return sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
}

bool verify_hmac_sha256_hex(const Secret& key, std::string_view bytes, std::string_view signature) {
  Digest claimed;
  std::size_t claimed_size = 0;
  if (key.empty() || signature.size() != 2 * claimed.size()) return false;
  if (sodium_hex2bin(claimed.data(), claimed.size(), signature.data(), signature.size(), nullptr, &claimed_size,
                     nullptr) != 0 ||
      claimed_size != claimed.size()) {
    return false;
  }
  Digest expected = hmac_sha256(key, bytes);
  return sodium_memcmp(expected.data(), claimed.data(), expected.size()) == 0;
}

}  // namespace easyflow::crypto
