// Dates, weekdays, months and years.
#include "core/nlp/time_reader.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace easyflow::nlp {

using std::chrono::days;
using std::chrono::sys_days;

int TimeReader::year_at(int at, int& year, bool after_month) const {
  int next = at;
  if (after_month && p_.is_sign(next, ',') && !p_.is_russian()) ++next;
  const auto digits = p_.digits(next, 4);
  if (!digits || p_.text(next).size() != 4 || *digits < 1900 || *digits > 2100 || counts_something(next + 1) ||
      !p_.ends_fresh(next + 1) || (p_.joined(next) && !after_month))
    return at;
  year = *digits;
  ++next;
  return p_.is(next, Sense::year_mark) ? next + 1 : next;
}

std::optional<std::pair<int, int>> TimeReader::day_at(int at) const {
  return days_.at(at, 0, [&] { return read_day(at); });
}

std::optional<std::pair<int, int>> TimeReader::read_day(int at) const {
  if (const auto ordinal = read_ordinal(p_, at); ordinal && ordinal->whole() >= 1 && ordinal->whole() <= 31)
    return std::pair(ordinal->end, static_cast<int>(ordinal->whole()));
  const auto digits = p_.digits(at, 2);
  if (!digits || *digits < 1 || *digits > 31) return std::nullopt;
  return std::pair(at + 1, *digits);
}

std::optional<DateParts> TimeReader::date_at(int at) const {
  return dates_.at(at, 0, [&] { return read_date(at); });
}

std::optional<DateParts> TimeReader::read_date(int at) const {
  if (auto date = numeric_date(at)) return date;
  int next = at;
  if (p_.is(next, Particle::the)) ++next;
  DateParts date;
  if (const auto day = day_at(next)) {
    next = day->first;
    if (p_.is_sign(next, '.') && p_.joined(next) && p_.is(next + 1, Sense::month)) ++next;
    if (p_.is(next, Particle::of) || (p_.is_dash(next) && p_.joined(next))) ++next;
    const auto month = p_.as(next, Sense::month);
    if (!month) return std::nullopt;
    date = {next + 1, day->second, *month, 0, false};
  } else if (const auto name = p_.as(next, Sense::month); name && next == at) {
    ++next;
    if (p_.is_sign(next, '.') && p_.joined(next)) ++next;
    if (p_.is(next, Particle::the)) ++next;
    const auto number = day_at(next);
    const bool goes_on = number && p_.is_dash(number->first) && day_at(number->first + 1);
    if (!number || counts_something(number->first) || (!p_.ends_fresh(number->first) && !goes_on) ||
        p_.is(number->first, Sense::unit) || p_.is_sign(number->first, ':'))
      return std::nullopt;
    date = {number->first, number->second, *name, 0, false};
  } else {
    return std::nullopt;
  }
  int after = date.end;
  if (p_.is_sign(after, '.') && p_.joined(after) && p_.digits(after + 1, 4)) ++after;
  if (const int with_year = year_at(after, date.year, true); with_year != after) date.end = with_year;
  if (!make_date(date.year == 0 ? 2024 : date.year, date.month, date.day)) return std::nullopt;
  return date;
}

std::optional<DateParts> TimeReader::numeric_date(int at) const {
  const auto first = p_.digits(at, 4);
  if (!first || !p_.begins_fresh(at) || !p_.joined(at + 1) || !p_.joined(at + 2)) return std::nullopt;
  const auto second = p_.digits(at + 2, 2);
  if (!second) return std::nullopt;
  const bool dot = p_.is_sign(at + 1, '.');
  const bool slash = p_.is_sign(at + 1, '/');
  if (!dot && !slash && !p_.is_dash(at + 1)) return std::nullopt;
  const bool same_mark = p_.text(at + 1) == p_.text(at + 3) && p_.joined(at + 3) && p_.joined(at + 4);
  const auto third = same_mark ? p_.digits(at + 4, 4) : std::nullopt;
  if (p_.text(at).size() == 4) {  // 2026-11-14
    if (!third || *first < 1900 || *first > 2100 || p_.text(at + 4).size() > 2 || !make_date(*first, *second, *third))
      return std::nullopt;
    return DateParts{at + 5, *third, *second, *first, false};
  }
  if (p_.text(at).size() > 2) return std::nullopt;
  DateParts date{at + 3, *first, *second, 0, false};
  const bool month_first = slash && !p_.is_russian();
  if (slash && *second > 12) std::swap(date.day, date.month);
  date.ambiguous = month_first && date.day <= 12 && date.month <= 12 && date.day != date.month;
  const auto written = p_.text(at + 4).size();
  if (third && (written == 4 || (written == 2 && (dot || slash)))) {
    date.year = written == 4 ? *third : *third < 50 ? 2000 + *third : 1900 + *third;
    if (date.year < 1900 || date.year > 2100) return std::nullopt;
    date.end = at + 5;
  } else if (!dot && !slash) {
    return std::nullopt;
  }
  const bool to_another = p_.is_dash(date.end) && p_.digits(date.end + 1, 2) && p_.is_sign(date.end + 2, '.');
  if (!(p_.ends_fresh(date.end) || to_another) || !make_date(date.year == 0 ? 2024 : date.year, date.month, date.day))
    return std::nullopt;
  if (date.year == 0 && !plain_day_and_month(at, date, dot)) return std::nullopt;
  return date;
}

