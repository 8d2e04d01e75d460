#include "storage/repositories/sync.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>
#include <utility>
#include <variant>

#include "core/base/ids.hpp"
#include "storage/pg_array.hpp"
#include "storage/repositories/rows.hpp"

// Streams whose name begins with '@' are positions the hub keeps for itself (polling of updates): never run as syncs.

namespace easyflow::storage {
namespace {

constexpr Sql kClaimDue{"sync.claim_due", R"sql(
  select tenant_id, integration_id, stream, partition, fencing
    from hub_claim_syncs($1, $2::integer, make_interval(secs => $3::float8)))sql"};

constexpr Sql kClaim{"sync.claim", R"sql(
  update sync_cursors set lease_owner = $3, lease_until = now() + make_interval(secs => $4::float8), fencing = fencing + 1
   where integration_id = $1::uuid and stream = $2 and partition = '' and stream not like '@%'
     and (lease_until is null or lease_until < now())
  returning tenant_id, integration_id, stream, partition, fencing)sql"};

constexpr Sql kLeaseEnd{"sync.lease_end", R"sql(
  select lease_until from sync_cursors
   where integration_id = $1::uuid and stream = $2 and partition = '' and stream not like '@%')sql"};

constexpr Sql kHeartbeat{"sync.heartbeat", R"sql(
  update sync_cursors set lease_until = now() + make_interval(secs => $6::float8)
   where integration_id = $1::uuid and stream = $2 and partition = $3 and lease_owner = $4 and fencing = $5::bigint)sql"};

constexpr Sql kReleaseAll{"sync.release_all", "select hub_release_leases($1)"};

constexpr Sql kHold{"sync.hold", R"sql(
  select cursor, failures from sync_cursors
   where integration_id = $1::uuid and stream = $2 and partition = $3 and lease_owner = $4 and fencing = $5::bigint
     for update)sql"};

constexpr Sql kCloseInterrupted{"sync.close_interrupted", R"sql(
  update sync_logs
     set status = 'failed', error_message = 'interrupted: the hub stopped during this run', completed_at = now(),
         duration_seconds = extract(epoch from now() - started_at)::integer
   where integration_id = $1::uuid and status = 'running' and metadata->>'stream' = $2
     and coalesce(metadata->>'partition', '') = $3)sql"};

constexpr Sql kOpenRun{"sync.open_run", R"sql(
  insert into sync_logs (id, tenant_id, integration_id, sync_type, status, records_requested, metadata)
  values ($1::uuid, current_tenant(), $2::uuid, $3::sync_type, 'running', 0,
          jsonb_strip_nulls(jsonb_build_object('stream', $4::text, 'partition', nullif($5::text, ''), 'node', $6::text))))sql"};

// An older version never overwrites a newer one; a row equal to what is stored is not written again. A row without a
// status keeps the one learned elsewhere.
constexpr Sql kPutOrders{"sync.put_orders", R"sql(
  insert into orders as o (id, tenant_id, integration_id, external_id, external_number, status, total_minor, currency,
                           ordered_at, source_updated_at, raw)
  select g.id, current_tenant(), $1::uuid, g.external_id, g.external_number, g.status, g.total_minor, left(g.currency, 3),
         g.ordered_at, g.source_updated_at, g.raw::jsonb
    from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::timestamptz[],
                $9::timestamptz[], $10::text[])
         as g(id, external_id, external_number, status, total_minor, currency, ordered_at, source_updated_at, raw)
   order by g.external_id
  on conflict (integration_id, external_id) do update
     set external_number = excluded.external_number, status = coalesce(nullif(excluded.status, ''), o.status),
         total_minor = excluded.total_minor, currency = excluded.currency, ordered_at = excluded.ordered_at,
         source_updated_at = excluded.source_updated_at, raw = excluded.raw, updated_at = now()
   where excluded.source_updated_at >= o.source_updated_at
     and (o.external_number, o.status, o.total_minor, o.currency, o.ordered_at, o.raw) is distinct from
         (excluded.external_number, coalesce(nullif(excluded.status, ''), o.status), excluded.total_minor,
          excluded.currency, excluded.ordered_at, excluded.raw)
  returning id, external_id, status)sql"};

constexpr Sql kDropItems{"sync.drop_items", "delete from order_items where order_id = any($1::uuid[])"};

constexpr Sql kPutItems{"sync.put_items", R"sql(
  insert into order_items (order_id, position, tenant_id, sku, external_product_id, name, quantity, price_minor, currency)
  select g.order_id, g.position, current_tenant(), g.sku, g.external_product_id, g.name, g.quantity, g.price_minor,
         left(g.currency, 3)
    from unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::bigint[], $8::text[])
         as g(order_id, position, sku, external_product_id, name, quantity, price_minor, currency))sql"};

