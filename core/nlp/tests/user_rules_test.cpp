#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "core/nlp/tests/found.hpp"

namespace easyflow::nlp {
namespace {

using testing::entities_of;
using testing::found;

std::shared_ptr<const UserRules> rules(std::string_view csv) {
  auto read = UserRules::from_csv(csv);
  if (!read) throw std::runtime_error(read.error().message());
  return *read;
}

std::string fault(std::string_view csv) {
  auto read = UserRules::from_csv(csv);
  if (read) return "accepted";
  EXPECT_EQ(read.error().kind(), ErrorKind::invalid_input);
  return read.error().message();
}

TEST(NlpUserRules, FindPatternsAndPhrases) {
  auto own = rules(
      "kind,type,pattern,value\n"
      "regex,contract,\\bДГ-\\d{4}\\b,\n"
      "regex,member,карта лояльности (\\d+),\n"
      "lookup,product,беспроводные наушники,HEADPHONES-1\n"
      "lookup,product,наушники,HEADPHONES\n"
      "lookup,product,Плед Уют,\n");
  EXPECT_EQ(found("договор дг-1234 подписан", {"contract"}, own.get()), "contract дг-1234");
  EXPECT_EQ(found("Карта лояльности 778", {"member"}, own.get()), "member 778");
  EXPECT_EQ(found("хочу БЕСПРОВОДНЫЕ  Наушники и наушники", {"product"}, own.get()),
            "product БЕСПРОВОДНЫЕ  Наушники=HEADPHONES-1; product наушники=HEADPHONES");
  EXPECT_EQ(found("есть плед уют?", {"product"}, own.get()), "product плед уют");
  EXPECT_EQ(found("есть плед?", {"product"}, own.get()), "");
  EXPECT_EQ(found("наушники5", {"product"}, own.get()), "");
  EXPECT_EQ(found("СДГ-1234, дг-12345, дг-1234я", {"contract"}, own.get()), "");
  EXPECT_EQ(found("СДГ-1234, дг-12345, (дг-1234)", {"contract"}, own.get()), "contract дг-1234");
  EXPECT_EQ(entities_of("наушники", own.get()).at(0).confidence, 0.9);
}

TEST(NlpUserRules, WinOverTheBuiltInOnes) {
  auto own = rules("kind,type,pattern,value\nregex,ticket,#\\d+,\nlookup,warehouse,Казань,KZN-1\n");
  EXPECT_EQ(found("заказ #5512 в Казань", {"order_number", "city", "ticket", "warehouse"}, own.get()),
            "ticket #5512; warehouse Казань=KZN-1");
}

TEST(NlpUserRules, GiveWayToNoCode) {
  auto own = rules("kind,type,pattern,value\nlookup,color,black,noir\n");
  EXPECT_TRUE(find_facts("а tx500-black есть?", testing::friday(), own.get()).codes.empty());
}

TEST(NlpUserRules, NeverHideAPaymentCard) {
  auto own = rules("kind,type,pattern\nregex,order_number,\"[\\d ]{10,}\"\n");
  const auto entities = entities_of("4111 1111 1111 1111", own.get());
  ASSERT_EQ(entities.size(), 1U);
  EXPECT_EQ(entities[0].type, "payment_card");
  EXPECT_EQ(entities[0].text, "**** **** **** 1111");
}

TEST(NlpUserRules, ReadTheWaysPeopleWriteCsv) {
  EXPECT_EQ(found("ok", {"a"},
                  rules("\xEF\xBB\xBF"
                        "Type;Pattern;Kind\r\na;ok;lookup\r\n")
                      .get()),
            "a ok");
  EXPECT_EQ(found("a,b", {"a"}, rules("kind,type,pattern\nlookup,a,\"a,b\"").get()), "a a,b");
  EXPECT_EQ(found("say \"hi\"", {"a"}, rules("kind,type,pattern\n\nlookup,a,\"\"\"hi\"\"\"\n\n").get()), "a \"hi\"");
  EXPECT_EQ(found("x", {"a"}, rules("kind\ttype\tpattern\nlookup\ta\tx\n").get()), "a x");
  EXPECT_EQ(found("x", {"a"}, rules("kind,type,pattern,value\n").get()), "");
}

TEST(NlpUserRules, SayWhatIsWrongAndWhere) {
  EXPECT_EQ(fault(""), "line 1: no header: begin with kind,type,pattern,value");
  EXPECT_EQ(fault("kind,type\n"), "line 1, pattern: no such column: begin with kind,type,pattern,value");
  EXPECT_EQ(fault("kind,type,pattern\nlookup,a,x\nfind,a,x\n"),
            "line 3, kind: \"find\" is unknown: write regex or lookup");
  EXPECT_EQ(fault("kind,type,pattern\nlookup,Большой,x\n"),
            "line 2, type: write up to 64 of a-z, 0-9 and _, beginning with a letter");
  EXPECT_EQ(fault("kind,type,pattern\nlookup,payment_card,x\n"),
            "line 2, type: payment_card is kept for card numbers: choose another name");
  EXPECT_EQ(fault("kind,type,pattern\nlookup,a,\n"), "line 2, pattern: it is empty: write what to look for");
  EXPECT_EQ(fault("kind,type,pattern\nregex,a,(\n"), "line 2, pattern: not a regex (RE2 syntax): missing ): (");
  EXPECT_EQ(fault("kind,type,pattern\nlookup,a,x,y\n"),
            "line 2: more fields than the header has: quote a field that holds the separator");
  EXPECT_EQ(fault("kind,type,pattern\n\"lookup,a,x\n"), "line 2: a quoted field does not end: add the closing quote");
  EXPECT_EQ(fault("kind,type,pattern\nlookup,a,\"x\"y\n"),
            "line 2: text after a closing quote: write \"\" for a quote inside a field");
  EXPECT_EQ(fault("kind,type,pattern\nlookup,a,\"x\ny\"\nlookup,,z\n"),
            "line 4, type: write up to 64 of a-z, 0-9 and _, beginning with a letter");
  EXPECT_EQ(fault("kind,type,pattern\nlookup,a,\xFF\n"), "the rules are not UTF-8 text: save the file as UTF-8");
  EXPECT_EQ(fault("kind,type,pattern\nregex,a," + std::string(501, 'x') + "\n"),
            "line 2, pattern: longer than 500 bytes: split it into several rules");
  EXPECT_EQ(fault("kind,type,pattern\nregex,a,((\\pL{50}){20})\n").substr(0, 15), "line 2, pattern");
  EXPECT_EQ(fault("kind,type,pattern\n" + std::string(1 << 20, '\n')),
            "the rules are larger than 1 MiB: split or shorten them");
  std::string many = "kind,type,pattern\n";
  for (int i = 0; i < 201; ++i) many += "regex,a,x\n";
  EXPECT_EQ(fault(many), "line 202, pattern: more than 200 regexes: merge some, or use kind lookup for plain phrases");
  many = "kind,type,pattern\n";
  for (int i = 0; i < 5001; ++i) many += "lookup,a,x\n";
  EXPECT_EQ(fault(many), "line 5002: more than 5,000 rules: keep what is used");
  EXPECT_EQ(fault("kind,type,pattern\nlookup,a,1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n"),
            "line 2, pattern: the phrase is longer than 16 words: shorten it");
  EXPECT_EQ(fault("kind,type,pattern\nlookup,a,\u200B\n"),
            "line 2, pattern: the phrase is empty: write the words to look for");
}

TEST(NlpUserRules, EmptyAndEndlessMatchesEnd) {
  auto own = rules("kind,type,pattern\nregex,a,x*\nregex,b,(?:)\nregex,c,^\nregex,d,я?\n");
  EXPECT_EQ(found("ббxxб", {"a"}, own.get()), "a xx");
  EXPECT_EQ(found("", {"a"}, own.get()), "");
  // one regex finds at most 64 things in a message
  EXPECT_EQ(entities_of(std::string(1000, '!'), rules("kind,type,pattern\nregex,a,!\n").get()).size(), 64U);
}

TEST(NlpUserRules, ALongMessageEndsTheWorkNotTheProgram) {
  std::string csv = "kind,type,pattern\n";
  for (int i = 0; i < 200; ++i) csv += "regex,a,(x+x+)+y|x.*z|x" + std::to_string(i) + "\n";
  const auto entities = entities_of(std::string(200'000, 'x'), rules(csv).get());
  EXPECT_TRUE(entities.empty());
}

}  // namespace
}  // namespace easyflow::nlp
