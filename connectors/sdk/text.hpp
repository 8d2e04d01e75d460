// Text and money as platforms write them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/sdk/records.hpp"
#include "core/base/error.hpp"

namespace easyflow::sdk {

/// Length in UTF-16 code units, as messengers count; nothing when `text` is not valid UTF-8.
std::optional<std::size_t> utf16_length(std::string_view text) noexcept;

/// At most `most` bytes of `text`, cut at a character and without control characters: a platform's text fit for an
/// error or a log line.
std::string clipped(std::string_view text, std::size_t most = 300);

/// Reads a whole decimal number; nothing on anything else (sign, spaces, overflow).
std::optional<std::int64_t> parse_digits(std::string_view text) noexcept;

/// The ISO 4217 letters of a currency's number: 643 -> "RUB"; empty when this table does not know it.
std::string_view currency_of_number(std::int64_t number) noexcept;

/// Reads "376.99", "-5" or "0.5" into minor units without going through floating point.
/// Error invalid_input: not a decimal number, more digits than the currency has, or too large.
Result<Money> parse_money(std::string_view text, std::string_view currency);

}  // namespace easyflow::sdk
