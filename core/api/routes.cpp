#include "core/api/routes.hpp"

#include <algorithm>
#include <array>
#include <boost/system/system_error.hpp>
#include <cctype>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "core/api/handlers.hpp"
#include "core/api/session.hpp"
#include "core/base/ids.hpp"
#include "core/base/log.hpp"
#include "core/base/metrics.hpp"
#include "core/net/problem.hpp"

namespace easyflow::api {

/// docs/openapi.yaml, embedded.
extern const char* const kOpenApiText;

namespace {

struct Endpoint {
  const char* method;
  const char* pattern;
  const char* scope;
  ApiHandler handler;
  bool takes_csv = false;  ///< as the whole body, besides JSON
};

/// The whole of /api/v1. A test holds it against docs/openapi.yaml.
constexpr Endpoint kEndpoints[] = {
    {"GET", "/api/v1/me", "", show_me},
    {"PATCH", "/api/v1/me", "write", change_me},
    {"GET", "/api/v1/platforms", "read", list_platforms},
    {"GET", "/api/v1/integrations", "read", list_integrations},
    {"POST", "/api/v1/integrations", "write", add_integration},
    {"GET", "/api/v1/integrations/{id}", "read", show_integration},
    {"DELETE", "/api/v1/integrations/{id}", "write", remove_integration},
    {"POST", "/api/v1/integrations/{id}/check", "write", check_integration},
    {"POST", "/api/v1/integrations/{id}/pause", "write", pause_integration},
    {"POST", "/api/v1/integrations/{id}/resume", "write", resume_integration},
    {"PUT", "/api/v1/integrations/{id}/credentials", "write", replace_credentials},
    {"POST", "/api/v1/integrations/{id}/sync", "write", request_sync},
    {"GET", "/api/v1/sync/status", "read", sync_status},
    {"GET", "/api/v1/sync/runs", "read", list_sync_runs},
    {"GET", "/api/v1/sync/runs/{id}", "read", show_sync_run},
    {"GET", "/api/v1/orders", "read", list_orders},
    {"GET", "/api/v1/orders/{id}", "read", show_order},
    {"GET", "/api/v1/products", "read", list_products},
    {"GET", "/api/v1/conversations", "read", list_conversations},
    {"GET", "/api/v1/conversations/{id}", "read", show_conversation},
    {"PATCH", "/api/v1/conversations/{id}", "write", change_conversation},
    {"GET", "/api/v1/conversations/{id}/messages", "read", list_messages},
    {"POST", "/api/v1/conversations/{id}/messages", "send", send_message},
    {"GET", "/api/v1/outbound", "read", list_outbound},
    {"GET", "/api/v1/outbound/{id}", "read", show_outbound},
    {"GET", "/api/v1/automation/intents", "read", list_intent_actions},
    {"GET", "/api/v1/automation/intents/{intent}", "read", show_intent_action},
    {"PUT", "/api/v1/automation/intents/{intent}", "write", put_intent_action},
    {"DELETE", "/api/v1/automation/intents/{intent}", "write", remove_intent_action},
    {"GET", "/api/v1/automation/acts", "read", list_automatic_acts},
    {"POST", "/api/v1/automation/acts/{id}/undo", "write", undo_automatic_act},
    {"GET", "/api/v1/events", "read", list_events},
    {"GET", "/api/v1/quarantine", "read", list_quarantine},
    {"GET", "/api/v1/quarantine/{id}/body", "read", quarantine_body},
    {"POST", "/api/v1/quarantine/{id}/replay", "write", replay_quarantined},
    {"GET", "/api/v1/nlp/models", "read", list_models},
    {"POST", "/api/v1/nlp/models/{version}/activate", "write", activate_model},
    {"POST", "/api/v1/nlp/parse", "read", parse_text},
    {"GET", "/api/v1/nlp/rules", "read", show_rules},
    {"PUT", "/api/v1/nlp/rules", "write", replace_rules, /*takes_csv=*/true},
    {"DELETE", "/api/v1/nlp/rules", "write", remove_rules},
    {"GET", "/api/v1/nlp/examples", "read", list_examples},
    {"POST", "/api/v1/nlp/examples", "write", add_examples, /*takes_csv=*/true},
    {"DELETE", "/api/v1/nlp/examples/{id}", "write", remove_example},
    {"GET", "/api/v1/nlp/report", "read", show_report},
    {"GET", "/api/v1/nlp/train", "read", show_training},
    {"POST", "/api/v1/nlp/train", "write", start_training, /*takes_csv=*/true},
    {"PUT", "/api/v1/messages/{id}/intent", "write", label_message},
    {"GET", "/api/v1/tokens", "admin", list_tokens},
    {"POST", "/api/v1/tokens", "admin", issue_token},
    {"DELETE", "/api/v1/tokens/{id}", "admin", revoke_token},
    {"GET", "/api/v1/keys", "admin", list_keys},
    {"POST", "/api/v1/keys/rotate", "admin", rotate_keys},
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// The type without its parameters.
std::string media_type(std::string_view content_type) {
  auto type = lower(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  return type;
}

HttpResponse scope_missing(const Endpoint& endpoint, const storage::Principal& who) {
  std::string has;
  for (const auto& scope : who.scopes) has += (has.empty() ? "" : ", ") + scope;
  return net::problem(
      403, "Forbidden",
      "This needs a token with the scope \"" + std::string(endpoint.scope) + "\"; yours has: " + has + ".", "",
      "scope-missing");
}

Reply admitted_call(Services& services, const Endpoint& endpoint, HttpRequest request, net::PathParams params) {
  auto who = co_await admitted(services, request);
  if (!who) co_return net::problem_from(who.error());
  if (*endpoint.scope != '\0' && !who->may(endpoint.scope)) co_return scope_missing(endpoint, *who);
  const auto type = media_type(request.headers.get("Content-Type"));
  const bool taken = type == "application/json" || (endpoint.takes_csv && type == "text/csv");
  if (!request.body.empty() && !taken)
    co_return net::problem(415, "Unsupported media type",
                           std::string("Send the body as JSON, with Content-Type: application/json") +
                               (endpoint.takes_csv ? ", or as text/csv." : "."),
                           "Content-Type");
  Call call(std::move(request), std::move(params), *std::move(who));
  co_return co_await endpoint.handler(services, std::move(call));
}

HttpResponse storage_down(bool in_doubt) {
  auto detail = in_doubt
                    ? "The database went away while it saved this: it may or may not be saved. Look before repeating."
                    : "The database is out of reach, so nothing was changed. Try again in a few seconds.";
  return net::problem_from(Error(ErrorKind::unavailable, detail));
}

Reply guarded(Services& services, const Endpoint& endpoint, HttpRequest request, net::PathParams params) {
  auto request_id = std::string(request.headers.get("X-Request-Id"));
  HttpResponse response;
  auto log_failure = [&](std::string_view reason) {
    log::error(
        "api.failed",
        {{"route", endpoint.pattern}, {"method", endpoint.method}, {"request_id", request_id}, {"reason", reason}});
  };
  try {
    response = co_await admitted_call(services, endpoint, std::move(request), std::move(params));
  } catch (const storage::CommitInDoubt&) {
    log::warn("api.commit_in_doubt", {{"route", endpoint.pattern}, {"request_id", request_id}});
    response = storage_down(/*in_doubt=*/true);
  } catch (const storage::StorageDown&) {
    log::warn("api.storage_down", {{"route", endpoint.pattern}, {"request_id", request_id}});
    response = storage_down(/*in_doubt=*/false);
  } catch (const pqxx::sql_error& fault) {
    // its text may hold the values of a row
    log_failure("database refused a statement, SQLSTATE " + fault.sqlstate());
    response = net::problem_from(Error());
  } catch (const boost::system::system_error& fault) {
    if (fault.code() == boost::system::errc::operation_canceled) throw;
    log_failure(fault.what());
    response = net::problem_from(Error());
  } catch (const std::exception& fault) {
    log_failure(fault.what());
    response = net::problem_from(Error());
  }
  response.headers.add("Cache-Control", "no-store");
  response.headers.add("X-Content-Type-Options", "nosniff");
  metrics::counter(
      "easyflow_api_requests_total", "Requests to /api/v1 by route and status",
      {{"method", endpoint.method}, {"route", endpoint.pattern}, {"status", std::to_string(response.status)}})
      .increment();
  co_return response;
}

/// "Bearer x" -> "x".
std::string bearer_of(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (lower(authorization.substr(0, kScheme.size())) != kScheme) return {};
  return std::string(authorization.substr(kScheme.size()));
}

bool changes_something(const std::string& method) { return method != "GET" && method != "HEAD"; }

Reply open_api(HttpRequest, net::PathParams) {
  HttpResponse response(200, kOpenApiText,
                        {{"Content-Type", "application/yaml"}, {"X-Content-Type-Options", "nosniff"}});
  co_return response;
}

}  // namespace

Result<std::string> Call::id(const char* what) const {
  const auto& text = params.get("id");
  if (!is_uuid(text))
    return Error(ErrorKind::not_found, "There is no such " + std::string(what) + ".").with_field("id");
  return text;
}

HttpResponse no_such(const char* what) {
  return net::problem_from(Error(ErrorKind::not_found, "There is no such " + std::string(what) + ".").with_field("id"));
}

HttpResponse no_content() { return HttpResponse(204); }

Task<Result<storage::Principal>> admitted(Services& services, const HttpRequest& request) {
  auto authorization = request.headers.get("Authorization");
  if (!authorization.empty()) {
    auto token = bearer_of(authorization);
    if (token.empty()) co_return Error(ErrorKind::unauthorized, "Send the token as: Authorization: Bearer ef_...");
    co_return co_await services.auth.authenticate(std::move(token));
  }
  auto session = session_of(request);
  if (session.empty())
    co_return Error(ErrorKind::unauthorized,
                    "Send a token as: Authorization: Bearer ef_... (make one with: easyflow token create)");
  // A browser sends the cookie along whoever asks it to, so a change must prove that our page asked.
  if (changes_something(request.method) && origin_of(request, services.public_url) != Origin::same)
    co_return Error(ErrorKind::unauthorized, "A page session may change something only from the hub's own page.");
  auto who = co_await services.auth.authenticate(std::move(session));
  if (who && who->kind != "session") co_return Error(ErrorKind::unauthorized, "Log in to the page again.");
  co_return who;
}

void add_routes(net::Router& router, Services& services) {
  for (const auto& endpoint : kEndpoints) {
    router.add(endpoint.method, endpoint.pattern, [&services, &endpoint](HttpRequest request, net::PathParams params) {
      return guarded(services, endpoint, std::move(request), std::move(params));
    });
  }
  router.add("GET", "/api/v1/openapi.yaml", open_api);
  add_health_routes(router, services);
  add_page_routes(router, services);
}

Task<HttpResponse> answer(const net::Router& router, HttpRequest request) {
  auto request_id = std::string(request.headers.get("X-Request-Id"));
  auto response = co_await router.handle(std::move(request));
  if (!request_id.empty() && response.headers.get("Content-Type") == "application/problem+json") {
    auto body = nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
    if (body.is_object()) {
      body["request_id"] = request_id;
      response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
  }
  co_return response;
}

}  // namespace easyflow::api
