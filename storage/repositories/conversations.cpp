#include "storage/repositories/conversations.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/ids.hpp"
#include "core/base/json.hpp"
#include "storage/pg_array.hpp"
#include "storage/repositories/meaning.hpp"
#include "storage/repositories/rows.hpp"

// updated_at is the minute of active_at: the index on it brings the newest conversations, the order within a minute is
// a matter of few rows.
// "created_at + interval '0'" keeps the planner from walking the index on created_at backwards through everybody's
// messages to find those of one quiet conversation.

namespace easyflow::storage {
namespace {

constexpr Sql kList{"conversations.list", R"sql(
  select v.id, v.integration_id, v.contact_id, v.platform, v.chat_id, v.title, v.status, v.tags, v.current_state,
         coalesce(c.is_active, true) as contact_active, v.messages_count, v.created_at, v.active_at,
         (select left(m.content, 200) from messages m where m.conversation_id = v.id
           order by m.created_at + interval '0' desc, m.id desc limit 1) as last_message
    from conversations v left join contacts c on c.id = v.contact_id
   where ($1::text is null or v.platform = $1::text) and ($2::text is null or v.status::text = $2::text)
     and ($3::timestamptz is null or v.updated_at <= date_trunc('minute', $3::timestamptz))
     and ($3::timestamptz is null or (v.active_at, v.id) < ($3::timestamptz, $4::uuid))
   order by v.updated_at desc, v.active_at desc, v.id desc limit $5::integer)sql"};

constexpr Sql kFind{"conversations.find", R"sql(
  select v.id, v.integration_id, v.contact_id, v.platform, v.chat_id, v.title, v.status, v.tags, v.current_state,
         coalesce(c.is_active, true) as contact_active, v.messages_count, v.created_at, v.active_at,
         (select left(m.content, 200) from messages m where m.conversation_id = v.id
           order by m.created_at + interval '0' desc, m.id desc limit 1) as last_message
    from conversations v left join contacts c on c.id = v.contact_id
   where v.id = $1::uuid)sql"};

constexpr Sql kMessages{"conversations.messages", R"sql(
  select id, conversation_id, content, content_type, role, direction, platform_message_id, intent, entities, confidence,
         nlp_model, metadata, sent_at, created_at
    from messages
   where conversation_id = $1::uuid
     and ($2::timestamptz is null or (created_at, id) < ($2::timestamptz, $3::uuid))
   order by created_at + interval '0' desc, id desc limit $4::integer)sql"};

constexpr Sql kSetStatus{"conversations.set_status", R"sql(
  update conversations
     set status = $2::conversation_status, closed_at = case when $2 = 'closed' then coalesce(closed_at, now()) end,
         updated_at = date_trunc('minute', now()), active_at = now()
   where id = $1::uuid)sql"};

Conversation read_conversation(const pqxx::row& row) {
  Conversation out;
  out.id = text_of(row["id"]);
  out.integration_id = text_of(row["integration_id"]);
  out.contact_id = text_of(row["contact_id"]);
  out.platform = text_of(row["platform"]);
  out.chat_id = text_of(row["chat_id"]);
  out.title = text_of(row["title"]);
  out.status = text_of(row["status"]);
  out.tags = texts_of(row["tags"]);
  out.state = text_of(row["current_state"]);
  out.contact_active = row["contact_active"].as<bool>();
  out.messages_count = row["messages_count"].as<int>(0);
  out.last_message = text_of(row["last_message"]);
  out.created_at = time_of(row["created_at"]);
  out.updated_at = time_of(row["active_at"]);
  return out;
}

Message read_message(const pqxx::row& row) {
  Message out;
  out.id = text_of(row["id"]);
  out.conversation_id = text_of(row["conversation_id"]);
  out.content = text_of(row["content"]);
  out.content_type = text_of(row["content_type"]);
  out.role = text_of(row["role"]);
  out.direction = text_of(row["direction"]);
  out.platform_message_id = text_of(row["platform_message_id"]);
  out.intent = text_of(row["intent"]);
  out.nlp_model = text_of(row["nlp_model"]);
  if (!row["entities"].is_null()) out.entities_json = text_of(row["entities"]);
  if (!row["confidence"].is_null()) out.confidence = row["confidence"].as<double>();
  if (!row["metadata"].is_null()) out.metadata_json = text_of(row["metadata"]);
  out.sent_at = maybe_time_of(row["sent_at"]);
  out.created_at = time_of(row["created_at"]);
  return out;
}

/// The entities as they were stored, but for the rows they lead to: those are looked up through `mentions`.
StoredMeaning entities_of(const Message& message, Mentions& mentions) {
  StoredMeaning out;
  auto entities = nlohmann::json::parse(message.entities_json, nullptr, /*allow_exceptions=*/false);
  if (!entities.is_array()) return out;  // rows of older versions
  out.entities.reserve(entities.size());
  for (auto& entity : entities) {
    StoredEntity one;
    one.type = text_member(entity, "type");
    one.value = text_member(entity, "value");
    if (one.type.empty()) one.type = "unknown";  // without a type it would be left out
    one.row = row_of(entity);
    if (entity.is_object()) {
      entity.erase("order_id");
      entity.erase("product_id");
    }
    one.json = entity.dump();
    out.entities.push_back(std::move(one));
  }
  for (auto& entity : out.entities) mentions.add(entity);
  return out;
}

void look_up_again(Tx& tx, std::vector<Message>& messages) {
  Mentions mentions;
  std::vector<StoredMeaning> meanings;
  meanings.reserve(messages.size());
  for (const auto& message : messages) meanings.push_back(entities_of(message, mentions));
  mentions.resolve(tx);
  for (std::size_t i = 0; i < messages.size(); ++i)
    if (!meanings[i].entities.empty()) messages[i].entities_json = entities_json(meanings[i]);
}

}  // namespace

Task<Result<Paged<Conversation>>> ConversationRepository::list(std::string tenant_id, std::string platform,
                                                               std::string status, PageRequest page) {
  auto work = [platform = clean_text(platform), status = clean_text(status),
               page = std::move(page)](Tx& tx) -> Result<Paged<Conversation>> {
    EASYFLOW_TRY(after, read_cursor(page.cursor, "tu"));
    const auto rows =
        tx.exec(kList, unless_empty(platform), unless_empty(status), after[0], after[1], rows_to_ask(page));
    return page_of<Conversation>(rows, page, read_conversation, [](const pqxx::row& row) {
      return std::vector<std::string>{text_of(row["active_at"]), text_of(row["id"])};
    });
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::optional<Conversation>> ConversationRepository::find(std::string tenant_id, std::string id) {
  auto work = [id = std::move(id)](Tx& tx) -> std::optional<Conversation> {
    if (!is_uuid(id)) return std::nullopt;
    const auto rows = tx.exec(kFind, id);
    if (rows.empty()) return std::nullopt;
    return read_conversation(rows[0]);
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<Result<Paged<Message>>> ConversationRepository::messages(std::string tenant_id, std::string conversation_id,
                                                              PageRequest page) {
  auto work = [conversation_id = std::move(conversation_id), page = std::move(page)](Tx& tx) -> Result<Paged<Message>> {
    EASYFLOW_TRY(after, read_cursor(page.cursor, "tu"));
    if (!is_uuid(conversation_id)) return Paged<Message>{};
    const auto rows = tx.exec(kMessages, conversation_id, after[0], after[1], rows_to_ask(page));
    auto out = page_of<Message>(rows, page, read_message, [](const pqxx::row& row) {
      return std::vector<std::string>{text_of(row["created_at"]), text_of(row["id"])};
    });
    look_up_again(tx, out.items);
    return out;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<bool> ConversationRepository::set_status(std::string tenant_id, std::string id, std::string status) {
  auto work = [id = std::move(id), status = std::move(status)](Tx& tx) {
    return is_uuid(id) && tx.exec(kSetStatus, id, status).affected_rows() > 0;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

}  // namespace easyflow::storage
