#include "core/automation/plan.hpp"

#include <cctz/time_zone.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include "core/automation/action.hpp"
#include "core/automation/answer.hpp"

namespace easyflow::automation {
namespace {

/// As long as an answer waits to be delivered: later it would surprise.
constexpr std::chrono::hours kLongestWait{24};

std::string two_decimals(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

/// Why nothing at all is done; empty when something is.
std::string obstacle(const storage::ActFacts& facts) {
  if (!facts.message_found) return "The message is not there any more.";
  if (!facts.action) return "There is no action for \"" + facts.intent + "\" any more.";
  if (!facts.action->enabled) return "The action for \"" + facts.intent + "\" is switched off.";
  if (!facts.message_intent.empty() && facts.message_intent != facts.intent)
    return "The message was found to mean \"" + facts.message_intent + "\" since.";
  if (facts.confidence < facts.action->min_confidence)
    return "The confidence of " + two_decimals(facts.confidence) + " is below the " +
           two_decimals(facts.action->min_confidence) + " that the action asks for.";
  return {};
}

int minute_of_day(const cctz::time_zone& zone, Timestamp now) {
  const auto local = cctz::convert(std::chrono::time_point_cast<std::chrono::seconds>(now), zone);
  return local.hour() * 60 + local.minute();
}

/// An unknown zone counts as Moscow, as where dates in messages are read.
cctz::time_zone zone_of(const std::string& name) {
  cctz::time_zone zone;
  if (cctz::load_time_zone(name, &zone) || cctz::load_time_zone("Europe/Moscow", &zone)) return zone;
  return cctz::fixed_time_zone(std::chrono::hours(3));
}

/// Why there is no answer; empty when nothing speaks against one.
std::string objection(const storage::ActFacts& facts, const std::string& text, Timestamp now) {
  if (!facts.contact_active) return "this person blocked the account.";
  if (facts.opted_out) return "this person asked for no messages.";
  if (!facts.is_private) return "it is a group, where everybody would read it.";
  if (facts.status == "escalated") return "a person handles the conversation, it is escalated.";
  if (facts.status == "closed" || facts.status == "paused") return "the conversation is " + facts.status + ".";
  if (facts.answered) return "somebody of the shop has answered already.";
  if (now - facts.created_at > kLongestWait) return "the message waited for more than a day.";
  const auto zone = zone_of(facts.time_zone);
  if (is_quiet(*facts.action, minute_of_day(zone, now)))
    return "quiet hours from " + facts.action->quiet_from + " to " + facts.action->quiet_until + " (" + zone.name() +
           ").";
  if (std::find(facts.recent_answers.begin(), facts.recent_answers.end(), text) != facts.recent_answers.end())
    return "the same answer was given in this conversation within the last hour.";
  return {};
}

/// Why the platform would not take this text; empty when it would.
std::string refusal(const storage::ActFacts& facts, const std::string& text, const sdk::Registry& connectors) {
  const auto* connector = connectors.find(facts.platform);
  if (connector == nullptr || connector->sender() == nullptr)
    return "messages can't be sent on \"" + facts.platform + "\".";
  sdk::OutboundMessage message;
  message.chat_id = facts.chat_id;
  message.text = text;
  const auto valid = connector->sender()->validate(message);
  return valid ? std::string() : valid.error().message();
}

}  // namespace

storage::ActPlan plan(const storage::ActFacts& facts, const sdk::Registry& connectors, Timestamp now) {
  storage::ActPlan out;
  out.skip = obstacle(facts);
  if (!out.skip.empty()) return out;
  const auto& action = *facts.action;
  out.escalate = action.escalate;
  out.tag = action.tag;
  out.state = action.state;
  if (action.reply.empty()) return out;

  AnswerValues values;
  values.name = facts.contact_name;
  values.order_number = order_number_in(facts.entities_json);
  auto text = fill_in(action.reply, values);
  auto reason = objection(facts, text, now);
  if (reason.empty()) reason = refusal(facts, text, connectors);
  if (reason.empty())
    out.reply = std::move(text);
  else
    out.withheld = "No answer was sent: " + reason;
  return out;
}

}  // namespace easyflow::automation
