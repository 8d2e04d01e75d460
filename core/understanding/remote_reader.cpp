#include "core/understanding/remote_reader.hpp"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <cmath>
#include <exception>
#include <nlohmann/json.hpp>

#include "core/base/log.hpp"
#include "core/base/metrics.hpp"

namespace easyflow::understanding {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::chrono::milliseconds kProbeIsUnderWay = 500ms;

void count(const std::string& outcome) {
  metrics::counter("easyflow_nlp_remote_requests_total", "Messages for the NLP provider by how it ended",
                   {{"outcome", outcome}})
      .increment();
}

void count_tokens(const Tokens& tokens) {
  auto add = [](const char* kind, long long number) {
    if (number > 0)
      metrics::counter("easyflow_nlp_remote_tokens_total", "Tokens used by the NLP provider", {{"kind", kind}})
          .increment(static_cast<double>(number));
  };
  add("prompt", tokens.prompt);
  add("completion", tokens.completion);
}

metrics::Gauge& breaker_gauge() {
  return metrics::gauge("easyflow_nlp_remote_breaker_state",
                        "Whether the NLP provider is asked: 0 yes, 1 one try, 2 no, it kept failing");
}

double number_of(Breaker::State state) {
  switch (state) {
    case Breaker::State::closed: return 0;
    case Breaker::State::half_open: return 1;
    case Breaker::State::open: return 2;
  }
  return 0;
}

const char* outcome_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::timeout: return "timeout";
    case ErrorKind::unavailable: return "unavailable";
    case ErrorKind::rate_limited: return "rate_limited";
    case ErrorKind::unauthorized: return "unauthorized";
    case ErrorKind::not_found: return "no_intent";
    default: return "malformed";
  }
}

/// "openai" of "openai:gpt-4o-mini".
std::string source_of(const std::string& name) { return name.substr(0, name.find(':')); }

void add_tokens(json& details, const Tokens& tokens) {
  if (tokens.prompt > 0 || tokens.completion > 0)
    details["tokens"] = {{"prompt", tokens.prompt}, {"completion", tokens.completion}};
}

json entities_of(const RemoteMeaning& meaning, const MaskedText& masked) {
  auto out = json::array();
  for (const auto& entity : meaning.entities) {
    const auto place = masked.original(entity.start, entity.end);
    if (!place) continue;
    json one{{"type", entity.type}, {"start", place->first}, {"end", place->second}};
    if (!entity.value.empty()) one["value"] = entity.value;
    if (entity.confidence > 0) one["confidence"] = entity.confidence;
    out.push_back(std::move(one));
  }
  return out;
}

storage::RemoteVerdict verdict_of(const RemoteReading& reading, const MaskedText& masked, const Provider& provider) {
  const auto& meaning = *reading.meaning;
  storage::RemoteVerdict verdict;
  verdict.intent = meaning.intent;
  verdict.hundredths = std::clamp(static_cast<int>(std::lround(meaning.confidence * 100)), 0, 100);
  verdict.model = provider.name();
  json details{{"source", source_of(provider.name())}, {"confidence_source", provider.confidence_source()}};
  add_tokens(details, reading.tokens);
  if (!meaning.ranking.empty()) {
    auto ranking = json::array();
    for (const auto& score : meaning.ranking)
      ranking.push_back({{"intent", score.intent}, {"confidence", score.confidence}});
    details["ranking"] = std::move(ranking);
  }
  if (auto entities = entities_of(meaning, masked); !entities.empty()) details["entities"] = std::move(entities);
  verdict.details_json = details.dump(-1, ' ', false, json::error_handler_t::replace);
  return verdict;
}

