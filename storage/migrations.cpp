#include "storage/migrations.hpp"

#include <algorithm>
#include <map>
#include <pqxx/pqxx>
#include <sstream>

#include "storage/connect.hpp"
#include "storage/database.hpp"

namespace easyflow::storage {
namespace {

// Any number will do as long as every runner uses the same: "easyflow" in ASCII.
constexpr const char* kTakeLock = "select pg_advisory_lock(7305812408577487735)";

constexpr const char* kSetup =
    "set lock_timeout = '10min'; set timezone = 'UTC'; set client_min_messages = warning; "
    "create table if not exists schema_migrations("
    "  version int primary key, name text not null, checksum text not null,"
    "  applied_at timestamptz not null default now())";

struct Applied {
  std::string name;
  std::string checksum;
  std::string applied_at;
};

/// The server's message with the place in the statement, without DETAIL and the like, which may quote stored values.
std::string statement_error(const pqxx::failure& e) {
  std::istringstream lines(e.what());
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("DETAIL:", 0) == 0 || line.rfind("CONTEXT:", 0) == 0) break;
    text += text.empty() ? line : "\n" + line;
  }
  return text;
}

std::string label(int version, const std::string& name) {
  auto number = std::to_string(version);
  return std::string(number.size() < 4 ? 4 - number.size() : 0, '0') + number + "_" + name;
}

/// One session of a runner: holds the lock until destroyed.
class Session {
 public:
  Session(const std::string& dsn, const std::vector<Migration>& migrations)
      : connection_(open_connection(dsn, std::chrono::seconds(10), "")), migrations_(migrations) {}

  /// Waits for other runners. Errors: conflict when one takes too long, internal when the role may not create tables.
  Result<bool> lock() {
    try {
      pqxx::nontransaction session(*connection_);
      session.exec("set lock_timeout = '10min'");
      session.exec(kTakeLock);
      session.exec(kSetup);
      return true;
    } catch (const pqxx::sql_error& e) {
      if (e.sqlstate() == "55P03") {
        return Error(ErrorKind::conflict, "another migration of this database has been running for 10 minutes");
      }
      return Error(ErrorKind::internal, "the migrations cannot be recorded: " + statement_error(e));
    }
  }

  std::map<int, Applied> applied() {
    std::map<int, Applied> rows;
    pqxx::nontransaction session(*connection_);
    for (const auto& row : session.exec("select version, name, checksum, to_char(applied_at at time zone 'UTC', "
                                        "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') from schema_migrations")) {
      rows[row[0].as<int>()] = {row[1].as<std::string>(), row[2].as<std::string>(), row[3].as<std::string>()};
    }
    return rows;
  }

  const Migration* find(int version) const {
    for (const auto& m : migrations_) {
      if (m.version == version) return &m;
    }
    return nullptr;
  }

  /// Errors: conflict when the database was not made by these migrations.
  Result<bool> check(const std::map<int, Applied>& rows) const {
    for (const auto& [version, row] : rows) {
      const auto* known = find(version);
      if (known == nullptr) {
        return Error(ErrorKind::conflict, "the database has migration " + label(version, row.name) +
                                              ", which this program does not know: run the newer version of the "
                                              "program, or revert the migration with it first");
      }
      if (row.checksum != known->checksum) {
        return Error(ErrorKind::conflict,
                     "migration " + label(version, row.name) +
                         " was applied from another text than this program holds; a change of the schema needs a "
                         "new migration. Restore the file, or restore the database from a backup");
      }
    }
    return true;
  }

