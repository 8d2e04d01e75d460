// Dates and lengths of time as ISO 8601 writes them, counted from a reference. Private to core/nlp.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "core/nlp/entities.hpp"
#include "core/nlp/lexicon.hpp"

namespace easyflow::nlp {

/// Where a date without a year lies, when the words around tell.
enum class Tense : std::uint8_t { open, past, future };

/// A length of time in the units it was told in: 90 minutes are no hour and a half.
struct Length {
  int years = 0;
  int months = 0;
  int days = 0;
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  std::int64_t seconds = 0;

  void add(std::int64_t thousandths, Unit unit);
  /// "P7D", "PT1H30M", "P18M", "P2Y".
  std::string iso() const;
};

std::string iso_date(std::chrono::sys_days day);
std::string iso_month(std::chrono::year_month month);
std::string iso_week(std::chrono::sys_days any_day_of_it);
std::string iso_clock(int hour, int minute);

class Calendar {
 public:
  explicit Calendar(const Reference& reference);

  std::chrono::sys_days today() const { return today_; }
  /// The date the year of which is not said: the nearest one, or one far away in the direction of the tense.
  std::optional<std::chrono::sys_days> resolve(int month, int day, Tense tense) const;
  /// The same for a day of the month: "5-го числа".
  std::optional<std::chrono::sys_days> resolve_day(int day, Tense tense) const;
  std::chrono::year_month resolve_month(int month, Tense tense) const;
  /// 1..7 from Monday; never today, but in the week of `shift` when it is given ("this", "last", "next").
  std::chrono::sys_days weekday(int number, Tense tense) const;
  std::chrono::sys_days monday() const;
  /// The reference moved by a length, as precise as the length is.
  std::string moved(const Length& length, int direction) const;

 private:
  std::chrono::sys_days today_;
  std::chrono::minutes now_;  ///< since the day began
};

/// The days a month has; nothing for a date that does not exist.
std::optional<std::chrono::sys_days> make_date(int year, int month, int day);

}  // namespace easyflow::nlp
