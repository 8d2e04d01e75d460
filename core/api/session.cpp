#include "core/api/session.hpp"

#include <algorithm>
#include <cctype>

#include "crypto/tokens.hpp"

namespace easyflow::api {
namespace {

constexpr std::string_view kCookie = "easyflow_session";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// "https://hub.example:8443/x" -> "hub.example:8443"; empty when it is no URL.
std::string authority_of(std::string_view url) {
  auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  auto rest = url.substr(scheme + 3);
  return lower(rest.substr(0, rest.find_first_of("/?#")));
}

}  // namespace

std::string session_of(const HttpRequest& request) {
  for (const auto& [name, value] : request.headers.all()) {
    if (lower(name) != "cookie") continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      auto pair = trimmed(rest.substr(0, rest.find(';')));
      rest.remove_prefix(
          std::min(rest.size(), rest.find(';') == std::string_view::npos ? rest.size() : rest.find(';') + 1));
      auto equals = pair.find('=');
      if (equals != std::string_view::npos && pair.substr(0, equals) == kCookie)
        return std::string(pair.substr(equals + 1));
    }
  }
  return {};
}

std::string session_cookie(const Secret& token, bool secure) {
  constexpr int kTwelveHours = 12 * 60 * 60;
  return std::string(kCookie) + "=" + token.reveal() +
         "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(kTwelveHours) + (secure ? "; Secure" : "");
}

std::string ended_session_cookie() { return std::string(kCookie) + "=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"; }

Origin origin_of(const HttpRequest& request, std::string_view public_url) {
  auto site = request.headers.get("Sec-Fetch-Site");
  if (!site.empty()) return site == "same-origin" ? Origin::same : Origin::foreign;
  auto origin = request.headers.get("Origin");
  if (origin.empty()) return Origin::unsaid;
  auto asked = authority_of(origin);
  bool ours = !asked.empty() && (asked == lower(request.headers.get("Host")) || asked == authority_of(public_url));
  return ours ? Origin::same : Origin::foreign;
}

bool came_by_https(const HttpRequest& request, std::string_view public_url) {
  return public_url.substr(0, 8) == "https://" && lower(request.headers.get("Host")) == authority_of(public_url);
}

std::string form_token(const std::string& session) { return crypto::hash_token("form of " + session); }

}  // namespace easyflow::api
