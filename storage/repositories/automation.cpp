#include "storage/repositories/automation.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/ids.hpp"
#include "core/base/json.hpp"
#include "storage/repositories/outbound_queue.hpp"
#include "storage/repositories/rows.hpp"

// Lock order: the conversation, then its act, then the outbound message. The conversation's lock makes two acts of one
// conversation see each other, wherever they are carried out.

namespace easyflow::storage {
namespace {

using nlohmann::json;

constexpr Sql kPending{"automation.pending", "select act_id, tenant_id from hub_pending_acts($1::integer)"};

constexpr Sql kLockConversation{"automation.lock_conversation", R"sql(
  select v.id from automatic_acts a join conversations v on v.id = a.conversation_id
   where a.id = $1::uuid for update of v)sql"};

constexpr Sql kTake{"automation.take", R"sql(
  select id from automatic_acts where id = $1::uuid and state = 'pending' for update skip locked)sql"};

constexpr Sql kFacts{"automation.facts", R"sql(
  select a.intent, a.confidence, a.created_at, a.conversation_id, a.integration_id, a.message_id,
         v.platform, v.chat_id, coalesce(v.status, 'active') as status, v.tags, v.current_state, v.closed_at,
         coalesce(c.full_name, '') as contact_name, coalesce(c.is_active, true) as contact_active,
         coalesce(c.opt_out, false) as opted_out, v.contact_id is not null as is_private,
         m.id is not null as message_found, m.intent as message_intent, m.entities,
         i.intent as action_intent, i.enabled, i.min_confidence, i.reply, i.escalate, i.tag, i.state as action_state,
         to_char(i.quiet_from, 'HH24:MI') as quiet_from, to_char(i.quiet_until, 'HH24:MI') as quiet_until,
         (select u.timezone from users u order by u.role = 'owner' desc, u.created_at, u.id limit 1) as time_zone,
         exists (select from messages o
                  where o.conversation_id = v.id and o.direction = 'outbound' and o.created_at > a.message_created_at
                    and o.metadata->'automatic' is null) as answered,
         array(select r.acts->>'reply' from automatic_acts r
                where r.conversation_id = v.id and r.state in ('done', 'undone')
                  and r.done_at > $2::timestamptz - interval '1 hour' and r.acts->>'reply' is not null) as recent
    from automatic_acts a
    join conversations v on v.id = a.conversation_id
    left join contacts c on c.id = v.contact_id
    left join messages m on m.id = a.message_id and m.created_at = a.message_created_at
    left join intent_actions i on i.intent = a.intent
   where a.id = $1::uuid)sql"};

constexpr Sql kChangeConversation{"automation.change_conversation", R"sql(
  update conversations
     set status = case when $2::boolean then 'escalated' else status end,
         closed_at = case when $2::boolean then null else closed_at end,
         tags = case when $3::text is null then tags else array_append(tags, $3::text) end,
         current_state = coalesce($4, current_state),
         updated_at = greatest(updated_at, date_trunc('minute', now())), active_at = greatest(active_at, now())
   where id = $1::uuid)sql"};

constexpr Sql kFinish{"automation.finish", R"sql(
  update automatic_acts
     set state = $2::automatic_act_state, done_at = $3::timestamptz, reason = $4, acts = $5::jsonb, before = $6::jsonb,
         outbound_id = $7::uuid
   where id = $1::uuid and state = 'pending')sql"};

constexpr Sql kTell{"automation.tell", R"sql(
  insert into outbox_events (tenant_id, integration_id, type, subject_id, payload)
  select a.tenant_id, a.integration_id, $2, a.id,
         jsonb_strip_nulls(jsonb_build_object('act_id', a.id, 'conversation_id', a.conversation_id,
                                              'message_id', a.message_id, 'intent', a.intent, 'acts', a.acts,
                                              'reason', a.reason, 'outbound_id', a.outbound_id))
    from automatic_acts a where a.id = $1::uuid)sql"};

constexpr Sql kFind{"automation.find", R"sql(
  select a.id, a.integration_id, a.conversation_id, a.message_id, a.intent, a.confidence, a.state, a.reason, a.acts,
         a.before, a.outbound_id, (select o.state from outbound_messages o where o.id = a.outbound_id) as outbound_state,
         a.created_at, a.done_at, a.undone_at, a.undone_by
    from automatic_acts a where a.id = $1::uuid)sql"};

constexpr Sql kList{"automation.list", R"sql(
  select a.id, a.integration_id, a.conversation_id, a.message_id, a.intent, a.confidence, a.state, a.reason, a.acts,
         a.before, a.outbound_id, (select o.state from outbound_messages o where o.id = a.outbound_id) as outbound_state,
         a.created_at, a.done_at, a.undone_at, a.undone_by
    from automatic_acts a
   where ($1::uuid is null or a.conversation_id = $1::uuid) and ($2::text is null or a.state::text = $2::text)
     and ($3::timestamptz is null or (a.created_at, a.id) < ($3::timestamptz, $4::uuid))
   order by a.created_at desc, a.id desc limit $5::integer)sql"};

constexpr Sql kLockAct{"automation.lock_act", "select state from automatic_acts where id = $1::uuid for update"};

constexpr Sql kConversationNow{"automation.conversation_now", R"sql(
  select v.status, v.tags, v.current_state
    from automatic_acts a join conversations v on v.id = a.conversation_id where a.id = $1::uuid)sql"};

// restored by what the act kept; a part that stays as it is comes as null
constexpr Sql kRestore{"automation.restore", R"sql(
  update conversations v
     set status = coalesce($2::conversation_status, v.status),
         closed_at = case when $2 is null then v.closed_at else (a.before->>'closed_at')::timestamptz end,
         tags = case when $3::text is null then v.tags else array_remove(v.tags, $3::text) end,
         current_state = case when $4::boolean then a.before->>'current_state' else v.current_state end,
         updated_at = greatest(v.updated_at, date_trunc('minute', now())), active_at = greatest(v.active_at, now())
    from automatic_acts a
   where a.id = $1::uuid and v.id = a.conversation_id)sql"};

constexpr Sql kUndone{"automation.undone", R"sql(
  update automatic_acts
     set state = 'undone', undone_at = $2::timestamptz, undone_by = $3::uuid, acts = acts || $4::jsonb
   where id = $1::uuid)sql"};

ActFacts read_facts(const pqxx::row& row) {
  ActFacts out;
  out.intent = text_of(row["intent"]);
  out.confidence = row["confidence"].as<double>();
  out.created_at = time_of(row["created_at"]);
  out.message_found = row["message_found"].as<bool>();
  out.message_intent = text_of(row["message_intent"]);
  if (!row["entities"].is_null()) out.entities_json = text_of(row["entities"]);
  out.platform = text_of(row["platform"]);
  out.chat_id = text_of(row["chat_id"]);
  out.status = text_of(row["status"]);
  out.contact_name = text_of(row["contact_name"]);
  out.contact_active = row["contact_active"].as<bool>();
  out.opted_out = row["opted_out"].as<bool>();
  out.is_private = row["is_private"].as<bool>();
  out.answered = row["answered"].as<bool>();
  out.recent_answers = texts_of(row["recent"]);
  out.time_zone = text_of(row["time_zone"]);
  if (row["action_intent"].is_null()) return out;
  IntentAction action;
  action.intent = out.intent;
  action.enabled = row["enabled"].as<bool>();
  action.min_confidence = row["min_confidence"].as<double>();
  action.reply = text_of(row["reply"]);
  action.escalate = row["escalate"].as<bool>();
  action.tag = text_of(row["tag"]);
  action.state = text_of(row["action_state"]);
  action.quiet_from = text_of(row["quiet_from"]);
  action.quiet_until = text_of(row["quiet_until"]);
  out.action = std::move(action);
  return out;
}

AutomaticAct read_act(const pqxx::row& row) {
  AutomaticAct out;
  out.id = text_of(row["id"]);
  out.integration_id = text_of(row["integration_id"]);
  out.conversation_id = text_of(row["conversation_id"]);
  out.message_id = text_of(row["message_id"]);
  out.intent = text_of(row["intent"]);
  out.confidence = row["confidence"].as<double>();
  out.state = text_of(row["state"]);
  out.reason = text_of(row["reason"]);
  out.acts_json = text_of(row["acts"]);
  out.before_json = text_of(row["before"]);
  out.outbound_id = text_of(row["outbound_id"]);
  out.outbound_state = text_of(row["outbound_state"]);
  out.created_at = time_of(row["created_at"]);
  out.done_at = maybe_time_of(row["done_at"]);
  out.undone_at = maybe_time_of(row["undone_at"]);
  out.undone_by = text_of(row["undone_by"]);
  return out;
}

json text_or_null(const pqxx::field& field) { return field.is_null() ? json(nullptr) : json(text_of(field)); }

bool contains(const std::vector<std::string>& all, const std::string& wanted) {
  return std::find(all.begin(), all.end(), wanted) != all.end();
}

struct Carried {
  json acts = json::object();
  json before = json::object();
  std::string outbound_id;
  std::string reason;
};

void queue_reply(Tx& tx, const std::string& act_id, const pqxx::row& row, const std::string& text, Carried& out) {
  sdk::OutboundMessage message;
  message.chat_id = text_of(row["chat_id"]);
  message.text = text;
  const json mark{{"automatic", {{"act_id", act_id}, {"intent", text_of(row["intent"])}}}};
  // the act's id: whoever carries it out again finds the answer queued
  const auto queued = enqueue_in(tx, text_of(row["conversation_id"]), message, "automatic:" + act_id, mark.dump());
  if (!queued) {
    out.reason = "The answer could not be queued: " + queued.error().message() + ".";
    return;
  }
  out.outbound_id = queued->id;
  out.acts["reply"] = queued->message.text;
}

void change_conversation(Tx& tx, const pqxx::row& row, const ActPlan& plan, Carried& out) {
  const bool escalate = plan.escalate && text_of(row["status"]) != "escalated";
  const auto tags = texts_of(row["tags"]);
  const bool tag = !plan.tag.empty() && !contains(tags, plan.tag);
  const bool state = !plan.state.empty() && plan.state != text_of(row["current_state"]);
  if (escalate) {
    out.acts["escalate"] = true;
    out.before["status"] = text_of(row["status"]);
    out.before["closed_at"] = text_or_null(row["closed_at"]);
  }
  if (tag) {
    out.acts["tag"] = plan.tag;
    out.before["tags"] = tags;
  }
  if (state) {
    out.acts["state"] = plan.state;
    out.before["current_state"] = text_or_null(row["current_state"]);
  }
  if (!escalate && !tag && !state) return;
  tx.exec(kChangeConversation, text_of(row["conversation_id"]), escalate,
          tag ? std::optional<std::string>(plan.tag) : std::nullopt,
          state ? std::optional<std::string>(plan.state) : std::nullopt);
}

void finish(Tx& tx, const std::string& act_id, const char* state, Timestamp now, const Carried& carried) {
  tx.exec(kFinish, act_id, state, format_rfc3339(now), unless_empty(clean_text(carried.reason)), carried.acts.dump(),
          carried.before.dump(), unless_empty(carried.outbound_id));
}

std::string carry_out_in(Tx& tx, const std::string& act_id, Timestamp now,
                         const std::function<ActPlan(const ActFacts&)>& plan_for) {
  if (tx.exec(kLockConversation, act_id).empty() || tx.exec(kTake, act_id).empty()) return {};
  const auto rows = tx.exec(kFacts, act_id, format_rfc3339(now));
  const auto plan = plan_for(read_facts(rows[0]));
  Carried carried;
  carried.reason = plan.skip.empty() ? plan.withheld : plan.skip;
  if (plan.skip.empty()) {
    if (!plan.reply.empty()) queue_reply(tx, act_id, rows[0], plan.reply, carried);
    change_conversation(tx, rows[0], plan, carried);
    if (carried.acts.empty() && carried.reason.empty())
      carried.reason = "There was nothing to do: the conversation is already as it should be.";
  }
  const char* state = carried.acts.empty() ? "skipped" : "done";
  finish(tx, act_id, state, now, carried);
  if (!carried.acts.empty()) tx.exec(kTell, act_id, "automation.done");
  return state;
}

/// What became of the parts of an act that is undone.
class Undoing {
 public:
  void restored(const char* part) { restored_.push_back(part); }
  void left(const char* part, std::string reason) {
    left_.push_back(json{{"part", part}, {"reason", std::move(reason)}});
  }
  std::string acts_json() const { return json{{"undo", {{"restored", restored_}, {"left", left_}}}}.dump(); }

