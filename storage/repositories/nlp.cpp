#include "storage/repositories/nlp.hpp"

#include <utility>

#include "core/base/ids.hpp"
#include "storage/pg_array.hpp"
#include "storage/repositories/rows.hpp"

namespace easyflow::storage {
namespace {

constexpr Sql kSettings{"nlp.settings", R"sql(
  select m.version, case when m.version is distinct from $1 then m.model end as model, r.csv,
         (select u.timezone from users u order by u.role = 'owner' desc, u.created_at, u.id limit 1) as time_zone
    from (select 1) as one
    left join nlp_models m on m.is_active
    left join nlp_rules r on true)sql"};

constexpr Sql kPutModel{"nlp.put_model", R"sql(
  insert into nlp_models (id, tenant_id, version, model, metrics, data_fingerprint)
  values ($1::uuid, current_tenant(), $2, $3::bytea,
          $4::jsonb || jsonb_strip_nulls(jsonb_build_object('provenance', $6::jsonb)), $5)
  on conflict (tenant_id, version) do nothing)sql"};

constexpr Sql kProvenance{"nlp.provenance", "select metrics->>'provenance' from nlp_models where version = $1"};

constexpr Sql kDropOldModels{"nlp.drop_old_models", R"sql(
  delete from nlp_models
   where not is_active and id not in (select id from nlp_models order by created_at desc, id desc limit 5))sql"};

constexpr Sql kModels{"nlp.models", R"sql(
  select version, is_active, metrics - 'provenance' as metrics, data_fingerprint, created_at
    from nlp_models order by created_at desc, id desc)sql"};

constexpr Sql kModel{"nlp.model", "select model from nlp_models where version = $1"};

// in two steps: at most one row may be active at any moment
constexpr Sql kDeactivate{"nlp.deactivate",
                          "update nlp_models set is_active = false where is_active and version <> $1"};
constexpr Sql kActivate{"nlp.activate", "update nlp_models set is_active = true where version = $1"};

constexpr Sql kPutExamples{"nlp.put_examples", R"sql(
  insert into nlp_examples as e (id, tenant_id, text, intent, lang, source, message_id, user_id)
  select g.id, current_tenant(), g.text, g.intent, g.lang, g.source, g.message_id, g.user_id
    from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::uuid[])
         as g(id, text, intent, lang, source, message_id, user_id)
  on conflict (tenant_id, md5(text)) do update
     set intent = excluded.intent, lang = excluded.lang, source = excluded.source, user_id = excluded.user_id,
         updated_at = now()
   where (e.intent, e.lang) is distinct from (excluded.intent, excluded.lang))sql"};

constexpr Sql kExamples{"nlp.examples", R"sql(
  select id, text, intent, lang, source, message_id, user_id, created_at from nlp_examples
   where $1::timestamptz is null or (created_at, id) > ($1::timestamptz, $2::uuid)
   order by created_at, id limit $3::integer)sql"};

constexpr Sql kExampleIntents{"nlp.example_intents", "select distinct intent from nlp_examples order by intent"};

constexpr Sql kRemoveExample{"nlp.remove_example", R"sql(
  delete from nlp_examples where id = $1::uuid returning pg_notify('nlp', ''))sql"};

constexpr Sql kLabelMessage{"nlp.label_message", R"sql(
  update messages m
     set intent = $2, confidence = 1, nlp_model = 'operator',
         metadata = case when nlp_model = 'operator' then coalesce(metadata, '{}') else
           jsonb_set(coalesce(metadata, '{}'), '{nlp}',
                     coalesce(metadata->'nlp', '{}') || jsonb_strip_nulls(jsonb_build_object(
                       'corrected_by', $3::uuid, 'before',
                       jsonb_build_object('intent', intent, 'confidence', confidence, 'model', nlp_model)))) end
   where id = $1::uuid and direction = 'inbound' and content <> ''
  returning content)sql"};

// a message corrected twice stays one example
constexpr Sql kForgetLabel{"nlp.forget_label", "delete from nlp_examples where message_id = $1::uuid and text <> $2"};

constexpr Sql kCounts{"nlp.counts", R"sql(
  select intent, nlp_model, count(*) as messages,
         count(*) filter (where metadata->'nlp'->'rejected' = 'true'::jsonb) as rejected,
         count(*) filter (where nlp_model = 'operator' and metadata->'nlp'->'before'->>'intent' <> intent)
           as corrected
    from messages
   where direction = 'inbound' and nlp_model is not null and created_at >= $1::timestamptz
   group by intent, nlp_model order by count(*) desc, intent, nlp_model)sql"};

constexpr Sql kRules{"nlp.rules", "select csv from nlp_rules"};
constexpr Sql kPutRules{"nlp.put_rules", R"sql(
  insert into nlp_rules (tenant_id, csv) values (current_tenant(), $1)
  on conflict (tenant_id) do update set csv = excluded.csv, updated_at = now())sql"};

constexpr Sql kActions{"nlp.actions", R"sql(
  select intent, enabled, min_confidence, reply, escalate, tag, state, to_char(quiet_from, 'HH24:MI') as quiet_from,
         to_char(quiet_until, 'HH24:MI') as quiet_until
    from intent_actions order by intent)sql"};

constexpr Sql kPutAction{"nlp.put_action", R"sql(
  insert into intent_actions (tenant_id, intent, enabled, min_confidence, reply, escalate, tag, state, quiet_from,
                              quiet_until)
  values (current_tenant(), $1, $2::boolean, $3::float8::numeric, $4, $5::boolean, $6, $7, $8::time, $9::time)
  on conflict (tenant_id, intent) do update
     set enabled = excluded.enabled, min_confidence = excluded.min_confidence, reply = excluded.reply,
         escalate = excluded.escalate, tag = excluded.tag, state = excluded.state, quiet_from = excluded.quiet_from,
         quiet_until = excluded.quiet_until, updated_at = now())sql"};

constexpr Sql kRemoveAction{"nlp.remove_action", "delete from intent_actions where intent = $1"};

constexpr Sql kNotify{"nlp.notify", "select pg_notify('nlp', '')"};

bool activate_in(Tx& tx, const std::string& version) {
  tx.exec(kDeactivate, version);
  const bool there = version.empty() || tx.exec(kActivate, version).affected_rows() > 0;
  if (there) tx.exec(kNotify);
  return there;
}

std::vector<IntentAction> actions_in(Tx& tx) {
  std::vector<IntentAction> out;
  for (const auto& row : tx.exec(kActions)) {
    IntentAction action;
    action.intent = text_of(row["intent"]);
    action.enabled = row["enabled"].as<bool>();
    action.min_confidence = row["min_confidence"].as<double>();
    action.reply = text_of(row["reply"]);
    action.escalate = row["escalate"].as<bool>();
    action.tag = text_of(row["tag"]);
    action.state = text_of(row["state"]);
    action.quiet_from = text_of(row["quiet_from"]);
    action.quiet_until = text_of(row["quiet_until"]);
    out.push_back(std::move(action));
  }
  return out;
}

void add_or_null(PgArray& column, const std::string& id) {
  if (id.empty())
    column.add_null();
  else
    column.add(id);
}

int put_examples_in(Tx& tx, const std::vector<NlpExample>& examples) {
  PgArray ids, texts, intents, langs, sources, messages, users;
  for (const auto& example : examples) {
    ids.add(new_uuid());
    texts.add(clean_text(example.text));
    intents.add(example.intent);
    langs.add(example.lang);
    sources.add(example.source);
    add_or_null(messages, example.message_id);
    add_or_null(users, example.user_id);
  }
  return static_cast<int>(tx.exec(kPutExamples, ids.take(), texts.take(), intents.take(), langs.take(), sources.take(),
                                  messages.take(), users.take())
                              .affected_rows());
}

}  // namespace

