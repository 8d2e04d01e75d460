#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/nlp/tests/times_found.hpp"

namespace easyflow::nlp {
namespace {

using testing::found_by;

struct Case {
  std::string_view text;
  std::string_view expected;
};

TEST(NlpTimes, FindsRussianDatesAndTimes) {
  const Case cases[] = {
      {"заказывал 14 ноября, до сих пор тишина", "datetime 14 ноября=2026-11-14"},
      {"Заказывала ещё 3 ноября", "datetime 3 ноября=2026-11-03"},
      {"перенесите на 5-е декабря", "datetime 5-е декабря=2026-12-05"},
      {"второго декабря заберу", "datetime второго декабря=2026-12-02"},
      {"завтра вечером в 8", "datetime завтра вечером=2026-11-21; datetime 8=T20:00"},
      {"сегодня утром в 6 часов", "datetime сегодня утром=2026-11-20; datetime 6 часов=T06:00"},
      {"двадцать первого ноября", "datetime двадцать первого ноября=2026-11-21"},
      {"купил 14.11 в вашем магазине", "datetime 14.11=2026-11-14"},
      {"куплено 05.11.2026, чек есть", "datetime 05.11.2026=2026-11-05"},
      {"отгрузка 25.11.26 г", "datetime 25.11.26=2026-11-25"},
      {"отправлено 2026-11-14", "datetime 2026-11-14=2026-11-14"},
      {"срок до 31/12/2026", "datetime 31/12/2026=2026-12-31"},
      {"оформляла ещё 9 числа", "datetime 9 числа=2026-11-09"},
      {"до 30-го успеете?", "datetime 30-го=2026-11-30"},
      {"доставят 1-го числа", "datetime 1-го числа=2026-12-01"},
      {"с 25 по 28 ноября меня не будет", "datetime с 25 по 28 ноября=2026-11-25/2026-11-28"},
      {"меня не будет 1-5 декабря", "datetime 1-5 декабря=2026-12-01/2026-12-05"},
      {"с 29 декабря по 8 января выходные", "datetime с 29 декабря по 8 января=2026-12-29/2027-01-08"},
      {"13 июля - 15 июля", "datetime 13 июля - 15 июля=2026-07-13/2026-07-15"},
      {"в ночь с 5 на 6 декабря", "datetime с 5 на 6 декабря=2026-12-05/2026-12-06"},
      {"в ноябре заказывал", "datetime ноябре=2026-11"},
      {"скидки за октябрь 2026", "datetime октябрь 2026=2026-10"},
      {"чек за октябрь", "datetime октябрь=2026-10"},
      {"к концу недели нужно", "datetime концу недели=2026-11-22"},
      {"в конце ноября", "datetime конце ноября=2026-11-30"},
      {"в начале декабря", "datetime начале декабря=2026-12"},
      {"до конца года", "datetime конца года=2026-12-31"},
      {"курьер не приехал сегодня", "datetime сегодня=2026-11-20"},
      {"завтра вечером буду дома", "datetime завтра вечером=2026-11-21"},
      {"позавчера отправили", "datetime позавчера=2026-11-18"},
      {"послезавтра после 18:00", "datetime послезавтра=2026-11-22; datetime 18:00=T18:00"},
      {"привезут завтра в обед", "datetime завтра в обед=2026-11-21"},
      {"в пятницу заберу", "datetime в пятницу=2026-11-27"},
      {"курьер был во вторник", "datetime во вторник=2026-11-17"},
      {"в прошлую пятницу заказал", "datetime в прошлую пятницу=2026-11-13"},
      {"в следующий вторник", "datetime в следующий вторник=2026-11-24"},
      {"вторник на следующей неделе", "datetime вторник на следующей неделе=2026-11-24"},
      {"в среду утром", "datetime в среду утром=2026-11-25"},
      {"не позже пятницы", "datetime пятницы=2026-11-27"},
      {"в пн или вт привезете?", "datetime в пн=2026-11-23; datetime вт=2026-11-24"},
      {"вторник", "datetime вторник="},
      {"пятница, 27 ноября", "datetime пятница, 27 ноября=2026-11-27"},
      {"работаете с понедельника по пятницу?", "datetime с понедельника по пятницу="},
      {"на прошлой неделе писал", "datetime на прошлой неделе=2026-W46"},
      {"в следующем месяце", "datetime в следующем месяце=2026-12"},
      {"в прошлом году покупал", "datetime в прошлом году=2025"},
      {"в эти выходные", "datetime в эти выходные=2026-11-21/2026-11-22"},
      {"этим летом купил", "datetime этим летом="},
      {"через 2 дня жду", "datetime через 2 дня=2026-11-22"},
      {"сломался через неделю", "duration неделю=P7D"},
      {"перестал включаться через 3 месяца", "duration 3 месяца=P3M"},
      {"через полтора часа буду", "datetime через полтора часа=2026-11-20T13:30"},
      {"часа через два подойду", "datetime часа через два=2026-11-20T14:00"},
      {"через пару дней", "datetime через пару дней=2026-11-22"},
      {"через несколько дней", "datetime через несколько дней="},
      {"3 дня назад оформил", "datetime 3 дня назад=2026-11-17"},
      {"неделю тому назад", "datetime неделю тому назад=2026-11-13"},
      {"месяц назад купила", "datetime месяц назад=2026-10-20"},
      {"год назад", "datetime год назад=2025-11"},
      {"полчаса назад", "datetime полчаса назад=2026-11-20T11:30"},
      {"пару дней назад", "datetime пару дней назад=2026-11-18"},
      {"лет 10 назад", "datetime лет 10 назад=2016-11"},
      {"последние 3 дня никто не отвечает", "datetime последние 3 дня="},
      {"курьера к 16:30", "datetime 16:30=T16:30"},
      {"в 15.00 забрать можно?", "datetime 15.00=T15:00"},
      {"позвоните мне в 15-30", "datetime 15-30=T15:30"},
      {"приеду к 6 вечера", "datetime 6 вечера=T18:00"},
      {"буду в половине седьмого", "datetime половине седьмого=T18:30"},
      {"приходите в полвосьмого", "datetime полвосьмого=T07:30"},
      {"без двадцати пять", "datetime без двадцати пять=T16:40"},
      {"в четверть восьмого", "datetime четверть восьмого=T07:15"},
      {"в 7 ч. утра", "datetime 7 ч. утра=T07:00"},
      {"до 21 часа работаете?", "datetime 21 часа=T21:00"},
      {"в 6 часов вечера", "datetime 6 часов вечера=T18:00"},
      {"в час дня", "datetime час дня=T13:00"},
      {"в 3 часа дня", "datetime 3 часа дня=T15:00"},
      {"приду в 5", "datetime 5=T17:00"},
      {"сегодня в 20:00", "datetime сегодня=2026-11-20; datetime 20:00=T20:00"},
      {"в полдень", "datetime полдень=T12:00"},
      {"с 10 до 18", "datetime с 10 до 18=T10:00/T18:00"},
      {"с 9:00 до 18:00", "datetime с 9:00 до 18:00=T09:00/T18:00"},
      {"с 9 утра до 6 вечера", "datetime с 9 утра до 6 вечера=T09:00/T18:00"},
      {"10:00–19:00", "datetime 10:00–19:00=T10:00/T19:00"},
      {"10-12 утра", "datetime 10-12 утра=T10:00/T12:00"},
      {"пн-пт с 9 до 18", "datetime пн-пт=; datetime с 9 до 18=T09:00/T18:00"},
      {"успеет до нового года?", "datetime нового года=2027-01-01"},
      {"подарок на 8 марта", "datetime 8 марта=2027-03-08"},
      {"до рождества", "datetime рождества=2027-01-07"},
      {"съезжаю 30-го, а доставка 2-го", "datetime 30-го=2026-11-30; datetime 2-го=2026-12-02"},
      {"уже час ночи", "datetime час ночи=T01:00"},
      {"буду к девяти", "datetime девяти=T09:00"},
      {"в субботу, 21-го", "datetime в субботу, 21-го=2026-11-21"},
      {"в начале месяца заказала", "datetime начале месяца=2026-11"},
      {"в 2025 году", "datetime 2025 году=2025"},
      {"модель 2025 года", "datetime 2025 года=2025"},
      {"третий квартал", "datetime третий квартал="},
      {"zavtra posle 15:00", "datetime zavtra=2026-11-21; datetime 15:00=T15:00"},
      {"kupil 2 nedeli nazad, zakaz tut", "datetime 2 nedeli nazad=2026-11-06"},
      {"zakaz ot 12 noyabrya", "datetime 12 noyabrya=2026-11-12"},
      {"tri dnya nazad zakazal", "datetime tri dnya nazad=2026-11-17"},
  };
  for (const Case& c : cases) EXPECT_EQ(found_by(find_times, c.text), c.expected) << c.text;
}

TEST(NlpTimes, FindsEnglishDatesAndTimes) {
  const Case cases[] = {
      {"bought on 12 November", "datetime 12 November=2026-11-12"},
      {"sent on Nov 15", "datetime Nov 15=2026-11-15"},
      {"November 3rd, 2026", "datetime November 3rd, 2026=2026-11-03"},
      {"the 25th of November", "datetime the 25th of November=2026-11-25"},
      {"since March", "datetime March=2026-03"},
      {"in October", "datetime October=2026-10"},
      {"bought on June 3", "datetime June 3=2026-06-03"},
      {"on Monday instead", "datetime on Monday=2026-11-23"},
      {"it came on Monday", "datetime on Monday=2026-11-16"},
      {"next Friday", "datetime next Friday=2026-11-27"},
      {"last Friday", "datetime last Friday=2026-11-13"},
      {"this Friday", "datetime this Friday=2026-11-20"},
      {"Tuesday next week", "datetime Tuesday next week=2026-11-24"},
      {"Monday works", "datetime Monday="},
      {"tomorrow morning", "datetime tomorrow morning=2026-11-21"},
      {"the day after tomorrow", "datetime the day after tomorrow=2026-11-22"},
      {"returned it last week", "datetime last week=2026-W46"},
      {"next month", "datetime next month=2026-12"},
      {"this weekend", "datetime this weekend=2026-11-21/2026-11-22"},
      {"two weeks ago", "datetime two weeks ago=2026-11-06"},
      {"an hour ago", "datetime an hour ago=2026-11-20T11:00"},
      {"a couple of days ago", "datetime a couple of days ago=2026-11-18"},
      {"in three days", "datetime in three days=2026-11-23"},
      {"fell apart in 10 days", "duration 10 days=P10D"},
      {"in a few hours", "datetime in a few hours="},
      {"after 6 pm", "datetime 6 pm=T18:00"},
      {"at 5:30pm", "datetime 5:30pm=T17:30"},
      {"at 8 a.m.", "datetime 8 a.m.=T08:00"},
      {"noon is fine", "datetime noon=T12:00"},
      {"quarter past five", "datetime quarter past five=T17:15"},
      {"ten o'clock", "datetime ten o'clock=T10:00"},
      {"from 9 to 5", "datetime from 9 to 5=T09:00/T17:00"},
      {"between 9am and 12pm", "datetime between 9am and 12pm=T09:00/T12:00"},
      {"3-4pm", "datetime 3-4pm=T15:00/T16:00"},
      {"July 13-15", "datetime July 13-15=2026-07-13/2026-07-15"},
      {"by end of month", "datetime end of month=2026-11-30"},
      {"late November", "datetime late November=2026-11"},
      {"before Christmas", "datetime Christmas=2026-12-25"},
      {"before new year's eve", "datetime new year's eve=2026-12-31"},
      {"by the 25th", "datetime the 25th=2026-11-25"},
      {"11/25/2026", "datetime 11/25/2026=2026-11-25"},
      {"25/11/2026", "datetime 25/11/2026=2026-11-25"},
      {"by 12/05", "datetime 12/05="},
      {"2026-11-25T14:30:00Z", "datetime 2026-11-25T14:30:00Z=2026-11-25T14:30"},
      {"in 2024", "datetime 2024=2024"},
      {"next 3 weeks", "datetime next 3 weeks="},
      {"arrives Dec 24", "datetime Dec 24=2026-12-24"},
      {"tonight at 8", "datetime tonight=2026-11-20; datetime 8=T20:00"},
      {"at 3 p.m.", "datetime 3 p.m.=T15:00"},
      {"3 o'clock", "datetime 3 o'clock=T15:00"},
      {"sent it 12/11", "datetime 12/11="},
  };
  for (const Case& c : cases) EXPECT_EQ(found_by(find_times, c.text), c.expected) << c.text;
}

TEST(NlpTimes, FindsDurations) {
  const Case cases[] = {
      {"прошла неделя", "duration неделя=P7D"},
      {"уже 7 дней прошло", "duration 7 дней=P7D"},
      {"жду уже полторы недели", "duration полторы недели=P10D"},
      {"прошло 10 рабочих дней", "duration 10 рабочих дней=P10D"},
      {"вернут за 3-5 дней", "duration 3-5 дней="},
      {"гарантия 12 месяцев", "duration 12 месяцев=P12M"},
      {"гарантия два года", "duration два года=P2Y"},
      {"месяц гарантии", "duration месяц=P1M"},
      {"на месяц", "duration месяц=P1M"},
      {"полгода пользовалась", "duration полгода=P6M"},
      {"полтора года служит", "duration полтора года=P18M"},
      {"полтора часа жду", "duration полтора часа=PT1H30M"},
      {"1 час 55 минут", "duration 1 час 55 минут=PT1H55M"},
      {"2 года и 3 месяца", "duration 2 года и 3 месяца=P2Y3M"},
      {"три с половиной месяца", "duration три с половиной месяца=P3M15D"},
      {"в течение недели", "duration недели=P7D"},
      {"больше месяца жду", "duration месяца=P1M"},
      {"месяц жду деньги", "duration месяц=P1M"},
      {"посылка опоздала на неделю", "duration неделю=P7D"},
      {"продлите на пару дней", "duration пару дней=P2D"},
      {"3 или 6 мес", "duration 3 или 6 мес="},
      {"минут 20 жду", "duration минут 20=PT20M"},
      {"двое суток", "duration двое суток=P2D"},
      {"5-ти дней", "duration 5-ти дней=P5D"},
      {"четверть часа", "duration четверть часа=PT15M"},
      {"сутки", "duration сутки=P1D"},
      {"продлите на 3 дня", "duration 3 дня=P3D"},
      {"10 мин", "duration 10 мин=PT10M"},
      {"48 ч", "duration 48 ч=PT48H"},
      {"broke within a week", "duration a week=P7D"},
      {"4 days late", "duration 4 days=P4D"},
      {"акб сдох через год", "duration год=P1Y"},
      {"мотор сел через 10 мес", "duration 10 мес=P10M"},
      {"a 2 year guarantee", "duration 2 year=P2Y"},
      {"6-month warranty", "duration 6-month=P6M"},
      {"half an hour", "duration half an hour=PT30M"},
      {"a month and a half", "duration a month and a half=P1M15D"},
      {"within 10 business days or 2-3 weeks", "duration 10 business days=P10D; duration 2-3 weeks="},
      {"2 hours and 15 minutes", "duration 2 hours and 15 minutes=PT2H15M"},
  };
  for (const Case& c : cases) EXPECT_EQ(found_by(find_times, c.text), c.expected) << c.text;
}

TEST(NlpTimes, FindsNoneInOrdinaryWordsAndNumbers) {
  for (const std::string_view text : {"добрый день",
                                      "доброе утро",
                                      "с Новым годом!",
                                      "May I return it?",
                                      "march is my name",
                                      "второй раз пишу",
                                      "на третий день отвалилась",
                                      "один вопрос",
                                      "раз в неделю",
                                      "каждый день",
                                      "once a week",
                                      "3 times a day",
                                      "24/7 работаете?",
                                      "чёрная пятница когда?",
                                      "Black Friday",
                                      "размер 10/12",
                                      "версия 10.11",
                                      "айпи 192.168.1.1",
                                      "+7 916 123-45-67",
                                      "8 (903) 222-11-00",
                                      "ребенку 5 лет",
                                      "5 year old boy",
                                      "мне 25 лет",
                                      "рост 98 на 3 года",
                                      "заказ 20231105",
                                      "5 звёзд",
                                      "50/50",
                                      "куртка на зиму",
                                      "outdoors in winter",
                                      "10/10",
                                      "на чорную пятницу",
                                      "kakoy razmer na 5 let",
                                      "для подростка 14 лет",
                                      "if I order tonight will it come",
                                      "wb-10.11",
                                      "артикул 14.11.8",
                                      "1.5 кг",
                                      "the second item",
                                      "have a good day",
                                      "в дороге",
                                      "к вечеру",
                                      "до скольки",
                                      "день рождения",
                                      "подарок на день рождения",
                                      "окружающая среда",
                                      "iPhone 15",
                                      "5 к 1",
                                      "в 3 коробках",
                                      "в 60 лет",
                                      "одним днем",
                                      "rate it from 1 to 10",
                                      "retail at 12.50",
                                      "мой домашний адрес 3.14 не меняйте",
                                      "1:1000000",
                                      "99:99",
                                      "32.13",
                                      "31.02.2026",
                                      "31 февраля"})
    EXPECT_EQ(found_by(find_times, text), "") << text;
}

TEST(NlpTimes, CountsFromTheReferenceInItsZone) {
  const auto value = [](std::string_view text, std::string_view now, int minutes) {
    std::vector<Candidate> found;
    find_times(scan(text, {*parse_rfc3339(now), std::chrono::minutes(minutes)}), found);
    return found.empty() ? "none" : found.front().value;
  };
  EXPECT_EQ(value("завтра", "2026-11-20T22:30:00Z", 180), "2026-11-22");
  EXPECT_EQ(value("завтра", "2026-11-20T22:30:00Z", -300), "2026-11-21");
  EXPECT_EQ(value("31 декабря", "2027-01-03T10:00:00Z", 180), "2026-12-31");
  EXPECT_EQ(value("1 марта", "2026-11-20T10:00:00Z", 180), "2027-03-01");
  EXPECT_EQ(value("купил 1 марта", "2026-11-20T10:00:00Z", 180), "2026-03-01");
  EXPECT_EQ(value("29 февраля", "2026-11-20T10:00:00Z", 180), "2028-02-29");
  EXPECT_EQ(value("месяц назад", "2026-03-31T10:00:00Z", 0), "2026-02-28");
  EXPECT_EQ(value("через 2 часа", "2026-12-31T23:30:00Z", 0), "2027-01-01T01:30");
  EXPECT_EQ(value("на этой неделе", "2027-01-01T10:00:00Z", 0), "2026-W53");
}

TEST(NlpTimes, StaysWithinTheText) {
  // pieces of what the rules look for, cut off anywhere
  for (const std::string_view text : {"",
                                      "в",
                                      "с",
                                      "через",
                                      "5",
                                      "5 ",
                                      "5-",
                                      "5.",
                                      "5:",
                                      "14.11.",
                                      "2026-",
                                      "2026-11-",
                                      "2026-11-14t",
                                      "с 10 до",
                                      "half",
                                      "half past",
                                      "без",
                                      "без пяти",
                                      "the",
                                      "the day",
                                      "конец",
                                      "end of",
                                      "новый",
                                      "вторник на",
                                      "next",
                                      "между",
                                      "between 5 and",
                                      "last 3",
                                      "пол",
                                      "четверть",
                                      "1 с",
                                      "a",
                                      "a few",
                                      "o'",
                                      "\xFF\xFE 5 \xD0"})
    found_by(find_times, text);
}

TEST(NlpTimes, TakesHugeNumbersForNoTimes) {
  for (const std::string_view text : {"99999999999999999999 дней", "через 999999999 лет", "999999999 недель назад",
                                      "последние 99999999 дней", "100000000000000000000:00"})
    EXPECT_EQ(found_by(find_times, text), "") << text;
}

}  // namespace
}  // namespace easyflow::nlp
