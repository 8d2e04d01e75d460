// The walk over FBS orders. README.md#orders tells why it looks in three places.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "connectors/sdk/json_fields.hpp"
#include "connectors/sdk/text.hpp"
#include "connectors/wildberries/api.hpp"
#include "connectors/wildberries/streams.hpp"

namespace easyflow::connectors::wildberries {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kWindow = 29 * kDay;    // "at most 30 calendar days": 29 times 24 h never touch 31 dates
constexpr std::int64_t kLookback = 89 * kDay;  // "at most 3 months", of which the shortest have 89 days
constexpr std::int64_t kOverlap = 2 * kHour;   // an order may be listed later than it was made
constexpr std::int64_t kSweepEvery = kDay;     // and once a day the last window is read as a whole
constexpr std::size_t kListLimit = 1000;
constexpr std::size_t kStatusLimit = 1000;
constexpr std::size_t kMostOpen = 5000;  // the cursor is written with every page, so it must stay small

/// Where the stream stands; the JSON of the cursor has the same names.
struct Position {
  std::int64_t from = 0;  ///< window being read, unix seconds; 0 when no walk is under way
  std::int64_t to = 0;
  std::int64_t next = 0;        ///< the platform's page mark inside the window
  std::int64_t seen = 0;        ///< newest creation time listed so far
  std::int64_t read = 0;        ///< end of the last walk that reached its end
  std::int64_t swept = 0;       ///< when a walk last went back a whole window
  std::set<std::int64_t> open;  ///< orders without a final status
};

std::string to_cursor(const Position& at) {
  Json json{{"v", 1},          {"from", at.from}, {"to", at.to},       {"next", at.next},
            {"seen", at.seen}, {"read", at.read}, {"swept", at.swept}, {"open", at.open}};
  return json.dump();
}

Error bad_cursor(const std::string& why) {
  return Error(ErrorKind::protocol, "the stored cursor of wildberries/orders is not usable: " + why);
}

Result<Position> from_cursor(std::string_view cursor) {
  Position at;
  if (cursor.empty()) return at;
  auto json = sdk::parse_json(cursor);
  if (!json) return bad_cursor(json.error().message());
  auto version = sdk::field<std::int64_t>(*json, "v");
  if (!version) return bad_cursor(version.error().message());
  if (*version != 1) return bad_cursor("it has version " + std::to_string(*version) + ", this hub writes 1");
  constexpr std::int64_t kYear3000 = 32'503'680'000;
  struct Part {
    const char* name;
    std::int64_t* into;
    bool is_time;
  };
  for (const Part& part :
       {Part{"from", &at.from, true}, Part{"to", &at.to, true}, Part{"next", &at.next, false},
        Part{"seen", &at.seen, true}, Part{"read", &at.read, true}, Part{"swept", &at.swept, true}}) {
    auto value = sdk::field<std::int64_t>(*json, part.name);
    if (!value) return bad_cursor(value.error().message());
    if (*value < 0 || (part.is_time && *value > kYear3000))
      return bad_cursor(std::string(part.name) + ": out of range");
    *part.into = *value;
  }
  if (at.from > at.to || at.to - at.from > kWindow) return bad_cursor("its window is not one this hub asks for");
  auto open = sdk::array_field(*json, "open");
  if (!open) return bad_cursor(open.error().message());
  for (const Json& id : **open) {
    if (!id.is_number_integer() || id.get<std::int64_t>() <= 0)
      return bad_cursor("open: holds something that is no order id");
    at.open.insert(id.get<std::int64_t>());
  }
  return at;
}

bool is_final(std::string_view supplier, std::string_view platform) noexcept {
  for (std::string_view status : {"cancel", "cancel_carrier"})
    if (supplier == status) return true;
  for (std::string_view status :
       {"sold", "canceled", "canceled_by_client", "declined_by_client", "canceled_by_carrier", "defect"})
    if (platform == status) return true;
  return false;
}

Result<sdk::OrderRecord> read_order(const Json& row, const std::string& where, Timestamp now) {
  sdk::OrderRecord order;
  EASYFLOW_TRY(id, sdk::field<std::int64_t>(row, "id", where));
  if (id <= 0) return Error(ErrorKind::protocol, where + ".id: must be positive");
  EASYFLOW_TRY(created_at, sdk::field<std::string>(row, "createdAt", where));
  auto ordered_at = parse_rfc3339(created_at);
  if (!ordered_at) return Error(ErrorKind::protocol, where + ".createdAt: not a time: " + sdk::clipped(created_at, 40));
  EASYFLOW_TRY(article, sdk::optional_field<std::string>(row, "article", where));
  EASYFLOW_TRY(nm_id, sdk::optional_field<std::int64_t>(row, "nmId", where));
  EASYFLOW_TRY(price, sdk::optional_field<std::int64_t>(row, "price", where));

  order.external_id = std::to_string(id);
  order.external_number = order.external_id;
  order.ordered_at = *ordered_at;
  order.source_updated_at = now;
  sdk::OrderItem item;
  if (article) item.sku = *article;
  if (nm_id) item.external_product_id = std::to_string(*nm_id);
  if (price) {
    // the buyer's price times 100 in the currency the order was sold in; all known currencies have two digits
    EASYFLOW_TRY(number, sdk::field<std::int64_t>(row, "currencyCode", where));
    std::string_view currency = sdk::currency_of_number(number);
    if (currency.empty())
      return Error(ErrorKind::protocol, where + ".currencyCode: unknown currency " + std::to_string(number));
    item.price = sdk::Money{*price, std::string(currency)};
    order.total = item.price;
  }
  order.items.push_back(std::move(item));
  order.raw_json = sdk::json_text(row);
  return order;
}

/// One row of the status method.
struct OrderStatus {
  std::string text;  ///< "confirm/waiting"
  bool final = false;
};

class OrdersWalk final : public sdk::StreamWalk {
 public:
  OrdersWalk(sdk::Account account, Position position, std::string cursor, Timestamp now)
      : account_(std::move(account)),
        at_(std::move(position)),
        stored_cursor_(std::move(cursor)),
        now_(now),
        now_unix_(to_unix_seconds(now)) {}

