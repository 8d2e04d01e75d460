#include "storage/repositories/inbound.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/base/ids.hpp"
#include "storage/pg_array.hpp"
#include "storage/repositories/nlp_requests.hpp"
#include "storage/repositories/rows.hpp"

// How a batch is stored. Rows are locked in one fixed order everywhere (tenant, then table, then key), so batches that
// run side by side wait for each other but never in a circle:
//   1. ledger          what is new goes on, what is known ends here; finds the contacts and tells which differ
//   -  what the fresh messages mean is found out here, without the database
//   2. contacts        only when one is new or changed
//   3. conversations   and bodies. Locks each conversation until the commit; orders and products are looked up on the
//                      way when a message names one
//   4. messages        and outbox events; sees what others wrote into the conversation before step 3 locked it
//   5. edits           one by one, after the messages of the batch
//   6. automatic acts  only when a message has one; rows that nobody else knows yet
//   7. NLP requests    only where a provider reads messages too; locked after their messages
// A batch of plain messages from known people is steps 1, 3 and 4.
//
// Plans are made once per connection, maybe while the tables are still empty, when a scan of the whole table looks as
// good as an index. "offset 0" keeps a look-up from becoming such a join: it stays one probe of the index for each row.

namespace easyflow::storage {
namespace {

constexpr Sql kLedger{"inbound.ledger", R"sql(
  with fresh as (
    insert into inbound_events (integration_id, dedup_key, tenant_id, body_id, state, reason, received_at)
    select e.integration_id, e.dedup_key, $1::uuid, e.body_id, e.state::inbound_state, e.reason, e.received_at
      from unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[])
           as e(integration_id, dedup_key, body_id, state, reason, received_at)
     order by 1, 2
    on conflict do nothing
    returning integration_id, dedup_key
  )
  select integration_id, dedup_key, null as turn, null as contact_id, null as as_known from fresh
  union all
  select null, null, s.turn, c.id,
         (c.username, c.full_name, c.language_code, c.is_active) is not distinct from
         (left(s.username, 255), coalesce(left(s.full_name, 255), c.full_name),
          coalesce(left(s.language_code, 10), c.language_code), s.is_active)
    from unnest($8::uuid[], $9::text[], $10::text[], $11::text[], $12::text[], $13::boolean[]) with ordinality
         as s(integration_id, platform_user_id, username, full_name, language_code, is_active, turn)
    left join lateral (select * from contacts k
                        where k.integration_id = s.integration_id and k.platform_user_id = s.platform_user_id
                       offset 0) c on true)sql"};

constexpr Sql kContacts{"inbound.contacts", R"sql(
  insert into contacts as c (id, tenant_id, integration_id, platform_user_id, telegram_id, username, full_name,
                             language_code, is_active)
  select g.id, $1::uuid, g.integration_id, g.platform_user_id, g.telegram_id, left(g.username, 255),
         coalesce(left(g.full_name, 255), k.full_name, ''), coalesce(left(g.language_code, 10), k.language_code, 'ru'),
         g.is_active
    from unnest($2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::boolean[])
         as g(id, integration_id, platform_user_id, telegram_id, username, full_name, language_code, is_active)
    left join lateral (select * from contacts s
                        where s.integration_id = g.integration_id and s.platform_user_id = g.platform_user_id
                       offset 0) k on true
   where k.id is null
      or (k.username, k.full_name, k.language_code, k.is_active) is distinct from
         (left(g.username, 255), coalesce(left(g.full_name, 255), k.full_name),
          coalesce(left(g.language_code, 10), k.language_code), g.is_active)
   order by g.integration_id, g.platform_user_id
  on conflict (integration_id, platform_user_id) do update
     set username = excluded.username, full_name = excluded.full_name, language_code = excluded.language_code,
         is_active = excluded.is_active, updated_at = now()
   where (c.username, c.full_name, c.language_code, c.is_active) is distinct from
         (excluded.username, excluded.full_name, excluded.language_code, excluded.is_active))sql"};

constexpr Sql kContactIds{"inbound.contact_ids", R"sql(
  select s.turn, c.id
    from unnest($1::uuid[], $2::text[]) with ordinality as s(integration_id, platform_user_id, turn)
    cross join lateral (select k.id from contacts k
                         where k.integration_id = s.integration_id and k.platform_user_id = s.platform_user_id
                        offset 0) c)sql"};

constexpr Sql kConversations{"inbound.conversations", R"sql(
  with bodies as (
    insert into inbound_bodies (id, tenant_id, integration_id, sealed, received_at)
    select b.id, $1::uuid, b.integration_id, b.sealed, b.received_at
      from unnest($2::uuid[], $3::uuid[], $4::bytea[], $5::timestamptz[]) as b(id, integration_id, sealed, received_at)
  ), touched as (
    insert into conversations as v (id, tenant_id, integration_id, contact_id, session_id, user_id, platform, chat_id,
                                    title, messages_count, created_at, updated_at, active_at)
    select g.id, $1::uuid, g.integration_id, g.contact_id, g.session_id, g.user_id, g.platform, g.chat_id,
           coalesce(left(g.title, 255), ''), g.messages_count, g.received_at, date_trunc('minute', g.received_at),
           g.received_at
      from unnest($6::uuid[], $7::uuid[], $8::uuid[], $9::text[], $10::uuid[], $11::text[], $12::text[], $13::text[],
                  $14::integer[], $15::timestamptz[])
           as g(id, integration_id, contact_id, session_id, user_id, platform, chat_id, title, messages_count, received_at)
     order by g.session_id
    on conflict (session_id) do update
       set messages_count = v.messages_count + excluded.messages_count,
           updated_at = greatest(v.updated_at, excluded.updated_at),
           active_at = greatest(v.active_at, excluded.active_at),
           contact_id = coalesce(excluded.contact_id, v.contact_id),
           title = coalesce(nullif(excluded.title, ''), v.title)
    returning session_id, id, has_early_edits
  )
  select session_id, id, has_early_edits, null as number, null as order_id, null as product_id, null as at
    from touched
  union all
  select null, null, null, number, order_id, product_id, at from mentioned($16::text[]))sql"};

// `marker` is the ledger key that an edit leaves when it comes before its original; given only where the conversation,
// which is locked by now, has such edits.
constexpr Sql kMessages{"inbound.messages", R"sql(
  with ready as materialized (
    select g.*,
           coalesce(g.known_conversation, (select v.id from conversations v where v.session_id = g.session_id)) as conversation_id
      from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::uuid[],
                  $10::text[], $11::text[], $12::text[], $13::text[], $14::timestamptz[], $15::timestamptz[], $16::text[],
                  $17::text[], $18::text[], $19::text[], $20::integer[], $21::text[], $22::text[])
           with ordinality
           as g(id, known_conversation, integration_id, session_id, user_id, platform, chat_id, contact_id,
                content, content_type, platform_message_id, metadata, sent_at, received_at, marker, event_type, payload,
                intent, hundredths, entities, nlp_model, turn)
     where not exists (select from inbound_events f where f.integration_id = g.integration_id and f.dedup_key = g.marker
                       offset 0)
  ), stored as (
    insert into messages (id, tenant_id, integration_id, contact_id, conversation_id, session_id, user_id, content,
                          content_type, role, direction, platform, platform_message_id, metadata, sent_at, created_at,
                          intent, confidence, entities, nlp_model)
    select id, $1::uuid, integration_id, contact_id, conversation_id, session_id, user_id, content,
           left(content_type, 50), 'user', 'inbound', platform, left(platform_message_id, 255), metadata::jsonb, sent_at,
           received_at, left(intent, 100), hundredths / 100.0, entities::jsonb, left(nlp_model, 100)
      from ready where id is not null
  )
  insert into outbox_events (tenant_id, integration_id, type, subject_id, payload)
  select $1::uuid, integration_id, event_type, coalesce(id, contact_id),
         case when id is null
              then jsonb_strip_nulls(jsonb_build_object('conversation_id', conversation_id, 'chat_id', chat_id,
                                                        'platform', platform, 'contact_id', contact_id))
              else payload::jsonb end
    from ready order by turn
  returning subject_id)sql"};