bool TimeReader::plain_day_and_month(int at, const DateParts& date, bool dot) const {
  if (counts_something(date.end) || p_.is(date.end, Sense::unit) || p_.is(date.end, Sense::short_unit) ||
      p_.is(at - 1, Sense::currency_mark) || p_.is(at - 1, Sense::no_quantity) || p_.is(at - 1, Sense::rating))
    return false;
  if (!dot && *p_.digits(at) == *p_.digits(at + 2)) return false;  // "10/10" is a mark
  if (whole_text(at, date.end) || at == last_date_end_ || p_.is(date.end, Sense::weekday)) return true;
  if (p_.is_any(at - 1, {Particle::ot, Particle::before, Particle::s, Particle::po, Particle::k, Particle::on,
                         Particle::since, Particle::by, Particle::after}) ||
      p_.is(at - 1, Sense::weekday) || p_.is(at - 1, Sense::short_weekday))
    return true;
  const bool two_digits = p_.text(at).size() == 2 && p_.text(at + 2).size() == 2;
  // "sent it 12/11"
  if (two_digits && !dot && p_.ends(date.end) && p_.in_the_past(at, date.end, 3, 0)) return true;
  return two_digits && dot && p_.is_russian();
}

std::optional<sys_days> TimeReader::day_of(const DateParts& date, Tense tense) const {
  if (date.ambiguous) return std::nullopt;
  return date.year != 0 ? make_date(date.year, date.month, date.day) : calendar_.resolve(date.month, date.day, tense);
}

std::string TimeReader::value_of(const DateParts& date, Tense tense) const {
  const auto day = day_of(date, tense);
  return day ? iso_date(*day) : std::string();
}

TimeReader::Found TimeReader::timestamp(int at) const {
  const auto date = p_.digits(at, 4) && p_.text(at).size() == 4 ? iso_day(at) : std::nullopt;
  if (!date || p_.text(date->end) != "t" || !p_.joined(date->end)) return std::nullopt;
  const int at_clock = date->end + 1;
  const auto hour = p_.digits(at_clock, 2);
  const auto minute = p_.digits(at_clock + 2, 2);
  if (!hour || !minute || *hour > 23 || *minute > 59 || !p_.is_sign(at_clock + 1, ':')) return std::nullopt;
  int end = at_clock + 3;
  if (p_.is_sign(end, ':') && p_.digits(end + 1, 2)) end += 2;
  if (p_.joined(end) && p_.text(end) == "z") ++end;
  const auto day = make_date(date->year, date->month, date->day);
  return FoundTime{at, end, iso_date(*day) + iso_clock(*hour, *minute), kSure, false};
}

std::optional<DateParts> TimeReader::iso_day(int at) const {
  const auto year = p_.digits(at, 4);
  const auto month = p_.digits(at + 2, 2);
  const auto day = p_.digits(at + 4, 2);
  if (!year || !month || !day || !p_.is_dash(at + 1) || !p_.is_dash(at + 3) || *year < 1900 || *year > 2100 ||
      !p_.begins_fresh(at) || !make_date(*year, *month, *day))
    return std::nullopt;
  return DateParts{at + 5, *day, *month, *year, false};
}

TimeReader::Found TimeReader::dates(int at) const {
  if (auto range = date_range(at, false)) return range;
  if (p_.is_number(at) && !p_.begins_fresh(at)) return std::nullopt;
  const auto date = date_at(at);
  if (!date) return std::nullopt;
  const bool named = p_.is(at, Sense::month) && !p_.is_number(at);
  if (named && p_.text(at) == "may" && !p_.is_number(at + 1)) return std::nullopt;
  return FoundTime{at, date->end, value_of(*date, tense(at, date->end)), kSure, false};
}

