#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include "core/nlp/finder.hpp"
#include "core/nlp/vocabulary.hpp"

namespace easyflow::nlp {
namespace {

std::string tokens_of(std::string_view text) {
  const Scan s = scan(text, {});
  std::string line;
  for (const Token& token : s.tokens) {
    if (token.space_before) line += ' ';
    line += token.kind == Token::Kind::word ? "w" : token.kind == Token::Kind::number ? "n" : "s";
    line += "[" + std::string(s.word(token)) + "]";
  }
  return line;
}

TEST(NlpScan, DividesAMessageIntoWordsNumbersAndSigns) {
  EXPECT_EQ(tokens_of(""), "");
  EXPECT_EQ(tokens_of("  \n\t "), "");
  EXPECT_EQ(tokens_of("Заказ №15"), "w[заказ] s[№]n[15]");
  EXPECT_EQ(tokens_of("iPhone15, 29.90₽"), "w[iphone]n[15]s[,] n[29]s[.]n[90]s[₽]");
  EXPECT_EQ(tokens_of("don't"), "w[don]s[']w[t]");
  EXPECT_EQ(tokens_of("ок👍🏽да"), "w[ок]s[👍]s[🏽]w[да]");
  EXPECT_EQ(tokens_of("1\u00A0150\u202Fруб"), "n[1] n[150] w[руб]");
  EXPECT_EQ(tokens_of("a\u200Bb"), "w[a] w[b]");
  EXPECT_EQ(tokens_of("«Ёлка»—да…"), "s[«]w[ёлка]s[»]s[—]w[да]s[…]");
}

TEST(NlpScan, LowerCaseKeepsTheLengthInBytes) {
  for (std::string_view text : {"АБВГДЕЁЖЗЭЮЯ", "QWERTY", "ÀÉÎÕÜÞ", "ĀŁŽŸ", "ΑΩ", "ІЇЄҐ", "ӘҒҚҢӨҰҮҺ", "ЎЏЂ", "İıẞK"}) {
    const Scan s = scan(text, {});
    EXPECT_EQ(s.lower.size(), s.text.size()) << text;
    EXPECT_EQ(valid_utf8(s.lower), s.lower) << text;
  }
  EXPECT_EQ(scan("ЁЖ ÀŸ ŁŽ ҚІҐ Ω", {}).lower, "ёж àÿ łž қіґ ω");
  // the lower case of these takes another number of bytes
  EXPECT_EQ(scan("İẞ", {}).lower, "İẞ");
  EXPECT_EQ(to_lower("Санкт-ПЕТЕРБУРГ"), "санкт-петербург");
}

TEST(NlpScan, WhatIsNotUtf8CountsAsOneReplacementCharacterAPiece) {
  EXPECT_EQ(valid_utf8("a\xFFz"), "a\uFFFDz");
  EXPECT_EQ(valid_utf8("\xD0"), "\uFFFD");
  EXPECT_EQ(valid_utf8("\xE2\x82z"), "\uFFFDz");
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(valid_utf8("\xC0\xAF"), "\uFFFD\uFFFD");            // an overlong slash
  EXPECT_EQ(valid_utf8("\xF5\x80\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(valid_utf8("\xF0\x9F\x91\x8D да"), "👍 да");
  EXPECT_EQ(scan("заказ\xFE 15", {}).text, "заказ\uFFFD 15");
  EXPECT_EQ(tokens_of("a\xFFz"), "w[a]s[\uFFFD]w[z]");
}

TEST(NlpScan, SaysWhichKindsOfCharactersThereAre) {
  const Scan s = scan("a@b.ru 12 и 345", {});
  EXPECT_EQ(s.digits, 5);
  EXPECT_TRUE(s.has_at);
  EXPECT_TRUE(s.has_dot);
  EXPECT_FALSE(scan("Пришла. Спасибо.", {}).has_dot);  // ends of sentences begin no address
  const Scan plain = scan("когда придёт посылка", {});
  EXPECT_EQ(plain.digits, 0);
  EXPECT_FALSE(plain.has_at);
  EXPECT_FALSE(plain.has_dot);
}

TEST(NlpScan, AnyBytesGiveAValidTextAndTokensInOrder) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 40, ' ');
    for (char& c : bytes) c = static_cast<char>(random() % 4 == 0 ? random() % 128 : 0xC0 + random() % 64);
    const Scan s = scan(bytes, {});
    ASSERT_EQ(valid_utf8(s.text), s.text);
    ASSERT_EQ(valid_utf8(s.lower), s.lower);
    ASSERT_EQ(s.lower.size(), s.text.size());
    std::uint32_t behind = 0;
    for (const Token& token : s.tokens) {
      ASSERT_GE(token.begin, behind);
      ASSERT_GT(token.end, token.begin);
      ASSERT_EQ(token.hash, hash_word(s.word(token)));
      behind = token.end;
    }
    ASSERT_LE(behind, s.text.size());
  }
}

TEST(NlpVocabulary, FindsWordsWithAndWithoutTheDotsOfYo) {
  Vocabulary<int> words;
  EXPECT_EQ(words.find("чёрный"), nullptr);
  words.add("чёрный", 1);
  words.add("белый", 2);
  words.add("белый", 3);  // the first stays
  ASSERT_NE(words.find("черный"), nullptr);
  EXPECT_EQ(*words.find("черный"), 1);
  EXPECT_EQ(*words.find("чёрный"), 1);
  EXPECT_EQ(*words.find("белый"), 2);
  EXPECT_EQ(words.find("бел"), nullptr);
  for (int i = 0; i < 1000; ++i) words.add("слово" + std::to_string(i), i);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(*words.find("слово" + std::to_string(i)), i);
  EXPECT_EQ(words.size(), 1002U);
}

TEST(NlpVocabulary, TransliteratesTheWayPeopleType) {
  EXPECT_EQ(transliterations("заказ", 8), (std::vector<std::string>{"zakaz"}));
  const auto ways = transliterations("щёлково", 30);
  for (const char* way : {"schelkovo", "shchelkovo", "schyolkovo"})
    EXPECT_NE(std::find(ways.begin(), ways.end(), way), ways.end()) << way;
  EXPECT_LE(transliterations("щщщщщщщщ", 12).size(), 12U);
}

}  // namespace
}  // namespace easyflow::nlp
