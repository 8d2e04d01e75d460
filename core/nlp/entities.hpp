// Facts inside a customer's message: order numbers, phones, money, dates and the like, each with its normalized value.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"

namespace easyflow::nlp {

/// One fact. Offsets count Unicode code points of the original text, the end is exclusive.
///
///   type             value                                      example
///   order_number     without "#" and "№"                        "#66102" -> 66102
///   sku              as written                                 nmID, article, model code
///   tracking_number  upper case                                 RF771203945CN
///   phone            E.164                                      +79161234567
///   email            lower case
///   url              as written
///   money            amount and ISO 4217 currency, "." decimal  2490 RUB
///   quantity         a number, with its unit if not pieces      3, 2 kg
///   datetime         ISO 8601, as precise as the text           2026-11-21, T15:00, 2026-11-21T15:00, 2026-10
///                    (weeks and ranges too)                     2026-W47, 2026-12-01/2026-12-05, T10:00/T18:00
///   duration         ISO 8601                                   P7D, PT10M, P6M
///   size             clothes and shoes                          42, XL, EU 39
///   color            English key                                light_blue
///   city             Russian nominative                         Иркутск
///   payment_card     the last four digits only                  **** 4242; in `text` every digit but those is "*"
/// A user's rules may add types of their own.
struct Entity {
  std::string type;
  std::string text;  ///< the exact surface
  std::size_t start = 0;
  std::size_t end = 0;
  std::string value;        ///< empty when the text alone does not fix it ("on Tuesday")
  double confidence = 0.6;  ///< 1.0 proven (checksum, numbering plan, a row of the tenant), 0.9 by a cue word, else 0.6
};

/// What relative dates ("tomorrow", "через 2 дня") are counted from.
struct Reference {
  Timestamp now;
  std::chrono::minutes utc_offset{180};  ///< of the user's zone at `now`
};

/// A tenant's own rules and look-up lists, read from CSV. Immutable, safe to share between threads.
class UserRules {
 public:
  /// Columns: kind,type,pattern,value. kind = regex (RE2 syntax, case-insensitive; capture group 1, if any, is the
  /// span; "\b" knows Cyrillic at the ends of the pattern only) or lookup (a phrase, found as whole words in any case
  /// of letters). `value` may be empty: the span as written. Limits: 1 MiB, 5,000 rows, 200 regexes, 500 bytes a
  /// pattern, RE2's memory limit for each: matching is linear in the message whatever the rule. Errors: invalid_input
  /// naming the line, the column and the remedy ("line 3, pattern").
  static Result<std::shared_ptr<const UserRules>> from_csv(std::string_view csv);

  struct Impl;
  explicit UserRules(std::unique_ptr<const Impl> impl);
  ~UserRules();
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<const Impl> impl_;
};

/// All entities of a text, by position, never overlapping. Any bytes may come in: what is not UTF-8 counts as U+FFFD.
/// Takes time linear in the text: of numbers, codes and words about times and amounts the first 512 are looked at, or
/// one for every six characters if those are more; phones, mails, cards and the user's rules are found everywhere.
/// `rules` may be null; the user's rules win over the built-in ones, except that nothing hides a payment card.
std::vector<Entity> find_entities(std::string_view text, const Reference& reference, const UserRules* rules);

struct Facts {
  std::vector<Entity> entities;
  /// Codes of which the text doesn't say what they are, by position: "17941837530", "tx500-wool". Without a type: who
  /// knows the tenant's orders and products can tell. No amounts and nothing that the words around it name; of the
  /// entities one may hold a colour, a size or a city ("tx500-black") and overlaps no others. The first eight.
  std::vector<Entity> codes;
};
/// find_entities(), and what may be an entity to somebody who knows more.
Facts find_facts(std::string_view text, const Reference& reference, const UserRules* rules);

/// The text with card numbers, phones and e-mail addresses replaced by "[card]", "[phone]", "[email]": what may leave
/// the hub.
std::string mask_private(std::string_view text, const std::vector<Entity>& entities);
/// The text with "*" for every digit of a payment card but the last four: what may be stored. Offsets stay true.
std::string mask_cards(std::string_view text, const std::vector<Entity>& entities);

/// {"type","text","start","end","value","confidence"}; `type` and `value` only where there is one.
std::string to_json(const Entity& entity);
/// A JSON array of them.
std::string to_json(const std::vector<Entity>& entities);

}  // namespace easyflow::nlp
