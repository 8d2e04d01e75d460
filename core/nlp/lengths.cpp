// Lengths of time, and the dates told by them: "через 2 дня", "a week ago".
#include "core/nlp/time_reader.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace easyflow::nlp {

std::optional<Lengths> TimeReader::length_at(int at) const {
  return lengths_.at(at, 0, [&] { return read_length(at); });
}

std::optional<Lengths> TimeReader::read_length(int at) const {
  Lengths lengths;
  int next = at;
  if (auto about = about_so_many(at)) return about;
  if (const auto half = p_.as(next, Sense::half_unit)) {
    lengths.length.add(500, static_cast<Unit>(*half));
    lengths.end = next + 1;
    return lengths;
  }
  if (auto part = part_of_unit(next)) return part;
  if (const int few = p_.is(next, Particle::a) ? next + 1 : next; p_.is(few, Particle::few)) {
    if (!p_.is(few + 1, Sense::unit)) return std::nullopt;
    lengths.end = few + 2;
    lengths.is_range = true;
    return lengths;
  }
  if (p_.is(next, Particle::a) && !p_.is_russian()) {
    ++next;
    if (p_.is(next, Sense::pair)) {
      next = at;
    } else if (p_.is(next, Sense::magnitude)) {
      next = at;
    } else {
      if (p_.is(next, Sense::unit_adjective)) ++next;
      const auto unit = p_.as(next, Sense::single_unit);
      if (!unit) return std::nullopt;
      return rest_of_length(next, 1000, static_cast<Unit>(*unit), lengths);
    }
  }
  auto number = number_at(next);
  if (!number || (p_.is_number(next) && !p_.begins_fresh(next))) return std::nullopt;
  next = number->end;
  if (p_.is_dash(next) && p_.joined(next) && is_case_ending(next + 1)) next += 2;  // "3-х дней"
  const bool dash = p_.is_dash(next);
  if (dash || p_.is_any(next, {Particle::or_, Particle::to}) ||
      (p_.is(next, Particle::before) && p_.is_any(at - 1, {Particle::ot, Particle::from}))) {
    if (const auto upper = number_at(next + 1); upper && !(p_.is_number(next + 1) && !p_.ends_fresh(upper->end))) {
      number = upper;
      lengths.is_range = true;
      next = upper->end;
      if (p_.is_dash(next) && p_.joined(next) && is_case_ending(next + 1)) next += 2;
    } else if (!(dash && p_.joined(next) && p_.joined(next + 1) && p_.is(next + 1, Sense::unit))) {
      return std::nullopt;
    } else {
      ++next;  // "2-year"
    }
  }
  while (p_.is(next, Sense::unit_adjective) && next < number->end + 3) ++next;
  auto unit = p_.as(next, Sense::unit);
  if (!unit) unit = p_.as(next, Sense::short_unit);
  if (!unit || number->has_magnitude || number->thousandths > 100'000'000) return std::nullopt;
  if (static_cast<Unit>(*unit) >= Unit::day && number->thousandths > 5'000'000) return std::nullopt;
  if (static_cast<Unit>(*unit) == Unit::year && number->thousandths >= 200'000) return std::nullopt;
  return rest_of_length(next, number->thousandths, static_cast<Unit>(*unit), lengths);
}

std::optional<Lengths> TimeReader::about_so_many(int at) const {
  const auto unit = p_.as(at, Sense::unit);
  if (!unit || p_.is(at, Sense::single_unit) || !p_.is_russian() || !is_russian_word(at) || p_.is_number(at - 1) ||
      p_.is(at - 1, Sense::cardinal) || p_.is(at, Sense::month) || p_.is(at, Sense::genitive_unit))
    return std::nullopt;
  const auto number = read_small(at + 1);
  if (!number || number->second < 2 || counts_something(number->first) || p_.is(number->first, Sense::unit) ||
      p_.is(number->first, Sense::month) || !p_.ends_fresh(number->first) || p_.is_sign(number->first, ':'))
    return std::nullopt;
  Lengths lengths;
  lengths.length.add(std::int64_t{1000} * number->second, static_cast<Unit>(*unit));
  lengths.end = number->first;
  return lengths;
}

bool TimeReader::is_case_ending(int at) const {
  constexpr std::array<std::string_view, 6> kCaseEndings = {"х", "ти", "и", "ми", "м", "x"};
  return p_.joined(at) && std::find(kCaseEndings.begin(), kCaseEndings.end(), p_.text(at)) != kCaseEndings.end();
}

std::optional<Lengths> TimeReader::rest_of_length(int at, std::int64_t thousandths, Unit unit, Lengths lengths) const {
  int next = at + 1;
  const bool half = (p_.is(next, Particle::s) && p_.is(next + 1, Particle::with_half)) ||
                    (p_.is(next, Particle::and_) && p_.is(next + 1, Particle::half) && !p_.is_russian());
  const bool a_half = p_.is(next, Particle::and_) && p_.is(next + 1, Particle::a) && p_.is(next + 2, Particle::half);
  if (half || a_half) {
    thousandths += 500;
    next += half ? 2 : 3;
  }
  lengths.length.add(thousandths, unit);
  lengths.end = next;
  while (!lengths.is_range && unit > Unit::second) {
    int more = lengths.end;
    if (p_.is(more, Particle::and_) || p_.is_sign(more, ',')) ++more;
    if (p_.is(more, Particle::a)) ++more;
    const auto number = number_at(more);
    if (!number || number->has_magnitude || number->thousandths > 1'000'000) break;
    auto smaller = p_.as(number->end, Sense::unit);
    if (!smaller) smaller = p_.as(number->end, Sense::short_unit);
    if (!smaller || static_cast<Unit>(*smaller) >= unit) break;
    unit = static_cast<Unit>(*smaller);
    lengths.length.add(number->thousandths, unit);
    lengths.end = number->end + 1;
  }
  return lengths;
}

std::optional<Lengths> TimeReader::part_of_unit(int at) const {
  std::int64_t count = 1;
  int next = at;
  if (const auto number = read_small(at); number && p_.as(number->first, Sense::fraction) == 250) {
    count = number->second;
    next = number->first;
  }
  std::int64_t part = 0;
  if (const auto fraction = p_.as(next, Sense::fraction); fraction && *fraction < 1000)
    part = *fraction;
  else if (p_.is(next, Particle::half) && !p_.is_russian())
    part = 500;
  if (part == 0 || count > 10) return std::nullopt;
  ++next;
  if (p_.is(next, Particle::of)) ++next;
  if (p_.is(next, Particle::a)) ++next;
  const auto unit = p_.as(next, Sense::unit);
  if (!unit || (part == 250 && static_cast<Unit>(*unit) != Unit::hour && static_cast<Unit>(*unit) != Unit::year))
    return std::nullopt;
  Lengths lengths;
  lengths.length.add(count * part, static_cast<Unit>(*unit));
  lengths.end = next + 1;
  return lengths;
}

std::optional<Lengths> TimeReader::single_at(int at) const {
  const auto unit = p_.as(at, Sense::single_unit);
  if (!unit) return std::nullopt;
  return rest_of_length(at, 1000, static_cast<Unit>(*unit), Lengths{});
}

TimeReader::Found TimeReader::after_a_while(int at) const {
  if (p_.is(at, Sense::unit) && p_.is(at + 1, Particle::through)) {  // "часа через два"
    const auto number = read_small(at + 2);
    if (!number || number->second == 0 || p_.is(number->first, Sense::unit)) return std::nullopt;
    Length length;
    length.add(std::int64_t{1000} * number->second, static_cast<Unit>(*p_.as(at, Sense::unit)));
    return FoundTime{at, number->first, calendar_.moved(length, 1), kLikely, false};
  }
  const bool through = p_.is(at, Particle::through);
  if (!through && !p_.is(at, Particle::in)) return std::nullopt;
  auto length = length_at(at + 1);
  if (!length && through) length = single_at(at + 1);
  if (!length || is_age(at + 1, length->end)) return std::nullopt;
  if (p_.in_the_past(at, length->end, 6, through ? 3 : 0)) return std::nullopt;
  // "через неделю использования": what lasted
  if (const std::string_view what = p_.text(length->end);
      through && (what.starts_with("использ") || what.starts_with("ispolz") || what.starts_with("эксплуат") ||
                  what == "носки" || what == "noski" || what == "работы"))
    return std::nullopt;
  if (p_.is(at - 1, Particle::every)) return std::nullopt;
  return FoundTime{at, length->end, length->is_range ? "" : calendar_.moved(length->length, 1), kSure, false};
}

TimeReader::Found TimeReader::ago(int at) const {
  auto length = length_at(at);
  if (!length) length = single_at(at);
  if (!length) return std::nullopt;
  int end = length->end;
  if (p_.is(end, Particle::from) && p_.is(end + 1, Particle::now))
    return FoundTime{at, end + 2, length->is_range ? "" : calendar_.moved(length->length, 1), kSure, false};
  if (p_.text(end) == "тому" || p_.text(end) == "tomu") ++end;
  if (!p_.is(end, Sense::ago)) return std::nullopt;
  return FoundTime{at, end + 1, length->is_range ? "" : calendar_.moved(length->length, -1), kSure, false};
}

TimeReader::Found TimeReader::several_units(int at) const {
  if (!p_.is(at, Sense::plural_shift)) return std::nullopt;
  const auto length = length_at(at + 1);
  if (!length || length->is_range) return std::nullopt;
  return FoundTime{at, length->end, "", kLikely, false};
}

bool TimeReader::is_age(int begin, int end) const {
  // "в 60 лет"
  if (p_.is(begin - 1, Particle::v) && p_.text(end - 1) == "лет") return true;
  const auto unit = p_.as(end - 1, Sense::unit);
  if (unit != static_cast<int>(Unit::year) && unit != static_cast<int>(Unit::month)) return false;
  if (p_.text(end) == "old" || (p_.is_dash(end) && p_.text(end + 1) == "old")) return true;
  for (int i = std::max(0, begin - 4); i < std::min(p_.size(), end + 2); ++i)
    if (p_.is(i, Sense::child)) return true;
  if (p_.text(end).starts_with("гарант")) return false;
  constexpr std::array<std::string_view, 21> kWhose = {
      "мне",     "ему",     "ей",   "нам",  "am",   "i'm",  "мне-",    "is",    "turned", "маме",     "папе",
      "бабушке", "дедушке", "мужу", "жене", "тете", "тёте", "подруге", "брату", "сестре", "директору"};
  return std::find(kWhose.begin(), kWhose.end(), p_.text(begin - 1)) != kWhose.end() &&
         unit == static_cast<int>(Unit::year);
}

/// "вторую неделю жду", "уже третий день": the one under way counts.
TimeReader::Found TimeReader::running_length(int at) const {
  const auto nth = p_.as(at, Sense::ordinal);
  const auto unit = p_.as(at + 1, Sense::single_unit);
  if (!nth || !unit || *nth < 2 || *nth > 10 || !is_russian_word(at) || !is_russian_word(at + 1)) return std::nullopt;
  if (p_.text(at + 1) != "неделю" && p_.text(at - 1) != "уже") return std::nullopt;
  Length length;
  length.add(std::int64_t{1000} * *nth, static_cast<Unit>(*unit));
  return FoundTime{at, at + 2, length.iso(), kLikely, true};
}

TimeReader::Found TimeReader::duration(int at) const {
  auto length = length_at(at);
  const bool bare_article = p_.is(at, Particle::a) && !p_.is_russian();
  if (length && bare_article && !p_.is(at + 1, Sense::unit_adjective) && !single_is_cued(at, at + 1, length->end))
    return std::nullopt;
  if (!length) {
    length = single_at(at);
    if (length && !single_is_cued(at, at, length->end)) length.reset();
  }
  if (!length) {
    const auto unit = p_.as(at, Sense::genitive_unit);
    if (!unit || !p_.is(at - 1, Sense::before_genitive)) return std::nullopt;
    length = Lengths{at + 1, {}, false};
    length->length.add(1000, static_cast<Unit>(*unit));
  }
  if (is_age(at, length->end)) return std::nullopt;
  if (p_.is(length->end, Sense::holiday_part) || p_.text(length->end).starts_with("рожд")) return std::nullopt;
  return FoundTime{at, length->end, length->is_range ? "" : length->length.iso(), kSure, true};
}

bool TimeReader::single_is_cued(int begin, int at, int end) const {
  if (whole_text(begin, end) || (begin == 1 && p_.is(0, Sense::before_duration) && whole_text(0, end))) return true;
  if (end > at + 1) return true;  // "неделю и 2 дня"
  const auto unit = static_cast<Unit>(p_.as(at, Sense::single_unit).value_or(0));
  if (p_.is_russian() && unit >= Unit::week && p_.text(end).starts_with("жд")) return true;
  if (p_.is_russian() && unit >= Unit::month && p_.text(end).starts_with("гаранти")) return true;
  // "гарантия на блендер год"
  if (p_.is_russian() && unit >= Unit::month)
    for (int i = std::max(0, begin - 4); i < begin; ++i)
      if (p_.text(i).starts_with("гаранти")) return true;
  if (!p_.is(begin - 1, Sense::before_duration)) return false;
  if (begin != at) return unit != Unit::day || !p_.is(begin - 1, Particle::every);
  if (!p_.is_russian()) return p_.text(begin - 1) == "whole";
  if (unit == Unit::day)
    return !p_.is_any(begin - 1, {Particle::za, Particle::na, Particle::through}) && p_.text(begin - 1) != "еще" &&
           p_.text(begin - 1) != "уже";
  return unit != Unit::second;
}

}  // namespace easyflow::nlp