/// Counts what is under way, and lets the loop look again when it ends.
class Place {
 public:
  Place(int& taken, Signal& changed) : taken_(taken), changed_(changed) { ++taken_; }
  ~Place() {
    --taken_;
    changed_.notify();
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  int& taken_;
  Signal& changed_;
};

/// A call that the breaker let through; says "nothing" when nobody says more.
class Pass {
 public:
  explicit Pass(Breaker& breaker) : breaker_(&breaker) {}
  ~Pass() {
    if (breaker_ != nullptr) breaker_->abandoned();
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;
  void succeeded() { std::exchange(breaker_, nullptr)->succeeded(); }
  bool failed() { return std::exchange(breaker_, nullptr)->failed(); }

 private:
  Breaker* breaker_;
};

}  // namespace

RemoteReader::RemoteReader(boost::asio::any_io_executor executor, storage::NlpRequestRepository& requests,
                           ReaderDirectory& readers, std::unique_ptr<Provider> provider, const Clock& clock,
                           RemoteOptions options)
    : requests_(requests),
      readers_(readers),
      provider_(std::move(provider)),
      clock_(clock),
      options_(std::move(options)),
      breaker_(clock, options_.breaker_failures, options_.breaker_pause),
      readings_(executor),
      changed_(executor) {}

RemoteReader::~RemoteReader() = default;

void RemoteReader::wake() { changed_.notify(); }

void RemoteReader::wake_after(std::chrono::milliseconds wait) {
  next_look_ = std::min(next_look_, clock_.now() + wait);
}

Task<> RemoteReader::close() {
  co_await readings_.close();
  try {
    co_await requests_.release(options_.node);
  } catch (const storage::StorageDown&) {
    // the leases end by themselves
  }
}

Task<> RemoteReader::run() {
  bool started = false;
  for (;;) {
    next_look_ = clock_.now() + options_.poll_interval;
    try {
      // only at the start can it be said that whoever bears this name is dead
      if (!started) co_await requests_.release(options_.node);
      started = true;
      co_await look();
    } catch (const storage::StorageDown&) {
      // the pool has said so; the requests wait in the database
    } catch (const boost::system::system_error&) {
      throw;  // cancelled
    } catch (const std::exception& fault) {
      log::error("nlp.remote_look_failed", {{"error", fault.what()}});
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next_look_ - clock_.now());
    co_await changed_.wait(std::clamp<std::chrono::milliseconds>(wait, 1ms, options_.poll_interval));
  }
}

Task<> RemoteReader::look() {
  if (provider_) breaker_gauge().set(number_of(breaker_.state()));
  auto room = options_.max_parallel - in_flight_;
  // while one call tries whether the provider has healed, the others wait for what it finds
  if (breaker_.state() == Breaker::State::half_open) room = std::min(room, breaker_.room(1));
  if (room <= 0) co_return;  // the next reading to end wakes us
  auto leases = co_await requests_.claim(options_.node, room, options_.lease);
  for (auto& lease : leases) readings_.spawn("nlp.remote", handle(std::move(lease)));
}

Task<> RemoteReader::handle(storage::NlpLease lease) {
  Place place(in_flight_, changed_);
  const std::string message = lease.message_id;
  try {
    co_await attempt(std::move(lease));
  } catch (const storage::StorageDown& down) {
    // the lease ends by itself, then it is done again
    log::warn("nlp.remote_storage_down", {{"message", message}, {"error", down.what()}});
    wake_after(options_.lease);
  }
}

Task<> RemoteReader::attempt(storage::NlpLease lease) {
  auto waiting = co_await requests_.open(lease);
  if (!waiting) co_return;
  if (!provider_) {
    co_await fall_back(std::move(lease), "no_provider", "No provider is configured any more.", Tokens());
    co_return;
  }
  if (clock_.now() - lease.waits_since > options_.expire_after) {
    co_await fall_back(std::move(lease), "expired", "The message waited too long for the provider.", Tokens());
    co_return;
  }
  if (!breaker_.try_pass()) {
    if (breaker_.state() == Breaker::State::half_open) {
      co_await requests_.postpone(std::move(lease), kProbeIsUnderWay);
      wake_after(kProbeIsUnderWay);
      co_return;
    }
    co_await fall_back(std::move(lease), "breaker_open", "The provider kept failing and is left alone for a while.",
                       Tokens());
    co_return;
  }
  Pass pass(breaker_);
  auto reader = co_await readers_.open(lease.tenant_id);
  std::vector<std::string> intents = reader->model()->intents();
  // a model that knows only its own matters must not force the provider to choose one of them
  if (std::find(intents.begin(), intents.end(), nlp::kOutOfScope) == intents.end())
    intents.emplace_back(nlp::kOutOfScope);
  MaskedText masked(waiting->text, waiting->entities_json);
  auto reading = co_await provider_->read(masked.text(), lease.message_id, std::move(intents));
  // an answer that names no intent is one: the provider works
  if (reading.meaning || reading.meaning.error().kind() == ErrorKind::not_found) {
    pass.succeeded();
  } else if (pass.failed()) {
    log::error("nlp.provider_failing", {{"provider", provider_->name()}, {"error", reading.meaning.error().message()}});
  }
  breaker_gauge().set(number_of(breaker_.state()));
  count_tokens(reading.tokens);
  co_await settle(std::move(lease), std::move(reading), std::move(masked));
}

Task<> RemoteReader::settle(storage::NlpLease lease, RemoteReading reading, MaskedText masked) {
  if (reading.meaning) {
    auto verdict = verdict_of(reading, masked, *provider_);
    const auto settled = co_await requests_.understood(std::move(lease), std::move(verdict));
    count(settled == storage::Settled::done ? "understood" : "outdated");
    co_return;
  }
  const auto error = reading.meaning.error();
  auto wait = options_.ask_again * (1 << std::clamp(lease.attempts - 1, 0, 10));
  if (error.retry_after()) wait = std::max<std::chrono::milliseconds>(wait, *error.retry_after());
  if (may_ask_again(lease, error, wait)) {
    count("asked_again");
    co_await requests_.postpone(std::move(lease), wait);
    wake_after(wait);
    co_return;
  }
  co_await fall_back(std::move(lease), outcome_of(error.kind()), error.message(), reading.tokens);
}

bool RemoteReader::may_ask_again(const storage::NlpLease& lease, const Error& error,
                                 std::chrono::milliseconds wait) const {
  const bool may_pass = error.kind() == ErrorKind::timeout || error.kind() == ErrorKind::unavailable ||
                        error.kind() == ErrorKind::rate_limited;
  return may_pass && lease.attempts < options_.max_attempts &&
         clock_.now() + wait - lease.waits_since <= options_.expire_after && breaker_.state() == Breaker::State::closed;
}

Task<> RemoteReader::fall_back(storage::NlpLease lease, std::string outcome, std::string reason, Tokens tokens) {
  json details{{"source", "model"}, {"fallback", reason}};
  add_tokens(details, tokens);
  std::string text = details.dump(-1, ' ', false, json::error_handler_t::replace);
  const auto settled = co_await requests_.fell_back(std::move(lease), std::move(text));
  count(settled == storage::Settled::done ? outcome : "outdated");
}

}  // namespace easyflow::understanding
