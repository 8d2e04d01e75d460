#include "connectors/telegram/api.hpp"

#include <algorithm>
#include <array>

#include "connectors/sdk/json_fields.hpp"
#include "connectors/sdk/text.hpp"

namespace easyflow::connectors::telegram {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

constexpr std::size_t kLongestToken = 80;
constexpr seconds kWaitWhenUntold{5};
constexpr seconds kLongestWait{2 * 86'400};

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool is_secret_character(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

/// Replaces whatever looks like a bot token. The platform does not repeat tokens, a proxy's error page may.
std::string without_tokens(std::string text) {
  for (std::size_t colon = text.find(':'); colon != std::string::npos; colon = text.find(':', colon + 1)) {
    std::size_t begin = colon;
    while (begin > 0 && is_digit(text[begin - 1])) --begin;
    std::size_t end = colon + 1;
    while (end < text.size() && is_secret_character(text[end])) ++end;
    constexpr std::size_t kShortestSecret = 12;
    if (begin == colon || end - colon <= kShortestSecret) continue;
    text.replace(begin, end - begin, "<token>");
    colon = begin;
  }
  return text;
}

}  // namespace

const Json& allowed_updates() {
  static const Json kinds = Json::array(
      {"message", "edited_message", "channel_post", "edited_channel_post", "callback_query", "my_chat_member"});
  return kinds;
}

Result<void> check_token(std::string_view token) {
  auto refused = [](const char* why) {
    return Error(ErrorKind::unauthorized, std::string("this is not a bot token (") + why +
                                              "): copy it from @BotFather, it looks like 123456:ABC-DEF")
        .with_field("credentials.bot_token");
  };
  if (token.empty()) return refused("it is empty");
  if (token.size() > kLongestToken) return refused("it is too long");
  std::size_t colon = token.find(':');
  if (colon == std::string_view::npos) return refused("there is no colon in it");
  std::string_view id = token.substr(0, colon);
  std::string_view secret = token.substr(colon + 1);
  if (id.empty() || id.front() == '0' || !std::all_of(id.begin(), id.end(), is_digit))
    return refused("before the colon there must be a number");
  if (secret.empty() || !std::all_of(secret.begin(), secret.end(), is_secret_character))
    return refused("behind the colon there must be letters, digits, - and _ only");
  return {};
}

sdk::Request call(const sdk::Account& account, std::string_view method, const Json& parameters, std::string bucket) {
  const std::string& token = account.credential("bot_token");
  HttpRequest http;
  http.method = "POST";
  http.target = account.base_url("api");
  // an unusable token is refused by the server; it must not be able to bend the path
  if (check_token(token))
    http.target += "/bot" + token;
  else
    http.target += "/bot0:invalid";
  http.target += '/';
  http.target += method;
  http.headers.add("Content-Type", "application/json");
  http.headers.add("Accept", "application/json");
  http.body = parameters.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
  return sdk::Request(std::move(http), {sdk::BucketUse(std::move(bucket))});
}

Reply read_reply(const HttpResponse& response) {
  Reply reply;
  reply.code = response.status;
  auto header_wait = sdk::parse_digits(response.headers.get("Retry-After"));
  auto wait = [](std::int64_t told) {
    return seconds(std::clamp(told, std::int64_t{1}, std::int64_t{kLongestWait.count()}));
  };
  if (header_wait) reply.retry_after = wait(*header_wait);

  auto body = sdk::parse_json(response.body);
  const Json* ok = body ? sdk::find_member(*body, "ok") : nullptr;
  if (ok == nullptr || !ok->is_boolean()) {
    reply.description = "HTTP " + std::to_string(response.status) + " without a Bot API answer";
    return reply;
  }
  reply.is_json = true;
  reply.ok = ok->get<bool>();
  if (auto code = sdk::find_int(*body, "error_code"); code && !reply.ok && *code >= 100 && *code <= 999)
    reply.code = static_cast<int>(*code);
  if (const std::string* text = sdk::find_text(*body, "description"))
    reply.description = sdk::clipped(without_tokens(*text));
  if (const Json* parameters = sdk::find_object(*body, "parameters")) {
    if (auto told = sdk::find_int(*parameters, "retry_after")) reply.retry_after = wait(*told);
    reply.migrate_to_chat_id = sdk::find_int(*parameters, "migrate_to_chat_id");
  }
  if (reply.ok) {
    auto result = body->find("result");
    if (result != body->end()) reply.result = std::move(*result);
  }
  if (reply.description.empty()) reply.description = "HTTP " + std::to_string(response.status);
  return reply;
}

Error error_of(const Reply& reply, std::string_view what) {
  const std::string text = "Telegram, " + std::string(what) + ": " + reply.description;
  constexpr const char* kNewToken = "; the bot token is wrong or was revoked, copy it again from @BotFather";
  if (reply.code == 429) return Error(ErrorKind::rate_limited, text, reply.retry_after.value_or(kWaitWhenUntold));
  if (reply.code >= 500 || reply.code == 408) return Error(ErrorKind::unavailable, text);
  if (reply.code == 401 || reply.code == 403 || reply.code == 404)
    return Error(ErrorKind::unauthorized, text + kNewToken);
  if (reply.code == 409) {
    bool webhook = reply.description.find("webhook") != std::string::npos;
    return Error(
        ErrorKind::conflict,
        text + (webhook ? "; a webhook is set for this bot, remove it before polling"
                        : "; another program polls this bot with the same token: stop it, or revoke the token"));
  }
  if (reply.code == 400 && reply.description.find("Logged out") != std::string::npos)
    return Error(ErrorKind::unauthorized, text + "; the bot was moved to another server");
  if (reply.code >= 400) return Error(ErrorKind::invalid_input, text);
  return Error(ErrorKind::protocol, text);
}

}  // namespace easyflow::connectors::telegram