TimeReader::Found TimeReader::date_range(int at, bool between) const {
  if (p_.is_number(at) && !p_.begins_fresh(at)) return std::nullopt;
  int next = at;
  if (p_.is(at, Particle::the)) ++next;
  std::optional<DateParts> first = date_at(at);
  std::optional<std::pair<int, int>> first_day;
  bool month_leads = false;
  if (first) {
    next = first->end;
    month_leads = p_.is(at, Sense::month);
  } else {
    first_day = day_at(next);
    if (!first_day) return std::nullopt;
    next = first_day->first;
  }
  if (p_.is_sign(next, '.') && p_.joined(next)) ++next;
  const bool slash = p_.is_sign(next, '/');
  if (!is_joiner(next) && !slash && !(between && p_.is(next, Particle::and_)) &&
      !(p_.is(next, Particle::na) && p_.is(at - 1, Particle::s) && !first))  // "с 23 ноября на 26 ноября" is a move
    return std::nullopt;
  if (p_.is(next, Particle::before) && !p_.is_any(at - 1, {Particle::s, Particle::ot, Particle::from}))
    return std::nullopt;
  ++next;
  std::optional<DateParts> second = loose_date(next);
  if (!second && month_leads && first->year == 0) {  // "Nov 3-5"
    if (const auto day = day_at(next); day && p_.ends_fresh(day->first) && !p_.is_sign(day->first, ':'))
      second = DateParts{day->first, day->second, first->month, 0, false};
    if (second) second->end = year_at(second->end, second->year, true);
  }
  if (!second) return std::nullopt;
  if (first_day) first = DateParts{first_day->first, first_day->second, second->month, 0, false};
  if (first->year == 0) first->year = second->year;
  const Tense when = tense(at, second->end);
  auto from = day_of(*first, when);
  auto to = day_of(*second, when);
  if (!from || !to) return FoundTime{at, second->end, "", kSure, false};
  if (*to < *from && second->year == 0) to = make_date(year_of(*from) + 1, second->month, second->day);
  if (!to || *to < *from) return std::nullopt;
  return FoundTime{at, second->end, iso_date(*from) + "/" + iso_date(*to), kSure, false};
}

int TimeReader::year_of(sys_days day) { return static_cast<int>(std::chrono::year_month_day(day).year()); }

std::optional<DateParts> TimeReader::loose_date(int at) const {
  if (auto date = date_at(at)) return date;
  const auto day = p_.digits(at, 2);
  const auto month = p_.digits(at + 2, 2);
  if (!day || !month || !p_.is_sign(at + 1, '.') || !p_.joined(at + 1) || !p_.joined(at + 2) ||
      p_.text(at + 2).size() != 2 || !make_date(2024, *month, *day))
    return std::nullopt;
  DateParts date{at + 3, *day, *month, 0, false};
  if (p_.is_sign(at + 3, '.') && p_.joined(at + 3) && p_.joined(at + 4)) {
    if (const auto year = p_.digits(at + 4, 4)) {
      date.year = p_.text(at + 4).size() == 4 ? *year : 2000 + *year;
      date.end = at + 5;
    }
  }
  if (counts_something(date.end) || !p_.ends_fresh(date.end) || date.year > 2100) return std::nullopt;
  return date;
}

TimeReader::Found TimeReader::weekdays(int at) const {
  const bool from = p_.is_any(at, {Particle::s, Particle::from});
  const int first = from ? at + 1 : at;
  if (!is_weekday(first)) return std::nullopt;
  const bool joins =
      p_.is_dash(first + 1) || (from && p_.is_any(first + 1, {Particle::po, Particle::before, Particle::to}));
  if (!joins || !is_weekday(first + 2)) return std::nullopt;
  return FoundTime{at, first + 3, "", kSure, false};
}

bool TimeReader::is_weekday(int at) const {
  return p_.is(at, Sense::weekday) || p_.is(at, Sense::weak_weekday) || p_.is(at, Sense::short_weekday);
}

