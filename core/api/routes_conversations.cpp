// Conversations, their messages, and the outbound queue.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/api/handlers.hpp"
#include "core/api/input.hpp"
#include "core/api/views.hpp"
#include "core/net/problem.hpp"

namespace easyflow::api {
namespace {

const std::vector<std::string>& conversation_states() {
  static const std::vector<std::string> kStates{"active", "paused", "closed", "escalated"};
  return kStates;
}

constexpr std::size_t kLongestText = 100'000;  // the platform's own limit is checked by its sender
constexpr std::size_t kLongestKey = 255;
constexpr int kActsShown = 20;

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::vector<std::string> platform_ids(const sdk::Registry& connectors) {
  std::vector<std::string> ids;
  for (const auto& connector : connectors.all()) ids.push_back(connector->manifest().id);
  return ids;
}

}  // namespace

Reply list_conversations(Services& services, Call call) {
  Query query(call.request);
  auto platform = query.choice("platform", platform_ids(services.connectors));
  auto status = query.choice("status", conversation_states());
  auto page = query.page();
  if (auto checked = query.finish(); !checked) co_return net::problem_from(checked.error());
  auto conversations = co_await services.conversations.list(call.tenant(), platform, status, std::move(page));
  if (!conversations) co_return net::problem_from(conversations.error());
  co_return net::json_response(200, view(*conversations));
}

Reply show_conversation(Services& services, Call call) {
  auto id = call.id("conversation");
  if (!id) co_return net::problem_from(id.error());
  auto conversation = co_await services.conversations.find(call.tenant(), *id);
  if (!conversation) co_return no_such("conversation");
  storage::PageRequest newest(kActsShown, "");
  auto acts = co_await services.automation.list(call.tenant(), *id, "", newest);
  if (!acts) co_return net::problem_from(acts.error());
  co_return net::json_response(200, view(*conversation, acts->items));
}

Reply change_conversation(Services& services, Call call) {
  auto id = call.id("conversation");
  if (!id) co_return net::problem_from(id.error());
  auto fields = Fields::parse(call.request.body);
  if (!fields) co_return net::problem_from(fields.error());
  auto status = fields->required_text("status", kLongestKey);
  if (auto checked = fields->finish(); !checked) co_return net::problem_from(checked.error());
  const auto& states = conversation_states();
  if (std::find(states.begin(), states.end(), status) == states.end())
    co_return net::problem_from(
        Error(ErrorKind::invalid_input, "Expected one of: active, paused, closed, escalated.").with_field("status"));
  bool changed = co_await services.conversations.set_status(call.tenant(), *id, status);
  if (!changed) co_return no_such("conversation");
  auto conversation = co_await services.conversations.find(call.tenant(), *id);
  if (!conversation) co_return no_such("conversation");
  co_return net::json_response(200, view(*conversation));
}

Reply list_messages(Services& services, Call call) {
  auto id = call.id("conversation");
  if (!id) co_return net::problem_from(id.error());
  Query query(call.request);
  auto page = query.page();
  if (auto checked = query.finish(); !checked) co_return net::problem_from(checked.error());
  auto conversation = co_await services.conversations.find(call.tenant(), *id);
  if (!conversation) co_return no_such("conversation");
  auto messages = co_await services.conversations.messages(call.tenant(), *id, std::move(page));
  if (!messages) co_return net::problem_from(messages.error());
  co_return net::json_response(200, view(*messages));
}

Reply send_message(Services& services, Call call) {
  auto id = call.id("conversation");
  if (!id) co_return net::problem_from(id.error());
  auto fields = Fields::parse(call.request.body);
  if (!fields) co_return net::problem_from(fields.error());
  messaging::SendRequest wanted;
  wanted.conversation_id = *id;
  wanted.text = fields->required_text("text", kLongestText);
  wanted.keyboard = fields->keyboard("keyboard");
  wanted.reply_to_message_id = fields->text("reply_to_message_id", kLongestKey);
  wanted.idempotency_key = fields->text("idempotency_key", kLongestKey);
  if (auto checked = fields->finish(); !checked) co_return net::problem_from(checked.error());

  auto header = std::string(call.request.headers.get("Idempotency-Key"));
  if (!header.empty() && !wanted.idempotency_key.empty() && header != wanted.idempotency_key)
    co_return net::problem_from(
        Error(ErrorKind::invalid_input, "The header Idempotency-Key says another key.").with_field("idempotency_key"));
  if (!header.empty()) wanted.idempotency_key = header;
  if (wanted.idempotency_key.size() > kLongestKey || !is_printable(wanted.idempotency_key))
    co_return net::problem_from(Error(ErrorKind::invalid_input, "A key has at most 255 printable ASCII characters.")
                                    .with_field("idempotency_key"));

  auto queued = co_await services.send.send(call.tenant(), std::move(wanted));
  if (!queued) co_return net::problem_from(queued.error());
  auto response = net::json_response(202, view(*queued));
  response.headers.add("Location", "/api/v1/outbound/" + queued->id);
  co_return response;
}

Reply list_outbound(Services& services, Call call) {
  Query query(call.request);
  auto state = query.choice("state", {"queued", "sending", "sent", "failed", "unknown"});
  auto page = query.page();
  if (auto checked = query.finish(); !checked) co_return net::problem_from(checked.error());
  auto outbound = co_await services.outbound.list(call.tenant(), state, std::move(page));
  if (!outbound) co_return net::problem_from(outbound.error());
  co_return net::json_response(200, view(*outbound));
}

Reply show_outbound(Services& services, Call call) {
  auto id = call.id("outbound message");
  if (!id) co_return net::problem_from(id.error());
  auto outbound = co_await services.outbound.find(call.tenant(), *id);
  if (!outbound) co_return no_such("outbound message");
  co_return net::json_response(200, view(*outbound));
}

}  // namespace easyflow::api