  Result<Step> next(const HttpResponse* reply) override {
    if (reply == nullptr) return asked_ ? Result<Step>(Step(*asked_)) : go_on();
    if (!asked_) return Error(ErrorKind::internal, "wildberries/orders: an answer nobody asked for");
    auto body = read_reply(account_, *reply, "orders");
    if (!body) return body.error();
    switch (phase_) {
      case Phase::new_orders:
      case Phase::listing: return take_orders(*body);
      case Phase::batch_statuses: return take_batch_statuses(*body);
      case Phase::open_statuses: return take_open_statuses(*body);
      case Phase::end: break;
    }
    return Error(ErrorKind::internal, "wildberries/orders: an answer after the end");
  }

 private:
  enum class Phase { new_orders, listing, batch_statuses, open_statuses, end };

  Result<Step> ask(sdk::Request request) {
    asked_ = std::move(request);
    return Step(*asked_);
  }

  Result<Step> page(std::vector<sdk::Record> records, std::vector<sdk::RecordFailure> failures) {
    sdk::Page page;
    page.records = std::move(records);
    page.failures = std::move(failures);
    page.cursor = to_cursor(at_);
    stored_cursor_ = page.cursor;
    return Step(std::move(page));
  }

  Result<Step> go_on() {
    switch (phase_) {
      case Phase::new_orders: return ask(get(account_, "marketplace", "/api/v3/orders/new", "marketplace"));
      case Phase::listing: return ask_listing();
      case Phase::batch_statuses: return deliver_batch();
      case Phase::open_statuses: return ask_open_statuses();
      case Phase::end: break;
    }
    return Step(sdk::EndOfStream());
  }

  Result<Step> ask_listing() {
    begin_walk();
    return ask(get(account_, "marketplace",
                   "/api/v3/orders?limit=" + std::to_string(kListLimit) + "&next=" + std::to_string(at_.next) +
                       "&dateFrom=" + std::to_string(at_.from) + "&dateTo=" + std::to_string(at_.to),
                   "marketplace"));
  }

  /// Chooses the first window, unless a walk that was broken off is to be continued.
  void begin_walk() {
    const std::int64_t oldest = now_unix_ - kLookback;
    if (at_.to != 0 && at_.from >= oldest) return;
    std::int64_t from = oldest;
    if (at_.read != 0 && at_.to == 0) {
      std::int64_t read = std::min(at_.read, now_unix_);
      // in quiet times the newest order is far back; reading from there costs nothing and finds the late ones
      std::int64_t newest = at_.seen != 0 ? std::min(at_.seen, read) : read;
      from = std::max(newest - kOverlap, read - kWindow);
      if (now_unix_ - at_.swept >= kSweepEvery || at_.swept > now_unix_) {
        from = std::min(from, now_unix_ - kWindow);
        at_.swept = now_unix_;
      }
    } else {
      at_.swept = now_unix_;
    }
    at_.from = std::max(from, oldest);
    at_.to = std::min(at_.from + kWindow, now_unix_);
    at_.next = 0;
  }

