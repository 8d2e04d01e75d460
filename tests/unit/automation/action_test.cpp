#include "core/automation/action.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace easyflow::automation {
namespace {

storage::IntentAction action() {
  storage::IntentAction out;
  out.intent = "order_status";
  out.reply = "We are looking into it.";
  return out;
}

std::string field_at_fault(const storage::IntentAction& given) {
  const auto checked = check(given);
  return checked ? "" : checked.error().field();
}

TEST(Action, EachFaultNamesItsField) {
  EXPECT_EQ(field_at_fault(action()), "");
  auto wrong = action();
  for (const char* intent : {"", "Order", "order status", "order;drop"}) {
    wrong.intent = intent;
    EXPECT_EQ(field_at_fault(wrong), "intent") << intent;
  }
  wrong = action();
  for (double confidence : {-0.01, 1.01, std::numeric_limits<double>::quiet_NaN()}) {
    wrong.min_confidence = confidence;
    EXPECT_EQ(field_at_fault(wrong), "min_confidence") << confidence;
  }
  wrong = action();
  for (const std::string& reply : {std::string(" \n"), std::string("a\0b", 3), std::string("\xff"),
                                   std::string(4097, 'x'), std::string("Hi {nmae}")}) {
    wrong.reply = reply;
    EXPECT_EQ(field_at_fault(wrong), "reply") << reply.substr(0, 20);
  }
  wrong = action();
  for (const std::string& tag :
       {std::string(" urgent"), std::string("a\nb"), std::string("\xff"), std::string(51, 'x')}) {
    wrong.tag = tag;
    EXPECT_EQ(field_at_fault(wrong), "tag") << tag;
  }
  wrong = action();
  wrong.state = std::string(101, 'x');
  EXPECT_EQ(field_at_fault(wrong), "state");
  wrong = action();
  wrong.quiet_from = "25:00";
  wrong.quiet_until = "08:00";
  EXPECT_EQ(field_at_fault(wrong), "quiet_from");
  wrong.quiet_from = "22:00";
  wrong.quiet_until = "8:00";
  EXPECT_EQ(field_at_fault(wrong), "quiet_until");
  wrong.quiet_until.clear();
  EXPECT_EQ(field_at_fault(wrong), "quiet_until");
  wrong = action();
  wrong.reply.clear();
  EXPECT_EQ(field_at_fault(wrong), "reply") << "an action that does nothing";
  wrong.escalate = true;
  EXPECT_EQ(field_at_fault(wrong), "");
}

TEST(Action, LengthsCountCharactersNotBytes) {
  auto long_one = action();
  long_one.reply.clear();
  long_one.tag.clear();
  for (int i = 0; i < 4096; ++i) long_one.reply += "ё";
  for (int i = 0; i < 50; ++i) long_one.tag += "ё";
  EXPECT_TRUE(check(long_one));
  long_one.tag += "ё";
  EXPECT_EQ(field_at_fault(long_one), "tag");
}

TEST(Action, QuietHoursAreReadFromOneText) {
  auto read = action();
  ASSERT_TRUE(set_quiet_hours(read, "22:00-08:30"));
  EXPECT_EQ(read.quiet_from, "22:00");
  EXPECT_EQ(read.quiet_until, "08:30");
  ASSERT_TRUE(set_quiet_hours(read, ""));
  EXPECT_EQ(read.quiet_from, "");
  for (const char* wrong : {"22:00", "22-8", "22:00-24:00", "22:60-08:00", "-", "22:00-08:00-09:00", "ab:cd-ef:gh"}) {
    const auto refused = set_quiet_hours(read, wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().field(), "quiet");
  }
}

TEST(Action, QuietHoursMayPassMidnight) {
  auto night = action();
  ASSERT_TRUE(set_quiet_hours(night, "22:00-08:00"));
  EXPECT_FALSE(is_quiet(night, 21 * 60 + 59));
  EXPECT_TRUE(is_quiet(night, 22 * 60));
  EXPECT_TRUE(is_quiet(night, 0));
  EXPECT_TRUE(is_quiet(night, 7 * 60 + 59));
  EXPECT_FALSE(is_quiet(night, 8 * 60));

  ASSERT_TRUE(set_quiet_hours(night, "13:00-14:00"));
  EXPECT_FALSE(is_quiet(night, 12 * 60 + 59));
  EXPECT_TRUE(is_quiet(night, 13 * 60));
  EXPECT_FALSE(is_quiet(night, 14 * 60));

  ASSERT_TRUE(set_quiet_hours(night, "09:00-09:00"));
  EXPECT_FALSE(is_quiet(night, 9 * 60));
  ASSERT_TRUE(set_quiet_hours(night, ""));
  EXPECT_FALSE(is_quiet(night, 0));
}

}  // namespace
}  // namespace easyflow::automation
