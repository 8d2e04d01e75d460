#include "core/api/meaning_text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/json.hpp"

namespace easyflow::api {
namespace {

nlohmann::json parsed(const std::string& json) {
  return nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
}

/// Of rows of older versions none.
nlohmann::json entities_in(const storage::Message& message) {
  auto entities = parsed(message.entities_json);
  return entities.is_array() ? entities : nlohmann::json::array();
}

template <class Row>
const Row* with_id(const std::vector<Row>& rows, const std::string& id) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&id](const Row& row) { return row.id == id; });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace

std::string intent_text(const storage::Message& message) {
  if (message.intent.empty()) return {};
  if (message.nlp_model == "operator") return message.intent + ", as labelled";
  const auto metadata = parsed(message.metadata_json);
  const auto rejected = nlohmann::json::json_pointer("/nlp/rejected");
  if (metadata.is_object() && metadata.contains(rejected) && metadata[rejected] == true) return "not sure";
  if (!message.confidence) return message.intent;
  return message.intent + " " + std::to_string(static_cast<int>(*message.confidence * 100 + 0.5)) + " %";
}

std::vector<Fact> facts_of(const storage::Message& message, const storage::CatalogRows& catalog) {
  std::vector<Fact> out;
  for (const auto& entity : entities_in(message)) {
    Fact fact{text_member(entity, "type"), text_member(entity, "value"), {}};
    std::replace(fact.kind.begin(), fact.kind.end(), '_', ' ');
    if (fact.value.empty()) fact.value = text_member(entity, "text");
    if (fact.kind.empty() || fact.value.empty()) continue;
    if (const auto* order = with_id(catalog.orders, text_member(entity, "order_id")))
      fact.known = order->status.empty() ? "known" : order->status;
    if (const auto* product = with_id(catalog.products, text_member(entity, "product_id")))
      fact.known = product->title.empty() ? "known" : product->title;
    out.push_back(std::move(fact));
  }
  std::stable_partition(out.begin(), out.end(), [](const Fact& fact) { return !fact.known.empty(); });
  return out;
}

std::vector<std::string> ids_named_in(const std::vector<storage::Message>& messages) {
  std::vector<std::string> ids;
  for (const auto& message : messages)
    for (const auto& entity : entities_in(message))
      for (const char* name : {"order_id", "product_id"})
        if (auto id = text_member(entity, name); !id.empty()) ids.push_back(std::move(id));
  return ids;
}

}  // namespace easyflow::api
