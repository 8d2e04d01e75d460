#include "storage/embedded_postgres.hpp"

#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <pqxx/pqxx>
#include <sstream>
#include <thread>

#include "tests/support/pg_fixture.hpp"

namespace easyflow::storage {
namespace {

namespace fs = std::filesystem;

/// Starts the cluster and says what went wrong, "" for nothing.
std::string start(EmbeddedPostgres& cluster, bool expect_started = true) {
  const auto started = cluster.ensure_running();
  if (!started) return started.error().message();
  return *started == expect_started ? "" : "started: " + std::to_string(*started);
}

/// The same, whether it runs already or not.
std::string run(EmbeddedPostgres& cluster) {
  const auto started = cluster.ensure_running();
  return started ? "" : started.error().message();
}

int query(const std::string& dsn, const std::string& sql) {
  pqxx::connection connection(dsn);
  return pqxx::nontransaction(connection).exec1(sql)[0].as<int>();
}

void execute(const std::string& dsn, const std::string& sql) {
  pqxx::connection connection(dsn);
  pqxx::nontransaction(connection).exec(sql);
}

/// Runs `body` in a child process; true when it returned true.
template <class F>
bool in_child(F&& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    bool good = false;
    try {
      good = body();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "child: %s\n", e.what());
    }
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// One cluster, made once, kept by all tests of the suite.
class EmbeddedPostgresTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { folder_ = new test::TempFolder(); }
  static void TearDownTestSuite() {
    EmbeddedPostgres(options()).stop();
    delete folder_;
  }
  static EmbeddedOptions options() {
    EmbeddedOptions options;
    options.data_dir = folder_->path() + "/data";
    return options;
  }
  static test::TempFolder* folder_;
};
test::TempFolder* EmbeddedPostgresTest::folder_ = nullptr;

TEST_F(EmbeddedPostgresTest, StartsStopsAndKeepsTheData) {
  EmbeddedPostgres cluster(options());
  EXPECT_FALSE(*cluster.stop());
  EXPECT_FALSE(cluster.running_pid());
  ASSERT_EQ(start(cluster), "");
  ASSERT_TRUE(cluster.running_pid());
  ASSERT_EQ(start(cluster, /*expect_started=*/false), "");
  execute(cluster.owner_dsn(), "create table if not exists kept as select 42 as value");
  EXPECT_TRUE(*cluster.stop());
  EXPECT_FALSE(cluster.running_pid());
  ASSERT_EQ(start(cluster), "");
  EXPECT_EQ(query(cluster.owner_dsn(), "select value from kept"), 42);
}

TEST_F(EmbeddedPostgresTest, GivesTheRolesNoMoreThanTheyNeed) {
  EmbeddedPostgres cluster(options());
  ASSERT_EQ(run(cluster), "");
  const auto flags =
      "select (rolsuper or rolreplication or rolbypassrls)::int + (rolcreaterole or rolcreatedb)::int "
      "from pg_roles where rolname = current_user";
  EXPECT_EQ(query(cluster.app_dsn(), flags), 0);
  EXPECT_EQ(query(cluster.owner_dsn(), flags), 1);
  EXPECT_THROW(execute(cluster.app_dsn(), "create table public.mine(id int)"), pqxx::insufficient_privilege);
  for (const auto* setting : {"fsync", "full_page_writes", "synchronous_commit", "data_checksums"}) {
    EXPECT_EQ(query(cluster.app_dsn(), std::string("select (current_setting('") + setting + "') = 'on')::int"), 1)
        << setting;
  }
  EXPECT_EQ(query(cluster.app_dsn(), "select (current_setting('listen_addresses') = '')::int"), 1);
  struct stat info {};
  ASSERT_EQ(::stat((options().data_dir + "/run").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700U);
}

TEST_F(EmbeddedPostgresTest, LetsNoOtherUserIn) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  EmbeddedPostgres cluster(options());
  ASSERT_EQ(run(cluster), "");
  ASSERT_EQ(::chmod((options().data_dir + "/run").c_str(), 0755), 0);  // even past the folder, peer refuses
  EXPECT_TRUE(in_child([&] {
    const auto* nobody = ::getpwnam("nobody");
    if (nobody == nullptr || ::setgid(nobody->pw_gid) != 0 || ::setuid(nobody->pw_uid) != 0) return false;
    try {
      query(cluster.app_dsn(), "select 1");
      return false;
    } catch (const pqxx::broken_connection&) {
      return true;
    }
  }));
}

TEST_F(EmbeddedPostgresTest, RecoversFromAKilledPostmaster) {
  EmbeddedPostgres cluster(options());
  ASSERT_EQ(run(cluster), "");
  execute(cluster.owner_dsn(), "create table before_kill as select 7 as value");
  for (int i = 0; i < 3; ++i) {
    // a session stuck in a statement outlives its postmaster
    pqxx::connection stuck(cluster.owner_dsn());
    std::thread busy([&] {
      try {
        pqxx::nontransaction(stuck).exec("select pg_sleep(60)");
      } catch (const pqxx::failure& e) {
        EXPECT_NE(std::string(e.what()), "");
      }
    });
    const auto pid = cluster.running_pid();
    ASSERT_TRUE(pid);
    ASSERT_EQ(::kill(*pid, SIGKILL), 0);
    EXPECT_EQ(start(cluster), "");
    busy.join();
  }
  EXPECT_EQ(query(cluster.owner_dsn(), "select value from before_kill"), 7);
}

TEST_F(EmbeddedPostgresTest, IsNotFooledByAPidUsedAgain) {
  EmbeddedPostgres cluster(options());
  ASSERT_EQ(run(cluster), "");
  const auto pid_file = options().data_dir + "/postgres/postmaster.pid";
  std::ifstream in(pid_file);
  std::string content((std::istreambuf_iterator<char>(in)), {});
  ASSERT_TRUE(*cluster.stop());
  content.replace(0, content.find('\n'), std::to_string(::getpid()));
  std::ofstream(pid_file) << content;
  EXPECT_FALSE(cluster.running_pid());
  EXPECT_FALSE(*cluster.stop());
  EXPECT_EQ(start(cluster), "");
}

TEST_F(EmbeddedPostgresTest, IsStartedOnceByManyProcesses) {
  EmbeddedPostgres cluster(options());
  ASSERT_TRUE(cluster.stop());
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto started = EmbeddedPostgres(options()).ensure_running();
      const char said = !started ? 'e' : *started ? 's' : 'r';
      ::_exit(::write(ends[1], &said, 1) == 1 ? 0 : 1);
    }
    children.push_back(child);
  }
  ::close(ends[1]);
  std::string said;
  for (char c = 0; ::read(ends[0], &c, 1) == 1;)
    said += c;  // ends when no process, the server included, holds the pipe
  ::close(ends[0]);
  for (const auto child : children) ::waitpid(child, nullptr, 0);
  std::sort(said.begin(), said.end());
  EXPECT_EQ(said, "rrrs");
}

