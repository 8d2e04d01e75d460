// Reading a tenant's older messages again, page by page.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "storage/database.hpp"
#include "storage/repositories/meaning.hpp"

namespace easyflow::storage {

/// How far it has come.
struct Rescore {
  std::string model;               ///< version of the model that reads
  std::optional<Timestamp> since;  ///< older messages are left alone
  long long seen = 0;              ///< messages looked at
  long long changed = 0;           ///< of them read otherwise now
  long long labelled = 0;          ///< of them labelled by an operator: their intent stays
  Timestamp started_at;
  Timestamp updated_at;
  std::optional<Timestamp> finished_at;
};

class RescoreRepository {
 public:
  explicit RescoreRepository(Database& db) : db_(db) {}

  /// Goes on with the unfinished run of the same model and `since` if the entity rules have not changed since it began,
  /// else begins anew.
  Task<Rescore> begin(std::string tenant_id, std::string model, std::optional<Timestamp> since);
  /// Reads the next `limit` messages, oldest first, in one transaction with the position after them. One that was read
  /// already is read again, too: rules, or orders and products that came in, may make something else of it. The intent
  /// that an operator or a provider has said stays; so does a message that changes meanwhile. Runs side by side take
  /// turns.
  /// Error: conflict (a run of another model than `model` has begun since).
  Task<Result<Rescore>> page(std::string tenant_id, std::string model, std::shared_ptr<const MessageReader> reader,
                             int limit);
  Task<std::optional<Rescore>> find(std::string tenant_id);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
