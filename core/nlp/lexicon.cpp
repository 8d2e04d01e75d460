#include "core/nlp/lexicon.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/nlp/vocabulary.hpp"

namespace easyflow::nlp {
namespace {

constexpr std::array<std::string_view, 42> kCodes = {
    "RUB", "USD", "EUR", "GBP", "BYN", "KZT", "UAH", "UZS", "KGS", "AMD", "GEL", "AZN", "TJS", "TMT",
    "MDL", "CNY", "TRY", "INR", "AED", "PLN", "JPY", "KRW", "CHF", "CAD", "AUD", "CZK", "SEK", "NOK",
    "DKK", "ILS", "THB", "VND", "KWD", "LBP", "EGP", "QAR", "SAR", "BGN", "MYR", "RSD", "HUF", "MNT"};
enum : int {
  rub,
  usd,
  eur,
  gbp,
  byn,
  kzt,
  uah,
  uzs,
  kgs,
  amd,
  gel,
  azn,
  tjs,
  tmt,
  mdl,
  cny,
  try_,
  inr,
  aed,
  pln,
  jpy,
  krw,
  chf,
  cad,
  aud,
  czk,
  sek,
  nok,
  dkk,
  ils,
  thb,
  vnd,
  kwd,
  lbp,
  egp,
  qar,
  sar,
  bgn,
  myr,
  rsd,
  huf,
  mnt
};

/// Words are set apart by spaces; "недел/я/и" stands for the stem with each ending, "-" for none. Endings of adjectives
/// come in sets: "@ый" (пятый), "@ой" (второй), "@ий" (синий), "@ш" (лучший).
struct Row {
  Sense sense;
  int value;
  std::string_view words;
};

constexpr std::pair<std::string_view, std::string_view> kEndings[] = {
    {"@ый", "ый/ая/ое/ого/ому/ым/ом/ую/ой/ые/ых/ыми/ою"},
    {"@ой", "ой/ая/ое/ого/ому/ым/ом/ую/ые/ых/ыми/ою"},
    {"@ий", "ий/яя/ее/его/ему/им/ем/юю/ей/ие/их/ими"},
    {"@ш", "ий/ая/ее/его/ему/им/ем/ую/ей/ие/их/ими"},
};

template <class E>
constexpr int number_of(E value) {
  return static_cast<int>(value);
}

// clang-format off
constexpr Row kParticles[] = {
    {Sense::particle, number_of(Particle::v), "в во"},
    {Sense::particle, number_of(Particle::na), "на"},
    {Sense::particle, number_of(Particle::k), "к ко"},
    {Sense::particle, number_of(Particle::po), "по"},
    {Sense::particle, number_of(Particle::s), "с со"},
    {Sense::particle, number_of(Particle::ot), "от"},
    {Sense::particle, number_of(Particle::za), "за"},
    {Sense::particle, number_of(Particle::before), "до before until till til"},
    {Sense::particle, number_of(Particle::after), "после after past"},
    {Sense::particle, number_of(Particle::through), "через"},
    {Sense::particle, number_of(Particle::between), "между between"},
    {Sense::particle, number_of(Particle::and_), "и and"},
    {Sense::particle, number_of(Particle::or_), "или либо or"},
    {Sense::particle, number_of(Particle::in), "in"},
    {Sense::particle, number_of(Particle::on), "on"},
    {Sense::particle, number_of(Particle::at), "at around"},
    {Sense::particle, number_of(Particle::by), "by"},
    {Sense::particle, number_of(Particle::since), "since"},
    {Sense::particle, number_of(Particle::from), "from"},
    {Sense::particle, number_of(Particle::to), "to"},
    {Sense::particle, number_of(Particle::within), "within during"},
    {Sense::particle, number_of(Particle::for_), "for"},
    {Sense::particle, number_of(Particle::of), "of из"},
    {Sense::particle, number_of(Particle::a), "a an"},
    {Sense::particle, number_of(Particle::the), "the"},
    {Sense::particle, number_of(Particle::without), "без"},
    {Sense::particle, number_of(Particle::half), "половина половине половину половины half"},
    {Sense::particle, number_of(Particle::with_half), "половиной"},
    {Sense::particle, number_of(Particle::few), "несколько пара-тройка few several"},
    {Sense::particle, number_of(Particle::day), "day"},
    {Sense::particle, number_of(Particle::but), "а но but"},
    {Sense::particle, number_of(Particle::every), "every each per каждый каждую каждое каждые каждого раз once twice"},
    {Sense::particle, number_of(Particle::now), "now"},
    {Sense::particle, number_of(Particle::only), "only just только всего лишь еще"},
};

constexpr Row kNumerals[] = {
    {Sense::cardinal, 0, "ноль нуль нуля zero"},
    {Sense::cardinal, 1, "од/ин/на/но/ного/ному/ним/ном/ной/ну/нёго one"},
    {Sense::cardinal, 2, "два две двух двум двумя двое two"},
    {Sense::cardinal, 3, "три трех трем тремя трое three"},
    {Sense::cardinal, 4, "четыре четырех четырем четырьмя четверо four"},
    {Sense::cardinal, 5, "пят/ь/и/ью/еро five"},
    {Sense::cardinal, 6, "шест/ь/и/ью/еро six"},
    {Sense::cardinal, 7, "сем/ь/и/ью/еро seven"},
    {Sense::cardinal, 8, "восемь восьми восемью восьмью eight"},
    {Sense::cardinal, 9, "девят/ь/и/ью nine"},
    {Sense::cardinal, 10, "десят/ь/и/ью ten"},
    {Sense::cardinal, 11, "одиннадцат/ь/и/ью eleven"},
    {Sense::cardinal, 12, "двенадцат/ь/и/ью twelve"},
    {Sense::cardinal, 13, "тринадцат/ь/и/ью thirteen"},
    {Sense::cardinal, 14, "четырнадцат/ь/и/ью fourteen"},
    {Sense::cardinal, 15, "пятнадцат/ь/и/ью fifteen"},
    {Sense::cardinal, 16, "шестнадцат/ь/и/ью sixteen"},
    {Sense::cardinal, 17, "семнадцат/ь/и/ью seventeen"},
    {Sense::cardinal, 18, "восемнадцат/ь/и/ью eighteen"},
    {Sense::cardinal, 19, "девятнадцат/ь/и/ью nineteen"},
    {Sense::cardinal, 20, "двадцат/ь/и/ью twenty"},
    {Sense::cardinal, 30, "тридцат/ь/и/ью thirty"},
    {Sense::cardinal, 40, "сорок сорока forty fourty"},
    {Sense::cardinal, 50, "пятьдесят пятидесяти пятьюдесятью fifty"},
    {Sense::cardinal, 60, "шестьдесят шестидесяти шестьюдесятью sixty"},
    {Sense::cardinal, 70, "семьдесят семидесяти семьюдесятью seventy"},
    {Sense::cardinal, 80, "восемьдесят восьмидесяти восемьюдесятью eighty"},
    {Sense::cardinal, 90, "девяносто девяноста ninety"},
    {Sense::cardinal, 100, "сто ста"},
    {Sense::cardinal, 200, "двести двухсот двумстам двумястами двухстах"},
    {Sense::cardinal, 300, "триста трехсот тремстам тремястами трехстах"},
    {Sense::cardinal, 400, "четыреста четырехсот четыремстам четырьмястами четырехстах"},
    {Sense::cardinal, 500, "пятьсот пятисот пятистам пятьюстами пятистах"},
    {Sense::cardinal, 600, "шестьсот шестисот шестистам шестьюстами шестистах"},
    {Sense::cardinal, 700, "семьсот семисот семистам семьюстами семистах"},
    {Sense::cardinal, 800, "восемьсот восьмисот восьмистам восемьюстами восьмистах"},
    {Sense::cardinal, 900, "девятьсот девятисот девятистам девятьюстами девятистах"},
    {Sense::ordinal, 1, "перв/@ый first"},
    {Sense::ordinal, 2, "втор/@ой second"},
    {Sense::ordinal, 3, "трет/ий/ья/ье/ьего/ьему/ьим/ьем/ью/ьей/ьи/ьих third"},
    {Sense::ordinal, 4, "четверт/@ый fourth"},
    {Sense::ordinal, 5, "пят/@ый fifth"},
    {Sense::ordinal, 6, "шест/@ой sixth"},
    {Sense::ordinal, 7, "седьм/@ой seventh"},
    {Sense::ordinal, 8, "восьм/@ой eighth"},
    {Sense::ordinal, 9, "девят/@ый ninth"},
    {Sense::ordinal, 10, "десят/@ый tenth"},
    {Sense::ordinal, 11, "одиннадцат/@ый eleventh"},
    {Sense::ordinal, 12, "двенадцат/@ый twelfth"},
    {Sense::ordinal, 13, "тринадцат/@ый thirteenth"},
    {Sense::ordinal, 14, "четырнадцат/@ый fourteenth"},
    {Sense::ordinal, 15, "пятнадцат/@ый fifteenth"},
    {Sense::ordinal, 16, "шестнадцат/@ый sixteenth"},
    {Sense::ordinal, 17, "семнадцат/@ый seventeenth"},
    {Sense::ordinal, 18, "восемнадцат/@ый eighteenth"},
    {Sense::ordinal, 19, "девятнадцат/@ый nineteenth"},
    {Sense::ordinal, 20, "двадцат/@ый twentieth"},
    {Sense::ordinal, 30, "тридцат/@ый thirtieth"},
    {Sense::ordinal_suffix, 0, "го ого его е ое ье й ый ий ой я ая му ому ему м ым ом ем st nd rd th"},
    {Sense::magnitude, 10, "десят/ок/ка/ке/ком/ки/ков"},
    {Sense::magnitude, 12, "дюжин/а/ы/у/е dozen dozens"},
    {Sense::magnitude, 50, "полсотн/и/я/ю"},
    {Sense::magnitude, 100, "сотн/я/и/ю/ей/е сотен hundred hundreds"},
    {Sense::magnitude, 1000, "тысяч/а/и/-/у/е/ей/ью/ам/ами/ах тыс тыщ/а/и/-/у/е thousand thousands"},
    {Sense::magnitude, 1000000, "миллион/-/а/ов/у/ом/ы/ам/ами лям/-/а/ов млн mln million millions"},
    {Sense::short_magnitude, 1000, "к k тыс"},
    {Sense::fraction, 500, "пол"},
    {Sense::fraction, 250, "четверт/ь/и/ью/ей quarter quarters"},
    {Sense::fraction, 1500, "полтора полторы полутора полтораста"},
    {Sense::pair, 2, "пар/а/у/ы/ой/е couple pair"},
};

constexpr Row kCalendar[] = {
    {Sense::month, 1, "январ/ь/я/е/ю/ем янв january jan"},
    {Sense::month, 2, "феврал/ь/я/е/ю/ем фев февр february feb"},
    {Sense::month, 3, "март/-/а/е/у/ом мар march mar"},
    {Sense::month, 4, "апрел/ь/я/е/ю/ем апр april apr"},
    {Sense::month, 5, "ма/й/я/е/ю/ем may"},
    {Sense::month, 6, "июн/ь/я/е/ю/ем июн june jun"},
    {Sense::month, 7, "июл/ь/я/е/ю/ем июл july jul"},
    {Sense::month, 8, "август/-/а/е/у/ом авг august aug"},
    {Sense::month, 9, "сентябр/ь/я/е/ю/ем сен сент september sept sep"},
    {Sense::month, 10, "октябр/ь/я/е/ю/ем окт october oct"},
    {Sense::month, 11, "ноябр/ь/я/е/ю/ем ноя нояб november nov"},
    {Sense::month, 12, "декабр/ь/я/е/ю/ем дек december dec"},
    {Sense::weekday, 1, "понедельник/-/а/у/ом/е monday"},
    {Sense::weekday, 2, "вторник/-/а/у/ом/е tuesday"},
    {Sense::weekday, 3, "wednesday"},
    {Sense::weekday, 4, "четверг/-/а/у/ом/е thursday"},
    {Sense::weekday, 5, "пятниц/а/ы/у/е/ей friday"},
    {Sense::weekday, 6, "суббот/а/ы/у/е/ой saturday"},
    {Sense::weekday, 7, "воскресень/е/я/ю/ем sunday"},
    {Sense::weak_weekday, 3, "сред/а/ы/у/е/ой"},
    {Sense::short_weekday, 1, "пн mon"},
    {Sense::short_weekday, 2, "вт tue tues"},
    {Sense::short_weekday, 3, "ср wed"},
    {Sense::short_weekday, 4, "чт thu thur thurs"},
    {Sense::short_weekday, 5, "пт fri"},
    {Sense::short_weekday, 6, "сб sat"},
    {Sense::short_weekday, 7, "вс sun"},
    {Sense::unit, number_of(Unit::second), "секунд/а/ы/у/-/ам/ами/очек/очки second seconds sec secs"},
    {Sense::unit, number_of(Unit::minute),
     "минут/а/ы/у/-/ам/ами/ах минутк/а/и/у минуток минуточ/ка/ки/ку минуточек minute minutes min mins"},
    {Sense::unit, number_of(Unit::hour),
     "час/-/а/ов/у/ам/ами/ах/ом часик/-/а/ов/и часок часоч/ек/ка/ков/ки hour hours hr hrs"},
    {Sense::unit, number_of(Unit::day),
     "день дня дней дню дням днями днях дне ден/ек/ёк денька деньков сут/ки/ок/кам/ками/ках day days"},
    {Sense::unit, number_of(Unit::week), "недел/я/и/ю/ь/е/ей/ям/ями/ях недельк/а/и/у неделек week weeks"},
    {Sense::unit, number_of(Unit::month), "месяц/-/а/ев/у/ем/е/ы/ам/ами/ах month months"},
    {Sense::unit, number_of(Unit::quarter), "квартал/-/а/ов/у/ом/е/ы quarter quarters"},
    {Sense::unit, number_of(Unit::year), "год/-/а/у/ом/е/ы/ам/ами/ах/ик/ика/ов лет годков year years yr yrs"},
    {Sense::single_unit, number_of(Unit::second), "секунд/а/у/очку second sec"},
    {Sense::single_unit, number_of(Unit::minute), "минут/а/у минутк/а/у минуточ/ка/ку minute"},
    {Sense::single_unit, number_of(Unit::hour), "час часик часок часочек hour"},
    {Sense::single_unit, number_of(Unit::day), "день сутки денек day"},
    {Sense::single_unit, number_of(Unit::week), "недел/я/ю недельк/а/у week"},
    {Sense::single_unit, number_of(Unit::month), "месяц month"},
    {Sense::single_unit, number_of(Unit::quarter), "квартал"},
    {Sense::single_unit, number_of(Unit::year), "год year"},
    {Sense::genitive_unit, number_of(Unit::minute), "минуты"},
    {Sense::genitive_unit, number_of(Unit::hour), "часа"},
    {Sense::genitive_unit, number_of(Unit::day), "дня суток"},
    {Sense::genitive_unit, number_of(Unit::week), "недели"},
    {Sense::genitive_unit, number_of(Unit::month), "месяца"},
    {Sense::genitive_unit, number_of(Unit::quarter), "квартала"},
    {Sense::genitive_unit, number_of(Unit::year), "года"},
    {Sense::half_unit, number_of(Unit::minute), "полминут/ы/ки"},
    {Sense::half_unit, number_of(Unit::hour), "полчас/а/ика получаса"},
    {Sense::half_unit, number_of(Unit::day), "полдня полсуток"},
    {Sense::half_unit, number_of(Unit::week), "полнедели"},
    {Sense::half_unit, number_of(Unit::month), "полмесяца"},
    {Sense::half_unit, number_of(Unit::year), "полгода полугода"},
    {Sense::short_unit, number_of(Unit::second), "сек"},
    {Sense::short_unit, number_of(Unit::minute), "мин"},
    {Sense::short_unit, number_of(Unit::hour), "ч h"},
    {Sense::short_unit, number_of(Unit::day), "дн"},
    {Sense::short_unit, number_of(Unit::week), "нед wk wks"},
    {Sense::short_unit, number_of(Unit::month), "мес"},
    {Sense::unit_adjective, 0,
     "рабоч/@ш календарн/@ый банковск/их/ий/ого полн/ых/ый/ого/ую цел/ых/ый/ую/ого ближайш/их business working "
     "calendar full whole more extra additional astronomical"},
    {Sense::relative_day, 0, "сегодня седня севодня сиводня today tonight eod"},
    {Sense::relative_day, 1, "завтра tomorrow tmrw tommorow tomorow tommorrow"},
    {Sense::relative_day, -1, "вчера yesterday"},
    {Sense::relative_day, 2, "послезавтра"},
    {Sense::relative_day, -2, "позавчера"},
    {Sense::relative_day, 3, "послепослезавтра"},
    {Sense::relative_day, -3, "позапозавчера"},
    {Sense::shift, -2, "позапрошл/@ый"},
    {Sense::shift, -1, "прошл/@ый прошедш/@ш минувш/@ш предыдущ/@ш last previous past"},
    {Sense::shift, 0, "этот эта эту это этого этой этом этим этими эти этих текущ/@ш нынешн/@ий this current"},
    {Sense::shift, 1, "следующ/@ш след будущ/@ш ближайш/@ш next coming upcoming following"},
    {Sense::plural_shift, -1, "последн/ие/их/ими прошл/ые/ых прошедш/ие/их предыдущ/ие/их last past previous"},
    {Sense::plural_shift, 1, "следующ/ие/их/ими ближайш/ие/их/ими next coming following"},
    {Sense::day_part, number_of(DayPart::morning), "утром утречком morning"},
    {Sense::day_part, number_of(DayPart::noon), "обед обеда обеду"},
    {Sense::day_part, number_of(DayPart::day), "днем afternoon"},
    {Sense::day_part, number_of(DayPart::evening), "вечером вечерком вечер вечера вечеру evening"},
    {Sense::day_part, number_of(DayPart::night), "ночью night"},
    {Sense::meridiem, number_of(DayPart::morning), "утра"},
    {Sense::meridiem, number_of(DayPart::day), "дня пополудни"},
    {Sense::meridiem, number_of(DayPart::evening), "вечера"},
    {Sense::meridiem, number_of(DayPart::night), "ночи"},
    {Sense::meridiem, number_of(DayPart::am), "am"},
    {Sense::meridiem, number_of(DayPart::pm), "pm"},
    {Sense::clock_word, 12, "полдень полудня полудню полуднем noon midday"},
    {Sense::clock_word, 0, "полночь полуночи полночи midnight"},
    {Sense::half_hour, 1, "полпервого"},
    {Sense::half_hour, 2, "полвторого"},
    {Sense::half_hour, 3, "полтретьего"},
    {Sense::half_hour, 4, "полчетвертого"},
    {Sense::half_hour, 5, "полпятого"},
    {Sense::half_hour, 6, "полшестого"},
    {Sense::half_hour, 7, "полседьмого"},
    {Sense::half_hour, 8, "полвосьмого"},
    {Sense::half_hour, 9, "полдевятого"},
    {Sense::half_hour, 10, "полдесятого"},
    {Sense::half_hour, 11, "полодиннадцатого"},
    {Sense::half_hour, 12, "полдвенадцатого"},
    {Sense::edge, 1, "конец конца концу конце end"},
    {Sense::edge, 0, "середин/а/ы/у/е/ой middle mid"},
    {Sense::edge, -1, "начал/о/а/у/е/ом beginning start"},
    {Sense::edge, 2, "early late"},
    {Sense::season, 1, "весн/а/ы/у/е/ой spring"},
    {Sense::season, 2, "лет/о/а/у/ом summer"},
    {Sense::season, 3, "осен/ь/и/ью autumn fall"},
    {Sense::season, 4, "зим/а/ы/у/е/ой winter"},
    {Sense::weekend, 0, "выходн/ые/ых/ым weekend weekends"},
    {Sense::ago, 0, "назад ago"},
    {Sense::year_mark, 0, "г год года году годом"},
    {Sense::day_mark, 0, "числа число числу"},
    {Sense::time_zone, 0, "gmt utc cet cest est edt pst pdt cst gst bst"},
    {Sense::holiday, 1225, "christmas xmas"},
    {Sense::holiday, 107, "рождеств/о/а/у"},
    {Sense::holiday, 1031, "halloween хэллоуин/-/а/у хеллоуин/-/а/у"},
    {Sense::holiday, 0, "easter пасх/а/и/у/е"},
    {Sense::holiday_part, 1, "нов/ый/ого/ому new"},
    {Sense::holiday_part, 2, "eve"},
    {Sense::holiday_part, 3, "valentine valentines"},
    {Sense::holiday_part, 4, "победы"},
    {Sense::holiday_part, 5, "христов/о/а"},
};

constexpr Row kCues[] = {
    {Sense::before_genitive, 0, "больше более меньше менее около течение дольше свыше порядка раньше позже теч"},
    {Sense::coming, 0,
     "прид/у/ет/ем/ут приед/у/ет/ем/ут подойд/у/ет/ем подъед/у/ет/ем забер/у/ет/ем/ете заеха/ть заед/у/ет "
     "зайд/у/ет буд/у/ет/ем/ете привез/ут/ете/ет достав/ят/ите/ить откро/ется/етесь закро/ется/етесь открываетесь "
     "закрываетесь открывается закрывается позвоните созвонимся встретимся прибудет ждать ждите pick come arrive "
     "open close call meet start starts opens closes"},
    {Sense::before_duration, 0,
     "прошл/а/о прошел прошёл проходит уже жду ждем ждал/-/а/и ждать за через спустя более больше менее меньше "
     "около почти цел/ый/ую/ое ровно всего примерно спустя еще минимум максимум займет занимает на within for in after "
     "over about almost nearly been takes take took lasts last lasted wait waited waiting already past than least "
     "only just another спустя держали "
     "держал держ/ит/ат хватает хватило прослужил/-/а/и проработал/-/а/и ждете ждут хранится хранят провел провела гаранти/я/ю/ей"},
    {Sense::happened, 0,
     "bought sent paid was were got came went fell broke died lost tore wore began quit made said took gave gone "
     "been had did spent arrived купил купила делал был была были сдох сдохла потек протек сел умер облез засох высох погас исчез промок намок "
     "слез вылез замерз треснул лопнул сгорел умерла облезла облезло облезли"},
    {Sense::not_verb, 0,
     "если или ли либо дела тела дело тело стол пол школа футбол мыло сила села неделя недели нал отдел предел "
     "канал материал оригинал журнал need indeed red bed used feed speed seed limited interested expected "
     "scheduled hundred material было бы кабель мебель модель модели цели доли роли ткани мал жил угол узел чехол "
     "котёл котел одеяло зеркало зеркала покрывало кофемолка факел артикул артикула ответил скидка балл вокзал "
     "персонал похожи feel reed naked united embed"},
    {Sense::child, 0,
     "ребен/ок/ка/ку/ком дет/и/ям/ей/ьми сын/-/у/а/ом дочк/а/е/и/у дочер/и/ь мальчик/-/у/а/ам/ов "
     "девочк/а/е/и/у/ам девочек подрост/ок/ка/ку размер/-/а/ом рост/-/а/ом детск/ий/ая/ое/ие/ого/их/ую/ой возраст/-/а/е внук/-/у/а внучк/а/е/и "
     "племянник/-/у/а младен/ец/цу child kid kids children son daughter boy girl toddler baby age aged"},
    {Sense::price, 0,
     "почему прайс/у скин/ете/ь/ьте/ули уступ/ите/ка цен/а/ы/у/е/ой/ник/нике/ами ценою "
     "сто/ит/ил/ила/ило/или/ят/ить/имость/имости/имостью/ить/ящий перев/ел/ела/ели/од переве/дите "
     "оплат/ил/ила/или/а/у/ить заплат/ил/ила/или/ить/ишь плат/ил/ила/ить/еж/ежа спис/али/ано/ывают/ание снял/и/а "
     "снялось сумм/а/ы/у/е/ой корзин/е/а/у скидк/а/и/у/ой/е скид/ок бюджет/-/а/е дорож/е дешевл/е "
     "подорожал/-/а/о/и "
     "подешевел/-/а/о/и прайс/-/е/а куп/ил/ила/или/лю/лен/лена/лено взял/-/а/и прода/ете/дите/м/ю/н "
     "отда/ете/дите/дите/м отдадите отдал/-/а/и верн/ули/ите/ете/ут/уть/ул должны потрат/ил/ила зараб/аток/отать "
     "зарабат/ывай/ывать аванс/-/а предоплат/а/ы/у дохо/д долг/-/у/а потолок заказ/-/а/е минималк/а налож/енным "
     "price prices priced cost costs costed paid pay charged charge refund total amount budget worth deposit"},
    {Sense::instead, 0, "вместо instead"},
    {Sense::rating, 0,
     "звезд/-/а/ы/у/очек/очки балл/-/а/ов оценк/а/у/и/ой оцен/ил/ила/иваю рейтинг/-/а/е star stars rating rate "
     "points point оценок"},
    {Sense::no_quantity, 0,
     "раз раза разов % процент/-/а/ов размер/-/а/е/у/ов класс/-/а/е этаж/-/а/е номер/-/а/у/ом дом/-/а/е квартир/а/ы/у "
     "подъезд/-/а человек/-/а человека люд/ей звонк/а/ов сообщени/е/я/й градус/-/а/ов ватт вольт мм см гб gb tb "
     "тб mb мб км точк/а/и версия версии прошивк/а/и ios android version v балл/ов times percent inch inches "
     "people degrees ghz hz mah мач вт w v floor size sizes дюйм/а/ов/- сторон/ы причин/ы вопрос/-/а/ов "
     "проблем/а/ы минус/а/ов плюс/а/ов вариант/а/ов способ/а/ов отзыв/-/а/ов фото подписчик/ов лайк/ов "
     "магазин/а/ов пункт/-/а/ов questions question reasons reviews photos messages emails calls things attempts "
     "ways options months days hours weeks years лет ml oz lbs lb"},
    {Sense::russian_in_latin, 0,
     "gde kogda zakaz zakaza zakazal zakazala zakazali zakazu skolko dostavka dostavki dostavku dostavite privet "
     "zdravstvuyte zdravstvuite zdravstvujte mne moy moi tovar razmer dlya kak chto eto net mozhno mojno est "
     "rubley rublej rubli zavtra segodnya vchera dney dnya dnej nedelya nedelyu pozhaluysta pozhalujsta spasibo "
     "dobryy dobriy den vernut vozvrat dengi dve tri shtuki shtuku sht nazad posle pozavchera poslezavtra nedeli "
     "mesyats mesyac mesyaca minut mogu mogli ponedelnik ponedelnika vtornik sredu chetverg pyatnicu pyatnitsu "
     "subbotu voskresenie utra vechera pochemu kurier kuryer posylka posilka prishel prishla prishlo prishli uzhe "
     "menya deneg podskazhite hochu xochu kupil kupila tsena cena tovara esli jdu zhdu oplatil oplatila magazin "
     "pyat shtuk para paru eshe esche budet kakoy kakaya nuzhno nado skidka skidku rabotaet chasov"},
};

constexpr Row kMoney[] = {
    {Sense::currency, rub,
     "рубл/ь/я/ей/ю/ем/е/и/ям/ями/ях/ик/ики/иков/ики руб р рэ ₽ rub rubles ruble roubles rouble rur rubley rublej "
     "rublya"},
    {Sense::currency, usd,
     "доллар/-/а/ов/у/ом/е/ы/ам/ами/ах долл бакс/-/а/ов/у/ом/ы/ам/ами usd dollar dollars buck bucks $"},
    {Sense::currency, eur, "евро eur euro euros €"},
    {Sense::currency, gbp, "фунт/-/а/ов/у/ом/ы/ам/ами gbp pound pounds quid £ sterling"},
    {Sense::currency, byn, "byn"},
    {Sense::currency, kzt, "тенге kzt tenge тг ₸"},
    {Sense::currency, uah, "грн гривн/а/ы/у/е/ой/ам гривен гривень uah hryvnia hryvnias hryvnas ₴"},
    {Sense::currency, uzs, "сум/-/ов uzs"},
    {Sense::currency, kgs, "сом/-/ов/а kgs"},
    {Sense::currency, amd, "драм/-/а/ов amd dram drams ֏"},
    {Sense::currency, gel, "лари gel lari ₾"},
    {Sense::currency, azn, "манат/-/а/ов azn manat ₼"},
    {Sense::currency, tjs, "сомони tjs"},
    {Sense::currency, tmt, "tmt"},
    {Sense::currency, mdl, "ле/й/я/ев mdl"},
    {Sense::currency, cny, "¥ юан/ь/я/ей/ям cny rmb yuan renminbi"},
    {Sense::currency, try_, "лир/а/ы/-/у try tl lira liras ₺"},
    {Sense::currency, inr, "рупи/я/и/й/ю inr rs rupee rupees ₹"},
    {Sense::currency, aed, "дирхам/-/а/ов aed dirham dirhams"},
    {Sense::currency, pln, "злот/ый/ых/ого/ые pln zloty zlotys zł"},
    {Sense::currency, jpy, "иен/а/ы/-/у йен/а/ы/- jpy yen"},
    {Sense::currency, krw, "вон krw"},
    {Sense::currency, chf, "франк/-/а/ов chf franc francs"},
    {Sense::currency, cad, "cad"},
    {Sense::currency, aud, "aud"},
    {Sense::currency, czk, "czk"},
    {Sense::currency, sek, "sek"},
    {Sense::currency, nok, "nok"},
    {Sense::currency, dkk, "dkk"},
    {Sense::currency, ils, "шекел/ь/я/ей ils nis shekel shekels ₪"},
    {Sense::currency, thb, "бат/-/а/ов thb baht ฿"},
    {Sense::currency, vnd, "vnd донг/-/а/ов"},
    {Sense::currency, kwd, "kwd"},
    {Sense::currency, lbp, "lbp"},
    {Sense::currency, egp, "egp"},
    {Sense::currency, qar, "qar"},
    {Sense::currency, sar, "sar"},
    {Sense::currency, bgn, "bgn"},
    {Sense::currency, myr, "myr rm ringgit ringgits"},
    {Sense::currency, rsd, "rsd динар/-/а/ов"},
    {Sense::currency, huf, "huf форинт/-/а/ов"},
    {Sense::currency, mnt, "mnt тугрик/-/а/ов tugrik tugriks"},
    {Sense::minor_currency, rub, "копе/йка/йки/йку/ек/йками/йкам коп"},
    {Sense::minor_currency, usd, "цент/-/а/ов/у/ом/ы/ам/ами cent cents penny pennies ¢ ц c"},
    {Sense::minor_currency, gbp, "пен/с/са/сов/ни pence"},
    {Sense::minor_currency, uah, "kopiykas kopecks kopeks"},
    {Sense::currency_mark, rub, "₽ rub рублей руб"},
    {Sense::currency_mark, usd, "$ usd бакса баксов"},
    {Sense::currency_mark, eur, "€ eur евро"},
    {Sense::currency_mark, gbp, "£ gbp"},
    {Sense::currency_mark, byn, "byn"},
    {Sense::currency_mark, kzt, "₸ kzt"},
    {Sense::currency_mark, uah, "₴ uah грн"},
    {Sense::currency_mark, uzs, "uzs"},
    {Sense::currency_mark, kgs, "kgs"},
    {Sense::currency_mark, amd, "֏ amd"},
    {Sense::currency_mark, gel, "₾"},
    {Sense::currency_mark, azn, "₼ azn"},
    {Sense::currency_mark, cny, "cny ¥ rmb"},
    {Sense::currency_mark, try_, "₺"},
    {Sense::currency_mark, inr, "₹ rs inr"},
    {Sense::currency_mark, aed, "aed"},
    {Sense::currency_mark, pln, "pln"},
    {Sense::currency_mark, jpy, "jpy"},
    {Sense::currency_mark, chf, "chf"},
    {Sense::currency_mark, cad, "cad"},
    {Sense::currency_mark, aud, "aud"},
    {Sense::currency_mark, ils, "₪"},
    {Sense::currency_mark, myr, "rm myr"},
    {Sense::slang_amount, 1000, "косар/ь/я/ей/и/ю"},
    {Sense::slang_amount, 500, "пятихатк/а/у/и"},
    {Sense::slang_amount, -1000, "grand"},
};

constexpr Row kGoods[] = {
    {Sense::count_unit, 1,
     "шт уп шту/к/ка/ки/ку/кам/ками штуч/ек/ки/ка/ку единиц/-/а/ы/у позици/й/и/я/ю комплект/-/а/ов/ы набор/-/а/ов "
     "упаков/ок/ка/ки/ку пачк/а/и/у пачек короб/ок/ка/ки/ку/ов/а ящик/-/а/ов рулон/-/а/ов мешк/а/ов мешок "
     "бутыл/ок/ка/ки/ку флакон/-/а/ов тюбик/-/а/ов пакет/-/а/ов пакетик/а/ов экземпляр/-/а/ов "
     "порци/й/и/я палет/-/а/ы паллет/-/а/ы блок/-/а/ов связк/а/и/у pc pcs pce piece pieces unit units item items "
     "set sets pack packs package packages box boxes bottle bottles carton cartons pallet pallets bag bags roll "
     "rolls copy copies kit kits"},
    {Sense::count_unit, 2, "пар/а/у/ы/-/ами/ам pair pairs"},
    {Sense::measure, number_of(Measure::kg), "кг килограмм/-/а/ов кило kg kgs kilo kilos kilogram kilograms"},
    {Sense::measure, number_of(Measure::g), "г гр грамм/-/а/ов g gram grams"},
    {Sense::measure, number_of(Measure::l), "л литр/-/а/ов l liter liters litre litres"},
    {Sense::measure, number_of(Measure::ml), "мл ml"},
    {Sense::measure, number_of(Measure::m), "м метр/-/а/ов m meter meters metre metres"},
    {Sense::measure, number_of(Measure::cm), "cm"},
    {Sense::goods, 0,
     "товар/-/а/ов/ы вещ/ь/и/ей издели/е/я/й футболк/и/у/а футболок рубашк/и/у/а рубашек плать/е/я/ев платьев "
     "куртк/и/у/а курток кофт/ы/у/- джинсов штанов брюк юбк/и/у юбок носк/а/ов носок кроссов/ок/ки ботин/ка/ки/ок "
     "туфел/ь туфли сапог/-/а сапоги шап/ки/ку/ок шарф/-/а/ов перчат/ок/ки худи свитер/-/а/ов толстов/ок/ки/ку "
     "костюм/-/а/ов пижам/ы/у/- халат/-/а/ов ремн/я/ей сумк/и/у/а сумок рюкзак/-/а/ов чемодан/-/а/ов книг/-/и/у/а "
     "книж/ек/ки тетрад/ей/и ручк/и/у ручек кружк/и/у/а кружек чаш/ек/ки/ку тарел/ок/ки/ку стакан/-/а/ов "
     "бокал/-/а/ов лож/ек/ки/ку вил/ок/ки/ку кастрюл/ь/и/ю сковород/ы/у/ки/ок полотен/ец/ца простын/и/ей/ю "
     "подуш/ек/ки/ку одеял/-/а пледа пледов пледа наволоч/ек/ки телефон/-/а/ов смартфон/-/а/ов чехл/а/ов "
     "кабел/я/ей заряд/ок/ки/ку наушник/ов лампоч/ек/ки/ку ламп/-/ы/у батаре/ек/йки игруш/ек/ки/ку кук/ол/лы/лу "
     "машин/ок/ки/ку стул/-/а/ьев кресл/а/ам стол/а/ов крем/-/а/ов шампун/я/ей маск/и/у масок духов фильтр/-/а/ов "
     "банок банк/и/у/а коврик/-/а/ов штор/-/ы горш/ка/ков свеч/ей/и/у час/ы посыл/ок/ки/ку заказ/а/ов "
     "shirt shirts tshirts tee "
     "tees dress dresses jacket jackets hoodie hoodies jeans sock socks shoe shoes sneakers boot boots hat hats "
     "bag bags backpack backpacks book books mug mugs cup cups plate plates glass glasses jar jars towel towels "
     "pillow pillows blanket blankets phone phones case cases cable cables charger chargers lamp lamps bulb bulbs "
     "battery batteries toy toys doll dolls chair chairs table tables candle candles filter filters cap caps "
     "scarf scarves gloves order orders product products parcel parcels lipsticks creams sweaters skirts pants "
     "notebooks pens earbuds headphones speakers watches rings necklaces earrings"},
    {Sense::acquire, 0,
     "возьм/у/ем/ете взять взял/-/а/и бер/у/ем нужн/о/ы/а/ен надо хо/чу/тел/тела/тим хотел/а/и "
     "заказ/ал/ала/али/ать/ывал/ывала/жу заказать закажу закаж/у/ем закажите куп/ил/ила/или/ить/лю/ите "
     "приш/ло/ла/ли/ел пришёл присл/али/ал/ала пришлите отправ/или/ил/ьте/ите полож/или/ил/ите/ить "
     "получ/ил/ила/или/ить добав/ить/ьте/ил/ила оформ/ил/ила/ить/ите отлож/ите/ить резерв/- забронируйте "
     "требуется требуются интересу/ет/ют достав/или осталось осталась вернуть верну возврат привез/ли недополучил "
     "недоложили лежит лежат лежало оказалось насчитал/-/а/и необходимо необходим/ы/а "
     "need needed want wanted order ordered ordering buy bought buying get "
     "got getting received receive sent send reserve reserved take return returning returned add purchase "
     "purchased missing arrived came contains shipped delivered only"},
};
// clang-format on

struct Words {
  std::vector<Gloss> glosses;
  Vocabulary<std::span<const Gloss>> direct;
  Vocabulary<std::span<const Gloss>> sounds;  ///< Russian words by how they sound, for those in Latin letters
};

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(at, begin), text.size());
    if (end > begin) parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::vector<std::string> expand(std::string_view pattern) {
  std::string spelled(pattern);
  for (const auto& [set, endings] : kEndings)
    if (const std::size_t at = spelled.find(set); at != std::string::npos) spelled.replace(at, set.size(), endings);
  std::vector<std::string> parts = split(spelled, '/');
  if (parts.size() < 2) return parts;
  const std::string stem = std::move(parts.front());
  parts.erase(parts.begin());
  for (std::string& part : parts) part = part == "-" ? stem : stem + part;
  return parts;
}

bool is_cyrillic(std::string_view word) {
  return !word.empty() && (static_cast<unsigned char>(word[0]) & 0xFE) == 0xD0;
}

struct Sound {
  std::string_view letters;
  std::string_view sound;
};
/// Letters that the ways of writing Russian in Latin letters do not tell apart become one. Longer ones come first.
constexpr Sound kLatinSounds[] = {{"shch", "ш"}, {"sch", "ш"}, {"sh", "ш"}, {"ch", "ч"}, {"zh", "ж"}, {"kh", "х"},
                                  {"ts", "ц"},   {"ya", "я"},  {"ja", "я"}, {"ia", "я"}, {"yu", "ю"}, {"ju", "ю"},
                                  {"iu", "ю"},   {"yo", "е"},  {"jo", "е"}, {"ye", "е"}, {"je", "е"}, {"a", "а"},
                                  {"b", "б"},    {"c", "ц"},   {"d", "д"},  {"e", "е"},  {"f", "ф"},  {"g", "г"},
                                  {"h", "х"},    {"i", "и"},   {"j", "и"},  {"k", "к"},  {"l", "л"},  {"m", "м"},
                                  {"n", "н"},    {"o", "о"},   {"p", "п"},  {"r", "р"},  {"s", "с"},  {"t", "т"},
                                  {"u", "у"},    {"v", "в"},   {"w", "в"},  {"x", "х"},  {"y", "и"},  {"z", "з"}};
constexpr Sound kCyrillicSounds[] = {{"ь", ""}, {"ъ", ""}, {"й", "и"}, {"ы", "и"}, {"э", "е"}, {"щ", "ш"}, {"ё", "е"}};

/// Longer ones are no words we know.
constexpr std::size_t kLongestWord = 48;  // bytes

/// "iy" and "yy" of "dobryy" sound as one.
void drop_double_i(std::string& heard) {
  for (std::size_t at; (at = heard.find("ии")) != std::string::npos;) heard.erase(at, 2);
}

std::string cyrillic_sound(std::string_view word) {
  std::string heard;
  while (!word.empty()) {
    const auto found = std::find_if(std::begin(kCyrillicSounds), std::end(kCyrillicSounds),
                                    [&](const Sound& s) { return word.starts_with(s.letters); });
    if (found != std::end(kCyrillicSounds)) {
      heard += found->sound;
      word.remove_prefix(found->letters.size());
    } else {
      heard += word.front();
      word.remove_prefix(1);
    }
  }
  drop_double_i(heard);
  return heard;
}

/// The sounds that begin with each Latin letter.
using SoundsByLetter = std::array<std::vector<Sound>, 26>;

std::string latin_sound(std::string_view word) {
  static const SoundsByLetter by_letter = [] {
    SoundsByLetter all;
    for (const Sound& sound : kLatinSounds) all[static_cast<std::size_t>(sound.letters[0] - 'a')].push_back(sound);
    return all;
  }();
  std::string heard;
  heard.reserve(2 * word.size());
  while (!word.empty()) {
    std::string_view sound = word.substr(0, 1);
    std::size_t taken = 1;
    if (word[0] >= 'a' && word[0] <= 'z')
      for (const Sound& one : by_letter[static_cast<std::size_t>(word[0] - 'a')])
        if (word.starts_with(one.letters)) {
          sound = one.sound;
          taken = one.letters.size();
          break;
        }
    heard += sound;
    word.remove_prefix(taken);
  }
  drop_double_i(heard);
  return heard;
}

Words read_words() {
  std::map<std::string, std::vector<Gloss>> direct;
  std::map<std::string, std::vector<Gloss>> sounds;
  const auto put = [](std::vector<Gloss>& list, Gloss gloss) {
    const bool there = std::any_of(list.begin(), list.end(), [&](const Gloss& g) { return g.sense == gloss.sense; });
    if (!there) list.push_back(gloss);
  };
  for (const std::span<const Row> table :
       {std::span<const Row>(kParticles), std::span<const Row>(kNumerals), std::span<const Row>(kCalendar),
        std::span<const Row>(kCues), std::span<const Row>(kMoney), std::span<const Row>(kGoods)})
    for (const Row& row : table)
      for (const std::string& pattern : split(row.words, ' '))
        for (const std::string& word : expand(pattern)) {
          const Gloss gloss{row.sense, row.value};
          put(direct[fold_yo(word)], gloss);
          if (is_cyrillic(word)) put(sounds[cyrillic_sound(word)], gloss);
        }
  Words words;
  std::size_t count = 0;
  for (const auto* map : {&direct, &sounds})
    for (const auto& [word, glosses] : *map) count += glosses.size();
  words.glosses.reserve(count);  // the spans below point into it
  const auto keep = [&](const std::map<std::string, std::vector<Gloss>>& from, auto& into) {
    for (const auto& [word, glosses] : from) {
      const std::size_t begin = words.glosses.size();
      words.glosses.insert(words.glosses.end(), glosses.begin(), glosses.end());
      into.add(word, std::span<const Gloss>(words.glosses).subspan(begin, glosses.size()));
    }
  };
  keep(direct, words.direct);
  keep(sounds, words.sounds);
  return words;
}

const Words& words() {
  static const Words all = read_words();
  return all;
}

bool ends_with_any(std::string_view word, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(), [&](std::string_view e) { return word.ends_with(e); });
}

}  // namespace

