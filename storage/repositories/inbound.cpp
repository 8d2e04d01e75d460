#include "storage/repositories/inbound.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "core/base/ids.hpp"
#include "core/base/json.hpp"
#include "storage/pg_array.hpp"
#include "storage/repositories/nlp_requests.hpp"
#include "storage/repositories/rows.hpp"

// How a batch is stored. Rows are locked in one fixed order everywhere (tenant, then table, then key), so batches that
// run side by side wait for each other but never in a circle:
//   -  what the messages mean is found out first, without the database
//   1. record_events()  (migrations/) for each tenant: ledger, contacts, conversations, bodies, messages, outbox events
//   2. quarantined bodies
//   3. edits            one by one, after the messages of the batch
//   4. automatic acts   only when a message has one; rows that nobody else knows yet
//   5. NLP requests     only where a provider reads messages too; locked after their messages
// A batch of one tenant that needs step 1 only is a single statement without BEGIN and COMMIT around it.

namespace easyflow::storage {
namespace {

constexpr Sql kRecord{"inbound.record", R"sql(
  select known, owners, conversation_ids, left_out
    from record_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                       $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42,
                       $43, $44, $45))sql"};

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
    select $2::uuid, key, current_tenant(), $4::uuid, 'processed', $5::timestamptz from early_edit_key($16, $12) as key
     where key is not null
    on conflict do nothing
  ), flagged as (
    update conversations set has_early_edits = has_early_edits or $12::text is not null, messages_count = messages_count + 1
     where id = $6::uuid
  ), stored as (
    insert into messages (id, tenant_id, integration_id, contact_id, conversation_id, session_id, user_id, content,
                          content_type, role, direction, platform, platform_message_id, metadata, sent_at, created_at,
                          intent, confidence, entities, nlp_model)
    select id, current_tenant(), $2::uuid, contact_id, $6::uuid, $7, $8::uuid, $9, left($10, 50), 'user', 'inbound', $11,
           left($12, 255), $13::jsonb || jsonb_build_object('edited', true, 'edited_at', $14::text), $15::timestamptz,
           $5::timestamptz, left($17, 100), $18::integer / 100.0, $19::jsonb, left($20, 100)
      from given
  )
  insert into outbox_events (tenant_id, integration_id, type, subject_id, payload)
  select current_tenant(), $2::uuid, 'message.edited', id,
         jsonb_strip_nulls(jsonb_build_object('conversation_id', $6::uuid, 'message_id', id, 'chat_id', $16::text,
                                              'platform', $11::text, 'contact_id', contact_id, 'intent', left($17, 100),
                                              'confidence', round($18::integer / 100.0, 2)))
    from given)sql"};

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

// Kept apart from the days' bodies, for as long as they are listed.
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

struct Item;

/// One person as the batch leaves them: the last event decides.
struct Person {
  const Item* last = nullptr;
  bool is_active = true;
  int place = 0;  ///< among the people of the batch, from 1
};
using PersonKey = std::pair<std::string, std::string>;  // integration, person

/// One conversation as the batch leaves it.
struct Chat {
  const Item* last = nullptr;
  const Person* person = nullptr;
  std::string title;
  int messages = 0;
  Timestamp received_at{};
  int place = 0;   ///< among the chats of the batch, from 1
  std::string id;  ///< once it is recorded
};

struct Item {
  const Delivery* delivery = nullptr;
  const sdk::InboundEvent* event = nullptr;  ///< null: the body is quarantined
  std::string key;
  // of a message, as they are stored
  std::string message_id;  ///< "": it becomes none
  std::string text;
  std::string metadata;
  std::optional<StoredMeaning> meaning;
  const Person* person = nullptr;
  const Chat* chat = nullptr;
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
  return text_member(read_object(e.metadata_json), "chat_title");
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

/// What subscribers learn of an event beside the ids: where it came from and what it is about, not what it says.
/// The rest of an object, which record_events() begins.
std::string payload_rest(const Item& item) {
  std::string text = R"("platform":")" + item.delivery->platform_id + '"';
  if (has_chat(*item.event)) text += R"(,"chat_id":)" + nlohmann::json(clean_text(item.event->chat_id)).dump();
  if (item.meaning) {
    text += R"(,"intent":)" + nlohmann::json(item.meaning->intent).dump() + R"(,"confidence":)" +
            confidence_text(item.meaning->hundredths);
  }
  return text + '}';
}

