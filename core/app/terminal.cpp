#include "core/app/terminal.hpp"

#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace easyflow::app {
namespace {

std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string spoken(std::chrono::seconds span) {
  const auto s = span.count();
  if (s < 120) return std::to_string(s) + " s";
  if (s < 2 * 3600) return std::to_string(s / 60) + " min";
  if (s < 48 * 3600) return std::to_string(s / 3600) + " h";
  return std::to_string(s / 86400) + " d";
}

std::string without_newline(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

}  // namespace

void Table::print() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - width(row[i]) + 2, ' ');
    }
    std::cout << line << '\n';
  }
}

std::string printable(const std::string& text, std::size_t most) {
  std::string out;
  std::size_t characters = 0;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) != 0x80 && ++characters > most) return out + "…";
    out.push_back(byte < 0x20 || byte == 0x7f ? ' ' : c);
  }
  return out;
}

std::string ago(const std::optional<Timestamp>& at, Timestamp now) {
  if (!at) return "never";
  auto span = std::chrono::floor<std::chrono::seconds>(now - *at);
  if (span.count() >= 0) return spoken(span) + " ago";
  return "in " + spoken(-span);
}

bool is_interactive() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1; }

Secret ask(const std::string& question, bool hidden) {
  std::cerr << question << ": " << std::flush;
  termios before{};
  const bool silent = hidden && ::tcgetattr(STDIN_FILENO, &before) == 0;
  if (silent) {
    termios quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  std::string answer;
  std::getline(std::cin, answer);
  if (silent) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    std::cerr << '\n';
  }
  return Secret(without_newline(std::move(answer)));
}

std::string read_stdin() {
  constexpr std::size_t kMost = 1024 * 1024;
  std::string text;
  char buffer[4096];
  while (text.size() < kMost && std::cin.read(buffer, sizeof buffer)) text.append(buffer, sizeof buffer);
  text.append(buffer, static_cast<std::size_t>(std::cin.gcount()));
  return without_newline(std::move(text));
}

Result<Secret> value_of(const std::string& given, bool secret) {
  if (given == "-") return Secret(read_stdin());
  if (given.rfind("env:", 0) == 0) {
    const char* value = std::getenv(given.c_str() + 4);
    if (value == nullptr)
      return Error(ErrorKind::invalid_input, "The environment variable " + given.substr(4) + " is not set.");
    return Secret(value);
  }
  if (!given.empty() && given[0] == '@') {
    std::ifstream file(given.substr(1));
    if (!file) return Error(ErrorKind::invalid_input, "The file " + given.substr(1) + " can't be read.");
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    return Secret(without_newline(std::move(text)));
  }
  if (secret)
    return Error(ErrorKind::invalid_input,
                 "A secret on the command line is seen by everybody on this machine. Give it as @file, env:NAME or - "
                 "(standard input), or leave it out to be asked.");
  return Secret(given);
}

int report(const Error& error, bool json) {
  if (json) {
    nlohmann::json body = {{"error", {{"kind", to_string(error.kind())}, {"detail", error.message()}}}};
    if (!error.field().empty()) body["error"]["field"] = error.field();
    std::cout << body.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  }
  std::cerr << "error: " << error.message();
  if (!error.field().empty()) std::cerr << " [" << error.field() << "]";
  std::cerr << '\n';
  return 1;
}

}  // namespace easyflow::app
