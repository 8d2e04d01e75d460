// Dates, clock times and lengths of time. A small grammar over the words of the message: at each place the rules are
// asked in order, the first that fits takes its words. Every rule looks a bounded way ahead, so time is linear.
#include <algorithm>
#include <array>
#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/nlp/calendar.hpp"
#include "core/nlp/finder.hpp"
#include "core/nlp/lexicon.hpp"
#include "core/nlp/numbers.hpp"

namespace easyflow::nlp {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr double kSure = 0.9;
constexpr double kLikely = 0.6;

/// Without one of these and without digits there is no time in a message.
constexpr std::uint64_t kTimeSenses =
    bit(Sense::month) | bit(Sense::weekday) | bit(Sense::weak_weekday) | bit(Sense::short_weekday) | bit(Sense::unit) |
    bit(Sense::single_unit) | bit(Sense::short_unit) | bit(Sense::half_unit) | bit(Sense::relative_day) |
    bit(Sense::clock_word) | bit(Sense::half_hour) | bit(Sense::season) | bit(Sense::holiday) |
    bit(Sense::holiday_part) | bit(Sense::weekend) | bit(Sense::meridiem) | bit(Sense::day_mark) |
    bit(Sense::day_part) | bit(Sense::cardinal) | bit(Sense::ordinal) | bit(Sense::fraction);

/// What a rule has found.
struct Found {
  int begin = 0;
  int end = 0;
  std::string value;
  double confidence = kLikely;
  bool is_duration = false;
};

struct Date {
  int end = 0;
  int day = 0;
  int month = 0;
  int year = 0;  ///< 0: not said
  bool ambiguous = false;
};

struct Clock {
  int end = 0;
  int hour = 0;
  int minute = 0;
  bool exact = false;  ///< minutes or the half of the day were said
  bool zoned = false;
};

struct Lengths {
  int end = 0;
  Length length;
  bool is_range = false;
};

class TimeReader {
 public:
  TimeReader(const Phrase& phrase, const Calendar& calendar) : p_(phrase), calendar_(calendar) {}

  void read(std::vector<Candidate>& out) {
    for (int at = 0; at < p_.size();) {
      const auto found = p_.is_number(at) || p_.known(at) ? read_at(at) : std::nullopt;
      if (!found) {
        ++at;
        continue;
      }
      Candidate candidate;
      candidate.type = found->is_duration ? "duration" : "datetime";
      candidate.begin = p_.token(found->begin).begin;
      candidate.end = p_.token(found->end - 1).end;
      candidate.value = found->value;
      candidate.confidence = found->confidence;
      candidate.priority = found->is_duration ? priority::duration : priority::datetime;
      out.push_back(std::move(candidate));
      last_end_ = found->end;
      if (!found->is_duration) last_date_end_ = found->end;
      at = found->end;
    }
  }

 private:
  using Rule = std::optional<Found> (TimeReader::*)(int) const;

  std::optional<Found> read_at(int at) const {
    static constexpr std::array<Rule, 18> kRules = {&TimeReader::range_with_preposition,
                                                    &TimeReader::timestamp,
                                                    &TimeReader::dates,
                                                    &TimeReader::weekday,
                                                    &TimeReader::relative_day,
                                                    &TimeReader::clocks,
                                                    &TimeReader::after_a_while,
                                                    &TimeReader::ago,
                                                    &TimeReader::shifted_unit,
                                                    &TimeReader::several_units,
                                                    &TimeReader::edge,
                                                    &TimeReader::month,
                                                    &TimeReader::quarter,
                                                    &TimeReader::holiday,
                                                    &TimeReader::season,
                                                    &TimeReader::year,
                                                    &TimeReader::day_of_month,
                                                    &TimeReader::duration};
    for (const Rule rule : kRules)
      if (auto found = (this->*rule)(at)) return found;
    return std::nullopt;
  }

  // ---- pieces

  /// A number here is no piece of something longer: a phone, a version, a model.
  bool begins_fresh(int at) const {
    if (!p_.joined(at)) return true;
    if (p_.is_word(at - 1) || p_.is_sign(at - 1, '#') || p_.is_sign(at - 1, '+') || p_.is_sign(at - 1, '_') ||
        p_.is(at - 1, Sense::currency_mark))
      return false;
    const bool connects = p_.is_sign(at - 1, '.') || p_.is_sign(at - 1, ',') || p_.is_sign(at - 1, ':') ||
                          p_.is_sign(at - 1, '/') || p_.is_dash(at - 1);
    return !(connects && p_.joined(at - 1) && (p_.is_number(at - 2) || p_.is_word(at - 2)));
  }
  bool ends_fresh(int end) const {
    if (!p_.joined(end)) return true;
    if (p_.is_number(end) || p_.is_sign(end, '_')) return false;
    const bool connects =
        p_.is_sign(end, '.') || p_.is_sign(end, ',') || p_.is_sign(end, ':') || p_.is_sign(end, '/') || p_.is_dash(end);
    return !(connects && p_.joined(end + 1) && p_.is_number(end + 1));
  }
  bool whole_text(int begin, int end) const {
    for (int i = end; i < p_.size(); ++i)
      if (!p_.ends(i)) return false;
    return begin == 0;
  }
  /// What follows makes the number an amount of something else.
  bool counts_something(int end) const {
    return p_.is(end, Sense::currency) || p_.is(end, Sense::minor_currency) || p_.is(end, Sense::count_unit) ||
           p_.is(end, Sense::measure) || p_.is(end, Sense::no_quantity) || p_.is(end, Sense::rating) ||
           p_.is(end, Sense::goods) || p_.is(end, Sense::magnitude) || p_.is_sign(end, '%') ||
           (p_.joined(end) && p_.is(end, Sense::short_magnitude));
  }
  bool is_joiner(int at) const {
    return p_.is_dash(at) || p_.is_any(at, {Particle::po, Particle::before, Particle::to});
  }
  Tense tense(int begin, int end) const {
    if (p_.is_any(begin - 1, {Particle::before, Particle::k, Particle::by})) return Tense::future;
    if (p_.is_any(begin - 1, {Particle::since})) return Tense::past;
    return p_.in_the_past(begin, end) ? Tense::past : Tense::open;
  }
  /// Where a phrase with its preposition begins: "on Monday", "в пятницу", "на прошлой неделе".
  int with_preposition(int at) const {
    return p_.is_any(at - 1, {Particle::v, Particle::na, Particle::on}) && at - 1 >= last_end_ ? at - 1 : at;
  }

