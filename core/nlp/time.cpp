// Which rule is asked when; the rules that are neither dates, clocks nor lengths.
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

namespace {

/// Without one of these and without digits there is no time in a message.
constexpr std::uint64_t kTimeSenses =
    bit(Sense::month) | bit(Sense::weekday) | bit(Sense::weak_weekday) | bit(Sense::short_weekday) | bit(Sense::unit) |
    bit(Sense::single_unit) | bit(Sense::short_unit) | bit(Sense::half_unit) | bit(Sense::relative_day) |
    bit(Sense::clock_word) | bit(Sense::half_hour) | bit(Sense::season) | bit(Sense::holiday) |
    bit(Sense::holiday_part) | bit(Sense::weekend) | bit(Sense::meridiem) | bit(Sense::day_mark) |
    bit(Sense::day_part) | bit(Sense::cardinal) | bit(Sense::ordinal) | bit(Sense::fraction);

// What the rules' first tokens may be.
constexpr std::uint64_t kRangeParticles =
    bit(Particle::between) | bit(Particle::s) | bit(Particle::ot) | bit(Particle::from);
constexpr std::uint64_t kDaySenses = bit(Sense::cardinal) | bit(Sense::ordinal);
constexpr std::uint64_t kWeekdaySenses =
    bit(Sense::shift) | bit(Sense::weekday) | bit(Sense::weak_weekday) | bit(Sense::short_weekday);
constexpr std::uint64_t kCountSenses =
    bit(Sense::cardinal) | bit(Sense::magnitude) | bit(Sense::fraction) | bit(Sense::pair);
constexpr std::uint64_t kClockSenses =
    kCountSenses | bit(Sense::clock_word) | bit(Sense::half_hour) | bit(Sense::single_unit);
constexpr std::uint64_t kLengthSenses =
    kCountSenses | bit(Sense::unit) | bit(Sense::single_unit) | bit(Sense::half_unit);
constexpr std::uint64_t kLengthParticles = bit(Particle::a) | bit(Particle::half) | bit(Particle::few);
constexpr std::uint64_t kFirstSenses = kLengthSenses | kClockSenses | kWeekdaySenses | kDaySenses | bit(Sense::month) |
                                       bit(Sense::relative_day) | bit(Sense::plural_shift) | bit(Sense::edge) |
                                       bit(Sense::holiday) | bit(Sense::holiday_part) | bit(Sense::season) |
                                       bit(Sense::genitive_unit);
constexpr std::uint64_t kFirstParticles = kRangeParticles | kLengthParticles | bit(Particle::the) | bit(Particle::day) |
                                          bit(Particle::without) | bit(Particle::through) | bit(Particle::in);

}  // namespace

void TimeReader::read(std::vector<Candidate>& out) {
  int asked = 0;
  for (int at = 0; at < p_.size() && asked < p_.scan().most_places;) {
    if (!may_begin(at)) {
      ++at;
      continue;
    }
    ++asked;
    const auto found = read_at(at);
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
    dates_.forget();  // they look at what was found before
    at = found->end;
  }
}

bool TimeReader::may_begin(int at) const {
  if (!p_.is_number(at)) {
    if ((p_.senses(at) & kFirstSenses) == 0 && (p_.particle(at) & kFirstParticles) == 0) return false;
    // a preposition or an article and then nothing that tells
    return p_.senses(at) != bit(Sense::particle) || p_.known(at + 1) || p_.is_number(at + 1);
  }
  if (!p_.known(at - 1)) {
    const bool known = p_.known(at + 1);
    if (!known && (p_.is_number(at + 1) || (p_.is_word(at + 1) && p_.text(at + 1).size() > 1))) return false;
    if (!known && !p_.is_word(at + 1) && !goes_on(at + 1)) return false;
  }
  // "+7 ...", "$5"
  const bool marked = p_.joined(at) && (p_.is_sign(at - 1, '+') || p_.is(at - 1, Sense::currency_mark));
  return !marked && p_.begins_fresh(at);
}

bool TimeReader::goes_on(int sign) const {
  if (p_.is_dash(sign)) return true;
  if (p_.is_sign(sign, ',')) return p_.joined(sign) && p_.is_number(sign + 1) && p_.joined(sign + 1);
  return (p_.is_sign(sign, '.') || p_.is_sign(sign, ':') || p_.is_sign(sign, '/')) && p_.inside(sign + 1);
}

