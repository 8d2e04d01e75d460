#include "connectors/sdk/text.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace easyflow::sdk {
namespace {

/// Bytes of the UTF-8 sequence at `at`, 0 when it is malformed, overlong, a surrogate or beyond U+10FFFF.
std::size_t sequence_length(std::string_view text, std::size_t at) noexcept {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto tail = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  unsigned lead = byte(at);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(at + 1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return tail(at + 1, low, high) && tail(at + 2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return tail(at + 1, low, high) && tail(at + 2, 0x80, 0xBF) && tail(at + 3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

/// Digits after the point, by ISO 4217. Currencies not listed have two.
int minor_digits(std::string_view currency) noexcept {
  for (std::string_view none : {"JPY", "KRW", "VND", "CLP", "ISK"})
    if (currency == none) return 0;
  for (std::string_view three : {"KWD", "BHD", "OMR", "JOD", "TND"})
    if (currency == three) return 3;
  return 2;
}

}  // namespace

std::optional<std::size_t> utf16_length(std::string_view text) noexcept {
  std::size_t units = 0;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = sequence_length(text, at);
    if (length == 0) return std::nullopt;
    units += length == 4 ? 2 : 1;
    at += length;
  }
  return units;
}

std::string clipped(std::string_view text, std::size_t most) {
  std::string kept;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = sequence_length(text, at);
    if (length == 0) {
      kept += '?';
      ++at;
    } else {
      if (kept.size() + length > most) return kept + "...";
      unsigned char lead = static_cast<unsigned char>(text[at]);
      if (lead < 0x20 || lead == 0x7F)
        kept += ' ';
      else
        kept += text.substr(at, length);
      at += length;
    }
    if (kept.size() >= most && at < text.size()) return kept + "...";
  }
  return kept;
}

std::optional<std::int64_t> parse_digits(std::string_view text) noexcept {
  std::int64_t value = 0;
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view currency_of_number(std::int64_t number) noexcept {
  switch (number) {
    case 51: return "AMD";
    case 156: return "CNY";
    case 398: return "KZT";
    case 417: return "KGS";
    case 643: return "RUB";
    case 784: return "AED";
    case 840: return "USD";
    case 860: return "UZS";
    case 933: return "BYN";
    case 944: return "AZN";
    case 949: return "TRY";
    case 972: return "TJS";
    case 978: return "EUR";
    case 981: return "GEL";
    default: return {};
  }
}

Result<Money> parse_money(std::string_view text, std::string_view currency) {
  auto refused = [&](const char* why) {
    return Error(ErrorKind::invalid_input,
                 "\"" + clipped(text, 40) + "\" is no amount in " + clipped(currency, 8) + ": " + why);
  };
  std::string_view rest = text;
  bool negative = !rest.empty() && rest.front() == '-';
  if (negative) rest.remove_prefix(1);
  std::size_t point = rest.find('.');
  std::string_view whole = rest.substr(0, point);
  std::string_view fraction = point == std::string_view::npos ? std::string_view() : rest.substr(point + 1);
  if (whole.empty() || (point != std::string_view::npos && fraction.empty())) return refused("not a decimal number");
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!std::all_of(whole.begin(), whole.end(), is_digit) || !std::all_of(fraction.begin(), fraction.end(), is_digit))
    return refused("not a decimal number");
  auto digits = static_cast<std::size_t>(minor_digits(currency));
  while (fraction.size() > digits && fraction.back() == '0') fraction.remove_suffix(1);
  if (fraction.size() > digits) return refused("too many digits after the point");
  std::string all(whole);
  all += fraction;
  all.append(digits - fraction.size(), '0');
  auto minor = parse_digits(all);
  if (!minor) return refused("too large");
  return Money{negative ? -*minor : *minor, std::string(currency)};
}

}  // namespace easyflow::sdk