const std::span<const std::string_view> kCurrencies(kCodes);

Phrase::Phrase(const Scan& scan) : scan_(scan), tokens_(scan.tokens.size()) {
  const Words& all = words();
  bool latin = false;
  for (int i = 0; i < size(); ++i) {
    const Token& t = token(i);
    if (t.kind == Token::Kind::number) {
      read_number(i);
      continue;
    }
    if (t.kind == Token::Kind::sign) {
      Seen& seen = tokens_[index(i)];
      const std::string_view sign = text(i);
      if (sign.size() == 1) seen.sign = sign[0];
      seen.is_dash =
          seen.sign == '-' || (sign.size() == 3 && (sign == "–" || sign == "—" || sign == "−" || sign == "‑"));
      seen.ends = !seen.is_dash && std::string_view("%/\"'*+:").find(seen.sign) == std::string_view::npos;
      if (sign.size() == 1 && sign[0] != '$') continue;
    } else {
      (is_cyrillic(text(i)) ? russian_ : latin) = true;
    }
    if (const auto* found = all.direct.find(scan, t)) give(i, *found);
  }
  if (!latin) russian_ = true;
  if (russian_ || (senses_ & bit(Sense::russian_in_latin)) == 0) return;
  russian_ = true;
  for (int i = 0; i < size(); ++i) {
    if (!is_word(i) || text(i).size() > kLongestWord) continue;
    if (const auto* found = all.sounds.find(latin_sound(text(i)))) give(i, *found);
  }
}

