#include "core/api/views.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/base/clock.hpp"
#include "core/nlp/model.hpp"

namespace easyflow::api {
namespace {

using nlohmann::json;

json time(Timestamp at) { return format_rfc3339(at); }
json time(const std::optional<Timestamp>& at) { return at ? json(format_rfc3339(*at)) : json(nullptr); }

/// Empty texts stand for "not known".
json text_or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

template <class T>
json value_or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json money(const std::optional<std::int64_t>& minor, const std::string& currency) {
  if (!minor) return nullptr;
  return json{{"minor", *minor}, {"currency", text_or_null(currency)}};
}

/// JSON that the database holds as text; it was checked when it was stored.
json stored_json(const std::string& text, json fallback) {
  auto parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  return parsed.is_discarded() ? std::move(fallback) : parsed;
}

}  // namespace

json view(const sdk::Manifest& manifest) {
  auto credentials = json::array();
  for (const auto& field : manifest.credentials)
    credentials.push_back({{"name", field.name},
                           {"label", field.label},
                           {"help", field.help},
                           {"required", field.required},
                           {"secret", field.secret}});
  auto streams = json::array();
  for (const auto& stream : manifest.streams)
    streams.push_back({{"name", stream.name}, {"default_interval_minutes", stream.default_interval.count()}});
  return {{"id", manifest.id},
          {"name", manifest.display_name},
          {"type", manifest.type},
          {"region", manifest.region},
          {"capabilities", manifest.capabilities},
          {"credentials", std::move(credentials)},
          {"streams", std::move(streams)},
          {"api_version", manifest.api_version},
          {"status", manifest.status},
          {"docs_url", text_or_null(manifest.docs_url)}};
}

std::string webhook_url(const storage::Integration& integration, const std::string& public_url) {
  if (public_url.empty() || integration.webhook_path.empty()) return {};
  auto base = public_url;
  while (!base.empty() && base.back() == '/') base.pop_back();
  return base + "/hooks/" + integration.platform_id + "/" + integration.webhook_path;
}

json view(const storage::Integration& integration, const std::string& public_url) {
  return {{"id", integration.id},
          {"platform", integration.platform_id},
          {"account", integration.account},
          {"status", integration.status},
          {"status_message", text_or_null(integration.status_message)},
          {"paused", integration.paused},
          {"display_name", text_or_null(integration.display_name)},
          {"external_account_id", text_or_null(integration.external_account_id)},
          {"webhook_path", text_or_null(integration.webhook_path)},
          {"webhook_url", text_or_null(webhook_url(integration, public_url))},
          {"sync_interval_minutes", integration.sync_interval_minutes},
          {"last_sync_at", time(integration.last_sync_at)},
          {"next_sync_at", time(integration.next_sync_at)},
          {"created_at", time(integration.created_at)},
          {"updated_at", time(integration.updated_at)}};
}

json view(const platforms::CheckReport& report) {
  return {{"ok", report.ok},
          {"message", text_or_null(report.message)},
          {"external_id", text_or_null(report.info.external_id)},
          {"display_name", text_or_null(report.info.display_name)},
          {"expires_at", time(report.info.expires_at)},
          {"warnings", report.info.warnings},
          {"attributes", json(report.info.attributes)}};
}

json view(const platforms::CheckedIntegration& checked, const std::string& public_url) {
  return {{"integration", view(checked.integration, public_url)}, {"check", view(checked.report)}};
}

json view(const storage::StreamStatus& status) {
  return {{"integration_id", status.integration_id},
          {"platform", status.platform_id},
          {"display_name", text_or_null(status.display_name)},
          {"stream", status.stream},
          {"state", status.state},
          {"last_success_at", time(status.last_success_at)},
          {"next_run_at", time(status.next_run_at)},
          {"last_error", text_or_null(status.last_error)},
          {"failures", status.failures},
          {"rows", status.rows}};
}

json view(const storage::SyncRun& run) {
  return {{"id", run.id},
          {"integration_id", run.integration_id},
          {"platform", run.platform_id},
          {"stream", run.stream},
          {"sync_type", run.sync_type},
          {"status", run.status},
          {"records_requested", value_or_null(run.records_requested)},
          {"records_synced", run.records_synced},
          {"records_failed", run.records_failed},
          {"errors", stored_json(run.errors_json, json::array())},
          {"error_message", text_or_null(run.error_message)},
          {"started_at", time(run.started_at)},
          {"completed_at", time(run.completed_at)},
          {"duration_seconds", value_or_null(run.duration_seconds)},
          {"metadata", stored_json(run.metadata_json, json::object())}};
}

json view(const storage::StoredOrder& order) {
  auto items = json::array();
  for (const auto& item : order.items)
    items.push_back({{"sku", text_or_null(item.sku)},
                     {"external_product_id", text_or_null(item.external_product_id)},
                     {"name", text_or_null(item.name)},
                     {"quantity", item.quantity},
                     {"price", money(item.price_minor, item.currency)}});
  return {{"id", order.id},
          {"integration_id", order.integration_id},
          {"external_id", order.external_id},
          {"external_number", text_or_null(order.external_number)},
          {"status", text_or_null(order.status)},
          {"total", money(order.total_minor, order.currency)},
          {"ordered_at", time(order.ordered_at)},
          {"source_updated_at", time(order.source_updated_at)},
          {"updated_at", time(order.updated_at)},
          {"items", std::move(items)}};
}

json view(const storage::StoredOrder& order, const std::string& raw_json) {
  auto whole = view(order);
  whole["raw"] = stored_json(raw_json, nullptr);
  return whole;
}

json view(const storage::StoredProduct& product) {
  return {{"id", product.id},
          {"integration_id", product.integration_id},
          {"external_id", product.external_id},
          {"sku", text_or_null(product.sku)},
          {"title", text_or_null(product.title)},
          {"brand", text_or_null(product.brand)},
          {"category", text_or_null(product.category)},
          {"barcodes", product.barcodes},
          {"source_updated_at", time(product.source_updated_at)},
          {"updated_at", time(product.updated_at)}};
}

json view(const storage::Conversation& conversation) {
  return {{"id", conversation.id},
          {"integration_id", text_or_null(conversation.integration_id)},
          {"contact_id", text_or_null(conversation.contact_id)},
          {"platform", conversation.platform},
          {"chat_id", conversation.chat_id},
          {"title", text_or_null(conversation.title)},
          {"status", conversation.status},
          {"tags", conversation.tags},
          {"state", text_or_null(conversation.state)},
          {"contact_active", conversation.contact_active},
          {"messages_count", conversation.messages_count},
          {"last_message", text_or_null(conversation.last_message)},
          {"created_at", time(conversation.created_at)},
          {"updated_at", time(conversation.updated_at)}};
}

json view(const storage::Conversation& conversation, const std::vector<storage::AutomaticAct>& acts) {
  auto whole = view(conversation);
  auto items = json::array();
  for (const auto& act : acts) items.push_back(view(act));
  whole["acts"] = std::move(items);
  return whole;
}

json view(const storage::IntentAction& action) {
  return {{"intent", action.intent},
          {"enabled", action.enabled},
          {"min_confidence", action.min_confidence},
          {"reply", text_or_null(action.reply)},
          {"escalate", action.escalate},
          {"tag", text_or_null(action.tag)},
          {"state", text_or_null(action.state)},
          {"quiet_from", text_or_null(action.quiet_from)},
          {"quiet_until", text_or_null(action.quiet_until)}};
}

json view(const storage::AutomaticAct& act) {
  auto done = stored_json(act.acts_json, json::object());
  return {{"id", act.id},
          {"integration_id", text_or_null(act.integration_id)},
          {"conversation_id", act.conversation_id},
          {"message_id", act.message_id},
          {"intent", act.intent},
          {"confidence", act.confidence},
          {"state", act.state},
          {"reason", text_or_null(act.reason)},
          {"acts",
           {{"reply", done.value("reply", json())},
            {"escalate", done.value("escalate", false)},
            {"tag", done.value("tag", json())},
            {"state", done.value("state", json())}}},
          {"before", stored_json(act.before_json, json::object())},
          {"outbound_id", text_or_null(act.outbound_id)},
          {"outbound_state", text_or_null(act.outbound_state)},
          {"undo", done.value("undo", json())},
          {"created_at", time(act.created_at)},
          {"done_at", time(act.done_at)},
          {"undone_at", time(act.undone_at)},
          {"undone_by", text_or_null(act.undone_by)}};
}

/// [{"intent", "confidence"}], the surest first. The hub's own readers keep it as {intent: confidence}, which takes
/// less room; providers and older versions as it is shown.
json ranking_of(const json& stored) {
  if (!stored.is_object()) return stored.is_array() ? stored : json::array();
  auto ranking = json::array();
  for (const auto& [intent, confidence] : stored.items())
    if (confidence.is_number()) ranking.push_back({{"intent", intent}, {"confidence", confidence}});
  std::stable_sort(ranking.begin(), ranking.end(), [](const json& a, const json& b) {
    return a["confidence"].get<double>() > b["confidence"].get<double>();
  });
  return ranking;
}

/// What the reader said besides intent, entities and confidence; null when nobody has read the message.
json reading_of(const storage::Message& message, const json& metadata) {
  if (message.nlp_model.empty()) return nullptr;
  const auto details = metadata.is_object() ? metadata.value("nlp", json::object()) : json::object();
  const auto member = [&](const char* name, json otherwise) {
    return details.is_object() ? details.value(name, std::move(otherwise)) : std::move(otherwise);
  };
  return {{"model", message.nlp_model},
          {"source", message.nlp_model == "operator" ? json("operator") : member("source", "model")},
          {"rejected", message.nlp_model != "operator" && member("rejected", false) == json(true)},
          {"ambiguous", message.nlp_model != "operator" && member("ambiguous", false) == json(true)},
          {"ranking", ranking_of(member("ranking", json::array()))},
          {"before", member("before", nullptr)}};
}

json view(const storage::Message& message) {
  auto metadata = stored_json(message.metadata_json, json::object());
  auto entities = stored_json(message.entities_json, json::array());
  if (!entities.is_array()) entities = json::array();  // rows of older versions
  auto reading = reading_of(message, metadata);
  const bool ours = message.direction == "outbound" && metadata.is_object();
  auto automatic = ours ? metadata.value("automatic", json()) : json();
  return {{"id", message.id},
          {"conversation_id", message.conversation_id},
          {"content", message.content},
          {"content_type", message.content_type},
          {"role", message.role},
          {"direction", message.direction},
          {"platform_message_id", text_or_null(message.platform_message_id)},
          {"intent", text_or_null(message.intent)},
          {"entities", std::move(entities)},
          {"confidence", value_or_null(message.confidence)},
          {"nlp", std::move(reading)},
          {"metadata", std::move(metadata)},
          {"automatic", std::move(automatic)},
          {"sent_at", time(message.sent_at)},
          {"created_at", time(message.created_at)}};
}

json view(const storage::Outbound& outbound) {
  auto keyboard = json::array();
  for (const auto& row : outbound.message.keyboard) {
    auto buttons = json::array();
    for (const auto& button : row)
      buttons.push_back(
          {{"text", button.text}, {"data", text_or_null(button.data)}, {"url", text_or_null(button.url)}});
    keyboard.push_back(std::move(buttons));
  }
  return {{"id", outbound.id},
          {"integration_id", outbound.integration_id},
          {"conversation_id", text_or_null(outbound.conversation_id)},
          {"message_id", outbound.message_id},
          {"chat_id", outbound.message.chat_id},
          {"text", outbound.message.text},
          {"keyboard", std::move(keyboard)},
          {"reply_to_message_id", text_or_null(outbound.message.reply_to_message_id)},
          {"state", outbound.state},
          {"attempts", outbound.attempts},
          {"platform_message_id", text_or_null(outbound.platform_message_id)},
          {"error_code", text_or_null(outbound.error_code)},
          {"error", text_or_null(outbound.error)},
          {"created_at", time(outbound.created_at)},
          {"updated_at", time(outbound.updated_at)}};
}

json view(const storage::OutboxEvent& event) {
  return {{"id", event.id},
          {"type", event.type},
          {"integration_id", text_or_null(event.integration_id)},
          {"subject_id", text_or_null(event.subject_id)},
          {"payload", stored_json(event.payload_json, json::object())},
          {"created_at", time(event.created_at)}};
}

json view(const storage::QuarantinedEvent& event) {
  return {{"id", event.body_id},
          {"integration_id", event.integration_id},
          {"platform", event.platform_id},
          {"reason", event.reason},
          {"received_at", time(event.received_at)}};
}

json view(const storage::ApiToken& token) {
  return {{"id", token.id},
          {"name", token.name},
          {"kind", token.kind},
          {"scopes", token.scopes},
          {"created_at", time(token.created_at)},
          {"expires_at", time(token.expires_at)},
          {"last_used_at", time(token.last_used_at)}};
}

json view(const auth::IssuedToken& issued) {
  auto whole = view(issued.token);
  whole["token"] = issued.plain.reveal();
  return whole;
}

json view(const storage::User& user) {
  return {{"id", user.id},     {"tenant_id", user.tenant_id}, {"email", user.email},
          {"name", user.name}, {"role", user.role},           {"time_zone", text_or_null(user.time_zone)}};
}

json view(const storage::NlpExample& example) {
  return {{"id", example.id},
          {"text", example.text},
          {"intent", example.intent},
          {"lang", text_or_null(example.lang)},
          {"source", example.source},
          {"message_id", text_or_null(example.message_id)},
          {"user_id", text_or_null(example.user_id)},
          {"created_at", time(example.created_at)}};
}

json view(const std::vector<storage::NlpModelRow>& models) {
  std::vector<json> items;
  bool shipped_is_active = true;
  for (const auto& model : models) {
    shipped_is_active = shipped_is_active && !model.active;
    items.push_back({{"version", model.version},
                     {"active", model.active},
                     {"ships", false},
                     {"metrics", stored_json(model.metrics_json, json::object())},
                     {"data_fingerprint", model.data_fingerprint},
                     {"created_at", time(model.created_at)}});
  }
  const auto shipped = nlp::Model::embedded();
  const auto& metrics = shipped->metrics();
  items.push_back({{"version", shipped->version()},
                   {"active", shipped_is_active},
                   {"ships", true},
                   {"metrics",
                    {{"examples", metrics.examples},
                     {"intents", metrics.intents},
                     {"intent_names", shipped->intents()},
                     {"accuracy", metrics.accuracy},
                     {"macro_f1", metrics.macro_f1},
                     {"calibration_error", metrics.ece},
                     {"calibration_reliable", metrics.calibration_reliable},
                     {"rejection_threshold", metrics.rejection_threshold}}},
                   {"data_fingerprint", shipped->data_fingerprint()},
                   {"created_at", nullptr}});
  return paged(std::move(items), "");
}

json view(const std::vector<storage::NlpIntentCount>& counts, Timestamp since, const training::TenantTest& tested) {
  std::int64_t messages = 0, rejected = 0, labelled = 0, corrected = 0;
  std::map<std::string, std::int64_t> by_intent, by_model;
  for (const auto& count : counts) {
    messages += count.messages;
    rejected += count.rejected;
    corrected += count.corrected;
    if (count.model == "operator") labelled += count.messages;
    by_intent[count.intent] += count.messages;
    by_model[count.model] += count.messages;
  }
  auto intents = json::array();
  for (const auto& [intent, number] : by_intent) intents.push_back({{"intent", intent}, {"messages", number}});
  auto models = json::array();
  for (const auto& [model, number] : by_model) models.push_back({{"model", model}, {"messages", number}});
  const bool any = tested.report.examples > 0;
  return {{"since", time(since)},
          {"messages", messages},
          {"rejected", rejected},
          {"rejected_share",
           messages > 0 ? json(static_cast<double>(rejected) / static_cast<double>(messages)) : json(nullptr)},
          {"labelled", labelled},
          {"corrected", corrected},
          {"intents", std::move(intents)},
          {"models", std::move(models)},
          {"calibration",
           {{"model", tested.model},
            {"labelled", tested.labelled},
            {"examples", tested.report.examples},
            {"error", any ? json(tested.report.ece) : json(nullptr)},
            {"accuracy", any ? json(tested.report.accuracy) : json(nullptr)},
            {"reliable", tested.is_reliable}}}};
}

json view(const training::State& state) {
  auto report = json(nullptr);
  if (state.outcome) report = stored_json(nlp::to_json(state.outcome->trained), nullptr);
  return {{"state", state.state},
          {"progress", state.progress},
          {"started_at", time(state.started_at)},
          {"finished_at", time(state.finished_at)},
          {"error", text_or_null(state.error)},
          {"result", std::move(report)}};
}

json view(const storage::MasterKeyRow& key) {
  return {{"id", key.id}, {"fingerprint", key.fingerprint}, {"state", key.state}, {"created_at", time(key.created_at)}};
}

json view(const keys::RotationReport& report) {
  return {{"new_master_key_id", report.new_master_key_id},
          {"old_master_key_id", text_or_null(report.old_master_key_id)},
          {"tenant_keys", report.tenant_keys},
          {"credentials", report.credentials}};
}

json paged(std::vector<json> items, const std::string& next) {
  return {{"items", json(std::move(items))}, {"next", text_or_null(next)}};
}

template <class T>
json view(const storage::Paged<T>& page) {
  std::vector<json> items;
  items.reserve(page.items.size());
  for (const auto& item : page.items) items.push_back(view(item));
  return paged(std::move(items), page.next);
}

template json view(const storage::Paged<storage::SyncRun>&);
template json view(const storage::Paged<storage::StoredOrder>&);
template json view(const storage::Paged<storage::StoredProduct>&);
template json view(const storage::Paged<storage::Conversation>&);
template json view(const storage::Paged<storage::Message>&);
template json view(const storage::Paged<storage::Outbound>&);
template json view(const storage::Paged<storage::AutomaticAct>&);
template json view(const storage::Paged<storage::OutboxEvent>&);
template json view(const storage::Paged<storage::QuarantinedEvent>&);
template json view(const storage::Paged<storage::NlpExample>&);

}  // namespace easyflow::api
