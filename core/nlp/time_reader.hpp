// The grammar of dates, clock times and lengths of time. At each place of the message the rules are asked in order, the
// first that fits takes its words. Every rule looks a bounded way ahead, so time is linear. Private to core/nlp.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/nlp/calendar.hpp"
#include "core/nlp/finder.hpp"
#include "core/nlp/lexicon.hpp"
#include "core/nlp/numbers.hpp"

namespace easyflow::nlp {

/// What a rule has found.
struct FoundTime {
  int begin = 0;
  int end = 0;
  std::string value;
  double confidence = 0.6;
  bool is_duration = false;
};

struct DateParts {
  int end = 0;
  int day = 0;
  int month = 0;
  int year = 0;  ///< 0: not said
  bool ambiguous = false;
};

struct ClockTime {
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

/// Reads one message. Lives as long as the phrase and the calendar it looks at. A rule is asked for the token its
/// phrase begins with; what it gives may begin later (behind a preposition) or earlier (at one that belongs to it).
class TimeReader {
 public:
  TimeReader(const Phrase& phrase, const Calendar& calendar) : p_(phrase), calendar_(calendar) {}

  void read(std::vector<Candidate>& out);

 private:
  using Found = std::optional<FoundTime>;
  using Rule = Found (TimeReader::*)(int) const;

  static constexpr double kSure = 0.9;
  static constexpr double kLikely = 0.6;

  // ---- what all rules ask, and the rules of time.cpp

  /// Whether asking the rules is worth it: most numbers stand among words that tell nothing.
  bool may_begin(int at) const;
  Found read_at(int at) const;
  /// A number may go on behind this sign: "14.", "15:", "2,5", "5-".
  bool goes_on(int sign) const;
  bool whole_text(int begin, int end) const;
  /// What follows makes the number an amount of something else.
  bool counts_something(int end) const;
  bool is_joiner(int at) const;
  Tense tense(int begin, int end) const;
  bool lasts_until_now(int at) const;
  /// Where a phrase with its preposition begins: "on Monday", "в пятницу", "на прошлой неделе".
  int with_preposition(int at) const;
  bool is_russian_word(int at) const;
  /// A numeral without groups of digits.
  const std::optional<Numeral>& number_at(int at) const;
  /// A small whole number and the token after it.
  std::optional<std::pair<int, int>> read_small(int at) const;
  /// "с 10 до 18", "from Nov 3 to 5", "с 14.10 по 15.10", "between 9:00 and 12:00": the preposition belongs to it.
  Found range_with_preposition(int at) const;
  /// "завтра вечером", "the day after tomorrow", "tomorrow morning".
  Found relative_day(int at) const;
  /// "на прошлой неделе", "next month", "этим летом", "this weekend", "last night".
  Found shifted_unit(int at) const;
  /// "конец месяца", "end of November", "mid December".
  Found edge(int at) const;
  Found holiday(int at) const;
  Found season(int at) const;

  // ---- dates.cpp

  /// A year that may end a date: "2026", ", 2026", "2026 года", "2026г".
  int year_at(int at, int& year, bool after_month) const;
  /// The day of a date: "5", "5-го", "пятое".
  std::optional<std::pair<int, int>> day_at(int at) const;
  std::optional<std::pair<int, int>> read_day(int at) const;
  /// "14 ноября 2026 года", "the 5th of May", "Nov 14th, 2026", "14.11.26", "2026-11-14".
  std::optional<DateParts> date_at(int at) const;
  std::optional<DateParts> read_date(int at) const;
  std::optional<DateParts> numeric_date(int at) const;
  /// "14.11" is a date, "1.5" mostly is not: what stands around tells.
  bool plain_day_and_month(int at, const DateParts& date, bool dot) const;
  std::optional<std::chrono::sys_days> day_of(const DateParts& date, Tense tense) const;
  std::string value_of(const DateParts& date, Tense tense) const;
  /// 2026-11-21T15:00, with seconds and a zone or without.
  Found timestamp(int at) const;
  std::optional<DateParts> iso_day(int at) const;
  Found dates(int at) const;
  /// "1-5 декабря", "13 июля - 15 июля", "14. - 15.10.2013", "Nov 3-5". With `between` "and" joins too.
  Found date_range(int at, bool between) const;
  static int year_of(std::chrono::sys_days day);
  /// The second end of a range: a numeric date there needs no context, and may be joined to the dash.
  std::optional<DateParts> loose_date(int at) const;
  /// "с понедельника по пятницу", "Mon-Fri": days of every week.
  Found weekdays(int at) const;
  bool is_weekday(int at) const;
  Found weekday(int at) const;
  bool is_black(int at) const;
  /// "на следующей неделе", "next week": the token after it and the shift.
  std::optional<std::pair<int, int>> week_at(int at) const;
  /// "ноябрь 2026", "в октябре", "since March".
  Found month(int at) const;
  /// "третий квартал", "в 4 квартале 2018".
  Found quarter(int at) const;
  /// "в 2025 году".
  Found year(int at) const;
  /// "15 числа", "пятого числа", "до 5-го", "by the 21st".
  Found day_of_month(int at) const;

