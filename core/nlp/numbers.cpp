#include "core/nlp/numbers.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace easyflow::nlp {
namespace {

constexpr std::int64_t kLargest = 1'000'000'000'000;  // whole
constexpr std::int64_t kOne = 1000;

std::int64_t value_of(std::string_view digits) {
  std::int64_t value = 0;
  for (char c : digits) value = value * 10 + (c - '0');
  return value;
}

bool is_group(const Phrase& phrase, int at) { return phrase.is_number(at) && phrase.text(at).size() == 3; }

/// "2 490 000", "1,500", "1.5". Nothing when there are too many digits for an amount.
std::optional<Numeral> read_digits(const Phrase& phrase, int at, Grouping grouping) {
  if (!phrase.is_number(at)) return std::nullopt;
  const std::string_view first = phrase.text(at);
  if (first.size() > 9) return std::nullopt;
  Numeral number;
  number.digits = static_cast<int>(first.size());
  std::int64_t whole = value_of(first);
  int next = at + 1;
  const bool may_group = grouping == Grouping::thousands && first.size() <= 3 && first[0] != '0';
  if (may_group && is_group(phrase, next)) {
    while (is_group(phrase, next) && whole < kLargest / 1000) {
      whole = whole * 1000 + value_of(phrase.text(next++));
      number.digits += 3;
    }
  } else if (may_group && phrase.joined(next) &&
             (phrase.is_sign(next, ',') || phrase.is_sign(next, '.') || phrase.is_sign(next, '\'')) &&
             is_group(phrase, next + 1) && phrase.joined(next + 1)) {
    const std::string_view mark = phrase.text(next);
    while (phrase.joined(next) && phrase.text(next) == mark && is_group(phrase, next + 1) && phrase.joined(next + 1) &&
           whole < kLargest / 1000) {
      whole = whole * 1000 + value_of(phrase.text(next + 1));
      number.digits += 3;
      next += 2;
    }
  }
  number.thousandths = whole * kOne;
  if (phrase.joined(next) && (phrase.is_sign(next, '.') || phrase.is_sign(next, ',')) && phrase.is_number(next + 1) &&
      phrase.joined(next + 1) && phrase.text(next + 1).size() <= 3) {
    std::int64_t scale = kOne;
    std::int64_t part = 0;
    for (char c : phrase.text(next + 1)) {
      scale /= 10;
      part += (c - '0') * scale;
    }
    number.thousandths += part;
    number.has_point = true;
    next += 2;
  }
  number.end = next;
  return number;
}

/// The smaller words of one number: "сто двадцать пять", "five hundred and six". `phrase` begins a number at `at`.
std::optional<Numeral> read_words(const Phrase& phrase, int at) {
  Numeral number;
  std::int64_t total = 0;    // of the magnitudes passed
  std::int64_t current = 0;  // below the next magnitude
  std::int64_t room = 1000;  // the next word must be smaller
  std::int64_t last_magnitude = kLargest;
  bool any = false;
  int next = at;
  for (;;) {
    int here = next;
    if (any && phrase.is(here, Particle::and_) && current % 100 == 0 && current + total > 0 &&
        (phrase.as(here - 1, Sense::magnitude) == 100 || phrase.as(here - 1, Sense::magnitude) == 1000))
      ++here;
    if (any && phrase.is_dash(here) && phrase.joined(here) && phrase.joined(here + 1) && current % 100 >= 20) ++here;
    if (const auto value = phrase.as(here, Sense::cardinal); value && *value < room && !(any && *value == 0)) {
      current += *value;
      any = true;
      room = *value >= 100 ? 100 : *value >= 20 ? 10 : 1;
      if (*value % 10 != 0 || *value == 10 || *value == 0) room = 1;
      next = here + 1;
      continue;
    }
    const auto magnitude = phrase.as(here, Sense::magnitude);
    if (!magnitude || here != next) break;
    if (*magnitude == 100) {
      if (current == 0 ? total != 0 : current >= 100) break;
      current = std::max<std::int64_t>(current, 1) * 100;
      room = 100;
    } else {
      if (*magnitude >= last_magnitude || (*magnitude < 100 && total != 0)) break;
      total += std::max<std::int64_t>(current, 1) * *magnitude;
      current = 0;
      room = *magnitude < 100 ? 0 : 1000;
      last_magnitude = *magnitude;
      number.has_magnitude = number.has_magnitude || *magnitude >= 1000;
    }
    any = true;
    next = here + 1;
    if (phrase.text(here) == "тыс" || phrase.text(here) == "млн")
      if (phrase.is_sign(next, '.') && phrase.joined(next) && !phrase.ends(next + 1) && !phrase.is_number(next + 1) &&
          phrase.is(next + 1, Sense::currency))
        ++next;
  }
  if (!any) return std::nullopt;
  number.thousandths = (total + current) * kOne;
  number.end = next;
  return number;
}

/// Multiplies by the magnitudes that follow: "1,5 тыс.", "10к", "5 hundred".
void take_magnitudes(const Phrase& phrase, Numeral& number) {
  for (int times = 0; times < 2; ++times) {
    auto magnitude = phrase.as(number.end, Sense::magnitude);
    if (!magnitude && phrase.joined(number.end)) magnitude = phrase.as(number.end, Sense::short_magnitude);
    if (!magnitude || number.thousandths > kLargest * kOne / *magnitude) return;
    number.thousandths *= *magnitude;
    number.has_magnitude = number.has_magnitude || *magnitude >= 1000;
    const std::string_view word = phrase.text(number.end);
    ++number.end;
    // the point of an abbreviation, when the number goes on
    if ((word == "тыс" || word == "млн") && phrase.is_sign(number.end, '.') && phrase.joined(number.end) &&
        phrase.is(number.end + 1, Sense::currency))
      ++number.end;
  }
}

}  // namespace

