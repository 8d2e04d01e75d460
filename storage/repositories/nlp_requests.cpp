#include "storage/repositories/nlp_requests.hpp"

#include <map>
#include <utility>

#include "storage/pg_array.hpp"
#include "storage/repositories/meaning.hpp"
#include "storage/repositories/rows.hpp"

// Rows are locked in the order in which ingest locks them: the message, then its request.

namespace easyflow::storage {
namespace {

// An edit before the answer came: the new text is read. What follows from a new message still may.
constexpr Sql kPut{"nlp_requests.put", R"sql(
  with put as (
    insert into nlp_requests as r (message_id, tenant_id, message_created_at, may_act, has_action)
    select g.message_id, current_tenant(), g.message_created_at, g.may_act, g.has_action
      from unnest($1::uuid[], $2::timestamptz[], $3::boolean[], $4::boolean[])
           as g(message_id, message_created_at, may_act, has_action)
    on conflict (message_id) do update
       set may_act = r.may_act or excluded.may_act, has_action = excluded.has_action, attempts = 0,
           fencing = r.fencing + 1, lease_owner = null, lease_until = null, next_attempt_at = now(), created_at = now()
    returning message_id
  )
  select pg_notify('nlp_requests', '') from put limit 1)sql"};

constexpr Sql kClaim{"nlp_requests.claim", R"sql(
  select tenant_id, message_id, fencing, attempts, created_at
    from hub_claim_nlp_requests($1, $2::integer, make_interval(secs => $3::float8 / 1000)))sql"};

constexpr Sql kRelease{"nlp_requests.release", "select hub_release_nlp_requests($1)"};

constexpr Sql kOpen{"nlp_requests.open", R"sql(
  select m.content, m.entities
    from nlp_requests r join messages m on m.id = r.message_id and m.created_at = r.message_created_at
   where r.message_id = $1::uuid and r.fencing = $2::bigint and m.nlp_model is distinct from 'operator')sql"};

constexpr Sql kDrop{"nlp_requests.drop", R"sql(
  delete from nlp_requests where message_id = $1::uuid and fencing = $2::bigint)sql"};

// the partition is found through the request; an update of the message waits for this lock
constexpr Sql kLockMessage{"nlp_requests.lock_message", R"sql(
  select m.integration_id, m.conversation_id, m.created_at, m.intent, (m.confidence * 100)::integer as hundredths,
         coalesce(m.nlp_model = 'operator', false) as labelled
    from messages m
   where m.id = $1::uuid
     and m.created_at = (select r.message_created_at from nlp_requests r where r.message_id = $1::uuid)
     for update)sql"};

constexpr Sql kTake{"nlp_requests.take", R"sql(
  delete from nlp_requests where message_id = $1::uuid and fencing = $2::bigint returning may_act, has_action)sql"};

constexpr Sql kUnderstood{"nlp_requests.understood", R"sql(
  with before as (
    select id, created_at, intent, confidence, nlp_model, metadata->'nlp' as nlp
      from messages where id = $1::uuid and created_at = $2::timestamptz
  ), changed as (
    update messages m
       set intent = left($3, 100), confidence = $4::integer / 100.0, nlp_model = left($5, 100),
           metadata = coalesce(m.metadata, '{}') || jsonb_build_object('nlp',
                        $6::jsonb || jsonb_build_object('embedded', jsonb_strip_nulls(
                          (coalesce(b.nlp, '{}') - 'source') ||
                          jsonb_build_object('intent', b.intent, 'confidence', b.confidence, 'model', b.nlp_model))))
      from before b where m.id = b.id and m.created_at = b.created_at
    returning m.id, m.tenant_id, m.integration_id, m.conversation_id, m.contact_id, m.platform, m.intent, m.confidence,
              m.nlp_model, (b.intent, b.confidence) is distinct from (m.intent, m.confidence) as differs
  )
  insert into outbox_events (tenant_id, integration_id, type, subject_id, payload)
  select c.tenant_id, c.integration_id, 'message.understood', c.id,
         jsonb_strip_nulls(jsonb_build_object(
             'conversation_id', c.conversation_id, 'message_id', c.id, 'platform', c.platform, 'chat_id', v.chat_id,
             'contact_id', c.contact_id, 'intent', c.intent, 'confidence', c.confidence, 'model', c.nlp_model))
    from changed c left join conversations v on v.id = c.conversation_id
   where c.differs)sql"};

constexpr Sql kFellBack{"nlp_requests.fell_back", R"sql(
  update messages
     set metadata = jsonb_set(coalesce(metadata, '{}'), '{nlp}', coalesce(metadata->'nlp', '{}') || $3::jsonb)
   where id = $1::uuid and created_at = $2::timestamptz)sql"};

constexpr Sql kWantsAct{"nlp_requests.wants_act", R"sql(
  select from intent_actions where intent = $1 and enabled and min_confidence <= $2::integer / 100.0)sql"};

constexpr Sql kPostpone{"nlp_requests.postpone", R"sql(
  update nlp_requests
     set next_attempt_at = now() + make_interval(secs => $3::float8 / 1000), lease_owner = null, lease_until = null
   where message_id = $1::uuid and fencing = $2::bigint)sql"};

struct Taken {
  Settled settled = Settled::outdated;
  std::string created_at;
  bool may_act = false;
  bool has_action = false;
  PendingAct act;  ///< by the meaning that the message has now
};

/// Ends the request; the message stays locked.
Taken take(Tx& tx, const NlpLease& lease) {
  Taken out;
  const auto messages = tx.exec(kLockMessage, lease.message_id);
  const auto requests = tx.exec(kTake, lease.message_id, lease.fencing);
  if (messages.empty() || requests.empty()) return out;
  const auto& message = messages[0];
  out.settled = message["labelled"].as<bool>() ? Settled::kept : Settled::done;
  out.created_at = text_of(message["created_at"]);
  out.may_act = requests[0]["may_act"].as<bool>();
  out.has_action = requests[0]["has_action"].as<bool>();
  out.act.integration_id = text_of(message["integration_id"]);
  out.act.conversation_id = text_of(message["conversation_id"]);
  out.act.message_id = lease.message_id;
  out.act.message_created_at = time_of(message["created_at"]);
  out.act.intent = text_of(message["intent"]);
  out.act.hundredths = message["hundredths"].as<int>(0);
  return out;
}

/// An act needs a conversation, and the account to answer from.
void put_act(Tx& tx, Taken& taken) {
  if (taken.act.integration_id.empty() || taken.act.conversation_id.empty()) return;
  put_pending_acts(tx, {std::move(taken.act)});
}

}  // namespace

void put_nlp_requests(Tx& tx, const std::vector<NlpRequest>& requests) {
  if (requests.empty()) return;
  // a message and its edit may come together
  std::map<std::string, NlpRequest> by_message;
  for (const auto& request : requests) {
    auto& one = by_message.try_emplace(request.message_id, request).first->second;
    one.may_act = one.may_act || request.may_act;
    one.has_action = request.has_action;
  }
  UuidColumn messages;
  TimestampColumn created;
  BooleanColumn may_act, has_action;
  for (const auto& [message, request] : by_message) {
    messages.add(message);
    created.add(request.message_created_at);
    may_act.add(request.may_act);
    has_action.add(request.has_action);
  }
  tx.exec(kPut, messages.take(), created.take(), may_act.take(), has_action.take());
}

Task<std::vector<NlpLease>> NlpRequestRepository::claim(std::string node, int wanted, std::chrono::milliseconds lease) {
  auto work = [node = std::move(node), wanted, lease](Tx& tx) {
    std::vector<NlpLease> out;
    for (const auto& row : tx.exec(kClaim, node, wanted, lease.count())) {
      NlpLease one;
      one.tenant_id = text_of(row["tenant_id"]);
      one.message_id = text_of(row["message_id"]);
      one.fencing = row["fencing"].as<std::int64_t>();
      one.attempts = row["attempts"].as<int>();
      one.waits_since = time_of(row["created_at"]);
      out.push_back(std::move(one));
    }
    return out;
  };
  return db_.run(Lane::background, Scope::hub(), std::move(work));
}

Task<int> NlpRequestRepository::release(std::string node) {
  auto work = [node = std::move(node)](Tx& tx) { return tx.exec(kRelease, node)[0][0].as<int>(); };
  return db_.run(Lane::background, Scope::hub(), std::move(work));
}

Task<std::optional<WaitingMessage>> NlpRequestRepository::open(NlpLease lease) {
  auto scope = Scope::tenant(lease.tenant_id);
  auto work = [lease = std::move(lease)](Tx& tx) -> std::optional<WaitingMessage> {
    const auto rows = tx.exec(kOpen, lease.message_id, lease.fencing);
    if (rows.empty()) {
      tx.exec(kDrop, lease.message_id, lease.fencing);
      return std::nullopt;
    }
    WaitingMessage out;
    out.text = text_of(rows[0][0]);
    out.entities_json = text_of(rows[0][1]);
    return out;
  };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

Task<Settled> NlpRequestRepository::understood(NlpLease lease, RemoteVerdict verdict) {
  auto scope = Scope::tenant(lease.tenant_id);
  auto work = [lease = std::move(lease), verdict = std::move(verdict)](Tx& tx) {
    auto taken = take(tx, lease);
    if (taken.settled != Settled::done) return taken.settled;
    tx.exec(kUnderstood, lease.message_id, taken.created_at, verdict.intent, verdict.hundredths, verdict.model,
            jsonb_text(verdict.details_json));
    if (taken.may_act && !tx.exec(kWantsAct, verdict.intent, verdict.hundredths).empty()) {
      taken.act.intent = verdict.intent;
      taken.act.hundredths = verdict.hundredths;
      put_act(tx, taken);
    }
    return taken.settled;
  };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

Task<Settled> NlpRequestRepository::fell_back(NlpLease lease, std::string details_json) {
  auto scope = Scope::tenant(lease.tenant_id);
  auto work = [lease = std::move(lease), details_json = std::move(details_json)](Tx& tx) {
    auto taken = take(tx, lease);
    if (taken.settled != Settled::done) return taken.settled;
    tx.exec(kFellBack, lease.message_id, taken.created_at, jsonb_text(details_json));
    if (taken.may_act && taken.has_action) put_act(tx, taken);
    return taken.settled;
  };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

Task<> NlpRequestRepository::postpone(NlpLease lease, std::chrono::milliseconds wait) {
  auto scope = Scope::tenant(lease.tenant_id);
  auto work = [lease = std::move(lease), wait](Tx& tx) {
    tx.exec(kPostpone, lease.message_id, lease.fencing, wait.count());
  };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

}  // namespace easyflow::storage