// The same for a batch of messages that nothing can have been edited of: nothing to look up, nothing to leave out.
constexpr Sql kPlainMessages{"inbound.plain_messages", R"sql(
  with stored as (
    insert into messages (id, tenant_id, integration_id, contact_id, conversation_id, session_id, user_id, content,
                          content_type, role, direction, platform, platform_message_id, metadata, sent_at, created_at,
                          intent, confidence, entities, nlp_model)
    select g.id, $1::uuid, g.integration_id, g.contact_id, g.conversation_id, g.session_id, g.user_id, g.content,
           left(g.content_type, 50), 'user', 'inbound', g.platform, left(g.platform_message_id, 255), g.metadata::jsonb,
           g.sent_at, g.received_at, left(g.intent, 100), g.hundredths / 100.0, g.entities::jsonb,
           left(g.nlp_model, 100)
      from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::uuid[], $9::text[],
                  $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[], $17::text[],
                  $18::integer[], $19::text[], $20::text[])
           as g(id, conversation_id, integration_id, session_id, user_id, platform, contact_id, content, content_type,
                platform_message_id, metadata, sent_at, received_at, intent, hundredths, entities, nlp_model)
  )
  insert into outbox_events (tenant_id, integration_id, type, subject_id, payload)
  select $1::uuid, e.integration_id, e.type, e.subject_id, e.payload::jsonb
    from unnest($4::uuid[], $2::uuid[], $15::text[], $16::text[]) as e(integration_id, subject_id, type, payload))sql"};

// Two plain conditions leave the choice of the index to the planner: chats and message ids differ in how often they
// repeat.
constexpr Sql kFindOriginal{"inbound.find_original", R"sql(
  select id, created_at, metadata->>'edited_at' as edited_at
    from messages
   where conversation_id = $1::uuid and platform = $2 and platform_message_id = $3
     and created_at > $4::timestamptz - interval '30 days'
   order by created_at desc limit 1)sql"};

constexpr Sql kEdit{"inbound.edit", R"sql(
  with changed as (
    update messages
       set content = $3,
           metadata = (coalesce(metadata, '{}') - 'nlp') || $4::jsonb ||
                      jsonb_build_object('edited_at', $5::text, 'previous', content),
           intent = left($7, 100), confidence = $8::integer / 100.0, entities = $9::jsonb, nlp_model = left($10, 100)
     where id = $1::uuid and created_at = $2::timestamptz
    returning id, tenant_id, integration_id, conversation_id, contact_id, platform, intent, confidence
  )
  insert into outbox_events (tenant_id, integration_id, type, subject_id, payload)
  select tenant_id, integration_id, 'message.edited', id,
         jsonb_strip_nulls(jsonb_build_object('conversation_id', conversation_id, 'message_id', id, 'chat_id', $6::text,
                                              'platform', platform, 'contact_id', contact_id, 'intent', intent,
                                              'confidence', confidence))
    from changed)sql"};