std::optional<Numeral> read_cardinal(const Phrase& phrase, int at, Grouping grouping) {
  if (auto number = read_digits(phrase, at, grouping)) {
    // "1 с половиной"
    if (phrase.is(number->end, Particle::s) && phrase.is(number->end + 1, Particle::with_half)) {
      number->thousandths += kOne / 2;
      number->end += 2;
    } else if (phrase.is(number->end, Particle::and_) && phrase.is(number->end + 1, Particle::a) &&
               phrase.is(number->end + 2, Particle::half)) {
      number->thousandths += kOne / 2;
      number->end += 3;
    }
    take_magnitudes(phrase, *number);
    return number;
  }
  int next = at;
  if (phrase.is(next, Particle::a) && (phrase.is(next + 1, Sense::magnitude) || (phrase.is(next + 1, Sense::pair))))
    ++next;
  if (const auto fraction = phrase.as(next, Sense::fraction); fraction && *fraction == 3 * kOne / 2) {
    Numeral number;
    number.thousandths = *fraction;
    number.end = next + 1;
    take_magnitudes(phrase, number);
    return number;
  }
  if (phrase.is(next, Sense::pair)) {
    Numeral number;
    number.thousandths = 2 * kOne;
    number.from_pair = true;
    number.end = next + 1;
    if (phrase.text(number.end) == "of" && phrase.text(next) == "couple") ++number.end;
    take_magnitudes(phrase, number);
    return number;
  }
  auto number = read_words(phrase, next);
  if (!number) return std::nullopt;
  if (phrase.is(number->end, Particle::s) && phrase.is(number->end + 1, Particle::with_half)) {
    number->thousandths += kOne / 2;
    number->end += 2;
    take_magnitudes(phrase, *number);
  } else if (phrase.is(number->end, Particle::and_) &&
             phrase.is(number->end + (phrase.is(number->end + 1, Particle::a) ? 2 : 1), Particle::half) &&
             !phrase.is_russian()) {
    number->thousandths += kOne / 2;
    number->end += phrase.is(number->end + 1, Particle::a) ? 3 : 2;
  }
  return number;
}

std::optional<Numeral> read_ordinal(const Phrase& phrase, int at) {
  Numeral number;
  if (const auto digits = phrase.digits(at, 2)) {
    int next = at + 1;
    if (phrase.is_dash(next) && phrase.joined(next) && phrase.joined(next + 1)) ++next;
    if (!phrase.is(next, Sense::ordinal_suffix) || !phrase.joined(next)) return std::nullopt;
    // "5 й" is a slip, "5 я" is not an ordinal: only joined suffixes count
    number.thousandths = *digits * kOne;
    number.digits = static_cast<int>(phrase.text(at).size());
    number.end = next + 1;
    return number;
  }
  if (const auto tens = phrase.as(at, Sense::cardinal); tens && *tens >= 20 && *tens <= 90 && *tens % 10 == 0) {
    int next = at + 1;
    if (phrase.is_dash(next) && phrase.joined(next) && phrase.joined(next + 1)) ++next;
    const auto rest = phrase.as(next, Sense::ordinal);
    if (!rest || *rest >= 10) return std::nullopt;
    number.thousandths = (*tens + *rest) * kOne;
    number.end = next + 1;
    return number;
  }
  const auto value = phrase.as(at, Sense::ordinal);
  if (!value) return std::nullopt;
  number.thousandths = *value * kOne;
  number.end = at + 1;
  return number;
}

std::string decimal(std::int64_t thousandths, int decimals) {
  std::string text = std::to_string(thousandths / kOne);
  std::int64_t part = thousandths % kOne;
  if (part == 0) return text;
  std::string digits = std::to_string(part + kOne).substr(1);
  while (digits.size() > static_cast<std::size_t>(decimals) && digits.back() == '0') digits.pop_back();
  return text + "." + digits;
}

}  // namespace easyflow::nlp
