// Identifiers made by the hub.
#pragma once

#include <string>
#include <string_view>

namespace easyflow {

/// A new UUID version 7 (RFC 9562): ordered by creation time, so index pages stay warm. Lower-case text, 36 characters.
/// Thread-safe.
std::string new_uuid();

/// True for the 36-character text form of any UUID version.
bool is_uuid(std::string_view text) noexcept;

}  // namespace easyflow