// An upsert of the stored row with another status, not an update joined with the page: both ways find a row by the
// unique index, but this one also does when the plan was made while the table was empty.
constexpr Sql kPutStatuses{"sync.put_statuses", R"sql(
  insert into orders as o (id, tenant_id, integration_id, external_id, status, ordered_at, source_updated_at, raw)
  select k.id, current_tenant(), $1::uuid, k.external_id, g.status, k.ordered_at, g.source_updated_at, '{}'
    from unnest($2::text[], $3::text[], $4::timestamptz[]) as g(external_id, status, source_updated_at)
   cross join lateral (
     select s.id, s.external_id, s.ordered_at from orders s
      where s.integration_id = $1::uuid and s.external_id = g.external_id
        and g.status <> '' and s.status <> g.status and g.source_updated_at >= s.source_updated_at
     offset 0) k
   order by k.external_id
  on conflict (integration_id, external_id) do update
     set status = excluded.status, source_updated_at = excluded.source_updated_at, updated_at = now()
   where o.status <> excluded.status and excluded.source_updated_at >= o.source_updated_at
  returning o.id, o.external_id, o.status)sql"};

constexpr Sql kPutProducts{"sync.put_products", R"sql(
  insert into products as p (id, tenant_id, integration_id, external_id, sku, title, brand, category, barcodes,
                             source_updated_at, raw)
  select g.id, current_tenant(), $1::uuid, g.external_id, g.sku, g.title, g.brand, g.category, g.barcodes::text[],
         g.source_updated_at, g.raw::jsonb
    from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[],
                $10::text[])
         as g(id, external_id, sku, title, brand, category, barcodes, source_updated_at, raw)
   order by g.external_id
  on conflict (integration_id, external_id) do update
     set sku = excluded.sku, title = excluded.title, brand = excluded.brand, category = excluded.category,
         barcodes = excluded.barcodes, source_updated_at = excluded.source_updated_at, raw = excluded.raw,
         updated_at = now()
   where excluded.source_updated_at >= p.source_updated_at
     and (p.sku, p.title, p.brand, p.category, p.barcodes, p.raw) is distinct from
         (excluded.sku, excluded.title, excluded.brand, excluded.category, excluded.barcodes, excluded.raw)
  returning id, external_id)sql"};

constexpr Sql kAnnounce{"sync.announce", R"sql(
  insert into outbox_events (tenant_id, integration_id, type, subject_id, payload)
  select current_tenant(), $1::uuid, g.type, g.id,
         jsonb_strip_nulls(jsonb_build_object('external_id', g.external_id, 'status', g.status, $2::text, g.id))
    from unnest($3::text[], $4::uuid[], $5::text[], $6::text[]) with ordinality as g(type, id, external_id, status, turn)
   order by g.turn)sql"};

constexpr Sql kMoveCursor{"sync.move_cursor", R"sql(
  update sync_cursors set cursor = $4, updated_at = now()
   where integration_id = $1::uuid and stream = $2 and partition = $3)sql"};

constexpr Sql kCount{"sync.count", R"sql(
  update sync_logs
     set records_requested = coalesce(records_requested, 0) + $2::integer, records_synced = records_synced + $3::integer,
         records_failed = records_failed + $4::integer,
         errors = case when $4::integer = 0 or jsonb_array_length(errors) >= 100 then errors
                       else (select jsonb_agg(t.e order by t.n)
                               from jsonb_array_elements(errors || $5::jsonb) with ordinality as t(e, n) where t.n <= 100) end
   where id = $1::uuid and status = 'running')sql"};

