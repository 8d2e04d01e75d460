// Services that talk as OpenAI's chat completions do: OpenAI, and llama.cpp, vLLM, Ollama and the like on one's own
// machine. Source: docs/sources.md#openai-chat.
#pragma once

#include "core/understanding/provider.hpp"

namespace easyflow::understanding {

/// The pure half: which request to send, what the answer means.
namespace openai {

/// How the form of the answer is demanded.
enum class Form {
  schema,                      ///< a strict JSON schema whose intents are an enum
  schema_without_temperature,  ///< for models that take no temperature
  object                       ///< any JSON object, for servers that know no schemas
};

HttpRequest make_request(const ProviderOptions& options, const std::string& text,
                         const std::vector<std::string>& intents, Form form);
/// Errors in `meaning`: those of RemoteReading, not timeout. Any bytes may come in.
RemoteReading read_reply(const HttpResponse& response, const std::vector<std::string>& intents);
/// How to ask again after a 400 or 422.
Form milder(const HttpResponse& refusal);

}  // namespace openai

class OpenAiProvider final : public Provider {
 public:
  OpenAiProvider(ProviderOptions options, net::HttpClient& client);

  const std::string& name() const override { return name_; }
  const char* confidence_source() const override { return "verbal"; }
  Task<RemoteReading> read(std::string text, std::string message_id, std::vector<std::string> intents) override;
  Task<Result<void>> check() override;

 private:
  const ProviderOptions options_;
  const std::string name_;
  net::HttpClient& client_;
  openai::Form form_ = openai::Form::schema;  ///< the last one that was taken: a server refuses the same one each time
};

}  // namespace easyflow::understanding
