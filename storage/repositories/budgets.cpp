#include "storage/repositories/budgets.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

namespace easyflow::storage {
namespace {

constexpr Sql kTake{"budgets.take", "select take_budget($1::uuid, $2::jsonb)"};

constexpr Sql kBlock{"budgets.block", R"sql(
  insert into budgets as b (integration_id, bucket, scope, tenant_id, arrival, blocked_until)
  select distinct on (1, 2, 3) $1::uuid, e->>'bucket', coalesce(e->>'scope', ''), current_tenant(), clock_timestamp(),
         clock_timestamp() + make_interval(secs => $3::float8 / 1000)
    from jsonb_array_elements($2::jsonb) e
   order by 1, 2, 3
  on conflict (integration_id, bucket, scope)
  do update set blocked_until = greatest(b.blocked_until, excluded.blocked_until))sql"};

}  // namespace

std::string buckets_json(const sdk::Manifest& manifest, const sdk::Request& request) {
  auto buckets = nlohmann::json::array();
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& use : request.buckets) {
    const auto* budget = manifest.find_budget(use.bucket);
    if (budget == nullptr) throw std::logic_error("the manifest of " + manifest.id + " has no budget " + use.bucket);
    const std::string scope = budget->per_scope ? use.scope : std::string();
    if (!seen.emplace(use.bucket, scope).second) continue;
    buckets.push_back({{"bucket", use.bucket},
                       {"scope", scope},
                       {"interval_ms", budget->interval.count()},
                       {"burst", std::max(1, budget->burst)}});
  }
  return buckets.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Task<std::chrono::milliseconds> BudgetRepository::take(Lane lane, std::string tenant_id, std::string integration_id,
                                                       std::string buckets) {
  auto work = [integration_id = std::move(integration_id), buckets = std::move(buckets)](Tx& tx) {
    return std::chrono::milliseconds(tx.exec(kTake, integration_id, buckets)[0][0].as<std::int64_t>());
  };
  return db_.run(lane, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<> BudgetRepository::block(std::string tenant_id, std::string integration_id, std::string buckets,
                               std::chrono::milliseconds duration) {
  auto work = [integration_id = std::move(integration_id), buckets = std::move(buckets), duration](Tx& tx) {
    tx.exec(kBlock, integration_id, buckets, duration.count());
  };
  return db_.run(Lane::background, Scope::tenant(std::move(tenant_id)), std::move(work));
}

}  // namespace easyflow::storage
