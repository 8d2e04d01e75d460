// Structured log: one event name and its fields per line, on standard error.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace easyflow::log {

enum class Format { text, json };
enum class Level { debug, info, warn, error };

/// A named value of an event. Refers to its text, so it lives no longer than the statement that logs it.
class Field {
 public:
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  Field(std::string_view key, std::string_view value) : key_(key), value_(value) {}
  Field(std::string_view key, const std::string& value) : key_(key), value_(std::string_view(value)) {}
  // without this one a literal would become a bool
  Field(std::string_view key, const char* value) : key_(key), value_(std::string_view(value)) {}
  Field(std::string_view key, bool value) : key_(key), value_(value) {}
  Field(std::string_view key, double value) : key_(key), value_(value) {}
  template <std::signed_integral T>
  Field(std::string_view key, T value) : key_(key), value_(static_cast<std::int64_t>(value)) {}
  template <std::unsigned_integral T>
  Field(std::string_view key, T value) : key_(key), value_(static_cast<std::uint64_t>(value)) {}

  std::string_view key() const noexcept { return key_; }
  const Value& value() const noexcept { return value_; }

 private:
  std::string_view key_;
  Value value_;
};

using Fields = std::initializer_list<Field>;

/// Chooses form and lowest level of what is written; before the first call: text, info. Thread-safe.
void configure(Format format, Level lowest);
bool enabled(Level level) noexcept;

/// Writes one line. `event` is a fixed dotted name ("sync.finished"), what varies stands in `fields`.
/// Line breaks and invalid UTF-8 in values are escaped or replaced, so an outsider's text cannot forge a line.
/// Thread-safe. Never throws for what the values hold.
/// \code log::info("sync.finished", {{"integration", id}, {"records", 12}}); \endcode
void write(Level level, std::string_view event, Fields fields = {});

/// A detail for the one who searches a fault.
inline void debug(std::string_view event, Fields fields = {}) { write(Level::debug, event, fields); }
/// A rare event worth knowing; an outsider cannot multiply it.
inline void info(std::string_view event, Fields fields = {}) { write(Level::info, event, fields); }
/// Something works less well than it should.
inline void warn(std::string_view event, Fields fields = {}) { write(Level::warn, event, fields); }
/// A person must act.
inline void error(std::string_view event, Fields fields = {}) { write(Level::error, event, fields); }

}  // namespace easyflow::log
