// From a message's text to what is stored of it: the one place where nlp::Meaning becomes rows.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/nlp/entities.hpp"
#include "core/nlp/model.hpp"
#include "storage/repositories/meaning.hpp"
#include "storage/repositories/nlp.hpp"

namespace easyflow::understanding {

/// The zone of a user, "Europe/Moscow". A name that nobody knows counts as Moscow.
class TimeZone {
 public:
  explicit TimeZone(const std::string& name);
  ~TimeZone();
  TimeZone(TimeZone&&) noexcept;
  TimeZone& operator=(TimeZone&&) noexcept;

  std::chrono::minutes utc_offset(Timestamp at) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A meaning as it is stored.
storage::StoredMeaning to_stored(nlp::Meaning meaning);

/// How the messages of one tenant are read: model, entity rules, intent actions, zone. Immutable, any thread.
///
///     auto reader = co_await readers.open(tenant_id);
///     nlp::Meaning meaning = reader->understand("где мой заказ 66102", clock.now());
class Reader final : public storage::MessageReader {
 public:
  /// `rules` may be null. `asks_provider`: what is stored shall be read by a remote provider as well.
  Reader(std::shared_ptr<const nlp::Model> model, std::shared_ptr<const nlp::UserRules> rules,
         std::vector<storage::IntentAction> actions, TimeZone zone, bool asks_provider = false);

  storage::ReadText read(std::string text, Timestamp at) const override;
  std::string mask(std::string text) const override;
  nlp::Meaning understand(std::string_view text, Timestamp at) const;

  nlp::Reference reference(Timestamp at) const;
  const std::shared_ptr<const nlp::Model>& model() const { return model_; }
  const std::shared_ptr<const nlp::UserRules>& rules() const { return rules_; }

 private:
  bool wants_action(const storage::StoredMeaning& meaning) const;

  std::shared_ptr<const nlp::Model> model_;
  std::shared_ptr<const nlp::UserRules> rules_;
  std::vector<storage::IntentAction> actions_;  ///< enabled ones
  TimeZone zone_;
  bool asks_provider_;
};
using ReaderPtr = std::shared_ptr<const Reader>;

/// With reading switched off: finds no meaning, but card numbers are not stored all the same.
class MaskingReader final : public storage::MessageReader {
 public:
  storage::ReadText read(std::string text, Timestamp at) const override;
  std::string mask(std::string text) const override;
};

}  // namespace easyflow::understanding