constexpr Sql kCloseRun{"sync.close_run", R"sql(
  update sync_logs
     set status = $2::sync_status, error_message = nullif($3, ''), completed_at = now(),
         duration_seconds = extract(epoch from now() - started_at)::integer,
         metadata = metadata || $4::jsonb || jsonb_strip_nulls(jsonb_build_object('error_kind', nullif($5::text, '')))
   where id = $1::uuid and status = 'running')sql"};

// Who asked for a run during this one may mean rows that this one has passed already: the next follows at once.
constexpr Sql kCloseLease{"sync.close_lease", R"sql(
  update sync_cursors
     set lease_owner = null, lease_until = null,
         next_run_at = case when next_run_at <= now()
                             and next_run_at > (select l.started_at from sync_logs l where l.id = $8::uuid)
                            then next_run_at else now() + make_interval(secs => $4::float8 / 1000) end,
         last_success_at = case when $5::boolean then now() else last_success_at end, last_error = nullif($6, ''),
         failures = case when $7::boolean then failures + 1 when $5::boolean then 0 else failures end,
         updated_at = now()
   where integration_id = $1::uuid and stream = $2 and partition = $3)sql"};

constexpr Sql kTouchIntegration{"sync.touch_integration", R"sql(
  update integrations i
     set last_sync_at = case when $2::boolean then now() else i.last_sync_at end,
         next_sync_at = (select min(c.next_run_at) from sync_cursors c
                          where c.integration_id = i.id and c.stream not like '@%')
   where i.id = $1::uuid)sql"};

constexpr Sql kFailIntegration{"sync.fail_integration", R"sql(
  update integrations set status = 'error', status_message = $2, updated_at = now()
   where id = $1::uuid and status in ('connected', 'pending', 'error')
  returning pg_notify('integrations', id::text))sql"};

// Starting from the beginning takes the lease away: the run under way would write its old position back.
constexpr Sql kRequest{"sync.request", R"sql(
  update sync_cursors
     set next_run_at = case when lease_until > now() then now() else least(next_run_at, now()) end,
         cursor = case when $3::boolean then '' else cursor end,
         fencing = case when $3::boolean then fencing + 1 else fencing end,
         lease_owner = case when $3::boolean then null else lease_owner end,
         lease_until = case when $3::boolean then null else lease_until end
   where integration_id = $1::uuid and ($2 = '' or stream = $2) and stream not like '@%')sql"};

constexpr Sql kWakeScheduler{"sync.wake", "select pg_notify('sync', '')"};

constexpr Sql kStatus{"sync.status", R"sql(
  with stored as (
    select integration_id, 'orders' as stream, count(*) as n from orders group by 1
    union all
    select integration_id, 'products', count(*) from products group by 1
  )
  select c.integration_id, i.platform_id, coalesce(i.display_name, '') as display_name, c.stream, c.last_success_at,
         nullif(c.next_run_at, 'infinity') as next_run_at, coalesce(c.last_error, '') as last_error, c.failures,
         coalesce(s.n, 0) as rows,
         case when c.lease_until > now() then 'running'
              when i.paused then 'paused'
              when i.status <> 'connected' then 'error'
              when c.failures > 0 then 'failing'
              when c.next_run_at > now() then 'fresh'
              when c.next_run_at > now() - make_interval(mins => coalesce(i.sync_interval_minutes, 60)) then 'due'
              else 'late' end as state
    from sync_cursors c
    join integrations i on i.id = c.integration_id
    left join stored s on s.integration_id = c.integration_id and s.stream = c.stream
   where c.stream not like '@%'
   order by i.created_at, i.id, c.stream, c.partition)sql"};

constexpr Sql kRuns{"sync.runs", R"sql(
  select l.id, l.integration_id, i.platform_id, l.metadata->>'stream' as stream, l.sync_type, l.status, l.records_requested,
         l.records_synced, l.records_failed, l.errors, l.error_message, l.started_at, l.completed_at, l.duration_seconds,
         l.metadata
    from sync_logs l join integrations i on i.id = l.integration_id
   where ($1::uuid is null or l.integration_id = $1::uuid) and ($2::text is null or l.status::text = $2::text)
     and ($3::timestamptz is null or (l.started_at, l.id) < ($3::timestamptz, $4::uuid))
   order by l.started_at desc, l.id desc limit $5::integer)sql"};