TimeReader::Found TimeReader::read_at(int at) const {
  struct Entry {
    Rule rule;
    std::uint64_t senses;     ///< what the first token must be, one of these
    std::uint64_t particles;  ///< or one of these
    bool number;              ///< or this
  };
  static constexpr std::array<Entry, 19> kRules = {
      {{&TimeReader::range_with_preposition, 0, kRangeParticles, false},
       {&TimeReader::timestamp, 0, 0, true},
       {&TimeReader::dates, kDaySenses | bit(Sense::month), bit(Particle::the), true},
       {&TimeReader::weekday, kWeekdaySenses, bit(Particle::s) | bit(Particle::from), false},
       {&TimeReader::relative_day, bit(Sense::relative_day), bit(Particle::the) | bit(Particle::day), false},
       {&TimeReader::clocks, kClockSenses, bit(Particle::half) | bit(Particle::without) | bit(Particle::a), true},
       {&TimeReader::after_a_while, bit(Sense::unit), bit(Particle::through) | bit(Particle::in), false},
       {&TimeReader::ago, kLengthSenses, kLengthParticles, true},
       {&TimeReader::shifted_unit, bit(Sense::shift), 0, false},
       {&TimeReader::several_units, bit(Sense::plural_shift), 0, false},
       {&TimeReader::edge, bit(Sense::edge), 0, false},
       {&TimeReader::month, bit(Sense::month), 0, false},
       {&TimeReader::quarter, kDaySenses, 0, true},
       {&TimeReader::running_length, bit(Sense::ordinal), 0, false},
       {&TimeReader::holiday, bit(Sense::holiday) | bit(Sense::holiday_part) | bit(Sense::unit), 0, false},
       {&TimeReader::season, bit(Sense::season), 0, false},
       {&TimeReader::year, 0, 0, true},
       {&TimeReader::day_of_month, kDaySenses, bit(Particle::the), true},
       {&TimeReader::duration, kLengthSenses | bit(Sense::genitive_unit), kLengthParticles, true}}};
  const std::uint64_t senses = p_.senses(at);
  const std::uint64_t particle = p_.particle(at);
  const bool is_number = p_.is_number(at);
  for (const Entry& one : kRules) {
    if ((senses & one.senses) == 0 && (particle & one.particles) == 0 && !(is_number && one.number)) continue;
    if (auto found = (this->*one.rule)(at)) return found;
  }
  return std::nullopt;
}

bool TimeReader::whole_text(int begin, int end) const {
  if (begin != 0) return false;
  for (int i = end; i < p_.size(); ++i)
    if (!p_.ends(i)) return false;
  return true;
}

bool TimeReader::counts_something(int end) const {
  return p_.is(end, Sense::currency) || p_.is(end, Sense::minor_currency) || p_.is(end, Sense::count_unit) ||
         p_.is(end, Sense::measure) || p_.is(end, Sense::no_quantity) || p_.is(end, Sense::rating) ||
         p_.is(end, Sense::goods) || p_.is(end, Sense::magnitude) || p_.is_sign(end, '%') ||
         (p_.joined(end) && p_.is(end, Sense::short_magnitude));
}

bool TimeReader::is_joiner(int at) const {
  return p_.is_dash(at) || p_.is_any(at, {Particle::po, Particle::before, Particle::to});
}

Tense TimeReader::tense(int begin, int end) const {
  if (p_.is_any(begin - 1, {Particle::before, Particle::k, Particle::by, Particle::na})) return Tense::future;
  if (p_.is_any(begin - 1, {Particle::since})) return Tense::past;
  if (p_.is(begin - 1, Particle::s) && lasts_until_now(begin - 1)) return Tense::past;
  // "ещё в понедельник"
  if (p_.is(begin - 1, Particle::v) && (p_.text(begin - 2) == "ещё" || p_.text(begin - 2) == "еще")) return Tense::past;
  return p_.in_the_past(begin, end) ? Tense::past : Tense::open;
}

/// "не обновляется с понедельника", "жду со среды"
bool TimeReader::lasts_until_now(int at) const {
  constexpr std::array<std::string_view, 10> kLasting = {"не",   "нет",    "жду",   "ждём",  "ждем",
                                                         "ждут", "молчит", "висит", "висят", "лежит"};
  for (int i = std::max(0, at - 3); i < at; ++i)
    if (std::find(kLasting.begin(), kLasting.end(), p_.text(i)) != kLasting.end()) return true;
  return false;
}

int TimeReader::with_preposition(int at) const {
  return p_.is_any(at - 1, {Particle::v, Particle::na, Particle::on}) && at - 1 >= last_end_ ? at - 1 : at;
}

bool TimeReader::is_russian_word(int at) const {
  return p_.is_word(at) && (static_cast<unsigned char>(p_.text(at)[0]) & 0xFE) == 0xD0;
}

const std::optional<Numeral>& TimeReader::number_at(int at) const {
  return numbers_.at(at, 0, [&] { return read_cardinal(p_, at, Grouping::none); });
}

std::optional<std::pair<int, int>> TimeReader::read_small(int at) const {
  const auto& number = number_at(at);
  if (!number || !number->is_whole() || number->has_magnitude || number->has_point || number->from_pair ||
      number->whole() > 100)
    return std::nullopt;
  return std::pair(number->end, static_cast<int>(number->whole()));
}

