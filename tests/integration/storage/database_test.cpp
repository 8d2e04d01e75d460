#include "storage/database.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <set>
#include <thread>

#include "tests/support/loop.hpp"
#include "tests/support/pg_fixture.hpp"

namespace easyflow::storage {
namespace {

using test::Gate;
using test::Loop;

constexpr const char* kTenant = "01890a5d-ac96-774b-bcce-b302099a8057";
constexpr const char* kOtherTenant = "01890a5d-ac96-774b-bcce-b302099a8058";

constexpr Sql kTenantShown{"test.tenant", "select coalesce(current_setting('app.tenant_id', true), '')"};
constexpr Sql kBackend{"test.backend", "select pg_backend_pid()"};
constexpr Sql kInsert{"test.insert", "insert into things(id, name) values ($1, $2)"};
constexpr Sql kCount{"test.count", "select count(*) from things"};
constexpr Sql kPlan{"test.plan", "explain select name from things where id = 1"};

std::string tenant_shown(Tx& tx) { return tx.exec(kTenantShown)[0][0].as<std::string>(); }
int backend(Tx& tx) { return tx.exec(kBackend)[0][0].as<int>(); }
int count(Tx& tx) { return tx.exec(kCount)[0][0].as<int>(); }

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest() : database_(test::kNoMigrations) {
    pqxx::connection connection(database_.owner_dsn());
    pqxx::work tx(connection);
    tx.exec("create table things(id int primary key, name text); grant all on things to easyflow_app");
    tx.commit();
    options_.dsn = database_.app_dsn();
    options_.pool_size = 2;
    options_.max_overflow = 0;
    options_.pre_ping_after = std::chrono::hours(1);
  }

  void as_owner(const std::string& sql) {
    pqxx::connection connection(database_.owner_dsn());
    pqxx::nontransaction(connection).exec(sql);
  }

  /// Ends every session of the pool's role in the test's database.
  void end_sessions() {
    pqxx::connection connection(database_.app_dsn());
    pqxx::nontransaction session(connection);
    session.exec(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
        "where datname = current_database() and usename = current_user and pid <> pg_backend_pid()");
  }

  test::TestDatabase database_;
  DatabaseOptions options_;
  Loop loop_;
};

TEST_F(DatabaseTest, ReturnsWhatTheWorkReturnsAfterCommit) {
  Database db(loop_.executor(), options_);
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(),
                             [](Tx& tx) {
                               tx.exec(kInsert, 1, std::string_view("a view"));
                               tx.exec(kInsert, 2, std::optional<std::string>());
                               return std::string("done");
                             })),
            "done");
  EXPECT_EQ(loop_.run(db.run(Lane::background, Scope::hub(), count)), 2);
  EXPECT_EQ(db.stats().transactions, 2U);
  EXPECT_EQ(db.stats().failures, 0U);
}

TEST_F(DatabaseTest, PlansForATableThatIsStillSmallAsForALargeOne) {
  as_owner("insert into things select n, 'thing' from generate_series(1, 40) n");
  as_owner("analyze things");
  Database db(loop_.executor(), options_);
  const auto plan =
      loop_.run(db.run(Lane::interactive, Scope::hub(), [](Tx& tx) { return tx.exec(kPlan)[0][0].as<std::string>(); }));
  EXPECT_THAT(plan, testing::HasSubstr("Index"));
}

TEST_F(DatabaseTest, ShowsTheScopeOnlyInsideItsTransaction) {
  options_.pool_size = 1;
  Database db(loop_.executor(), options_);
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::tenant(kTenant), tenant_shown)), kTenant);
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), tenant_shown)), "");
  const auto seen = loop_.run(db.run(Lane::interactive, Scope::tenant(kTenant), [](Tx& tx) {
    auto all = tenant_shown(tx);
    tx.become(Scope::tenant(kOtherTenant));
    all += " " + tenant_shown(tx);
    tx.become(Scope::hub());
    return all + " " + tenant_shown(tx);
  }));
  EXPECT_EQ(seen, std::string(kTenant) + " " + kOtherTenant + " ");
}

