// Rasa's HTTP API: POST /model/parse. Source: docs/sources.md#rasa.
#pragma once

#include "core/understanding/provider.hpp"

namespace easyflow::understanding {

/// The pure half: which request to send, what the answer means.
namespace rasa {

HttpRequest make_request(const ProviderOptions& options, const std::string& text, const std::string& message_id);
/// `text` is what was sent: entities that do not lie inside of it are left out. Errors: those of RemoteReading, not
/// timeout. Any bytes may come in.
Result<RemoteMeaning> read_reply(const HttpResponse& response, const std::string& text);

}  // namespace rasa

class RasaProvider final : public Provider {
 public:
  RasaProvider(ProviderOptions options, net::HttpClient& client);

  const std::string& name() const override { return name_; }
  const char* confidence_source() const override { return "provider"; }
  /// Rasa's own model knows its intents: `intents` is not looked at.
  Task<RemoteReading> read(std::string text, std::string message_id, std::vector<std::string> intents) override;
  Task<Result<void>> check() override;

 private:
  const ProviderOptions options_;
  const std::string name_ = "rasa";
  net::HttpClient& client_;
};

}  // namespace easyflow::understanding
