// The page: log in, look at the status, read and answer a conversation. No scripts.
#include <algorithm>
#include <boost/system/system_error.hpp>
#include <exception>
#include <string>
#include <utility>

#include "core/api/handlers.hpp"
#include "core/api/meaning_text.hpp"
#include "core/api/page_html.hpp"
#include "core/api/session.hpp"
#include "core/base/ids.hpp"
#include "core/base/log.hpp"
#include "crypto/tokens.hpp"

namespace easyflow::api {
namespace {

constexpr std::size_t kLongestLoginForm = 8 * 1024;
constexpr std::size_t kLongestReplyForm = 128 * 1024;
constexpr int kRunsAsked = 120;  // enough for the table and for each stream's last runs
constexpr int kConversationsAsked = 200;
constexpr int kMessagesAsked = 50;
constexpr int kActsAsked = 20;
constexpr std::size_t kLongestUndoForm = 8 * 1024;

using PageHandler = Reply (*)(Services&, HttpRequest, net::PathParams);

std::string new_nonce() { return crypto::random_token(16); }

HttpResponse html_response(int status, std::string body, const std::string& nonce) {
  HttpResponse response(status, std::move(body));
  response.headers.add("Content-Type", "text/html; charset=utf-8");
  response.headers.add("Cache-Control", "no-store");
  response.headers.add("Content-Security-Policy", "default-src 'none'; style-src 'nonce-" + nonce +
                                                      "'; img-src data:; form-action 'self'; base-uri 'none'; "
                                                      "frame-ancestors 'none'");
  response.headers.add("X-Content-Type-Options", "nosniff");
  response.headers.add("X-Frame-Options", "DENY");
  // not no-referrer: browsers then send "Origin: null" with our own forms
  response.headers.add("Referrer-Policy", "same-origin");
  return response;
}

HttpResponse say(int status, const std::string& title, const std::string& text, bool refresh = false) {
  auto nonce = new_nonce();
  auto response = html_response(status, message_page(nonce, title, text, refresh), nonce);
  if (status == 503) response.headers.add("Retry-After", "5");
  return response;
}

/// 303: the browser continues with GET.
HttpResponse go_to(const std::string& path) {
  HttpResponse response(303);
  response.headers.add("Location", path);
  response.headers.add("Cache-Control", "no-store");
  return response;
}

bool is_form(const HttpRequest& request) {
  constexpr std::string_view kForm = "application/x-www-form-urlencoded";
  return request.headers.get("Content-Type").substr(0, kForm.size()) == kForm;
}

/// A field of a submitted form.
std::string form_value(const std::string& body, std::string_view name) {
  return HttpRequest("POST", "/?" + body).query(name);
}

struct Visitor {
  Visitor(std::string session_, storage::Principal who_) : session(std::move(session_)), who(std::move(who_)) {}
  std::string session;
  storage::Principal who;
};

Task<std::optional<Visitor>> visitor(Services& services, std::string session) {
  if (session.empty()) co_return std::nullopt;
  auto who = co_await services.auth.authenticate(session);
  if (!who || who->kind != "session" || !who->may("read")) co_return std::nullopt;
  Visitor known(std::move(session), *std::move(who));
  co_return known;
}

/// Nothing when a form of this session was sent by our own page, else the refusal.
std::optional<HttpResponse> forged(Services& services, const HttpRequest& request, const std::string& session) {
  bool ours = origin_of(request, services.public_url) != Origin::foreign &&
              equal_constant_time(form_value(request.body, "form_token"), form_token(session));
  if (ours) return std::nullopt;
  return say(403, "This form is out of date", "Open the page again and repeat what you did.");
}

PageFrame frame_for(Services& services, const std::string& session) {
  PageFrame frame;
  frame.now = services.clock.now();
  frame.nonce = new_nonce();
  frame.form_token = form_token(session);
  frame.version = services.version;
  for (const auto& connector : services.connectors.all())
    frame.platform_names.emplace(connector->manifest().id, connector->manifest().display_name);
  return frame;
}

Reply show_status(Services& services, HttpRequest request, net::PathParams) {
  auto known = co_await visitor(services, session_of(request));
  if (!known) co_return go_to("/login");
  const auto& tenant = known->who.tenant_id;
  StatusData data;
  data.public_url = services.public_url;
  data.integrations = co_await services.integrations.list(tenant);
  data.streams = co_await services.sync.status(tenant);
  storage::PageRequest run_page(kRunsAsked, "");
  auto runs = co_await services.sync.runs(tenant, "", "", run_page);
  if (runs) data.runs = std::move(runs->items);
  for (const auto& run : data.runs)
    if (run.status == "partial") data.failed_runs.push_back(run);
  storage::PageRequest few(6, "");
  auto failed = co_await services.sync.runs(tenant, "", "failed", few);
  if (failed) data.failed_runs.insert(data.failed_runs.end(), failed->items.begin(), failed->items.end());
  std::stable_sort(data.failed_runs.begin(), data.failed_runs.end(),
                   [](const auto& a, const auto& b) { return a.started_at > b.started_at; });
  storage::PageRequest conversation_page_request(kConversationsAsked, "");
  auto conversations = co_await services.conversations.list(tenant, "", "", conversation_page_request);
  if (conversations) {
    data.more_conversations = !conversations->next.empty();
    data.conversations = std::move(conversations->items);
  }
  for (std::string state : {"unknown", "failed"}) {
    auto outbound = co_await services.outbound.list(tenant, state, few);
    if (outbound) data.troubled.insert(data.troubled.end(), outbound->items.begin(), outbound->items.end());
  }
  auto frame = frame_for(services, known->session);
  co_return html_response(200, status_page(frame, data), frame.nonce);
}

/// The conversation as a page, with what went wrong when a reply could not be sent.
Reply conversation_view(Services& services, Visitor known, std::string id, std::string cursor, std::string draft,
                        std::string error) {
  std::optional<storage::Conversation> conversation;
  if (is_uuid(id)) conversation = co_await services.conversations.find(known.who.tenant_id, id);
  if (!conversation) co_return say(404, "No such conversation", "It may belong to another account.");
  storage::PageRequest page(kMessagesAsked, std::move(cursor));
  auto messages = co_await services.conversations.messages(known.who.tenant_id, id, std::move(page));
  if (!messages) co_return say(400, "No such page", messages.error().message());
  storage::PageRequest newest(kActsAsked, "");
  auto acts = co_await services.automation.list(known.who.tenant_id, id, "", newest);
  ConversationData data;
  if (acts) data.acts = std::move(acts->items);
  data.may_undo = known.who.may("write");
  data.conversation = *std::move(conversation);
  data.messages = std::move(messages->items);
  data.catalog = co_await services.catalog.find(known.who.tenant_id, ids_named_in(data.messages));
  data.older = std::move(messages->next);
  data.may_send = known.who.may("send");
  data.idempotency_key = new_uuid();
  data.draft = std::move(draft);
  data.error = std::move(error);
  auto frame = frame_for(services, known.session);
  co_return html_response(data.error.empty() ? 200 : 422, conversation_page(frame, data), frame.nonce);
}

Reply show_conversation_page(Services& services, HttpRequest request, net::PathParams params) {
  auto known = co_await visitor(services, session_of(request));
  if (!known) co_return go_to("/login");
  co_return co_await conversation_view(services, *std::move(known), params.get("id"), request.query("cursor"), "", "");
}

Reply send_reply(Services& services, HttpRequest request, net::PathParams params) {
  auto known = co_await visitor(services, session_of(request));
  if (!known) co_return go_to("/login");
  if (!is_form(request) || request.body.size() > kLongestReplyForm)
    co_return say(413, "The reply is too long", "Send it in parts.");
  auto refusal = forged(services, request, known->session);
  if (refusal) co_return *std::move(refusal);
  if (!known->who.may("send")) co_return say(403, "Not allowed", "Your role may read conversations, not answer them.");

  auto id = params.get("id");
  messaging::SendRequest wanted;
  wanted.conversation_id = id;
  wanted.text = form_value(request.body, "text");
  wanted.idempotency_key = form_value(request.body, "idempotency_key");
  auto text = wanted.text;
  std::string error;
  if (!is_uuid(id)) co_return say(404, "No such conversation", "It may belong to another account.");
  if (!is_uuid(wanted.idempotency_key) || text.find('\0') != std::string::npos) {
    error = "This form is out of date. Send it once more.";
  } else {
    auto queued = co_await services.send.send(known->who.tenant_id, std::move(wanted));
    if (!queued) error = queued.error().message();
  }
  if (error.empty()) co_return go_to("/conversations/" + id);
  co_return co_await conversation_view(services, *std::move(known), id, "", std::move(text), std::move(error));
}

Reply undo_act(Services& services, HttpRequest request, net::PathParams params) {
  auto known = co_await visitor(services, session_of(request));
  if (!known) co_return go_to("/login");
  if (!is_form(request) || request.body.size() > kLongestUndoForm)
    co_return say(400, "This is no form of the page", "Open the conversation and use its button.");
  auto refusal = forged(services, request, known->session);
  if (refusal) co_return *std::move(refusal);
  if (!known->who.may("write")) co_return say(403, "Not allowed", "Your role may read conversations, not change them.");
  auto id = params.get("id");
  if (!is_uuid(id)) co_return say(404, "No such conversation", "It may belong to another account.");
  auto undone = co_await services.automation.undo(known->who.tenant_id, form_value(request.body, "act"),
                                                  known->who.user_id, services.clock.now());
  if (undone) co_return go_to("/conversations/" + id);
  co_return say(undone.error().kind() == ErrorKind::not_found ? 404 : 409, "Not undone", undone.error().message());
}

Reply show_login(Services& services, HttpRequest request, net::PathParams) {
  auto known = co_await visitor(services, session_of(request));
  if (known) co_return go_to("/");
  auto nonce = new_nonce();
  co_return html_response(200, login_page(nonce, "", ""), nonce);
}

Reply log_in(Services& services, HttpRequest request, net::PathParams) {
  if (!is_form(request) || request.body.size() > kLongestLoginForm)
    co_return say(400, "This is no login", "Use the form of the login page.");
  if (origin_of(request, services.public_url) == Origin::foreign)
    co_return say(403, "Not from here", "Open the login page of this hub and log in there.");
  auto email = form_value(request.body, "email");
  Secret password(form_value(request.body, "password"));
  // no address has these, and PostgreSQL takes no NUL
  bool plausible = email.size() <= 255 && email.find('\0') == std::string::npos;
  if (!plausible) email.clear();
  auto issued = co_await services.auth.log_in(email, std::move(password));
  if (!issued) {
    auto nonce = new_nonce();
    int status = issued.error().kind() == ErrorKind::rate_limited ? 429 : 401;
    auto response = html_response(status, login_page(nonce, email, issued.error().message()), nonce);
    if (issued.error().retry_after())
      response.headers.add("Retry-After", std::to_string(issued.error().retry_after()->count()));
    co_return response;
  }
  auto response = go_to("/");
  response.headers.add("Set-Cookie", session_cookie(issued->plain, came_by_https(request, services.public_url)));
  co_return response;
}

Reply log_out(Services& services, HttpRequest request, net::PathParams) {
  auto known = co_await visitor(services, session_of(request));
  if (known) {
    auto refusal = forged(services, request, known->session);
    if (refusal) co_return *std::move(refusal);
    bool ended = co_await services.auth.revoke(known->who.tenant_id, known->who.token_id);
    if (!ended) log::debug("page.session_was_over");
  }
  auto response = go_to("/login");
  response.headers.add("Set-Cookie", ended_session_cookie());
  co_return response;
}

Reply page_guarded(Services& services, PageHandler handler, HttpRequest request, net::PathParams params) {
  auto request_id = std::string(request.headers.get("X-Request-Id"));
  auto path = std::string(request.path());
  std::string failure;
  try {
    co_return co_await handler(services, std::move(request), std::move(params));
  } catch (const storage::StorageDown&) {
    log::warn("page.storage_down", {{"path", path}, {"request_id", request_id}});
    co_return say(503, "The database is out of reach", "The hub keeps trying. This page reloads by itself.",
                  /*refresh=*/true);
  } catch (const pqxx::sql_error& fault) {
    // its text may hold the values of a row
    failure = "database refused a statement, SQLSTATE " + fault.sqlstate();
  } catch (const boost::system::system_error& fault) {
    if (fault.code() == boost::system::errc::operation_canceled) throw;
    failure = fault.what();
  } catch (const std::exception& fault) {
    failure = fault.what();
  }
  log::error("page.failed", {{"path", path}, {"request_id", request_id}, {"reason", failure}});
  co_return say(500, "The hub failed to answer", "Its log tells why, under the request id " + request_id + ".");
}

}  // namespace

void add_page_routes(net::Router& router, Services& services) {
  auto add = [&](const char* method, const char* pattern, PageHandler handler) {
    router.add(method, pattern, [&services, handler](HttpRequest request, net::PathParams params) {
      return page_guarded(services, handler, std::move(request), std::move(params));
    });
  };
  add("GET", "/", show_status);
  add("GET", "/login", show_login);
  add("POST", "/login", log_in);
  add("POST", "/logout", log_out);
  add("GET", "/conversations/{id}", show_conversation_page);
  add("POST", "/conversations/{id}", send_reply);
  add("POST", "/conversations/{id}/undo", undo_act);
}

}  // namespace easyflow::api
