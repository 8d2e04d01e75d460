// Finds the handler of a request by method and path.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/async/task.hpp"
#include "core/base/http_message.hpp"

namespace easyflow::net {

/// The decoded values of a pattern's {parameters}.
class PathParams {
 public:
  void add(std::string name, std::string value) { values_.emplace_back(std::move(name), std::move(value)); }
  /// The value of a parameter of the route's own pattern. Throws std::out_of_range for any other name.
  const std::string& get(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

struct RouteInfo {
  std::string method;
  std::string pattern;
};

/// Filled once at start, then only read. Outlives the tasks it returned.
/// \code
/// router.add("GET", "/api/v1/integrations/{id}", [&api](HttpRequest request, PathParams params) {
///   return api.show_integration(std::move(request), std::move(params));
/// });
/// \endcode
class Router {
 public:
  using Handler = std::function<Task<HttpResponse>(HttpRequest, PathParams)>;

  /// `pattern` starts with '/'; a segment in braces is a parameter and matches any one non-empty segment. Where several
  /// patterns match, a literal segment wins over a parameter, from left to right.
  /// Throws std::logic_error for a malformed pattern or one that is taken ("/a/{x}" and "/a/{y}" are the same).
  void add(std::string method, std::string pattern, Handler handler);

  /// The handler's answer; 404 when no pattern matches, 405 with Allow when none does for this method. HEAD is
  /// answered by the GET handler.
  Task<HttpResponse> handle(HttpRequest request) const;

  /// All routes in the order they were added.
  std::vector<RouteInfo> routes() const;

 private:
  struct Segment {
    std::string text;  ///< the literal, or the parameter's name
    bool is_parameter;
  };
  struct Route {
    RouteInfo info;
    std::vector<Segment> segments;
    Handler handler;
  };

  static bool matches(const Route& route, const std::vector<std::string_view>& path);

  std::vector<Route> routes_;
};

}  // namespace easyflow::net
