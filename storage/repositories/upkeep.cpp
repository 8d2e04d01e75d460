#include "storage/repositories/upkeep.hpp"

#include <utility>

#include "storage/repositories/rows.hpp"

namespace easyflow::storage {
namespace {

constexpr Sql kMakePartitions{"upkeep.make_partitions", "select hub_make_partitions($1::timestamptz)"};
constexpr Sql kDropBodies{"upkeep.drop_inbound_bodies", "select hub_drop_inbound_bodies($1::timestamptz)"};
constexpr Sql kPrune{
    "upkeep.prune",
    "select hub_prune($1::timestamptz, $2::timestamptz, $3::timestamptz, $4::timestamptz, $5::integer)"};

constexpr Sql kFacts{"upkeep.facts", R"sql(
  select current_setting('server_version') as server_version, current_user as role, clock_timestamp() as now,
         (select r.rolsuper or r.rolbypassrls from pg_roles r where r.rolname = current_user)
         or exists (select from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                                             and pg_has_role(current_user, c.relowner, 'usage'))
         or exists (select from pg_roles r where r.rolname = 'easyflow_hub' and pg_has_role(current_user, r.oid, 'usage'))
             as role_is_privileged,
         to_regprocedure('public.hub_newest_migration()') is not null as has_migrations)sql"};

constexpr Sql kNewestMigration{"upkeep.newest_migration", "select hub_newest_migration()"};

}  // namespace

Task<int> UpkeepRepository::make_partitions(Timestamp at) {
  auto work = [at](Tx& tx) { return tx.exec(kMakePartitions, format_rfc3339(at))[0][0].as<int>(); };
  return db_.run(Lane::background, Scope::hub(), std::move(work));
}

Task<int> UpkeepRepository::drop_inbound_bodies(Timestamp before) {
  auto work = [before](Tx& tx) { return tx.exec(kDropBodies, format_rfc3339(before))[0][0].as<int>(); };
  return db_.run(Lane::background, Scope::hub(), std::move(work));
}

Task<int> UpkeepRepository::prune(PruneBefore before, int wanted) {
  auto work = [before, wanted](Tx& tx) {
    const auto rows = tx.exec(kPrune, format_rfc3339(before.ledger), format_rfc3339(before.outbox),
                              format_rfc3339(before.sync_logs), format_rfc3339(before.outbound), wanted);
    return rows[0][0].as<int>();
  };
  return db_.run(Lane::background, Scope::hub(), std::move(work));
}

Task<DatabaseFacts> UpkeepRepository::facts() {
  auto work = [](Tx& tx) {
    const auto rows = tx.exec(kFacts);
    DatabaseFacts out;
    out.server_version = text_of(rows[0]["server_version"]);
    out.role = text_of(rows[0]["role"]);
    out.role_is_privileged = rows[0]["role_is_privileged"].as<bool>();
    out.now = time_of(rows[0]["now"]);
    if (rows[0]["has_migrations"].as<bool>()) out.newest_migration = tx.exec(kNewestMigration)[0][0].as<int>();
    return out;
  };
  return db_.run(Lane::interactive, Scope::hub(), std::move(work));
}

}  // namespace easyflow::storage