  /// Runs `sql` and the change of the ledger in one transaction.
  Result<bool> apply(const Migration& m, bool up) {
    const auto what = std::string("migration ") + label(m.version, m.name) + (up ? "" : " (down)");
    try {
      pqxx::work tx(*connection_);
      tx.exec(up ? m.up_sql : m.down_sql);
      if (up) {
        tx.exec_params("insert into schema_migrations(version, name, checksum) values ($1, $2, $3)", m.version,
                       std::string(m.name), std::string(m.checksum));
      } else {
        tx.exec_params("delete from schema_migrations where version = $1", m.version);
      }
      tx.commit();
      return true;
    } catch (const pqxx::broken_connection&) {
      throw StorageDown("the connection to PostgreSQL broke during " + what + "; run it again to see where it stands");
    } catch (const pqxx::in_doubt_error&) {
      throw StorageDown("the connection to PostgreSQL broke during " + what + "; run it again to see where it stands");
    } catch (const pqxx::failure& e) {
      return Error(ErrorKind::internal, what + " failed and was rolled back: " + statement_error(e));
    }
  }

 private:
  std::unique_ptr<pqxx::connection> connection_;
  const std::vector<Migration>& migrations_;
};

/// Turns what libpqxx throws for a lost server into StorageDown.
template <class F>
auto connected(F&& action) {
  try {
    return action();
  } catch (const pqxx::broken_connection&) {
    throw StorageDown("the connection to PostgreSQL broke");
  }
}

}  // namespace

MigrationRunner::MigrationRunner(std::string owner_dsn)
    : MigrationRunner(std::move(owner_dsn), embedded_migrations()) {}

MigrationRunner::MigrationRunner(std::string owner_dsn, std::vector<Migration> migrations)
    : owner_dsn_(std::move(owner_dsn)), migrations_(std::move(migrations)) {}

Result<std::vector<int>> MigrationRunner::up(int target) {
  return connected([&]() -> Result<std::vector<int>> {
    Session session(owner_dsn_, migrations_);
    if (target != 0 && session.find(target) == nullptr) {
      return Error(ErrorKind::invalid_input, "there is no migration " + std::to_string(target));
    }
    EASYFLOW_TRY(locked, session.lock());
    (void)locked;
    const auto rows = session.applied();
    EASYFLOW_TRY(sound, session.check(rows));
    (void)sound;
    std::vector<int> done;
    for (const auto& m : migrations_) {
      if (rows.count(m.version) > 0 || (target != 0 && m.version > target)) continue;
      EASYFLOW_TRY(applied, session.apply(m, /*up=*/true));
      (void)applied;
      done.push_back(m.version);
    }
    return done;
  });
}

Result<std::vector<int>> MigrationRunner::down(int steps) {
  return connected([&]() -> Result<std::vector<int>> {
    if (steps < 1) return Error(ErrorKind::invalid_input, "the number of migrations to revert must be at least 1");
    Session session(owner_dsn_, migrations_);
    EASYFLOW_TRY(locked, session.lock());
    (void)locked;
    const auto rows = session.applied();
    EASYFLOW_TRY(sound, session.check(rows));
    (void)sound;
    std::vector<int> done;
    for (auto row = rows.rbegin(); row != rows.rend() && static_cast<int>(done.size()) < steps; ++row) {
      EASYFLOW_TRY(reverted, session.apply(*session.find(row->first), /*up=*/false));
      (void)reverted;
      done.push_back(row->first);
    }
    return done;
  });
}

Result<std::vector<MigrationStatus>> MigrationRunner::status() {
  return connected([&]() -> Result<std::vector<MigrationStatus>> {
    Session session(owner_dsn_, migrations_);
    EASYFLOW_TRY(locked, session.lock());
    (void)locked;
    const auto rows = session.applied();
    std::vector<MigrationStatus> all;
    using State = MigrationStatus::State;
    for (const auto& m : migrations_) {
      const auto row = rows.find(m.version);
      if (row == rows.end()) {
        all.push_back({m.version, m.name, State::pending, {}});
      } else {
        const auto state = row->second.checksum == m.checksum ? State::applied : State::drifted;
        all.push_back({m.version, m.name, state, row->second.applied_at});
      }
    }
    for (const auto& [version, row] : rows) {
      if (session.find(version) == nullptr) all.push_back({version, row.name, State::unknown, row.applied_at});
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.version < b.version; });
    return all;
  });
}

}  // namespace easyflow::storage
