#include "core/understanding/breaker.hpp"

#include <gtest/gtest.h>

namespace easyflow::understanding {
namespace {

using namespace std::chrono_literals;
using State = Breaker::State;

class HandClock final : public Clock {
 public:
  Timestamp now() const override { return time; }
  Timestamp time{1'000'000s};
};

class BreakerTest : public testing::Test {
 protected:
  bool fail() {
    EXPECT_TRUE(breaker.try_pass());
    return breaker.failed();
  }

  HandClock clock;
  Breaker breaker{clock, 3, 30s};
};

TEST_F(BreakerTest, OpensAfterFailuresInARowOnly) {
  EXPECT_FALSE(fail());
  EXPECT_FALSE(fail());
  ASSERT_TRUE(breaker.try_pass());
  breaker.succeeded();
  EXPECT_FALSE(fail());
  EXPECT_FALSE(fail());
  EXPECT_EQ(breaker.state(), State::closed);
  EXPECT_EQ(breaker.room(4), 4);
  EXPECT_TRUE(fail());
  EXPECT_EQ(breaker.state(), State::open);
  EXPECT_EQ(breaker.room(4), 0);
  EXPECT_FALSE(breaker.try_pass());
}

TEST_F(BreakerTest, LetsOneThroughAfterThePauseAndThatOneDecides) {
  for (int i = 0; i < 3; ++i) fail();
  clock.time += 30s - 1us;
  EXPECT_FALSE(breaker.try_pass());
  clock.time += 1us;
  EXPECT_EQ(breaker.state(), State::half_open);
  EXPECT_EQ(breaker.room(4), 1);
  ASSERT_TRUE(breaker.try_pass());
  EXPECT_FALSE(breaker.try_pass()) << "one at a time";
  EXPECT_FALSE(breaker.failed()) << "it was open before";
  EXPECT_EQ(breaker.state(), State::open);
  clock.time += 30s;
  ASSERT_TRUE(breaker.try_pass());
  breaker.succeeded();
  EXPECT_EQ(breaker.state(), State::closed);
  EXPECT_FALSE(fail()) << "it counts from zero again";
}

TEST_F(BreakerTest, ACallThatToldNothingLeavesTheNextOneToDecide) {
  for (int i = 0; i < 3; ++i) fail();
  clock.time += 30s;
  ASSERT_TRUE(breaker.try_pass());
  breaker.abandoned();
  EXPECT_EQ(breaker.state(), State::half_open);
  ASSERT_TRUE(breaker.try_pass());
  breaker.succeeded();
  EXPECT_EQ(breaker.state(), State::closed);
}

TEST_F(BreakerTest, FailuresOfCallsThatBeganBeforeItOpenedDoNotLengthenThePause) {
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(breaker.try_pass());
  for (int i = 0; i < 3; ++i) breaker.failed();
  clock.time += 29s;
  EXPECT_FALSE(breaker.failed());
  clock.time += 1s;
  EXPECT_EQ(breaker.state(), State::half_open);
}

}  // namespace
}  // namespace easyflow::understanding
