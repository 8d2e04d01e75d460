// Times of day.
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

bool TimeReader::is_hour(int at) const {
  const auto unit = p_.as(at, Sense::unit);
  const auto letter = p_.as(at, Sense::short_unit);
  return (unit == static_cast<int>(Unit::hour) && p_.is_russian()) || (letter == static_cast<int>(Unit::hour));
}

std::optional<DayPart> TimeReader::meridiem_at(int& end) const {
  if (const auto part = p_.as(end, Sense::meridiem)) {
    ++end;
    return static_cast<DayPart>(*part);
  }
  if (p_.is(end, Particle::after) && p_.is(end + 1, Sense::clock_word) && p_.is_russian()) {
    end += 2;
    return DayPart::day;
  }
  const bool pm = p_.text(end) == "p";
  if ((pm || p_.text(end) == "a") && p_.is_sign(end + 1, '.') && p_.text(end + 2) == "m" && p_.joined(end + 2)) {
    end += p_.is_sign(end + 3, '.') && p_.joined(end + 3) ? 4 : 3;
    return pm ? DayPart::pm : DayPart::am;
  }
  if (p_.is(end, Particle::in) && p_.is(end + 1, Particle::the) && p_.is(end + 2, Sense::day_part)) {
    const auto part = static_cast<DayPart>(*p_.as(end + 2, Sense::day_part));
    end += 3;
    return part;
  }
  return std::nullopt;
}

int TimeReader::hour_in(int hour, std::optional<DayPart> part) {
  if (!part || hour > 12) return hour;
  switch (*part) {
    case DayPart::morning: return hour;
    case DayPart::am: return hour % 12;
    case DayPart::night: return hour >= 9 ? hour % 12 + (hour == 12 ? 0 : 12) : hour;
    case DayPart::evening:
    case DayPart::pm: return hour % 12 + 12;
    case DayPart::noon:
    case DayPart::day: return hour >= 10 ? hour : hour + 12;
  }
  return hour;
}

int TimeReader::hour_of_business(int hour) { return hour >= 1 && hour <= 6 ? hour + 12 : hour; }

std::optional<ClockTime> TimeReader::clock_at(int at, bool cued, bool bare) const {
  return clocks_.at(at, (cued ? 1U : 0U) | (bare ? 2U : 0U), [&] { return read_clock(at, cued, bare); });
}

std::optional<ClockTime> TimeReader::read_clock(int at, bool cued, bool bare) const {
  ClockTime clock;
  if (const auto named = p_.as(at, Sense::clock_word)) return ClockTime{at + 1, *named, 0, true, false};
  if (const auto half = p_.as(at, Sense::half_hour)) return half_hour(at + 1, *half);
  if (p_.as(at, Sense::fraction) == 500 || (p_.is(at, Particle::half) && p_.is_russian())) {
    const auto hour = p_.as(at + 1, Sense::ordinal);
    if (hour && *hour <= 12) return half_hour(at + 2, *hour);
  }
  if (p_.as(at, Sense::fraction) == 250 && p_.is_russian()) {  // "четверть восьмого"
    if (const auto hour = p_.as(at + 1, Sense::ordinal); hour && *hour <= 12) {
      auto quarter = half_hour(at + 2, *hour);
      quarter->minute = 15;
      return quarter;
    }
  }
  if (p_.is(at, Particle::without)) return minutes_before(at);
  if ((p_.is(at, Particle::half) || p_.as(at, Sense::fraction) == 250) &&
      p_.is_any(at + 1, {Particle::after, Particle::to}) && !p_.is_russian())
    return quarter_past(at);

  const auto hour = p_.digits(at, 2);
  if (hour && *hour <= 24 && p_.begins_fresh(at)) {
    const bool colon = p_.is_sign(at + 1, ':');
    const bool other = cued && p_.is_russian() && (p_.is_sign(at + 1, '.') || p_.is_dash(at + 1));
    const auto minute =
        p_.joined(at + 1) && p_.joined(at + 2) && (colon || other) ? p_.digits(at + 2, 2) : std::nullopt;
    if (minute && *minute < 60 && p_.text(at + 2).size() == 2 && (colon || plain_minutes(at, *minute))) {
      clock = {at + 3, *hour, *minute, true, false};
      if (p_.is_sign(clock.end, ':') && p_.joined(clock.end) && p_.digits(clock.end + 1, 2)) clock.end += 2;
      if (!p_.ends_fresh(clock.end) && !p_.is_dash(clock.end) && !p_.is_sign(clock.end, '/')) return std::nullopt;
      if (p_.joined(clock.end) && p_.as(clock.end, Sense::short_unit) == static_cast<int>(Unit::hour)) ++clock.end;
      clock.hour = hour_in(clock.hour, meridiem_at(clock.end));
      return zoned(clock);
    }
  }
  return clock_of_hours(at, cued, bare);
}

