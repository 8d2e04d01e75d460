// Money and quantities of goods.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/nlp/finder.hpp"
#include "core/nlp/lexicon.hpp"
#include "core/nlp/numbers.hpp"

namespace easyflow::nlp {
namespace {

constexpr double kSure = 0.9;
constexpr double kLikely = 0.6;
constexpr int kRouble = 0;
constexpr int kDollar = 1;
constexpr std::int64_t kOne = 1000;
constexpr std::int64_t kMostGoods = 1'000'000;
constexpr std::array<std::string_view, 6> kMeasures = {"kg", "g", "l", "ml", "m", "cm"};

/// Without digits there is no amount unless one of these is there.
constexpr std::uint64_t kAmountSenses =
    bit(Sense::cardinal) | bit(Sense::magnitude) | bit(Sense::fraction) | bit(Sense::pair) | bit(Sense::slang_amount);

struct Found {
  int begin = 0;
  int end = 0;
  std::string value;
  double confidence = kLikely;
  bool is_money = true;
};

struct Amount {
  int begin = 0;
  int end = 0;
  std::int64_t thousandths = 0;
  int currency = kRouble;
  bool is_range = false;
};

class AmountReader {
 public:
  explicit AmountReader(const Phrase& phrase) : p_(phrase) {}

  void read(std::vector<Candidate>& out) {
    int asked = 0;
    for (int at = 0; at < p_.size() && asked < p_.scan().most_places;) {
      std::optional<Found> found;
      if (may_begin(at)) {
        ++asked;
        found = money(at);
        if (!found) found = quantity(at);
      }
      if (!found) {
        ++at;
        continue;
      }
      Candidate candidate;
      candidate.type = found->is_money ? "money" : "quantity";
      candidate.begin = p_.token(found->begin).begin;
      candidate.end = p_.token(found->end - 1).end;
      candidate.value = found->value;
      candidate.confidence = found->confidence;
      candidate.priority = found->is_money ? priority::money : priority::quantity;
      out.push_back(std::move(candidate));
      last_was_quantity_ = !found->is_money;
      priced_ = priced_ || found->is_money;
      any_quantity_ = any_quantity_ || !found->is_money;
      at = found->end;
    }
  }

 private:
  // ---- pieces

  /// Whether asking the rules is worth it: most numbers stand among words that tell nothing.
  bool may_begin(int at) const {
    if (!p_.is_number(at)) {
      if (!p_.known(at)) return false;
      // a preposition or an article and then nothing that tells
      return p_.senses(at) != bit(Sense::particle) || p_.known(at + 1) || p_.is_number(at + 1);
    }
    const bool known = p_.known(at - 1) || p_.known(at + 1);
    // a number among signs
    if (!known && !p_.is_word(at - 1) && !names_quantity(at - 1) && !p_.is_word(at + 1) && !p_.is_number(at + 1) &&
        !may_go_on(at + 1))
      return false;
    const bool alone = !known && (p_.is_number(at + 1) ? p_.text(at + 1).size() != 3 : p_.is_word(at + 1));
    return p_.begins_fresh(at) &&
           (!alone || p_.text(at + 1) == "т" || p_.text(at + 1) == "out" || names_quantity(at - 1) ||
            is_adjective(at + 1) || noun_at(at + 1, 2) || noun_at(at + 1, 5) || country_at(at + 1) ||
            (p_.is(at + 2, Particle::of) && p_.is_number(at + 3)));
  }
  /// A number may go on behind this sign: "1.5", "2,490", "10-20", "5'000", "50%".
  bool may_go_on(int sign) const {
    return p_.is_dash(sign) || (p_.joined(sign) && p_.joined(sign + 1) && p_.is_number(sign + 1) &&
                                (p_.is_sign(sign, '.') || p_.is_sign(sign, ',') || p_.is_sign(sign, '\'')));
  }

  /// "2-местная", "5-го": behind the number goes on what it is a piece of.
  bool goes_on(int end) const {
    return !p_.ends_fresh(end) || (p_.is_dash(end) && p_.joined(end) && p_.is_word(end + 1) && p_.joined(end + 1));
  }
  const std::optional<Numeral>& number_at(int at) const {
    return numbers_.at(at, 0, [&] { return read_number(at); });
  }
  /// The same, maybe a piece of something longer.
  const std::optional<Numeral>& grouped_number_at(int at) const {
    return grouped_numbers_.at(at, 0, [&] { return read_cardinal(p_, at, Grouping::thousands); });
  }
  /// The same without groups of digits.
  const std::optional<Numeral>& plain_number_at(int at) const {
    return plain_numbers_.at(at, 0, [&] { return read_cardinal(p_, at, Grouping::none); });
  }
  std::optional<Numeral> read_number(int at) const {
    if (p_.is_number(at) && !p_.begins_fresh(at)) return std::nullopt;
    // the rest of a number too long to be an amount
    if (p_.is_number(at - 1) && p_.text(at).size() == 3 && p_.text(at - 1).size() <= 3) return std::nullopt;
    return read_cardinal(p_, at, Grouping::thousands);
  }
  bool is_range_joiner(int at) const { return p_.is_dash(at) || p_.is(at, Particle::or_); }

