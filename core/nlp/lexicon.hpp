// The words times, amounts and numerals are made of, and a message seen through them. Private to core/nlp.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/nlp/finder.hpp"

namespace easyflow::nlp {

/// What a word may stand for. A word may have several senses: "second", "к", "марта", "пара".
enum class Sense : std::uint8_t {
  particle,         ///< Particle
  cardinal,         ///< 0..900
  ordinal,          ///< 1..31 and the tens before them
  ordinal_suffix,   ///< "го" of "5-го", "th"
  magnitude,        ///< 10, 12, 50, 100, 1000, 1000000
  short_magnitude,  ///< "к" of "10к": only joined to digits
  fraction,         ///< thousandths: 500 "пол", 1500 "полтора"
  pair,             ///< пара, couple
  month,            ///< 1..12
  weekday,          ///< 1..7 from Monday
  short_weekday,    ///< the same: "пт", "sun"
  weak_weekday,     ///< the same, where the word means other things too: "среде"
  unit,             ///< Unit
  single_unit,      ///< the same, one of it: "неделю", "час", "week"
  short_unit,       ///< the same: "ч", "min"; only after a number
  genitive_unit,    ///< the same: "недели" of "больше недели"
  half_unit,        ///< the same, half of it: полчаса
  unit_adjective,   ///< рабочих, business
  relative_day,     ///< -3..3
  shift,            ///< -2..1: позапрошлый, last, this, next
  plural_shift,     ///< -1, 1: "последние" of "последние два дня"
  day_part,         ///< DayPart: вечером, evening
  meridiem,         ///< DayPart: "вечера" of "8 вечера", "pm"
  clock_word,       ///< 0, 12: midnight, noon
  half_hour,        ///< 1..12: полтретьего
  edge,             ///< -1 beginning, 0 middle, 1 end
  season,           ///< 1 spring .. 4 winter
  weekend,
  ago,
  year_mark,     ///< "г", "года" after a year
  day_mark,      ///< числа
  holiday,       ///< month * 100 + day, 0 when it moves
  holiday_part,  ///< words that only together name one: "новый" + "год"
  time_zone,
  coming,           ///< verbs of meeting: "заберу в 5"
  before_duration,  ///< "прошла неделя", "жду неделю"
  before_genitive,  ///< "больше недели", "в течение месяца"
  happened,         ///< irregular verbs in the past: "bought"
  not_verb,         ///< words that look like verbs in the past: "если", "need"
  child,            ///< beside these a number of years is an age
  currency,         ///< index of kCurrencies
  minor_currency,   ///< the same, its hundredth part: копеек
  currency_mark,    ///< the same: signs, letters and codes that may stand before the amount
  slang_amount,     ///< roubles: косарь
  price,            ///< words about what things cost
  count_unit,       ///< штуки, pcs
  measure,          ///< Measure
  goods,            ///< футболки, books
  acquire,          ///< verbs about an amount of goods: need, пришло
  instead,          ///< вместо
  rating,           ///< звёзд, баллов
  no_quantity,      ///< what numbers count that is no goods: раз, процентов
  russian_in_latin  ///< shows that the message is Russian in Latin letters
};

enum class Particle : std::uint8_t {
  v,
  na,
  k,
  po,
  s,
  ot,
  za,
  before,
  after,
  through,
  between,
  and_,
  or_,
  in,
  on,
  at,
  by,
  since,
  from,
  to,
  within,
  for_,
  of,
  a,
  the,
  without,
  half,
  with_half,
  but,
  few,
  day,
  every,
  now,
  only
};
enum class Unit : std::uint8_t { second, minute, hour, day, week, month, quarter, year };
enum class DayPart : std::uint8_t { morning, noon, day, evening, night, am, pm };
enum class Measure : std::uint8_t { kg, g, l, ml, m, cm };

struct Gloss {
  Sense sense;
  int value;
};

extern const std::span<const std::string_view> kCurrencies;

static_assert(static_cast<unsigned>(Sense::russian_in_latin) < 64, "the senses of a message are bits of one word");
constexpr std::uint64_t bit(Sense sense) { return std::uint64_t{1} << static_cast<unsigned>(sense); }

static_assert(static_cast<unsigned>(Particle::only) < 63, "a set of particles is the bits of one word");
constexpr std::uint64_t bit(Particle particle) { return std::uint64_t{1} << static_cast<unsigned>(particle); }

/// A message with the senses of its words. Lives as long as the scan it looks at. Indexes may lie outside of the text:
/// nothing is found there. The rules ask about the same few tokens over and over, so what they ask is laid out once.
class Phrase {
 public:
  explicit Phrase(const Scan& scan);