void Phrase::give(int at, std::span<const Gloss> glosses) {
  Seen& seen = tokens_[index(at)];
  seen.glosses = glosses.data();
  seen.senses = 0;
  seen.particle = kNoParticle;
  for (const Gloss& gloss : glosses) {
    seen.senses |= bit(gloss.sense);
    if (gloss.sense == Sense::particle) seen.particle = static_cast<Particle>(gloss.value);
  }
  senses_ |= seen.senses;
  if (is(at, Sense::currency)) seen.ends = false;
}

void Phrase::read_number(int at) {
  Seen& seen = tokens_[index(at)];
  if (const std::string_view digits = text(at); digits.size() <= 9) {
    seen.number = 0;
    for (char c : digits) seen.number = seen.number * 10 + (c - '0');
  }
  seen.is_fresh = true;
  if (!joined(at)) return;
  const bool connects =
      is_sign(at - 1, '.') || is_sign(at - 1, ',') || is_sign(at - 1, ':') || is_sign(at - 1, '/') || is_dash(at - 1);
  const bool goes_on = connects && joined(at - 1) && (is_number(at - 2) || is_word(at - 2));
  seen.is_fresh = !goes_on && !is_word(at - 1) && !is_sign(at - 1, '#') && !is_sign(at - 1, '_') && text(at - 1) != "№";
}

