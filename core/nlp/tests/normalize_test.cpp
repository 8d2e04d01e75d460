#include "core/nlp/normalize.hpp"

#include <gtest/gtest.h>

#include "core/nlp/unicode.hpp"

namespace easyflow::nlp {
namespace {

std::string normalized(std::string_view text, const KnownWords* known = nullptr,
                       const std::vector<Entity>* entities = nullptr) {
  Words words;
  normalize(text, entities, known, words);
  return to_text(words);
}

const KnownWords& shop_words() {
  static const KnownWords words({"когда",  "придет",  "заказ", "сколько", "стоит",    "где",  "мой",   "что",
                                 "привет", "посылка", "будет", "на",      "когда-то", "when", "order", "where",
                                 "my",     "is",      "the",   "much",    "how",      "size", "na",    "no"});
  return words;
}

TEST(Normalize, FoldsLettersSpacesAndSigns) {
  EXPECT_EQ(normalized("ЗАКАЗ"), "заказ");
  EXPECT_EQ(normalized("Ещё   ЁЛКА"), "еще елка");
  EXPECT_EQ(normalized("don\xE2\x80\x99t DON'T"), "dont dont");
  EXPECT_EQ(normalized("Cafe\xCC\x81 caf\xC3\xA9 \xC3\x9C"), "cafe cafe u");
  EXPECT_EQ(normalized("a\xC2\xA0"
                       "b\tc\nd"),
            "a b c d");
  EXPECT_EQ(normalized("\xEF\xBC\xA1\xEF\xBC\xA2\xEF\xBC\x91"), "ab0");  // full width
  EXPECT_EQ(normalized("ӘЖІ Қазақ ЇЖАК"), "әжі қазақ їжак");
}

TEST(Normalize, ComposesLettersThatComeInTwoParts) {
  EXPECT_EQ(normalized("мои\xCC\x86"), "мой");
  EXPECT_EQ(normalized("е\xCC\x88лка"), "елка");
}

TEST(Normalize, SqueezesRepeatsAndShapesDigits) {
  EXPECT_EQ(normalized("ооооочень"), "оочень");
  EXPECT_EQ(normalized("где???"), "где ?");
  EXPECT_EQ(normalized("заказ 123"), "заказ 000");
  EXPECT_EQ(normalized("12345678901"), "000000");
  EXPECT_EQ(normalized("iphone11"), "iphone00");
}

TEST(Normalize, KeepsEmojiAndDropsWhatIsInvisible) {
  EXPECT_EQ(normalized("спасибо\xF0\x9F\x99\x8F\xF0\x9F\x8F\xBB"), "спасибо \xF0\x9F\x99\x8F");
  EXPECT_EQ(normalized("за\xE2\x80\x8Bказ"), "заказ");
  EXPECT_EQ(normalized("\xE2\x9D\xA4\xEF\xB8\x8F"), "\xE2\x9D\xA4");
}

TEST(Normalize, PutsTheTypeInPlaceOfAnEntity) {
  Entity entity;
  entity.type = "order_number";
  entity.start = 6;
  entity.end = 10;
  const std::vector<Entity> entities{entity};
  EXPECT_EQ(normalized("заказ 4411 где", nullptr, &entities), "заказ <> где");
  // positions that make no sense do no harm
  entity.start = 900;
  entity.end = 3;
  const std::vector<Entity> odd{entity};
  EXPECT_EQ(normalized("заказ", nullptr, &odd), "заказ");
}

TEST(Normalize, ReadsRussianInLatinLetters) {
  EXPECT_EQ(normalized("kogda pridet zakaz", &shop_words()), "когда придет заказ");
  EXPECT_EQ(normalized("skolko stoit", &shop_words()), "сколько стоит");  // the soft sign comes back
  EXPECT_EQ(normalized("gde moj zakaz 4to", &shop_words()), "где мой заказ что");
  EXPECT_EQ(normalized("gde pokupka", &shop_words()), "где покупка");  // a word nobody knows follows by rule
}

TEST(Normalize, LeavesEnglishAlone) {
  EXPECT_EQ(normalized("when is my order", &shop_words()), "when is my order");
  EXPECT_EQ(normalized("where is the zakaz", &shop_words()), "where is the zakaz");
  EXPECT_EQ(normalized("kogda pridet zakaz"), "kogda pridet zakaz");  // without words to compare with
}

TEST(Normalize, MendsTheWrongKeyboardLayout) {
  EXPECT_EQ(normalized("rjulf ghbltn pfrfp", &shop_words()), "когда придет заказ");
  EXPECT_EQ(normalized("ghbdtn!", &shop_words()), "привет !");
  EXPECT_EQ(normalized("rjulf ,eltn?", &shop_words()), "когда будет ?");  // "," is the letter б
  EXPECT_EQ(normalized("црукы ьн щквук", &shop_words()), "whers my order");
  EXPECT_EQ(normalized("size qwrt", &shop_words()), "size qwrt");
}

TEST(Normalize, MendsLettersThatOnlyLookRight) { EXPECT_EQ(normalized("\x63пaсибo"), "спасибо"); }

TEST(Normalize, ReadsTheBeginningAndTheEndOfLongTexts) {
  std::string text;
  for (int i = 0; i < 600; ++i) text += "a ";
  text += "middle ";
  for (int i = 0; i < 600; ++i) text += "b ";
  Words words;
  normalize(text, nullptr, nullptr, words);
  const auto out = to_text(words);
  EXPECT_LE(words.letters.size(), 768u);
  EXPECT_EQ(out.substr(0, 3), "a a");
  EXPECT_EQ(out.substr(out.size() - 3), "b b");
  EXPECT_EQ(out.find("middle"), std::string::npos);
}

TEST(Normalize, TakesAnyBytes) {
  EXPECT_EQ(normalized(""), "");
  EXPECT_EQ(normalized("\xFF\xFE"), "");
  EXPECT_EQ(normalized(std::string_view("a\0b", 3)), "a b");
  EXPECT_EQ(normalized("\xD0"), "");
}

TEST(Unicode, CountsBrokenBytesAsPythonDoes) {
  const auto count = [](std::string_view text) {
    std::size_t at = 0, letters = 0;
    for (; at < text.size(); ++letters) next_code_point(text, at);
    return letters;
  };
  EXPECT_EQ(count("\xF0\x9F\x98"), 1u);      // cut off
  EXPECT_EQ(count("\xED\xA0\x80"), 3u);      // a surrogate
  EXPECT_EQ(count("\xC0\xAF"), 2u);          // over-long
  EXPECT_EQ(count("\xF4\x90\x80\x80"), 4u);  // beyond U+10FFFF
}

}  // namespace
}  // namespace easyflow::nlp