TimeReader::Found TimeReader::weekday(int at) const {
  if (auto range = weekdays(at)) return range;
  int next = at;
  bool cued = p_.is_any(at - 1, {Particle::v, Particle::na, Particle::on, Particle::k, Particle::before, Particle::by,
                                 Particle::s, Particle::since, Particle::from, Particle::after, Particle::for_});
  // "не позже пятницы", "в пн или вт"
  cued = cued || p_.is(at - 1, Sense::before_genitive) || (p_.is(at - 1, Particle::or_) && at - 1 == last_date_end_);
  if (p_.is(at - 1, Particle::every)) return std::nullopt;  // no date, but a habit
  const auto shift = p_.as(next, Sense::shift);
  if (shift) ++next;
  auto day = p_.as(next, Sense::weekday);
  const bool weak = !day;
  if (!day) day = p_.as(next, Sense::weak_weekday);
  const bool is_short = !day;
  if (!day) day = p_.as(next, Sense::short_weekday);
  if (!day) return std::nullopt;
  int end = next + 1;
  if (p_.is_word(at - 1) && !shift && !cued && day == 5 && is_black(at - 1)) return std::nullopt;
  if (is_short && p_.is_sign(end, '.') && p_.joined(end)) ++end;
  int at_date = end;
  if (p_.is_sign(at_date, ',')) ++at_date;
  if (const auto date = date_at(at_date); date && !shift)
    return FoundTime{with_preposition(at), date->end, value_of(*date, tense(at, date->end)), kSure, false};
  end = next + 1;
  if (const auto ordinal = read_ordinal(p_, at_date);
      ordinal && p_.is_number(at_date) && !shift) {  // "в субботу, 21-го"
    const auto date = ordinal->whole() >= 1 && ordinal->whole() <= 31
                          ? calendar_.resolve_day(static_cast<int>(ordinal->whole()), tense(at, ordinal->end))
                          : std::nullopt;
    return FoundTime{with_preposition(at), ordinal->end, date ? iso_date(*date) : "", kSure, false};
  }
  const bool alone = whole_text(at, end);
  if (is_short &&
      !(p_.is_any(at - 1, {Particle::v, Particle::on, Particle::before, Particle::k, Particle::by}) || alone ||
        (p_.is_any(at - 1, {Particle::or_, Particle::and_}) && at - 1 == last_date_end_) || at == last_date_end_))
    return std::nullopt;
  if (is_short && p_.text(next) == "sun" && !p_.is(at - 1, Particle::on)) return std::nullopt;
  if (weak && !is_short && !cued && !shift && !alone) return std::nullopt;
  if (weak && !is_short && p_.text(next).ends_with("е") && !p_.is(at - 1, Particle::k)) return std::nullopt;
  int weeks = shift.value_or(0);
  bool week_named = false;
  if (const auto week = week_at(end)) {  // "вторник на следующей неделе"
    end = week->first;
    weeks = week->second;
    week_named = true;
  }
  if (p_.is(end, Sense::day_part)) ++end;
  FoundTime found{with_preposition(at), end, "", cued || shift ? kSure : kLikely, false};
  if (week_named) {
    found.value = iso_date(calendar_.monday() + days(7 * weeks + *day - 1));
  } else if (shift && *shift != 0) {
    found.value = iso_date(calendar_.weekday(*day, *shift > 0 ? Tense::future : Tense::past));
  } else if (shift && calendar_.monday() + days(*day - 1) == calendar_.today()) {
    found.value = iso_date(calendar_.today());
  } else if (cued || shift) {
    const bool past = p_.is(at - 1, Particle::since) || (tense(at, end) == Tense::past);
    found.value = iso_date(calendar_.weekday(*day, past ? Tense::past : Tense::future));
  }
  return found;
}

bool TimeReader::is_black(int at) const {
  const std::string_view word = p_.text(at);
  return word == "black" || word.starts_with("chern") || word == "ernaya" || word.starts_with("черн") ||
         word.starts_with("чёрн") || word.starts_with("чорн") || word == "good";
}

std::optional<std::pair<int, int>> TimeReader::week_at(int at) const {
  int next = at;
  if (p_.is(next, Particle::na)) ++next;
  const auto shift = p_.as(next, Sense::shift);
  if (!shift || p_.as(next + 1, Sense::unit) != static_cast<int>(Unit::week)) return std::nullopt;
  return std::pair(next + 2, *shift);
}

TimeReader::Found TimeReader::month(int at) const {
  const auto name = p_.as(at, Sense::month);
  if (!name || p_.joined(at)) return std::nullopt;
  int year = 0;
  int after = at + 1;
  if (p_.is_sign(after, '.') && p_.joined(after) && p_.digits(after + 1, 4)) ++after;
  const int end = year_at(after, year, true);
  if (year != 0) {
    const std::chrono::year_month named{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(*name))};
    return FoundTime{at, end, iso_month(named), kSure, false};
  }
  const bool cued = p_.is_any(at - 1, {Particle::v, Particle::na, Particle::k, Particle::before, Particle::s,
                                       Particle::za, Particle::po, Particle::in, Particle::since, Particle::by,
                                       Particle::from, Particle::after, Particle::of, Particle::within}) ||
                    (p_.is(at - 1, Particle::for_) && *name != 5 && *name != 3);
  if (!cued && !whole_text(at, at + 1)) return std::nullopt;
  if (p_.text(at) == "may" && !p_.is_any(at - 1, {Particle::in, Particle::since, Particle::by})) return std::nullopt;
  return FoundTime{at, at + 1, iso_month(calendar_.resolve_month(*name, tense(at, at + 1))), kSure, false};
}