  const Scan& scan() const { return scan_; }
  int size() const { return static_cast<int>(tokens_.size()); }
  /// The senses of all words together.
  std::uint64_t senses() const { return senses_; }
  /// The senses of one token, a bit each.
  std::uint64_t senses(int at) const { return inside(at) ? seen(at).senses : 0; }
  /// The particle that a token is, as a bit.
  std::uint64_t particle(int at) const { return inside(at) ? bit(seen(at).particle) & ~bit(kNoParticle) : 0; }
  bool known(int at) const { return senses(at) != 0; }

  /// The value of a word in this sense.
  std::optional<int> as(int at, Sense sense) const {
    if (!is(at, sense)) return std::nullopt;
    const Gloss* gloss = seen(at).glosses;
    while (gloss->sense != sense) ++gloss;
    return gloss->value;
  }
  bool is(int at, Sense sense) const { return (senses(at) & bit(sense)) != 0; }
  bool is(int at, Particle one) const { return (particle(at) & bit(one)) != 0; }
  bool is_any(int at, std::initializer_list<Particle> particles) const {
    std::uint64_t wanted = 0;
    for (Particle one : particles) wanted |= bit(one);
    return (particle(at) & wanted) != 0;
  }
  bool is_sign(int at, char sign) const { return inside(at) && seen(at).sign == sign; }
  /// Hyphen, minus or dash.
  bool is_dash(int at) const { return inside(at) && seen(at).is_dash; }
  bool is_word(int at) const { return inside(at) && token(at).kind == Token::Kind::word; }
  bool is_number(int at) const { return inside(at) && token(at).kind == Token::Kind::number; }
  /// No space between this token and the one before.
  bool joined(int at) const { return inside(at) && at > 0 && !token(at).space_before; }
  bool inside(int at) const { return static_cast<std::size_t>(at) < tokens_.size(); }
  std::string_view text(int at) const { return inside(at) ? scan_.word(token(at)) : std::string_view(); }
  /// A number of at most `longest` digits.
  std::optional<int> digits(int at, std::size_t longest = 4) const {
    if (!is_number(at) || seen(at).number < 0 || token(at).end - token(at).begin > longest) return std::nullopt;
    return seen(at).number;
  }
  /// Cyrillic, Latin in place of it, or no letters at all.
  bool is_russian() const { return russian_; }
  /// A sentence or its part ends before this token: the end, a sign that is no bracket, quote or dash.
  bool ends(int at) const { return !inside(at) || seen(at).ends; }
  /// The number here is no piece of something longer: of a code, a date, a decimal number.
  bool begins_fresh(int at) const { return is_number(at) && seen(at).is_fresh; }
  /// The same of what ends before `end`.
  bool ends_fresh(int end) const;
  /// A verb in the past stands within `before` words before `begin` or `after` words from `end` on.
  bool in_the_past(int begin, int end, int before = 8, int after = 5) const;
  bool near(Sense sense, int begin, int end, int before, int after) const;

  const Token& token(int at) const { return scan_.tokens[index(at)]; }

 private:
  /// Whether a word looks like a verb in the past: found out when first asked.
  enum class Past : std::uint8_t { unknown, no, yes };
  static constexpr Particle kNoParticle{63};
  /// What is asked about a token.
  struct Seen {
    std::uint64_t senses = 0;
    const Gloss* glosses = nullptr;  ///< one for each of the senses
    std::int32_t number = -1;        ///< of at most nine digits
    Particle particle = kNoParticle;
    char sign = 0;  ///< of one byte, else 0
    bool is_dash = false;
    bool is_fresh = false;
    bool ends = false;
    mutable Past past = Past::unknown;
  };

  static std::size_t index(int at) { return static_cast<std::size_t>(at); }
  const Seen& seen(int at) const { return tokens_[index(at)]; }
  void give(int at, std::span<const Gloss> glosses);
  bool looks_past(int at) const;
  bool find_past(int at) const;
  void read_number(int at);

  const Scan& scan_;
  std::vector<Seen> tokens_;
  std::uint64_t senses_ = 0;
  bool russian_ = false;
};

}  // namespace easyflow::nlp
