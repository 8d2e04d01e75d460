#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>

#include "core/nlp/finder.hpp"
#include "core/nlp/tests/found.hpp"

namespace easyflow::nlp {
namespace {

using testing::entities_of;
using testing::found;

/// The code points [start, end) of a valid text.
std::string slice(std::string_view text, std::size_t start, std::size_t end) {
  std::string out;
  std::size_t point = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80) ++point;
    if (point >= start && point < end) out += text[at];
  }
  return out;
}

TEST(NlpEntities, CountCodePointsOfTheOriginalText) {
  const auto entities = entities_of("👍🏽 заказ №4402918, цвет синий");
  ASSERT_EQ(entities.size(), 2U);
  EXPECT_EQ(entities[0].type, "order_number");
  EXPECT_EQ(entities[0].start, 10U);
  EXPECT_EQ(entities[0].end, 17U);
  EXPECT_EQ(entities[1].type, "color");
  EXPECT_EQ(entities[1].start, 24U);
  EXPECT_EQ(entities[1].end, 29U);
  const auto broken = entities_of("\xFF\xFE заказ 4402918");
  ASSERT_EQ(broken.size(), 1U);
  EXPECT_EQ(broken[0].start, 9U);
}

TEST(NlpEntities, AMixedMessageGivesEachFactOnce) {
  EXPECT_EQ(
      found("Заказ WB-5512, артикул 174556210, куртка синяя 48, доставка в Тверь, тел. 89031234567, чек на a@b.ru",
            {"order_number", "sku", "color", "size", "city", "phone", "email", "url", "tracking_number"}),
      "order_number WB-5512; sku 174556210; color синяя=blue; size 48; city Тверь; phone 89031234567=+79031234567; "
      "email a@b.ru");
}

TEST(NlpEntities, TheBetterProvenOfTwoStays) {
  EXPECT_EQ(found("https://shop.ru/order/12345?color=red", {"url", "order_number", "color"}),
            "url https://shop.ru/order/12345?color=red");
  EXPECT_EQ(found("info@kazan.ru", {"url", "email", "city"}), "email info@kazan.ru");
  EXPECT_EQ(found("заказ RR123456785RU", {"order_number", "tracking_number", "sku"}), "tracking_number RR123456785RU");
}

/// The codes of a text, joined by blanks.
std::string codes_of(std::string_view text) {
  std::string line;
  for (const Entity& code : find_facts(text, testing::friday(), nullptr).codes) {
    EXPECT_TRUE(code.type.empty()) << text;
    EXPECT_EQ(code.value, code.text) << text;
    EXPECT_EQ(slice(text, code.start, code.end), code.text) << text;
    line += (line.empty() ? "" : " ") + code.text;
  }
  return line;
}