constexpr Sql kRun{"sync.run", R"sql(
  select l.id, l.integration_id, i.platform_id, l.metadata->>'stream' as stream, l.sync_type, l.status, l.records_requested,
         l.records_synced, l.records_failed, l.errors, l.error_message, l.started_at, l.completed_at, l.duration_seconds,
         l.metadata
    from sync_logs l join integrations i on i.id = l.integration_id
   where l.id = $1::uuid)sql"};

Error lease_lost() {
  return Error(ErrorKind::conflict, "the lease of this stream was lost: another run has taken over");
}

SyncLease read_lease(const pqxx::row& row, const std::string& owner) {
  SyncLease out;
  out.tenant_id = text_of(row["tenant_id"]);
  out.integration_id = text_of(row["integration_id"]);
  out.stream = text_of(row["stream"]);
  out.partition = text_of(row["partition"]);
  out.owner = owner;
  out.fencing = row["fencing"].as<std::int64_t>();
  return out;
}

/// The lease's row, locked until the transaction ends; no rows when the lease was lost.
pqxx::result hold(Tx& tx, const SyncLease& lease) {
  return tx.exec(kHold, lease.integration_id, lease.stream, lease.partition, lease.owner, lease.fencing);
}

SyncRun read_run(const pqxx::row& row) {
  SyncRun out;
  out.id = text_of(row["id"]);
  out.integration_id = text_of(row["integration_id"]);
  out.platform_id = text_of(row["platform_id"]);
  out.stream = text_of(row["stream"]);
  out.sync_type = text_of(row["sync_type"]);
  out.status = text_of(row["status"]);
  if (!row["records_requested"].is_null()) out.records_requested = row["records_requested"].as<int>();
  out.records_synced = row["records_synced"].as<int>(0);
  out.records_failed = row["records_failed"].as<int>(0);
  out.errors_json = text_of(row["errors"]);
  out.error_message = text_of(row["error_message"]);
  out.started_at = time_of(row["started_at"]);
  out.completed_at = maybe_time_of(row["completed_at"]);
  if (!row["duration_seconds"].is_null()) out.duration_seconds = row["duration_seconds"].as<int>();
  out.metadata_json = text_of(row["metadata"]);
  return out;
}

void add_money(PgArray& amounts, PgArray& currencies, const std::optional<sdk::Money>& money) {
  if (money) {
    amounts.add(std::to_string(money->minor));
    currencies.add(money->currency);
  } else {
    amounts.add_null();
    currencies.add_null();
  }
}

/// The newest record of each external id, in the order of ids: rows are locked in that order.
template <class T>
using Newest = std::map<std::string, const T*>;

template <class T>
void keep_newest(Newest<T>& records, const T& record) {
  auto [known, added] = records.try_emplace(clean_text(record.external_id), &record);
  if (!added && record.source_updated_at >= known->second->source_updated_at) known->second = &record;
}

/// What became of the rows of one page.
struct Announcements {
  PgArray types, ids, external_ids, statuses;
  int count = 0;

  void add(const char* type, const std::string& id, const std::string& external_id, const std::string& status) {
    types.add(type);
    ids.add(id);
    external_ids.add(external_id);
    if (status.empty()) {
      statuses.add_null();
    } else {
      statuses.add(status);
    }
    ++count;
  }

  void write(Tx& tx, const std::string& integration_id, const char* id_name) {
    if (count == 0) return;
    tx.exec(kAnnounce, integration_id, id_name, types.take(), ids.take(), external_ids.take(), statuses.take());
  }
};

