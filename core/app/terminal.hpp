// Talking to the person at the terminal.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/base/secret.hpp"

namespace easyflow::app {

/// Rows under a header, columns as wide as their widest text (in characters, not bytes).
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const noexcept { return rows_.size() == 1; }
  void print() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Control characters of somebody else's text made harmless for a terminal, cut to `most` characters.
std::string printable(const std::string& text, std::size_t most = 60);

/// "12 s ago", "in 5 min", "never".
std::string ago(const std::optional<Timestamp>& at, Timestamp now);

/// True when a person sits at both ends.
bool is_interactive();

/// Asks on the terminal; `hidden` keeps the answer off the screen.
Secret ask(const std::string& question, bool hidden);

/// A value named on the command line without being on it: "@file", "env:NAME" or "-" (standard input).
/// Error invalid_input for a plain value when `secret`: the process list would show it.
Result<Secret> value_of(const std::string& given, bool secret);

/// Standard input to its end, at most 1 MB, without a trailing newline.
std::string read_stdin();

/// Prints "error: ..." with the field; returns the exit code.
int report(const Error& error, bool json);

}  // namespace easyflow::app