TEST_F(EmbeddedPostgresTest, OutlivesTheProcessThatStartedIt) {
  EmbeddedPostgres cluster(options());
  ASSERT_TRUE(cluster.stop());
  const pid_t child = ::fork();
  if (child == 0) {
    const bool good = static_cast<bool>(EmbeddedPostgres(options()).ensure_running());
    ::kill(::getpid(), good ? SIGKILL : SIGABRT);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  EXPECT_EQ(start(cluster, /*expect_started=*/false), "");
}

TEST_F(EmbeddedPostgresTest, MovesAFullLogAside) {
  EmbeddedPostgres cluster(options());
  ASSERT_EQ(run(cluster), "");
  ASSERT_TRUE(cluster.stop());
  const auto log = options().data_dir + "/postgres.log";
  fs::resize_file(log, 11 * 1024 * 1024);
  ASSERT_EQ(start(cluster), "");
  EXPECT_LT(fs::file_size(log), 1024U * 1024);
  EXPECT_TRUE(fs::exists(log + ".1"));
}

TEST_F(EmbeddedPostgresTest, ShowsItsLogWhenTheServerDoesNotStart) {
  EmbeddedPostgres cluster(options());
  ASSERT_EQ(run(cluster), "");
  ASSERT_TRUE(cluster.stop());
  auto wrong = options();
  wrong.extra_settings = {{"shared_buffers", "nonsense"}};
  EmbeddedPostgres broken(wrong);
  const auto text = start(broken);
  EXPECT_NE(text.find("did not start"), std::string::npos) << text;
  EXPECT_NE(text.find("shared_buffers"), std::string::npos) << text;
  EXPECT_EQ(start(cluster), "");
}

TEST_F(EmbeddedPostgresTest, NamesThePackageOfTheVersionItNeeds) {
  EmbeddedPostgres cluster(options());
  ASSERT_EQ(run(cluster), "");
  ASSERT_TRUE(cluster.stop());
  const auto version_file = options().data_dir + "/postgres/PG_VERSION";
  const auto version = (std::stringstream() << std::ifstream(version_file).rdbuf()).str();
  std::ofstream(version_file) << "9\n";
  const auto text = start(cluster);
  EXPECT_NE(text.find("apt-get install postgresql-9"), std::string::npos) << text;
  std::ofstream(version_file) << version;
  EXPECT_EQ(start(cluster), "");
}

TEST(EmbeddedPostgres, FinishesWhatAnInterruptedCreationLeft) {
  test::TempFolder folder;
  EmbeddedOptions options;
  // long enough for the socket to need another place
  options.data_dir = folder.path() + "/" + std::string(80, 'd') + "/it's \"here\"";
  options.extra_settings = {{"fsync", "off"}};
  fs::create_directories(options.data_dir + "/postgres.new/base");
  std::ofstream(options.data_dir + "/postgres.new/PG_VERSION") << "15\n";
  EmbeddedPostgres cluster(options);
  ASSERT_EQ(start(cluster), "");
  EXPECT_EQ(query(cluster.app_dsn(), "select 1"), 1);
  EXPECT_FALSE(fs::exists(options.data_dir + "/postgres.new"));
  EXPECT_EQ(cluster.app_dsn().rfind("host='/tmp/easyflow-", 0), 0U);
  EXPECT_TRUE(*cluster.stop());
}

TEST(EmbeddedPostgres, RunsForAnOrdinaryUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "the other tests ran as an ordinary user already";
  test::TempFolder folder;
  const auto* nobody = ::getpwnam("nobody");
  ASSERT_NE(nobody, nullptr);
  ASSERT_EQ(::chown(folder.path().c_str(), nobody->pw_uid, nobody->pw_gid), 0);
  const auto uid = nobody->pw_uid;
  const auto gid = nobody->pw_gid;
  EXPECT_TRUE(in_child([&] {
    if (::setgid(gid) != 0 || ::setuid(uid) != 0) return false;
    EmbeddedOptions options;
    options.data_dir = folder.path() + "/data";
    options.extra_settings = {{"fsync", "off"}};
    EmbeddedPostgres cluster(options);
    const auto problem = start(cluster);
    if (!problem.empty()) throw std::runtime_error(problem);
    const bool works = query(cluster.app_dsn(), "select 1") == 1;
    return *cluster.stop() && works;
  }));
}

TEST(EmbeddedPostgres, SaysWhatToDoAboutAFolderItCannotUse) {
  test::TempFolder folder;
  std::ofstream(folder.path() + "/file") << "not a folder";
  EmbeddedOptions options;
  options.data_dir = folder.path() + "/file/data";
  EmbeddedPostgres below_a_file(options);
  EXPECT_NE(start(below_a_file).find("cannot be created"), std::string::npos);

  if (::geteuid() != 0) {
    ASSERT_EQ(::chmod(folder.path().c_str(), 0500), 0);
    options.data_dir = folder.path();
    EmbeddedPostgres not_writable(options);
    EXPECT_NE(start(not_writable).find("not writable"), std::string::npos);
    ::chmod(folder.path().c_str(), 0700);
    return;
  }
  // root's own folder cannot be entered by the server's user
  ASSERT_EQ(::chmod(folder.path().c_str(), 0700), 0);
  options.data_dir = folder.path() + "/data";
  EmbeddedPostgres closed(options);
  const auto text = start(closed);
  EXPECT_NE(text.find("chmod o+x " + folder.path()), std::string::npos) << text;
}

TEST(EmbeddedPostgres, NamesThePackageThatIsMissing) {
  test::TempFolder folder;
  EmbeddedOptions options;
  options.data_dir = folder.path() + "/data";
  options.bin_dir = folder.path();
  EmbeddedPostgres cluster(options);
  const auto text = start(cluster);
  EXPECT_NE(text.find("apt-get install postgresql-15"), std::string::npos) << text;
}

}  // namespace
}  // namespace easyflow::storage
