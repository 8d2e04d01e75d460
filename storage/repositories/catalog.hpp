// Orders and products as stored, for reading.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "storage/database.hpp"
#include "storage/repositories/paging.hpp"

namespace easyflow::storage {

struct StoredItem {
  std::string sku;
  std::string external_product_id;
  std::string name;
  int quantity = 1;
  std::optional<std::int64_t> price_minor;
  std::string currency;
};

struct StoredOrder {
  std::string id;
  std::string integration_id;
  std::string external_id;
  std::string external_number;
  std::string status;
  std::optional<std::int64_t> total_minor;
  std::string currency;
  Timestamp ordered_at;
  Timestamp source_updated_at;
  Timestamp updated_at;
  std::vector<StoredItem> items;
};

struct StoredProduct {
  std::string id;
  std::string integration_id;
  std::string external_id;
  std::string sku;
  std::string title;
  std::string brand;
  std::string category;
  std::vector<std::string> barcodes;
  Timestamp source_updated_at;
  Timestamp updated_at;
};

/// Orders and products by themselves, in no order.
struct CatalogRows {
  std::vector<StoredOrder> orders;  ///< without their items
  std::vector<StoredProduct> products;
};

class CatalogRepository {
 public:
  explicit CatalogRepository(Database& db) : db_(db) {}
  /// Newest first by ordered_at; `integration_id` filters when not empty.
  Task<Result<Paged<StoredOrder>>> orders(std::string tenant_id, std::string integration_id, PageRequest page);
  /// The order with its row as the platform sent it.
  Task<std::optional<std::pair<StoredOrder, std::string>>> order(std::string tenant_id, std::string id);
  /// By sku, then id.
  Task<Result<Paged<StoredProduct>>> products(std::string tenant_id, std::string integration_id, PageRequest page);
  /// Those of these ids; what is no id of theirs is passed over.
  Task<CatalogRows> find(std::string tenant_id, std::vector<std::string> ids);

 private:
  Database& db_;
};

}  // namespace easyflow::storage
