// Events, quarantine, tokens, keys, and who is asking.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/api/handlers.hpp"
#include "core/api/input.hpp"
#include "core/api/views.hpp"
#include "core/net/problem.hpp"

namespace easyflow::api {

Reply list_events(Services& services, Call call) {
  Query query(call.request);
  auto page = query.page();
  if (auto checked = query.finish(); !checked) co_return net::problem_from(checked.error());
  auto events = co_await services.events.after(call.tenant(), std::move(page));
  if (!events) co_return net::problem_from(events.error());
  co_return net::json_response(200, view(*events));
}

Reply list_quarantine(Services& services, Call call) {
  Query query(call.request);
  auto page = query.page();
  if (auto checked = query.finish(); !checked) co_return net::problem_from(checked.error());
  auto bodies = co_await services.inbound.quarantine(call.tenant(), std::move(page));
  if (!bodies) co_return net::problem_from(bodies.error());
  co_return net::json_response(200, view(*bodies));
}

Reply quarantine_body(Services& services, Call call) {
  auto id = call.id("body in quarantine");
  if (!id) co_return net::problem_from(id.error());
  auto body = co_await services.quarantine.body(call.tenant(), *id);
  if (!body) co_return net::problem_from(body.error());
  // an outsider wrote it: a browser shall save it, not show it
  HttpResponse response(200, *std::move(body));
  response.headers.add("Content-Type", "application/octet-stream");
  response.headers.add("Content-Disposition", "attachment; filename=\"" + *id + ".bin\"");
  co_return response;
}

Reply replay_quarantined(Services& services, Call call) {
  auto id = call.id("body in quarantine");
  if (!id) co_return net::problem_from(id.error());
  auto replayed = co_await services.quarantine.replay(call.tenant(), *id);
  if (!replayed && replayed.error().kind() == ErrorKind::protocol)
    co_return net::problem(422, "Still not understood", replayed.error().message(), replayed.error().field());
  if (!replayed) co_return net::problem_from(replayed.error());
  co_return no_content();
}

Reply list_tokens(Services& services, Call call) {
  auto tokens = co_await services.auth.tokens(call.tenant());
  std::vector<nlohmann::json> items;
  for (const auto& token : tokens) items.push_back(view(token));
  co_return net::json_response(200, paged(std::move(items), ""));
}

Reply issue_token(Services& services, Call call) {
  auto fields = Fields::parse(call.request.body);
  if (!fields) co_return net::problem_from(fields.error());
  constexpr int kTenYearsInDays = 3650;
  auth::NewToken wanted;
  wanted.name = fields->required_text("name", 255);
  wanted.scopes = fields->texts("scopes");
  auto days = fields->whole_number("valid_days", 1, kTenYearsInDays);
  if (days) wanted.valid_for = std::chrono::hours(24 * *days);
  if (auto checked = fields->finish(); !checked) co_return net::problem_from(checked.error());
  // nobody hands out more than they hold
  if (wanted.scopes.empty()) wanted.scopes = call.who.scopes;
  for (const auto& scope : wanted.scopes) {
    const auto& known = auth::all_scopes();
    if (std::find(known.begin(), known.end(), scope) == known.end())
      co_return net::problem_from(
          Error(ErrorKind::invalid_input, "The scopes are: read, write, send, admin.").with_field("scopes"));
    if (!call.who.may(scope))
      co_return net::problem(403, "Forbidden", "Your own token lacks the scope \"" + scope + "\".", "scopes",
                             "scope-missing");
  }
  auto user = co_await services.auth.find_user(call.tenant(), call.who.user_id);
  if (!user) co_return no_such("user");
  auto issued = co_await services.auth.issue_token(*std::move(user), std::move(wanted));
  if (!issued) co_return net::problem_from(issued.error());
  co_return net::json_response(201, view(*issued));
}

Reply revoke_token(Services& services, Call call) {
  auto id = call.id("token");
  if (!id) co_return net::problem_from(id.error());
  bool revoked = co_await services.auth.revoke(call.tenant(), *id);
  if (!revoked) co_return no_such("token");
  co_return no_content();
}

namespace {

HttpResponse not_one_tenants_business() {
  return net::problem(403, "Forbidden",
                      "The keys belong to the whole installation, which has several tenants. On its machine: easyflow "
                      "keys list, easyflow keys rotate.",
                      "", "installation-wide");
}

}  // namespace

Reply list_keys(Services& services, Call) {
  bool several = co_await services.keys.serve_several_tenants();
  if (several) co_return not_one_tenants_business();
  auto keys = co_await services.keys.list();
  std::vector<nlohmann::json> items;
  for (const auto& key : keys) items.push_back(view(key));
  co_return net::json_response(200, paged(std::move(items), ""));
}

Reply rotate_keys(Services& services, Call) {
  bool several = co_await services.keys.serve_several_tenants();
  if (several) co_return not_one_tenants_business();
  auto report = co_await services.keys.rotate();
  // a key file that can't be written is no refusal of the caller's token
  if (!report && report.error().kind() == ErrorKind::unauthorized)
    co_return net::problem_from(Error(ErrorKind::conflict, report.error().message()));
  if (!report) co_return net::problem_from(report.error());
  co_return net::json_response(200, view(*report));
}

Reply show_me(Services& services, Call call) {
  auto user = co_await services.auth.find_user(call.tenant(), call.who.user_id);
  if (!user) co_return no_such("user");
  nlohmann::json body;
  body["user"] = view(*user);
  body["token"] = {{"id", call.who.token_id}, {"kind", call.who.kind}, {"scopes", call.who.scopes}};
  body["version"] = services.version;
  co_return net::json_response(200, body);
}

Reply change_me(Services& services, Call call) {
  auto fields = Fields::parse(call.request.body);
  if (!fields) co_return net::problem_from(fields.error());
  auto time_zone = fields->required_text("time_zone", 255);
  if (auto checked = fields->finish(); !checked) co_return net::problem_from(checked.error());
  auto user = co_await services.auth.set_time_zone(call.tenant(), call.who.user_id, std::move(time_zone));
  if (!user) co_return net::problem_from(user.error());
  co_return net::json_response(200, view(*user));
}

}  // namespace easyflow::api
