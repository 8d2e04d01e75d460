// Rows as every marketplace's streams deliver them to storage.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/clock.hpp"

namespace easyflow::sdk {

/// An amount in integer minor units (kopecks, cents) of an ISO 4217 currency ("RUB").
struct Money {
  std::int64_t minor = 0;
  std::string currency;
};

struct OrderItem {
  std::string sku;  ///< the seller's article
  std::string external_product_id;
  std::string name;
  int quantity = 1;
  std::optional<Money> price;
};

struct OrderRecord {
  std::string external_id;      ///< unique per integration
  std::string external_number;  ///< what people call it; may equal external_id
  std::string status;           ///< the platform's word; empty when the stream does not tell
  std::optional<Money> total;
  Timestamp ordered_at;
  Timestamp source_updated_at;  ///< an older version never overwrites a newer one
  std::vector<OrderItem> items;
  std::string raw_json;  ///< the row as it came
};

struct ProductRecord {
  std::string external_id;
  std::string sku;
  std::string title;
  std::string brand;
  std::string category;
  std::vector<std::string> barcodes;
  Timestamp source_updated_at;
  std::string raw_json;
};

/// A newer status of an order delivered before; everything else of the stored row stays. Where the platform cannot
/// tell what changed, the status of every open order comes again, changed or not. An unknown order is no error.
struct OrderStatusRecord {
  std::string external_id;
  std::string status;
  Timestamp source_updated_at;
};

using Record = std::variant<OrderRecord, ProductRecord, OrderStatusRecord>;

/// A row of a page that could not be understood. The page goes on without it; the run ends `partial`.
struct RecordFailure {
  std::string external_id;  ///< when it could be read
  std::string reason;       ///< names the field
  std::string raw_json;
};

}  // namespace easyflow::sdk
