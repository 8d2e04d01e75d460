// Time as the hub uses it: UTC with microseconds, as PostgreSQL keeps it. Injected, so tests never sleep.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace easyflow {

using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
};

/// "2026-11-21T09:35:30.123456Z"; the fraction is left out when zero. PostgreSQL and RFC 3339 readers take it.
std::string format_rfc3339(Timestamp t);

/// Reads RFC 3339 with "Z" or a numeric offset and up to nine fractional digits (more than six are cut),
/// also PostgreSQL's own "2026-11-21 09:35:30.1+00". A text without a zone is read as UTC. Nothing when malformed.
std::optional<Timestamp> parse_rfc3339(std::string_view text);

/// The offset from UTC that such a text ends with ("+03:00"); zero for "Z" or none. Ask parse_rfc3339 first whether it
/// is well-formed.
std::chrono::minutes rfc3339_offset(std::string_view text);

Timestamp from_unix_seconds(std::int64_t seconds);
std::int64_t to_unix_seconds(Timestamp t);

}  // namespace easyflow
