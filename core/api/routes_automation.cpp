// What happens on an intent, and what happened.
#include <nlohmann/json.hpp>
#include <utility>

#include "core/api/handlers.hpp"
#include "core/api/input.hpp"
#include "core/api/views.hpp"
#include "core/automation/action.hpp"
#include "core/net/problem.hpp"

namespace easyflow::api {
namespace {

constexpr std::size_t kLongestText = 20'000;  // bytes; the limits in characters are core/automation's

HttpResponse no_action(const std::string& intent) {
  return net::problem_from(
      Error(ErrorKind::not_found, "There is no action for \"" + intent + "\".").with_field("intent"));
}

storage::IntentAction read_action(Fields& fields, std::string intent) {
  storage::IntentAction action;
  action.intent = std::move(intent);
  if (fields.has("enabled")) action.enabled = fields.flag("enabled");
  action.min_confidence = fields.number("min_confidence", 0, 1).value_or(action.min_confidence);
  action.reply = fields.text("reply", kLongestText);
  action.escalate = fields.flag("escalate");
  action.tag = fields.text("tag", kLongestText);
  action.state = fields.text("state", kLongestText);
  action.quiet_from = fields.text("quiet_from", kLongestText);
  action.quiet_until = fields.text("quiet_until", kLongestText);
  return action;
}

}  // namespace

Reply list_intent_actions(Services& services, Call call) {
  auto actions = co_await services.nlp.actions(call.tenant());
  std::vector<nlohmann::json> items;
  items.reserve(actions.size());
  for (const auto& action : actions) items.push_back(view(action));
  co_return net::json_response(200, paged(std::move(items), ""));
}

Reply show_intent_action(Services& services, Call call) {
  auto intent = call.params.get("intent");
  auto actions = co_await services.nlp.actions(call.tenant());
  for (const auto& action : actions)
    if (action.intent == intent) co_return net::json_response(200, view(action));
  co_return no_action(intent);
}

Reply put_intent_action(Services& services, Call call) {
  auto fields = Fields::parse(call.request.body);
  if (!fields) co_return net::problem_from(fields.error());
  auto action = read_action(*fields, call.params.get("intent"));
  if (auto checked = fields->finish(); !checked) co_return net::problem_from(checked.error());
  if (auto checked = automation::check(action); !checked) co_return net::problem_from(checked.error());
  co_await services.nlp.put_action(call.tenant(), action);
  co_return net::json_response(200, view(action));
}

Reply remove_intent_action(Services& services, Call call) {
  auto intent = call.params.get("intent");
  // no stored intent has one, and PostgreSQL takes no NUL
  bool removed = false;
  if (intent.find('\0') == std::string::npos) removed = co_await services.nlp.remove_action(call.tenant(), intent);
  if (!removed) co_return no_action(intent);
  co_return no_content();
}

Reply list_automatic_acts(Services& services, Call call) {
  Query query(call.request);
  auto conversation = query.id("conversation");
  auto state = query.choice("state", {"pending", "done", "skipped", "undone"});
  auto page = query.page();
  if (auto checked = query.finish(); !checked) co_return net::problem_from(checked.error());
  auto acts = co_await services.automation.list(call.tenant(), conversation, state, std::move(page));
  if (!acts) co_return net::problem_from(acts.error());
  co_return net::json_response(200, view(*acts));
}

Reply undo_automatic_act(Services& services, Call call) {
  auto id = call.id("automatic act");
  if (!id) co_return net::problem_from(id.error());
  auto act = co_await services.automation.undo(call.tenant(), *id, call.who.user_id, services.clock.now());
  if (!act) co_return net::problem_from(act.error());
  co_return net::json_response(200, view(*act));
}

}  // namespace easyflow::api
