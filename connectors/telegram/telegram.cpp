#include "connectors/telegram/telegram.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "connectors/sdk/json_fields.hpp"
#include "connectors/sdk/text.hpp"
#include "connectors/telegram/api.hpp"
#include "connectors/telegram/send.hpp"
#include "connectors/telegram/updates.hpp"

namespace easyflow::connectors {
namespace telegram {

extern const std::string_view kManifestJson;

namespace {

using Json = nlohmann::json;

constexpr const char* kSecretHeader = "X-Telegram-Bot-Api-Secret-Token";
constexpr int kWebhookConnections = 40;

class Check final : public sdk::Exchange<sdk::AccountInfo> {
 public:
  explicit Check(sdk::Account account) : account_(std::move(account)) {}

  Result<Step> next(const HttpResponse* reply) override {
    if (reply == nullptr) {
      if (auto usable = check_token(account_.credential("bot_token")); !usable) return usable.error();
      return Step(call(account_, "getMe", Json::object(), "setup"));
    }
    Reply answer = read_reply(*reply);
    if (!answer.ok) return error_of(answer, "getMe");
    EASYFLOW_TRY(id, sdk::field<std::int64_t>(answer.result, "id", "getMe"));
    EASYFLOW_TRY(username, sdk::field<std::string>(answer.result, "username", "getMe"));
    sdk::AccountInfo info;
    info.external_id = std::to_string(id);
    info.display_name = "@" + sdk::clipped(username, 64);
    if (const std::string* name = sdk::find_text(answer.result, "first_name"))
      info.attributes["name"] = sdk::clipped(*name, 200);
    const Json* reads_all = sdk::find_member(answer.result, "can_read_all_group_messages");
    if (reads_all != nullptr && reads_all->is_boolean() && !reads_all->get<bool>())
      info.attributes["groups"] = "sees commands and replies only (privacy mode)";
    return Step(std::move(info));
  }

 private:
  sdk::Account account_;
};

/// setWebhook or deleteWebhook: one call whose answer is "true".
class WebhookCall final : public sdk::Exchange<std::monostate> {
 public:
  WebhookCall(sdk::Account account, std::string method, Result<Json> parameters)
      : account_(std::move(account)), method_(std::move(method)), parameters_(std::move(parameters)) {}

  Result<Step> next(const HttpResponse* reply) override {
    if (reply == nullptr) {
      if (auto usable = check_token(account_.credential("bot_token")); !usable) return usable.error();
      if (!parameters_) return parameters_.error();
      return Step(call(account_, method_, *parameters_, "setup"));
    }
    Reply answer = read_reply(*reply);
    if (!answer.ok) {
      // a second setWebhook ends the first one with this answer; the later one holds
      if (answer.code == 409) return Error(ErrorKind::unavailable, "Telegram, " + method_ + ": " + answer.description);
      return error_of(answer, method_);
    }
    return Step(std::monostate());
  }

 private:
  sdk::Account account_;
  std::string method_;
  Result<Json> parameters_;
};

bool is_webhook_secret(std::string_view secret) noexcept {
  return !secret.empty() && secret.size() <= 256 && std::all_of(secret.begin(), secret.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

/// The whole wanted state, each time: the platform does not merge it with what was set before.
Result<Json> webhook_parameters(const sdk::Account& account, std::string_view url) {
  const std::string& secret = account.hub_secret("webhook_secret");
  if (!is_webhook_secret(secret))
    return Error(ErrorKind::internal,
                 "this integration has no usable webhook secret: 1 to 256 letters, digits, - and _");
  if (url.substr(0, 8) != "https://" && url.substr(0, 7) != "http://")
    return Error(ErrorKind::invalid_input, "the public address must begin with https://").with_field("public_url");
  Json parameters;
  parameters["url"] = url;
  parameters["secret_token"] = secret;
  parameters["allowed_updates"] = allowed_updates();
  parameters["max_connections"] = kWebhookConnections;
  parameters["drop_pending_updates"] = false;
  return parameters;
}

class Telegram final : public sdk::Connector,
                       public sdk::CredentialsChecker,
                       public sdk::WebhookReceiver,
                       public sdk::UpdatePoller,
                       public sdk::MessageSender {
 public:
  explicit Telegram(sdk::Manifest manifest) : manifest_(std::move(manifest)) {}

  const sdk::Manifest& manifest() const noexcept override { return manifest_; }
  const sdk::CredentialsChecker& credentials() const noexcept override { return *this; }
  const sdk::WebhookReceiver* webhooks() const noexcept override { return this; }
  const sdk::UpdatePoller* poller() const noexcept override { return this; }
  const sdk::MessageSender* sender() const noexcept override { return this; }

  std::unique_ptr<sdk::Exchange<sdk::AccountInfo>> check(const sdk::Account& account) const override {
    return std::make_unique<Check>(account);
  }

  Result<void> authenticate(const sdk::Account& account, const HttpRequest& request) const override {
    const std::string& secret = account.hub_secret("webhook_secret");
    if (secret.empty())
      return Error(ErrorKind::unauthorized, "this integration receives no webhooks: it has no secret");
    if (!equal_constant_time(request.headers.get(kSecretHeader), secret))
      return Error(ErrorKind::unauthorized, "the webhook's secret token is missing or wrong");
    return {};
  }

  Result<std::vector<sdk::InboundEvent>> decode(std::string_view body) const override { return decode_update(body); }

  std::unique_ptr<sdk::Exchange<std::monostate>> register_webhook(const sdk::Account& account,
                                                                  std::string_view url) const override {
    return std::make_unique<WebhookCall>(account, "setWebhook", webhook_parameters(account, url));
  }

  std::unique_ptr<sdk::Exchange<std::monostate>> remove_webhook(const sdk::Account& account) const override {
    Json parameters;
    parameters["drop_pending_updates"] = false;
    return std::make_unique<WebhookCall>(account, "deleteWebhook", Result<Json>(std::move(parameters)));
  }

  std::unique_ptr<sdk::Exchange<sdk::PollBatch>> poll(const sdk::Account& account, std::string_view cursor,
                                                      std::chrono::seconds hold) const override {
    return poll_updates(account, cursor, hold);
  }

  Result<void> validate(const sdk::OutboundMessage& message) const override { return validate_message(message); }
  sdk::Request request(const sdk::Account& account, const sdk::OutboundMessage& message) const override {
    return send_request(account, message);
  }
  sdk::SendOutcome outcome(const HttpResponse& reply) const override { return send_outcome(reply); }

 private:
  sdk::Manifest manifest_;
};

}  // namespace
}  // namespace telegram

std::unique_ptr<sdk::Connector> make_telegram() {
  // a broken manifest is a broken build: value() throws at start and the tests never let it out
  return std::make_unique<telegram::Telegram>(sdk::parse_manifest(telegram::kManifestJson).value());
}

}  // namespace easyflow::connectors