bool Phrase::ends_fresh(int end) const {
  if (!joined(end)) return true;
  if (is_number(end) || is_sign(end, '_')) return false;
  const bool connects =
      is_sign(end, '.') || is_sign(end, ',') || is_sign(end, ':') || is_sign(end, '/') || is_dash(end);
  return !(connects && joined(end + 1) && is_number(end + 1));
}

bool Phrase::looks_past(int at) const {
  if (!is_word(at)) return false;
  const Seen& word = seen(at);
  if (word.past == Past::unknown) word.past = find_past(at) ? Past::yes : Past::no;
  return word.past == Past::yes;
}

bool Phrase::find_past(int at) const {
  if (is(at, Sense::happened)) return true;
  if (is(at, Sense::not_verb)) return false;
  const std::string_view word = text(at);
  if (is_cyrillic(word))
    return word.size() >= 8 &&
           ends_with_any(word, {"ал",  "ил",  "ел",  "ёл",   "ял",   "ул",   "ала", "ила", "ела", "яла", "ула",
                                "шла", "ало", "ило", "ело",  "яло",  "уло",  "шло", "али", "или", "ели", "яли",
                                "ули", "шли", "лся", "лась", "лось", "лись", "ыл",  "ыла", "ыли", "ыло"});
  if (word.size() < 5 || !word.ends_with("ed")) return false;
  return text(at - 1) != "be" && text(at - 1) != "get";  // "could it be delivered on Tuesday"
}

bool Phrase::in_the_past(int begin, int end, int before, int after) const {
  for (int i = std::max(0, begin - before); i < begin; ++i)
    if (looks_past(i)) return true;
  for (int i = end; i < std::min(size(), end + after); ++i)
    if (looks_past(i)) return true;
  return false;
}

bool Phrase::near(Sense sense, int begin, int end, int before, int after) const {
  for (int i = std::max(0, begin - before); i < begin; ++i)
    if (is(i, sense)) return true;
  for (int i = end; i < std::min(size(), end + after); ++i)
    if (is(i, sense)) return true;
  return false;
}

}  // namespace easyflow::nlp
