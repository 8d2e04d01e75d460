// Versioned schema changes, embedded into the binary from migrations/NNNN_name.{up,down}.sql.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace easyflow::storage {

struct Migration {
  int version;  ///< NNNN
  const char* name;
  const char* up_sql;
  const char* down_sql;
  const char* checksum;  ///< SHA-256 of the up file, hex
};

/// All migrations of this binary in order.
const std::vector<Migration>& embedded_migrations();

struct MigrationStatus {
  int version;
  std::string name;
  enum class State {
    applied,
    pending,
    drifted,
    unknown
  } state;                 ///< drifted: applied from another text; unknown: not in this binary
  std::string applied_at;  ///< empty unless applied
};

/// Applies and reverts migrations: one transaction each, under an advisory lock so that two runners never meet.
/// Blocking; connects as the owner. Throws StorageDown when the database is out of reach.
class MigrationRunner {
 public:
  explicit MigrationRunner(std::string owner_dsn);
  /// Runs `migrations` (in ascending order of version) instead of the embedded ones.
  MigrationRunner(std::string owner_dsn, std::vector<Migration> migrations);
  /// Applies everything pending up to `target` (0 = all). Returns the versions applied.
  /// Errors: conflict on drift or on a database newer than this binary; internal with the statement's error.
  Result<std::vector<int>> up(int target = 0);
  /// Reverts the newest `steps`. Returns the versions reverted.
  Result<std::vector<int>> down(int steps);
  Result<std::vector<MigrationStatus>> status();

 private:
  std::string owner_dsn_;
  std::vector<Migration> migrations_;
};

}  // namespace easyflow::storage