bool TimeReader::plain_minutes(int at, int minute) const {
  if (p_.is_dash(at + 1)) return minute % 15 == 0 && p_.ends_fresh(at + 3);
  return p_.ends_fresh(at + 3) && !counts_something(at + 3) && minute % 5 == 0;
}

std::optional<ClockTime> TimeReader::zoned(ClockTime clock) const {
  if (p_.is(clock.end, Sense::time_zone)) {
    clock.zoned = true;
    ++clock.end;
  }
  return clock;
}

std::optional<ClockTime> TimeReader::half_hour(int end, int hour) const {
  ClockTime clock{end, hour == 1 ? 12 : hour - 1, 30, true, false};
  if (const auto part = meridiem_at(clock.end))
    clock.hour = hour_in(clock.hour, part);
  else
    clock.hour = hour_of_business(clock.hour);
  return clock;
}

std::optional<ClockTime> TimeReader::minutes_before(int at) const {
  int minutes = 15;
  int next = at + 2;
  if (p_.as(at + 1, Sense::fraction) != 250) {
    // read as "twenty, five", not as 25
    const auto written = p_.is_number(at + 1) ? p_.digits(at + 1, 2) : p_.as(at + 1, Sense::cardinal);
    if (!written || *written < 1 || *written > 30) return std::nullopt;
    minutes = *written;
    if (minutes == 20 && p_.as(at + 2, Sense::cardinal) && p_.as(at + 3, Sense::cardinal)) {
      minutes += *p_.as(at + 2, Sense::cardinal);
      next = at + 3;
    }
    if (minutes > 30) return std::nullopt;
    if (p_.as(next, Sense::unit) == static_cast<int>(Unit::minute)) ++next;
  }
  auto hour = read_small(next);
  if (!hour && p_.as(next, Sense::single_unit) == static_cast<int>(Unit::hour)) hour = std::pair(next + 1, 1);
  if (!hour || hour->second < 1 || hour->second > 12 || counts_something(hour->first)) return std::nullopt;
  ClockTime clock{hour->first, hour->second, 60 - minutes, true, false};
  const auto part = meridiem_at(clock.end);
  if (!part && !p_.ends(clock.end)) return std::nullopt;
  clock.hour = part ? hour_in(clock.hour, part) : hour_of_business(clock.hour);
  clock.hour = (clock.hour + 23) % 24;
  return clock;
}

std::optional<ClockTime> TimeReader::quarter_past(int at) const {
  const bool half = p_.is(at, Particle::half);
  const bool past = p_.is(at + 1, Particle::after);
  const auto hour = read_small(at + 2);
  if (!hour || hour->second < 1 || hour->second > 12 || (half && !past) || counts_something(hour->first) ||
      p_.is(hour->first, Sense::unit))
    return std::nullopt;
  ClockTime clock{hour->first, hour->second, half ? 30 : past ? 15 : 45, true, false};
  const auto part = meridiem_at(clock.end);
  clock.hour = part ? hour_in(clock.hour, part) : hour_of_business(clock.hour);
  if (!past) clock.hour = (clock.hour + 23) % 24;
  return clock;
}

