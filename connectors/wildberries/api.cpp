#include "connectors/wildberries/api.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "connectors/sdk/json_fields.hpp"
#include "connectors/sdk/text.hpp"

namespace easyflow::connectors::wildberries {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

constexpr std::size_t kLongestToken = 4096;
constexpr seconds kWaitWhenUntold{5};        // the hidden limiter per seller answers 429 without any header
constexpr seconds kLongestWait{7 * 86'400};  // a basic token may be told to wait a day; more is a broken header

struct Category {
  int bit;
  const char* name;
};
constexpr std::array kCategories{Category{1, "Content"},
                                 Category{2, "Analytics"},
                                 Category{3, "Prices and discounts"},
                                 Category{4, "Marketplace"},
                                 Category{5, "Statistics"},
                                 Category{6, "Promotion"},
                                 Category{7, "Feedbacks and questions"},
                                 Category{9, "Buyer chat"},
                                 Category{10, "Supplies"},
                                 Category{11, "Returns"},
                                 Category{12, "Documents"},
                                 Category{13, "Finance"},
                                 Category{16, "Users"}};

Error not_a_token(const std::string& why) {
  return Error(ErrorKind::unauthorized,
               "this is not a Wildberries API token (" + why +
                   "): create one in the seller portal, Settings, Access to API, and paste it whole")
      .with_field("credentials.api_key");
}

/// base64url without padding; nothing on any other character.
std::optional<std::string> decode_base64url(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    std::uint32_t value = 0;
    if (c >= 'A' && c <= 'Z')
      value = static_cast<std::uint32_t>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      value = static_cast<std::uint32_t>(c - 'a') + 26;
    else if (c >= '0' && c <= '9')
      value = static_cast<std::uint32_t>(c - '0') + 52;
    else if (c == '-' || c == '+')
      value = 62;
    else if (c == '_' || c == '/')
      value = 63;
    else
      return std::nullopt;
    bits = (bits << 6) | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>((bits >> count) & 0xFFU);
    }
  }
  return bytes;
}

/// A number or a text of digits, as text: the platform writes ids both ways.
std::string id_text(const Json& object, const char* name) {
  if (auto number = sdk::find_int(object, name)) return std::to_string(*number);
  const std::string* text = sdk::find_text(object, name);
  return text == nullptr ? std::string() : sdk::clipped(*text, 64);
}

/// Looks for the human part of an error body, of which there are about ten shapes. README.md#errors
std::string detail_of(const Json& body) {
  const Json& object = body.is_array() && !body.empty() ? body.front() : body;
  for (const char* name : {"detail", "errorText", "message", "title", "error", "errors"}) {
    const Json* value = sdk::find_member(object, name);
    if (value == nullptr) continue;
    if (value->is_array() && !value->empty()) value = &value->front();
    const auto* text = value->get_ptr<const std::string*>();
    if (text != nullptr && !text->empty()) return *text;
  }
  return {};
}

void remove_all(std::string& text, const std::string& secret) {
  if (secret.size() < 8) return;
  for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at))
    text.replace(at, secret.size(), "<token>");
}

seconds wait_of(const HttpResponse& reply) {
  for (const char* name : {"X-Ratelimit-Retry", "Retry-After"})
    if (auto told = sdk::parse_digits(reply.headers.get(name)))
      return std::clamp(seconds(std::min(*told, std::int64_t{kLongestWait.count()})), seconds(1), kLongestWait);
  return kWaitWhenUntold;
}

sdk::Request request(const sdk::Account& account, HttpRequest http, const std::string& bucket) {
  http.headers.add("Authorization", account.credential("api_key"));
  http.headers.add("Accept", "application/json");
  return sdk::Request(std::move(http), {sdk::BucketUse(bucket)});
}

}  // namespace

