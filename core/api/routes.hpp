// The hub's HTTP surface: /api/v1, health, metrics and the page.
#pragma once

#include "core/api/services.hpp"
#include "core/async/task.hpp"
#include "core/base/http_message.hpp"
#include "core/net/router.hpp"

namespace easyflow::api {

/// Adds every route of docs/openapi.yaml and the page. `services` outlives the router.
/// Handlers check token, scope, content type and input themselves; a database out of reach is a 503, anything
/// unexpected is logged once and becomes a bare 500.
void add_routes(net::Router& router, Services& services);

/// Answers through `router` and names the request (X-Request-Id) in every problem+json body: what the server calls.
/// \code net::HttpServer server(executor, address, port, limits, [&](HttpRequest r) { return answer(router, r); });
/// \endcode
Task<HttpResponse> answer(const net::Router& router, HttpRequest request);

}  // namespace easyflow::api
