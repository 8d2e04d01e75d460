#include "tests/support/pg_fixture.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <pqxx/pqxx>
#include <stdexcept>

namespace easyflow::test {
namespace {

/// Starts a process that removes the cluster once this process is gone, however it ended. Returns the descriptor whose
/// end tells it so.
int start_guardian(const std::string& folder) {
  constexpr const char* script =
      "cat >/dev/null\n"
      "pid=$(head -n 1 \"$1/postgres/postmaster.pid\" 2>/dev/null)\n"
      "[ -n \"$pid\" ] && kill -QUIT \"$pid\" 2>/dev/null\n"
      "for i in 1 2 3 4 5 6 7 8 9 10; do rm -rf \"$1\" 2>/dev/null && break; sleep 0.2; done\n";
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const char* const argv[] = {"/bin/sh", "-c", script, "pg-guardian", folder.c_str(), nullptr};
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    ::setsid();  // Ctrl-C ends the tests, not the guardian
    ::dup2(ends[0], 0);
    ::dup2(nowhere, 1);  // whoever reads the tests' output must not wait for the guardian
    ::dup2(nowhere, 2);
    ::execv(argv[0], const_cast<char* const*>(argv));
    ::_exit(127);
  }
  ::close(ends[0]);
  ::close(nowhere);
  return ends[1];
}

/// Names the template after what it holds.
std::string template_name(const std::vector<storage::Migration>& migrations) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const auto& m : migrations) {
    for (const std::string& part : {std::to_string(m.version), std::string(m.name), std::string(m.checksum)}) {
      for (const unsigned char c : part) hash = (hash ^ c) * 1099511628211ULL;
    }
  }
  return "template_" + std::to_string(hash);
}

bool has_database(pqxx::nontransaction& session, const std::string& name) {
  return !session.exec_params("select 1 from pg_database where datname = $1", name).empty();
}

}  // namespace

TempFolder::TempFolder() {
  std::array<char, 32> path{"/tmp/easyflow-test-XXXXXX"};
  if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no folder can be made in /tmp");
  path_ = path.data();
  // as root the server runs as another user, who must be able to pass
  if (::geteuid() == 0) ::chmod(path_.c_str(), 0711);
}

TempFolder::~TempFolder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

PgCluster& PgCluster::shared() {
  static PgCluster cluster;
  return cluster;
}

PgCluster::PgCluster() {
  storage::EmbeddedOptions options;
  // nothing here must survive a power failure
  options.extra_settings = {
      {"fsync", "off"}, {"synchronous_commit", "off"}, {"full_page_writes", "off"}, {"max_connections", "100"}};
  if (const char* given = std::getenv("EASYFLOW_TEST_PG_DIR")) {
    options.data_dir = given;
  } else {
    folder_ = std::make_unique<TempFolder>();
    guard_ = start_guardian(folder_->path());
    options.data_dir = folder_->path();
  }
  server_ = std::make_unique<storage::EmbeddedPostgres>(options);
  const auto started = server_->ensure_running();
  if (!started) throw std::runtime_error(started.error().message());
}

PgCluster::~PgCluster() {
  if (!folder_) return;
  const auto stopped = server_->stop();
  if (!stopped) std::cerr << stopped.error().message() << "\n";
  folder_.reset();
  ::close(guard_);
}

TestDatabase::TestDatabase(const std::vector<storage::Migration>& migrations) : cluster_(PgCluster::shared()) {
  static std::atomic<int> counter{0};
  name_ = "test_" + std::to_string(::getpid()) + "_" + std::to_string(++counter);
  pqxx::connection connection(cluster_.dsn("easyflow_owner", "easyflow"));
  pqxx::nontransaction session(connection);
  auto source = std::string("template0");
  if (!migrations.empty()) {
    source = template_name(migrations);
    session.exec("select pg_advisory_lock(20177)");  // other processes may share the cluster
    if (!has_database(session, source)) {
      const auto building = source + "_building";
      session.exec("drop database if exists " + building);
      session.exec("create database " + building);
      const auto applied = storage::MigrationRunner(cluster_.dsn("easyflow_owner", building), migrations).up();
      if (!applied) throw std::runtime_error(applied.error().message());
      session.exec("alter database " + building + " rename to " + source);
    }
    session.exec("select pg_advisory_unlock(20177)");
  }
  session.exec("create database " + name_ + " template " + source);
}

TestDatabase::~TestDatabase() {
  try {
    pqxx::connection connection(cluster_.dsn("easyflow_owner", "easyflow"));
    pqxx::nontransaction session(connection);
    // ending the sessions of the other role, should a test have left some, takes membership
    session.exec("grant easyflow_app to easyflow_owner");
    session.exec("drop database " + name_ + " with (force)");
  } catch (const std::exception& e) {
    std::cerr << "the test's database was not dropped: " << e.what() << "\n";
  }
}

}  // namespace easyflow::test
