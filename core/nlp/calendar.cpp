#include "core/nlp/calendar.hpp"

#include <algorithm>
#include <cstdlib>

namespace easyflow::nlp {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month;
using std::chrono::year_month_day;

constexpr days kNear{60};  // a date this near needs no tense

/// "07", "2026": with zeros before it up to `width`.
std::string padded(int number, std::size_t width) {
  const std::string digits = std::to_string(number);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

int year_of(sys_days day) { return static_cast<int>(year_month_day(day).year()); }

void append_part(std::string& text, std::int64_t value, char mark) {
  if (value != 0) text += std::to_string(value) + mark;
}

/// The day in another month, the last one where that month is shorter.
sys_days add_months(sys_days day, int months) {
  const year_month_day date(day);
  const year_month month = year_month(date.year(), date.month()) + std::chrono::months(months);
  const year_month_day same = month / date.day();
  return same.ok() ? sys_days(same) : sys_days(month / std::chrono::last);
}

/// Of the dates before and after today the nearest, unless it is far and the tense points the other way.
template <class Date>
Date choose(Date before, Date after, days to_before, days to_after, Tense tense) {
  const bool nearest_is_after = to_after <= to_before;
  const days nearest = std::min(to_before, to_after);
  if (nearest > kNear && tense == Tense::past) return before;
  if (nearest > kNear && tense == Tense::future) return after;
  return nearest_is_after ? after : before;
}

}  // namespace

std::optional<sys_days> make_date(int year, int month, int day) {
  const year_month_day date(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day)));
  if (month < 1 || day < 1 || !date.ok()) return std::nullopt;
  return sys_days(date);
}

void Length::add(std::int64_t thousandths, Unit unit) {
  const std::int64_t whole = thousandths / 1000;
  const std::int64_t part = thousandths % 1000;
  switch (unit) {
    case Unit::second: seconds += whole; break;
    case Unit::minute:
      minutes += whole;
      seconds += part * 60 / 1000;
      break;
    case Unit::hour:
      hours += whole;
      minutes += part * 60 / 1000;
      break;
    case Unit::day:
      days += static_cast<int>(whole);
      hours += part * 24 / 1000;
      break;
    case Unit::week: days += static_cast<int>(thousandths * 7 / 1000); break;
    case Unit::month:
      months += static_cast<int>(whole);
      days += static_cast<int>(part * 30 / 1000);
      break;
    case Unit::quarter: months += static_cast<int>(thousandths * 3 / 1000); break;
    case Unit::year:
      if (part == 0)
        years += static_cast<int>(whole);
      else
        months += static_cast<int>(thousandths * 12 / 1000);
      break;
  }
}

std::string Length::iso() const {
  std::string text = "P";
  append_part(text, years, 'Y');
  append_part(text, months, 'M');
  append_part(text, days, 'D');
  if (hours != 0 || minutes != 0 || seconds != 0) text += 'T';
  append_part(text, hours, 'H');
  append_part(text, minutes, 'M');
  append_part(text, seconds, 'S');
  return text.size() == 1 ? "PT0S" : text;
}

std::string iso_date(sys_days day) {
  const year_month_day date(day);
  return iso_month(date.year() / date.month()) + '-' + padded(static_cast<int>(static_cast<unsigned>(date.day())), 2);
}

std::string iso_month(year_month month) {
  return padded(static_cast<int>(month.year()), 4) + '-' +
         padded(static_cast<int>(static_cast<unsigned>(month.month())), 2);
}

std::string iso_week(sys_days day) {
  const int weekday = static_cast<int>(std::chrono::weekday(day).iso_encoding());
  const sys_days thursday = day + days(4 - weekday);
  const int year = year_of(thursday);
  const auto first = sys_days(std::chrono::year(year) / 1 / 1);
  return padded(year, 4) + "-W" + padded(static_cast<int>((thursday - first).count() / 7 + 1), 2);
}

std::string iso_clock(int hour, int minute) { return 'T' + padded(hour % 24, 2) + ':' + padded(minute, 2); }

Calendar::Calendar(const Reference& reference) {
  const auto local = reference.now + reference.utc_offset;
  today_ = std::chrono::floor<days>(local);
  now_ = std::chrono::duration_cast<std::chrono::minutes>(local - today_);
}

std::optional<sys_days> Calendar::resolve(int month, int day, Tense tense) const {
  std::optional<sys_days> before;
  std::optional<sys_days> after;
  const int year = year_of(today_);
  for (int y = year - 8; y <= year + 8; ++y) {  // the 29th of February is rare
    const auto date = make_date(y, month, day);
    if (!date) continue;
    if (*date < today_) before = date;
    if (*date >= today_ && !after) after = date;
  }
  if (!before || !after) return std::nullopt;
  return choose(*before, *after, today_ - *before, *after - today_, tense);
}

std::optional<sys_days> Calendar::resolve_day(int day, Tense tense) const {
  const year_month_day now(today_);
  std::optional<sys_days> before;
  std::optional<sys_days> after;
  for (int shift = -2; shift <= 2; ++shift) {
    const year_month month = year_month(now.year(), now.month()) + std::chrono::months(shift);
    const auto date =
        make_date(static_cast<int>(month.year()), static_cast<int>(static_cast<unsigned>(month.month())), day);
    if (!date) continue;
    if (*date < today_) before = date;
    if (*date >= today_ && !after) after = date;
  }
  if (!before || !after) return std::nullopt;
  if (tense == Tense::past) return before;
  if (tense == Tense::future) return after;
  return choose(*before, *after, today_ - *before, *after - today_, tense);
}

year_month Calendar::resolve_month(int month, Tense tense) const {
  const year_month_day now(today_);
  const year_month current(now.year(), now.month());
  const int ahead = (month - static_cast<int>(static_cast<unsigned>(now.month())) + 12) % 12;
  if (ahead == 0) return current;
  const year_month after = current + std::chrono::months(ahead);
  const year_month before = after - std::chrono::years(1);
  return choose(before, after, days((12 - ahead) * 30), days(ahead * 30), tense);
}

sys_days Calendar::monday() const {
  return today_ - days(static_cast<int>(std::chrono::weekday(today_).iso_encoding()) - 1);
}

sys_days Calendar::weekday(int number, Tense tense) const {
  const sys_days of_this_week = monday() + days(number - 1);
  if (tense == Tense::past) return of_this_week < today_ ? of_this_week : of_this_week - days(7);
  return of_this_week > today_ ? of_this_week : of_this_week + days(7);
}

std::string Calendar::moved(const Length& length, int direction) const {
  const sys_days day =
      add_months(today_, direction * (length.years * 12 + length.months)) + days(direction * length.days);
  const std::chrono::seconds rest{length.hours * 3600 + length.minutes * 60 + length.seconds};
  if (rest.count() != 0) {
    const auto time = day + now_ + direction * rest;
    const auto date = std::chrono::floor<days>(time);
    const auto minutes = std::chrono::floor<std::chrono::minutes>(time - date).count();
    return iso_date(date) + iso_clock(static_cast<int>(minutes / 60), static_cast<int>(minutes % 60));
  }
  if (length.years != 0 && length.months == 0 && length.days == 0) {
    const year_month_day date(day);
    return iso_month(year_month(date.year(), date.month()));
  }
  return iso_date(day);
}

}  // namespace easyflow::nlp