  /// A year that may end a date: "2026", ", 2026", "2026 года", "2026г".
  int year_at(int at, int& year, bool after_month) const {
    int next = at;
    if (after_month && p_.is_sign(next, ',') && !p_.is_russian()) ++next;
    const auto digits = p_.digits(next, 4);
    if (!digits || p_.text(next).size() != 4 || *digits < 1900 || *digits > 2100 || counts_something(next + 1) ||
        !ends_fresh(next + 1) || (p_.joined(next) && !after_month))
      return at;
    year = *digits;
    ++next;
    return p_.is(next, Sense::year_mark) ? next + 1 : next;
  }

  /// The day of a date: "5", "5-го", "пятое".
  std::optional<std::pair<int, int>> day_at(int at) const {
    if (const auto ordinal = read_ordinal(p_, at); ordinal && ordinal->whole() >= 1 && ordinal->whole() <= 31)
      return std::pair(ordinal->end, static_cast<int>(ordinal->whole()));
    const auto digits = p_.digits(at, 2);
    if (!digits || *digits < 1 || *digits > 31) return std::nullopt;
    return std::pair(at + 1, *digits);
  }

  /// "14 ноября 2026 года", "the 5th of May", "Nov 14th, 2026", "14.11.26", "2026-11-14".
  std::optional<Date> date_at(int at) const {
    if (auto date = numeric_date(at)) return date;
    int next = at;
    if (p_.is(next, Particle::the)) ++next;
    Date date;
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
      if (!number || counts_something(number->first) || (!ends_fresh(number->first) && !goes_on) ||
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

  std::optional<Date> numeric_date(int at) const {
    const auto first = p_.digits(at, 4);
    if (!first || !begins_fresh(at) || !p_.joined(at + 1) || !p_.joined(at + 2)) return std::nullopt;
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
      return Date{at + 5, *third, *second, *first, false};
    }
    if (p_.text(at).size() > 2) return std::nullopt;
    Date date{at + 3, *first, *second, 0, false};
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
    if (!ends_fresh(date.end) || !make_date(date.year == 0 ? 2024 : date.year, date.month, date.day))
      return std::nullopt;
    if (date.year == 0 && !plain_day_and_month(at, date, dot)) return std::nullopt;
    return date;
  }

  /// "14.11" is a date, "1.5" mostly is not: what stands around tells.
  bool plain_day_and_month(int at, const Date& date, bool dot) const {
    if (counts_something(date.end) || p_.is(date.end, Sense::unit) || p_.is(date.end, Sense::short_unit) ||
        p_.is(at - 1, Sense::currency_mark) || p_.is(at - 1, Sense::no_quantity) || p_.is(at - 1, Sense::rating))
      return false;
    if (whole_text(at, date.end) || at == last_date_end_ || p_.is(date.end, Sense::weekday)) return true;
    if (p_.is_any(at - 1, {Particle::ot, Particle::before, Particle::s, Particle::po, Particle::k, Particle::on,
                           Particle::since, Particle::by, Particle::after}) ||
        p_.is(at - 1, Sense::weekday) || p_.is(at - 1, Sense::short_weekday))
      return true;
    const bool two_digits = p_.text(at).size() == 2 && p_.text(at + 2).size() == 2;
    return two_digits && dot && p_.is_russian();
  }

  std::optional<sys_days> day_of(const Date& date, Tense tense) const {
    if (date.ambiguous) return std::nullopt;
    return date.year != 0 ? make_date(date.year, date.month, date.day) : calendar_.resolve(date.month, date.day, tense);
  }
  std::string value_of(const Date& date, Tense tense) const {
    const auto day = day_of(date, tense);
    return day ? iso_date(*day) : std::string();
  }

  bool is_russian_word(int at) const {
    return p_.is_word(at) && (static_cast<unsigned char>(p_.text(at)[0]) & 0xFE) == 0xD0;
  }
  /// "часов" or "ч": an hour of the day as well as a length.
  bool is_hour(int at) const {
    const auto unit = p_.as(at, Sense::unit);
    const auto letter = p_.as(at, Sense::short_unit);
    return (unit == static_cast<int>(Unit::hour) && p_.is_russian()) || (letter == static_cast<int>(Unit::hour));
  }

  /// Reads "утра", "pm", "p.m.". Moves `end` behind it.
  std::optional<DayPart> meridiem_at(int& end) const {
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
  static int hour_in(int hour, std::optional<DayPart> part) {
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
  /// Nobody calls a shop at three in the night.
  static int hour_of_business(int hour) { return hour >= 1 && hour <= 6 ? hour + 12 : hour; }

  /// A time of day. `cued`: a preposition before it tells that a bare hour is one.
  std::optional<Clock> clock_at(int at, bool cued, bool bare) const {
    Clock clock;
    if (const auto named = p_.as(at, Sense::clock_word)) return Clock{at + 1, *named, 0, true, false};
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
    if (hour && *hour <= 24 && begins_fresh(at)) {
      const bool colon = p_.is_sign(at + 1, ':');
      const bool other = cued && (p_.is_sign(at + 1, '.') || p_.is_dash(at + 1));
      const auto minute =
          p_.joined(at + 1) && p_.joined(at + 2) && (colon || other) ? p_.digits(at + 2, 2) : std::nullopt;
      if (minute && *minute < 60 && p_.text(at + 2).size() == 2 && (colon || plain_minutes(at, *minute))) {
        clock = {at + 3, *hour, *minute, true, false};
        if (p_.is_sign(clock.end, ':') && p_.joined(clock.end) && p_.digits(clock.end + 1, 2)) clock.end += 2;
        if (!ends_fresh(clock.end) && !p_.is_dash(clock.end) && !p_.is_sign(clock.end, '/')) return std::nullopt;
        if (p_.joined(clock.end) && p_.as(clock.end, Sense::short_unit) == static_cast<int>(Unit::hour)) ++clock.end;
        clock.hour = hour_in(clock.hour, meridiem_at(clock.end));
        return zoned(clock);
      }
    }
    return clock_of_hours(at, cued, bare);
  }

  bool plain_minutes(int at, int minute) const {
    if (p_.is_dash(at + 1)) return minute % 15 == 0 && ends_fresh(at + 3);
    return ends_fresh(at + 3) && !counts_something(at + 3) && minute % 5 == 0;
  }
  std::optional<Clock> zoned(Clock clock) const {
    if (p_.is(clock.end, Sense::time_zone)) {
      clock.zoned = true;
      ++clock.end;
    }
    return clock;
  }
  std::optional<Clock> half_hour(int end, int hour) const {
    Clock clock{end, hour == 1 ? 12 : hour - 1, 30, true, false};
    if (const auto part = meridiem_at(clock.end))
      clock.hour = hour_in(clock.hour, part);
    else
      clock.hour = hour_of_business(clock.hour);
    return clock;
  }
  /// "без пяти три", "без четверти пять", "без 15 8".
  std::optional<Clock> minutes_before(int at) const {
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
    Clock clock{hour->first, hour->second, 60 - minutes, true, false};
    const auto part = meridiem_at(clock.end);
    if (!part && !p_.ends(clock.end)) return std::nullopt;
    clock.hour = part ? hour_in(clock.hour, part) : hour_of_business(clock.hour);
    clock.hour = (clock.hour + 23) % 24;
    return clock;
  }
  /// "half past three", "quarter to five".
  std::optional<Clock> quarter_past(int at) const {
    const bool half = p_.is(at, Particle::half);
    const bool past = p_.is(at + 1, Particle::after);
    const auto hour = read_small(at + 2);
    if (!hour || hour->second < 1 || hour->second > 12 || (half && !past) || counts_something(hour->first) ||
        p_.is(hour->first, Sense::unit))
      return std::nullopt;
    Clock clock{hour->first, hour->second, half ? 30 : past ? 15 : 45, true, false};
    const auto part = meridiem_at(clock.end);
    clock.hour = part ? hour_in(clock.hour, part) : hour_of_business(clock.hour);
    if (!past) clock.hour = (clock.hour + 23) % 24;
    return clock;
  }
  /// A small whole number and the token after it.
  std::optional<std::pair<int, int>> read_small(int at) const {
    const auto number = read_cardinal(p_, at, Grouping::none);
    if (!number || !number->is_whole() || number->has_magnitude || number->has_point || number->from_pair ||
        number->whole() > 100)
      return std::nullopt;
    return std::pair(number->end, static_cast<int>(number->whole()));
  }

  /// "3 pm", "8 вечера", "15 часов", "17ч10", "3 o'clock", and with `bare` just "3".
  std::optional<Clock> clock_of_hours(int at, bool cued, bool bare) const {
    if (p_.as(at, Sense::single_unit) == static_cast<int>(Unit::hour) && p_.is(at + 1, Sense::meridiem) && cued &&
        p_.is_russian()) {  // "в час дня"
      Clock clock{at + 1, 1, 0, true, false};
      clock.hour = hour_in(1, meridiem_at(clock.end));
      return clock;
    }
    const auto number = read_small(at);
    if (!number || number->second > 24 || (p_.is_number(at) && !begins_fresh(at))) return std::nullopt;
    if (p_.is_number(at) && p_.text(at).size() > 2) return std::nullopt;
    Clock clock{number->first, number->second, 0, false, false};
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
      if (ambiguous_day && !(p_.is_any(at - 1, {Particle::v, Particle::k}) && clock.hour <= 5)) return std::nullopt;
      if (ambiguous_night && !cued) return std::nullopt;
      if (!cued && (*part == DayPart::morning || *part == DayPart::evening) && !p_.is_russian() &&
          p_.is(clock.end, Particle::in))
        return std::nullopt;
      clock.hour = hour_in(clock.hour, part);
      clock.end = end;
      clock.exact = true;
      return zoned(clock);
    }
    if (!bare || counts_something(end) || !ends_fresh(end) || p_.is(end, Sense::unit)) return std::nullopt;
    clock.hour = hour_of_business(clock.hour);
    return clock;
  }
  static std::string value_of(const Clock& clock) {
    return clock.zoned ? std::string() : iso_clock(clock.hour, clock.minute);
  }

  /// A length: "2 недели", "1 час 55 минут", "полгода", "2-3 дня", "half an hour", "3 с половиной месяца".
  std::optional<Lengths> length_at(int at) const {
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
    auto number = read_cardinal(p_, next, Grouping::none);
    if (!number || (p_.is_number(next) && !begins_fresh(next))) return std::nullopt;
    next = number->end;
    if (p_.is_dash(next) && p_.joined(next) && is_case_ending(next + 1)) next += 2;  // "3-х дней"
    const bool dash = p_.is_dash(next);
    if (dash || p_.is_any(next, {Particle::or_, Particle::to}) ||
        (p_.is(next, Particle::before) && p_.is_any(at - 1, {Particle::ot, Particle::from}))) {
      if (const auto upper = read_cardinal(p_, next + 1, Grouping::none);
          upper && !(p_.is_number(next + 1) && !ends_fresh(upper->end))) {
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
  /// "минут 20", "дней десять": about so many.
  std::optional<Lengths> about_so_many(int at) const {
    const auto unit = p_.as(at, Sense::unit);
    if (!unit || p_.is(at, Sense::single_unit) || !p_.is_russian() || !is_russian_word(at) || p_.is_number(at - 1) ||
        p_.is(at - 1, Sense::cardinal) || p_.is(at, Sense::month) || p_.is(at, Sense::genitive_unit))
      return std::nullopt;
    const auto number = read_small(at + 1);
    if (!number || number->second < 2 || counts_something(number->first) || p_.is(number->first, Sense::unit) ||
        p_.is(number->first, Sense::month) || !ends_fresh(number->first) || p_.is_sign(number->first, ':'))
      return std::nullopt;
    Lengths lengths;
    lengths.length.add(std::int64_t{1000} * number->second, static_cast<Unit>(*unit));
    lengths.end = number->first;
    return lengths;
  }
  bool is_case_ending(int at) const {
    constexpr std::array<std::string_view, 6> kCaseEndings = {"х", "ти", "и", "ми", "м", "x"};
    return p_.joined(at) && std::find(kCaseEndings.begin(), kCaseEndings.end(), p_.text(at)) != kCaseEndings.end();
  }
  /// What may follow the first unit: smaller units and halves. `at` is the unit.
  std::optional<Lengths> rest_of_length(int at, std::int64_t thousandths, Unit unit, Lengths lengths) const {
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
      const auto number = read_cardinal(p_, more, Grouping::none);
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
  /// "пол часа", "четверть часа", "3 четверти часа", "half an hour", "half a year".
  std::optional<Lengths> part_of_unit(int at) const {
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
  /// One unit without a number: "неделю", "a week".
  std::optional<Lengths> single_at(int at) const {
    const auto unit = p_.as(at, Sense::single_unit);
    if (!unit) return std::nullopt;
    return rest_of_length(at, 1000, static_cast<Unit>(*unit), Lengths{});
  }

  // ---- rules

  /// "с 10 до 18", "from Nov 3 to 5", "с 14.10 по 15.10", "between 9:00 and 12:00": the preposition belongs to it.
  std::optional<Found> range_with_preposition(int at) const {
    const bool between = p_.is(at, Particle::between);
    if (!between && !p_.is_any(at, {Particle::s, Particle::ot, Particle::from})) return std::nullopt;
    if (auto found = date_range(at + 1, between)) {
      found->begin = at;
      return found;
    }
    if (auto found = clock_range(at + 1, true, between)) {
      found->begin = at;
      return found;
    }
    return std::nullopt;
  }

  /// 2026-11-21T15:00, with seconds and a zone or without.
  std::optional<Found> timestamp(int at) const {
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
    return Found{at, end, iso_date(*day) + iso_clock(*hour, *minute), kSure, false};
  }
  std::optional<Date> iso_day(int at) const {
    const auto year = p_.digits(at, 4);
    const auto month = p_.digits(at + 2, 2);
    const auto day = p_.digits(at + 4, 2);
    if (!year || !month || !day || !p_.is_dash(at + 1) || !p_.is_dash(at + 3) || *year < 1900 || *year > 2100 ||
        !begins_fresh(at) || !make_date(*year, *month, *day))
      return std::nullopt;
    return Date{at + 5, *day, *month, *year, false};
  }

  std::optional<Found> dates(int at) const {
    if (auto range = date_range(at, false)) return range;
    if (p_.is_number(at) && !begins_fresh(at)) return std::nullopt;
    const auto date = date_at(at);
    if (!date) return std::nullopt;
    const bool named = p_.is(at, Sense::month) && !p_.is_number(at);
    if (named && p_.text(at) == "may" && !p_.is_number(at + 1)) return std::nullopt;
    return Found{at, date->end, value_of(*date, tense(at, date->end)), kSure, false};
  }

  /// "1-5 декабря", "13 июля - 15 июля", "14. - 15.10.2013", "Nov 3-5". With `between` "and" joins too.
  std::optional<Found> date_range(int at, bool between) const {
    if (p_.is_number(at) && !begins_fresh(at)) return std::nullopt;
    int next = at;
    if (p_.is(at, Particle::the)) ++next;
    std::optional<Date> first = date_at(at);
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
        !(p_.is(next, Particle::na) && p_.is(at - 1, Particle::s)))
      return std::nullopt;
    if (p_.is(next, Particle::before) && !p_.is_any(at - 1, {Particle::s, Particle::ot, Particle::from}))
      return std::nullopt;
    ++next;
    std::optional<Date> second = loose_date(next);
    if (!second && month_leads && first->year == 0) {  // "Nov 3-5"
      if (const auto day = day_at(next); day && ends_fresh(day->first) && !p_.is_sign(day->first, ':'))
        second = Date{day->first, day->second, first->month, 0, false};
      if (second) second->end = year_at(second->end, second->year, true);
    }
    if (!second) return std::nullopt;
    if (first_day) first = Date{first_day->first, first_day->second, second->month, 0, false};
    if (first->year == 0) first->year = second->year;
    const Tense when = tense(at, second->end);
    auto from = day_of(*first, when);
    auto to = day_of(*second, when);
    if (!from || !to) return Found{at, second->end, "", kSure, false};
    if (*to < *from && second->year == 0) to = make_date(year_of(*from) + 1, second->month, second->day);
    if (!to || *to < *from) return std::nullopt;
    return Found{at, second->end, iso_date(*from) + "/" + iso_date(*to), kSure, false};
  }
  static int year_of(sys_days day) { return static_cast<int>(std::chrono::year_month_day(day).year()); }
  /// The second end of a range: a numeric date there needs no context, and may be joined to the dash.
  std::optional<Date> loose_date(int at) const {
    if (auto date = date_at(at)) return date;
    const auto day = p_.digits(at, 2);
    const auto month = p_.digits(at + 2, 2);
    if (!day || !month || !p_.is_sign(at + 1, '.') || !p_.joined(at + 1) || !p_.joined(at + 2) ||
        p_.text(at + 2).size() != 2 || !make_date(2024, *month, *day))
      return std::nullopt;
    Date date{at + 3, *day, *month, 0, false};
    if (p_.is_sign(at + 3, '.') && p_.joined(at + 3) && p_.joined(at + 4)) {
      if (const auto year = p_.digits(at + 4, 4)) {
        date.year = p_.text(at + 4).size() == 4 ? *year : 2000 + *year;
        date.end = at + 5;
      }
    }
    if (counts_something(date.end) || !ends_fresh(date.end) || date.year > 2100) return std::nullopt;
    return date;
  }

  /// "с понедельника по пятницу", "Mon-Fri": days of every week.
  std::optional<Found> weekdays(int at) const {
    const bool from = p_.is_any(at, {Particle::s, Particle::from});
    const int first = from ? at + 1 : at;
    if (!is_weekday(first)) return std::nullopt;
    const bool joins =
        p_.is_dash(first + 1) || (from && p_.is_any(first + 1, {Particle::po, Particle::before, Particle::to}));
    if (!joins || !is_weekday(first + 2)) return std::nullopt;
    return Found{at, first + 3, "", kSure, false};
  }
  bool is_weekday(int at) const {
    return p_.is(at, Sense::weekday) || p_.is(at, Sense::weak_weekday) || p_.is(at, Sense::short_weekday);
  }

  std::optional<Found> weekday(int at) const {
    if (auto range = weekdays(at)) return range;
    int next = at;
    bool cued = p_.is_any(at - 1, {Particle::v, Particle::na, Particle::on, Particle::k, Particle::before, Particle::by,
                                   Particle::s, Particle::since, Particle::from, Particle::after, Particle::for_});
    // "не позже пятницы", "в пн или вт"
    cued = cued || p_.is(at - 1, Sense::before_genitive) || (p_.is(at - 1, Particle::or_) && at - 1 == last_date_end_);
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
      return Found{with_preposition(at), date->end, value_of(*date, tense(at, date->end)), kSure, false};
    end = next + 1;
    if (const auto ordinal = read_ordinal(p_, at_date);
        ordinal && p_.is_number(at_date) && !shift) {  // "в субботу, 21-го"
      const auto date = ordinal->whole() >= 1 && ordinal->whole() <= 31
                            ? calendar_.resolve_day(static_cast<int>(ordinal->whole()), tense(at, ordinal->end))
                            : std::nullopt;
      return Found{with_preposition(at), ordinal->end, date ? iso_date(*date) : "", kSure, false};
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
    Found found{with_preposition(at), end, "", cued || shift ? kSure : kLikely, false};
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
  bool is_black(int at) const {
    const std::string_view word = p_.text(at);
    return word == "black" || word.starts_with("черн") || word.starts_with("чёрн") || word == "good";
  }
  /// "на следующей неделе", "next week": the token after it and the shift.
  std::optional<std::pair<int, int>> week_at(int at) const {
    int next = at;
    if (p_.is(next, Particle::na)) ++next;
    const auto shift = p_.as(next, Sense::shift);
    if (!shift || p_.as(next + 1, Sense::unit) != static_cast<int>(Unit::week)) return std::nullopt;
    return std::pair(next + 2, *shift);
  }

  /// "завтра вечером", "the day after tomorrow", "tomorrow morning".
  std::optional<Found> relative_day(int at) const {
    int next = at;
    if (p_.is(next, Particle::the)) ++next;
    if (p_.is(next, Particle::day) && p_.is_any(next + 1, {Particle::after, Particle::before})) {
      const auto near = p_.as(next + 2, Sense::relative_day);
      const int step = p_.is(next + 1, Particle::after) ? 1 : -1;
      if (!near || *near != step) return std::nullopt;
      return Found{at, next + 3, iso_date(calendar_.today() + days(2 * step)), kSure, false};
    }
    const auto day = p_.as(at, Sense::relative_day);
    if (!day) return std::nullopt;
    int end = at + 1;
    if (p_.is(end, Sense::day_part))
      ++end;
    else if (p_.is(end, Particle::v) && p_.as(end + 1, Sense::day_part) == static_cast<int>(DayPart::noon))
      end += 2;
    return Found{at, end, iso_date(calendar_.today() + days(*day)), kSure, false};
  }

  std::optional<Found> clocks(int at) const {
    if (auto range = clock_range(at, false, false)) return range;
    const bool cued = p_.is_any(at - 1, {Particle::v, Particle::k, Particle::before, Particle::after, Particle::s,
                                         Particle::at, Particle::by, Particle::since, Particle::from});
    const bool at_hour = p_.is_any(at - 1, {Particle::v, Particle::k, Particle::at});
    const auto clock = clock_at(at, cued, at_hour);
    if (!clock) return std::nullopt;
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
    return Found{at, clock->end, value_of(*clock), clock->exact ? kSure : kLikely, false};
  }
  bool next_is_day(int at) const { return p_.is(at, Sense::relative_day) || p_.is(at + 1, Sense::weekday); }

  /// "10:00-18:00", "9am to 5pm", and behind a preposition "10 до 18".
  std::optional<Found> clock_range(int at, bool cued, bool between) const {
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
    }
    Clock from = *first;
    Clock to = *second;
    if (!first->exact && !second->exact) {  // "с 9 до 6"
      from.hour = plain_hour(at, from.hour);
      if (to.hour < from.hour && to.hour <= 12) to.hour += 12;
    }
    if (!first->exact && second->exact && from.hour > to.hour && from.hour > 12) from.hour -= 12;
    const bool unclear = first->zoned || second->zoned;
    return Found{at, second->end, unclear ? "" : value_of(from) + "/" + value_of(to), kSure, false};
  }
  /// "10-12 утра", "3-4pm".
  std::optional<Found> hours_with_one_meridiem(int at) const {
    const auto from = p_.digits(at, 2);
    const auto to = p_.digits(at + 2, 2);
    if (!from || !to || !p_.is_dash(at + 1) || *from > 12 || *to > 12 || *from == 0 || !begins_fresh(at))
      return std::nullopt;
    int end = at + 3;
    if (is_hour(end)) ++end;
    if (end == at + 3 && p_.is(end, Sense::unit)) return std::nullopt;
    const auto part = meridiem_at(end);
    if (!part) return std::nullopt;
    const int last = hour_in(*to, part);
    const int begin = hour_in(*from, part) <= last ? hour_in(*from, part) : *from;
    return Found{at, end, iso_clock(begin, 0) + "/" + iso_clock(last, 0), kSure, false};
  }
  int plain_hour(int at, int hour) const {
    const auto said = read_small(at);
    return said ? said->second : hour;
  }
  std::optional<Clock> clock_at_end_of_range(int at, bool cued) const {
    const auto hour = p_.digits(at, 2);
    const auto minute = p_.digits(at + 2, 2);
    if (hour && minute && *hour <= 24 && *minute < 60 && p_.is_sign(at + 1, ':') && p_.text(at + 2).size() == 2) {
      Clock clock{at + 3, *hour, *minute, true, false};
      if (p_.joined(clock.end) && p_.as(clock.end, Sense::short_unit) == static_cast<int>(Unit::hour)) ++clock.end;
      clock.hour = hour_in(clock.hour, meridiem_at(clock.end));
      return zoned(clock);
    }
    if (hour && p_.joined(at) && p_.is_dash(at - 1)) {  // "9am-5pm"
      Clock clock{at + 1, *hour, 0, true, false};
      const auto part = meridiem_at(clock.end);
      if (!part || *hour > 12) return std::nullopt;
      clock.hour = hour_in(*hour, part);
      return clock;
    }
    return clock_at(at, cued, cued);
  }

  /// "через 2 дня", "in a week". Not in a tale of the past, where it is a length: "сломался через месяц".
  std::optional<Found> after_a_while(int at) const {
    if (p_.is(at, Sense::unit) && p_.is(at + 1, Particle::through)) {  // "часа через два"
      const auto number = read_small(at + 2);
      if (!number || number->second == 0 || p_.is(number->first, Sense::unit)) return std::nullopt;
      Length length;
      length.add(std::int64_t{1000} * number->second, static_cast<Unit>(*p_.as(at, Sense::unit)));
      return Found{at, number->first, calendar_.moved(length, 1), kLikely, false};
    }
    const bool through = p_.is(at, Particle::through);
    if (!through && !p_.is(at, Particle::in)) return std::nullopt;
    auto length = length_at(at + 1);
    if (!length && through) length = single_at(at + 1);
    if (!length || is_age(at + 1, length->end)) return std::nullopt;
    if (p_.in_the_past(at, length->end, 6, through ? 2 : 0)) return std::nullopt;
    if (p_.is(at - 1, Particle::every)) return std::nullopt;
    return Found{at, length->end, length->is_range ? "" : calendar_.moved(length->length, 1), kSure, false};
  }

  /// "3 дня назад", "неделю тому назад", "a week ago", "2 days from now".
  std::optional<Found> ago(int at) const {
    auto length = length_at(at);
    if (!length) length = single_at(at);
    if (!length) return std::nullopt;
    int end = length->end;
    if (p_.is(end, Particle::from) && p_.is(end + 1, Particle::now))
      return Found{at, end + 2, length->is_range ? "" : calendar_.moved(length->length, 1), kSure, false};
    if (p_.text(end) == "тому" || p_.text(end) == "tomu") ++end;
    if (!p_.is(end, Sense::ago)) return std::nullopt;
    return Found{at, end + 1, length->is_range ? "" : calendar_.moved(length->length, -1), kSure, false};
  }

  /// "на прошлой неделе", "next month", "этим летом", "this weekend", "last night".
  std::optional<Found> shifted_unit(int at) const {
    const auto shift = p_.as(at, Sense::shift);
    if (!shift) return std::nullopt;
    const int begin = with_preposition(at);
    const auto date = std::chrono::year_month_day(calendar_.today());
    const auto this_month = std::chrono::year_month(date.year(), date.month());
    const int end = at + 2;
    if (p_.is(at + 1, Sense::weekend)) {
      const sys_days saturday = calendar_.monday() + days(5 + 7 * *shift);
      return Found{begin, end, iso_date(saturday) + "/" + iso_date(saturday + days(1)), kSure, false};
    }
    if (const auto season = p_.as(at + 1, Sense::season)) return Found{begin, end, "", kLikely, false};
    if (p_.is(at + 1, Sense::day_part) && *shift <= 0) {
      const sys_days day = calendar_.today() + days(*shift < 0 ? -1 : 0);
      return Found{begin, end, iso_date(day), kLikely, false};
    }
    if (const auto month = p_.as(at + 1, Sense::month)) {
      auto named = calendar_.resolve_month(*month, *shift < 0 ? Tense::past : Tense::future);
      if (*shift > 0 && named <= this_month) named += std::chrono::years(1);
      if (*shift < 0 && named >= this_month) named -= std::chrono::years(1);
      return Found{begin, end, iso_month(named), kSure, false};
    }
    const auto unit = p_.as(at + 1, Sense::unit);
    if (!unit) return std::nullopt;
    switch (static_cast<Unit>(*unit)) {
      case Unit::week: return Found{begin, end, iso_week(calendar_.today() + days(7 * *shift)), kSure, false};
      case Unit::month: return Found{begin, end, iso_month(this_month + std::chrono::months(*shift)), kSure, false};
      case Unit::quarter: return Found{begin, end, "", kSure, false};
      case Unit::year: return Found{begin, end, std::to_string(static_cast<int>(date.year()) + *shift), kSure, false};
      default: return std::nullopt;
    }
  }

  /// "последние два дня", "the next 3 weeks".
  std::optional<Found> several_units(int at) const {
    if (!p_.is(at, Sense::plural_shift)) return std::nullopt;
    const auto length = length_at(at + 1);
    if (!length || length->is_range) return std::nullopt;
    return Found{at, length->end, "", kLikely, false};
  }

  /// "конец месяца", "end of November", "mid December".
  std::optional<Found> edge(int at) const {
    const auto edge = p_.as(at, Sense::edge);
    if (!edge) return std::nullopt;
    int next = at + 1;
    if (p_.is_dash(next) && p_.joined(next)) ++next;
    if (p_.is(next, Particle::of)) ++next;
    if (p_.is(next, Particle::the)) ++next;
    const auto shift = p_.as(next, Sense::shift);
    if (shift) ++next;
    const auto date = std::chrono::year_month_day(calendar_.today());
    const auto this_month = std::chrono::year_month(date.year(), date.month());
    std::optional<std::chrono::year_month> month;
    int end = next + 1;
    const auto name = p_.as(next, Sense::month);
    if (*edge == 2 && (!name || next != at + 1)) return std::nullopt;
    if (name) {
      int year = 0;
      end = year_at(next + 1, year, true);
      month = year != 0
                  ? std::chrono::year_month(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(*name)))
                  : calendar_.resolve_month(*name, tense(at, end));
    } else if (const auto unit = p_.as(next, Sense::unit)) {
      if (!p_.is(next, Sense::genitive_unit) && !p_.is(next, Sense::single_unit)) return std::nullopt;
      const int by = shift.value_or(0);
      switch (static_cast<Unit>(*unit)) {
        case Unit::day:
          if (*edge != 1) return std::nullopt;
          return Found{at, end, iso_date(calendar_.today()), kSure, false};
        case Unit::week:
          return Found{at, end, *edge == 1 ? iso_date(calendar_.monday() + days(7 * by + 6)) : "", kSure, false};
        case Unit::month: month = this_month + std::chrono::months(by); break;
        case Unit::year: {
          const int year = static_cast<int>(date.year()) + by;
          return Found{at, end, *edge == 1 ? iso_date(*make_date(year, 12, 31)) : std::to_string(year), kSure, false};
        }
        default: return std::nullopt;
      }
    }
    if (!month) return std::nullopt;
    const std::string value = *edge == 1 ? iso_date(sys_days(*month / std::chrono::last)) : iso_month(*month);
    return Found{at, end, value, kSure, false};
  }

  /// "ноябрь 2026", "в октябре", "since March".
  std::optional<Found> month(int at) const {
    const auto name = p_.as(at, Sense::month);
    if (!name || p_.joined(at)) return std::nullopt;
    int year = 0;
    int after = at + 1;
    if (p_.is_sign(after, '.') && p_.joined(after) && p_.digits(after + 1, 4)) ++after;
    const int end = year_at(after, year, true);
    if (year != 0) {
      const std::chrono::year_month named{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(*name))};
      return Found{at, end, iso_month(named), kSure, false};
    }
    const bool cued = p_.is_any(at - 1, {Particle::v, Particle::na, Particle::k, Particle::before, Particle::s,
                                         Particle::za, Particle::po, Particle::in, Particle::since, Particle::by,
                                         Particle::from, Particle::after, Particle::of, Particle::within}) ||
                      (p_.is(at - 1, Particle::for_) && *name != 5 && *name != 3);
    if (!cued && !whole_text(at, at + 1)) return std::nullopt;
    if (p_.text(at) == "may" && !p_.is_any(at - 1, {Particle::in, Particle::since, Particle::by})) return std::nullopt;
    return Found{at, at + 1, iso_month(calendar_.resolve_month(*name, tense(at, at + 1))), kSure, false};
  }

  /// "третий квартал", "в 4 квартале 2018".
  std::optional<Found> quarter(int at) const {
    auto number = read_ordinal(p_, at);
    if (!number && p_.digits(at, 1) && p_.text(at + 1) == "квартале") number = read_cardinal(p_, at, Grouping::none);
    if (!number || number->whole() > 4 || number->whole() < 1 ||
        p_.as(number->end, Sense::unit) != static_cast<int>(Unit::quarter))
      return std::nullopt;
    int year = 0;
    const int end = year_at(number->end + 1, year, true);
    return Found{at, end, "", kSure, false};
  }

  std::optional<Found> holiday(int at) const {
    if (p_.is_word(at - 1) && (p_.text(at - 1) == "happy" || p_.text(at - 1) == "merry")) return std::nullopt;
    int end = at + 1;
    int day = 0;
    if (const auto named = p_.as(at, Sense::holiday)) {
      day = *named;
      if (p_.as(end, Sense::holiday_part) == 2 && day == 1225) {
        day = 1224;
        ++end;
      } else if (p_.as(end, Sense::holiday_part) == 5 || (p_.is(end, Particle::day) && !p_.is_russian())) {
        ++end;
      }
      if (p_.text(at).starts_with("пасх") &&
          !p_.is_any(at - 1, {Particle::na, Particle::k, Particle::before, Particle::after}))
        return std::nullopt;
    } else if (p_.as(at, Sense::holiday_part) == 1 && p_.is(end, Sense::year_mark) && p_.text(end).size() > 2) {
      const bool nominative = p_.text(at) == "новый" && p_.text(end) == "год";
      const bool genitive = p_.text(at) == "нового" && p_.text(end) == "года";
      const bool dative = p_.text(at) == "новому" && p_.text(end) == "году";
      if (!nominative && !genitive && !dative) return std::nullopt;
      day = 101;
      ++end;
    } else if (p_.as(at, Sense::holiday_part) == 1 && p_.text(at) == "new" && p_.text(end) == "year") {
      day = 101;
      ++end;
      if ((p_.is_sign(end, '\'') || p_.text(end) == "’") && p_.text(end + 1) == "s") end += 2;
      if (p_.as(end, Sense::holiday_part) == 2) {
        day = 1231;
        ++end;
      } else if (p_.is(end, Particle::day)) {
        ++end;
      }
    } else if (p_.as(at, Sense::holiday_part) == 3) {
      if ((p_.is_sign(end, '\'') || p_.text(end) == "’") && p_.text(end + 1) == "s") end += 2;
      if (!p_.is(end, Particle::day)) return std::nullopt;
      day = 214;
      ++end;
    } else if (p_.as(at + 1, Sense::holiday_part) == 4 && p_.as(at, Sense::unit) == static_cast<int>(Unit::day)) {
      day = 509;
      end = at + 2;
    } else {
      return std::nullopt;
    }
    if (day == 0) return Found{at, end, "", kSure, false};
    const Tense when = tense(at, end);
    const auto date = calendar_.resolve(day / 100, day % 100, when == Tense::open ? Tense::future : when);
    return Found{at, end, date ? iso_date(*date) : "", kSure, false};
  }

  std::optional<Found> season(int at) const {
    if (!p_.is(at, Sense::season)) return std::nullopt;
    int year = 0;
    const int end = year_at(at + 1, year, true);
    if (year == 0 && !whole_text(at, end)) return std::nullopt;
    return Found{at, end, "", kLikely, false};
  }

  /// "в 2025 году".
  std::optional<Found> year(int at) const {
    const auto digits = p_.digits(at, 4);
    if (!digits || p_.text(at).size() != 4 || *digits < 1900 || *digits > 2100 || !begins_fresh(at))
      return std::nullopt;
    int end = at + 1;
    if (p_.is_dash(end) && p_.joined(end) && p_.is(end + 1, Sense::ordinal_suffix)) end += 2;
    if (p_.is(end, Sense::year_mark) && !(p_.text(end) == "г" && p_.is(end + 1, Sense::currency)))
      return Found{at, end + 1, std::string(p_.text(at)), kSure, false};
    const bool cued =
        p_.is_any(at - 1, {Particle::in, Particle::since}) && ends_fresh(end) && p_.ends(end) && !p_.is_russian();
    if (!cued) return std::nullopt;
    return Found{at, end, std::string(p_.text(at)), kLikely, false};
  }

  /// "15 числа", "пятого числа", "до 5-го", "by the 21st".
  std::optional<Found> day_of_month(int at) const {
    int next = at;
    if (p_.is(next, Particle::the)) ++next;
    if (p_.is_number(next) && !begins_fresh(next)) return std::nullopt;
    const auto day = day_at(next);
    if (!day) return std::nullopt;
    if (p_.is(day->first, Sense::day_mark) && p_.text(day->first) != "число" && next == at) {
      const auto date = calendar_.resolve_day(day->second, tense(at, day->first));
      return Found{at, day->first + 1, date ? iso_date(*date) : "", kSure, false};
    }
    const bool cued = p_.is_any(at - 1, {Particle::before, Particle::k, Particle::s, Particle::na, Particle::po,
                                         Particle::after, Particle::on, Particle::by, Particle::since, Particle::from});
    const bool digits = p_.is_number(next) && read_ordinal(p_, next).has_value();
    const bool alone = whole_text(at, day->first) && digits;
    if (!(cued || alone) || !digits ||
        (!alone && !p_.is_russian() && next == at && !p_.is_any(at - 1, {Particle::on, Particle::by})))
      return std::nullopt;
    if (!p_.ends(day->first) && !p_.is(day->first, Sense::particle)) return std::nullopt;
    const auto date = calendar_.resolve_day(day->second, tense(at, day->first));
    return Found{at, day->first, date ? iso_date(*date) : "", kLikely, false};
  }

  bool is_age(int begin, int end) const {
    const auto unit = p_.as(end - 1, Sense::unit);
    if (unit != static_cast<int>(Unit::year) && unit != static_cast<int>(Unit::month)) return false;
    if (p_.text(end) == "old" || (p_.is_dash(end) && p_.text(end + 1) == "old")) return true;
    for (int i = std::max(0, begin - 4); i < std::min(p_.size(), end + 2); ++i)
      if (p_.is(i, Sense::child) || p_.text(i) == "рост" || p_.text(i).starts_with("размер")) return true;
    constexpr std::array<std::string_view, 9> kWhose = {"мне", "ему", "ей", "нам", "am", "i'm", "мне-", "is", "turned"};
    return std::find(kWhose.begin(), kWhose.end(), p_.text(begin - 1)) != kWhose.end() &&
           unit == static_cast<int>(Unit::year);
  }

  std::optional<Found> duration(int at) const {
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
    return Found{at, length->end, length->is_range ? "" : length->length.iso(), kSure, true};
  }
  /// "неделя" is a length in "прошла неделя" and "неделя" alone, "день" is none in "добрый день".
  bool single_is_cued(int begin, int at, int end) const {
    if (whole_text(begin, end) || (begin == 1 && p_.is(0, Sense::before_duration) && whole_text(0, end))) return true;
    if (end > at + 1) return true;  // "неделю и 2 дня"
    const auto unit = static_cast<Unit>(p_.as(at, Sense::single_unit).value_or(0));
    if (p_.is_russian() && unit >= Unit::month && p_.text(end).starts_with("гаранти")) return true;
    if (!p_.is(begin - 1, Sense::before_duration)) return false;
    if (begin != at) return unit != Unit::day || !p_.is(begin - 1, Particle::every);
    if (!p_.is_russian()) return p_.text(begin - 1) == "whole";
    if (unit == Unit::day)
      return !p_.is_any(begin - 1, {Particle::za, Particle::na, Particle::through}) && p_.text(begin - 1) != "еще" &&
             p_.text(begin - 1) != "уже";
    return unit != Unit::second;
  }

  const Phrase& p_;
  const Calendar& calendar_;
  int last_end_ = 0;
  int last_date_end_ = -1;
};

}  // namespace

void find_times(const Scan& scan, std::vector<Candidate>& out) {
  const Phrase phrase(scan);
  if (scan.digits == 0 && (phrase.senses() & kTimeSenses) == 0) return;
  const Calendar calendar(scan.reference);
  TimeReader(phrase, calendar).read(out);
}

}  // namespace easyflow::nlp