std::optional<ClockTime> TimeReader::clock_of_hours(int at, bool cued, bool bare) const {
  if (p_.as(at, Sense::single_unit) == static_cast<int>(Unit::hour) && p_.is(at + 1, Sense::meridiem) &&
      p_.is_russian()) {  // "в час дня"
    ClockTime clock{at + 1, 1, 0, true, false};
    clock.hour = hour_in(1, meridiem_at(clock.end));
    return clock;
  }
  const auto number = read_small(at);
  if (!number || number->second > 24 || (p_.is_number(at) && !p_.begins_fresh(at))) return std::nullopt;
  if (p_.is_number(at) && p_.text(at).size() > 2) return std::nullopt;
  ClockTime clock{number->first, number->second, 0, false, false};
  if (p_.text(clock.end) == "o" && p_.text(clock.end + 2) == "clock") {
    clock.end += 3;
    const auto part = meridiem_at(clock.end);
    clock.hour = part ? hour_in(clock.hour, part) : hour_of_business(clock.hour);
    clock.exact = true;
    return clock;
  }
  if (is_hour(clock.end)) {
    const bool letter = p_.joined(clock.end) && p_.is(clock.end, Sense::short_unit);
    int end = clock.end + 1;
    const auto minutes = p_.digits(end, 2);
    const bool has_minutes =
        minutes && *minutes < 60 && p_.text(end).size() == 2 &&
        ((letter && p_.joined(end)) || p_.as(end + 1, Sense::unit) == static_cast<int>(Unit::minute) ||
         p_.as(end + 1, Sense::short_unit) == static_cast<int>(Unit::minute));
    if (has_minutes && (cued || (letter && p_.joined(end)))) {
      clock.minute = *minutes;
      clock.exact = true;
      end += 1;
      if (p_.is(end, Sense::unit) || p_.is(end, Sense::short_unit)) ++end;
    }
    if (p_.is_sign(end, '.') && p_.joined(end) && p_.is(end + 1, Sense::meridiem)) ++end;  // "7 ч. утра"
    const auto part = meridiem_at(end);
    if (part) {
      clock.hour = hour_in(clock.hour, part);
      clock.exact = true;
    } else if (!clock.exact) {
      const bool plain = clock.hour > 12 || p_.is(at - 1, Particle::v) || p_.ends(end) || p_.known(end);
      if (!cued || clock.hour == 24 || !plain) return std::nullopt;
      if (p_.is(end, Sense::ago) || p_.is(end, Sense::goods)) return std::nullopt;
      clock.hour = hour_of_business(clock.hour);
    }
    clock.end = end;
    return zoned(clock);
  }
  int end = clock.end;
  const bool ambiguous_day = p_.is(end, Sense::unit);  // three in the afternoon or three days
  const bool ambiguous_night = p_.as(end, Sense::meridiem) == static_cast<int>(DayPart::night);
  if (const auto part = meridiem_at(end)) {
    if (clock.hour > 12 && *part != DayPart::evening && *part != DayPart::night) return std::nullopt;
    const bool afternoon = clock.hour <= 5 && p_.is_any(at - 1, {Particle::v, Particle::k});
    const bool noon = clock.hour >= 11 && clock.hour <= 12 && cued;
    if (ambiguous_day && !afternoon && !noon) return std::nullopt;
    if (ambiguous_night && !cued) return std::nullopt;
    if (!cued && (*part == DayPart::morning || *part == DayPart::evening) && !p_.is_russian() &&
        p_.is(clock.end, Particle::in))
      return std::nullopt;
    clock.hour = hour_in(clock.hour, part);
    clock.end = end;
    clock.exact = true;
    return zoned(clock);
  }
  if (!bare || counts_something(end) || !p_.ends_fresh(end) || p_.is(end, Sense::unit)) return std::nullopt;
  clock.hour = hour_of_business(clock.hour);
  return clock;
}

std::string TimeReader::value_of(const ClockTime& clock) {
  return clock.zoned ? std::string() : iso_clock(clock.hour, clock.minute);
}

TimeReader::Found TimeReader::clocks(int at) const {
  if (auto range = clock_range(at, false, false)) return range;
  const bool cued = p_.is_any(at - 1, {Particle::v, Particle::k, Particle::before, Particle::after, Particle::s,
                                       Particle::at, Particle::by, Particle::since, Particle::from});
  const bool at_hour = p_.is_any(at - 1, {Particle::v, Particle::k, Particle::at});
  auto clock = clock_at(at, cued, at_hour);
  if (!clock) return std::nullopt;
  if (const auto part = day_part_before(at); part && !clock->exact)
    clock->hour = hour_in(plain_hour(at, clock->hour), part);
  if (!clock->exact && !p_.is(clock->end - 1, Sense::unit) && !p_.is(clock->end - 1, Sense::short_unit)) {
    // "в 3": only where a time is awaited
    const bool awaited = whole_text(at - 1, clock->end) || (last_date_end_ == at - 1 && last_date_end_ > 0) ||
                         p_.near(Sense::coming, at - 1, clock->end, 5, 0) || next_is_day(clock->end);
    if (!awaited || !(p_.ends(clock->end) || p_.is(clock->end, Particle::or_) || next_is_day(clock->end)))
      return std::nullopt;
  }
  const bool named = p_.is(at, Sense::clock_word);
  if (named && !cued && !whole_text(at, clock->end) && last_date_end_ != at && !p_.is(at - 1, Particle::na) &&
      p_.is_russian())
    return std::nullopt;
  return FoundTime{at, clock->end, value_of(*clock), clock->exact ? kSure : kLikely, false};
}

