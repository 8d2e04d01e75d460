#include "core/automation/action.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "core/automation/answer.hpp"
#include "storage/pg_array.hpp"

namespace easyflow::automation {
namespace {

constexpr std::size_t kLongestReply = 4096;  // characters, as of the longest message of a platform
constexpr std::size_t kLongestTag = 50;
constexpr std::size_t kLongestState = 100;
constexpr std::size_t kLongestIntent = 64;

Error wrong(const char* field, std::string message) {
  return Error(ErrorKind::invalid_input, std::move(message)).with_field(field);
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_intent(std::string_view text) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == ':' || c == '.' || c == '-';
  };
  return !text.empty() && text.size() <= kLongestIntent && std::all_of(text.begin(), text.end(), allowed);
}

/// Would the database take it as it is?
bool is_text(std::string_view text) { return storage::clean_text(text) == text; }

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

/// Tags and states are names: one line, no space around them.
Result<void> check_name(const char* field, std::string_view text, std::size_t longest) {
  if (text.empty()) return {};
  if (characters(text) > longest) return wrong(field, "Too long: at most " + std::to_string(longest) + " characters.");
  if (text.front() == ' ' || text.back() == ' ') return wrong(field, "Leave out the space around it.");
  auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  if (!is_text(text) || std::any_of(text.begin(), text.end(), is_control))
    return wrong(field, "Expected one line of plain text.");
  return {};
}

/// "22:30" as minutes since midnight.
std::optional<int> minutes_of(std::string_view text) {
  auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9' ? text[at] - '0' : -100; };
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const int hours = digit(0) * 10 + digit(1);
  const int minutes = digit(3) * 10 + digit(4);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  return hours * 60 + minutes;
}

Result<void> check_time(const char* field, const std::string& text) {
  if (text.empty() || minutes_of(text)) return {};
  return wrong(field, "Expected a time of the day from 00:00 to 23:59, for example 22:00.");
}

Result<void> check_reply(const std::string& reply) {
  if (reply.empty()) return {};
  if (is_blank(reply)) return wrong("reply", "The answer holds no visible text. Leave it out to send none.");
  if (!is_text(reply)) return wrong("reply", "Expected UTF-8 text without the character U+0000.");
  if (characters(reply) > kLongestReply)
    return wrong("reply", "Too long: at most " + std::to_string(kLongestReply) + " characters.");
  if (auto unknown = unknown_placeholder(reply); !unknown.empty())
    return wrong("reply", "There is no " + unknown + ". What can be filled in: {name}, {order_number}.");
  return {};
}

}  // namespace

Result<void> check(const storage::IntentAction& action) {
  if (!is_intent(action.intent))
    return wrong("intent", "An intent is 1 to 64 of the characters a-z, 0-9, _ : . and -, for example order_status.");
  if (!std::isfinite(action.min_confidence) || action.min_confidence < 0 || action.min_confidence > 1)
    return wrong("min_confidence", "Expected a number from 0 to 1.");
  if (auto reply = check_reply(action.reply); !reply) return reply.error();
  if (auto tag = check_name("tag", action.tag, kLongestTag); !tag) return tag.error();
  if (auto state = check_name("state", action.state, kLongestState); !state) return state.error();
  if (auto from = check_time("quiet_from", action.quiet_from); !from) return from.error();
  if (auto until = check_time("quiet_until", action.quiet_until); !until) return until.error();
  if (action.quiet_from.empty() != action.quiet_until.empty())
    return wrong(action.quiet_from.empty() ? "quiet_from" : "quiet_until", "Quiet hours need a beginning and an end.");
  if (action.reply.empty() && !action.escalate && action.tag.empty() && action.state.empty())
    return wrong("reply", "Say what shall happen: at least one of reply, escalate, tag and state.");
  return {};
}

Result<void> set_quiet_hours(storage::IntentAction& action, std::string_view text) {
  action.quiet_from.clear();
  action.quiet_until.clear();
  if (text.empty()) return {};
  const auto dash = text.find('-');
  const auto from = text.substr(0, dash);
  const auto until = dash == std::string_view::npos ? std::string_view() : text.substr(dash + 1);
  if (!minutes_of(from) || !minutes_of(until))
    return wrong("quiet", "Expected two times of the day, for example 22:00-08:00.");
  action.quiet_from = from;
  action.quiet_until = until;
  return {};
}

bool is_quiet(const storage::IntentAction& action, int minute_of_day) {
  const auto from = minutes_of(action.quiet_from);
  const auto until = minutes_of(action.quiet_until);
  if (!from || !until || *from == *until) return false;
  if (*from < *until) return minute_of_day >= *from && minute_of_day < *until;
  return minute_of_day >= *from || minute_of_day < *until;
}

}  // namespace easyflow::automation
