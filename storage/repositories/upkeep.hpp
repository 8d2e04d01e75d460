// Partitions, retention, and facts about the database itself.
#pragma once

#include <string>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "storage/database.hpp"

namespace easyflow::storage {

struct DatabaseFacts {
  std::string server_version;
  std::string role;
  bool role_is_privileged = false;  ///< superuser, BYPASSRLS, or owner of a table: row-level security would not hold
  int newest_migration = 0;         ///< 0 when there are none
  Timestamp now;                    ///< the server's clock
};

/// Rows older than these go.
struct PruneBefore {
  Timestamp ledger;  ///< entries of the dedup ledger and replayed bodies, but what is in quarantine
  Timestamp outbox;
  Timestamp sync_logs;
  Timestamp outbound;  ///< sent, failed and unknown messages of the queue; their conversations keep them
};

class UpkeepRepository {
 public:
  explicit UpkeepRepository(Database& db) : db_(db) {}
  /// Makes the partitions of the coming time. Returns how many were new.
  Task<int> make_partitions(Timestamp at);
  Task<int> drop_inbound_bodies(Timestamp before);
  /// Deletes at most `wanted` rows of each kind. Returns how many went.
  Task<int> prune(PruneBefore before, int wanted);
  Task<DatabaseFacts> facts();

 private:
  Database& db_;
};

}  // namespace easyflow::storage
