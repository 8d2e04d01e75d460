// Digests without a key.
#pragma once

#include <string>
#include <string_view>

namespace easyflow::crypto {

/// SHA-256 (FIPS 180-4) of `bytes`, lower-case hex.
std::string sha256_hex(std::string_view bytes);

}  // namespace easyflow::crypto