constexpr Sql kEditWithoutOriginal{"inbound.edit_without_original", R"sql(
  with given as materialized (
    select $1::uuid as id, (select c.id from contacts c where c.integration_id = $2::uuid and c.platform_user_id = $3) as contact_id
  ), marked as (
    insert into inbound_events (integration_id, dedup_key, tenant_id, body_id, state, received_at)
    select $2::uuid, $4, current_tenant(), $5::uuid, 'processed', $6::timestamptz where $4::text is not null
    on conflict do nothing
  ), flagged as (
    update conversations set has_early_edits = true where id = $7::uuid and $4::text is not null and not has_early_edits
  ), stored as (
    insert into messages (id, tenant_id, integration_id, contact_id, conversation_id, session_id, user_id, content,
                          content_type, role, direction, platform, platform_message_id, metadata, sent_at, created_at,
                          intent, confidence, entities, nlp_model)
    select id, current_tenant(), $2::uuid, contact_id, $7::uuid, $8, $9::uuid, $10, left($11, 50), 'user', 'inbound', $12,
           left($13, 255), $14::jsonb || jsonb_build_object('edited', true, 'edited_at', $15::text), $16::timestamptz,
           $6::timestamptz, left($18, 100), $19::integer / 100.0, $20::jsonb, left($21, 100)
      from given
  )
  insert into outbox_events (tenant_id, integration_id, type, subject_id, payload)
  select current_tenant(), $2::uuid, 'message.edited', id,
         jsonb_strip_nulls(jsonb_build_object('conversation_id', $7::uuid, 'message_id', id, 'chat_id', $17::text,
                                              'platform', $12::text, 'contact_id', contact_id, 'intent', left($18, 100),
                                              'confidence', round($19::integer / 100.0, 2)))
    from given)sql"};

constexpr Sql kCorrectCounts{"inbound.correct_counts", R"sql(
  update conversations v set messages_count = v.messages_count + d.delta
    from unnest($1::uuid[], $2::integer[]) as d(id, delta) where v.id = d.id)sql"};

// The fencing number grows when the lease changes hands, not when its holder takes it on.
constexpr Sql kClaimPoll{"inbound.claim_poll", R"sql(
  insert into sync_cursors as c (integration_id, stream, tenant_id, next_run_at, lease_owner, lease_until, fencing)
  values ($1::uuid, '@updates', current_tenant(), 'infinity', $2, now() + make_interval(secs => $3::float8), 1)
  on conflict (integration_id, stream, partition) do update
     set lease_owner = excluded.lease_owner, lease_until = excluded.lease_until,
         fencing = c.fencing + case when c.lease_owner = excluded.lease_owner then 0 else 1 end
   where c.lease_owner is null or c.lease_owner = excluded.lease_owner or c.lease_until < now()
  returning fencing, cursor)sql"};

constexpr Sql kMovePollCursor{"inbound.move_poll_cursor", R"sql(
  update sync_cursors set cursor = $4, last_success_at = now(), updated_at = now()
   where integration_id = $1::uuid and stream = '@updates' and lease_owner = $2 and fencing = $3::bigint)sql"};

constexpr Sql kReleasePoll{"inbound.release_poll", R"sql(
  update sync_cursors set lease_owner = null, lease_until = null
   where integration_id = $1::uuid and stream = '@updates' and lease_owner = $2 and fencing = $3::bigint)sql"};

constexpr Sql kQuarantine{"inbound.quarantine", R"sql(
  select e.body_id, e.integration_id, i.platform_id, e.reason, e.received_at
    from inbound_events e join integrations i on i.id = e.integration_id
   where e.state = 'quarantined'
     and ($1::timestamptz is null or (e.received_at, e.body_id) < ($1::timestamptz, $2::uuid))
   order by e.received_at desc, e.body_id desc limit $3::integer)sql"};

constexpr Sql kQuarantinedBodies{"inbound.quarantined_bodies", R"sql(
  insert into quarantined_bodies (id, tenant_id, integration_id, sealed, received_at)
  select b.id, current_tenant(), b.integration_id, b.sealed, b.received_at
    from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::timestamptz[]) as b(id, integration_id, sealed, received_at))sql"};

constexpr Sql kBody{"inbound.body", "select integration_id, sealed from quarantined_bodies where id = $1::uuid"};

constexpr Sql kReplay{"inbound.replay", R"sql(
  update inbound_events set state = 'replayed'
   where integration_id = $1::uuid and body_id = $2::uuid and state = 'quarantined')sql"};

/// Chat ids beyond this do not fit beside the integration id in session_id; no platform comes near.
constexpr std::size_t kLongestChatId = 200;

struct Item {
  const Delivery* delivery = nullptr;
  const sdk::InboundEvent* event = nullptr;  ///< null: the body is quarantined
  std::string key;
  // of a fresh message, as they are stored
  std::string text;
  std::string metadata;
  std::optional<StoredMeaning> meaning;
};

bool has_chat(const sdk::InboundEvent& e) { return !e.chat_id.empty() && e.chat_id.size() <= kLongestChatId; }
bool has_sender(const sdk::InboundEvent& e) { return !e.sender.platform_user_id.empty(); }

bool is_contact_event(const sdk::InboundEvent& e) {
  return (e.kind == sdk::EventKind::contact_blocked || e.kind == sdk::EventKind::contact_unblocked) && has_sender(e);
}
bool is_new_message(const sdk::InboundEvent& e) {
  return (e.kind == sdk::EventKind::message || e.kind == sdk::EventKind::callback) && has_chat(e);
}
bool is_edit(const sdk::InboundEvent& e) { return e.kind == sdk::EventKind::message_edited && has_chat(e); }
bool has_meaning(const sdk::InboundEvent& e) { return is_contact_event(e) || is_new_message(e) || is_edit(e); }