  /// "₽", "руб", "рублей", "US$", "€ur" and the like, with the point of "руб." when the amount goes on.
  std::optional<std::pair<int, int>> currency_at(int at) const {
    if (const auto country = country_at(at); country && p_.is(at + 1, Sense::currency))
      return std::pair(at + 2, *country);
    if (p_.text(at).starts_with("бел") && p_.is_sign(at + 1, '.') && p_.is(at + 2, Sense::currency))
      return std::pair(at + 3, *country_at(at));
    if (p_.text(at) == "us" && p_.text(at + 1) == "$") return std::pair(at + 2, kDollar);
    if (p_.text(at) == "€" && p_.text(at + 1) == "ur" && p_.joined(at + 1)) return std::pair(at + 2, 2);
    const auto currency = p_.as(at, Sense::currency);
    if (!currency) return std::nullopt;
    const std::string_view word = p_.text(at);
    // "42 р-р", "46 р/р" are sizes
    if (word == "р" && p_.joined(at + 1) && (p_.is_dash(at + 1) || p_.is_sign(at + 1, '/')) && p_.text(at + 2) == "р")
      return std::nullopt;
    return std::pair(at + 1, *currency);
  }
  /// "белорусских" of "белорусских рублей": the currency meant.
  std::optional<int> country_at(int at) const {
    constexpr std::array<std::pair<std::string_view, int>, 8> kCountries = {{{"белор", 4},
                                                                             {"россий", kRouble},
                                                                             {"америк", kDollar},
                                                                             {"канад", 23},
                                                                             {"турец", 16},
                                                                             {"казах", 5},
                                                                             {"australian", 24},
                                                                             {"canadian", 23}}};
    if (!p_.is_word(at)) return std::nullopt;
    const std::string_view word = p_.text(at);
    if (word == "бел") return 4;
    for (const auto& [stem, currency] : kCountries)
      if (word.starts_with(stem)) return currency;
    return std::nullopt;
  }
  std::string value_of(const Amount& amount) const {
    if (amount.is_range) return "";
    return decimal(amount.thousandths, 2) + " " + std::string(kCurrencies[static_cast<std::size_t>(amount.currency)]);
  }

  /// The hundredth part after an amount: "43 цента", "и 43ц", "$20 43". Adds it and moves the end.
  void take_minor(Amount& amount, bool sign_before) const {
    if (amount.thousandths % kOne != 0) return;
    int next = amount.end;
    if (p_.is_sign(next, '.') && p_.joined(next)) ++next;
    const bool joined_by_and = p_.is(next, Particle::and_);
    if (joined_by_and) ++next;
    const auto minor = plain_number_at(next);
    if (!minor || !minor->is_whole() || minor->whole() > 99 || minor->whole() < 0) return;
    const bool named = p_.is(minor->end, Sense::minor_currency);
    const bool plain = (joined_by_and || sign_before || p_.is(amount.end - 1, Sense::currency)) &&
                       (minor->digits == 2 || (joined_by_and && minor->digits == 0)) && amount.currency != kRouble &&
                       p_.ends(minor->end) && !p_.joined(minor->end);
    if (!named && !plain) return;
    amount.thousandths += minor->thousandths / 100;
    amount.end = named ? minor->end + 1 : minor->end;
  }

  /// "$2M", "€1.5bn".
  void take_letter_of_millions(Amount& amount) const {
    if (!p_.joined(amount.end)) return;
    const std::string_view letter = p_.text(amount.end);
    const std::int64_t times = letter == "m" ? 1'000'000 : letter == "b" || letter == "bn" ? 1'000'000'000 : 1;
    if (times == 1 || amount.thousandths > 1'000'000) return;
    amount.thousandths *= times;
    ++amount.end;
  }

  /// "$10", "USD 3.14", "рублей 10".
  std::optional<Amount> amount_after_mark(int at) const {
    int next = at;
    int begin = at;
    int currency = kDollar;
    if (const auto mark = p_.as(at, Sense::currency_mark)) {
      currency = *mark;
      next = at + 1;
      if (p_.text(at) == "$" && p_.text(at - 1) == "us" && p_.joined(at)) {
        begin = at - 1;
      } else if (p_.joined(at) && (p_.is_number(at - 1) || p_.is_word(at - 1))) {
        return std::nullopt;
      }
      // words after a number belong to that number
      if (p_.is_number(at - 1) || p_.is(at - 1, Sense::magnitude) || p_.is(at - 1, Sense::cardinal))
        return std::nullopt;
    } else {
      return std::nullopt;
    }
    if (p_.is_sign(next, '.') && p_.joined(next) && p_.text(at) == "rs") ++next;
    if (!p_.is_number(next)) return std::nullopt;
    const auto number = read_cardinal(p_, next, Grouping::thousands);
    if (!number || number->digits > 9) return std::nullopt;
    // "евро 40" is a size
    if (p_.text(at) == "евро" && number->whole() >= 30 && number->whole() <= 56) return std::nullopt;
    if (p_.is_word(at) && (p_.is(number->end, Sense::count_unit) || p_.is(number->end, Sense::unit)))
      return std::nullopt;
    Amount amount{begin, number->end, number->thousandths, currency, false};
    take_letter_of_millions(amount);
    take_minor(amount, true);
    // "$10-$20", "$10-20"
    if (p_.is_dash(amount.end)) {
      const int upper = p_.is(amount.end + 1, Sense::currency_mark) ? amount.end + 2 : amount.end + 1;
      if (const auto second = read_cardinal(p_, upper, Grouping::thousands); second && p_.is_number(upper)) {
        amount.end = second->end;
        amount.is_range = true;
        if (p_.is(amount.end, Sense::currency) && p_.joined(amount.end)) ++amount.end;
      }
    }
    return amount;
  }