TimeReader::Found TimeReader::quarter(int at) const {
  auto number = read_ordinal(p_, at);
  // "за 2 квартал": two of them would be "квартала"
  if (!number && p_.digits(at, 1) &&
      (p_.text(at + 1) == "квартале" || (p_.text(at + 1) == "квартал" && p_.text(at) != "1")))
    number = number_at(at);
  if (!number || number->whole() > 4 || number->whole() < 1 ||
      p_.as(number->end, Sense::unit) != static_cast<int>(Unit::quarter))
    return std::nullopt;
  int year = 0;
  const int end = year_at(number->end + 1, year, true);
  return FoundTime{at, end, "", kSure, false};
}

TimeReader::Found TimeReader::year(int at) const {
  const auto digits = p_.digits(at, 4);
  if (!digits || p_.text(at).size() != 4 || *digits < 1900 || *digits > 2100 || !p_.begins_fresh(at))
    return std::nullopt;
  int end = at + 1;
  if (p_.is_dash(end) && p_.joined(end) && p_.is(end + 1, Sense::ordinal_suffix)) end += 2;
  if (p_.is(end, Sense::year_mark) && !(p_.text(end) == "г" && p_.is(end + 1, Sense::currency)))
    return FoundTime{at, end + 1, std::string(p_.text(at)), kSure, false};
  const bool cued =
      p_.is_any(at - 1, {Particle::in, Particle::since}) && p_.ends_fresh(end) && p_.ends(end) && !p_.is_russian();
  if (!cued) return std::nullopt;
  return FoundTime{at, end, std::string(p_.text(at)), kLikely, false};
}

TimeReader::Found TimeReader::day_of_month(int at) const {
  int next = at;
  if (p_.is(next, Particle::the)) ++next;
  if (p_.is_number(next) && !p_.begins_fresh(next)) return std::nullopt;
  const auto day = day_at(next);
  if (!day) return std::nullopt;
  if (p_.is(day->first, Sense::day_mark) && p_.text(day->first) != "число" && next == at) {
    const auto shift = p_.as(day->first + 1, Sense::shift);
    if (shift && p_.as(day->first + 2, Sense::unit) == static_cast<int>(Unit::month)) {  // "5 числа следующего месяца"
      const std::chrono::year_month_day now(calendar_.today());
      const auto month = std::chrono::year_month(now.year(), now.month()) + std::chrono::months(*shift);
      const auto named = make_date(static_cast<int>(month.year()),
                                   static_cast<int>(static_cast<unsigned>(month.month())), day->second);
      return FoundTime{at, day->first + 3, named ? iso_date(*named) : "", kSure, false};
    }
    const auto date = calendar_.resolve_day(day->second, tense(at, day->first));
    return FoundTime{at, day->first + 1, date ? iso_date(*date) : "", kSure, false};
  }
  const bool cued = p_.is_any(at - 1, {Particle::before, Particle::k, Particle::s, Particle::na, Particle::po,
                                       Particle::after, Particle::on, Particle::by, Particle::since, Particle::from});
  const bool digits = p_.is_number(next) && read_ordinal(p_, next).has_value();
  const bool genitive = digits && p_.is_russian() && p_.text(day->first - 1).ends_with("го") &&
                        (p_.ends(day->first) || p_.is_any(day->first, {Particle::but, Particle::after,
                                                                       Particle::before}));  // "съезжаю 30-го, а"
  const bool alone = (whole_text(at, day->first) && digits) || genitive;
  if (!(cued || alone) || !digits ||
      (!alone && !p_.is_russian() && next == at && !p_.is_any(at - 1, {Particle::on, Particle::by})))
    return std::nullopt;
  const bool before_verb =
      p_.is_russian() && p_.is_word(day->first) && !p_.known(day->first) &&
      p_.is_any(at - 1, {Particle::before, Particle::k, Particle::s, Particle::po, Particle::after});
  if (!p_.ends(day->first) && !p_.is(day->first, Sense::particle) && !before_verb) return std::nullopt;
  const auto date = calendar_.resolve_day(day->second, tense(at, day->first));
  return FoundTime{at, day->first, date ? iso_date(*date) : "", kLikely, false};
}

}  // namespace easyflow::nlp