TEST(NlpEntities, CodesOfWhichNothingIsSaidStandApart) {
  const testing::Case cases[] = {
      {"Можно поменять адрес доставки для 17941837530?", "17941837530"},
      {"2345678901", "2345678901"},
      {"👍 а tx500-wool ещё есть?", "tx500-wool"},
      {"есть кр-5512ж или 15503-м?", "кр-5512ж 15503-м"},
      // a colour, a size or a city may be a part of an article, other facts not
      {"а tx500-black и white-9042 ещё есть?", "tx500-black white-9042"},
      {"есть tx500-xl или 630099-Москва?", "tx500-xl 630099-Москва"},
      {"пишите tx500-black@b.ru", ""},
      {"1000001 1000002 1000003 1000004 1000005 1000006 1000007 1000008 1000009",
       "1000001 1000002 1000003 1000004 1000005 1000006 1000007 1000008"},
      // what is named, and what is too short or an amount
      {"где заказ 17941837530", ""},
      {"артикул 174556210", ""},
      {"мой телефон 89161234567", ""},
      {"4111111111111111", ""},
      {"Мой телефон 2345678", ""},
      {"ИНН 7707083893", ""},
      {"по договору 1234567", ""},
      {"промокод 1234567", ""},
      {"заплатил 1234567 руб", ""},
      {"стоит 1234567.50", ""},
      {"на 630099", ""},
      {"на 2026год", ""},
      {"спасибо", ""},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(codes_of(text), expected) << text;
  EXPECT_EQ(found("а tx500-wool ещё есть в Твери?", {"", "sku", "city"}), "city Твери=Тверь");
}

TEST(NlpEntities, PlainTextsHaveNone) {
  for (std::string_view text :
       {"", " ", "спасибо большое", "Hello there!", "когда приедет курьер", "👍", "\xFF\xFF", "....", "-"})
    EXPECT_TRUE(entities_of(text).empty()) << text;
}

TEST(NlpEntities, AListOfGoodsIsReadToItsEnd) {
  std::string list;
  for (int i = 0; i < 300; ++i) list += "чайник 3 шт\n";
  list += "забрать завтра";
  const auto entities = entities_of(list);
  EXPECT_EQ(std::count_if(entities.begin(), entities.end(), [](const Entity& e) { return e.type == "quantity"; }), 300);
  ASSERT_FALSE(entities.empty());
  EXPECT_EQ(entities.back().value, "2026-11-21");
}

TEST(NlpEntities, OnlyTheBeginningOfATextMadeToBeSlowIsLookedAt) {
  std::string dense = "завтра ";
  for (int i = 0; i < 1000; ++i) dense += "с 1 ";
  EXPECT_EQ(found(dense + "послезавтра", {"datetime"}), "datetime завтра=2026-11-21");
}

TEST(NlpEntities, OfManyThatOverlapTheHighestStay) {
  std::string csv = "kind,type,pattern,value\n";
  for (std::string_view row : {"regex,left,а+б,\n", "regex,right,бв+,\n", "regex,far,г+,\n"}) csv += row;
  const auto rules = UserRules::from_csv(csv);
  ASSERT_TRUE(rules);
  EXPECT_EQ(found("ааабвггг", {"left", "right", "far"}, rules->get()), "left аааб; far ггг");
  EXPECT_EQ(found("абввввг", {"left", "right", "far"}, rules->get()), "right бвввв; far г");
  EXPECT_EQ(found("вчера абввв ааббв", {"left", "right", "datetime"}, rules->get()),
            "datetime вчера=2026-11-19; right бввв; left ааб; right бв");
}

TEST(NlpEntities, MaskWhatMayNotLeaveTheHub) {
  const std::string text = "Я Ольга, +7 903 123-45-67, olga@mail.ru, карта 4111 1111 1111 1111, заказ 5512001";
  const auto entities = entities_of(text);
  EXPECT_EQ(mask_private(text, entities), "Я Ольга, [phone], [email], карта [card], заказ 5512001");
  EXPECT_EQ(mask_cards(text, entities),
            "Я Ольга, +7 903 123-45-67, olga@mail.ru, карта **** **** **** 1111, заказ 5512001");
  EXPECT_EQ(mask_private("привет", {}), "привет");
  EXPECT_EQ(mask_cards("a\xFF", {}), "a\uFFFD");
  for (const Entity& entity : entities) {
    EXPECT_EQ(slice(mask_cards(text, entities), entity.start, entity.end), entity.text);
    EXPECT_EQ(entity.text.find("4111"), std::string::npos);
  }
}

TEST(NlpEntities, MaskingTakesAnyEntities) {
  std::vector<Entity> odd(3);
  odd[0].type = "phone";
  odd[0].start = 2;
  odd[0].end = 100;
  odd[1].type = "email";
  odd[1].start = 1;
  odd[1].end = 3;
  odd[2].type = "phone";
  odd[2].start = 50;
  odd[2].end = 40;
  EXPECT_EQ(mask_private("абвг", odd), "аб[phone]");
}

TEST(NlpEntities, AreWrittenAsJson) {
  EXPECT_EQ(to_json(std::vector<Entity>{}), "[]");
  Entity a;
  a.type = "sku";
  a.text = "a\"\\\n\x01я";
  a.start = 3;
  a.end = 9;
  Entity b = a;
  b.value = "x";
  b.confidence = 1.0;
  EXPECT_EQ(to_json({a, b}),
            R"([{"type":"sku","text":"a\"\\\u000a\u0001я","start":3,"end":9,"confidence":0.6},)"
            R"({"type":"sku","text":"a\"\\\u000a\u0001я","start":3,"end":9,"value":"x","confidence":1}])");
  EXPECT_TRUE(nlohmann::json::accept(to_json({a, b})));
  b.type.clear();
  b.text = "tx500";
  EXPECT_EQ(to_json(b), R"({"text":"tx500","start":3,"end":9,"value":"x","confidence":1})");
}

TEST(NlpEntities, NothingHidesWhatIsPrivate) {
  for (std::string_view piece : {"1 ", "42 XL ", "с 5 до 7 ", "0 ", "-5 "}) {
    std::string text;
    while (text.size() < 6000) text += piece;
    text += "звоните +7 916 123-45-67, a@b.ru, 4111 1111 1111 1111";
    EXPECT_EQ(found(text, {"phone", "email", "payment_card"}),
              "phone +7 916 123-45-67=+79161234567; email a@b.ru; payment_card **** **** **** 1111=**** 1111")
        << piece;
  }
}

TEST(NlpEntities, AListOfNumbersIsReadToItsEnd) {
  std::string text = "заказы";
  for (int i = 0; i < 500; ++i) text += " " + std::to_string(66102 + i);
  const auto entities = entities_of(text);
  EXPECT_EQ(entities.size(), 500U);
  EXPECT_EQ(entities.back().value, "66601");
}

TEST(NlpEntities, AnyTextGivesOrderedEntitiesThatDoNotOverlap) {
  const std::string_view pieces[] = {
      "заказ ",  "№",   "#",        "12345", "8 903 ",    "123-45-67",     "+",   "4111 1111 1111 1111",
      " размер", " 42", " XL ",     "синий", "-",         "тёмно",         " в ", "Ростове-на-Дону",
      "@",       ".ru", "https://", "a",     "артикул ",  "RR123456785RU", "(",   ")",
      "\xFF",    "👍",   "\n",       "15.11", " 5000 руб", "завтра ",       "/",   "нижний "};
  std::mt19937 random(11);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (auto n = random() % 14; n > 0; --n) text += pieces[random() % std::size(pieces)];
    const std::string valid = valid_utf8(text);
    std::size_t behind = 0;
    for (const Entity& entity : entities_of(text)) {
      ASSERT_GE(entity.start, behind) << text;
      ASSERT_GT(entity.end, entity.start) << text;
      behind = entity.end;
      if (entity.type != "payment_card") {
        ASSERT_EQ(slice(valid, entity.start, entity.end), entity.text) << text;
      }
    }
    ASSERT_TRUE(nlohmann::json::accept(to_json(entities_of(text)))) << text;
  }
}

}  // namespace
}  // namespace easyflow::nlp
