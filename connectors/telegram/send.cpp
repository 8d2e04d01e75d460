#include "connectors/telegram/send.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "connectors/sdk/json_fields.hpp"
#include "connectors/sdk/text.hpp"
#include "connectors/telegram/api.hpp"

namespace easyflow::connectors::telegram {
namespace {

using Json = nlohmann::json;
using sdk::SendState;
using std::chrono::seconds;

constexpr std::size_t kLongestText = 4096;  // UTF-16 units; the platform says "characters" without a unit
constexpr std::size_t kLongestData = 64;    // bytes
constexpr std::size_t kLongestUrl = 2048;
constexpr std::size_t kLongestLabel = 256;  // our own limit, labels longer than a line are of no use
constexpr std::size_t kMostButtons = 100;
constexpr seconds kSendTimeout{60};  // long, because a time-out leaves the outcome unknown
constexpr seconds kWaitWhenUntold{5};
constexpr seconds kChatScopedWait{60};  // longer waits are never about one chat's pace

Error refused(std::string field, const std::string& why) {
  std::string text = field + ": " + why;
  return Error(ErrorKind::invalid_input, std::move(text)).with_field(std::move(field));
}

bool is_blank(std::string_view text) noexcept {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

/// "-1001234567890" as a number; nothing for anything else.
std::optional<std::int64_t> numeric_chat(std::string_view chat) {
  bool negative = !chat.empty() && chat.front() == '-';
  auto number = sdk::parse_digits(negative ? chat.substr(1) : chat);
  if (!number || *number == 0) return std::nullopt;
  return negative ? -*number : *number;
}

bool is_public_name(std::string_view chat) noexcept {
  if (chat.size() < 5 || chat.size() > 33 || chat.front() != '@') return false;
  return std::all_of(chat.begin() + 1, chat.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_button_url(std::string_view url) noexcept {
  if (url.size() > kLongestUrl) return false;
  for (char c : url)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) return false;
  for (std::string_view scheme : {"https://", "http://", "tg://"})
    if (url.size() > scheme.size() && url.substr(0, scheme.size()) == scheme) return true;
  return false;
}

Result<void> validate_button(const sdk::Button& button, const std::string& where) {
  auto label = sdk::utf16_length(button.text);
  if (!label) return refused(where + ".text", "must be valid UTF-8");
  if (is_blank(button.text)) return refused(where + ".text", "must not be empty");
  if (*label > kLongestLabel) return refused(where + ".text", "must not be longer than 256 characters");
  if (button.data.empty() == button.url.empty()) return refused(where, "needs exactly one of data and url");
  if (!button.data.empty()) {
    if (button.data.size() > kLongestData) return refused(where + ".data", "must not be longer than 64 bytes");
    if (!sdk::utf16_length(button.data)) return refused(where + ".data", "must be valid UTF-8");
  } else if (!is_button_url(button.url) || !sdk::utf16_length(button.url)) {
    return refused(where + ".url", "must be an address that begins with https://, http:// or tg://");
  }
  return {};
}

}  // namespace

Result<void> validate_message(const sdk::OutboundMessage& message) {
  if (!numeric_chat(message.chat_id) && !is_public_name(message.chat_id))
    return refused("chat_id", "must be a chat's number or the @name of a public chat");
  auto length = sdk::utf16_length(message.text);
  if (!length) return refused("text", "must be valid UTF-8");
  if (is_blank(message.text)) return refused("text", "must not be empty");
  if (*length > kLongestText)
    return refused("text", "is " + std::to_string(*length) + " characters long, Telegram takes at most 4096");
  if (!message.reply_to_message_id.empty()) {
    auto replied = sdk::parse_digits(message.reply_to_message_id);
    if (!replied || *replied == 0) return refused("reply_to_message_id", "must be the number of a message");
  }
  std::size_t buttons = 0;
  for (std::size_t row = 0; row < message.keyboard.size(); ++row) {
    const std::string row_name = "keyboard[" + std::to_string(row) + "]";
    if (message.keyboard[row].empty()) return refused(row_name, "must not be empty");
    for (std::size_t column = 0; column < message.keyboard[row].size(); ++column) {
      auto button = validate_button(message.keyboard[row][column], row_name + "[" + std::to_string(column) + "]");
      if (!button) return button;
      if (++buttons > kMostButtons) return refused("keyboard", "must not have more than 100 buttons");
    }
  }
  return {};
}

sdk::Request send_request(const sdk::Account& account, const sdk::OutboundMessage& message) {
  Json parameters;
  auto chat = numeric_chat(message.chat_id);
  if (chat)
    parameters["chat_id"] = *chat;
  else
    parameters["chat_id"] = message.chat_id;
  parameters["text"] = message.text;
  if (auto replied = sdk::parse_digits(message.reply_to_message_id)) {
    parameters["reply_parameters"]["message_id"] = *replied;
    // the answer matters more than the link to a message that was deleted meanwhile
    parameters["reply_parameters"]["allow_sending_without_reply"] = true;
  }
  if (!message.keyboard.empty()) {
    Json rows = Json::array();
    for (const auto& row : message.keyboard) {
      Json buttons = Json::array();
      for (const auto& button : row) {
        Json entry;
        entry["text"] = button.text;
        if (button.url.empty())
          entry["callback_data"] = button.data;
        else
          entry["url"] = button.url;
        buttons.push_back(std::move(entry));
      }
      rows.push_back(std::move(buttons));
    }
    parameters["reply_markup"]["inline_keyboard"] = std::move(rows);
  }
  sdk::Request request = call(account, "sendMessage", parameters, "send");
  const std::string scope = "chat:" + message.chat_id;
  request.buckets.emplace_back("chat", scope);
  // groups and channels: a negative number or a public name
  if (!chat || *chat < 0) request.buckets.emplace_back("group_chat", scope);
  request.safe_to_repeat = false;
  request.timeout = kSendTimeout;
  return request;
}

sdk::SendOutcome send_outcome(const HttpResponse& response) {
  Reply reply = read_reply(response);
  sdk::SendOutcome outcome;
  outcome.reason = "Telegram: " + reply.description;
  if (reply.ok) {
    auto message_id = sdk::find_int(reply.result, "message_id");
    if (response.status != 200 || !message_id) {
      outcome.reason = "Telegram accepted the call, but its answer does not name the message";
      return outcome;
    }
    outcome.state = SendState::sent;
    if (*message_id != 0) outcome.platform_message_id = std::to_string(*message_id);
    outcome.reason.clear();
    return outcome;
  }
  outcome.error_code = std::to_string(reply.code);
  auto says = [&](std::string_view words) { return reply.description.find(words) != std::string::npos; };

  if (reply.code == 429) {
    outcome.state = SendState::retry_later;
    outcome.retry_after = reply.retry_after.value_or(kWaitWhenUntold);
    outcome.whole_account = outcome.retry_after > kChatScopedWait;
  } else if (reply.code == 403 && reply.is_json) {
    outcome.state = SendState::contact_blocked;
  } else if (reply.code == 400 && reply.migrate_to_chat_id) {
    outcome.state = SendState::retry_later;
    outcome.new_chat_id = std::to_string(*reply.migrate_to_chat_id);
  } else if (reply.code == 400 && says("chat not found")) {
    outcome.state = SendState::contact_blocked;
  } else if (reply.code == 401) {
    outcome.state = SendState::failed;
    outcome.reason += "; the bot token is wrong or was revoked, copy it again from @BotFather";
  } else if (reply.code >= 400 && reply.code < 500 && reply.code != 408) {
    outcome.state = SendState::failed;
  } else if (reply.code >= 500 || reply.code == 408) {
    outcome.reason += "; the message may have been sent";
  } else {
    outcome.reason = "the answer is not one of the Bot API (HTTP " + std::to_string(response.status) + ")";
  }
  return outcome;
}

}  // namespace easyflow::connectors::telegram