/// The events of a delivery's conversation belong to one person.
bool is_private(const sdk::InboundEvent& e) { return e.chat_type.empty() || e.chat_type == "private"; }

std::string session_of(const Item& item) {
  return item.delivery->integration_id + ":" + clean_text(item.event->chat_id);
}

const char* outbox_type(sdk::EventKind kind) {
  switch (kind) {
    case sdk::EventKind::callback: return "callback.received";
    case sdk::EventKind::contact_blocked: return "contact.blocked";
    case sdk::EventKind::contact_unblocked: return "contact.unblocked";
    default: return "message.received";
  }
}

nlohmann::json read_object(const std::string& text) {
  auto object = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  return object.is_object() ? object : nlohmann::json::object();
}

/// Metadata as an object, whatever the connector wrote.
std::string metadata_of(const sdk::InboundEvent& e) {
  auto text = jsonb_text(e.metadata_json);
  return text.front() == '{' ? text : "{}";
}

/// Adds a member to the text of an object.
void add_member(std::string& object, const char* name, const std::string& json) {
  object.pop_back();
  object += object.size() > 1 ? ",\"" : "\"";
  object += std::string(name) + "\":" + json + '}';
}

/// What people quote is what people wrote.
void mask_quote(std::string& metadata, const MessageReader& reader) {
  if (metadata.find("\"quote\"") == std::string::npos) return;
  auto object = read_object(metadata);
  const auto quote = object.find("quote");
  if (quote == object.end() || !quote->is_string()) return;
  const auto& given = quote->get_ref<const std::string&>();
  auto masked = reader.mask(given);
  if (masked == given) return;
  *quote = std::move(masked);
  metadata = object.dump();
}

/// The name to show for a conversation; empty when this event does not tell.
std::string title_of(const sdk::InboundEvent& e) {
  if (is_private(e)) return e.sender.full_name.empty() ? e.sender.username : e.sender.full_name;
  if (e.metadata_json.find("chat_title") == std::string::npos) return {};
  const auto metadata = read_object(e.metadata_json);
  const auto title = metadata.find("chat_title");
  return title != metadata.end() && title->is_string() ? title->get<std::string>() : std::string();
}

/// When an edit was made: `sent_at` stays the time of the message where the platform tells both.
Timestamp edited_at(const Item& item) {
  const auto metadata = read_object(item.event->metadata_json);
  const auto date = metadata.find("edit_date");
  if (date != metadata.end() && date->is_number_integer()) {
    const auto seconds = date->get<std::int64_t>();
    if (seconds > 0 && seconds < 253402300800) return from_unix_seconds(seconds);  // year 10000
  }
  return item.event->sent_at.value_or(item.delivery->received_at);
}

/// The ledger key of an edit whose original has not come yet; empty when the message has no id of its own.
std::string marker_of(const sdk::InboundEvent& e) {
  if (e.platform_message_id.empty()) return {};
  return "hub:edited-first:" + clean_text(e.chat_id) + ":" + clean_text(e.platform_message_id);
}

/// One person as the batch leaves them: the last event decides.
struct ContactState {
  const Item* item = nullptr;
  bool is_active = true;
};
using ContactKey = std::pair<std::string, std::string>;  // integration, person

std::map<ContactKey, ContactState> contacts_of(const std::vector<const Item*>& items) {
  std::map<ContactKey, ContactState> out;
  for (const Item* item : items) {
    if (item->event == nullptr || !has_meaning(*item->event) || !has_sender(*item->event)) continue;
    auto& state = out[{item->delivery->integration_id, clean_text(item->event->sender.platform_user_id)}];
    state.item = item;
    state.is_active = item->event->kind != sdk::EventKind::contact_blocked;
  }
  return out;
}

/// Sealed bodies as columns.
struct Bodies {
  void add(const Delivery& delivery) {
    ids.add(delivery.body_id);
    integrations.add(delivery.integration_id);
    sealed.add(delivery.sealed_body);
    received.add(delivery.received_at);
  }
  UuidColumn ids, integrations;
  BytesColumn sealed;
  TimestampColumn received;
};

/// What one tenant's deliveries cause, step by step.
class TenantBatch {
 public:
  TenantBatch(Tx& tx, std::string tenant_id, bool keep_bodies)
      : tx_(tx), tenant_id_(std::move(tenant_id)), keep_bodies_(keep_bodies) {}

  void add(const Delivery& delivery) {
    if (!delivery.quarantine_reason.empty()) {
      add_item(delivery, nullptr, delivery.quarantine_key);
    } else {
      for (const auto& event : delivery.events) add_item(delivery, &event, event.dedup_key);
    }
  }

  IngestCounts store() {
    if (items_.empty()) return counts_;
    const bool contacts_differ = write_ledger();
    if (fresh_.empty()) return counts_;
    read_messages();
    if (contacts_differ) write_contacts();
    write_quarantined();
    write_conversations();
    write_messages();
    for (const Item* item : fresh_) {
      if (item->event != nullptr && is_edit(*item->event)) write_edit(*item);
    }
    put_pending_acts(tx_, acts_);
    put_nlp_requests(tx_, requests_);
    correct_counts();
    return counts_;
  }