/// The columns of record_events(), which says what they mean.
struct EventColumns {
  void add(const Item& item, bool told) {
    integrations.add(item.delivery->integration_id);
    keys.add(item.key);
    bodies.add(item.delivery->body_id);
    states.add(item.event == nullptr ? "quarantined" : has_meaning(*item.event) ? "processed" : "ignored");
    reasons.add_or_null(item.event == nullptr ? std::string_view(item.delivery->quarantine_reason)
                                              : std::string_view());
    received.add(item.delivery->received_at);
    add_place(people, item.person);
    add_place(chats, item.chat);
    types.add_or_null(told ? std::string_view(outbox_type(item.event->kind)) : std::string_view());
    payloads.add_or_null(told ? payload_rest(item) : std::string());
  }
  template <class T>
  static void add_place(IntegerColumn& column, const T* one) {
    if (one == nullptr)
      column.add_null();
    else
      column.add(one->place);
  }
  UuidColumn integrations, bodies;
  TextColumn keys, states, reasons, types, payloads;
  TimestampColumn received;
  IntegerColumn people, chats;
};

struct MessageColumns {
  /// A row for every event; what is no message has nothing in it.
  void add(const Item& item) {
    if (item.message_id.empty()) {
      ids.add_null();
      for (auto* column : {&contents, &content_types, &platform_ids, &metadata, &intents, &entities, &models})
        column->add_null();
      sent.add_null();
      hundredths.add_null();
      return;
    }
    const auto& e = *item.event;
    ids.add(item.message_id);
    contents.add(item.text);
    content_types.add(e.kind == sdk::EventKind::callback ? std::string_view("callback")
                                                         : std::string_view(e.content_type));
    platform_ids.add_or_null(e.platform_message_id);
    metadata.add(item.metadata);
    if (e.sent_at)
      sent.add(*e.sent_at);
    else
      sent.add_null();
    if (item.meaning) {
      intents.add(item.meaning->intent);
      hundredths.add(item.meaning->hundredths);
      entities.add(entities_json(*item.meaning));
      models.add(item.meaning->model);
    } else {
      intents.add_null();
      hundredths.add_null();
      entities.add("[]");
      models.add_null();
    }
  }
  UuidColumn ids;
  TextColumn contents, content_types, platform_ids, metadata, intents, entities, models;
  TimestampColumn sent;
  IntegerColumn hundredths;
};

struct PersonColumns {
  void add(const PersonKey& key, const Person& person) {
    const auto& sender = person.last->event->sender;
    ids.add(new_uuid());
    integrations.add(key.first);
    keys.add(key.second);
    // only beside the same id as text, so that it is unique where that is
    if (sender.numeric_id && std::to_string(*sender.numeric_id) == key.second)
      telegram_ids.add(*sender.numeric_id);
    else
      telegram_ids.add_null();
    usernames.add_or_null(sender.username);
    names.add_or_null(sender.full_name);
    languages.add_or_null(sender.language_code);
    active.add(person.is_active);
  }
  UuidColumn ids, integrations;
  TextColumn keys, usernames, names, languages;
  BigintColumn telegram_ids;
  BooleanColumn active;
};

