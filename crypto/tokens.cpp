#include "crypto/tokens.hpp"

#include <sodium.h>

#include <array>
#include <new>
#include <stdexcept>
#include <vector>

namespace easyflow::crypto {

namespace {

constexpr std::string_view kArgon2id = "$argon2id$";

/// Appends random bytes as URL-safe base64; writes in place, so that no copy is left behind.
void append_random(std::string& text, std::size_t bytes) {
  if (bytes == 0) return;
  std::vector<unsigned char> random(bytes);
  randombytes_buf(random.data(), random.size());
  std::size_t start = text.size();
  std::size_t encoded = sodium_base64_ENCODED_LEN(bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);  // with its zero
  text.resize(start + encoded);
  sodium_bin2base64(text.data() + start, encoded, random.data(), random.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  text.resize(start + encoded - 1);
  sodium_memzero(random.data(), random.size());
}

}  // namespace

void initialize() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot start: the system gives no random numbers");
}

std::string random_token(std::size_t bytes) {
  std::string text;
  append_random(text, bytes);
  return text;
}

std::string random_hex(std::size_t bytes) {
  if (bytes == 0) return {};
  std::vector<unsigned char> random(bytes);
  randombytes_buf(random.data(), random.size());
  std::string text(2 * bytes + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), random.data(), random.size());
  text.resize(2 * bytes);
  sodium_memzero(random.data(), random.size());
  return text;
}

Secret new_api_token() {
  std::string token;
  token.reserve(64);
  token = "ef_";
  append_random(token, 32);
  return Secret(std::move(token));
}

std::string hash_token(std::string_view token) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest;
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(token.data()), token.size());
  std::array<char, 2 * crypto_hash_sha256_BYTES + 1> hex;
  return sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
}

std::string hash_password(const Secret& password) {
  std::array<char, crypto_pwhash_STRBYTES> phc{};
  if (crypto_pwhash_str(phc.data(), password.reveal().data(), password.reveal().size(),
                        crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
    throw std::bad_alloc();  // the only way it fails
  }
  return phc.data();
}

bool verify_password(const std::string& phc, const Secret& password) {
  if (phc.empty()) {
    // spends what a real check would, so that the time of an answer does not tell whether the user exists
    static const std::string kDecoy = hash_password(Secret(random_token(32)));
    return verify_password(kDecoy, password) && false;
  }
  if (phc.size() >= crypto_pwhash_STRBYTES || !phc.starts_with(kArgon2id)) return false;
  return crypto_pwhash_str_verify(phc.c_str(), password.reveal().data(), password.reveal().size()) == 0;
}

}  // namespace easyflow::crypto
