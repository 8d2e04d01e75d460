// Keyed signatures of messages that come from, or go to, somebody else.
#pragma once

#include <string>
#include <string_view>

#include "core/base/secret.hpp"

namespace easyflow::crypto {

/// HMAC-SHA256 (RFC 2104, FIPS 180-4) of `bytes`, lower-case hex. Any key length.
std::string hmac_sha256_hex(const Secret& key, std::string_view bytes);

/// True when `signature` is the hex HMAC-SHA256 (either case) of exactly these bytes. Compares in constant time.
/// An empty key verifies nothing: a missing secret must never mean "accept".
bool verify_hmac_sha256_hex(const Secret& key, std::string_view bytes, std::string_view signature);

}  // namespace easyflow::crypto