  // ---- clocks.cpp

  /// "часов" or "ч": an hour of the day as well as a length.
  bool is_hour(int at) const;
  /// Reads "утра", "pm", "p.m.". Moves `end` behind it.
  std::optional<DayPart> meridiem_at(int& end) const;
  static int hour_in(int hour, std::optional<DayPart> part);
  /// Nobody calls a shop at three in the night.
  static int hour_of_business(int hour);
  /// A time of day. `cued`: a preposition before it tells that a bare hour is one.
  std::optional<ClockTime> clock_at(int at, bool cued, bool bare) const;
  std::optional<ClockTime> read_clock(int at, bool cued, bool bare) const;
  bool plain_minutes(int at, int minute) const;
  std::optional<ClockTime> zoned(ClockTime clock) const;
  std::optional<ClockTime> half_hour(int end, int hour) const;
  /// "без пяти три", "без четверти пять", "без 15 8".
  std::optional<ClockTime> minutes_before(int at) const;
  /// "half past three", "quarter to five".
  std::optional<ClockTime> quarter_past(int at) const;
  /// "3 pm", "8 вечера", "15 часов", "17ч10", "3 o'clock", and with `bare` just "3".
  std::optional<ClockTime> clock_of_hours(int at, bool cued, bool bare) const;
  static std::string value_of(const ClockTime& clock);
  Found clocks(int at) const;
  /// "завтра вечером в 8", "tonight at 8": the part of the day named before the preposition.
  std::optional<DayPart> day_part_before(int at) const;
  bool next_is_day(int at) const;
  /// "10:00-18:00", "9am to 5pm", and behind a preposition "10 до 18".
  Found clock_range(int at, bool cued, bool between) const;
  /// "10-12 утра", "3-4pm".
  Found hours_with_one_meridiem(int at) const;
  int plain_hour(int at, int hour) const;
  std::optional<ClockTime> clock_at_end_of_range(int at, bool cued) const;

  // ---- lengths.cpp

  /// A length: "2 недели", "1 час 55 минут", "полгода", "2-3 дня", "half an hour", "3 с половиной месяца".
  std::optional<Lengths> length_at(int at) const;
  std::optional<Lengths> read_length(int at) const;
  /// "минут 20", "дней десять": about so many.
  std::optional<Lengths> about_so_many(int at) const;
  bool is_case_ending(int at) const;
  /// What may follow the first unit: smaller units and halves. `at` is the unit.
  std::optional<Lengths> rest_of_length(int at, std::int64_t thousandths, Unit unit, Lengths lengths) const;
  /// "пол часа", "четверть часа", "3 четверти часа", "half an hour", "half a year".
  std::optional<Lengths> part_of_unit(int at) const;
  /// One unit without a number: "неделю", "a week".
  std::optional<Lengths> single_at(int at) const;
  /// "через 2 дня", "in a week". Not in a tale of the past, where it is a length: "сломался через месяц".
  Found after_a_while(int at) const;
  /// "3 дня назад", "неделю тому назад", "a week ago", "2 days from now".
  Found ago(int at) const;
  /// "последние два дня", "the next 3 weeks".
  Found several_units(int at) const;
  bool is_age(int begin, int end) const;
  Found duration(int at) const;
  Found running_length(int at) const;
  /// "неделя" is a length in "прошла неделя" and "неделя" alone, "день" is none in "добрый день".
  bool single_is_cued(int begin, int at, int end) const;

  const Phrase& p_;
  const Calendar& calendar_;
  int last_end_ = 0;        ///< of what was found last
  int last_date_end_ = -1;  ///< the same, but no length of time
  mutable Remembered<Numeral> numbers_;
  mutable Remembered<std::pair<int, int>> days_;
  mutable Remembered<DateParts> dates_;
  mutable Remembered<ClockTime> clocks_;
  mutable Remembered<Lengths> lengths_;
};

}  // namespace easyflow::nlp