  /// Moves behind a page of `count` orders that was answered with the mark `next`.
  void move_on(std::size_t count, std::int64_t next) {
    bool more = count >= kListLimit && next != 0 && next != at_.next;
    if (more) {
      at_.next = next;
    } else if (at_.to < now_unix_) {
      at_.from = at_.to;
      at_.to = std::min(at_.from + kWindow, now_unix_);
      at_.next = 0;
    } else {
      at_.read = now_unix_;
      at_.from = at_.to = at_.next = 0;
      phase_after_batch_ = Phase::open_statuses;
    }
  }

  Result<Step> take_orders(const Json& body) {
    const bool is_new = phase_ == Phase::new_orders;
    EASYFLOW_TRY(rows, sdk::array_field(body, "orders"));
    std::int64_t next = 0;
    if (!is_new) {
      EASYFLOW_TRY(mark, sdk::optional_field<std::int64_t>(body, "next"));
      next = mark.value_or(0);
      if (next < 0) return Error(ErrorKind::protocol, "next: must not be negative");
    }
    asked_.reset();
    std::map<std::string, std::size_t> places;  // a row that comes twice in one answer is one order
    std::size_t index = 0;
    for (const Json& row : *rows) {
      auto order = read_order(row, "orders[" + std::to_string(index++) + "]", now_);
      if (!order) {
        auto id = sdk::find_int(row, "id");
        failures_.push_back({id ? std::to_string(*id) : std::string(), order.error().message(), sdk::json_text(row)});
        continue;
      }
      if (is_new) {
        order->status = "new";
      } else {
        at_.seen = std::max(at_.seen, to_unix_seconds(order->ordered_at));
        // delivered by this walk already; the two methods give different members, so storing both would look like a
        // change at every run
        if (fresh_.count(*sdk::parse_digits(order->external_id)) != 0) continue;
      }
      auto [place, is_first] = places.emplace(order->external_id, batch_.size());
      if (is_first)
        batch_.push_back(*std::move(order));
      else
        batch_[place->second] = *std::move(order);
    }
    is_listing_ = !is_new;
    listed_ = rows->size();
    listed_next_ = next;
    phase_after_batch_ = Phase::listing;
    phase_ = Phase::batch_statuses;
    return deliver_batch();
  }

  /// Asks for the statuses of the next orders of the batch; when none are left, goes on to what follows it.
  Result<Step> deliver_batch() {
    if (delivered_ < batch_.size()) {
      Json ids = Json::array();
      std::size_t end = std::min(batch_.size(), delivered_ + kStatusLimit);
      for (std::size_t i = delivered_; i < end; ++i) ids.push_back(*sdk::parse_digits(batch_[i].external_id));
      return ask(status_request(std::move(ids)));
    }
    return end_batch({});
  }

  Result<Step> take_batch_statuses(const Json& body) {
    std::map<std::int64_t, OrderStatus> statuses;
    if (auto refused = read_statuses(body, statuses)) return *refused;
    asked_.reset();
    std::size_t end = std::min(batch_.size(), delivered_ + kStatusLimit);
    std::vector<sdk::Record> records;
    records.reserve(end - delivered_);
    for (; delivered_ < end; ++delivered_) {
      sdk::OrderRecord& order = batch_[delivered_];
      std::int64_t id = *sdk::parse_digits(order.external_id);
      auto status = statuses.find(id);
      if (status != statuses.end()) order.status = status->second.text;
      note(id, status != statuses.end() && status->second.final);
      fresh_.insert(id);
      records.emplace_back(std::move(order));
    }
    if (delivered_ < batch_.size()) {
      auto failures = std::exchange(failures_, {});
      return page(std::move(records), std::move(failures));
    }
    return end_batch(std::move(records));
  }

  /// The batch is complete: only now may the cursor pass it.
  Result<Step> end_batch(std::vector<sdk::Record> records) {
    batch_.clear();
    delivered_ = 0;
    if (is_listing_) move_on(listed_, listed_next_);
    phase_ = phase_after_batch_;
    auto failures = std::exchange(failures_, {});
    if (records.empty() && failures.empty()) return go_on();
    return page(std::move(records), std::move(failures));
  }