void put_orders(Tx& tx, const std::string& integration_id, const Newest<sdk::OrderRecord>& orders,
                std::set<std::string>& written) {
  if (orders.empty()) return;
  PgArray ids, external_ids, numbers, statuses, totals, currencies, ordered, updated, raws;
  std::set<std::string> candidates;
  for (const auto& [external_id, order] : orders) {
    ids.add(*candidates.insert(new_uuid()).first);
    external_ids.add(external_id);
    numbers.add(order->external_number);
    statuses.add(order->status);
    add_money(totals, currencies, order->total);
    ordered.add(format_rfc3339(order->ordered_at));
    updated.add(format_rfc3339(order->source_updated_at));
    raws.add(jsonb_text(order->raw_json));
  }
  const auto rows =
      tx.exec(kPutOrders, integration_id, ids.take(), external_ids.take(), numbers.take(), statuses.take(),
              totals.take(), currencies.take(), ordered.take(), updated.take(), raws.take());
  if (rows.empty()) return;

  Announcements news;
  PgArray changed, order_ids, positions, skus, products, names, quantities, prices, item_currencies;
  bool any_changed = false;
  bool any_items = false;
  for (const auto& row : rows) {
    const auto id = text_of(row["id"]);
    const auto external_id = text_of(row["external_id"]);
    const bool created = candidates.count(id) > 0;
    news.add(created ? "order.created" : "order.updated", id, external_id, text_of(row["status"]));
    written.insert(external_id);
    if (!created) {
      changed.add(id);
      any_changed = true;
    }
    int position = 0;
    for (const auto& item : orders.at(external_id)->items) {
      order_ids.add(id);
      positions.add(std::to_string(++position));
      skus.add(item.sku);
      products.add(item.external_product_id);
      names.add(item.name);
      quantities.add(std::to_string(item.quantity));
      add_money(prices, item_currencies, item.price);
      any_items = true;
    }
  }
  if (any_changed) tx.exec(kDropItems, changed.take());
  if (any_items) {
    tx.exec(kPutItems, order_ids.take(), positions.take(), skus.take(), products.take(), names.take(),
            quantities.take(), prices.take(), item_currencies.take());
  }
  news.write(tx, integration_id, "order_id");
}

void put_statuses(Tx& tx, const std::string& integration_id, const Newest<sdk::OrderStatusRecord>& changes,
                  std::set<std::string>& written) {
  if (changes.empty()) return;
  PgArray external_ids, statuses, updated;
  for (const auto& [external_id, change] : changes) {
    external_ids.add(external_id);
    statuses.add(change->status);
    updated.add(format_rfc3339(change->source_updated_at));
  }
  Announcements news;
  for (const auto& row : tx.exec(kPutStatuses, integration_id, external_ids.take(), statuses.take(), updated.take())) {
    const auto external_id = text_of(row["external_id"]);
    news.add("order.updated", text_of(row["id"]), external_id, text_of(row["status"]));
    written.insert(external_id);
  }
  news.write(tx, integration_id, "order_id");
}

void put_products(Tx& tx, const std::string& integration_id, const Newest<sdk::ProductRecord>& records,
                  std::set<std::string>& written) {
  if (records.empty()) return;
  PgArray ids, external_ids, skus, titles, brands, categories, barcodes, updated, raws;
  for (const auto& [external_id, product] : records) {
    ids.add(new_uuid());
    external_ids.add(external_id);
    skus.add(product->sku);
    titles.add(product->title);
    brands.add(product->brand);
    categories.add(product->category);
    barcodes.add(text_array(product->barcodes));
    updated.add(format_rfc3339(product->source_updated_at));
    raws.add(jsonb_text(product->raw_json));
  }
  Announcements news;
  for (const auto& row :
       tx.exec(kPutProducts, integration_id, ids.take(), external_ids.take(), skus.take(), titles.take(), brands.take(),
               categories.take(), barcodes.take(), updated.take(), raws.take())) {
    const auto external_id = text_of(row["external_id"]);
    news.add("product.upserted", text_of(row["id"]), external_id, {});
    written.insert(external_id);
  }
  news.write(tx, integration_id, "product_id");
}

std::string errors_json(const std::vector<sdk::RecordFailure>& failures) {
  auto errors = nlohmann::json::array();
  for (const auto& failure : failures) {
    if (errors.size() == 100) break;
    errors.push_back({{"external_id", clean_text(failure.external_id)}, {"reason", clean_text(failure.reason)}});
  }
  return jsonb_text(errors.dump());
}

}  // namespace