TEST_F(DatabaseTest, CommitsEachStatementUntilTheWorkBegins) {
  Database db(loop_.executor(), options_);
  const auto stopped = [](Tx& tx) -> int {
    EXPECT_FALSE(tx.is_open());
    tx.exec(kInsert, 1, "kept");
    tx.begin(Scope::tenant(kTenant));
    EXPECT_TRUE(tx.is_open());
    EXPECT_EQ(tenant_shown(tx), kTenant);
    tx.exec(kInsert, 2, "rolled back");
    throw StorageDown("stop");
  };
  EXPECT_THROW(loop_.run(db.run_autocommit(Lane::interactive, stopped)), StorageDown);
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), count)), 1);
  const auto begun = loop_.run(db.run_autocommit(Lane::interactive, [](Tx& tx) {
    tx.begin(Scope::hub());
    tx.exec(kInsert, 2, "committed");
    return 2;
  }));
  EXPECT_EQ(begun, 2);
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), count)), 2);
}

TEST_F(DatabaseTest, RefusesATenantThatIsNoUuid) {
  Database db(loop_.executor(), options_);
  EXPECT_THROW(loop_.run(db.run(Lane::interactive, Scope::tenant("x'; drop table things; --"), count)),
               std::invalid_argument);
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), count)), 0);
}

TEST_F(DatabaseTest, RollsBackAndPassesOnWhatTheWorkThrows) {
  Database db(loop_.executor(), options_);
  EXPECT_THROW(loop_.run(db.run(Lane::interactive, Scope::hub(),
                                [](Tx& tx) {
                                  tx.exec(kInsert, 1, "a");
                                  throw std::out_of_range("no");
                                })),
               std::out_of_range);
  EXPECT_THROW(loop_.run(db.run(Lane::interactive, Scope::hub(),
                                [](Tx& tx) {
                                  tx.exec(kInsert, 1, "a");
                                  tx.exec(kInsert, 1, "b");
                                })),
               pqxx::unique_violation);
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), count)), 0);
  EXPECT_EQ(db.stats().failures, 2U);
}

TEST_F(DatabaseTest, DoesNotCallAnAbortedTransactionCommitted) {
  Database db(loop_.executor(), options_);
  EXPECT_THROW(loop_.run(db.run(Lane::interactive, Scope::hub(),
                                [](Tx& tx) {
                                  tx.exec(kInsert, 1, "a");
                                  try {
                                    tx.exec(kInsert, 1, "b");
                                  } catch (const pqxx::unique_violation&) {
                                    return;  // forgets that the whole transaction has failed
                                  }
                                })),
               pqxx::sql_error);
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), count)), 0);
}

TEST_F(DatabaseTest, GrowsByTheOverflowAndShrinksWhenIdle) {
  options_.pool_size = 1;
  options_.max_overflow = 2;
  options_.overflow_idle = std::chrono::seconds(1);
  Database db(loop_.executor(), options_);
  Gate gate;
  std::vector<std::shared_ptr<test::Outcome>> all;
  for (int i = 0; i < 4; ++i) all.push_back(loop_.spawn(db.run(Lane::interactive, Scope::hub(), gate.work())));
  loop_.run_until([&] { return gate.arrived() == 3 && db.stats().waiting == 1; });
  EXPECT_EQ(db.stats().busy, 3);
  gate.open();
  for (const auto& one : all) {
    loop_.finish(one);
    EXPECT_EQ(one->storage_down(), "");
  }
  loop_.run_until([&] { return db.stats().connections == 1; });
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), count)), 0);
}

TEST_F(DatabaseTest, UsesOneConnectionForWorkThatComesOneByOne) {
  Database db(loop_.executor(), options_);
  std::set<int> backends;
  for (int i = 0; i < 10; ++i) backends.insert(loop_.run(db.run(Lane::interactive, Scope::hub(), backend)));
  EXPECT_EQ(backends.size(), 1U);
  EXPECT_EQ(db.stats().connections, 1);
}

