// Random tokens, their stored form, and password hashes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/secret.hpp"

namespace easyflow::crypto {

/// Must be called once before anything else of crypto/. Throws when libsodium can't start. Idempotent, thread-safe.
void initialize();

/// `bytes` random bytes as URL-safe base64 without padding.
std::string random_token(std::size_t bytes);
/// `bytes` random bytes as lower-case hex.
std::string random_hex(std::size_t bytes);

/// A new API token: "ef_" + 43 characters (256 random bits). Shown once; only its hash is stored.
Secret new_api_token();
/// SHA-256 of a token, lower-case hex: what the database holds and looks up. Tokens have full entropy, so no salt.
std::string hash_token(std::string_view token);

/// Argon2id with libsodium's interactive limits, as a PHC string. Takes about 100 ms and 64 MB: never on the I/O
/// thread.
std::string hash_password(const Secret& password);
/// False also for a text that is no such hash. With an empty `phc` (no such user) it takes as long as with a real one.
bool verify_password(const std::string& phc, const Secret& password);

}  // namespace easyflow::crypto