Result<TokenClaims> decode_token(std::string_view token) {
  if (token.empty()) return not_a_token("it is empty");
  if (token.size() > kLongestToken) return not_a_token("it is too long");
  std::size_t first = token.find('.');
  std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return not_a_token("it should have three parts with dots between them");
  // the rest goes into a header as it is, so no part may hold anything but base64url
  if (!decode_base64url(token.substr(0, first)) || !decode_base64url(token.substr(second + 1)))
    return not_a_token("it holds a character no token has, perhaps a space or a line break");
  auto payload = decode_base64url(token.substr(first + 1, second - first - 1));
  if (!payload) return not_a_token("it holds a character no token has, perhaps a space or a line break");
  auto claims = sdk::parse_json(*payload);
  if (!claims || !claims->is_object()) return not_a_token("its middle part cannot be read");

  TokenClaims decoded;
  decoded.id = id_text(*claims, "id");
  decoded.seller = id_text(*claims, "sid");
  decoded.supplier_id = id_text(*claims, "oid");
  auto categories = sdk::find_int(*claims, "s");
  if (!categories || *categories < 0) return not_a_token("it does not say which categories it opens");
  decoded.categories = static_cast<std::uint64_t>(*categories);
  auto expiry = sdk::find_int(*claims, "exp");
  constexpr std::int64_t kYear3000 = 32'503'680'000;
  if (expiry && *expiry > 0 && *expiry < kYear3000) decoded.expires_at = from_unix_seconds(*expiry);
  const Json* test = sdk::find_member(*claims, "t");
  decoded.test = test != nullptr && test->is_boolean() && test->get<bool>();
  decoded.type = sdk::find_int(*claims, "acc").value_or(0);
  return decoded;
}

std::vector<std::string> category_names(std::uint64_t mask) {
  std::vector<std::string> names;
  for (const auto& category : kCategories)
    if (((mask >> category.bit) & 1U) != 0) names.emplace_back(category.name);
  return names;
}

sdk::Request get(const sdk::Account& account, const std::string& host, const std::string& path,
                 const std::string& bucket) {
  return request(account, HttpRequest("GET", account.base_url(host) + path), bucket);
}

sdk::Request post(const sdk::Account& account, const std::string& host, const std::string& path, const Json& body,
                  const std::string& bucket) {
  HttpRequest http("POST", account.base_url(host) + path);
  http.headers.add("Content-Type", "application/json");
  http.body = sdk::json_text(body);
  return request(account, std::move(http), bucket);
}

Result<Json> read_reply(const sdk::Account& account, const HttpResponse& reply, std::string_view what) {
  auto body = sdk::parse_json(reply.body);
  std::string detail = body ? detail_of(*body) : std::string();
  remove_all(detail, account.credential("api_key"));
  detail = sdk::clipped(detail);
  const std::string heading = "Wildberries, " + std::string(what) + ": ";
  const std::string told =
      detail.empty() ? "HTTP " + std::to_string(reply.status) : detail + " (HTTP " + std::to_string(reply.status) + ")";

  if (reply.status == 200) {
    if (!body) return Error(ErrorKind::protocol, heading + body.error().message());
    const Json* failed = sdk::find_member(*body, "error");
    if (failed != nullptr && failed->is_boolean() && failed->get<bool>())
      return Error(ErrorKind::invalid_input, heading + (detail.empty() ? "refused without a reason" : detail));
    return body;
  }
  if (reply.status == 402)
    return Error(ErrorKind::unauthorized,
                 heading +
                     "the balance of the Wildberries business account is used up, top it up at "
                     "dev.wildberries.ru/company: " +
                     told);
  if (reply.status == 401)
    return Error(ErrorKind::unauthorized,
                 heading + "the token was refused; create a new one in the seller portal: " + told);
  if (reply.status == 403)
    return Error(ErrorKind::unauthorized,
                 heading + "the token does not open this; it needs the categories Content and Marketplace: " + told);
  if (reply.status == 429) return Error(ErrorKind::rate_limited, heading + told, wait_of(reply));
  if (reply.status >= 500 || reply.status == 408) return Error(ErrorKind::unavailable, heading + told);
  if (reply.status == 404)
    return Error(ErrorKind::protocol, heading + "there is no such address on this host: " + told);
  if (reply.status >= 400) return Error(ErrorKind::invalid_input, heading + told);
  return Error(ErrorKind::protocol, heading + "unexpected answer: " + told);
}

}  // namespace easyflow::connectors::wildberries