  Result<Step> ask_open_statuses() {
    if (!open_chosen_) {
      for (std::int64_t id : at_.open)
        if (fresh_.count(id) == 0) to_ask_.push_back(id);
      open_chosen_ = true;
    }
    if (to_ask_.empty()) {
      phase_ = Phase::end;
      if (to_cursor(at_) != stored_cursor_) return page({}, {});
      return Step(sdk::EndOfStream());
    }
    std::size_t count = std::min(to_ask_.size(), kStatusLimit);
    Json ids = Json::array();
    for (std::size_t i = 0; i < count; ++i) ids.push_back(to_ask_[i]);
    return ask(status_request(std::move(ids)));
  }

  Result<Step> take_open_statuses(const Json& body) {
    std::map<std::int64_t, OrderStatus> statuses;
    if (auto refused = read_statuses(body, statuses)) return *refused;
    asked_.reset();
    auto count = static_cast<std::ptrdiff_t>(std::min(to_ask_.size(), kStatusLimit));
    std::vector<sdk::Record> records;
    for (auto id = to_ask_.begin(); id != to_ask_.begin() + count; ++id) {
      auto status = statuses.find(*id);
      // an order the platform no longer tells about went to its archive
      bool closed = status == statuses.end() || status->second.final;
      if (status != statuses.end())
        records.emplace_back(sdk::OrderStatusRecord{std::to_string(*id), status->second.text, now_});
      if (closed && unreadable_.count(*id) == 0) at_.open.erase(*id);
    }
    to_ask_.erase(to_ask_.begin(), to_ask_.begin() + count);
    auto failures = std::exchange(failures_, {});
    return page(std::move(records), std::move(failures));
  }

  sdk::Request status_request(Json ids) const {
    Json body;
    body["orders"] = std::move(ids);
    return post(account_, "marketplace", "/api/v3/orders/status", body, "marketplace");
  }

  /// Fills `statuses`; a row that cannot be read becomes a failure. Returns the error that stops the walk, if any.
  std::optional<Error> read_statuses(const Json& body, std::map<std::int64_t, OrderStatus>& statuses) {
    auto rows = sdk::array_field(body, "orders");
    if (!rows) return rows.error();
    std::size_t index = 0;
    for (const Json& row : **rows) {
      const std::string where = "orders[" + std::to_string(index++) + "]";
      auto id = sdk::field<std::int64_t>(row, "id", where);
      auto supplier = sdk::field<std::string>(row, "supplierStatus", where);
      auto platform = sdk::field<std::string>(row, "wbStatus", where);
      if (id && supplier && platform) {
        statuses[*id] = {sdk::clipped(*supplier, 64) + "/" + sdk::clipped(*platform, 64),
                         is_final(*supplier, *platform)};
        continue;
      }
      if (id) unreadable_.insert(*id);
      const Error& reason = !id ? id.error() : !supplier ? supplier.error() : platform.error();
      failures_.push_back(
          {id ? std::to_string(*id) : std::string(), "status: " + reason.message(), sdk::json_text(row)});
    }
    return std::nullopt;
  }

  void note(std::int64_t id, bool final) {
    if (final) {
      at_.open.erase(id);
      return;
    }
    at_.open.insert(id);
    // the oldest go first; the daily reading of the whole last window still brings their statuses
    while (at_.open.size() > kMostOpen) at_.open.erase(at_.open.begin());
  }

  sdk::Account account_;
  Position at_;
  std::string stored_cursor_;
  Timestamp now_;
  std::int64_t now_unix_;
  Phase phase_ = Phase::new_orders;
  std::optional<sdk::Request> asked_;  ///< the request whose answer is awaited

  std::vector<sdk::OrderRecord> batch_;  ///< orders of one answer, delivered in pages of kStatusLimit
  std::size_t delivered_ = 0;
  std::vector<sdk::RecordFailure> failures_;
  bool is_listing_ = false;
  std::size_t listed_ = 0;
  std::int64_t listed_next_ = 0;
  Phase phase_after_batch_ = Phase::listing;

  std::set<std::int64_t> fresh_;  ///< ids whose status this walk has read already
  std::set<std::int64_t> unreadable_;
  bool open_chosen_ = false;
  std::vector<std::int64_t> to_ask_;
};

}  // namespace

Result<std::unique_ptr<sdk::StreamWalk>> read_orders(const sdk::Account& account, std::string_view cursor,
                                                     Timestamp now) {
  auto position = from_cursor(cursor);
  if (!position) return position.error();
  return std::unique_ptr<sdk::StreamWalk>(
      std::make_unique<OrdersWalk>(account, *std::move(position), std::string(cursor), now));
}

}  // namespace easyflow::connectors::wildberries