TEST_F(DatabaseTest, EndsTheWaitForAConnectionInTime) {
  options_.pool_size = 1;
  options_.acquire_timeout = std::chrono::seconds(1);
  options_.queue_limit = 1;
  Database db(loop_.executor(), options_);
  Gate gate;
  const auto running = loop_.spawn(db.run(Lane::interactive, Scope::hub(), gate.work()));
  loop_.run_until([&] { return gate.arrived() == 1; });
  const auto waiting = loop_.spawn(db.run(Lane::interactive, Scope::hub(), [](Tx& tx) { tx.exec(kInsert, 1, "a"); }));
  loop_.run_until([&] { return db.stats().waiting == 1; });
  const auto refused = loop_.spawn(db.run(Lane::background, Scope::hub(), [](Tx&) {}));
  loop_.finish(refused);
  EXPECT_EQ(refused->storage_down(), "too much work waits for the database");
  EXPECT_FALSE(waiting->done);
  loop_.finish(waiting);
  EXPECT_EQ(waiting->storage_down(), "no database connection became free in time");
  EXPECT_FALSE(running->done);
  gate.open();
  loop_.finish(running);
  EXPECT_EQ(running->storage_down(), "");
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), count)), 0);
  EXPECT_GE(db.stats().wait_seconds_total, 1.0);
}

TEST_F(DatabaseTest, LeavesHalfOfThePoolToInteractiveWork) {
  options_.pool_size = 1;
  options_.max_overflow = 1;
  Database db(loop_.executor(), options_);
  Gate gate;
  const auto first = loop_.spawn(db.run(Lane::background, Scope::hub(), gate.work()));
  const auto second = loop_.spawn(db.run(Lane::background, Scope::hub(), gate.work()));
  loop_.run_until([&] { return gate.arrived() == 1 && db.stats().waiting == 1; });
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), count)), 0);
  EXPECT_EQ(gate.arrived(), 1);
  gate.open();
  loop_.finish(first);
  loop_.finish(second);
  EXPECT_EQ(gate.arrived(), 2);
}

TEST_F(DatabaseTest, ReplacesAConnectionThatIsTooOld) {
  options_.recycle_after = std::chrono::seconds(0);
  Database db(loop_.executor(), options_);
  const auto first = loop_.run(db.run(Lane::interactive, Scope::hub(), backend));
  const auto second = loop_.run(db.run(Lane::interactive, Scope::hub(), backend));
  EXPECT_NE(first, second);
  EXPECT_EQ(db.stats().connections, 1);
}

class BrokenSessions : public DatabaseTest, public testing::WithParamInterface<std::chrono::seconds> {};

TEST_P(BrokenSessions, AreReplacedWithoutTheCallerNoticing) {
  options_.pool_size = 4;
  options_.pre_ping_after = GetParam();
  Database db(loop_.executor(), options_);
  {
    Gate gate;
    std::vector<std::shared_ptr<test::Outcome>> all;
    for (int i = 0; i < 4; ++i) all.push_back(loop_.spawn(db.run(Lane::interactive, Scope::hub(), gate.work())));
    loop_.run_until([&] { return gate.arrived() == 4; });
    gate.open();
    for (const auto& one : all) loop_.finish(one);
  }
  EXPECT_EQ(db.stats().connections, 4);
  end_sessions();
  for (int i = 0; i < 20; ++i) {
    const auto insert = [i](Tx& tx) { tx.exec(kInsert, i, "x"); };
    EXPECT_NO_THROW(loop_.run(db.run(Lane::interactive, Scope::hub(), insert))) << i;
  }
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), count)), 20);
}

INSTANTIATE_TEST_SUITE_P(WithoutAndWithPing, BrokenSessions,
                         testing::Values(std::chrono::hours(1), std::chrono::seconds(0)));

TEST_F(DatabaseTest, RunsWorkAgainWhenItsSessionEndsBeforeTheCommit) {
  Database db(loop_.executor(), options_);
  std::atomic<int> runs{0};
  loop_.run(db.run(Lane::interactive, Scope::hub(), [&](Tx& tx) {
    tx.exec(kInsert, 1, "a");
    if (++runs == 1) tx.raw().exec("select pg_terminate_backend(pg_backend_pid())");
  }));
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), count)), 1);

  runs = 0;
  const auto always = loop_.spawn(db.run(Lane::interactive, Scope::hub(), [&](Tx& tx) {
    ++runs;
    tx.raw().exec("select pg_terminate_backend(pg_backend_pid())");
  }));
  loop_.finish(always);
  EXPECT_NE(always->storage_down(), "");
  EXPECT_EQ(runs, 2);
}

