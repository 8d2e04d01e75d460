#include "storage/repositories/rescore.hpp"

#include <utility>
#include <vector>

#include "storage/pg_array.hpp"
#include "storage/repositories/rows.hpp"

namespace easyflow::storage {
namespace {

constexpr Sql kBegin{"rescore.begin", R"sql(
  insert into nlp_rescores as r (tenant_id, model, since) values (current_tenant(), $1, $2::timestamptz)
  on conflict (tenant_id) do update
     set model = excluded.model, since = excluded.since, position_at = null, position_id = null, seen = 0, changed = 0,
         labelled = 0, started_at = now(), updated_at = now(), finished_at = null
   where r.finished_at is not null or r.model <> excluded.model or r.since is distinct from excluded.since
      or r.started_at < (select updated_at from nlp_rules))sql"};

constexpr Sql kFind{"rescore.find", R"sql(
  select model, since, seen, changed, labelled, started_at, updated_at, finished_at from nlp_rescores)sql"};

// `for update` lets runs side by side take turns
constexpr Sql kPosition{"rescore.position", R"sql(
  select model, since, position_at, position_id, finished_at from nlp_rescores for update)sql"};

// The bounds are plain comparisons, so that partitions and index entries outside of them are not looked at.
constexpr Sql kPage{"rescore.page", R"sql(
  select id, created_at, content, entities, coalesce(sent_at, created_at) as said_at,
         nlp_model is not distinct from 'operator' as labelled,
         (metadata->'nlp'->'embedded') is not null as read_by_provider
    from messages
   where created_at >= greatest(coalesce($1::timestamptz, '-infinity'), coalesce($2::timestamptz, '-infinity'))
     and (created_at, id) > (coalesce($1::timestamptz, '-infinity'),
                             coalesce($3::uuid, '00000000-0000-0000-0000-000000000000'))
     and direction = 'inbound' and content <> '' and content_type <> 'callback'
   order by created_at, id limit $4::integer)sql"};

// What a provider left in metadata.nlp stays: why it did not answer.
constexpr Sql kChange{"rescore.change", R"sql(
  update messages m
     set content = g.content, intent = left(g.intent, 100), confidence = g.hundredths / 100.0,
         entities = g.entities::jsonb, nlp_model = left(g.nlp_model, 100),
         metadata = coalesce(m.metadata, '{}') ||
                    jsonb_build_object('nlp', case when jsonb_typeof(m.metadata->'nlp') = 'object'
                                                   then (m.metadata->'nlp') - '{rejected,ambiguous,ranking}'::text[]
                                                   else '{}' end || g.details::jsonb)
    from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::text[],
                $9::text[])
         as g(id, created_at, was, content, intent, hundredths, entities, nlp_model, details)
   where m.id = g.id and m.created_at = g.created_at
     and m.created_at between $10::timestamptz and $11::timestamptz
     and m.content = g.was and m.nlp_model is distinct from 'operator' and m.metadata->'nlp'->'embedded' is null
     and (m.content, m.intent, m.confidence, m.entities, m.nlp_model) is distinct from
         (g.content, left(g.intent, 100), g.hundredths / 100.0, g.entities::jsonb, left(g.nlp_model, 100)))sql"};

// Entities are the hub's own whoever said what the message means.
constexpr Sql kChangeEntities{"rescore.change_entities", R"sql(
  update messages m
     set content = g.content, entities = g.entities::jsonb
    from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[])
         as g(id, created_at, was, content, entities)
   where m.id = g.id and m.created_at = g.created_at
     and m.created_at between $6::timestamptz and $7::timestamptz
     and m.content = g.was and (m.content, m.entities) is distinct from (g.content, g.entities::jsonb))sql"};

constexpr Sql kMove{"rescore.move", R"sql(
  update nlp_rescores
     set position_at = coalesce($1::timestamptz, position_at), position_id = coalesce($2::uuid, position_id),
         seen = seen + $3::bigint, changed = changed + $4::bigint, labelled = labelled + $5::bigint,
         updated_at = now(), finished_at = case when $6::boolean then now() end)sql"};

std::optional<Rescore> find_in(Tx& tx) {
  const auto rows = tx.exec(kFind);
  if (rows.empty()) return std::nullopt;
  const auto row = rows[0];
  Rescore out;
  out.model = text_of(row["model"]);
  out.since = maybe_time_of(row["since"]);
  out.seen = row["seen"].as<long long>();
  out.changed = row["changed"].as<long long>();
  out.labelled = row["labelled"].as<long long>();
  out.started_at = time_of(row["started_at"]);
  out.updated_at = time_of(row["updated_at"]);
  out.finished_at = maybe_time_of(row["finished_at"]);
  return out;
}

