#include "storage/repositories/meaning.hpp"

#include <map>

#include "core/base/ids.hpp"
#include "storage/pg_array.hpp"
#include "storage/repositories/rows.hpp"

namespace easyflow::storage {
namespace {

// Row-level security shows the tenant's own rows only. Of several that bear the number the newest is meant.
constexpr Sql kMentioned{"meaning.mentioned", R"sql(
  select g.value, o.id as order_id, p.id as product_id
    from unnest($1::text[]) as g(value)
    left join lateral (
      select f.id from (
        select id, ordered_at from orders
         where tenant_id = current_tenant() and external_id in (g.value, upper(g.value))
        union all
        select id, ordered_at from orders
         where tenant_id = current_tenant() and external_number in (g.value, upper(g.value))) f
       order by f.ordered_at desc, f.id limit 1) o on true
    left join lateral (
      select f.id from (
        select id, updated_at from products
         where tenant_id = current_tenant() and sku in (g.value, upper(g.value)) and sku <> ''
        union all
        select id, updated_at from products
         where tenant_id = current_tenant() and external_id in (g.value, upper(g.value))) f
       order by f.updated_at desc, f.id limit 1) p on true
   where o.id is not null or p.id is not null)sql"};

constexpr Sql kPutActs{"meaning.put_acts", R"sql(
  with put as (
    insert into automatic_acts (id, tenant_id, integration_id, conversation_id, message_id, message_created_at, intent,
                                confidence)
    select g.id, current_tenant(), g.integration_id, g.conversation_id, g.message_id, g.message_created_at, g.intent,
           g.hundredths / 100.0
      from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::text[], $7::integer[])
           as g(id, integration_id, conversation_id, message_id, message_created_at, intent, hundredths)
    on conflict (message_id) do nothing
    returning id
  )
  select pg_notify('automation', '') from put limit 1)sql"};

/// Longer values are no numbers of orders or goods.
constexpr std::size_t kLongestNumber = 100;

bool is_mention(const StoredEntity& entity) {
  return (entity.type == "order_number" || entity.type == "sku" || entity.type == "tracking_number") &&
         !entity.value.empty() && entity.value.size() <= kLongestNumber;
}

struct Mentioned {
  std::string order_id;
  std::string product_id;
};

void add_member(std::string& object, const char* name, const std::string& id) {
  object.pop_back();
  object += std::string(",\"") + name + "\":\"" + id + "\"}";
}

/// A number can belong to an order as well as to a product; its kind decides then.
void add_ids(StoredEntity& entity, const Mentioned& found) {
  const bool product = !found.product_id.empty() && (entity.type == "sku" || found.order_id.empty());
  if (product)
    add_member(entity.json, "product_id", found.product_id);
  else
    add_member(entity.json, "order_id", found.order_id);
}

}  // namespace

std::string entities_json(const StoredMeaning& meaning) {
  std::string out = "[";
  for (const auto& entity : meaning.entities) {
    if (out.size() > 1) out += ',';
    out += entity.json;
  }
  return out += ']';
}

void resolve_mentions(Tx& tx, const std::vector<StoredMeaning*>& meanings) {
  std::map<std::string, std::vector<StoredEntity*>> wanted;
  for (auto* meaning : meanings)
    for (auto& entity : meaning->entities)
      if (is_mention(entity)) wanted[entity.value].push_back(&entity);
  if (wanted.empty()) return;
  TextColumn values;
  for (const auto& [value, entities] : wanted) values.add(value);
  for (const auto& row : tx.exec(kMentioned, values.take())) {
    Mentioned found;
    found.order_id = text_of(row["order_id"]);
    found.product_id = text_of(row["product_id"]);
    for (auto* entity : wanted.at(text_of(row["value"]))) add_ids(*entity, found);
  }
}

void put_pending_acts(Tx& tx, const std::vector<PendingAct>& acts) {
  if (acts.empty()) return;
  UuidColumn ids, integrations, conversations, messages;
  TimestampColumn created;
  TextColumn intents;
  IntegerColumn confidences;
  for (const auto& act : acts) {
    ids.add(new_uuid());
    integrations.add(act.integration_id);
    conversations.add(act.conversation_id);
    messages.add(act.message_id);
    created.add(act.message_created_at);
    intents.add(act.intent);
    confidences.add(act.hundredths);
  }
  tx.exec(kPutActs, ids.take(), integrations.take(), conversations.take(), messages.take(), created.take(),
          intents.take(), confidences.take());
}

}  // namespace easyflow::storage
