// What the files of core/api share: the handlers, and the form they have.
#pragma once

#include <string>
#include <utility>

#include "core/api/services.hpp"
#include "core/async/task.hpp"
#include "core/base/http_message.hpp"
#include "core/net/router.hpp"
#include "storage/repositories/users.hpp"

namespace easyflow::api {

/// An admitted request.
struct Call {
  Call(HttpRequest request_, net::PathParams params_, storage::Principal who_)
      : request(std::move(request_)), params(std::move(params_)), who(std::move(who_)) {}

  const std::string& tenant() const noexcept { return who.tenant_id; }
  /// The path's {id}. Error not_found when it is no UUID: there can't be such a thing.
  Result<std::string> id(const char* what) const;

  HttpRequest request;
  net::PathParams params;
  storage::Principal who;
};

using Reply = Task<HttpResponse>;
/// Plain functions: nothing is captured, so nothing can be outlived.
using ApiHandler = Reply (*)(Services&, Call);

/// Who sent the request: by bearer token, or by the page's session (then a change must come from our own page).
/// Errors: unauthorized.
Task<Result<storage::Principal>> admitted(Services& services, const HttpRequest& request);

/// 404 of a thing the tenant does not have: no_such("integration").
HttpResponse no_such(const char* what);
/// 204.
HttpResponse no_content();

Reply list_platforms(Services&, Call);
Reply list_integrations(Services&, Call);
Reply add_integration(Services&, Call);
Reply show_integration(Services&, Call);
Reply check_integration(Services&, Call);
Reply pause_integration(Services&, Call);
Reply resume_integration(Services&, Call);
Reply replace_credentials(Services&, Call);
Reply remove_integration(Services&, Call);

Reply request_sync(Services&, Call);
Reply sync_status(Services&, Call);
Reply list_sync_runs(Services&, Call);
Reply show_sync_run(Services&, Call);
Reply list_orders(Services&, Call);
Reply show_order(Services&, Call);
Reply list_products(Services&, Call);

Reply list_conversations(Services&, Call);
Reply show_conversation(Services&, Call);
Reply change_conversation(Services&, Call);
Reply list_messages(Services&, Call);
Reply send_message(Services&, Call);
Reply list_outbound(Services&, Call);
Reply show_outbound(Services&, Call);

Reply list_intent_actions(Services&, Call);
Reply show_intent_action(Services&, Call);
Reply put_intent_action(Services&, Call);
Reply remove_intent_action(Services&, Call);
Reply list_automatic_acts(Services&, Call);
Reply undo_automatic_act(Services&, Call);

Reply list_events(Services&, Call);
Reply list_quarantine(Services&, Call);
Reply quarantine_body(Services&, Call);
Reply replay_quarantined(Services&, Call);

Reply list_models(Services&, Call);
Reply activate_model(Services&, Call);
Reply parse_text(Services&, Call);
Reply show_rules(Services&, Call);
Reply replace_rules(Services&, Call);
Reply remove_rules(Services&, Call);
Reply list_examples(Services&, Call);
Reply add_examples(Services&, Call);
Reply remove_example(Services&, Call);
Reply label_message(Services&, Call);
Reply show_report(Services&, Call);
Reply start_training(Services&, Call);
Reply show_training(Services&, Call);

Reply list_tokens(Services&, Call);
Reply issue_token(Services&, Call);
Reply revoke_token(Services&, Call);
Reply list_keys(Services&, Call);
Reply rotate_keys(Services&, Call);
Reply show_me(Services&, Call);
Reply change_me(Services&, Call);

void add_health_routes(net::Router& router, Services& services);
void add_page_routes(net::Router& router, Services& services);

}  // namespace easyflow::api