struct ChatColumns {
  void add(const std::string& session, const Chat& chat) {
    const auto& delivery = *chat.last->delivery;
    ids.add(new_uuid());
    integrations.add(delivery.integration_id);
    EventColumns::add_place(people, chat.person);
    sessions.add(session);
    users.add(delivery.user_id);
    platforms.add(delivery.platform_id);
    chat_ids.add(chat.last->event->chat_id);
    titles.add(chat.title);
    messages.add(chat.messages);
    received.add(chat.received_at);
  }
  UuidColumn ids, integrations, users;
  TextColumn sessions, platforms, chat_ids, titles;
  IntegerColumn people, messages;
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
    read_messages();
    if (!tx_.is_open() && needs_more_than_recording()) tx_.begin(Scope::tenant(tenant_id_));
    while (!fresh_.empty() && !record()) {
    }
    if (fresh_.empty()) return counts_;
    write_quarantined();
    for (const Item* item : fresh_) {
      if (!item->message_id.empty()) note_act(*item, item->message_id);
    }
    for (const Item* item : fresh_) {
      if (item->event != nullptr && is_edit(*item->event)) write_edit(*item);
    }
    put_pending_acts(tx_, acts_);
    put_nlp_requests(tx_, requests_);
    for (const Item* item : fresh_) ++(item->event == nullptr ? counts_.quarantined : counts_.fresh);
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

  /// Finds out what is stored of the messages, and what they mean.
  void read_messages() {
    for (auto& one : items_) {
      auto* item = &one;
      fresh_.push_back(item);
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
      for (auto& entity : item->meaning->entities) mentions_.add(entity);
    }
  }

  bool needs_more_than_recording() const {
    return std::any_of(items_.begin(), items_.end(), [this](const Item& item) {
      if (item.event == nullptr) return keep_bodies_;
      return is_edit(*item.event) || (item.meaning && (item.meaning->has_action || item.meaning->ask_provider));
    });
  }

  /// Finds the people and chats of the fresh events.
  void gather() {
    people_.clear();
    chats_.clear();
    for (Item* item : fresh_) {
      if (item->event == nullptr || !has_meaning(*item->event)) continue;
      const auto& e = *item->event;
      if (has_sender(e)) {
        auto& person = people_[{item->delivery->integration_id, clean_text(e.sender.platform_user_id)}];
        person.last = item;
        person.is_active = e.kind != sdk::EventKind::contact_blocked;
        item->person = &person;
      }
      if (!is_new_message(e) && !is_edit(e)) continue;
      auto& chat = chats_[session_of(*item)];
      chat.last = item;
      chat.received_at = std::max(chat.received_at, item->delivery->received_at);
      if (is_new_message(e)) ++chat.messages;
      if (is_private(e) && has_sender(e)) chat.person = item->person;
      if (auto title = title_of(e); !title.empty()) chat.title = std::move(title);
      item->chat = &chat;
    }
    int place = 0;
    for (auto& [key, person] : people_) person.place = ++place;
    place = 0;
    for (auto& [session, chat] : chats_) chat.place = ++place;
  }

  /// Has record_events() store the fresh events. False when it told something first: fresh_ and the entities are
  /// without that now, and it is to be called again.
  bool record() {
    gather();
    EventColumns events;
    MessageColumns messages;
    Bodies bodies;
    TextColumn chats_of_notices;
    bool notices = false;
    std::set<std::string_view> known_bodies;
    for (Item* item : fresh_) {
      const bool is_message = item->event != nullptr && is_new_message(*item->event);
      const bool is_notice = item->event != nullptr && is_contact_event(*item->event);
      item->message_id = is_message ? new_uuid() : std::string();
      events.add(*item, is_message || is_notice);
      messages.add(*item);
      notices = notices || is_notice;
      chats_of_notices.add_or_null(is_notice && has_chat(*item->event) ? session_of(*item) : std::string());
      if (keep_bodies_ && item->event != nullptr && known_bodies.insert(item->delivery->body_id).second)
        bodies.add(*item->delivery);
    }
    if (!notices) chats_of_notices.take();  // none has to be looked up
    PersonColumns persons;
    for (const auto& [key, person] : people_) persons.add(key, person);
    ChatColumns chats;
    for (const auto& [session, chat] : chats_) chats.add(session, chat);

    const auto rows = tx_.exec(
        kRecord, tenant_id_, events.integrations.take(), events.keys.take(), events.bodies.take(), events.states.take(),
        events.reasons.take(), events.received.take(), events.people.take(), events.chats.take(), events.types.take(),
        events.payloads.take(), messages.ids.take(), messages.contents.take(), messages.content_types.take(),
        messages.platform_ids.take(), messages.metadata.take(), messages.sent.take(), messages.intents.take(),
        messages.hundredths.take(), messages.entities.take(), messages.models.take(), chats_of_notices.take(),
        persons.ids.take(), persons.integrations.take(), persons.keys.take(), persons.telegram_ids.take(),
        persons.usernames.take(), persons.names.take(), persons.languages.take(), persons.active.take(),
        chats.ids.take(), chats.integrations.take(), chats.people.take(), chats.sessions.take(), chats.users.take(),
        chats.platforms.take(), chats.chat_ids.take(), chats.titles.take(), chats.messages.take(),
        chats.received.take(), bodies.ids.take(), bodies.integrations.take(), bodies.sealed.take(),
        bodies.received.take(), mentions_.numbers());
    const auto row = rows.at(0);
    if (!row["known"].is_null()) {
      leave_out_known(texts_of(row["known"]));
      return false;
    }
    if (!row["owners"].is_null()) {
      mentions_.settle(text_of(row["owners"]));
      return false;
    }
    auto ids = texts_of(row["conversation_ids"]);
    for (auto& [session, chat] : chats_) chat.id = std::move(ids.at(static_cast<std::size_t>(chat.place) - 1));
    // an edit stood in for its original before
    for (const auto& turn : texts_of(row["left_out"])) fresh_.at(std::stoul(turn) - 1)->message_id.clear();
    return true;
  }

