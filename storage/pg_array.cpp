#include "storage/pg_array.hpp"

#include <array>
#include <stdexcept>
#include <utility>

namespace easyflow::storage {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Length of the well-formed UTF-8 sequence at the start of `s` (Unicode 15, table 3-7), 0 when there is none.
std::size_t utf8_length(std::string_view s) {
  const auto byte = [s](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < s.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;   // no overlong forms
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;  // no surrogates
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;  // nothing above U+10FFFF
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/// Appends `value`, cleaned; with a backslash before quotes and backslashes when `quoted`.
void append_clean(std::string& out, std::string_view value, bool quoted) {
  std::size_t copied = 0;
  const auto flush = [&](std::size_t end) {
    out.append(value.substr(copied, end - copied));
    copied = end;
  };
  for (std::size_t i = 0; i < value.size();) {
    const auto c = static_cast<unsigned char>(value[i]);
    if (c >= 0x80) {
      const auto length = utf8_length(value.substr(i));
      if (length == 0) {
        flush(i);
        out += kReplacement;
        copied = i + 1;
      }
      i += length == 0 ? 1 : length;
      continue;
    }
    if (c == 0) {
      flush(i);
      out += kReplacement;
      copied = i + 1;
    } else if (quoted && (c == '"' || c == '\\')) {
      flush(i);
      out += '\\';
    }
    ++i;
  }
  flush(value.size());
}

void write_big_endian(char* out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i, value >>= 8) out[i] = static_cast<char>(value);
}

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  char text[8];
  write_big_endian(text, value, bytes);
  out.append(text, static_cast<std::size_t>(bytes));
}

/// Dimensions, whether there are nulls, element type; then length and lower bound of the only dimension.
constexpr std::size_t kArrayHeader = 20;
constexpr std::size_t kEmptyArray = 12;  ///< has no dimension to describe

constexpr std::array<std::int8_t, 256> hex_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (std::int8_t digit = 0; digit < 16; ++digit) {
    values[static_cast<unsigned char>("0123456789abcdef"[digit])] = digit;
    values[static_cast<unsigned char>("0123456789ABCDEF"[digit])] = digit;
  }
  return values;
}
constexpr auto kHexValues = hex_values();

int hex_value(char c) { return kHexValues[static_cast<unsigned char>(c)]; }

}  // namespace

void PgArray::add(std::string_view value) {
  separate();
  text_ += '"';
  append_clean(text_, value, /*quoted=*/true);
  text_ += '"';
}

void PgArray::add_null() {
  separate();
  text_ += "NULL";
}

std::string PgArray::take() {
  text_ += '}';
  return std::exchange(text_, "{");
}

void PgColumn::begin_element(std::uint32_t length) {
  if (count_++ == 0) elements_.assign(kArrayHeader, '\0');  // written by take()
  append_big_endian(elements_, length, 4);
}

void PgColumn::add_null() {
  begin_element(0xFFFFFFFFu);
  has_null_ = true;
}

void PgColumn::add_integer(std::uint64_t value, int bytes) {
  begin_element(static_cast<std::uint32_t>(bytes));
  append_big_endian(elements_, value, bytes);
}

void PgColumn::add_text(std::string_view value) {
  begin_element(0);
  const std::size_t start = elements_.size();
  append_clean(elements_, value, /*quoted=*/false);
  write_big_endian(&elements_[start - 4], elements_.size() - start, 4);
}

void PgColumn::add_bytes(std::string_view value) {
  begin_element(static_cast<std::uint32_t>(value.size()));
  elements_.append(value);
}

PgBinary PgColumn::take() {
  const auto count = std::exchange(count_, 0);
  auto array = PgBinary{std::exchange(elements_, {})};
  array.bytes.resize(count == 0 ? kEmptyArray : array.bytes.size());
  char* header = array.bytes.data();
  write_big_endian(header, count == 0 ? 0 : 1, 4);
  write_big_endian(header + 4, std::exchange(has_null_, false) ? 1 : 0, 4);
  write_big_endian(header + 8, element_type_, 4);
  if (count > 0) {
    write_big_endian(header + 12, count, 4);
    write_big_endian(header + 16, 1, 4);
  }
  return array;
}

void UuidColumn::add(std::string_view uuid) {
  constexpr std::string_view shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  char bytes[16];
  std::size_t filled = 0;
  bool well_formed = uuid.size() == shape.size();
  for (std::size_t i = 0; well_formed && i < shape.size(); i += 2) {
    if (shape[i] == '-') well_formed = uuid[i++] == '-';
    const int high = kHexValues[static_cast<unsigned char>(uuid[i])];
    const int low = kHexValues[static_cast<unsigned char>(uuid[i + 1])];
    well_formed = well_formed && high >= 0 && low >= 0;
    bytes[filled++] = static_cast<char>(high << 4 | low);
  }
  if (!well_formed) throw std::invalid_argument("not a UUID");
  add_bytes({bytes, sizeof bytes});
}

void TimestampColumn::add(Timestamp time) {
  constexpr std::int64_t epoch = 946684800;  // PostgreSQL counts microseconds from the year 2000
  const auto since = time - from_unix_seconds(epoch);
  add_integer(static_cast<std::uint64_t>(since.count()), 8);
}

std::string clean_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_clean(out, text, /*quoted=*/false);
  return out;
}

std::string hex_bytea(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out(2 + 2 * bytes.size(), '\\');
  out[1] = 'x';
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    out[2 + 2 * i] = digits[byte >> 4];
    out[3 + 2 * i] = digits[byte & 15];
  }
  return out;
}

std::string parse_bytea(std::string_view text) {
  if (text.size() % 2 != 0 || text.substr(0, 2) != "\\x") throw std::invalid_argument("not a bytea in hex form");
  std::string out;
  out.reserve(text.size() / 2 - 1);
  for (std::size_t i = 2; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) throw std::invalid_argument("not a bytea in hex form");
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

}  // namespace easyflow::storage
