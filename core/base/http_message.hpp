// HTTP messages as plain values, so that handlers and connectors need neither Beast nor sockets.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace easyflow {

/// Header fields in order of arrival; names compare without case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}

  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  /// The first value of `name`, or an empty view.
  std::string_view get(std::string_view name) const noexcept;
  bool contains(std::string_view name) const noexcept;
  const std::vector<std::pair<std::string, std::string>>& all() const noexcept { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// A request, received (target is "/path?query") or to be sent (target is an absolute URL).
struct HttpRequest {
  HttpRequest() = default;
  HttpRequest(std::string method_, std::string target_, Headers headers_ = {}, std::string body_ = {})
      : method(std::move(method_)), target(std::move(target_)), headers(std::move(headers_)), body(std::move(body_)) {}

  std::string method;  ///< upper case
  std::string target;
  Headers headers;
  std::string body;  ///< the exact bytes

  /// The target without query.
  std::string_view path() const noexcept;
  /// The decoded value of a query parameter, or nothing. Only for received requests.
  std::string query(std::string_view name, std::string fallback = {}) const;
};

struct HttpResponse {
  HttpResponse() = default;
  explicit HttpResponse(int status_, std::string body_ = {}, Headers headers_ = {})
      : status(status_), body(std::move(body_)), headers(std::move(headers_)) {}

  int status = 0;
  std::string body;
  Headers headers;
};

/// Percent-encodes everything but unreserved characters (RFC 3986), for query values and path segments.
std::string url_encode(std::string_view text);
/// Undoes percent-encoding and '+'. Malformed escapes stay as they are.
std::string url_decode(std::string_view text);

}  // namespace easyflow
