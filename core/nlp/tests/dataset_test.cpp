#include "core/nlp/dataset.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace easyflow::nlp {
namespace {

TEST(ReadExamples, ReadsEverySeparatorQuotesAndAByteOrderMark) {
  const auto comma =
      read_examples("\xEF\xBB\xBFtext,intent,lang\r\n\"a, \"\"b\"\"\nc\",greeting,en\r\n привет ,greeting,ru\n");
  ASSERT_TRUE(comma) << comma.error().message();
  ASSERT_EQ(comma->size(), 2u);
  EXPECT_EQ((*comma)[0].text, "a, \"b\"\nc");
  EXPECT_EQ((*comma)[0].lang, "en");
  EXPECT_EQ((*comma)[1].text, "привет");
  for (const char* csv : {"Intent;Text\nx;one\ny;two\n", "Intent\tText\nx\tone\ny\ttwo"}) {
    const auto other = read_examples(csv);
    ASSERT_TRUE(other) << other.error().message();
    ASSERT_EQ(other->size(), 2u);
    EXPECT_EQ((*other)[1].text, "two");
    EXPECT_EQ((*other)[1].intent, "y");
  }
}

TEST(ReadExamples, NamesLineAndColumnOfAFault) {
  const auto message = [](std::string_view csv) {
    const auto result = read_examples(csv);
    return result ? std::string("no fault") : result.error().field() + "|" + result.error().message();
  };
  EXPECT_NE(message("").find("empty"), std::string::npos);
  EXPECT_NE(message("a,b\n").find("text|line 1"), std::string::npos);
  EXPECT_NE(message("text,label\nx,y\n").find("intent|line 1"), std::string::npos);
  EXPECT_NE(message("text,intent\nx,y\n,y\n").find("text|line 3"), std::string::npos);
  EXPECT_NE(message("text,intent\nx,Y y\n").find("intent|line 2"), std::string::npos);
  EXPECT_NE(message("text,intent\nx\n").find("intent|line 2"), std::string::npos);
  EXPECT_NE(message("text,intent\n\"x,y\n").find("line 2"), std::string::npos);
  EXPECT_NE(message("text,intent\n\"a\nb\",y\nx,Я\n").find("line 4"), std::string::npos);
  EXPECT_NE(message("text,intent\n" + std::string(4097, 'x') + ",y\n").find("text|line 2"), std::string::npos);
  EXPECT_EQ(message("text,intent\n" + std::string(4096, 'x') + ",y\n"), "no fault");
}

TEST(ReadExamples, StopsAtTheLargestNumberOfRows) {
  std::string csv = "text,intent\n";
  for (int i = 0; i < 200'000; ++i) csv += "x,y\n";
  ASSERT_TRUE(read_examples(csv));
  EXPECT_FALSE(read_examples(csv + "x,y\n"));
}

TEST(Clean, LeavesOutDuplicatesAndTellsWhatIsDoubtful) {
  auto examples =
      read_examples("text,intent\nГде заказ?,order_status\nгде заказ ?,order_status\nгде  ЗАКАЗ?,other\n").value();
  const auto faults = clean(examples);
  EXPECT_EQ(examples.size(), 2u);
  EXPECT_EQ(faults.duplicates, 1);
  ASSERT_EQ(faults.contradictions.size(), 1u);
  EXPECT_EQ(faults.small_intents.size(), 2u);
}

TEST(Clean, NumbersDiffer) {
  auto examples = read_examples("text,intent\n1,out_of_scope\n5,review_feedback\n").value();
  EXPECT_TRUE(clean(examples).contradictions.empty());
}

TEST(DefaultExamples, AreWhatTheNoteSays) {
  auto examples = default_examples();
  ASSERT_GT(examples.size(), 1000u);
  const auto before = examples.size();
  const auto faults = clean(examples);
  EXPECT_TRUE(faults.contradictions.empty()) << faults.contradictions.front();
  EXPECT_TRUE(faults.small_intents.empty());
  EXPECT_LT(static_cast<double>(before - examples.size()), 0.01 * static_cast<double>(before));
}

TEST(DefaultExamples, TheTypicalOnesAreOthersAndOfEveryIntent) {
  auto typical = typical_examples();
  std::map<std::string, int> sizes;
  for (const auto& example : typical) ++sizes[example.intent];
  for (const auto& example : default_examples())
    EXPECT_GE(sizes[example.intent], 15) << "to tell how sure a model is of " << example.intent;
  auto both = default_examples();
  (void)clean(both);
  const auto alone = both.size();
  both.insert(both.end(), typical.begin(), typical.end());
  const auto faults = clean(both);
  EXPECT_TRUE(faults.contradictions.empty()) << faults.contradictions.front();
  // short phrases that everybody writes are in both
  EXPECT_GT(both.size() - alone, typical.size() * 85 / 100);
}

}  // namespace
}  // namespace easyflow::nlp