Task<NlpSettings> NlpRepository::settings(std::string tenant_id, std::string known_version) {
  auto work = [known_version = std::move(known_version)](Tx& tx) {
    NlpSettings out;
    const auto rows = tx.exec(kSettings, known_version);
    out.model_version = text_of(rows[0]["version"]);
    if (!rows[0]["model"].is_null()) out.model = parse_bytea(text_of(rows[0]["model"]));
    out.rules_csv = text_of(rows[0]["csv"]);
    out.time_zone = text_of(rows[0]["time_zone"]);
    out.actions = actions_in(tx);
    return out;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<> NlpRepository::put_model(std::string tenant_id, NlpModelRow model, std::string bytes) {
  auto work = [model = std::move(model), bytes = std::move(bytes)](Tx& tx) {
    tx.exec(kPutModel, new_uuid(), model.version, hex_bytea(bytes), jsonb_text(model.metrics_json),
            model.data_fingerprint, unless_empty(model.provenance_json));
    activate_in(tx, model.version);
    tx.exec(kDropOldModels);
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::vector<NlpModelRow>> NlpRepository::models(std::string tenant_id) {
  auto work = [](Tx& tx) {
    std::vector<NlpModelRow> out;
    for (const auto& row : tx.exec(kModels)) {
      NlpModelRow model;
      model.version = text_of(row["version"]);
      model.active = row["is_active"].as<bool>();
      model.metrics_json = text_of(row["metrics"]);
      model.data_fingerprint = text_of(row["data_fingerprint"]);
      model.created_at = time_of(row["created_at"]);
      out.push_back(std::move(model));
    }
    return out;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::optional<std::string>> NlpRepository::model(std::string tenant_id, std::string version) {
  auto work = [version = std::move(version)](Tx& tx) -> std::optional<std::string> {
    const auto rows = tx.exec(kModel, version);
    if (rows.empty()) return std::nullopt;
    return parse_bytea(text_of(rows[0][0]));
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::string> NlpRepository::provenance(std::string tenant_id, std::string version) {
  auto work = [version = std::move(version)](Tx& tx) {
    const auto rows = tx.exec(kProvenance, version);
    return rows.empty() ? std::string() : text_of(rows[0][0]);
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<bool> NlpRepository::activate(std::string tenant_id, std::string version) {
  auto work = [version = std::move(version)](Tx& tx) {
    if (!version.empty() && tx.exec(kModel, version).empty()) return false;
    return activate_in(tx, version);
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<int> NlpRepository::put_examples(std::string tenant_id, std::vector<NlpExample> examples) {
  auto work = [examples = std::move(examples)](Tx& tx) {
    const int written = put_examples_in(tx, examples);
    tx.exec(kNotify);
    return written;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<Result<Paged<NlpExample>>> NlpRepository::examples(std::string tenant_id, PageRequest page) {
  auto work = [page = std::move(page)](Tx& tx) -> Result<Paged<NlpExample>> {
    EASYFLOW_TRY(after, read_cursor(page.cursor, "tu"));
    const auto rows = tx.exec(kExamples, after[0], after[1], rows_to_ask(page));
    auto read = [](const pqxx::row& row) {
      NlpExample out;
      out.id = text_of(row["id"]);
      out.text = text_of(row["text"]);
      out.intent = text_of(row["intent"]);
      out.lang = text_of(row["lang"]);
      out.source = text_of(row["source"]);
      out.message_id = text_of(row["message_id"]);
      out.user_id = text_of(row["user_id"]);
      out.created_at = time_of(row["created_at"]);
      return out;
    };
    return page_of<NlpExample>(rows, page, read, [](const pqxx::row& row) {
      return std::vector<std::string>{text_of(row["created_at"]), text_of(row["id"])};
    });
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::vector<std::string>> NlpRepository::example_intents(std::string tenant_id) {
  auto work = [](Tx& tx) {
    std::vector<std::string> out;
    for (const auto& row : tx.exec(kExampleIntents)) out.push_back(text_of(row["intent"]));
    return out;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<bool> NlpRepository::remove_example(std::string tenant_id, std::string id) {
  auto work = [id = std::move(id)](Tx& tx) { return is_uuid(id) && !tx.exec(kRemoveExample, id).empty(); };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<Result<void>> NlpRepository::label_message(std::string tenant_id, std::string message_id, std::string intent,
                                                std::string user_id) {
  auto work = [message_id = std::move(message_id), intent = std::move(intent),
               user_id = std::move(user_id)](Tx& tx) -> Result<void> {
    Error unknown(ErrorKind::not_found, "There is no inbound message with a text of this id.");
    if (!is_uuid(message_id)) return unknown;
    const auto rows = tx.exec(kLabelMessage, message_id, intent, unless_empty(user_id));
    if (rows.empty()) return unknown;
    NlpExample example;
    example.text = text_of(rows[0][0]);
    example.intent = intent;
    example.source = "operator";
    example.message_id = message_id;
    example.user_id = user_id;
    tx.exec(kForgetLabel, message_id, example.text);
    put_examples_in(tx, {example});
    tx.exec(kNotify);
    return {};
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::vector<NlpIntentCount>> NlpRepository::counts(std::string tenant_id, Timestamp since) {
  auto work = [since](Tx& tx) {
    std::vector<NlpIntentCount> out;
    for (const auto& row : tx.exec(kCounts, format_rfc3339(since))) {
      NlpIntentCount count;
      count.intent = text_of(row["intent"]);
      count.model = text_of(row["nlp_model"]);
      count.messages = row["messages"].as<std::int64_t>();
      count.rejected = row["rejected"].as<std::int64_t>();
      count.corrected = row["corrected"].as<std::int64_t>();
      out.push_back(std::move(count));
    }
    return out;
  };
  return db_.run(Lane::background, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::string> NlpRepository::rules(std::string tenant_id) {
  auto work = [](Tx& tx) {
    const auto rows = tx.exec(kRules);
    return rows.empty() ? std::string() : text_of(rows[0][0]);
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<> NlpRepository::put_rules(std::string tenant_id, std::string csv) {
  auto work = [csv = std::move(csv)](Tx& tx) {
    tx.exec(kPutRules, csv);
    tx.exec(kNotify);
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::vector<IntentAction>> NlpRepository::actions(std::string tenant_id) {
  auto work = [](Tx& tx) { return actions_in(tx); };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<> NlpRepository::put_action(std::string tenant_id, IntentAction action) {
  auto work = [action = std::move(action)](Tx& tx) {
    tx.exec(kPutAction, action.intent, action.enabled, action.min_confidence, unless_empty(action.reply),
            action.escalate, unless_empty(action.tag), unless_empty(action.state), unless_empty(action.quiet_from),
            unless_empty(action.quiet_until));
    tx.exec(kNotify);
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<bool> NlpRepository::remove_action(std::string tenant_id, std::string intent) {
  auto work = [intent = std::move(intent)](Tx& tx) {
    const bool there = tx.exec(kRemoveAction, intent).affected_rows() > 0;
    if (there) tx.exec(kNotify);
    return there;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

}  // namespace easyflow::storage
