// The feed of outbox events: what happened, in the order in which it became visible.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "storage/database.hpp"
#include "storage/repositories/paging.hpp"

namespace easyflow::storage {

struct OutboxEvent {
  std::string id;  ///< "<transaction>.<number>": also the cursor that continues after it
  std::string type;
  std::string integration_id;
  std::string subject_id;
  std::string payload_json;
  Timestamp created_at;
};

class EventRepository {
 public:
  explicit EventRepository(Database& db) : db_(db) {}
  /// Oldest first, after `page.cursor`. Never skips an event of a transaction that commits late. `next` is always set
  /// when there were items: ask again with it later.
  Task<Result<Paged<OutboxEvent>>> after(std::string tenant_id, PageRequest page);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