  void leave_out_known(const std::vector<std::string>& flags) {
    std::vector<Item*> fresh;
    for (std::size_t i = 0; i < fresh_.size(); ++i) {
      if (flags.at(i) == "t")
        ++counts_.duplicates;
      else
        fresh.push_back(fresh_[i]);
    }
    fresh_ = std::move(fresh);
  }

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

  /// What follows from a new message. With a provider, its answer is waited for first.
  void note_act(const Item& item, const std::string& message) {
    if (!item.meaning) return;
    if (item.meaning->ask_provider) {
      requests_.push_back({message, item.delivery->received_at, /*may_act=*/true, item.meaning->has_action});
      return;
    }
    if (!item.meaning->has_action) return;
    acts_.push_back({item.delivery->integration_id, item.chat->id, message, item.delivery->received_at,
                     item.meaning->intent, item.meaning->hundredths});
  }

  void write_edit(const Item& item) {
    const auto& e = *item.event;
    const auto& delivery = *item.delivery;
    const auto& conversation = item.chat->id;
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
    tx_.exec(kEditWithoutOriginal, id, delivery.integration_id, clean_text(e.sender.platform_user_id), delivery.body_id,
             received_at, conversation, session_of(item), delivery.user_id, item.text, clean_text(e.content_type),
             delivery.platform_id, unless_empty(message_id), item.metadata, format_rfc3339(made_at), sent_at, chat_id,
             intent, confidence, entities, model);
    note_act(item, id);
  }

  Tx& tx_;
  const std::string tenant_id_;
  const bool keep_bodies_;
  std::vector<Item> items_;
  std::unordered_set<std::string> keys_;
  std::vector<Item*> fresh_;  // in the order they came
  std::map<PersonKey, Person> people_;
  std::map<std::string, Chat> chats_;  // by session
  Mentions mentions_;
  std::vector<PendingAct> acts_;
  std::vector<NlpRequest> requests_;
  IngestCounts counts_;
};

IngestCounts store_all(Tx& tx, const std::vector<Delivery>& deliveries) {
  std::map<std::string, TenantBatch> tenants;
  for (const auto& delivery : deliveries) {
    tenants.try_emplace(delivery.tenant_id, tx, delivery.tenant_id, /*keep_bodies=*/true).first->second.add(delivery);
  }
  if (tenants.size() > 1 && !tx.is_open()) tx.begin(Scope::hub());
  IngestCounts total;
  for (auto& [tenant_id, batch] : tenants) {
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
  auto work = [deliveries = std::move(deliveries)](Tx& tx) { return store_all(tx, *deliveries); };
  return db_.run_autocommit(Lane::interactive, std::move(work));
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
    return store_all(tx, deliveries);
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