 private:
  void add_item(const Delivery& delivery, const sdk::InboundEvent* event, const std::string& key) {
    Item item;
    item.delivery = &delivery;
    item.event = event;
    item.key = clean_text(key);
    if (!keys_.insert(delivery.integration_id + item.key).second) {
      ++counts_.duplicates;
      return;
    }
    items_.push_back(std::move(item));
  }

  /// Finds out what is fresh. True when a contact is new or changed.
  bool write_ledger() {
    UuidColumn integrations, bodies;
    TextColumn keys, states, reasons;
    TimestampColumn received;
    std::vector<const Item*> all;
    for (const auto& item : items_) {
      all.push_back(&item);
      integrations.add(item.delivery->integration_id);
      keys.add(item.key);
      bodies.add(item.delivery->body_id);
      states.add(item.event == nullptr ? "quarantined" : has_meaning(*item.event) ? "processed" : "ignored");
      reasons.add_or_null(item.event == nullptr ? std::string_view(item.delivery->quarantine_reason)
                                                : std::string_view());
      received.add(item.delivery->received_at);
    }
    const auto contacts = contacts_of(all);
    std::vector<const ContactKey*> people;
    UuidColumn contact_integrations;
    TextColumn persons, usernames, names, languages;
    BooleanColumn active;
    for (const auto& [key, state] : contacts) {
      const auto& sender = state.item->event->sender;
      people.push_back(&key);
      contact_integrations.add(key.first);
      persons.add(key.second);
      usernames.add_or_null(sender.username);
      names.add_or_null(sender.full_name);
      languages.add_or_null(sender.language_code);
      active.add(state.is_active);
    }
    const auto rows = tx_.exec(kLedger, tenant_id_, integrations.take(), keys.take(), bodies.take(), states.take(),
                               reasons.take(), received.take(), contact_integrations.take(), persons.take(),
                               usernames.take(), names.take(), languages.take(), active.take());
    bool contacts_differ = false;
    std::unordered_set<std::string> fresh;
    for (const auto& row : rows) {
      if (!row[0].is_null()) {
        fresh.insert(text_of(row[0]) + text_of(row[1]));
      } else if (row[3].is_null()) {
        contacts_differ = true;
      } else {
        contact_ids_[*people.at(row[2].as<std::size_t>() - 1)] = text_of(row[3]);
        contacts_differ = contacts_differ || !row[4].as<bool>();
      }
    }
    for (auto& item : items_) {
      if (fresh.count(item.delivery->integration_id + item.key) == 0) {
        ++counts_.duplicates;
        continue;
      }
      fresh_.push_back(&item);
      ++(item.event == nullptr ? counts_.quarantined : counts_.fresh);
    }
    return contacts_differ;
  }

  /// Finds out what is stored of the fresh messages, and what they mean.
  void read_messages() {
    for (Item* item : fresh_) {
      if (item->event == nullptr || !has_meaning(*item->event)) continue;
      const auto& e = *item->event;
      item->text = clean_text(e.text);
      item->metadata = metadata_of(e);
      const auto* reader = item->delivery->reader.get();
      if (reader == nullptr || (e.kind != sdk::EventKind::message && e.kind != sdk::EventKind::message_edited))
        continue;
      mask_quote(item->metadata, *reader);
      auto read = reader->read(std::move(item->text), e.sent_at.value_or(item->delivery->received_at));
      item->text = std::move(read.text);
      item->meaning = std::move(read.meaning);
      if (!item->meaning) continue;
      if (item->meaning->details_json != "{}") add_member(item->metadata, "nlp", item->meaning->details_json);
      mentions_.add(*item->meaning);
    }
  }

  void write_contacts() {
    const auto contacts = contacts_of({fresh_.begin(), fresh_.end()});
    if (contacts.empty()) return;
    UuidColumn ids, integrations;
    TextColumn persons, usernames, names, languages;
    BigintColumn telegram_ids;
    BooleanColumn active;
    std::vector<const ContactKey*> people;
    for (const auto& [key, state] : contacts) {
      const auto& sender = state.item->event->sender;
      people.push_back(&key);
      ids.add(new_uuid());
      integrations.add(key.first);
      persons.add(key.second);
      // only beside the same id as text, so that it is unique where that is
      if (sender.numeric_id && std::to_string(*sender.numeric_id) == key.second)
        telegram_ids.add(*sender.numeric_id);
      else
        telegram_ids.add_null();
      usernames.add_or_null(sender.username);
      names.add_or_null(sender.full_name);
      languages.add_or_null(sender.language_code);
      active.add(state.is_active);
    }
    const auto given_integrations = integrations.take();
    const auto given_persons = persons.take();
    tx_.exec(kContacts, tenant_id_, ids.take(), given_integrations, given_persons, telegram_ids.take(),
             usernames.take(), names.take(), languages.take(), active.take());
    for (const auto& row : tx_.exec(kContactIds, given_integrations, given_persons))
      contact_ids_[*people.at(row[0].as<std::size_t>() - 1)] = text_of(row[1]);
  }

  /// The id of the contact the event comes from; null when it has no sender.
  const std::string* contact_of(const Item& item) const {
    const auto known =
        contact_ids_.find({item.delivery->integration_id, clean_text(item.event->sender.platform_user_id)});
    return known == contact_ids_.end() ? nullptr : &known->second;
  }

  static void add_or_null(UuidColumn& column, const std::string* id) {
    if (id == nullptr)
      column.add_null();
    else
      column.add(*id);
  }

