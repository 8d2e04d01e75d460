#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "tests/support/loop.hpp"
#include "tests/support/pg_fixture.hpp"

namespace easyflow::storage {
namespace {

class ListenerTest : public testing::Test {
 protected:
  ListenerTest() : database_(test::kNoMigrations) {
    listener_.emplace(loop_.executor(), database_.app_dsn(), std::vector<std::string>{"inbox", "Out Box"},
                      [this](const std::string& channel) { ++heard_[channel]; });
    loop_.run_until([&] { return heard_["inbox"] == 1 && heard_["Out Box"] == 1; });
  }

  void execute(const std::string& sql) {
    pqxx::connection connection(database_.app_dsn());
    pqxx::nontransaction(connection).exec(sql);
  }

  test::TestDatabase database_;
  test::Loop loop_;
  std::map<std::string, int> heard_;
  std::optional<Listener> listener_;
};

TEST_F(ListenerTest, HearsItsChannelsOnly) {
  execute("notify other; notify \"Out Box\"");
  loop_.run_until([&] { return heard_["Out Box"] == 2; });
  execute("notify inbox, 'with a payload'");
  loop_.run_until([&] { return heard_["inbox"] == 2; });
  EXPECT_EQ(heard_.size(), 2U);
}

TEST_F(ListenerTest, ListensAgainAfterALossAndReportsEveryChannelOnce) {
  execute(
      "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() "
      "and pid <> pg_backend_pid() and query ilike 'listen%'");
  loop_.run_until([&] { return heard_["inbox"] == 2 && heard_["Out Box"] == 2; });
  execute("notify inbox");
  loop_.run_until([&] { return heard_["inbox"] == 3; });
}

TEST_F(ListenerTest, IsSilentOnceDestroyed) {
  // what was posted but has not run when the listener goes must not run either
  execute("notify inbox");
  listener_.reset();
  loop_.io().restart();
  loop_.io().poll();
  EXPECT_EQ(heard_["inbox"], 1);
}

TEST(Listener, StopsWhileTheServerIsOutOfReach) {
  test::Loop loop;
  Listener listener(loop.executor(), "host=/nowhere", {"inbox"}, [](const std::string&) { FAIL(); });
}

}  // namespace
}  // namespace easyflow::storage
