// Budgets of platform calls: token buckets shared by everything that calls for one account.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "connectors/sdk/connector.hpp"
#include "storage/database.hpp"

namespace easyflow::storage {

/// The buckets of a request as the JSON text that take_budget reads.
std::string buckets_json(const sdk::Manifest& manifest, const sdk::Request& request);

class BudgetRepository {
 public:
  explicit BudgetRepository(Database& db) : db_(db) {}
  /// Takes one call from every bucket, or none. Returns how long to wait; zero when taken.
  Task<std::chrono::milliseconds> take(Lane lane, std::string tenant_id, std::string integration_id,
                                       std::string buckets_json);
  /// The platform said "wait": nobody takes from these buckets for `duration`.
  Task<> block(std::string tenant_id, std::string integration_id, std::string buckets_json,
               std::chrono::milliseconds duration);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
