#include "storage/repositories/meaning.hpp"

#include <nlohmann/json.hpp>

#include "core/base/ids.hpp"
#include "core/base/json.hpp"
#include "storage/repositories/rows.hpp"

namespace easyflow::storage {
namespace {

// Row-level security shows the tenant's own rows only.
constexpr Sql kMentioned{"meaning.mentioned", "select jsonb_agg(to_jsonb(m)) from mentioned($1::text[]) m"};

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

/// mentioned() stops there.
constexpr std::size_t kMostRows = 1000;

/// Longer values are no numbers of orders or goods.
constexpr std::size_t kLongestNumber = 100;

bool is_mention(const StoredEntity& entity) {
  return (entity.type.empty() || entity.type == "order_number" || entity.type == "sku" ||
          entity.type == "tracking_number") &&
         !entity.value.empty() && entity.value.size() <= kLongestNumber;
}

/// Latin and Russian letters: those that articles are written in.
std::string in_capitals(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead >= 'a' && lead <= 'z') text[i] = static_cast<char>(lead - 0x20);
    if ((lead != 0xD0 && lead != 0xD1) || i + 1 == text.size()) continue;
    const unsigned letter = (lead & 0x1Fu) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3Fu);
    const unsigned capital = letter >= 0x430 && letter <= 0x44F ? letter - 0x20 : letter == 0x451 ? 0x401 : letter;
    text[i - 1] = static_cast<char>(0xC0 | capital >> 6);
    text[i] = static_cast<char>(0x80 | (capital & 0x3F));
  }
  return text;
}

}  // namespace

std::string confidence_text(int hundredths) {
  const auto digits = std::to_string(100 + hundredths);
  return (hundredths >= 100 ? "1." : "0.") + digits.substr(digits.size() - 2);
}

std::string entities_json(const StoredMeaning& meaning) {
  std::string out = "[";
  for (const auto& entity : meaning.entities) {
    if (entity.type.empty()) continue;
    if (out.size() > 1) out += ',';
    out += entity.json;
  }
  return out += ']';
}

std::string row_of(const nlohmann::json& entity) {
  auto order = text_member(entity, "order_id");
  return order.empty() ? text_member(entity, "product_id") : order;
}

void remember_rows(StoredMeaning& meaning, const std::string& entities_json) {
  const auto before = nlohmann::json::parse(entities_json, nullptr, /*allow_exceptions=*/false);
  if (!before.is_array()) return;                                  // rows of older versions
  std::map<std::string, std::map<std::string, std::string>> rows;  // by value, by type
  for (const auto& known : before)
    if (auto row = row_of(known); !row.empty())
      rows[text_member(known, "value")].emplace(text_member(known, "type"), std::move(row));
  for (auto& entity : meaning.entities) {
    const auto known = rows.find(entity.value);
    if (known == rows.end()) continue;
    const auto same = entity.type.empty() ? known->second.begin() : known->second.find(entity.type);
    if (same != known->second.end()) entity.row = same->second;
  }
}

void Mentions::add(StoredEntity& entity) {
  if (!is_mention(entity)) return;
  owners_.try_emplace(entity.value);
  owners_.try_emplace(in_capitals(entity.value));
  entities_.push_back(&entity);
}

PgBinary Mentions::numbers() const {
  TextColumn numbers;
  for (const auto& [number, owners] : owners_) numbers.add(number);
  return numbers.take();
}

const Mentions::Owner* Mentions::chosen(const std::vector<Owner>& as_written, const std::vector<Owner>& in_capitals,
                                        const std::string& before) {
  const Owner* best = nullptr;
  for (const auto* owners : {&as_written, &in_capitals})
    for (const auto& owner : *owners) {
      if (owner.id == before) return &owner;
      if (best == nullptr || owner.at > best->at || (owner.at == best->at && owner.id < best->id)) best = &owner;
    }
  return best;
}

void Mentions::take(const nlohmann::json& rows) {
  for (const auto& row : rows) {
    const auto at = parse_rfc3339(row.at("at").get<std::string>()).value();
    auto& owners = owners_[row.at("number").get<std::string>()];
    if (auto id = text_member(row, "order_id"); !id.empty()) owners.orders.push_back({std::move(id), at});
    if (auto id = text_member(row, "product_id"); !id.empty()) owners.products.push_back({std::move(id), at});
  }
}

void Mentions::settle() {
  for (auto* entity : entities_) {
    const auto& owners = owners_.at(entity->value);
    const auto& others = owners_.at(in_capitals(entity->value));
    const auto* order = chosen(owners.orders, others.orders, entity->row);
    const auto* product = chosen(owners.products, others.products, entity->row);
    if (order == nullptr && product == nullptr) continue;
    // a number can belong to an order as well as to a product; its kind decides then
    const bool is_product = order == nullptr || (product != nullptr && order->id != entity->row &&
                                                 (product->id == entity->row || entity->type == "sku"));
    if (entity->type.empty()) {
      entity->type = is_product ? "sku" : "order_number";
      add_member(entity->json, "type", '"' + entity->type + '"');
      for (int i = 1; i <= entity->holds; ++i) entity[i].type.clear();
    }
    add_member(entity->json, is_product ? "product_id" : "order_id", '"' + (is_product ? product : order)->id + '"');
  }
  entities_.clear();
  owners_.clear();
}

void Mentions::settle(const std::string& rows) {
  take(nlohmann::json::parse(rows));
  settle();
}

void Mentions::ask(Tx& tx, std::span<const std::string> numbers) {
  TextColumn asked;
  for (const auto& number : numbers) asked.add(number);
  const auto answer = tx.exec(kMentioned, asked.take());
  if (answer[0][0].is_null()) return;
  const auto rows = nlohmann::json::parse(text_of(answer[0][0]));
  if (rows.size() < kMostRows || numbers.size() == 1) return take(rows);
  // some may be left out
  ask(tx, numbers.first(numbers.size() / 2));
  ask(tx, numbers.subspan(numbers.size() / 2));
}

void Mentions::resolve(Tx& tx) {
  if (entities_.empty()) return;
  std::vector<std::string> numbers;
  for (const auto& [number, owners] : owners_) numbers.push_back(number);
  ask(tx, numbers);
  settle();
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
