#include "core/understanding/reader.hpp"

#include <cctz/time_zone.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/base/log.hpp"
#include "core/base/metrics.hpp"

namespace easyflow::understanding {
namespace {

constexpr std::chrono::minutes kMoscow{180};
constexpr int kFewestCardDigits = 12;

/// A card number has many digits; most messages have few.
bool may_hold_card(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) >= kFewestCardDigits;
}

bool holds_card(const std::vector<nlp::Entity>& entities) {
  return std::any_of(entities.begin(), entities.end(),
                     [](const nlp::Entity& entity) { return entity.type == "payment_card"; });
}

std::string without_cards(std::string text) {
  if (!may_hold_card(text)) return text;
  const auto entities = nlp::find_entities(text, nlp::Reference{}, nullptr);
  return holds_card(entities) ? nlp::mask_cards(text, entities) : std::move(text);
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

/// Says nothing of a message that the hub's own model is sure of. Written by hand, since it is for every message: names
/// of intents need no escaping.
std::string details_of(const nlp::Meaning& meaning) {
  if (!meaning.rejected && !meaning.ambiguous) return "{}";
  std::string out = "{";
  if (meaning.rejected) out += R"("rejected":true,)";
  if (meaning.ambiguous) out += R"("ambiguous":true,)";
  out += R"("ranking":{)";
  for (const auto& score : meaning.ranking) {
    const auto hundredths = std::clamp(static_cast<int>(std::lround(score.confidence * 100)), 0, 100);
    out += (out.back() == '{' ? "\"" : ",\"") + score.intent + "\":" + storage::confidence_text(hundredths);
  }
  return out += "}}";
}

metrics::Counter& messages_counter(const char* outcome) {
  return metrics::counter("easyflow_nlp_messages_total", "Inbound messages by what reading them brought",
                          {{"outcome", outcome}});
}

void count_meaning(const std::string& intent) {
  static auto& known = messages_counter("known");
  static auto& out_of_scope = messages_counter("out_of_scope");
  (intent == nlp::kOutOfScope ? out_of_scope : known).increment();
}

void count_no_meaning() {
  static auto& none = messages_counter("none");
  none.increment();
}

void observe(std::chrono::steady_clock::duration spent) {
  static auto& seconds = metrics::histogram("easyflow_nlp_seconds", "Time to read one message", {},
                                            {1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 1e-2});
  seconds.observe(std::chrono::duration<double>(spent).count());
}

}  // namespace

struct TimeZone::Impl {
  cctz::time_zone zone;
  bool known = false;
};

TimeZone::TimeZone(const std::string& name) : impl_(std::make_unique<Impl>()) {
  impl_->known = cctz::load_time_zone(name, &impl_->zone);
  if (!impl_->known && !name.empty()) log::warn("nlp.unknown_time_zone", {{"time_zone", name}});
}
TimeZone::~TimeZone() = default;
TimeZone::TimeZone(TimeZone&&) noexcept = default;
TimeZone& TimeZone::operator=(TimeZone&&) noexcept = default;

std::chrono::minutes TimeZone::utc_offset(Timestamp at) const {
  if (!impl_->known) return kMoscow;
  const auto offset = impl_->zone.lookup(std::chrono::system_clock::time_point(at.time_since_epoch())).offset;
  return std::chrono::duration_cast<std::chrono::minutes>(std::chrono::seconds(offset));
}

storage::StoredMeaning to_stored(nlp::Meaning meaning) {
  storage::StoredMeaning stored;
  stored.hundredths = std::clamp(static_cast<int>(std::lround(meaning.confidence * 100)), 0, 100);
  stored.details_json = details_of(meaning);
  stored.intent = std::move(meaning.intent);
  stored.model = std::move(meaning.model);
  auto& facts = meaning.entities;
  const auto named = static_cast<std::ptrdiff_t>(facts.size());
  std::move(meaning.codes.begin(), meaning.codes.end(), std::back_inserter(facts));
  // a code stands before what it holds
  std::inplace_merge(facts.begin(), facts.begin() + named, facts.end(), [](const nlp::Entity& a, const nlp::Entity& b) {
    return a.start != b.start ? a.start < b.start : a.end > b.end;
  });
  stored.entities.reserve(facts.size());
  for (auto entity = facts.begin(); entity != facts.end(); ++entity) {
    storage::StoredEntity one;
    one.json = nlp::to_json(*entity);
    for (auto next = entity + 1; next != facts.end() && next->start < entity->end; ++next) ++one.holds;
    one.type = std::move(entity->type);
    one.value = std::move(entity->value);
    stored.entities.push_back(std::move(one));
  }
  return stored;
}

Reader::Reader(std::shared_ptr<const nlp::Model> model, std::shared_ptr<const nlp::UserRules> rules,
               std::vector<storage::IntentAction> actions, TimeZone zone, bool asks_provider)
    : model_(std::move(model)),
      rules_(std::move(rules)),
      actions_(std::move(actions)),
      zone_(std::move(zone)),
      asks_provider_(asks_provider) {
  std::erase_if(actions_, [](const storage::IntentAction& action) { return !action.enabled; });
}

nlp::Reference Reader::reference(Timestamp at) const {
  nlp::Reference out;
  out.now = at;
  out.utc_offset = zone_.utc_offset(at);
  return out;
}

nlp::Meaning Reader::understand(std::string_view text, Timestamp at) const {
  return model_->parse(text, reference(at), rules_.get());
}

storage::ReadText Reader::read(std::string text, Timestamp at) const {
  storage::ReadText out;
  if (is_blank(text)) {
    count_no_meaning();
    out.text = std::move(text);
    return out;
  }
  const auto began = std::chrono::steady_clock::now();
  auto meaning = understand(text, at);
  out.text = holds_card(meaning.entities) ? nlp::mask_cards(text, meaning.entities) : std::move(text);
  const bool rejected = meaning.rejected;
  out.meaning = to_stored(std::move(meaning));
  out.meaning->has_action = !rejected && wants_action(*out.meaning);
  out.meaning->ask_provider = asks_provider_;
  observe(std::chrono::steady_clock::now() - began);
  count_meaning(out.meaning->intent);
  return out;
}

std::string Reader::mask(std::string text) const { return without_cards(std::move(text)); }

bool Reader::wants_action(const storage::StoredMeaning& meaning) const {
  // by the confidence that people see
  return std::any_of(actions_.begin(), actions_.end(), [&](const storage::IntentAction& action) {
    return action.intent == meaning.intent && meaning.hundredths >= std::lround(action.min_confidence * 100);
  });
}

storage::ReadText MaskingReader::read(std::string text, Timestamp) const {
  storage::ReadText out;
  out.text = without_cards(std::move(text));
  return out;
}

std::string MaskingReader::mask(std::string text) const { return without_cards(std::move(text)); }

}  // namespace easyflow::understanding
