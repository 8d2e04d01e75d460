#include "storage/repositories/catalog.hpp"

#include <map>
#include <utility>

#include "core/base/ids.hpp"
#include "storage/pg_array.hpp"
#include "storage/repositories/rows.hpp"

namespace easyflow::storage {
namespace {

constexpr Sql kOrders{"catalog.orders", R"sql(
  select id, integration_id, external_id, external_number, status, total_minor, coalesce(currency, '') as currency,
         ordered_at, source_updated_at, updated_at
    from orders
   where ($1::uuid is null or integration_id = $1::uuid)
     and ($2::timestamptz is null or (ordered_at, id) < ($2::timestamptz, $3::uuid))
   order by ordered_at desc, id desc limit $4::integer)sql"};

constexpr Sql kOrder{"catalog.order", R"sql(
  select id, integration_id, external_id, external_number, status, total_minor, coalesce(currency, '') as currency,
         ordered_at, source_updated_at, updated_at, raw
    from orders where id = $1::uuid)sql"};

constexpr Sql kItems{"catalog.items", R"sql(
  select order_id, sku, external_product_id, name, quantity, price_minor, coalesce(currency, '') as currency
    from order_items where order_id = any($1::uuid[]) order by order_id, position)sql"};

constexpr Sql kProducts{"catalog.products", R"sql(
  select id, integration_id, external_id, sku, title, brand, category, barcodes, source_updated_at, updated_at
    from products
   where ($1::uuid is null or integration_id = $1::uuid)
     and ($2::text is null or (sku, id) > ($2::text, $3::uuid))
   order by sku, id limit $4::integer)sql"};

constexpr Sql kOrdersById{"catalog.orders_by_id", R"sql(
  select id, integration_id, external_id, external_number, status, total_minor, coalesce(currency, '') as currency,
         ordered_at, source_updated_at, updated_at
    from orders where id = any($1::uuid[]))sql"};

constexpr Sql kProductsById{"catalog.products_by_id", R"sql(
  select id, integration_id, external_id, sku, title, brand, category, barcodes, source_updated_at, updated_at
    from products where id = any($1::uuid[]))sql"};

StoredOrder read_order(const pqxx::row& row) {
  StoredOrder out;
  out.id = text_of(row["id"]);
  out.integration_id = text_of(row["integration_id"]);
  out.external_id = text_of(row["external_id"]);
  out.external_number = text_of(row["external_number"]);
  out.status = text_of(row["status"]);
  if (!row["total_minor"].is_null()) out.total_minor = row["total_minor"].as<std::int64_t>();
  out.currency = text_of(row["currency"]);
  out.ordered_at = time_of(row["ordered_at"]);
  out.source_updated_at = time_of(row["source_updated_at"]);
  out.updated_at = time_of(row["updated_at"]);
  return out;
}

StoredProduct read_product(const pqxx::row& row) {
  StoredProduct out;
  out.id = text_of(row["id"]);
  out.integration_id = text_of(row["integration_id"]);
  out.external_id = text_of(row["external_id"]);
  out.sku = text_of(row["sku"]);
  out.title = text_of(row["title"]);
  out.brand = text_of(row["brand"]);
  out.category = text_of(row["category"]);
  out.barcodes = texts_of(row["barcodes"]);
  out.source_updated_at = time_of(row["source_updated_at"]);
  out.updated_at = time_of(row["updated_at"]);
  return out;
}

void add_items(Tx& tx, std::vector<StoredOrder>& orders) {
  if (orders.empty()) return;
  PgArray ids;
  std::map<std::string, StoredOrder*> by_id;
  for (auto& order : orders) {
    ids.add(order.id);
    by_id[order.id] = &order;
  }
  for (const auto& row : tx.exec(kItems, ids.take())) {
    StoredItem item;
    item.sku = text_of(row["sku"]);
    item.external_product_id = text_of(row["external_product_id"]);
    item.name = text_of(row["name"]);
    item.quantity = row["quantity"].as<int>();
    if (!row["price_minor"].is_null()) item.price_minor = row["price_minor"].as<std::int64_t>();
    item.currency = text_of(row["currency"]);
    by_id.at(text_of(row["order_id"]))->items.push_back(std::move(item));
  }
}

Task<CatalogRows> no_rows() { co_return CatalogRows{}; }

}  // namespace

Task<Result<Paged<StoredOrder>>> CatalogRepository::orders(std::string tenant_id, std::string integration_id,
                                                           PageRequest page) {
  auto work = [integration_id = std::move(integration_id),
               page = std::move(page)](Tx& tx) -> Result<Paged<StoredOrder>> {
    EASYFLOW_TRY(after, read_cursor(page.cursor, "tu"));
    if (!integration_id.empty() && !is_uuid(integration_id)) return Paged<StoredOrder>{};
    const auto rows = tx.exec(kOrders, unless_empty(integration_id), after[0], after[1], rows_to_ask(page));
    auto out = page_of<StoredOrder>(rows, page, read_order, [](const pqxx::row& row) {
      return std::vector<std::string>{text_of(row["ordered_at"]), text_of(row["id"])};
    });
    add_items(tx, out.items);
    return out;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::optional<std::pair<StoredOrder, std::string>>> CatalogRepository::order(std::string tenant_id,
                                                                                  std::string id) {
  auto work = [id = std::move(id)](Tx& tx) -> std::optional<std::pair<StoredOrder, std::string>> {
    if (!is_uuid(id)) return std::nullopt;
    const auto rows = tx.exec(kOrder, id);
    if (rows.empty()) return std::nullopt;
    std::vector<StoredOrder> orders{read_order(rows[0])};
    add_items(tx, orders);
    return std::make_pair(std::move(orders.front()), text_of(rows[0]["raw"]));
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<Result<Paged<StoredProduct>>> CatalogRepository::products(std::string tenant_id, std::string integration_id,
                                                               PageRequest page) {
  auto work = [integration_id = std::move(integration_id),
               page = std::move(page)](Tx& tx) -> Result<Paged<StoredProduct>> {
    EASYFLOW_TRY(after, read_cursor(page.cursor, "su"));
    if (!integration_id.empty() && !is_uuid(integration_id)) return Paged<StoredProduct>{};
    const auto rows = tx.exec(kProducts, unless_empty(integration_id), after[0], after[1], rows_to_ask(page));
    return page_of<StoredProduct>(rows, page, read_product, [](const pqxx::row& row) {
      return std::vector<std::string>{text_of(row["sku"]), text_of(row["id"])};
    });
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<CatalogRows> CatalogRepository::find(std::string tenant_id, std::vector<std::string> ids) {
  PgArray wanted;
  bool any = false;
  for (const auto& id : ids) {
    if (!is_uuid(id)) continue;
    wanted.add(id);
    any = true;
  }
  if (!any) return no_rows();
  auto work = [wanted = wanted.take()](Tx& tx) {
    CatalogRows out;
    for (const auto& row : tx.exec(kOrdersById, wanted)) out.orders.push_back(read_order(row));
    for (const auto& row : tx.exec(kProductsById, wanted)) out.products.push_back(read_product(row));
    return out;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

}  // namespace easyflow::storage