std::optional<std::string> nullable(const pqxx::field& field) { return unless_empty(text_of(field)); }

/// A message and what it means now.
struct Reread {
  std::string id;
  Timestamp created_at;
  std::string was;
  std::string entities_json;  ///< as they were
  std::string content;
  StoredMeaning meaning;
  bool keeps_intent = false;  ///< an operator or a provider has said it
};

struct RereadColumns {
  void add(const Reread& message) {
    ids.add(message.id);
    created.add(message.created_at);
    was.add(message.was);
    contents.add(message.content);
    entities.add(entities_json(message.meaning));
  }
  UuidColumn ids;
  TimestampColumn created;
  TextColumn was, contents, entities;
};

long long change(Tx& tx, std::vector<Reread>& messages) {
  if (messages.empty()) return 0;
  Mentions mentions;
  for (auto& message : messages) {
    remember_rows(message.meaning, message.entities_json);
    for (auto& entity : message.meaning.entities) mentions.add(entity);
  }
  mentions.resolve(tx);
  RereadColumns anew, kept;
  TextColumn intents, models, details;
  IntegerColumn confidences;
  for (const auto& message : messages) {
    (message.keeps_intent ? kept : anew).add(message);
    if (message.keeps_intent) continue;
    intents.add(message.meaning.intent);
    confidences.add(message.meaning.hundredths);
    models.add(message.meaning.model);
    details.add(message.meaning.details_json);
  }
  const auto first = format_rfc3339(messages.front().created_at), last = format_rfc3339(messages.back().created_at);
  const auto read_otherwise =
      tx.exec(kChange, anew.ids.take(), anew.created.take(), anew.was.take(), anew.contents.take(), intents.take(),
              confidences.take(), anew.entities.take(), models.take(), details.take(), first, last)
          .affected_rows();
  const auto found_otherwise = tx.exec(kChangeEntities, kept.ids.take(), kept.created.take(), kept.was.take(),
                                       kept.contents.take(), kept.entities.take(), first, last)
                                   .affected_rows();
  return static_cast<long long>(read_otherwise + found_otherwise);
}

}  // namespace

Task<Rescore> RescoreRepository::begin(std::string tenant_id, std::string model, std::optional<Timestamp> since) {
  auto work = [model = std::move(model), since](Tx& tx) {
    std::optional<std::string> from;
    if (since) from = format_rfc3339(*since);
    tx.exec(kBegin, model, from);
    return find_in(tx).value();
  };
  return db_.run(Lane::background, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<Result<Rescore>> RescoreRepository::page(std::string tenant_id, std::string model,
                                              std::shared_ptr<const MessageReader> reader, int limit) {
  auto work = [model = std::move(model), reader = std::move(reader), limit](Tx& tx) -> Result<Rescore> {
    const auto positions = tx.exec(kPosition);
    if (positions.empty() || text_of(positions[0]["model"]) != model)
      return Error(ErrorKind::conflict, "Another model has begun to read the messages.");
    const auto position = positions[0];
    if (!position["finished_at"].is_null()) return find_in(tx).value();
    const auto rows = tx.exec(kPage, nullable(position["position_at"]), nullable(position["since"]),
                              nullable(position["position_id"]), limit);
    std::vector<Reread> messages;
    long long labelled = 0;
    for (const auto& row : rows) {
      Reread message;
      if (row["labelled"].as<bool>()) ++labelled;
      message.keeps_intent = row["labelled"].as<bool>() || row["read_by_provider"].as<bool>();
      message.was = text_of(row["content"]);
      auto read = reader->read(message.was, time_of(row["said_at"]));
      if (!read.meaning) continue;
      message.id = text_of(row["id"]);
      if (!row["entities"].is_null()) message.entities_json = text_of(row["entities"]);
      message.created_at = time_of(row["created_at"]);
      message.content = std::move(read.text);
      message.meaning = std::move(*read.meaning);
      messages.push_back(std::move(message));
    }
    const auto changed = change(tx, messages);
    std::optional<std::string> last_at, last_id;
    if (!rows.empty()) {
      last_at = text_of(rows.back()["created_at"]);
      last_id = text_of(rows.back()["id"]);
    }
    const bool finished = static_cast<int>(rows.size()) < limit;
    tx.exec(kMove, last_at, last_id, static_cast<long long>(rows.size()), changed, labelled, finished);
    return find_in(tx).value();
  };
  return db_.run(Lane::background, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::optional<Rescore>> RescoreRepository::find(std::string tenant_id) {
  auto work = [](Tx& tx) { return find_in(tx); };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

}  // namespace easyflow::storage
