// The walk over product cards, oldest change first, so that its end is where the next run begins.
#include <map>
#include <nlohmann/json.hpp>

#include "connectors/sdk/json_fields.hpp"
#include "connectors/sdk/text.hpp"
#include "connectors/wildberries/api.hpp"
#include "connectors/wildberries/streams.hpp"

namespace easyflow::connectors::wildberries {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kLimit = 100;

/// The last card delivered. `updated_at` stays as the platform wrote it: it wants its own bytes back.
struct Position {
  std::string updated_at;
  std::int64_t nm_id = 0;
};

std::string to_cursor(const Position& at) {
  return sdk::json_text(Json{{"v", 1}, {"updatedAt", at.updated_at}, {"nmID", at.nm_id}});
}

Result<Position> from_cursor(std::string_view cursor) {
  Position at;
  if (cursor.empty()) return at;
  auto bad = [](const std::string& why) {
    return Error(ErrorKind::protocol, "the stored cursor of wildberries/products is not usable: " + why);
  };
  auto json = sdk::parse_json(cursor);
  if (!json) return bad(json.error().message());
  auto version = sdk::field<std::int64_t>(*json, "v");
  if (!version) return bad(version.error().message());
  if (*version != 1) return bad("it has version " + std::to_string(*version) + ", this hub writes 1");
  auto updated_at = sdk::field<std::string>(*json, "updatedAt");
  if (!updated_at) return bad(updated_at.error().message());
  auto nm_id = sdk::field<std::int64_t>(*json, "nmID");
  if (!nm_id) return bad(nm_id.error().message());
  at.updated_at = *std::move(updated_at);
  at.nm_id = *nm_id;
  return at;
}

Result<sdk::ProductRecord> read_card(const Json& card, const std::string& where) {
  EASYFLOW_TRY(nm_id, sdk::field<std::int64_t>(card, "nmID", where));
  if (nm_id <= 0) return Error(ErrorKind::protocol, where + ".nmID: must be positive");
  EASYFLOW_TRY(updated_text, sdk::field<std::string>(card, "updatedAt", where));
  auto updated_at = parse_rfc3339(updated_text);
  if (!updated_at)
    return Error(ErrorKind::protocol, where + ".updatedAt: not a time: " + sdk::clipped(updated_text, 40));
  EASYFLOW_TRY(sku, sdk::optional_field<std::string>(card, "vendorCode", where));
  EASYFLOW_TRY(title, sdk::optional_field<std::string>(card, "title", where));
  EASYFLOW_TRY(brand, sdk::optional_field<std::string>(card, "brand", where));
  EASYFLOW_TRY(category, sdk::optional_field<std::string>(card, "subjectName", where));

  sdk::ProductRecord product;
  product.external_id = std::to_string(nm_id);
  product.sku = std::move(sku).value_or("");
  product.title = std::move(title).value_or("");
  product.brand = std::move(brand).value_or("");
  product.category = std::move(category).value_or("");
  product.source_updated_at = *updated_at;
  if (const Json* sizes = sdk::find_member(card, "sizes"); sizes != nullptr && sizes->is_array()) {
    for (const Json& size : *sizes) {
      const Json* barcodes = sdk::find_member(size, "skus");
      if (barcodes == nullptr || !barcodes->is_array()) continue;
      for (const Json& barcode : *barcodes)
        if (const auto* text = barcode.get_ptr<const std::string*>()) product.barcodes.push_back(*text);
    }
  }
  product.raw_json = sdk::json_text(card);
  return product;
}

class ProductsWalk final : public sdk::StreamWalk {
 public:
  ProductsWalk(sdk::Account account, Position position) : account_(std::move(account)), at_(std::move(position)) {}

  Result<Step> next(const HttpResponse* reply) override {
    if (reply == nullptr) return ended_ ? Step(sdk::EndOfStream()) : Step(request());
    auto body = read_reply(account_, *reply, "products");
    if (!body) return body.error();
    EASYFLOW_TRY(cards, sdk::array_field(*body, "cards"));
    EASYFLOW_TRY(mark, sdk::object_field(*body, "cursor"));
    if (cards->empty()) {
      ended_ = true;
      return Step(sdk::EndOfStream());
    }
    EASYFLOW_TRY(updated_at, sdk::field<std::string>(*mark, "updatedAt", "cursor"));
    EASYFLOW_TRY(nm_id, sdk::field<std::int64_t>(*mark, "nmID", "cursor"));
    EASYFLOW_TRY(total, sdk::optional_field<std::int64_t>(*mark, "total", "cursor"));
    bool last = cards->size() < static_cast<std::size_t>(kLimit) || total.value_or(kLimit) < kLimit;
    bool moved = updated_at != at_.updated_at || nm_id != at_.nm_id;
    // a full page behind which the mark stands still would be read for ever, and ending here would hide the rest
    if (!last && !moved) return Error(ErrorKind::protocol, "Wildberries, products: the page mark does not move");

    sdk::Page page;
    std::map<std::string, std::size_t> places;  // a card that comes twice in one answer is one product
    std::size_t index = 0;
    for (const Json& card : *cards) {
      auto product = read_card(card, "cards[" + std::to_string(index++) + "]");
      if (!product) {
        auto id = sdk::find_int(card, "nmID");
        page.failures.push_back(
            {id ? std::to_string(*id) : std::string(), product.error().message(), sdk::json_text(card)});
        continue;
      }
      auto [place, is_first] = places.emplace(product->external_id, page.records.size());
      if (is_first)
        page.records.emplace_back(*std::move(product));
      else
        page.records[place->second] = *std::move(product);
    }
    at_.updated_at = std::move(updated_at);
    at_.nm_id = nm_id;
    ended_ = last;
    page.cursor = to_cursor(at_);
    return Step(std::move(page));
  }

 private:
  sdk::Request request() const {
    Json mark;
    mark["limit"] = kLimit;
    if (!at_.updated_at.empty()) {
      mark["updatedAt"] = at_.updated_at;
      mark["nmID"] = at_.nm_id;
    }
    Json settings;
    settings["sort"]["ascending"] = true;
    settings["filter"]["withPhoto"] = -1;
    settings["cursor"] = std::move(mark);
    Json body;
    body["settings"] = std::move(settings);
    return post(account_, "content", "/content/v2/get/cards/list", body, "content_cards");
  }

  sdk::Account account_;
  Position at_;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<sdk::StreamWalk>> read_products(const sdk::Account& account, std::string_view cursor) {
  auto position = from_cursor(cursor);
  if (!position) return position.error();
  return std::unique_ptr<sdk::StreamWalk>(std::make_unique<ProductsWalk>(account, *std::move(position)));
}

}  // namespace easyflow::connectors::wildberries
