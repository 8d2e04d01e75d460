// The page's session: its cookie, and proof that a request comes from the page itself.
#pragma once

#include <string>
#include <string_view>

#include "core/base/http_message.hpp"
#include "core/base/secret.hpp"

namespace easyflow::api {

/// The session token of the request's cookie `easyflow_session`, or an empty string.
std::string session_of(const HttpRequest& request);

/// Set-Cookie of a new session. `secure` when the request came by https.
std::string session_cookie(const Secret& token, bool secure);
/// Set-Cookie that ends the session.
std::string ended_session_cookie();

enum class Origin {
  same,     ///< the browser says: sent by our own page
  foreign,  ///< the browser says: sent by another site
  unsaid    ///< not a browser, or an old one
};
/// Where a request was made, by Sec-Fetch-Site or Origin. `public_url` is another name of this hub, may be empty.
Origin origin_of(const HttpRequest& request, std::string_view public_url);

/// True when the request came over `public_url` and that is https.
bool came_by_https(const HttpRequest& request, std::string_view public_url);

/// What a form of this session carries and a stranger can't know.
std::string form_token(const std::string& session);

}  // namespace easyflow::api
