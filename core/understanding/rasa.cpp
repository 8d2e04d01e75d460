#include "core/understanding/rasa.hpp"

#include "core/base/json.hpp"
#include "core/understanding/reply.hpp"

namespace easyflow::understanding {
namespace {

using nlohmann::json;

constexpr std::size_t kRanked = 3;
constexpr std::size_t kMostEntities = 100;
const std::string kRasa = "Rasa";

std::string with_token(std::string url, const Secret& token) {
  if (!token.empty()) url += "?token=" + url_encode(token.reveal());
  return url;
}

/// Rasa's fallback classifier says that none fits.
std::string label_of(std::string intent) {
  return intent == "nlu_fallback" ? std::string(nlp::kOutOfScope) : std::move(intent);
}

std::optional<std::size_t> offset(const json* value) {
  if (value == nullptr || !value->is_number_unsigned()) return std::nullopt;
  return value->get<std::size_t>();
}

std::string value_text(const json* value) {
  if (value == nullptr || value->is_null()) return {};
  return value->is_string() ? value->get<std::string>() : value->dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<RemoteEntity> entities_of(const json& reply, std::size_t length) {
  std::vector<RemoteEntity> out;
  const auto* list = member(reply, "entities");
  if (list == nullptr || !list->is_array()) return out;
  for (const auto& given : *list) {
    if (out.size() >= kMostEntities) break;
    const auto start = offset(member(given, "start"));
    const auto end = offset(member(given, "end"));
    RemoteEntity entity;
    entity.type = text_member(given, "entity");
    if (entity.type.empty() || !start || !end || *start >= *end || *end > length) continue;
    entity.start = *start;
    entity.end = *end;
    entity.value = value_text(member(given, "value"));
    // each extractor has its own name for it
    auto confidence = probability(member(given, "confidence_entity"));
    if (!confidence) confidence = probability(member(given, "confidence"));
    entity.confidence = confidence.value_or(0);
    out.push_back(std::move(entity));
  }
  return out;
}

}  // namespace

namespace rasa {

HttpRequest make_request(const ProviderOptions& options, const std::string& text, const std::string& message_id) {
  HttpRequest request("POST", with_token(options.url + "/model/parse", options.token));
  request.headers.add("Content-Type", "application/json");
  request.headers.add("Accept", "application/json");
  request.body = json{{"text", text}, {"message_id", message_id}}.dump(-1, ' ', false, json::error_handler_t::replace);
  return request;
}

Result<RemoteMeaning> read_reply(const HttpResponse& response, const std::string& text) {
  EASYFLOW_TRY(reply, read_object(kRasa, response));
  const auto* best = member(reply, "intent");
  if (best == nullptr || !best->is_object())
    return Error(ErrorKind::protocol, "Rasa's answer has no intent. Is a model loaded that classifies intents?");
  RemoteMeaning meaning;
  meaning.intent = label_of(text_member(*best, "name"));
  const auto confidence = probability(member(*best, "confidence"));
  if (meaning.intent.empty()) return Error(ErrorKind::not_found, "Rasa names no intent.");
  if (!is_label(meaning.intent))
    return Error(ErrorKind::not_found,
                 "Rasa's intent is no label the hub can use: small letters, digits, '_', ':', '.', '-', at most 64.");
  if (!confidence) return Error(ErrorKind::protocol, "Rasa's confidence is not a number from 0 to 1.");
  meaning.confidence = *confidence;
  if (const auto* ranking = member(reply, "intent_ranking"); ranking != nullptr && ranking->is_array()) {
    for (const auto& given : *ranking) {
      if (meaning.ranking.size() == kRanked) break;
      nlp::IntentScore score;
      score.intent = label_of(text_member(given, "name"));
      const auto ranked = probability(member(given, "confidence"));
      if (!is_label(score.intent) || !ranked) continue;
      score.confidence = *ranked;
      meaning.ranking.push_back(std::move(score));
    }
  }
  meaning.entities = entities_of(reply, code_points(text));
  return meaning;
}

}  // namespace rasa

RasaProvider::RasaProvider(ProviderOptions options, net::HttpClient& client)
    : options_(std::move(options)), client_(client) {}

Task<RemoteReading> RasaProvider::read(std::string text, std::string message_id, std::vector<std::string>) {
  auto request = rasa::make_request(options_, text, message_id);
  auto fetched = co_await client_.fetch(std::move(request), options_.timeout, /*safe_to_repeat=*/true);
  if (!fetched.response) co_return RemoteReading(*fetched.error);
  co_return RemoteReading(rasa::read_reply(*fetched.response, text));
}

Task<Result<void>> RasaProvider::check() {
  HttpRequest request("GET", with_token(options_.url + "/status", options_.token));
  auto fetched = co_await client_.fetch(std::move(request), options_.timeout, /*safe_to_repeat=*/true);
  if (!fetched.response) co_return *fetched.error;
  if (fetched.response->status != 200) co_return status_error(kRasa, *fetched.response);
  co_return Result<void>();
}

}  // namespace easyflow::understanding
