#include "sandbox/wildberries.hpp"

#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "core/base/secret.hpp"

namespace easyflow::sandbox {
namespace {

using nlohmann::json;
using std::chrono::days;
using std::chrono::seconds;

constexpr int kAnyCategory = 0;
constexpr int kContent = 1;
constexpr int kMarketplace = 4;

std::string base64url(std::string_view bytes) {
  std::string out(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  out.pop_back();  // the terminating zero
  return out;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string out(text.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(), text.size(), nullptr,
                        &size, nullptr, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
    return std::nullopt;
  out.resize(size);
  return out;
}

std::string signature_of(std::string_view text, const std::string& key) {
  std::string out(64, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(out.data()), out.size(),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                     reinterpret_cast<const unsigned char*>(key.data()), key.size());
  return out;
}

std::string dumped(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

HttpResponse answer(int status, const json& body) {
  HttpResponse response(status, dumped(body));
  response.headers.add("Content-Type", "application/json; charset=utf-8");
  return response;
}

HttpResponse marketplace_error(int status, std::string_view code, std::string_view message) {
  return answer(status, {{"code", code}, {"message", message}});
}

HttpResponse content_error(std::string_view text) {
  return answer(400, {{"data", nullptr}, {"error", true}, {"errorText", text}, {"additionalErrors", nullptr}});
}

/// A whole number in the query. Nothing when malformed; `fallback` when absent.
std::optional<std::int64_t> number(const HttpRequest& request, std::string_view name,
                                   std::optional<std::int64_t> fallback) {
  auto text = request.query(name);
  if (text.empty()) return fallback;
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string card_time(Timestamp t) {
  // always with microseconds, as the platform writes it
  auto text = format_rfc3339(t);
  if (text.find('.') == std::string::npos) text.replace(text.size() - 1, 1, ".000000Z");
  return text;
}

json card_json(const Product& p) {
  auto photo = "https://basket-10.wbbasket.ru/vol" + std::to_string(p.nm_id / 100'000) + "/part" +
               std::to_string(p.nm_id / 1000) + "/" + std::to_string(p.nm_id) + "/images/";
  auto sizes = json::array();
  for (const auto& size : p.sizes)
    sizes.push_back({{"chrtID", size.chrt_id},
                     {"techSize", size.tech_size},
                     {"wbSize", size.tech_size == "0" ? "" : size.tech_size},
                     {"skus", json::array({size.sku})}});
  json card;
  card["nmID"] = p.nm_id;
  card["imtID"] = p.imt_id;
  card["nmUUID"] = p.uuid;
  card["subjectID"] = p.subject_id;
  card["subjectName"] = p.subject;
  card["vendorCode"] = p.vendor_code;
  card["brand"] = p.brand;
  card["title"] = p.title;
  card["description"] = p.description;
  card["needKiz"] = false;
  card["kizMarked"] = false;
  card["photos"] = json::array({{{"big", photo + "big/1.webp"},
                                 {"c246x328", photo + "c246x328/1.webp"},
                                 {"c516x688", photo + "c516x688/1.webp"},
                                 {"square", photo + "square/1.webp"},
                                 {"tm", photo + "tm/1.webp"}}});
  card["wholesale"] = {{"enabled", false}, {"quantum", 0}};
  card["dimensions"] = {{"length", p.length_cm},
                        {"width", p.width_cm},
                        {"height", p.height_cm},
                        {"weightBrutto", p.weight_kg},
                        {"isValid", true}};
  card["characteristics"] =
      json::array({{{"id", 14'177'449}, {"name", "Цвет"}, {"value", json::array({p.color})}},
                   {{"id", 90'630}, {"name", "Вес товара без упаковки"}, {"value", p.weight_kg}}});
  card["sizes"] = std::move(sizes);
  card["createdAt"] = card_time(p.created_at);
  card["updatedAt"] = card_time(p.updated_at);
  return card;
}

}  // namespace

struct Wildberries::Method {
  std::string_view verb;
  std::string_view path;
  int category;
  std::string_view bucket;  ///< methods of one name share one bucket
  std::chrono::milliseconds interval;
  int burst;
  /// Marketplace counts each answer 4XX as ten requests.
  bool penalises_4xx;
  HttpResponse (Wildberries::*handler)(const HttpRequest&);
};

const std::vector<Wildberries::Method>& Wildberries::methods() {
  using std::chrono::milliseconds;
  static const std::vector<Method> all{
      {"GET", "/ping", kAnyCategory, "ping", milliseconds(10'000), 3, false, &Wildberries::ping},
      {"GET", "/api/v1/seller-info", kAnyCategory, "seller-info", milliseconds(60'000), 10, false,
       &Wildberries::seller_info},
      {"GET", "/api/v3/orders/new", kMarketplace, "fbs", milliseconds(200), 20, true, &Wildberries::new_orders},
      {"GET", "/api/v3/orders", kMarketplace, "fbs", milliseconds(200), 20, true, &Wildberries::orders},
      {"POST", "/api/v3/orders/status", kMarketplace, "fbs", milliseconds(200), 20, true, &Wildberries::order_statuses},
      {"POST", "/content/v2/get/cards/list", kContent, "cards", milliseconds(600), 5, false, &Wildberries::cards},
  };
  return all;
}

Wildberries::Wildberries(Shop& shop, const Clock& clock, std::uint64_t seed)
    : shop_(shop), clock_(clock), oid_(0), dice_(seed + 11) {
  Dice dice(seed + 10);
  key_ = dice.text(32, "0123456789abcdef");
  sid_ = dice.uuid();
  oid_ = dice.between(1'000'000, 4'000'000);
}

std::string Wildberries::issue_token(const std::vector<int>& categories, Timestamp expires) const {
  std::uint64_t mask = 0;
  for (int bit : categories)
    if (bit >= 0 && bit < 63) mask |= std::uint64_t{1} << bit;
  Dice dice(static_cast<std::uint64_t>(oid_) + mask + static_cast<std::uint64_t>(to_unix_seconds(expires)));
  json claims{{"acc", 2},          {"ent", 1},         {"exp", to_unix_seconds(expires)},
              {"id", dice.uuid()}, {"iid", oid_ + 17}, {"oid", oid_},
              {"s", mask},         {"sid", sid_},      {"t", true},
              {"uid", oid_ + 17}};
  auto text = base64url(R"({"alg":"ES256","kid":"20260101v1","typ":"JWT"})") + "." + base64url(claims.dump());
  return text + "." + base64url(signature_of(text, key_));
}

std::string Wildberries::token() const {
  auto today = std::chrono::floor<days>(clock_.now());
  return issue_token({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13}, today + days(180));
}

std::string Wildberries::token_problem(std::string_view token, int category) const {
  if (token.rfind("Bearer ", 0) == 0) token.remove_prefix(7);
  if (token.empty()) return "token problem; empty Authorization header";
  auto last = token.rfind('.');
  auto first = token.find('.');
  if (first == std::string_view::npos || first == last)
    return "token problem; token is malformed: token contains an invalid number of segments";
  auto signature = from_base64url(token.substr(last + 1));
  if (!signature) return "token problem; token is malformed: could not base64 decode signature";
  if (!equal_constant_time(*signature, signature_of(token.substr(0, last), key_)))
    return "token problem; token signature is invalid";
  auto payload = from_base64url(token.substr(first + 1, last - first - 1));
  auto claims = json::parse(payload.value_or(""), nullptr, /*allow_exceptions=*/false);
  if (!claims.is_object()) return "token problem; token is malformed: claims are not JSON";
  if (claims["exp"].get<std::int64_t>() <= to_unix_seconds(clock_.now())) return "token problem; token expired";
  if (category != kAnyCategory && (claims["s"].get<std::uint64_t>() >> category & 1) == 0)
    return "token scope not allowed";
  return {};
}

HttpResponse Wildberries::problem(int status, std::string_view title, std::string detail, std::string code_start) {
  auto text = status == 401   ? "Unauthorized"
              : status == 429 ? "Too Many Requests"
              : status == 404 ? "Not Found"
                              : "Internal Server Error";
  json body{{"title", title},
            {"detail", std::move(detail)},
            {"code", code_start.empty() ? "07e4668e-" + dice_.text(12, "0123456789abcdef") + "-[UK-" +
                                              dice_.text(12, "abcdXYZW0189") + "]"
                                        : code_start + " " + dice_.text(12, "0123456789abcdef")},
            {"requestId", dice_.text(32, "0123456789abcdef")},
            {"origin", code_start.empty() ? "s2s-api-auth-catalog" : "s2s-api"},
            {"status", status},
            {"statusText", text},
            {"timestamp", format_rfc3339(std::chrono::floor<seconds>(clock_.now()))}};
  HttpResponse response(status, dumped(body));
  response.headers.add("Content-Type", "application/problem+json");
  return response;
}

HttpResponse Wildberries::handle(const HttpRequest& request) {
  auto path = request.path();
  const auto& all = methods();
  auto method =
      std::find_if(all.begin(), all.end(), [&](const Method& m) { return m.path == path && m.verb == request.method; });
  if (method == all.end()) {
    ++answered_["unknown path 404"];
    return problem(404, "path not found", "Please consult the https://dev.wildberries.ru/openapi/api-information");
  }
  auto count = [&](HttpResponse response) {
    ++answered_[std::string(method->verb) + " " + std::string(method->path) + " " + std::to_string(response.status)];
    return response;
  };

  auto wrong = token_problem(request.headers.get("Authorization"), method->category);
  if (!wrong.empty()) return count(problem(401, "unauthorized", std::move(wrong)));

  auto now = clock_.now();
  auto& bucket = buckets_.try_emplace(std::string(method->bucket), method->burst, method->interval).first->second;
  if (!bucket.take(now)) {
    auto response = problem(429, "too many requests", "limited by " + sid_);
    response.headers.add("X-Ratelimit-Limit", std::to_string(bucket.burst()));
    response.headers.add("X-Ratelimit-Retry", std::to_string(bucket.seconds_to_next()));
    response.headers.add("X-Ratelimit-Reset", std::to_string(bucket.seconds_to_full()));
    return count(std::move(response));
  }
  auto response = (this->*method->handler)(request);
  if (method->penalises_4xx && response.status >= 400 && response.status < 500) bucket.penalise(now, 9);
  if (response.status < 300) {
    response.headers.add("X-Ratelimit-Limit", std::to_string(bucket.burst()));
    response.headers.add("X-Ratelimit-Remaining", std::to_string(bucket.remaining()));
  }
  return count(std::move(response));
}

HttpResponse Wildberries::fail(const HttpRequest& request, const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::status_429: {
      auto response = problem(429, "too many requests", "limited by " + sid_);
      auto wait = std::to_string(fault.retry_after.count());
      response.headers.add("X-Ratelimit-Limit", "20");
      response.headers.add("X-Ratelimit-Retry", wait);
      response.headers.add("X-Ratelimit-Reset", wait);
      return response;
    }
    case FaultKind::status_429_global:
      return problem(
          429, "too many requests",
          "Limited by global limiter, per seller " + sid_ + "; See https://dev.wildberries.ru/openapi/api-information",
          "461a0b83d6bd");
    case FaultKind::malformed: {
      auto response = handle(request);
      response.body.resize(response.body.size() / 2);
      return response;
    }
    case FaultKind::status_500:
      if (fault.processed) (void)handle(request);
      break;
    case FaultKind::slow:
    case FaultKind::cut: break;  // the proxy's
  }
  return problem(500, "internal server error", "internal error");
}

HttpResponse Wildberries::ping(const HttpRequest&) {
  auto moscow = format_rfc3339(std::chrono::floor<seconds>(clock_.now()) + std::chrono::hours(3));
  moscow.replace(moscow.size() - 1, 1, "+03:00");
  return answer(200, {{"TS", moscow}, {"Status", "OK"}});
}

HttpResponse Wildberries::seller_info(const HttpRequest&) {
  return answer(200, {{"name", "ООО «Ровный Поток»"},
                      {"sid", sid_},
                      {"tin", "7700" + std::to_string(oid_ % 1'000'000 + 1'000'000).substr(1)},
                      {"tradeMark", "Ровный Поток"}});
}

json Wildberries::order_json(const Order& o, bool as_new) const {
  const auto& product = shop_.products()[o.product];
  const auto& size = product.sizes[o.size];
  const auto& warehouse = shop_.warehouse(o);
  json out;
  out["id"] = o.id;
  out["rid"] = o.rid;
  out["orderUid"] = o.basket_uid;
  out["createdAt"] = format_rfc3339(o.created_at);
  out["article"] = product.vendor_code;
  out["nmId"] = product.nm_id;
  out["chrtId"] = size.chrt_id;
  out["skus"] = json::array({size.sku});
  out["colorCode"] = "";
  out["warehouseId"] = warehouse.id;
  out["officeId"] = warehouse.office_id;
  out["offices"] = json::array({warehouse.office});
  out["price"] = o.price_minor;
  out["convertedPrice"] = o.price_kopecks;
  out["currencyCode"] = o.currency;
  out["convertedCurrencyCode"] = 643;
  out["scanPrice"] = nullptr;
  out["cargoType"] = 1;
  out["crossBorderType"] = o.currency == 643 ? 0 : 1;
  out["deliveryType"] = "fbs";
  out["comment"] = o.comment;
  out["address"] =
      o.address.empty() ? json() : json{{"fullAddress", o.address}, {"longitude", 49.1}, {"latitude", 55.8}};
  out["isZeroOrder"] = false;
  out["options"] = {{"isB2B", o.is_b2b}};
  if (as_new) {
    out["salePrice"] = o.sale_price_minor;
    out["finalPrice"] = o.sale_price_minor;
    out["convertedFinalPrice"] = o.sale_price_kopecks;
    out["requiredMeta"] = json::array();
    out["optionalMeta"] = json::array({"sgtin"});
    out["isPickupPointShipmentAllowed"] = true;
  } else {
    if (o.is_in_supply(clock_.now())) {
      out["supplyId"] = o.supply_id;
      if (o.currency == 643) out["scanPrice"] = o.sale_price_kopecks;
    }
  }
  return out;
}

HttpResponse Wildberries::new_orders(const HttpRequest&) {
  auto list = json::array();
  auto now = clock_.now();
  for (const auto& order : shop_.orders())
    if (order.status(now).supplier == "new") list.push_back(order_json(order, /*as_new=*/true));
  return answer(200, {{"orders", std::move(list)}});
}

HttpResponse Wildberries::orders(const HttpRequest& request) {
  auto now = to_unix_seconds(clock_.now());
  auto limit = number(request, "limit", std::nullopt);
  auto next = number(request, "next", std::nullopt);
  auto from = number(request, "dateFrom", now - seconds(days(30)).count());
  auto to = number(request, "dateTo", now);
  if (!limit || *limit < 1 || *limit > 1000)
    return marketplace_error(400, "IncorrectParameter", "Параметр limit должен быть от 1 до 1000");
  if (!next || *next < 0)
    return marketplace_error(400, "IncorrectParameter", "Параметр next обязателен: 0 или значение прошлого ответа");
  if (!from || !to || *from < 0 || *to < *from)
    return marketplace_error(400, "IncorrectParameter",
                             "Параметры dateFrom и dateTo должны быть временем Unix, dateFrom не позже dateTo");
  if (*to - *from > seconds(days(30)).count())
    return marketplace_error(400, "IncorrectParameter", "Период не может быть больше 30 календарных дней");

  // Paging goes by id, so orders that arrive meanwhile join at the end. Only the last three months are kept.
  auto oldest = std::max(*from, now - seconds(days(92)).count());
  const auto& all = shop_.orders();
  auto at = std::upper_bound(all.begin(), all.end(), *next, [](std::int64_t id, const Order& o) { return id < o.id; });
  auto list = json::array();
  std::int64_t last = 0;
  for (; at != all.end() && list.size() < static_cast<std::size_t>(*limit); ++at) {
    auto created = to_unix_seconds(at->created_at);
    if (created < oldest || created > *to) continue;
    list.push_back(order_json(*at, /*as_new=*/false));
    last = at->id;
  }
  return answer(200, {{"next", last}, {"orders", std::move(list)}});
}

HttpResponse Wildberries::order_statuses(const HttpRequest& request) {
  auto body = json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object() || !body.contains("orders") || !body["orders"].is_array())
    return marketplace_error(400, "IncorrectRequestBody", "Тело запроса должно содержать список orders");
  const auto& ids = body["orders"];
  if (ids.empty() || ids.size() > 1000 ||
      !std::all_of(ids.begin(), ids.end(), [](const json& id) { return id.is_number_integer(); }))
    return marketplace_error(400, "IncorrectRequest", "В orders должно быть от 1 до 1000 номеров");
  auto now = clock_.now();
  auto list = json::array();
  for (const auto& id : ids) {
    const auto* order = shop_.find_order(id.get<std::int64_t>());
    if (order == nullptr) continue;
    auto status = order->status(now);
    list.push_back({{"id", order->id},
                    {"supplierStatus", status.supplier},
                    {"wbStatus", status.wildberries},
                    {"isCancellable", status.supplier == "new" || status.supplier == "confirm"}});
  }
  return answer(200, {{"orders", std::move(list)}});
}

HttpResponse Wildberries::cards(const HttpRequest& request) {
  auto body = json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object() || !body.contains("settings") || !body["settings"].is_object())
    return content_error("Invalid request format");
  auto settings = body["settings"];
  auto cursor = settings.value("cursor", json::object());
  auto filter = settings.value("filter", json::object());
  auto sort = settings.value("sort", json::object());
  if (!cursor.is_object() || !filter.is_object() || !sort.is_object()) return content_error("Invalid request format");
  auto limit = cursor.contains("limit") ? cursor["limit"] : json(10);
  if (!limit.is_number_integer() || limit.get<std::int64_t>() < 1 || limit.get<std::int64_t>() > 100)
    return content_error("cursor.limit must be from 1 to 100");
  auto ascending = sort.contains("ascending") ? sort["ascending"] : json(false);
  if (!ascending.is_boolean()) return content_error("sort.ascending must be true or false");
  auto search = filter.contains("textSearch") ? filter["textSearch"] : json("");
  if (!search.is_string()) return content_error("filter.textSearch must be a text");

  std::optional<std::tuple<Timestamp, std::int64_t>> after;
  if (cursor.contains("updatedAt") || cursor.contains("nmID")) {
    auto time = cursor.contains("updatedAt") && cursor["updatedAt"].is_string()
                    ? parse_rfc3339(cursor["updatedAt"].get_ref<const std::string&>())
                    : std::nullopt;
    if (!time || !cursor.contains("nmID") || !cursor["nmID"].is_number_integer())
      return content_error("cursor needs both updatedAt and nmID of the last answer");
    after.emplace(*time, cursor["nmID"].get<std::int64_t>());
  }

  std::vector<const Product*> found;
  for (const auto& p : shop_.products()) {
    const auto& text = search.get_ref<const std::string&>();
    bool matches = text.empty() || p.vendor_code == text || std::to_string(p.nm_id) == text ||
                   std::any_of(p.sizes.begin(), p.sizes.end(), [&](const ProductSize& s) { return s.sku == text; });
    auto key = std::tuple(p.updated_at, p.nm_id);
    bool beyond = !after || (ascending.get<bool>() ? key > *after : key < *after);
    if (matches && beyond) found.push_back(&p);
  }
  std::sort(found.begin(), found.end(), [&](const Product* a, const Product* b) {
    auto left = std::tuple(a->updated_at, a->nm_id);
    auto right = std::tuple(b->updated_at, b->nm_id);
    return ascending.get<bool>() ? left < right : right < left;
  });
  if (found.size() > limit.get<std::size_t>()) found.resize(limit.get<std::size_t>());

  auto list = json::array();
  for (const auto* p : found) list.push_back(card_json(*p));
  json end{{"total", found.size()}};
  if (!found.empty()) {
    end["updatedAt"] = card_time(found.back()->updated_at);
    end["nmID"] = found.back()->nm_id;
  }
  return answer(200, {{"cards", std::move(list)}, {"cursor", std::move(end)}});
}

json Wildberries::state() const {
  auto now = clock_.now();
  auto ids = json::array();
  auto orders = json::array();
  for (const auto& order : shop_.orders()) {
    auto status = order.status(now);
    ids.push_back(order.id);
    orders.push_back({{"id", order.id},
                      {"createdAt", format_rfc3339(order.created_at)},
                      {"supplierStatus", status.supplier},
                      {"wbStatus", status.wildberries}});
  }
  auto products = json::array();
  for (const auto& p : shop_.products())
    products.push_back({{"nmID", p.nm_id}, {"vendorCode", p.vendor_code}, {"updatedAt", card_time(p.updated_at)}});
  return {{"sid", sid_},
          {"order_ids", std::move(ids)},
          {"orders", std::move(orders)},
          {"products", std::move(products)},
          {"answered", answered_}};
}

}  // namespace easyflow::sandbox
