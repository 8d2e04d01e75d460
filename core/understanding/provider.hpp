// Services outside of the hub that read messages too: Rasa, and whatever talks as OpenAI's chat completions do.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/async/task.hpp"
#include "core/base/error.hpp"
#include "core/base/secret.hpp"
#include "core/net/client.hpp"
#include "core/nlp/model.hpp"

namespace easyflow::understanding {

/// A fact that the provider found. Offsets count code points of the text it was given, the end is exclusive.
struct RemoteEntity {
  std::string type;
  std::string value;
  std::size_t start = 0;
  std::size_t end = 0;
  double confidence = 0;
};

struct RemoteMeaning {
  std::string intent;
  double confidence = 0;
  std::vector<nlp::IntentScore> ranking;  ///< the best three; empty where the provider gives none
  std::vector<RemoteEntity> entities;
};

/// What reading cost, where the provider counts.
struct Tokens {
  Tokens() = default;  // no aggregate: it stands beside co_await
  long long prompt = 0;
  long long completion = 0;
};

/// An answer, or why there is none, and what was spent either way.
struct RemoteReading {
  explicit RemoteReading(Result<RemoteMeaning> meaning_, Tokens tokens_ = {})
      : meaning(std::move(meaning_)), tokens(tokens_) {}

  /// Errors: timeout, unavailable, rate_limited (ask again later); unauthorized, protocol (a person must mend
  /// something); not_found (it works, but names an intent that does not exist). Texts hold neither the message nor a
  /// secret.
  Result<RemoteMeaning> meaning;
  Tokens tokens;
};

struct ProviderOptions {
  std::string kind = "embedded";  ///< embedded (none), rasa, openai
  std::string url;                ///< without slash at its end: "http://127.0.0.1:5005", "https://api.openai.com/v1"
  Secret token;                   ///< may be empty
  std::string model;              ///< of an OpenAI-compatible service
  std::chrono::milliseconds timeout{2000};  ///< for all of one reading
};

/// Thread: the I/O thread.
class Provider {
 public:
  virtual ~Provider() = default;
  /// What messages bear as their model: "rasa", "openai:gpt-4o-mini".
  virtual const std::string& name() const = 0;
  /// "provider": a probability of its model. "verbal": a language model said so, it is not calibrated.
  virtual const char* confidence_source() const = 0;
  /// What `text` means, whose private data has been masked. `intents` are the labels to choose from where the provider
  /// takes such a list. Safe to repeat.
  virtual Task<RemoteReading> read(std::string text, std::string message_id, std::vector<std::string> intents) = 0;
  /// Whether it can be reached and takes our token. Costs nothing.
  virtual Task<Result<void>> check() = 0;
};

/// Null for "embedded".
std::unique_ptr<Provider> make_provider(ProviderOptions options, net::HttpClient& client);

/// The error of a response whose status is not 2xx. `who` begins its text.
Error status_error(const std::string& who, const HttpResponse& response);
/// The name of an intent as labels are written: [a-z0-9_:.-]{1,64}.
bool is_label(const std::string& intent);

}  // namespace easyflow::understanding
