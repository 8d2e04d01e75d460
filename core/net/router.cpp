#include "core/net/router.hpp"

#include <algorithm>
#include <stdexcept>

#include "core/net/problem.hpp"

namespace easyflow::net {
namespace {

/// "/a/b" -> {"a", "b"}; "/" -> {""}.
std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  for (;;) {
    auto slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

/// In a path, unlike in a query, '+' stands for itself.
std::string decode_segment(std::string_view segment) {
  std::string kept;
  for (char c : segment) {
    if (c == '+') {
      kept += "%2B";
    } else {
      kept.push_back(c);
    }
  }
  return url_decode(kept);
}

Task<HttpResponse> ready(HttpResponse response) { co_return response; }

}  // namespace

const std::string& PathParams::get(std::string_view name) const {
  for (const auto& [key, value] : values_)
    if (key == name) return value;
  throw std::out_of_range("the route has no parameter {" + std::string(name) + "}");
}

void Router::add(std::string method, std::string pattern, Handler handler) {
  if (pattern.empty() || pattern.front() != '/')
    throw std::logic_error("route pattern must start with '/': " + pattern);
  Route route{{std::move(method), pattern}, {}, std::move(handler)};
  for (auto text : split(pattern)) {
    bool is_parameter = text.size() > 2 && text.front() == '{' && text.back() == '}';
    if (is_parameter) text = text.substr(1, text.size() - 2);
    if (text.find_first_of("{}") != std::string_view::npos)
      throw std::logic_error("route pattern has a stray brace: " + pattern);
    route.segments.push_back({std::string(text), is_parameter});
  }
  for (const auto& other : routes_) {
    bool same = other.info.method == route.info.method &&
                std::equal(other.segments.begin(), other.segments.end(), route.segments.begin(), route.segments.end(),
                           [](const Segment& a, const Segment& b) {
                             return a.is_parameter == b.is_parameter && (a.is_parameter || a.text == b.text);
                           });
    if (same) throw std::logic_error("route is taken: " + route.info.method + " " + pattern);
  }
  routes_.push_back(std::move(route));
}

bool Router::matches(const Route& route, const std::vector<std::string_view>& path) {
  return std::equal(route.segments.begin(), route.segments.end(), path.begin(), path.end(),
                    [](const Segment& segment, std::string_view text) {
                      return segment.is_parameter ? !text.empty() : segment.text == text;
                    });
}

Task<HttpResponse> Router::handle(HttpRequest request) const {
  auto path = split(request.path());
  std::string_view method = request.method == "HEAD" ? std::string_view("GET") : std::string_view(request.method);
  const Route* best = nullptr;
  std::vector<std::string> allowed;
  auto literal_first = [](const Segment& a, const Segment& b) { return !a.is_parameter && b.is_parameter; };
  for (const auto& route : routes_) {
    if (!matches(route, path)) continue;
    if (route.info.method != method) {
      allowed.push_back(route.info.method);
      if (route.info.method == "GET") allowed.emplace_back("HEAD");
    } else if (best == nullptr ||
               std::lexicographical_compare(route.segments.begin(), route.segments.end(), best->segments.begin(),
                                            best->segments.end(), literal_first)) {
      best = &route;
    }
  }
  if (best != nullptr) {
    PathParams params;
    for (std::size_t i = 0; i < path.size(); ++i)
      if (best->segments[i].is_parameter) params.add(best->segments[i].text, decode_segment(path[i]));
    return best->handler(std::move(request), std::move(params));
  }
  if (allowed.empty())
    return ready(
        problem(404, "Not found", "There is nothing at this path; docs/openapi.yaml lists the paths of the API."));
  std::sort(allowed.begin(), allowed.end());
  allowed.erase(std::unique(allowed.begin(), allowed.end()), allowed.end());
  std::string list;
  for (const auto& name : allowed) list += (list.empty() ? "" : ", ") + name;
  auto response = problem(405, "Method not allowed", "This path takes " + list + ".");
  response.headers.add("Allow", list);
  return ready(std::move(response));
}

std::vector<RouteInfo> Router::routes() const {
  std::vector<RouteInfo> all;
  for (const auto& route : routes_) all.push_back(route.info);
  return all;
}

}  // namespace easyflow::net
