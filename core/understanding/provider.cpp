#include "core/understanding/provider.hpp"

#include <algorithm>
#include <charconv>

#include "core/understanding/openai.hpp"
#include "core/understanding/rasa.hpp"

namespace easyflow::understanding {
namespace {

constexpr std::size_t kLongestLabel = 64;
constexpr std::chrono::seconds kLongestWait{3600};

std::optional<std::chrono::seconds> retry_after(const HttpResponse& response) {
  const auto text = response.headers.get("Retry-After");
  long long seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return std::min(std::chrono::seconds(seconds), kLongestWait);
}

}  // namespace

std::unique_ptr<Provider> make_provider(ProviderOptions options, net::HttpClient& client) {
  if (options.kind == "rasa") return std::make_unique<RasaProvider>(std::move(options), client);
  if (options.kind == "openai") return std::make_unique<OpenAiProvider>(std::move(options), client);
  return nullptr;
}

Error status_error(const std::string& who, const HttpResponse& response) {
  const auto said = who + " answered with status " + std::to_string(response.status) + ".";
  if (response.status == 401 || response.status == 403)
    return Error(ErrorKind::unauthorized, said + " Check nlp.provider_token.").with_field("nlp.provider_token");
  if (response.status == 404)
    return Error(ErrorKind::protocol, said + " Check nlp.provider_url and nlp.provider_model.")
        .with_field("nlp.provider_url");
  if (response.status == 429) return Error(ErrorKind::rate_limited, said, retry_after(response));
  if (response.status == 408 || response.status >= 500) return Error(ErrorKind::unavailable, said);
  return Error(ErrorKind::protocol, said);
}

bool is_label(const std::string& intent) {
  return !intent.empty() && intent.size() <= kLongestLabel && std::all_of(intent.begin(), intent.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == ':' || c == '.' || c == '-';
  });
}

}  // namespace easyflow::understanding
