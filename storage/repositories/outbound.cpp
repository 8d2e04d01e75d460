#include "storage/repositories/outbound.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/ids.hpp"
#include "storage/pg_array.hpp"
#include "storage/repositories/outbound_queue.hpp"
#include "storage/repositories/rows.hpp"

namespace easyflow::storage {
namespace {

constexpr Sql kConversation{"outbound.conversation", R"sql(
  select v.integration_id, v.contact_id, v.session_id, v.user_id, v.platform, v.chat_id,
         coalesce(c.is_active, true) as contact_is_active
    from conversations v left join contacts c on c.id = v.contact_id
   where v.id = $1::uuid for update of v)sql"};

// The conversation's row is locked, so that `sequence` grows in the order of commits.
constexpr Sql kEnqueue{"outbound.enqueue", R"sql(
  insert into outbound_messages (id, tenant_id, integration_id, conversation_id, message_id, message_created_at, chat_id,
                                 text, keyboard, reply_to, idempotency_key)
  values ($1::uuid, current_tenant(), $2::uuid, $3::uuid, $4::uuid, now(), $5, $6, $7::jsonb, $8, $9)
  on conflict (tenant_id, idempotency_key) do nothing)sql"};

constexpr Sql kRecord{"outbound.record", R"sql(
  with stored as (
    insert into messages (id, tenant_id, integration_id, contact_id, conversation_id, session_id, user_id, content,
                          role, direction, platform, metadata, created_at)
    select o.message_id, o.tenant_id, o.integration_id, v.contact_id, v.id, v.session_id, v.user_id, o.text, 'assistant',
           'outbound', v.platform,
           jsonb_strip_nulls(jsonb_build_object(
               'delivery', 'queued', 'outbound_id', o.id, 'reply_to', nullif(o.reply_to, ''),
               'keyboard', case when o.keyboard <> '[]' then o.keyboard end)) || $2::jsonb,
           o.message_created_at
      from outbound_messages o join conversations v on v.id = o.conversation_id
     where o.id = $1::uuid
  ), counted as (
    update conversations v set messages_count = v.messages_count + 1,
           updated_at = greatest(v.updated_at, date_trunc('minute', now())), active_at = greatest(v.active_at, now())
      from outbound_messages o where o.id = $1::uuid and v.id = o.conversation_id
  )
  insert into outbox_events (tenant_id, integration_id, type, subject_id, payload)
  select o.tenant_id, o.integration_id, 'message.queued', o.message_id,
         jsonb_build_object('conversation_id', o.conversation_id, 'message_id', o.message_id, 'outbound_id', o.id,
                            'chat_id', o.chat_id)
    from outbound_messages o where o.id = $1::uuid)sql"};

constexpr Sql kWakeDispatcher{"outbound.wake", "select pg_notify('outbound', '')"};

constexpr Sql kFind{"outbound.find", R"sql(
  select id, tenant_id, integration_id, conversation_id, message_id, chat_id, text, keyboard, reply_to, state, attempts,
         platform_message_id, error_code, error, created_at, updated_at
    from outbound_messages where id = $1::uuid)sql"};

constexpr Sql kFindByKey{"outbound.find_by_key", R"sql(
  select id, tenant_id, integration_id, conversation_id, message_id, chat_id, text, keyboard, reply_to, state, attempts,
         platform_message_id, error_code, error, created_at, updated_at
    from outbound_messages where tenant_id = current_tenant() and idempotency_key = $1)sql"};

constexpr Sql kList{"outbound.list", R"sql(
  select id, tenant_id, integration_id, conversation_id, message_id, chat_id, text, keyboard, reply_to, state, attempts,
         platform_message_id, error_code, error, created_at, updated_at
    from outbound_messages
   where ($1::text is null or state::text = $1::text)
     and ($2::timestamptz is null or (created_at, id) < ($2::timestamptz, $3::uuid))
   order by created_at desc, id desc limit $4::integer)sql"};

constexpr Sql kDue{"outbound.due", R"sql(
  select tenant_id, integration_id, id, chat_id from hub_due_outbound($1::integer))sql"};

constexpr Sql kLockQueued{"outbound.lock_queued", R"sql(
  select id from outbound_messages where id = $1::uuid and state = 'queued' and next_attempt_at <= now()
     for update skip locked)sql"};

constexpr Sql kTakeBudget{"outbound.take_budget", "select take_budget($1::uuid, $2::jsonb)"};

constexpr Sql kPostpone{"outbound.postpone", R"sql(
  update outbound_messages
     set next_attempt_at = clock_timestamp() + make_interval(secs => $2::float8 / 1000), error = coalesce($3, error)
   where id = $1::uuid and state = 'queued')sql"};

constexpr Sql kBeginSending{"outbound.begin_sending", R"sql(
  with claimed as (
    update outbound_messages
       set state = 'sending', attempts = attempts + 1, lease_owner = $2,
           lease_until = clock_timestamp() + make_interval(secs => $3::float8), updated_at = now()
     where id = $1::uuid
    returning message_id, message_created_at, attempts
  ), shown as (
    update messages m set metadata = m.metadata || '{"delivery": "sending"}'
      from claimed c where m.id = c.message_id and m.created_at = c.message_created_at
  )
  select attempts from claimed)sql"};

constexpr Sql kLockUnfinished{"outbound.lock_unfinished", R"sql(
  select state, attempts from outbound_messages
   where id = $1::uuid and state in ('queued', 'sending', 'unknown') for update)sql"};

constexpr Sql kLockForCancel{"outbound.lock_for_cancel", R"sql(
  select state from outbound_messages where id = $1::uuid for update)sql"};

// Moves messages to a final state, together with the conversation's record and the outbox event.
constexpr Sql kSettle{"outbound.settle", R"sql(
  with settled as (
    update outbound_messages
       set state = $2::outbound_state, platform_message_id = left($3, 255), error_code = left($4, 50), error = $5,
           lease_owner = null, lease_until = null, updated_at = now()
     where id = any($1::uuid[])
    returning id, tenant_id, integration_id, conversation_id, message_id, message_created_at, chat_id,
              platform_message_id, error_code, error, sequence
  ), recorded as (
    update messages m
       set platform_message_id = coalesce(s.platform_message_id, m.platform_message_id),
           sent_at = case when $2 = 'sent' then now() else m.sent_at end,
           metadata = (m.metadata - 'error' - 'error_code') || jsonb_strip_nulls(jsonb_build_object(
                          'delivery', $2::text, 'error', s.error, 'error_code', s.error_code))
      from settled s where m.id = s.message_id and m.created_at = s.message_created_at
  )
  insert into outbox_events (tenant_id, integration_id, type, subject_id, payload)
  select s.tenant_id, s.integration_id, 'message.' || $2::text, s.message_id,
         jsonb_strip_nulls(jsonb_build_object(
             'conversation_id', s.conversation_id, 'message_id', s.message_id, 'outbound_id', s.id, 'chat_id', s.chat_id,
             'platform_message_id', s.platform_message_id, 'error_code', s.error_code, 'error', s.error))
    from settled s order by s.sequence)sql"};

constexpr Sql kRetryLater{"outbound.retry_later", R"sql(
  with queued as (
    update outbound_messages
       set state = 'queued', next_attempt_at = clock_timestamp() + make_interval(secs => $2::float8),
           error_code = left($3, 50), error = $4, lease_owner = null, lease_until = null, updated_at = now()
     where id = $1::uuid
    returning message_id, message_created_at, error
  )
  update messages m
     set metadata = m.metadata || jsonb_strip_nulls(jsonb_build_object('delivery', 'queued', 'error', q.error))
    from queued q where m.id = q.message_id and m.created_at = q.message_created_at)sql"};

// Where a conversation of the new chat exists already, this one keeps its session and only sends there.
constexpr Sql kMoveChat{"outbound.move_chat", R"sql(
  with moved as (
    select integration_id, chat_id, conversation_id from outbound_messages where id = $1::uuid
  ), conversation as (
    update conversations v
       set chat_id = $2::text,
           session_id = case when exists (select from conversations e where e.session_id = m.integration_id || ':' || $2::text)
                             then v.session_id else m.integration_id || ':' || $2::text end
      from moved m where v.id = m.conversation_id and v.chat_id = m.chat_id
  )
  update outbound_messages o set chat_id = $2::text
    from moved m
   where o.integration_id = m.integration_id and o.chat_id = m.chat_id and o.state in ('queued', 'sending'))sql"};

constexpr Sql kBlockContact{"outbound.block_contact", R"sql(
  update contacts c set is_active = false, updated_at = now()
    from outbound_messages o join conversations v on v.id = o.conversation_id
   where o.id = $1::uuid and c.id = v.contact_id
  returning c.id)sql"};

constexpr Sql kQueuedToContact{"outbound.queued_to_same_chat", R"sql(
  select e.id
    from outbound_messages o
    join outbound_messages e on e.integration_id = o.integration_id and e.chat_id = o.chat_id and e.state = 'queued'
   where o.id = $1::uuid and e.id <> o.id
   order by e.sequence for update of e)sql"};

constexpr Sql kAbandoned{"outbound.abandoned", R"sql(
  select tenant_id, id from hub_abandoned_outbound($1) order by 1, 2)sql"};

constexpr Sql kLockAbandoned{"outbound.lock_abandoned", R"sql(
  select id from outbound_messages
   where id = any($1::uuid[]) and state = 'sending' and (lease_until < now() or lease_owner = $2)
   order by id for update skip locked)sql"};

std::string keyboard_json(const std::vector<std::vector<sdk::Button>>& keyboard) {
  auto rows = nlohmann::json::array();
  for (const auto& row : keyboard) {
    auto buttons = nlohmann::json::array();
    for (const auto& button : row) {
      buttons.push_back(
          {{"text", clean_text(button.text)}, {"data", clean_text(button.data)}, {"url", clean_text(button.url)}});
    }
    rows.push_back(std::move(buttons));
  }
  return jsonb_text(rows.dump());
}

std::vector<std::vector<sdk::Button>> read_keyboard(const std::string& text) {
  std::vector<std::vector<sdk::Button>> keyboard;
  for (const auto& row : nlohmann::json::parse(text)) {
    auto& buttons = keyboard.emplace_back();
    for (const auto& given : row) {
      sdk::Button button;
      button.text = given.value("text", "");
      button.data = given.value("data", "");
      button.url = given.value("url", "");
      buttons.push_back(std::move(button));
    }
  }
  return keyboard;
}

Outbound read_outbound(const pqxx::row& row) {
  Outbound out;
  out.id = text_of(row["id"]);
  out.tenant_id = text_of(row["tenant_id"]);
  out.integration_id = text_of(row["integration_id"]);
  out.conversation_id = text_of(row["conversation_id"]);
  out.message_id = text_of(row["message_id"]);
  out.message.chat_id = text_of(row["chat_id"]);
  out.message.text = text_of(row["text"]);
  out.message.keyboard = read_keyboard(text_of(row["keyboard"]));
  out.message.reply_to_message_id = text_of(row["reply_to"]);
  out.state = text_of(row["state"]);
  out.attempts = row["attempts"].as<int>();
  out.platform_message_id = text_of(row["platform_message_id"]);
  out.error_code = text_of(row["error_code"]);
  out.error = text_of(row["error"]);
  out.created_at = time_of(row["created_at"]);
  out.updated_at = time_of(row["updated_at"]);
  return out;
}

/// A message to be queued, ready for the database.
struct Draft {
  std::string conversation_id;
  std::string text;
  std::string keyboard;
  std::string reply_to;
  std::string idempotency_key;
  std::string metadata = "{}";
};

/// The message queued under this key before; nothing when there is none.
std::optional<Result<Outbound>> find_repeated(Tx& tx, const Draft& draft) {
  if (draft.idempotency_key.empty()) return std::nullopt;
  const auto rows = tx.exec(kFindByKey, draft.idempotency_key);
  if (rows.empty()) return std::nullopt;
  auto known = read_outbound(rows[0]);
  const bool same = known.conversation_id == draft.conversation_id && known.message.text == draft.text &&
                    known.message.reply_to_message_id == draft.reply_to &&
                    keyboard_json(known.message.keyboard) == draft.keyboard;
  if (same) return Result<Outbound>(std::move(known));
  return Result<Outbound>(
      Error(ErrorKind::conflict, "this idempotency key was used for another message: take a new key for a new message")
          .with_field("idempotency_key"));
}

Result<Outbound> enqueue_one(Tx& tx, const Draft& draft) {
  if (draft.idempotency_key.size() > 255) {
    return Error(ErrorKind::invalid_input, "idempotency_key may have at most 255 bytes").with_field("idempotency_key");
  }
  if (auto known = find_repeated(tx, draft)) return *known;
  const Error not_found = Error(ErrorKind::not_found, "there is no such conversation").with_field("conversation_id");
  if (!is_uuid(draft.conversation_id)) return not_found;
  const auto found = tx.exec(kConversation, draft.conversation_id);
  if (found.empty()) return not_found;
  const auto conversation = found[0];
  if (conversation["integration_id"].is_null()) {
    return Error(ErrorKind::conflict, "the integration of this conversation was removed: connect it again first");
  }
  if (conversation["chat_id"].is_null()) {
    return Error(ErrorKind::conflict, "this conversation has no chat on its platform to send to");
  }
  if (!conversation["contact_is_active"].as<bool>()) {
    return Error(ErrorKind::conflict, "this person blocked the account: messages can't reach them");
  }
  const auto id = new_uuid();
  const auto added = tx.exec(kEnqueue, id, text_of(conversation["integration_id"]), draft.conversation_id, new_uuid(),
                             text_of(conversation["chat_id"]), draft.text, draft.keyboard, draft.reply_to,
                             unless_empty(draft.idempotency_key));
  if (added.affected_rows() == 0) {
    // somebody else queued under this key just now
    if (auto known = find_repeated(tx, draft)) return *known;
    return Error(ErrorKind::conflict, "this idempotency key is in use").with_field("idempotency_key");
  }
  tx.exec(kRecord, id, draft.metadata);
  tx.exec(kWakeDispatcher);
  return read_outbound(tx.exec(kFind, id)[0]);
}

Draft draft_of(std::string conversation_id, const sdk::OutboundMessage& message, const std::string& idempotency_key) {
  Draft draft;
  draft.conversation_id = std::move(conversation_id);
  draft.text = clean_text(message.text);
  draft.keyboard = keyboard_json(message.keyboard);
  draft.reply_to = clean_text(message.reply_to_message_id);
  draft.idempotency_key = clean_text(idempotency_key);
  return draft;
}

void settle(Tx& tx, const std::vector<std::string>& ids, const char* state, const std::string& platform_message_id,
            const std::string& error_code, const std::string& error) {
  tx.exec(kSettle, text_array(ids), state, unless_empty(clean_text(platform_message_id)),
          unless_empty(clean_text(error_code)), unless_empty(clean_text(error)));
}

/// A person who blocked us gets none of what waits for them either.
void settle_blocked(Tx& tx, const std::string& id, const sdk::SendOutcome& outcome) {
  const bool private_chat = !tx.exec(kBlockContact, id).empty();
  std::vector<std::string> ids{id};
  if (private_chat) {
    for (const auto& row : tx.exec(kQueuedToContact, id)) ids.push_back(text_of(row[0]));
  }
  settle(tx, ids, "failed", {}, outcome.error_code, outcome.reason);
}

void finish_one(Tx& tx, const std::string& id, int attempt, const sdk::SendOutcome& outcome) {
  const auto locked = tx.exec(kLockUnfinished, id);
  if (locked.empty() || locked[0][1].as<int>() != attempt) return;
  const auto state = text_of(locked[0][0]);
  if (state == "queued") return;
  // Settled as unknown meanwhile: a person may have acted on it, so it is never queued again. The truth is welcome.
  const bool given_up = state == "unknown";
  switch (outcome.state) {
    case sdk::SendState::sent: settle(tx, {id}, "sent", outcome.platform_message_id, {}, {}); return;
    case sdk::SendState::failed: settle(tx, {id}, "failed", {}, outcome.error_code, outcome.reason); return;
    case sdk::SendState::contact_blocked: settle_blocked(tx, id, outcome); return;
    case sdk::SendState::retry_later:
      if (given_up) {
        settle(tx, {id}, "failed", {}, outcome.error_code, outcome.reason);
        return;
      }
      if (!outcome.new_chat_id.empty()) tx.exec(kMoveChat, id, clean_text(outcome.new_chat_id));
      tx.exec(kRetryLater, id, outcome.retry_after.count(), unless_empty(clean_text(outcome.error_code)),
              unless_empty(clean_text(outcome.reason)));
      tx.exec(kWakeDispatcher);
      return;
    case sdk::SendState::unknown:
      if (!given_up) settle(tx, {id}, "unknown", {}, outcome.error_code, outcome.reason);
      return;
  }
}

}  // namespace

Result<Outbound> enqueue_in(Tx& tx, std::string conversation_id, const sdk::OutboundMessage& message,
                            std::string idempotency_key, std::string metadata_json) {
  auto draft = draft_of(std::move(conversation_id), message, idempotency_key);
  draft.metadata = jsonb_text(metadata_json);
  return enqueue_one(tx, draft);
}

std::string cancel_in(Tx& tx, const std::string& outbound_id, const std::string& reason) {
  const auto found = tx.exec(kLockForCancel, outbound_id);
  if (found.empty()) return {};
  auto state = text_of(found[0][0]);
  if (state == "queued") settle(tx, {outbound_id}, "failed", {}, "cancelled", reason);
  return state;
}

Task<Result<Outbound>> OutboundRepository::enqueue(std::string tenant_id, std::string conversation_id,
                                                   sdk::OutboundMessage message, std::string idempotency_key) {
  auto draft = draft_of(std::move(conversation_id), message, idempotency_key);
  auto work = [draft = std::move(draft)](Tx& tx) { return enqueue_one(tx, draft); };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::optional<Outbound>> OutboundRepository::find(std::string tenant_id, std::string id) {
  auto work = [id = std::move(id)](Tx& tx) -> std::optional<Outbound> {
    if (!is_uuid(id)) return std::nullopt;
    const auto rows = tx.exec(kFind, id);
    if (rows.empty()) return std::nullopt;
    return read_outbound(rows[0]);
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<Result<Paged<Outbound>>> OutboundRepository::list(std::string tenant_id, std::string state, PageRequest page) {
  auto work = [state = clean_text(state), page = std::move(page)](Tx& tx) -> Result<Paged<Outbound>> {
    EASYFLOW_TRY(after, read_cursor(page.cursor, "tu"));
    const auto rows = tx.exec(kList, unless_empty(state), after[0], after[1], rows_to_ask(page));
    return page_of<Outbound>(rows, page, read_outbound, [](const pqxx::row& row) {
      return std::vector<std::string>{text_of(row["created_at"]), text_of(row["id"])};
    });
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::vector<OutboundKey>> OutboundRepository::due(int wanted) {
  auto work = [wanted](Tx& tx) {
    std::vector<OutboundKey> out;
    for (const auto& row : tx.exec(kDue, wanted)) {
      OutboundKey key;
      key.tenant_id = text_of(row["tenant_id"]);
      key.integration_id = text_of(row["integration_id"]);
      key.id = text_of(row["id"]);
      key.chat_id = text_of(row["chat_id"]);
      out.push_back(std::move(key));
    }
    return out;
  };
  return db_.run(Lane::background, Scope::hub(), std::move(work));
}

Task<OutboundClaim> OutboundRepository::claim(OutboundKey key, std::string owner, std::chrono::seconds lease,
                                              std::string buckets) {
  auto scope = Scope::tenant(key.tenant_id);
  auto work = [key = std::move(key), owner = std::move(owner), lease, buckets = std::move(buckets)](Tx& tx) {
    OutboundClaim out;
    if (tx.exec(kLockQueued, key.id).empty()) return out;
    out.wait = std::chrono::milliseconds(tx.exec(kTakeBudget, key.integration_id, buckets)[0][0].as<std::int64_t>());
    if (out.wait.count() > 0) {
      tx.exec(kPostpone, key.id, out.wait.count(), std::optional<std::string>());
      return out;
    }
    out.attempt = tx.exec(kBeginSending, key.id, owner, lease.count())[0][0].as<int>();
    out.claimed = true;
    return out;
  };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

Task<> OutboundRepository::finish(OutboundKey key, int attempt, sdk::SendOutcome outcome) {
  auto scope = Scope::tenant(key.tenant_id);
  auto work = [key = std::move(key), attempt, outcome = std::move(outcome)](Tx& tx) {
    finish_one(tx, key.id, attempt, outcome);
  };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

Task<> OutboundRepository::postpone(OutboundKey key, std::chrono::milliseconds wait, std::string reason) {
  auto scope = Scope::tenant(key.tenant_id);
  auto work = [key = std::move(key), wait, reason = unless_empty(clean_text(reason))](Tx& tx) {
    tx.exec(kPostpone, key.id, wait.count(), reason);
  };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

Task<> OutboundRepository::fail(OutboundKey key, std::string error) {
  auto scope = Scope::tenant(key.tenant_id);
  auto work = [key = std::move(key), error = std::move(error)](Tx& tx) {
    const auto locked = tx.exec(kLockUnfinished, key.id);
    if (locked.empty() || text_of(locked[0][0]) != "queued") return;
    settle(tx, {key.id}, "failed", {}, {}, error);
  };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

Task<int> OutboundRepository::settle_abandoned(std::string dead_owner) {
  auto work = [dead_owner = std::move(dead_owner)](Tx& tx) {
    std::map<std::string, std::vector<std::string>> by_tenant;
    for (const auto& row : tx.exec(kAbandoned, dead_owner)) by_tenant[text_of(row[0])].push_back(text_of(row[1]));
    int settled = 0;
    for (const auto& [tenant_id, ids] : by_tenant) {
      tx.become(Scope::tenant(tenant_id));
      std::vector<std::string> locked;
      for (const auto& row : tx.exec(kLockAbandoned, text_array(ids), dead_owner)) locked.push_back(text_of(row[0]));
      if (locked.empty()) continue;
      settle(tx, locked, "unknown", {}, {}, "the hub stopped while sending: it may have been sent");
      settled += static_cast<int>(locked.size());
    }
    return settled;
  };
  return db_.run(Lane::background, Scope::hub(), std::move(work));
}

}  // namespace easyflow::storage