TEST_F(DatabaseTest, NeverLeavesATransactionHalfDoneWhenAWorkIgnoresTheBreak) {
  Database db(loop_.executor(), options_);
  const auto outcome = loop_.spawn(db.run(Lane::interactive, Scope::hub(), [](Tx& tx) {
    try {
      tx.raw().exec("select pg_terminate_backend(pg_backend_pid())");
    } catch (const std::exception& e) {
      EXPECT_NE(std::string(e.what()), "");
    }
    for (int i = 0; i < 4; ++i) {
      try {
        tx.exec(kInsert, i, "outside of any transaction");
      } catch (const std::exception& e) {
        EXPECT_NE(std::string(e.what()), "");
      }
    }
  }));
  loop_.finish(outcome);
  EXPECT_NE(outcome->storage_down(), "");
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), count)), 0);
}

TEST_F(DatabaseTest, ReportsACommitOfUnknownOutcomeAndDoesNotRepeatIt) {
  as_owner(
      "create function end_session() returns trigger language plpgsql as "
      "$$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$");
  as_owner(
      "create constraint trigger at_commit after insert on things deferrable initially deferred "
      "for each row execute function end_session()");
  Database db(loop_.executor(), options_);
  std::atomic<int> runs{0};
  EXPECT_THROW(loop_.run(db.run(Lane::interactive, Scope::hub(),
                                [&](Tx& tx) {
                                  ++runs;
                                  tx.exec(kInsert, 1, "a");
                                })),
               CommitInDoubt);
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), count)), 0);
}

TEST_F(DatabaseTest, RepeatsADeadlockedTransaction) {
  as_owner("insert into things values (1, ''), (2, '')");
  Database db(loop_.executor(), options_);
  std::atomic<int> runs{0};
  std::atomic<int> holding{0};
  const auto touch = [&](int first, int second) {
    return [&, first, second](Tx& tx) {
      constexpr Sql update{"test.touch", "update things set name = name || 'x' where id = $1"};
      const bool first_run = ++runs <= 2;
      tx.exec(update, first);
      ++holding;
      while (first_run && holding < 2) std::this_thread::yield();
      tx.exec(update, second);
    };
  };
  const auto a = loop_.spawn(db.run(Lane::interactive, Scope::hub(), touch(1, 2)));
  const auto b = loop_.spawn(db.run(Lane::interactive, Scope::hub(), touch(2, 1)));
  loop_.finish(a);
  loop_.finish(b);
  EXPECT_EQ(a->storage_down(), "");
  EXPECT_EQ(b->storage_down(), "");
  EXPECT_GE(runs, 3);
}

TEST_F(DatabaseTest, GivesUpAfterThreeSerializationFailures) {
  Database db(loop_.executor(), options_);
  std::atomic<int> runs{0};
  const auto outcome = loop_.spawn(db.run(Lane::interactive, Scope::hub(), [&](Tx& tx) {
    ++runs;
    tx.raw().exec("do $$ begin raise exception 'again' using errcode = '40001'; end $$");
  }));
  loop_.finish(outcome);
  EXPECT_NE(outcome->storage_down(), "");
  EXPECT_EQ(runs, 3);
}

TEST_F(DatabaseTest, PassesOnThatSomethingIsForbidden) {
  Database db(loop_.executor(), options_);
  EXPECT_THROW(loop_.run(db.run(Lane::interactive, Scope::hub(),
                                [](Tx& tx) {
                                  tx.raw().exec("do $$ begin raise exception 'closed' using errcode = '42501'; end $$");
                                })),
               pqxx::insufficient_privilege);
}

TEST_F(DatabaseTest, NamesTheServersTroublesInWordsOfItsOwn) {
  options_.statement_timeout = std::chrono::seconds(1);
  Database db(loop_.executor(), options_);
  const auto fails_with = [&](const std::string& statement) {
    const auto outcome =
        loop_.spawn(db.run(Lane::interactive, Scope::hub(), [statement](Tx& tx) { tx.raw().exec(statement); }));
    loop_.finish(outcome);
    return outcome->storage_down();
  };
  EXPECT_EQ(fails_with("select pg_sleep(30)"), "a statement took longer than statement_timeout and was cancelled");
  EXPECT_EQ(fails_with("do $$ begin raise exception 'secret' using errcode = '53100'; end $$"),
            "the disk of the PostgreSQL server is full: free some space");
  EXPECT_EQ(fails_with("do $$ begin raise exception 'secret' using errcode = '57P02'; end $$"),
            "PostgreSQL ended the session");
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), count)), 0);
}

