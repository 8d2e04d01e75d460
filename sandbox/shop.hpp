// The believable shop behind the stand-ins: its products, orders and buyers, all derived from a seed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"

namespace easyflow::sandbox {

/// Reproducible random numbers (splitmix64): the same on every compiler and library, unlike <random>'s distributions.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() noexcept;
  /// Both ends included.
  std::int64_t between(std::int64_t low, std::int64_t high) noexcept;
  bool chance(double probability) noexcept;
  template <class Container>
  const auto& pick(const Container& items) noexcept {
    return *(std::begin(items) + static_cast<std::ptrdiff_t>(next() % std::size(items)));
  }
  /// `length` characters of `alphabet`.
  std::string text(std::size_t length, std::string_view alphabet);
  /// Shaped like a UUID version 4.
  std::string uuid();

 private:
  std::uint64_t state_;
};

struct ProductSize {
  std::int64_t chrt_id = 0;
  std::string tech_size;
  std::string sku;
};

struct Product {
  std::int64_t nm_id = 0;
  std::int64_t imt_id = 0;
  std::string uuid;
  int subject_id = 0;
  std::string subject;
  std::string vendor_code;
  std::string brand;
  std::string title;
  std::string description;
  std::string color;
  std::vector<ProductSize> sizes;
  int length_cm = 0, width_cm = 0, height_cm = 0;
  double weight_kg = 0;
  std::int64_t price_kopecks = 0;
  Timestamp created_at;
  Timestamp updated_at;
};

struct OrderStatus {
  std::string_view supplier;
  std::string_view wildberries;
};

/// One assembly order of one unit. Everything but id and time follows from the id and the shop's seed, and its status
/// is a function of the time, so nothing has to be stored to move orders on.
struct Order {
  std::int64_t id = 0;
  Timestamp created_at;
  std::size_t product = 0;  ///< index into Shop::products()
  std::size_t size = 0;     ///< index into its sizes
  std::string rid;
  std::string basket_uid;
  std::string supply_id;
  std::int64_t price_minor = 0;  ///< hundredths of the currency `currency`
  std::int64_t sale_price_minor = 0;
  std::int64_t price_kopecks = 0;
  std::int64_t sale_price_kopecks = 0;
  int currency = 643;  ///< ISO 4217 number
  int warehouse = 0;   ///< index into Shop's warehouses
  std::string comment;
  std::string address;  ///< mostly empty: the platform shows it for few orders
  bool is_b2b = false;
  std::chrono::minutes confirmed_after{0};
  std::chrono::minutes handed_over_after{0};
  std::chrono::minutes sorted_after{0};
  std::chrono::minutes final_after{0};
  OrderStatus outcome;      ///< what it ends as, after `final_after`
  bool ends_early = false;  ///< cancelled before it was put in a supply

  OrderStatus status(Timestamp now) const noexcept;
  bool is_in_supply(Timestamp now) const noexcept;
};

struct Warehouse {
  int id = 0;
  int office_id = 0;
  std::string office;
};

struct Buyer {
  std::int64_t id = 0;
  std::string first_name;
  std::string username;
  std::string language;  ///< "ru" or "en"
};

/// Orders of the last 60 days stand at fixed moments of the calendar, so a shop of the same seed and size that is
/// opened tomorrow still has today's orders under the same ids. Thread: one at a time.
class Shop {
 public:
  static constexpr std::chrono::hours kHistory{60 * 24};

  Shop(std::uint64_t seed, int products, int initial_orders, int buyers, Timestamp now);

  const std::vector<Product>& products() const noexcept { return products_; }
  /// Ascending by id.
  const std::vector<Order>& orders() const noexcept { return orders_; }
  const std::vector<Buyer>& buyers() const noexcept { return buyers_; }
  const Warehouse& warehouse(const Order& order) const;
  const Order* find_order(std::int64_t id) const noexcept;

  /// An order that became visible `now`; one in eight was created up to 90 s before, as on the real platform.
  const Order& add_order(Timestamp now);
  /// Puts back an order of an earlier run. Ignored when the id is known.
  void restore_order(std::int64_t id, Timestamp created_at);
  /// The seller edits one card: `updated_at` becomes `now`.
  const Product& change_product(Timestamp now);

  /// What `buyer` might write next, in the buyer's language.
  std::string message_of(const Buyer& buyer);
  /// What `buyer` might say to an answer.
  std::string reply_of(const Buyer& buyer);
  Dice& dice() noexcept { return dice_; }

 private:
  Order make_order(std::int64_t id, Timestamp created_at) const;

  std::uint64_t seed_;
  Dice dice_;
  std::vector<Product> products_;
  std::vector<Order> orders_;
  std::vector<Buyer> buyers_;
};

}  // namespace easyflow::sandbox