TimeReader::Found TimeReader::range_with_preposition(int at) const {
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

TimeReader::Found TimeReader::relative_day(int at) const {
  int next = at;
  if (p_.is(next, Particle::the)) ++next;
  if (p_.is(next, Particle::day) && p_.is_any(next + 1, {Particle::after, Particle::before})) {
    const auto near = p_.as(next + 2, Sense::relative_day);
    const int step = p_.is(next + 1, Particle::after) ? 1 : -1;
    if (!near || *near != step) return std::nullopt;
    return FoundTime{at, next + 3, iso_date(calendar_.today() + days(2 * step)), kSure, false};
  }
  const auto day = p_.as(at, Sense::relative_day);
  if (!day) return std::nullopt;
  // as vague as "in the evening", unless a clock makes it precise: "tonight at 8"
  if (p_.text(at) == "tonight" && !whole_text(at, at + 1) && !p_.is(at + 1, Particle::at) && !p_.is_number(at + 1))
    return std::nullopt;
  int end = at + 1;
  if (p_.is(end, Sense::day_part))
    ++end;
  else if (p_.is(end, Particle::v) && p_.as(end + 1, Sense::day_part) == static_cast<int>(DayPart::noon))
    end += 2;
  return FoundTime{at, end, iso_date(calendar_.today() + days(*day)), kSure, false};
}

TimeReader::Found TimeReader::shifted_unit(int at) const {
  const auto shift = p_.as(at, Sense::shift);
  if (!shift) return std::nullopt;
  const int begin = with_preposition(at);
  const auto date = std::chrono::year_month_day(calendar_.today());
  const auto this_month = std::chrono::year_month(date.year(), date.month());
  const int end = at + 2;
  if (p_.is(at + 1, Sense::weekend)) {
    const sys_days saturday = calendar_.monday() + days(5 + 7 * *shift);
    return FoundTime{begin, end, iso_date(saturday) + "/" + iso_date(saturday + days(1)), kSure, false};
  }
  if (const auto season = p_.as(at + 1, Sense::season)) return FoundTime{begin, end, "", kLikely, false};
  if (p_.is(at + 1, Sense::day_part) && *shift <= 0) {
    const sys_days day = calendar_.today() + days(*shift < 0 ? -1 : 0);
    return FoundTime{begin, end, iso_date(day), kLikely, false};
  }
  if (const auto month = p_.as(at + 1, Sense::month)) {
    auto named = calendar_.resolve_month(*month, *shift < 0 ? Tense::past : Tense::future);
    if (*shift > 0 && named <= this_month) named += std::chrono::years(1);
    if (*shift < 0 && named >= this_month) named -= std::chrono::years(1);
    return FoundTime{begin, end, iso_month(named), kSure, false};
  }
  const auto unit = p_.as(at + 1, Sense::unit);
  if (!unit) return std::nullopt;
  switch (static_cast<Unit>(*unit)) {
    case Unit::week: return FoundTime{begin, end, iso_week(calendar_.today() + days(7 * *shift)), kSure, false};
    case Unit::month: return FoundTime{begin, end, iso_month(this_month + std::chrono::months(*shift)), kSure, false};
    case Unit::quarter: return FoundTime{begin, end, "", kSure, false};
    case Unit::year: return FoundTime{begin, end, std::to_string(static_cast<int>(date.year()) + *shift), kSure, false};
    default: return std::nullopt;
  }
}

TimeReader::Found TimeReader::edge(int at) const {
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
        return FoundTime{at, end, iso_date(calendar_.today()), kSure, false};
      case Unit::week:
        return FoundTime{at, end, *edge == 1 ? iso_date(calendar_.monday() + days(7 * by + 6)) : "", kSure, false};
      case Unit::month: month = this_month + std::chrono::months(by); break;
      case Unit::year: {
        const int year = static_cast<int>(date.year()) + by;
        return FoundTime{at, end, *edge == 1 ? iso_date(*make_date(year, 12, 31)) : std::to_string(year), kSure, false};
      }
      default: return std::nullopt;
    }
  }
  if (!month) return std::nullopt;
  const std::string value = *edge == 1 ? iso_date(sys_days(*month / std::chrono::last)) : iso_month(*month);
  return FoundTime{at, end, value, kSure, false};
}

TimeReader::Found TimeReader::holiday(int at) const {
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
  if (day == 0) return FoundTime{at, end, "", kSure, false};
  const Tense when = tense(at, end);
  const auto date = calendar_.resolve(day / 100, day % 100, when == Tense::open ? Tense::future : when);
  return FoundTime{at, end, date ? iso_date(*date) : "", kSure, false};
}

TimeReader::Found TimeReader::season(int at) const {
  if (!p_.is(at, Sense::season)) return std::nullopt;
  int year = 0;
  const int end = year_at(at + 1, year, true);
  if (year == 0 && !whole_text(at, end)) return std::nullopt;
  return FoundTime{at, end, "", kLikely, false};
}

void find_times(const Phrase& phrase, std::vector<Candidate>& out) {
  const Scan& scan = phrase.scan();
  if (scan.digits == 0 && (phrase.senses() & kTimeSenses) == 0) return;
  const Calendar calendar(scan.reference);
  TimeReader(phrase, calendar).read(out);
}

}  // namespace easyflow::nlp
