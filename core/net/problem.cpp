#include "core/net/problem.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <nlohmann/json.hpp>

namespace easyflow::net {
namespace {

std::string dump(const nlohmann::json& body) {
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string slug_of(std::string_view title) {
  std::string slug;
  for (char c : title) slug.push_back(c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  return slug;
}

struct Shown {
  int status;
  std::string_view title;
};

Shown shown(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_input: return {400, "Invalid input"};
    case ErrorKind::unauthorized: return {401, "Unauthorized"};
    case ErrorKind::not_found: return {404, "Not found"};
    case ErrorKind::conflict: return {409, "Conflict"};
    case ErrorKind::rate_limited: return {429, "Rate limited"};
    case ErrorKind::unavailable: return {503, "Unavailable"};
    case ErrorKind::timeout: return {504, "Timeout"};
    case ErrorKind::protocol: return {502, "Bad answer from the platform"};
    case ErrorKind::internal: break;
  }
  return {500, "Internal error"};
}

}  // namespace

HttpResponse json_response(int status, const nlohmann::json& body) {
  return HttpResponse(status, dump(body), {{"Content-Type", "application/json"}});
}

HttpResponse problem(int status, std::string_view title, std::string detail, std::string field, std::string_view slug) {
  nlohmann::json body{{"type", "urn:easyflow:problem:" + (slug.empty() ? slug_of(title) : std::string(slug))},
                      {"title", title},
                      {"status", status},
                      {"detail", std::move(detail)}};
  if (!field.empty()) body["field"] = std::move(field);
  return HttpResponse(status, dump(body), {{"Content-Type", "application/problem+json"}});
}

HttpResponse problem_from(const Error& error) {
  constexpr std::chrono::seconds kRetryLater{5};
  auto [status, title] = shown(error.kind());
  auto slug = std::string(to_string(error.kind()));
  std::replace(slug.begin(), slug.end(), '_', '-');
  auto detail = error.kind() == ErrorKind::internal
                    ? "The hub failed to answer. Its log tells why, under the request id of this answer."
                    : error.message();
  auto response = problem(status, title, std::move(detail), error.field(), slug);
  if (status == 401) response.headers.add("WWW-Authenticate", "Bearer");
  if (status == 429 || status == 503)
    response.headers.add("Retry-After",
                         std::to_string(std::max<std::int64_t>(1, error.retry_after().value_or(kRetryLater).count())));
  return response;
}

}  // namespace easyflow::net