  /// Kept apart from the days' bodies, for as long as they are listed.
  void write_quarantined() {
    Bodies bodies;
    bool any = false;
    for (const Item* item : fresh_) {
      if (item->event != nullptr || !keep_bodies_) continue;
      bodies.add(*item->delivery);
      any = true;
    }
    if (any)
      tx_.exec(kQuarantinedBodies, bodies.ids.take(), bodies.integrations.take(), bodies.sealed.take(),
               bodies.received.take());
  }

  void write_conversations() {
    struct Chat {
      const Item* item = nullptr;
      const std::string* contact = nullptr;
      std::string title;
      int messages = 0;
      Timestamp received_at{};
    };
    std::map<std::string, Chat> chats;
    Bodies bodies;
    std::set<std::string> known_bodies;
    for (const Item* item : fresh_) {
      const auto& delivery = *item->delivery;
      if (keep_bodies_ && item->event != nullptr && known_bodies.insert(delivery.body_id).second) bodies.add(delivery);
      if (item->event == nullptr || !(is_new_message(*item->event) || is_edit(*item->event))) continue;
      auto& chat = chats[session_of(*item)];
      chat.item = item;
      chat.received_at = std::max(chat.received_at, delivery.received_at);
      if (is_new_message(*item->event)) ++chat.messages;
      if (is_private(*item->event) && has_sender(*item->event)) chat.contact = contact_of(*item);
      if (auto title = title_of(*item->event); !title.empty()) chat.title = std::move(title);
    }
    UuidColumn ids, integrations, contacts, users;
    TextColumn sessions, platforms, chat_ids, titles;
    IntegerColumn messages;
    TimestampColumn received;
    for (const auto& [session, chat] : chats) {
      ids.add(new_uuid());
      integrations.add(chat.item->delivery->integration_id);
      add_or_null(contacts, chat.contact);
      sessions.add(session);
      users.add(chat.item->delivery->user_id);
      platforms.add(chat.item->delivery->platform_id);
      chat_ids.add(chat.item->event->chat_id);
      titles.add(chat.title);
      messages.add(chat.messages);
      received.add(chat.received_at);
    }
    const auto rows = tx_.exec(kConversations, tenant_id_, bodies.ids.take(), bodies.integrations.take(),
                               bodies.sealed.take(), bodies.received.take(), ids.take(), integrations.take(),
                               contacts.take(), sessions.take(), users.take(), platforms.take(), chat_ids.take(),
                               titles.take(), messages.take(), received.take(), mentions_.numbers());
    for (const auto& row : rows) {
      if (row[0].is_null()) {
        mentions_.found(text_of(row[3]), text_of(row[4]), text_of(row[5]), time_of(row[6]));
        continue;
      }
      const auto session = text_of(row[0]);
      conversations_.emplace(session, text_of(row[1]));
      if (row[2].as<bool>()) early_edits_.insert(session);
    }
    mentions_.settle();
  }

  /// A message that is being written.
  struct Expected {
    const Item* item = nullptr;
    std::string message;
    std::string conversation;
  };

  void write_messages() {
    UuidColumn ids, conversations, integrations, users, contacts;
    TextColumn sessions, platforms, chats, contents, types, message_ids, metadata, markers, events, payloads, intents,
        entities, models;
    IntegerColumn confidences;
    TimestampColumn sent, received;
    std::vector<Expected> expected;
    std::size_t given = 0;
    bool plain = true;
    for (const Item* item : fresh_) {
      if (item->event == nullptr) continue;
      const auto& e = *item->event;
      const bool message = is_new_message(e);
      if (!message && !is_contact_event(e)) continue;
      ++given;
      const auto session = has_chat(e) ? session_of(*item) : std::string();
      if (message) {
        expected.push_back({item, new_uuid(), conversations_.at(session)});
        ids.add(expected.back().message);
        conversations.add(expected.back().conversation);
        payloads.add(message_payload(*item, expected.back().message, expected.back().conversation));
      } else {
        ids.add_null();
        conversations.add_null();
        payloads.add_null();
      }
      integrations.add(item->delivery->integration_id);
      sessions.add_or_null(session);
      users.add(item->delivery->user_id);
      platforms.add(item->delivery->platform_id);
      chats.add_or_null(has_chat(e) ? std::string_view(e.chat_id) : std::string_view());
      add_or_null(contacts, contact_of(*item));
      contents.add(item->text);
      types.add(e.kind == sdk::EventKind::callback ? std::string_view("callback") : std::string_view(e.content_type));
      message_ids.add_or_null(e.platform_message_id);
      metadata.add(item->metadata);
      if (e.sent_at)
        sent.add(*e.sent_at);
      else
        sent.add_null();
      received.add(item->delivery->received_at);
      plain = plain && message && early_edits_.count(session) == 0;
      const bool may_be_edited = e.kind == sdk::EventKind::message && early_edits_.count(session) > 0;
      markers.add_or_null(may_be_edited ? marker_of(e) : std::string());
      events.add(outbox_type(e.kind));
      if (item->meaning) {
        intents.add(item->meaning->intent);
        confidences.add(item->meaning->hundredths);
        entities.add(entities_json(*item->meaning));
        models.add(item->meaning->model);
      } else {
        intents.add_null();
        confidences.add_null();
        entities.add("[]");
        models.add_null();
      }
    }
    if (given == 0) return;
    if (plain) {
      tx_.exec(kPlainMessages, tenant_id_, ids.take(), conversations.take(), integrations.take(), sessions.take(),
               users.take(), platforms.take(), contacts.take(), contents.take(), types.take(), message_ids.take(),
               metadata.take(), sent.take(), received.take(), events.take(), payloads.take(), intents.take(),
               confidences.take(), entities.take(), models.take());
      for (const auto& message : expected) note_act(*message.item, message.message, message.conversation);
      return;
    }
    const auto rows =
        tx_.exec(kMessages, tenant_id_, ids.take(), conversations.take(), integrations.take(), sessions.take(),
                 users.take(), platforms.take(), chats.take(), contacts.take(), contents.take(), types.take(),
                 message_ids.take(), metadata.take(), sent.take(), received.take(), markers.take(), events.take(),
                 payloads.take(), intents.take(), confidences.take(), entities.take(), models.take());
    std::unordered_set<std::string> stored;
    for (const auto& row : rows) stored.insert(text_of(row[0]));
    for (const auto& message : expected) {
      if (stored.count(message.message) > 0)
        note_act(*message.item, message.message, message.conversation);
      else
        --deltas_[message.conversation];  // an edit stood in for its original before
    }
  }