 private:
  json restored_ = json::array();
  json left_ = json::array();
};

void undo_conversation(Tx& tx, const AutomaticAct& act, const json& acts, const json& before, Undoing& undoing) {
  const auto now = tx.exec(kConversationNow, act.id)[0];
  std::optional<std::string> status, tag;
  bool state = false;
  if (acts.contains("escalate")) {
    const auto current = text_of(now["status"]);
    if (current == "escalated") {
      status = text_member(before, "status");
      undoing.restored("escalate");
    } else {
      undoing.left("escalate", "The status was changed to \"" + current + "\" since; it stays so.");
    }
  }
  if (const auto added = text_member(acts, "tag"); !added.empty()) {
    if (contains(texts_of(now["tags"]), added)) {
      tag = added;
      undoing.restored("tag");
    } else {
      undoing.left("tag", "The tag was removed since.");
    }
  }
  if (const auto entered = text_member(acts, "state"); !entered.empty()) {
    const auto current = text_of(now["current_state"]);
    state = current == entered;
    if (state)
      undoing.restored("state");
    else
      undoing.left("state", "The state was changed to \"" + current + "\" since; it stays so.");
  }
  if (status || tag || state) tx.exec(kRestore, act.id, status, tag, state);
}

void undo_reply(Tx& tx, const AutomaticAct& act, Undoing& undoing) {
  if (act.outbound_id.empty()) return;
  const auto found = cancel_in(tx, act.outbound_id, "the automatic answer was taken back before it was sent");
  if (found == "queued")
    undoing.restored("reply");
  else if (found == "sent")
    undoing.left("reply", "The answer was sent already and can't be taken back.");
  else if (found == "sending")
    undoing.left("reply", "The answer is being sent at this moment and can't be taken back.");
  else if (found == "unknown")
    undoing.left("reply", "The answer may have been sent; look in the chat.");
  else if (found == "failed")
    undoing.left("reply", "The answer could not be delivered, so there is nothing to take back.");
  else
    undoing.left("reply", "The answer is gone with its integration.");
}

Result<AutomaticAct> undo_in(Tx& tx, const std::string& id, const std::string& user_id, Timestamp now) {
  Error unknown = Error(ErrorKind::not_found, "There is no such automatic act.").with_field("id");
  if (!is_uuid(id) || tx.exec(kLockConversation, id).empty() || tx.exec(kLockAct, id).empty()) return unknown;
  auto act = read_act(tx.exec(kFind, id)[0]);
  if (act.state == "undone") return act;
  if (act.state == "skipped")
    return Error(ErrorKind::conflict, "Nothing was done, so there is nothing to undo. " + act.reason);
  Undoing undoing;
  if (act.state == "done") {
    const auto acts = json::parse(act.acts_json);
    undo_conversation(tx, act, acts, json::parse(act.before_json), undoing);
    undo_reply(tx, act, undoing);
  }
  tx.exec(kUndone, id, format_rfc3339(now), unless_empty(user_id), undoing.acts_json());
  tx.exec(kTell, id, "automation.undone");
  return read_act(tx.exec(kFind, id)[0]);
}

}  // namespace

Task<std::vector<ActKey>> AutomationRepository::pending(int wanted) {
  auto work = [wanted](Tx& tx) {
    std::vector<ActKey> out;
    for (const auto& row : tx.exec(kPending, wanted)) {
      ActKey key;
      key.id = text_of(row["act_id"]);
      key.tenant_id = text_of(row["tenant_id"]);
      out.push_back(std::move(key));
    }
    return out;
  };
  return db_.run(Lane::background, Scope::hub(), std::move(work));
}

Task<std::string> AutomationRepository::carry_out(ActKey key, Timestamp now,
                                                  std::function<ActPlan(const ActFacts&)> plan) {
  auto scope = Scope::tenant(key.tenant_id);
  auto work = [id = std::move(key.id), now, plan = std::move(plan)](Tx& tx) { return carry_out_in(tx, id, now, plan); };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

Task<> AutomationRepository::skip(ActKey key, Timestamp now, std::string reason) {
  auto scope = Scope::tenant(key.tenant_id);
  Carried carried;
  carried.reason = std::move(reason);
  auto work = [id = std::move(key.id), now, carried = std::move(carried)](Tx& tx) {
    finish(tx, id, "skipped", now, carried);
  };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

Task<std::optional<AutomaticAct>> AutomationRepository::find(std::string tenant_id, std::string id) {
  auto work = [id = std::move(id)](Tx& tx) -> std::optional<AutomaticAct> {
    if (!is_uuid(id)) return std::nullopt;
    const auto rows = tx.exec(kFind, id);
    if (rows.empty()) return std::nullopt;
    return read_act(rows[0]);
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<Result<Paged<AutomaticAct>>> AutomationRepository::list(std::string tenant_id, std::string conversation_id,
                                                             std::string state, PageRequest page) {
  auto work = [conversation_id = std::move(conversation_id), state = clean_text(state),
               page = std::move(page)](Tx& tx) -> Result<Paged<AutomaticAct>> {
    EASYFLOW_TRY(after, read_cursor(page.cursor, "tu"));
    if (!conversation_id.empty() && !is_uuid(conversation_id)) return Paged<AutomaticAct>{};
    const auto rows =
        tx.exec(kList, unless_empty(conversation_id), unless_empty(state), after[0], after[1], rows_to_ask(page));
    return page_of<AutomaticAct>(rows, page, read_act, [](const pqxx::row& row) {
      return std::vector<std::string>{text_of(row["created_at"]), text_of(row["id"])};
    });
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<Result<AutomaticAct>> AutomationRepository::undo(std::string tenant_id, std::string id, std::string user_id,
                                                      Timestamp now) {
  auto work = [id = std::move(id), user_id = std::move(user_id), now](Tx& tx) { return undo_in(tx, id, user_id, now); };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

}  // namespace easyflow::storage
