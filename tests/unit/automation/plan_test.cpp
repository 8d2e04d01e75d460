#include "core/automation/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace easyflow::automation {
namespace {

using testing::HasSubstr;

class PlanTest : public testing::Test {
 protected:
  PlanTest() {
    facts.intent = facts.message_intent = "order_status";
    facts.confidence = 0.9;
    facts.created_at = now;
    facts.message_found = true;
    facts.platform = "telegram";
    facts.chat_id = "100";
    facts.status = "active";
    facts.time_zone = "Europe/Moscow";
    storage::IntentAction action;
    action.intent = "order_status";
    action.reply = "Hello, {name}! Order {order_number} is on its way.";
    action.tag = "where";
    action.state = "tracking";
    facts.action = action;
  }

  storage::ActPlan planned() { return plan(facts, connectors, now); }
  std::string withheld() {
    const auto made = planned();
    EXPECT_EQ(made.skip, "");
    EXPECT_EQ(made.reply, "");
    EXPECT_EQ(made.tag, "where") << "only the answer is withheld";
    EXPECT_EQ(made.state, "tracking");
    return made.withheld;
  }
  std::string skipped() {
    const auto made = planned();
    EXPECT_EQ(made.reply, "");
    EXPECT_EQ(made.tag, "");
    EXPECT_EQ(made.state, "");
    EXPECT_FALSE(made.escalate);
    return made.skip;
  }
  void at(const char* time) {
    now = parse_rfc3339(time).value();
    facts.created_at = now;
  }

  sdk::Registry connectors = easyflow::connectors::make_registry();
  Timestamp now = parse_rfc3339("2026-11-20T12:00:00+03:00").value();
  storage::ActFacts facts;
};

TEST_F(PlanTest, AnActionIsCarriedOut) {
  facts.contact_name = "Anna";
  facts.entities_json = R"([{"type":"order_number","value":"66102"}])";
  facts.action->escalate = true;
  const auto made = planned();
  EXPECT_EQ(made.skip, "");
  EXPECT_EQ(made.withheld, "");
  EXPECT_EQ(made.reply, "Hello, Anna! Order 66102 is on its way.");
  EXPECT_TRUE(made.escalate);
  EXPECT_EQ(made.tag, "where");
  EXPECT_EQ(made.state, "tracking");
}

TEST_F(PlanTest, TheThresholdIsTheActionsOfNow) {
  facts.confidence = 0.79;
  EXPECT_THAT(skipped(), HasSubstr("0.79 is below the 0.80"));
  facts.confidence = 0.80;
  EXPECT_EQ(planned().skip, "") << "reaching it is enough";
  facts.action->min_confidence = 0.95;
  EXPECT_THAT(skipped(), HasSubstr("0.80 is below the 0.95"));
}

TEST_F(PlanTest, AnActionThatIsGoneOrOffOrNotMeantDoesNothing) {
  facts.message_intent = "refund_status";
  EXPECT_THAT(skipped(), HasSubstr("found to mean \"refund_status\""));
  facts.message_intent = "order_status";
  facts.action->enabled = false;
  EXPECT_THAT(skipped(), HasSubstr("switched off"));
  facts.action.reset();
  EXPECT_THAT(skipped(), HasSubstr("no action for \"order_status\""));
  facts.message_found = false;
  EXPECT_THAT(skipped(), HasSubstr("not there"));
}

TEST_F(PlanTest, APersonsConversationGetsNoCannedAnswer) {
  facts.status = "escalated";
  EXPECT_THAT(withheld(), HasSubstr("a person handles the conversation"));
  facts.status = "closed";
  EXPECT_THAT(withheld(), HasSubstr("closed"));
  facts.status = "paused";
  EXPECT_THAT(withheld(), HasSubstr("paused"));
  facts.status = "active";
  facts.answered = true;
  EXPECT_THAT(withheld(), HasSubstr("answered already"));
}

TEST_F(PlanTest, WhoDoesNotWantAnswersGetsNone) {
  facts.opted_out = true;
  EXPECT_THAT(withheld(), HasSubstr("asked for no messages"));
  facts.opted_out = false;
  facts.is_private = false;
  EXPECT_THAT(withheld(), HasSubstr("group"));
  facts.is_private = true;
  facts.contact_active = false;
  EXPECT_THAT(withheld(), HasSubstr("blocked the account"));
}

TEST_F(PlanTest, TheSameAnswerIsNotRepeatedWithinAnHour) {
  facts.recent_answers = {"Hello! Order is on its way."};
  EXPECT_THAT(withheld(), HasSubstr("within the last hour"));
  facts.entities_json = R"([{"type":"order_number","value":"66102"}])";
  EXPECT_EQ(planned().reply, "Hello! Order 66102 is on its way.") << "another order is another answer";
}

TEST_F(PlanTest, AnAnswerThatWaitedForADayIsWithheld) {
  facts.created_at = now - std::chrono::hours(24);
  EXPECT_NE(planned().reply, "");
  facts.created_at -= std::chrono::seconds(1);
  EXPECT_THAT(withheld(), HasSubstr("more than a day"));
}

TEST_F(PlanTest, QuietHoursPassMidnightInTheTenantsZone) {
  facts.action->quiet_from = "22:00";
  facts.action->quiet_until = "08:00";
  at("2026-11-20T18:59:59Z");  // 21:59:59 in Moscow
  EXPECT_NE(planned().reply, "");
  at("2026-11-20T19:00:00Z");
  EXPECT_THAT(withheld(), HasSubstr("quiet hours from 22:00 to 08:00 (Europe/Moscow)"));
  at("2026-11-20T21:30:00Z");  // after midnight there
  EXPECT_THAT(withheld(), HasSubstr("quiet hours"));
  at("2026-11-21T05:00:00Z");
  EXPECT_NE(planned().reply, "");

  facts.time_zone = "Asia/Vladivostok";  // UTC+10
  at("2026-11-20T12:00:00Z");
  EXPECT_THAT(withheld(), HasSubstr("Asia/Vladivostok"));
}

TEST_F(PlanTest, QuietHoursFollowSummerTime) {
  facts.time_zone = "Europe/Berlin";
  facts.action->quiet_from = "22:00";
  facts.action->quiet_until = "08:00";
  at("2026-10-24T06:30:00Z");  // 08:30 in summer
  EXPECT_NE(planned().reply, "");
  at("2026-10-25T06:30:00Z");  // 07:30 on the day the clocks went back
  EXPECT_THAT(withheld(), HasSubstr("quiet hours"));
  at("2026-10-25T07:00:00Z");
  EXPECT_NE(planned().reply, "");
}

TEST_F(PlanTest, AnUnknownZoneCountsAsMoscow) {
  facts.time_zone = "Mars/Olympus";
  facts.action->quiet_from = "12:00";
  facts.action->quiet_until = "13:00";
  at("2026-11-20T09:30:00Z");
  EXPECT_THAT(withheld(), HasSubstr("Europe/Moscow"));
}

TEST_F(PlanTest, WhatThePlatformWouldRefuseIsNotQueued) {
  facts.action->reply = std::string(4090, 'x') + "{name}";
  facts.contact_name = "A very long name";
  EXPECT_THAT(withheld(), HasSubstr("No answer was sent: "));
  facts.action->reply = "{name}";
  facts.contact_name.clear();
  EXPECT_THAT(withheld(), HasSubstr("No answer was sent: ")) << "nothing is left of the text";
  facts.action->reply = "Hello";
  facts.platform = "wildberries";
  EXPECT_THAT(withheld(), HasSubstr("can't be sent"));
}

}  // namespace
}  // namespace easyflow::automation