  /// What follows from a new message. With a provider, its answer is waited for first.
  void note_act(const Item& item, const std::string& message, const std::string& conversation) {
    if (!item.meaning) return;
    if (item.meaning->ask_provider) {
      requests_.push_back({message, item.delivery->received_at, /*may_act=*/true, item.meaning->has_action});
      return;
    }
    if (!item.meaning->has_action) return;
    acts_.push_back({item.delivery->integration_id, conversation, message, item.delivery->received_at,
                     item.meaning->intent, item.meaning->hundredths});
  }

  /// What subscribers learn of a new message: where to find it and what it is about, not what it says.
  std::string message_payload(const Item& item, const std::string& message, const std::string& conversation) const {
    const nlohmann::json chat(clean_text(item.event->chat_id));
    std::string text = R"({"conversation_id":")" + conversation + R"(","message_id":")" + message +
                       R"(","platform":")" + item.delivery->platform_id + R"(","chat_id":)" + chat.dump();
    if (const auto* contact = contact_of(item)) text += R"(,"contact_id":")" + *contact + '"';
    if (item.meaning) {
      text += R"(,"intent":)" + nlohmann::json(item.meaning->intent).dump() + R"(,"confidence":)" +
              confidence_text(item.meaning->hundredths);
    }
    return text + '}';
  }

  void write_edit(const Item& item) {
    const auto& e = *item.event;
    const auto& delivery = *item.delivery;
    const auto session = session_of(item);
    const auto& conversation = conversations_.at(session);
    const auto made_at = edited_at(item);
    const auto chat_id = clean_text(e.chat_id);
    const auto message_id = clean_text(e.platform_message_id);
    const auto received_at = format_rfc3339(delivery.received_at);
    std::optional<std::string> intent, model;
    std::optional<int> confidence;
    std::string entities = "[]";
    if (item.meaning) {
      intent = item.meaning->intent;
      confidence = item.meaning->hundredths;
      model = item.meaning->model;
      entities = entities_json(*item.meaning);
    }
    if (!message_id.empty()) {
      const auto rows = tx_.exec(kFindOriginal, conversation, delivery.platform_id, message_id, received_at);
      if (!rows.empty()) {
        const auto known = parse_rfc3339(text_of(rows[0]["edited_at"]));
        if (known && made_at < *known) return;  // a later edit came first
        tx_.exec(kEdit, text_of(rows[0]["id"]), text_of(rows[0]["created_at"]), item.text, item.metadata,
                 format_rfc3339(made_at), chat_id, intent, confidence, entities, model);
        if (item.meaning && item.meaning->ask_provider)
          requests_.push_back(
              {text_of(rows[0]["id"]), time_of(rows[0]["created_at"]), /*may_act=*/false, item.meaning->has_action});
        return;
      }
    }
    std::optional<std::string> sent_at;
    if (e.sent_at) sent_at = format_rfc3339(*e.sent_at);
    const auto id = new_uuid();
    tx_.exec(kEditWithoutOriginal, id, delivery.integration_id, clean_text(e.sender.platform_user_id),
             unless_empty(marker_of(e)), delivery.body_id, received_at, conversation, session, delivery.user_id,
             item.text, clean_text(e.content_type), delivery.platform_id, unless_empty(message_id), item.metadata,
             format_rfc3339(made_at), sent_at, chat_id, intent, confidence, entities, model);
    note_act(item, id, conversation);
    ++deltas_[conversation];
  }

  void correct_counts() {
    if (deltas_.empty()) return;
    PgArray ids, deltas;
    for (const auto& [conversation, delta] : deltas_) {
      ids.add(conversation);
      deltas.add(std::to_string(delta));
    }
    tx_.exec(kCorrectCounts, ids.take(), deltas.take());
  }

  Tx& tx_;
  const std::string tenant_id_;
  const bool keep_bodies_;
  std::vector<Item> items_;
  std::unordered_set<std::string> keys_;
  std::vector<Item*> fresh_;
  std::map<ContactKey, std::string> contact_ids_;
  std::unordered_map<std::string, std::string> conversations_;  // session -> id
  std::unordered_set<std::string> early_edits_;                 // sessions where edits came before their originals
  std::map<std::string, int> deltas_;
  Mentions mentions_;
  std::vector<PendingAct> acts_;
  std::vector<NlpRequest> requests_;
  IngestCounts counts_;
};

/// `scope` names the tenant whose rows the transaction shows at first.
IngestCounts store_all(Tx& tx, std::string scope, const std::vector<Delivery>& deliveries) {
  std::map<std::string, TenantBatch> tenants;
  for (const auto& delivery : deliveries) {
    tenants.try_emplace(delivery.tenant_id, tx, delivery.tenant_id, /*keep_bodies=*/true).first->second.add(delivery);
  }
  IngestCounts total;
  for (auto& [tenant_id, batch] : tenants) {
    if (tenant_id != scope) {
      tx.become(Scope::tenant(tenant_id));
      scope = tenant_id;
    }
    const auto counts = batch.store();
    total.fresh += counts.fresh;
    total.duplicates += counts.duplicates;
    total.quarantined += counts.quarantined;
  }
  return total;
}

}  // namespace