TEST_F(DatabaseTest, ErrorTextsDoNotQuoteRows) {
  as_owner("create unique index on things(name)");
  Database db(loop_.executor(), options_);
  const auto outcome = loop_.spawn(db.run(Lane::interactive, Scope::hub(), [](Tx& tx) {
    tx.exec(kInsert, 1, "a buyer's words");
    tx.exec(kInsert, 2, "a buyer's words");
  }));
  loop_.finish(outcome);
  const auto text = outcome->storage_down();
  EXPECT_NE(text.find("things_name_idx"), std::string::npos) << text;
  EXPECT_EQ(text.find("a buyer's words"), std::string::npos) << text;
}

TEST_F(DatabaseTest, NeverShowsThePasswordOfItsConnectionString) {
  for (const std::string dsn :
       {"host=/nowhere user=hub password=hunter2", "postgresql://hub:hunter2@127.0.0.1:1/x",
        "host=/nowhere password=hunter2 hunter2", "postgresql://hub:hunter2%zz@127.0.0.1:1/x"}) {
    options_.dsn = dsn;
    Database db(loop_.executor(), options_);
    const auto outcome = loop_.spawn(db.run(Lane::interactive, Scope::hub(), [](Tx&) {}));
    loop_.finish(outcome);
    EXPECT_EQ(outcome->storage_down().rfind("PostgreSQL is out of reach: ", 0), 0U) << outcome->storage_down();
    EXPECT_EQ(outcome->storage_down().find("hunter2"), std::string::npos);
  }
}

TEST_F(DatabaseTest, PreparesAfreshAfterAChangeOfTheSchema) {
  constexpr Sql all{"test.all", "select * from things"};
  Database db(loop_.executor(), options_);
  const auto columns = [&](Tx& tx) { return static_cast<int>(tx.exec(all).columns()); };
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), columns)), 2);
  as_owner("alter table things add column more int");
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), columns)), 3);
}

TEST_F(DatabaseTest, CompletesWorkWhoseCallerIsCancelled) {
  Database db(loop_.executor(), options_);
  Gate gate;
  boost::asio::cancellation_signal cancel;
  bool done = false;
  const auto wait = gate.work();
  boost::asio::co_spawn(loop_.io(),
                        db.run(Lane::interactive, Scope::hub(),
                               [wait](Tx& tx) {
                                 tx.exec(kInsert, 1, "a");
                                 wait(tx);
                               }),
                        boost::asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr) { done = true; }));
  loop_.run_until([&] { return gate.arrived() == 1; });
  cancel.emit(boost::asio::cancellation_type::terminal);
  gate.open();
  loop_.run_until([&] { return done; });
  EXPECT_EQ(loop_.run(db.run(Lane::interactive, Scope::hub(), count)), 1);
}

TEST_F(DatabaseTest, FinishesRunningWorkAndDropsTheQueueWhenDestroyed) {
  options_.pool_size = 1;
  auto db = std::make_unique<Database>(loop_.executor(), options_);
  Gate gate;
  const auto running = loop_.spawn(db->run(Lane::interactive, Scope::hub(), gate.work()));
  loop_.run_until([&] { return gate.arrived() == 1; });
  const auto queued = loop_.spawn(db->run(Lane::interactive, Scope::hub(), [](Tx& tx) { tx.exec(kInsert, 1, "a"); }));
  loop_.run_until([&] { return db->stats().waiting == 1; });
  std::thread end([&] { db.reset(); });
  loop_.finish(queued);
  EXPECT_EQ(queued->storage_down(), "the database pool is closing");
  EXPECT_FALSE(running->done);
  gate.open();
  end.join();
  loop_.finish(running);
  EXPECT_EQ(running->storage_down(), "");
}

}  // namespace
}  // namespace easyflow::storage
