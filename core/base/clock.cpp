#include "core/base/clock.hpp"

#include <cstdio>

namespace easyflow {
namespace {

/// Reads exactly `count` digits at `pos` and moves it. Nothing when a character is no digit.
std::optional<int> digits(std::string_view text, std::size_t& pos, std::size_t count) {
  if (pos + count > text.size()) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    char c = text[pos + i];
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  pos += count;
  return value;
}

bool take(std::string_view text, std::size_t& pos, char expected) {
  if (pos >= text.size() || text[pos] != expected) return false;
  ++pos;
  return true;
}

/// Reads "Z", "+hh", "+hhmm" or "+hh:mm" to the end of the text; no zone at all means UTC.
std::optional<std::chrono::minutes> zone(std::string_view text, std::size_t pos) {
  using std::chrono::minutes;
  if (pos == text.size()) return minutes(0);
  if (text[pos] == 'Z' || text[pos] == 'z') return pos + 1 == text.size() ? std::optional(minutes(0)) : std::nullopt;
  int sign = text[pos] == '+' ? 1 : text[pos] == '-' ? -1 : 0;
  if (sign == 0) return std::nullopt;
  ++pos;
  auto hours = digits(text, pos, 2);
  if (!hours || *hours > 23) return std::nullopt;
  int minute = 0;
  if (pos < text.size()) {
    take(text, pos, ':');
    auto read = digits(text, pos, 2);
    if (!read || *read > 59) return std::nullopt;
    minute = *read;
  }
  if (pos != text.size()) return std::nullopt;
  return minutes(sign * (*hours * 60 + minute));
}

}  // namespace

Timestamp SystemClock::now() const {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::string format_rfc3339(Timestamp t) {
  using namespace std::chrono;
  auto day = floor<days>(t);
  year_month_day date{day};
  hh_mm_ss time{t - day};
  char text[48];
  int used = std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", int(date.year()), unsigned(date.month()),
                           unsigned(date.day()), int(time.hours().count()), int(time.minutes().count()),
                           int(time.seconds().count()));
  auto micros = static_cast<int>(time.subseconds().count());
  if (micros != 0) used += std::snprintf(text + used, sizeof text - static_cast<std::size_t>(used), ".%06d", micros);
  return std::string(text, static_cast<std::size_t>(used)) + "Z";
}

std::optional<Timestamp> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  std::size_t pos = 0;
  auto y = digits(text, pos, 4);
  if (!y || !take(text, pos, '-')) return std::nullopt;
  auto mo = digits(text, pos, 2);
  if (!mo || !take(text, pos, '-')) return std::nullopt;
  auto d = digits(text, pos, 2);
  if (!d) return std::nullopt;
  year_month_day date{year{*y}, month{static_cast<unsigned>(*mo)}, day{static_cast<unsigned>(*d)}};
  if (!date.ok()) return std::nullopt;
  if (pos == text.size()) return Timestamp(sys_days{date});
  if (text[pos] != 'T' && text[pos] != 't' && text[pos] != ' ') return std::nullopt;
  ++pos;
  auto h = digits(text, pos, 2);
  if (!h || *h > 23 || !take(text, pos, ':')) return std::nullopt;
  auto mi = digits(text, pos, 2);
  if (!mi || *mi > 59 || !take(text, pos, ':')) return std::nullopt;
  auto s = digits(text, pos, 2);
  if (!s || *s > 60) return std::nullopt;
  std::int64_t micros = 0;
  if (pos < text.size() && text[pos] == '.') {
    ++pos;
    std::size_t count = 0;
    for (; pos < text.size() && text[pos] >= '0' && text[pos] <= '9'; ++pos, ++count)
      if (count < 6) micros = micros * 10 + (text[pos] - '0');
    if (count == 0 || count > 9) return std::nullopt;
    for (; count < 6; ++count) micros *= 10;
  }
  auto offset = zone(text, pos);
  if (!offset) return std::nullopt;
  return Timestamp(sys_days{date}) + hours(*h) + minutes(*mi) + seconds(*s) + microseconds(micros) - *offset;
}

std::chrono::minutes rfc3339_offset(std::string_view text) {
  constexpr std::size_t kTimeOfDay = 11;  // the signs before it are of the date
  const auto sign = text.find_last_of("+-");
  if (sign == std::string_view::npos || sign < kTimeOfDay) return std::chrono::minutes(0);
  int digits = 0, hours = 0, minutes = 0;
  for (char c : text.substr(sign + 1)) {
    if (c < '0' || c > '9') continue;
    int& part = digits++ < 2 ? hours : minutes;
    part = part * 10 + (c - '0');
  }
  const auto offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return text[sign] == '-' ? -offset : offset;
}

Timestamp from_unix_seconds(std::int64_t seconds) { return Timestamp(std::chrono::seconds(seconds)); }

std::int64_t to_unix_seconds(Timestamp t) {
  return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}

}  // namespace easyflow