Task<IngestCounts> InboundRepository::store(std::vector<Delivery> deliveries) {
  return store(std::make_shared<const std::vector<Delivery>>(std::move(deliveries)));
}

Task<IngestCounts> InboundRepository::store(std::shared_ptr<const std::vector<Delivery>> deliveries) {
  // most batches are one tenant's: begin as the first one
  std::string first;
  for (const auto& delivery : *deliveries) {
    if (first.empty() || delivery.tenant_id < first) first = delivery.tenant_id;
  }
  auto scope = first.empty() ? Scope::hub() : Scope::tenant(first);
  auto work = [first = std::move(first), deliveries = std::move(deliveries)](Tx& tx) {
    return store_all(tx, first, *deliveries);
  };
  return db_.run(Lane::interactive, std::move(scope), std::move(work));
}

Task<std::optional<PollLease>> InboundRepository::claim_poll(std::string tenant_id, std::string integration_id,
                                                             std::string owner, std::chrono::seconds duration) {
  auto scope = Scope::tenant(tenant_id);
  auto work = [tenant_id = std::move(tenant_id), integration_id = std::move(integration_id), owner = std::move(owner),
               duration](Tx& tx) -> std::optional<PollLease> {
    const auto rows = tx.exec(kClaimPoll, integration_id, owner, duration.count());
    if (rows.empty()) return std::nullopt;
    PollLease lease;
    lease.tenant_id = tenant_id;
    lease.integration_id = integration_id;
    lease.owner = owner;
    lease.fencing = rows[0]["fencing"].as<std::int64_t>();
    lease.cursor = text_of(rows[0]["cursor"]);
    return lease;
  };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

Task<Result<IngestCounts>> InboundRepository::store_poll(PollLease lease, std::vector<Delivery> deliveries,
                                                         std::string cursor) {
  auto scope = Scope::tenant(lease.tenant_id);
  auto work = [lease = std::move(lease), deliveries = std::move(deliveries),
               cursor = clean_text(cursor)](Tx& tx) -> Result<IngestCounts> {
    for (const auto& delivery : deliveries) {
      if (delivery.tenant_id != lease.tenant_id || delivery.integration_id != lease.integration_id) {
        throw std::logic_error("a poll answer holds deliveries of one integration");
      }
    }
    // first, so that the row is locked and nobody takes the lease over before the commit
    if (tx.exec(kMovePollCursor, lease.integration_id, lease.owner, lease.fencing, cursor).affected_rows() == 0)
      return Error(ErrorKind::conflict, "another hub polls this account now");
    return store_all(tx, lease.tenant_id, deliveries);
  };
  return db_.run(Lane::interactive, std::move(scope), std::move(work));
}

Task<> InboundRepository::release_poll(PollLease lease) {
  auto scope = Scope::tenant(lease.tenant_id);
  auto work = [lease = std::move(lease)](Tx& tx) {
    tx.exec(kReleasePoll, lease.integration_id, lease.owner, lease.fencing);
  };
  return db_.run(Lane::interactive, std::move(scope), std::move(work));
}

Task<Result<Paged<QuarantinedEvent>>> InboundRepository::quarantine(std::string tenant_id, PageRequest page) {
  auto work = [page = std::move(page)](Tx& tx) -> Result<Paged<QuarantinedEvent>> {
    EASYFLOW_TRY(after, read_cursor(page.cursor, "tu"));
    const auto rows = tx.exec(kQuarantine, after[0], after[1], rows_to_ask(page));
    auto read = [](const pqxx::row& row) {
      QuarantinedEvent out;
      out.body_id = text_of(row["body_id"]);
      out.integration_id = text_of(row["integration_id"]);
      out.platform_id = text_of(row["platform_id"]);
      out.reason = text_of(row["reason"]);
      out.received_at = time_of(row["received_at"]);
      return out;
    };
    return page_of<QuarantinedEvent>(rows, page, read, [](const pqxx::row& row) {
      return std::vector<std::string>{text_of(row["received_at"]), text_of(row["body_id"])};
    });
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::optional<StoredBody>> InboundRepository::body(std::string tenant_id, std::string body_id) {
  auto work = [body_id = std::move(body_id)](Tx& tx) -> std::optional<StoredBody> {
    if (!is_uuid(body_id)) return std::nullopt;
    const auto rows = tx.exec(kBody, body_id);
    if (rows.empty()) return std::nullopt;
    StoredBody out;
    out.integration_id = text_of(rows[0][0]);
    out.sealed = parse_bytea(text_of(rows[0][1]));
    return out;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<bool> InboundRepository::replay(Delivery delivery) {
  auto scope = Scope::tenant(delivery.tenant_id);
  auto work = [delivery = std::move(delivery)](Tx& tx) {
    if (!is_uuid(delivery.body_id)) return false;
    if (tx.exec(kReplay, delivery.integration_id, delivery.body_id).affected_rows() == 0) return false;
    TenantBatch batch(tx, delivery.tenant_id, /*keep_bodies=*/false);
    batch.add(delivery);
    batch.store();
    return true;
  };
  return db_.run(Lane::interactive, std::move(scope), std::move(work));
}

}  // namespace easyflow::storage
