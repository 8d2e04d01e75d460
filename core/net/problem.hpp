// Answers in JSON: results, and failures as RFC 9457 problem details.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"

namespace easyflow::net {

/// application/json with `body`; invalid UTF-8 in its strings is replaced.
HttpResponse json_response(int status, const nlohmann::json& body);

/// application/problem+json {type, title, status, detail, field?}. `type` is "urn:easyflow:problem:" and the slug; an
/// empty slug is made from the title. `detail` says what to do and holds no secret.
HttpResponse problem(int status, std::string_view title, std::string detail, std::string field = {},
                     std::string_view slug = {});

/// The one place that maps an ErrorKind to a status. rate_limited and unavailable carry Retry-After, unauthorized
/// carries WWW-Authenticate. The text of an internal error is not shown.
HttpResponse problem_from(const Error& error);

}  // namespace easyflow::net