Task<std::vector<SyncLease>> SyncRepository::claim_due(std::string owner, int wanted, std::chrono::seconds lease) {
  auto work = [owner = std::move(owner), wanted, lease](Tx& tx) {
    std::vector<SyncLease> out;
    for (const auto& row : tx.exec(kClaimDue, owner, wanted, lease.count())) out.push_back(read_lease(row, owner));
    return out;
  };
  return db_.run(Lane::background, Scope::hub(), std::move(work));
}

Task<Result<SyncLease>> SyncRepository::claim(std::string tenant_id, std::string integration_id, std::string stream,
                                              std::string owner, std::chrono::seconds lease) {
  auto work = [integration_id = std::move(integration_id), stream = clean_text(stream), owner = std::move(owner),
               lease](Tx& tx) -> Result<SyncLease> {
    const Error not_found(ErrorKind::not_found, "there is no stream \"" + stream + "\" of this integration");
    if (!is_uuid(integration_id)) return not_found;
    const auto rows = tx.exec(kClaim, integration_id, stream, owner, lease.count());
    if (!rows.empty()) return read_lease(rows[0], owner);
    const auto held = tx.exec(kLeaseEnd, integration_id, stream);
    if (held.empty()) return not_found;
    const auto until = maybe_time_of(held[0][0]);
    return Error(ErrorKind::conflict, "this stream is being synchronized; its lease lasts until " +
                                          (until ? format_rfc3339(*until) : "now"));
  };
  return db_.run(Lane::background, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<bool> SyncRepository::heartbeat(SyncLease lease, std::chrono::seconds duration) {
  auto scope = Scope::tenant(lease.tenant_id);
  auto work = [lease = std::move(lease), duration](Tx& tx) {
    return tx.exec(kHeartbeat, lease.integration_id, lease.stream, lease.partition, lease.owner, lease.fencing,
                   duration.count())
               .affected_rows() == 1;
  };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

Task<int> SyncRepository::release_all(std::string owner) {
  auto work = [owner = std::move(owner)](Tx& tx) { return tx.exec(kReleaseAll, owner)[0][0].as<int>(); };
  return db_.run(Lane::background, Scope::hub(), std::move(work));
}

Task<Result<SyncStart>> SyncRepository::begin(SyncLease lease, std::string sync_type) {
  auto scope = Scope::tenant(lease.tenant_id);
  auto work = [lease = std::move(lease), sync_type = std::move(sync_type)](Tx& tx) -> Result<SyncStart> {
    const auto held = hold(tx, lease);
    if (held.empty()) return lease_lost();
    SyncStart out;
    out.run_id = new_uuid();
    out.cursor = text_of(held[0]["cursor"]);
    out.failures = held[0]["failures"].as<int>();
    out.resumed = tx.exec(kCloseInterrupted, lease.integration_id, lease.stream, lease.partition).affected_rows() > 0;
    tx.exec(kOpenRun, out.run_id, lease.integration_id, sync_type, lease.stream, lease.partition, lease.owner);
    return out;
  };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

Task<Result<PageResult>> SyncRepository::store_page(SyncLease lease, std::string run_id,
                                                    std::vector<sdk::Record> records,
                                                    std::vector<sdk::RecordFailure> failures, std::string cursor) {
  auto scope = Scope::tenant(lease.tenant_id);
  auto work = [lease = std::move(lease), run_id = std::move(run_id), records = std::move(records),
               failures = std::move(failures), cursor = clean_text(cursor)](Tx& tx) -> Result<PageResult> {
    if (hold(tx, lease).empty()) return lease_lost();
    Newest<sdk::OrderRecord> orders;
    Newest<sdk::OrderStatusRecord> statuses;
    Newest<sdk::ProductRecord> products;
    for (const auto& record : records) {
      if (const auto* order = std::get_if<sdk::OrderRecord>(&record)) keep_newest(orders, *order);
      if (const auto* status = std::get_if<sdk::OrderStatusRecord>(&record)) keep_newest(statuses, *status);
      if (const auto* product = std::get_if<sdk::ProductRecord>(&record)) keep_newest(products, *product);
    }
    std::set<std::string> written_orders;
    std::set<std::string> written_products;
    put_orders(tx, lease.integration_id, orders, written_orders);
    put_statuses(tx, lease.integration_id, statuses, written_orders);
    put_products(tx, lease.integration_id, products, written_products);
    const int all = static_cast<int>(records.size());
    const int failed = static_cast<int>(failures.size());
    tx.exec(kMoveCursor, lease.integration_id, lease.stream, lease.partition, cursor);
    tx.exec(kCount, run_id, all + failed, all, failed, errors_json(failures));
    PageResult out;
    out.stored = static_cast<int>(written_orders.size() + written_products.size());
    out.unchanged = all - out.stored;
    return out;
  };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

Task<> SyncRepository::finish(SyncLease lease, std::string run_id, SyncEnd end, std::string metadata_json) {
  auto scope = Scope::tenant(lease.tenant_id);
  auto work = [lease = std::move(lease), run_id = std::move(run_id), end = std::move(end),
               metadata = jsonb_text(metadata_json)](Tx& tx) {
    if (hold(tx, lease).empty()) return;
    // a run that a rate limit broke off is no failure, and no success either: the rest of the stream was not read
    const bool succeeded = !end.counts_as_failure && end.status != "failed" && end.error_kind.empty();
    const auto message = clean_text(end.error_message);
    tx.exec(kCloseRun, run_id, end.status, message, metadata, end.error_kind);
    tx.exec(kCloseLease, lease.integration_id, lease.stream, lease.partition, end.next_run_in.count(), succeeded,
            message, end.counts_as_failure, run_id);
    tx.exec(kTouchIntegration, lease.integration_id, succeeded);
    if (!end.integration_error.empty()) {
      tx.exec(kFailIntegration, lease.integration_id, clean_text(end.integration_error));
    }
  };
  return db_.run(Lane::background, std::move(scope), std::move(work));
}

Task<int> SyncRepository::request(std::string tenant_id, std::string integration_id, std::string stream,
                                  bool from_start) {
  auto work = [integration_id = std::move(integration_id), stream = clean_text(stream), from_start](Tx& tx) {
    if (!is_uuid(integration_id)) return 0;
    const auto streams = static_cast<int>(tx.exec(kRequest, integration_id, stream, from_start).affected_rows());
    if (streams > 0) tx.exec(kWakeScheduler);
    return streams;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::vector<StreamStatus>> SyncRepository::status(std::string tenant_id) {
  auto work = [](Tx& tx) {
    std::vector<StreamStatus> out;
    for (const auto& row : tx.exec(kStatus)) {
      StreamStatus stream;
      stream.integration_id = text_of(row["integration_id"]);
      stream.platform_id = text_of(row["platform_id"]);
      stream.display_name = text_of(row["display_name"]);
      stream.stream = text_of(row["stream"]);
      stream.state = text_of(row["state"]);
      stream.last_success_at = maybe_time_of(row["last_success_at"]);
      stream.next_run_at = maybe_time_of(row["next_run_at"]);
      stream.last_error = text_of(row["last_error"]);
      stream.failures = row["failures"].as<int>();
      stream.rows = row["rows"].as<std::int64_t>();
      out.push_back(std::move(stream));
    }
    return out;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<Result<Paged<SyncRun>>> SyncRepository::runs(std::string tenant_id, std::string integration_id, std::string status,
                                                  PageRequest page) {
  auto work = [integration_id = std::move(integration_id), status = clean_text(status),
               page = std::move(page)](Tx& tx) -> Result<Paged<SyncRun>> {
    EASYFLOW_TRY(after, read_cursor(page.cursor, "tu"));
    if (!integration_id.empty() && !is_uuid(integration_id)) return Paged<SyncRun>{};
    const auto rows =
        tx.exec(kRuns, unless_empty(integration_id), unless_empty(status), after[0], after[1], rows_to_ask(page));
    return page_of<SyncRun>(rows, page, read_run, [](const pqxx::row& row) {
      return std::vector<std::string>{text_of(row["started_at"]), text_of(row["id"])};
    });
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::optional<SyncRun>> SyncRepository::run(std::string tenant_id, std::string run_id) {
  auto work = [run_id = std::move(run_id)](Tx& tx) -> std::optional<SyncRun> {
    if (!is_uuid(run_id)) return std::nullopt;
    const auto rows = tx.exec(kRun, run_id);
    if (rows.empty()) return std::nullopt;
    return read_run(rows[0]);
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

}  // namespace easyflow::storage