std::optional<DayPart> TimeReader::day_part_before(int at) const {
  if (p_.text(at - 2) == "tonight") return DayPart::evening;
  const auto part = p_.as(at - 2, Sense::day_part);
  return part && at - 1 == last_date_end_ ? std::optional(static_cast<DayPart>(*part)) : std::nullopt;
}

bool TimeReader::next_is_day(int at) const { return p_.is(at, Sense::relative_day) || p_.is(at + 1, Sense::weekday); }

TimeReader::Found TimeReader::clock_range(int at, bool cued, bool between) const {
  if (auto hours = hours_with_one_meridiem(at)) return hours;
  const auto first = clock_at(at, cued, cued);
  if (!first) return std::nullopt;
  int next = first->end;
  const bool dash = p_.is_dash(next) || p_.is_sign(next, '/');
  const bool joins = dash ||
                     (p_.is_any(next, {Particle::before, Particle::to, Particle::po}) ||
                      (p_.text(next) == "till" || p_.text(next) == "until")) ||
                     (between && p_.is(next, Particle::and_));
  if (!joins) return std::nullopt;
  if (!cued && !first->exact) return std::nullopt;
  const auto second = clock_at_end_of_range(next + 1, cued);
  if (!second) return std::nullopt;
  if (!first->exact && !second->exact) {
    const bool hours = is_hour(second->end - 1);
    if (!hours && (!p_.ends(second->end) && !p_.is(second->end, Sense::particle) && !next_is_day(second->end)))
      return std::nullopt;
    if (!p_.is_russian() && !hours && !(between || p_.is(at - 1, Particle::from))) return std::nullopt;
    if (p_.is(at - 1, Particle::ot)) return std::nullopt;
    const auto low = read_small(at);  // "from 1 to 10": marks
    if (low && low->second <= 1) return std::nullopt;
  }
  ClockTime from = *first;
  ClockTime to = *second;
  if (!first->exact && !second->exact) {  // "с 9 до 6"
    from.hour = plain_hour(at, from.hour);
    if (from.hour <= 6 && to.hour > 12 && to.hour - 12 > from.hour) from.hour += 12;  // "между двумя и тремя"
    if (to.hour < from.hour && to.hour <= 12) to.hour += 12;
  }
  if (!first->exact && second->exact && from.hour > to.hour && from.hour > 12) from.hour -= 12;
  const bool unclear = first->zoned || second->zoned;
  return FoundTime{at, second->end, unclear ? "" : value_of(from) + "/" + value_of(to), kSure, false};
}

TimeReader::Found TimeReader::hours_with_one_meridiem(int at) const {
  const auto from = p_.digits(at, 2);
  const auto to = p_.digits(at + 2, 2);
  if (!from || !to || !p_.is_dash(at + 1) || *from > 12 || *to > 12 || *from == 0 || !p_.begins_fresh(at))
    return std::nullopt;
  int end = at + 3;
  if (is_hour(end)) ++end;
  if (end == at + 3 && p_.is(end, Sense::unit)) return std::nullopt;
  const auto part = meridiem_at(end);
  if (!part) return std::nullopt;
  const int last = hour_in(*to, part);
  const int begin = hour_in(*from, part) <= last ? hour_in(*from, part) : *from;
  return FoundTime{at, end, iso_clock(begin, 0) + "/" + iso_clock(last, 0), kSure, false};
}

int TimeReader::plain_hour(int at, int hour) const {
  const auto said = read_small(at);
  return said ? said->second : hour;
}

std::optional<ClockTime> TimeReader::clock_at_end_of_range(int at, bool cued) const {
  const auto hour = p_.digits(at, 2);
  const auto minute = p_.digits(at + 2, 2);
  if (hour && minute && *hour <= 24 && *minute < 60 && p_.is_sign(at + 1, ':') && p_.text(at + 2).size() == 2) {
    ClockTime clock{at + 3, *hour, *minute, true, false};
    if (p_.joined(clock.end) && p_.as(clock.end, Sense::short_unit) == static_cast<int>(Unit::hour)) ++clock.end;
    clock.hour = hour_in(clock.hour, meridiem_at(clock.end));
    return zoned(clock);
  }
  if (hour && p_.joined(at) && p_.is_dash(at - 1)) {  // "9am-5pm"
    ClockTime clock{at + 1, *hour, 0, true, false};
    const auto part = meridiem_at(clock.end);
    if (!part || *hour > 12) return std::nullopt;
    clock.hour = hour_in(*hour, part);
    return clock;
  }
  return clock_at(at, cued, cued);
}

}  // namespace easyflow::nlp