  /// "2490 руб", "пять тысяч рублей", "10$", "20 долларов 43 цента", "полторы тысячи", "10 центов".
  std::optional<Amount> amount_before_currency(int at) const {
    int next = at;
    if (p_.is(at, Particle::a) && !p_.is(at + 1, Sense::magnitude)) {  // "a dollar"
      const auto unit = p_.as(at + 1, Sense::currency);
      if (!unit || !p_.is_word(at + 1)) return std::nullopt;
      Amount amount{at, at + 2, kOne, *unit, false};
      take_minor(amount, false);
      return amount;
    }
    const auto number = number_at(next);
    if (!number || number->digits > 10) return std::nullopt;
    Amount amount{at, number->end, number->thousandths, kRouble, false};
    if (p_.text(amount.end) == "штук" || p_.text(amount.end) == "штуки" || p_.text(amount.end) == "штуку") {
      if (!p_.is(amount.end + 1, Sense::currency)) return std::nullopt;  // "две штуки баксов"
      amount.thousandths *= 1000;
      ++amount.end;
    }
    take_short_thousands(amount);
    take_hundreds(amount, *number);
    if (const auto currency = currency_at(amount.end)) {
      if (p_.text(amount.end) == "р" && is_size(at, *number)) return std::nullopt;
      amount.end = currency->first;
      amount.currency = currency->second;
      take_minor(amount, false);
      if (is_point_of_abbreviation(amount.end)) ++amount.end;
      return amount;
    }
    if (const auto minor = p_.as(amount.end, Sense::minor_currency)) {
      const bool letter = p_.text(amount.end).size() <= 2 && p_.is_word(amount.end);
      if (letter || amount.thousandths > 100'000 * kOne) return std::nullopt;
      amount.thousandths /= 100;
      amount.currency = *minor;
      ++amount.end;
      return amount;
    }
    if (const auto slang = p_.as(amount.end, Sense::slang_amount); slang && number->whole() < 1000) {
      amount.thousandths *= *slang < 0 ? -*slang : *slang;
      amount.currency = *slang < 0 ? kDollar : kRouble;
      ++amount.end;
      return amount;
    }
    return std::nullopt;
  }
  /// The point of "р." and "руб." when the sentence goes on behind it: else it may be the sentence's.
  bool is_point_of_abbreviation(int at) const {
    if (!p_.is_sign(at, '.') || !p_.joined(at) || (p_.text(at - 1) != "р" && p_.text(at - 1) != "руб")) return false;
    if (at + 1 >= p_.size()) return false;
    if (!p_.is_word(at + 1)) return p_.is_sign(at + 1, ',') || p_.is_sign(at + 1, ')');
    const auto begin = p_.token(at + 1).begin;
    return p_.scan().text.compare(begin, 2, p_.scan().lower, begin, 2) == 0;  // no capital
  }
  /// "5 тысяч 200 рублей", "1 тыс. 200 руб".
  void take_hundreds(Amount& amount, const Numeral& number) const {
    const int rest = p_.is_sign(amount.end, '.') && p_.joined(amount.end) ? amount.end + 1 : amount.end;
    const auto hundreds = p_.digits(rest, 3);
    if (!number.has_magnitude || number.whole() % 1000 != 0 || !number.is_whole() || !hundreds ||
        !currency_at(rest + 1))
      return;
    amount.thousandths += *hundreds * kOne;
    amount.end = rest + 1;
  }
  /// "3 т.р.", "15 т руб".
  void take_short_thousands(Amount& amount) const {
    if (p_.text(amount.end) != "т") return;
    const int next = p_.is_sign(amount.end + 1, '.') ? amount.end + 2 : amount.end + 1;
    if (!currency_at(next)) return;
    amount.thousandths *= 1000;
    amount.end = next;
  }
  bool is_size(int at, const Numeral& number) const {
    return number.whole() <= 70 && !number.has_magnitude && p_.near(Sense::no_quantity, at, number.end, 3, 0) &&
           p_.text(at - 1).starts_with("размер");
  }

  // ---- rules

  std::optional<Found> money(int at) const {
    // the lower end of a range: "10-20 долларов", "от 10 до 20 рублей", "between 10 and 20 dollars"
    if (auto range = money_range(at)) return range;
    if (const auto amount = amount_after_mark(at))
      return Found{amount->begin, amount->end, value_of(*amount), kSure, true};
    if (const auto amount = amount_before_currency(at)) {
      Found found{at, amount->end, value_of(*amount), kSure, true};
      return found;
    }
    if (const auto slang = p_.as(at, Sense::slang_amount); slang && *slang > 0 && !p_.is(at - 1, Sense::cardinal))
      return Found{at, at + 1, decimal(*slang * kOne, 2) + " RUB", kSure, true};
    if (auto thousands = bare_thousands(at)) return thousands;
    if (auto part = share(at)) return part;
    return bare_price(at);
  }

  std::optional<Found> money_range(int at) const {
    int next = at;
    const bool from = p_.is_any(at, {Particle::ot, Particle::between, Particle::from});
    if (from) ++next;
    if (!from && !p_.is_number(at) && !p_.known(at)) return std::nullopt;
    const auto first = number_at(next);
    if (!first || first->digits > 9) return std::nullopt;
    int middle = first->end;
    std::optional<int> currency;
    if (const auto named = currency_at(middle)) {
      currency = named->second;
      middle = named->first;
    }
    const bool joins =
        is_range_joiner(middle) || (from && p_.is_any(middle, {Particle::before, Particle::to, Particle::and_}));
    if (!joins) return std::nullopt;
    const auto second = grouped_number_at(middle + 1);
    if (!second || second->digits > 9) return std::nullopt;
    if (first->digits > 0 && second->digits > 0 && !from && !p_.is(middle, Particle::or_) &&
        second->thousandths < first->thousandths && !second->has_magnitude)
      return std::nullopt;
    int end = second->end;
    if (const auto named = currency_at(end)) {
      if (currency && p_.is(middle, Particle::or_)) return std::nullopt;  // "от 3000 руб или 5000 руб": one of two
      end = named->first;
      currency = named->second;
    } else if (!currency || !from || p_.is(end, Sense::unit) || p_.is(end, Sense::count_unit)) {
      return std::nullopt;
    }
    return Found{at, end, "", kSure, true};
  }

  /// "15 тысяч", "2к", "полторы тысячи" where money is spoken of.
  std::optional<Found> bare_thousands(int at) const {
    const auto number = number_at(at);
    if (!number || !number->has_magnitude || number->digits > 6) return std::nullopt;
    if (!p_.is_russian() || counts_goods(number->end) || p_.is(number->end, Sense::unit)) return std::nullopt;
    if (p_.joined(number->end) && !p_.ends(number->end)) return std::nullopt;
    // "от 7 тыс в неделю"
    const bool is_rate = p_.is(number->end, Particle::v) && p_.is(number->end + 1, Sense::unit);
    const bool money_around = is_rate || p_.near(Sense::price, at, number->end, 6, 4) || p_.is(at - 1, Particle::za) ||
                              p_.is(number->end, Particle::za) || (at == 0 && number->end == p_.size());
    if (!money_around) return std::nullopt;
    int end = number->end;
    return Found{at, end, decimal(number->thousandths, 2) + " RUB", kLikely, true};
  }

  /// "за 1500", "стоит 2490", "цена 990": a number without a currency after a word about prices.
  std::optional<Found> bare_price(int at) const {
    if (!p_.is_russian()) return std::nullopt;
    if (!p_.begins_fresh(at) || !p_.is_word(at - 1)) return std::nullopt;
    const auto number = read_cardinal(p_, at, Grouping::thousands);
    if (!number || number->digits > 7 || number->whole() < 50 || p_.text(at)[0] == '0') return std::nullopt;
    if (goes_on(number->end) || counts_goods(number->end) || p_.is(number->end, Sense::unit) ||
        p_.is(number->end, Sense::short_unit) || p_.is(number->end, Sense::month) || p_.is_sign(number->end, '%') ||
        p_.is(number->end, Sense::year_mark))
      return std::nullopt;
    const bool ends = (before_is_za(at) && looks_like_verb(number->end)) || p_.ends(number->end) ||
                      p_.is(number->end, Sense::particle) || p_.is(number->end, Sense::relative_day) ||
                      p_.is_dash(number->end);
    if (!ends) return std::nullopt;
    const std::string_view before = p_.text(at - 1);
    bool priced = before.starts_with("стои") || before == "стоят" || before == "цена" || before == "цену" ||
                  before == "ценой" || before == "цене" || before == "дороже" || before == "дешевле" ||
                  before == "стоимость" || before == "стоимостью";
    if (before == "за") priced = true;
    if (before == "по") priced = p_.near(Sense::price, at - 1, number->end, 5, 2) && number->whole() >= 100;
    if (before == "почему" && number->whole() >= 100) priced = true;
    if (names_price_before(at)) priced = true;
    const bool compared = before == "было" || before == "была" || before == "стало" || before == "стала" ||
                          before == "был" || before == "теперь" || before == "уже" || before == "сейчас" ||
                          before == "до" || before == "от";
    if ((before == "до" || before == "от") && p_.is(at - 2, Sense::price)) priced = true;
    if (before == "вместо" && priced_ && !any_quantity_) priced = true;
    // "вчера было 1990, а сегодня 2790"
    if (p_.is(at - 1, Sense::relative_day) && priced_ && number->whole() >= 100) priced = true;
    if (compared && before != "до" && before != "от") {
      // "вчера было 1290, а сегодня уже 1590"
      const bool by_day = p_.is(at - 2, Sense::relative_day) && number->whole() >= 100 && (before == "было" || priced_);
      priced = by_day || p_.near(Sense::price, at - 1, number->end, 8, 6);
    }
    // "отдала 5 тыс за сумку"
    if (number->has_magnitude && before_is_za(number->end + 1) && !p_.is_number(number->end + 1)) priced = true;
    if (!priced) return std::nullopt;
    return Found{at, number->end, decimal(number->thousandths, 2) + " RUB", kLikely, true};
  }

  /// "1200 из 1850 рублей": the first.
  std::optional<Found> share(int at) const {
    const auto number = number_at(at);
    if (!number || number->digits < 2 || !p_.is(number->end, Particle::of)) return std::nullopt;
    const auto whole = amount_before_currency(number->end + 1);
    if (!whole || whole->is_range || whole->thousandths <= number->thousandths) return std::nullopt;
    return Found{
        at, number->end,
        decimal(number->thousandths, 2) + " " + std::string(kCurrencies[static_cast<std::size_t>(whole->currency)]),
        kSure, true};
  }

  /// "стоимость доставки 350", "цена за штуку 1200": the word is two or three places before.
  bool names_price_before(int at) const {
    const std::string_view nearest = p_.text(at - 1);
    if (p_.text(at).size() > 6 || nearest.starts_with("арт") || nearest.starts_with("код") ||
        nearest.starts_with("модел") || nearest == "sku")
      return false;
    for (int i = at - 2; i >= std::max(0, at - 3); --i) {
      const std::string_view word = p_.text(i);
      if (word.starts_with("стоимост") || word.starts_with("цен") || word.starts_with("сумм"))
        return !p_.is_number(at - 1) && !p_.ends(at - 1) && !p_.is(at - 1, Sense::no_quantity) && p_.is_word(at - 1);
    }
    return false;
  }
  bool before_is_za(int at) const { return p_.is(at - 1, Particle::za); }
  /// "за 1500 заберу", "за 500 отдадите?"
  bool looks_like_verb(int at) const {
    constexpr std::array<std::string_view, 13> kEndings = {"ру",  "му",  "жу",  "лю", "аю",  "дам", "рём",
                                                           "рем", "ите", "ете", "ил", "ила", "ал"};
    const std::string_view word = p_.text(at);
    return p_.is_word(at) && std::any_of(kEndings.begin(), kEndings.end(), [&](auto e) { return word.ends_with(e); });
  }

  bool counts_goods(int end) const {
    return p_.is(end, Sense::count_unit) || p_.is(end, Sense::goods) || p_.is(end, Sense::measure) ||
           p_.is(end, Sense::no_quantity) || p_.is(end, Sense::rating);
  }

  std::optional<Found> quantity(int at) const {
    if (auto found = counted(at)) return found;
    if (auto found = inverted(at)) return found;
    if (auto found = some_of(at)) return found;
    if (auto found = measured(at)) return found;
    if (auto found = goods(at)) return found;
    if (auto found = unknown_goods(at)) return found;
    if (auto found = dozen(at)) return found;
    return asked_for(at);
  }

  Found pieces(int begin, int end, std::int64_t thousandths, double confidence) const {
    return Found{begin, end, decimal(thousandths, 0), confidence, false};
  }
  bool plausible(const Numeral& number) const {
    return number.thousandths > 0 && number.whole() <= kMostGoods && !number.has_point && number.digits <= 6;
  }

  /// "3 шт", "два комплекта", "a pair", "one pair", "10-20 штук".
  std::optional<Found> counted(int at) const {
    if (p_.is(at, Particle::a) && p_.as(at + 1, Sense::count_unit) == 2 && !p_.is_russian())
      return pieces(at, at + 2, kOne, kSure);
    auto number = number_at(at);
    if (!number) return std::nullopt;
    bool is_range = false;
    if ((is_range_joiner(number->end)) || p_.is(number->end, Particle::to)) {
      const auto upper = grouped_number_at(number->end + 1);
      if (upper && p_.is(upper->end, Sense::count_unit)) {
        number = upper;
        is_range = true;
      }
    }
    if (!plausible(*number)) return std::nullopt;
    int unit = number->end;
    const auto kind = p_.as(unit, Sense::count_unit);
    if (!kind) {
      // "пару кроссовок": a pair is one
      if (number->from_pair && (p_.is(number->end, Sense::goods) || p_.text(number->end) == "of") && p_.is_russian())
        return pieces(at, number->end, kOne, kLikely);
      return std::nullopt;
    }
    // "пара" after another number counts pairs, "пар" of "пару пар" does too
    if (p_.is(unit + 1, Sense::currency)) return std::nullopt;
    if (p_.text(unit) == "пара" && p_.is(unit + 1, Sense::unit)) return std::nullopt;
    if ((p_.text(unit) == "item" || p_.text(unit) == "copy" || p_.text(unit) == "set") && number->whole() > 1 &&
        p_.is_number(at) && p_.is_number(unit + 1))
      return std::nullopt;
    if (is_range) return Found{at, unit + 1, "", kSure, false};
    return pieces(at, unit + 1, number->thousandths, kSure);
  }

  /// "штук 10", "штуки три".
  std::optional<Found> inverted(int at) const {
    const std::string_view word = p_.text(at);
    if (word != "штук" && word != "штуки" && word != "шт") return std::nullopt;
    const auto number = number_at(at + 1);
    if (!number || !plausible(*number) || counts_goods(number->end) || !p_.ends(number->end)) return std::nullopt;
    return pieces(at, number->end, number->thousandths, kLikely);
  }

  /// "3 из 5", "3 of 12 jars", "two of these". Equal numbers are a rating.
  std::optional<Found> some_of(int at) const {
    const auto number = number_at(at);
    if (!number || !plausible(*number) || number->has_magnitude || number->whole() > 1000) return std::nullopt;
    // the second number of such a pair
    if (p_.is(at - 1, Particle::of) && last_was_quantity_ && !p_.is(number->end, Sense::rating))
      return pieces(at, number->end, number->thousandths, kLikely);
    const bool named = p_.is_word(number->end) && !p_.is(number->end, Sense::particle) && !counts_other(number->end) &&
                       number->whole() < 100;  // "4 кашпо из 30", "3 out of 5"
    const int of = named ? number->end + 1 : number->end;
    if (!p_.is(of, Particle::of) || (number->digits == 0 && number->whole() < 2)) return std::nullopt;
    int next = of + 1;
    if (p_.is(next, Particle::the)) ++next;
    const std::string_view what = p_.text(next);
    if (what == "these" || what == "those" || what == "этих")
      return number->whole() > 1 ? std::optional(pieces(at, next + 1, number->thousandths, kSure)) : std::nullopt;
    if (what == "them" || what == "них" || what == "такие")
      return number->whole() > 1 ? std::optional(pieces(at, number->end, number->thousandths, kSure)) : std::nullopt;
    // "two of the lamps", "three of the large planters"
    if (next > of + 1 && number->whole() > 1 && (p_.is(next, Sense::goods) || (p_.is_word(next) && !p_.known(next))))
      return pieces(at, number->end, number->thousandths, kLikely);
    const auto whole = number_at(next);
    if (!whole || whole->has_magnitude || whole->thousandths < number->thousandths || whole->whole() > 1000 ||
        p_.is(whole->end, Sense::rating) || p_.is_sign(whole->end, '%'))
      return std::nullopt;
    if (p_.near(Sense::rating, at, whole->end, 5, 3)) return std::nullopt;
    if (whole->thousandths == number->thousandths) return std::nullopt;
    const bool round = whole->whole() == 5 || whole->whole() == 10;
    if (round && p_.ends(whole->end) && !p_.near(Sense::acquire, at, whole->end, 6, 3)) return std::nullopt;
    return pieces(at, number->end, number->thousandths, kLikely);
  }

  /// "2 кг" where something is asked for or was sent; of a body or a thing it is a property.
  std::optional<Found> measured(int at) const {
    const auto number = plain_number_at(at);
    if (!number || (p_.is_number(at) && !p_.begins_fresh(at)) || number->thousandths <= 0) return std::nullopt;
    const auto measure = p_.as(number->end, Sense::measure);
    if (!measure || goes_on(number->end + 1)) return std::nullopt;
    if (p_.near(Sense::child, at, at, 4, 0) || p_.text(at - 1).starts_with("ве") || p_.text(at - 1) == "до" ||
        p_.text(at - 1) == "на" || p_.text(at - 1) == "weigh" || p_.text(at - 1) == "рост")
      return std::nullopt;
    const bool asked = p_.near(Sense::acquire, at, number->end + 1, 3, 2) || p_.text(number->end + 1) == "of" ||
                       p_.text(at - 1) == "будет" || p_.text(at - 1) == "budet" ||
                       (number->thousandths > kOne && p_.near(Sense::price, at, number->end + 1, 3, 0));
    if (!asked) return std::nullopt;
    return Found{at, number->end + 1,
                 decimal(number->thousandths, 0) + " " + std::string(kMeasures[static_cast<std::size_t>(*measure)]),
                 kLikely, false};
  }

  bool is_adjective(int at) const {
    const std::string_view word = p_.text(at);
    if (word == "такие" || word == "таких") return true;  // "две такие лампы"
    return p_.is_word(at) && !p_.known(at) && (word.ends_with("ых") || word.ends_with("их"));
  }

  /// "футболки", "books", "t-shirts".
  bool names_goods(int at) const {
    if (p_.text(at) == "часы" || p_.text(at) == "заказа" || p_.text(at) == "order") return false;
    return p_.is(at, Sense::goods) ||
           (p_.text(at) == "t" && p_.is_dash(at + 1) && p_.text(at + 2).starts_with("shirt"));
  }

  /// Its number is its name: "чехлы на айфон 15", "iPhone 15 cases".
  bool is_device(int at) const {
    const std::string_view word = p_.text(at);
    return word == "iphone" || word == "galaxy" || word == "pixel" || word == "redmi" || word == "airpods" ||
           word.starts_with("айфон");
  }

  /// "3 футболки", "5 books": the number alone.
  std::optional<Found> goods(int at) const {
    const auto number = number_at(at);
    if (!number || !plausible(*number) || number->from_pair) return std::nullopt;
    const bool described =
        is_adjective(number->end) && p_.is(number->end + 1, Sense::goods);  // "800 махровых полотенец"
    if (!described && !names_goods(number->end)) return std::nullopt;
    if (number->whole() == 1) return std::nullopt;
    if (p_.is(at - 1, Sense::no_quantity) || p_.text(at - 1) == "№" || number->digits > 4 || is_device(at - 1))
      return std::nullopt;
    return pieces(at, number->end, number->thousandths, kLikely);
  }

  /// "сколько стоят 2 табурета", "what would 6 oak stools cost": goods whose name we don't know, where the message
  /// speaks of prices, of stock or of an order right there. In figures: "two hands" are no goods.
  std::optional<Found> unknown_goods(int at) const {
    const auto number = number_at(at);
    if (!number || !plausible(*number) || number->from_pair || number->has_magnitude || number->digits == 0 ||
        number->digits > 3 || number->whole() < 2 || p_.text(at)[0] == '0' || follows_name(at))
      return std::nullopt;
    const int end = number->end;
    if (goes_on(end) || counts_other(end) || p_.near(Sense::no_quantity, at, at, 4, 0)) return std::nullopt;
    const bool listed = last_was_quantity_ && (p_.is(at - 1, Particle::and_) || p_.is_sign(at - 1, ','));
    auto noun = noun_at(end, number->whole());
    if (!noun && listed && is_adjective(end) && p_.ends(end + 1)) noun = end;  // "3 чёрных и 2 белых"
    if (!noun) return std::nullopt;
    if (!listed && !p_.near(Sense::price, at, *noun + 1, 4, 3) && !p_.near(Sense::acquire, at, *noun + 1, 3, 2) &&
        !speaks_of_buying(at, *noun + 1))
      return std::nullopt;
    return pieces(at, end, number->thousandths, kLikely);
  }
  /// The number belongs to what stands before it: "iPhone 15 cases", "order 22 never came".
  bool follows_name(int at) const {
    const std::string_view word = p_.text(at - 1);
    if (word == "order" || word == "заказ" || word == "заказа")
      return p_.text(at - 2) != "to" && p_.text(at - 2) != "would";
    if (!p_.is_word(at - 1) || p_.known(at - 1) || static_cast<unsigned char>(word[0]) >= 0x80) return false;
    constexpr std::array<std::string_view, 18> kPlain = {"would", "will", "are",  "these", "those", "my",
                                                         "our",   "your", "all",  "about", "like",  "have",
                                                         "has",   "with", "much", "many",  "be",    "me"};
    return std::find(kPlain.begin(), kPlain.end(), word) == kPlain.end();
  }
  /// "tins", "oak stools": where the noun is that `count` may count.
  std::optional<int> noun_at(int at, std::int64_t count) const {
    if (is_plural(at, count)) return at;
    return describes(at) && is_plural(at + 1, count) ? std::optional(at + 1) : std::nullopt;
  }
  /// A noun of the form that a number asks for and without another meaning.
  bool is_plural(int at, std::int64_t count) const {
    if (!p_.is_word(at)) return false;
    if (names_goods(at)) return true;
    const std::string_view word = p_.text(at);
    if (p_.known(at) || counts_no_goods(word)) return false;
    const auto ends_with_any = [&](std::initializer_list<std::string_view> endings) {
      return std::any_of(endings.begin(), endings.end(), [&](auto ending) { return word.ends_with(ending); });
    };
    if (static_cast<unsigned char>(word[0]) < 0x80)
      return word.size() > 3 && word.ends_with('s') && !ends_with_any({"ss", "us", "is"});
    if (word.size() < 8) return false;
    const bool is_few = count % 10 >= 2 && count % 10 <= 4 && (count % 100 < 12 || count % 100 > 14);
    return is_few ? ends_with_any({"а", "я", "и", "ы"}) && !word.ends_with("ли")
                  : ends_with_any({"ов", "ев", "ёв", "ей", "ек", "ёк", "ок", "иц", "ец", "ий"});
  }
  /// People, places and writing, which unknown_goods() must not take for goods. Short ones as the whole
  /// word: "handbags" and "словарей" are goods.
  static bool counts_no_goods(std::string_view word) {
    constexpr std::array<std::string_view, 27> kStems = {
        "бонус",   "букв",     "знак",  "симв",  "цифр",  "друз",   "подру", "сотруд",  "клиент",
        "детей",   "ребен",    "дети",  "мест",  "част",  "ступен", "летн",  "минимал", "сесси",
        "страниц", "зоомагаз", "групп", "семей", "семьи", "вечер",  "тонн",  "персон",  "гост"};
    constexpr std::array<std::string_view, 31> kWords = {
        "слова",   "friends", "places",     "stores",  "shops",     "slots",      "parts",     "digits",
        "nights",  "hands",   "legs",       "letters", "employees", "clients",    "customers", "kids",
        "users",   "members", "characters", "words",   "pages",     "steps",      "evenings",  "stops",
        "numbers", "seats",   "cards",      "guests",  "families",  "passengers", "purchases"};
    return std::find(kWords.begin(), kWords.end(), word) != kWords.end() ||
           std::any_of(kStems.begin(), kStems.end(), [&](auto stem) { return word.starts_with(stem); });
  }
  /// "махровых", "чёрные", "oak": before a noun in the plural.
  bool describes(int at) const {
    if (is_adjective(at)) return true;
    const std::string_view word = p_.text(at);
    if (!p_.is_word(at) || p_.known(at)) return false;
    if (static_cast<unsigned char>(word[0]) >= 0x80) return word.ends_with("ые") || word.ends_with("ие");
    return word.size() > 2 && word != "other";
  }
  bool speaks_of_buying(int begin, int end) const {
    constexpr std::array<std::string_view, 11> kWords = {"like",  "наличии",   "есть", "остались", "почём", "сколько",
                                                         "stock", "available", "left", "have",     "much"};
    for (int at = std::max(0, begin - 3); at < std::min(p_.size(), end + 3); ++at)
      if (p_.is_word(at) && std::find(kWords.begin(), kWords.end(), p_.text(at)) != kWords.end()) return true;
    return false;
  }

  /// "a dozen of plates", "дюжину тарелок", "полсотни ковриков".
  std::optional<Found> dozen(int at) const {
    const bool half = p_.is(at, Particle::half);
    const auto number = plain_number_at(half ? at + 1 : at);
    if (!number || p_.as(number->end - 1, Sense::magnitude).value_or(100) >= 100 || counts_other(number->end))
      return std::nullopt;
    return pieces(at, number->end, half ? number->thousandths / 2 : number->thousandths, kLikely);
  }

  /// "возьму 3", "пришло 2 вместо 3", "need 2", "total for two".
  std::optional<Found> asked_for(int at) const {
    const auto number = number_at(at);
    if (!number || !plausible(*number) || number->has_magnitude || number->from_pair || number->whole() > 999 ||
        (p_.is_number(at) && p_.text(at)[0] == '0'))
      return std::nullopt;
    const int end = number->end;
    const bool in_words = number->digits == 0;
    if (in_words && number->whole() < 2) return std::nullopt;
    if (goes_on(end) || counts_other(end) || p_.near(Sense::no_quantity, at, at, 4, 0)) return std::nullopt;
    int before = at - 1;
    if (names_quantity(before)) return pieces(at, end, number->thousandths, kSure);
    // "из шести банок три лопнули"
    if (last_was_quantity_ && number->whole() < 1000 && p_.is_word(at - 1) && p_.in_the_past(end, end, 0, 1))
      return pieces(at, end, number->thousandths, kLikely);
    // "значатся 20 штук, а в коробке 18"
    if (!in_words && any_quantity_ && p_.ends(end) && number->whole() < 1000 && is_contrast_before(at))
      return pieces(at, end, number->thousandths, kLikely);
    if (p_.is(before, Particle::only)) {
      if (p_.is(end, Sense::acquire) && number->whole() < 100)  // "только 1 пришла"
        return pieces(at, end, number->thousandths, kLikely);
      --before;
    }
    if (p_.is(before, Sense::instead) && p_.is_word(before)) {
      if (priced_ && !any_quantity_) return std::nullopt;  // "120 р вместо 240"
      const bool goods_spoken_of = any_quantity_ || p_.near(Sense::acquire, before, end, 6, 2);
      return goods_spoken_of && (any_quantity_ || clause_ends(end) || p_.is(end, Sense::acquire))
                 ? std::optional(pieces(at, end, number->thousandths, kLikely))
                 : std::nullopt;
    }
    if (p_.text(before) == "of" && p_.is(before - 1, Sense::instead) && any_quantity_)
      return pieces(at, end, number->thousandths, kLikely);
    if (in_words && p_.is(at - 1, Particle::for_) &&
        (clause_ends(end) || p_.text(end) == "with" || p_.text(end) == "please"))
      return pieces(at, end, number->thousandths, kLikely);
    if (!p_.is(before, Sense::acquire)) return std::nullopt;
    // an order's number may follow "заказ" or "order", a size may follow "нужен"
    const std::string_view verb = p_.text(before);
    if (number->whole() > 99 || verb == "order" || verb == "возврат" || verb == "return" || verb == "нужен")
      return std::nullopt;
    if (!clause_ends(end)) {
      // a word that is no goods' name we know: "заказала 2 подвески"
      if (!p_.is_word(end) || p_.known(end) || number->whole() < 2) return std::nullopt;
    } else if (number->whole() > 19 && !any_quantity_) {
      return std::nullopt;
    }
    return pieces(at, end, number->thousandths, kLikely);
  }
  /// A count set against another one: "only" right before the number, or "а", "but" a few words before it and nothing
  /// else that the number could be of.
  bool is_contrast_before(int at) const {
    if (p_.is(at - 1, Particle::only)) return true;
    for (int i = at - 1; i >= std::max(0, at - 5); --i) {
      if (!p_.is_word(i) || p_.is(i, Sense::price) || p_.is(i, Sense::no_quantity)) return false;
      const std::string_view word = p_.text(i);
      if (word.starts_with("размер") || word.starts_with("size") || word.starts_with("заказ") || word == "order")
        return false;
      if (word == "а" || word == "но" || word == "but" || word == "фактически") return i < at - 1;
    }
    return false;
  }
  /// "количество: 3", "qty 4", "кол-во 2".
  bool names_quantity(int at) const {
    if (p_.is_sign(at, ':') || p_.is_dash(at)) --at;
    const std::string_view word = p_.text(at);
    return word == "количество" || word == "количестве" || word == "qty" || word == "quantity" ||
           (word == "во" && p_.text(at - 2) == "кол");
  }
  bool counts_other(int end) const {
    return p_.is(end, Sense::currency) || p_.is(end, Sense::minor_currency) || p_.is(end, Sense::unit) ||
           p_.is(end, Sense::short_unit) || p_.is(end, Sense::month) || p_.is(end, Sense::no_quantity) ||
           p_.is(end, Sense::rating) || p_.is(end, Sense::measure) || p_.is(end, Sense::meridiem) ||
           p_.is(end, Sense::day_mark) || p_.is_sign(end, '%') || p_.is(end, Sense::time_zone) ||
           p_.is(end, Sense::unit_adjective);
  }
  bool clause_ends(int end) const {
    return p_.ends(end) || p_.is(end, Sense::instead) ||
           p_.is_any(end, {Particle::of, Particle::and_, Particle::a, Particle::or_}) || p_.text(end) == "а" ||
           p_.text(end) == "but" || p_.text(end) == "но";
  }

  const Phrase& p_;
  mutable Remembered<Numeral> numbers_;
  mutable Remembered<Numeral> grouped_numbers_;
  mutable Remembered<Numeral> plain_numbers_;
  bool last_was_quantity_ = false;
  bool any_quantity_ = false;
  bool priced_ = false;  ///< money was found before
};

}  // namespace

void find_amounts(const Phrase& phrase, std::vector<Candidate>& out) {
  const bool spelled = (phrase.senses() & kAmountSenses) != 0;
  const bool article = (phrase.senses() & (bit(Sense::currency) | bit(Sense::count_unit))) != 0;
  if (phrase.scan().digits == 0 && !spelled && !article) return;
  AmountReader(phrase).read(out);
}

}  // namespace easyflow::nlp
