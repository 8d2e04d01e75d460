// Real PostgreSQL for tests: one private cluster per process, one fresh database per test.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/embedded_postgres.hpp"
#include "storage/migrations.hpp"

namespace easyflow::test {

/// A folder under /tmp, removed at the end.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// The cluster of this test process, started when first needed, stopped and removed at the end, also when the process
/// is killed. With EASYFLOW_TEST_PG_DIR set, the cluster of that data folder is used instead (and started when
/// necessary) and left running, so that a whole run of tests shares one.
class PgCluster {
 public:
  static PgCluster& shared();
  ~PgCluster();

  /// Connection string of a database of the cluster for `easyflow_owner` or `easyflow_app`.
  std::string dsn(const std::string& role, const std::string& database) const { return server_->dsn(role, database); }

 private:
  PgCluster();
  std::unique_ptr<TempFolder> folder_;  ///< empty when the cluster belongs to somebody else
  int guard_ = -1;                      ///< its end tells the guardian process that this one is gone
  std::unique_ptr<storage::EmbeddedPostgres> server_;
};

/// For tests that bring their own tables: TestDatabase database(kNoMigrations).
inline const std::vector<storage::Migration> kNoMigrations;

/// A database of its own, with the given migrations applied; dropped at the end.
///
///     easyflow::test::TestDatabase database;
///     DatabaseOptions options;
///     options.dsn = database.app_dsn();
class TestDatabase {
 public:
  explicit TestDatabase(const std::vector<storage::Migration>& migrations = storage::embedded_migrations());
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  const std::string& name() const noexcept { return name_; }
  /// For the role that owns nothing, as the hub connects.
  std::string app_dsn() const { return cluster_.dsn("easyflow_app", name_); }
  /// For the owner of the database, as migrations connect.
  std::string owner_dsn() const { return cluster_.dsn("easyflow_owner", name_); }

 private:
  PgCluster& cluster_;
  std::string name_;
};

}  // namespace easyflow::test
