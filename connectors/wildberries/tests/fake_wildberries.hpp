// Wildberries as a pure function of its requests, with the documented checks, paging and limits of one answer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "connectors/sdk/connector.hpp"

namespace easyflow::connectors::wildberries::testing {

inline std::string base64url(const std::string& bytes) {
  static const char* alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  std::uint32_t bits = 0;
  int count = 0;
  for (unsigned char byte : bytes) {
    bits = (bits << 8) | byte;
    for (count += 8; count >= 6; count -= 6) text += alphabet[(bits >> (count - 6)) & 63U];
  }
  if (count > 0) text += alphabet[(bits << (6 - count)) & 63U];
  return text;
}

constexpr std::int64_t kContentAndMarketplace = (1 << 1) | (1 << 4);

/// A token as the seller portal makes them; the signature is no signature.
inline std::string token(const nlohmann::json& changes = nlohmann::json::object()) {
  nlohmann::json claims = {{"id", "018f0000-0000-7000-8000-00000000b001"},
                           {"exp", 1'810'000'000},
                           {"sid", "5d1f7a90-0000-4000-8000-00000000a001"},
                           {"oid", 4'001'002},
                           {"uid", 9},
                           {"s", kContentAndMarketplace},
                           {"t", false},
                           {"acc", 3}};
  claims.update(changes);
  return base64url(R"({"alg":"ES256","typ":"JWT"})") + "." + base64url(claims.dump()) + "." + base64url("no signature");
}

inline sdk::Account account(const std::string& api_key = token()) {
  sdk::Account made;
  made.integration_id = "00000000-0000-7000-8000-000000000001";
  made.credentials.emplace("api_key", Secret(api_key));
  made.base_urls = {
      {"common", "http://common.test"}, {"marketplace", "http://marketplace.test"}, {"content", "http://content.test"}};
  return made;
}

class FakeWildberries {
 public:
  struct Order {
    std::int64_t id = 0;
    std::int64_t created = 0;
    std::string supplier_status = "new";
    std::string platform_status = "waiting";
  };
  struct Card {
    std::int64_t nm_id = 0;
    std::string updated_at;
  };

  std::vector<Order> orders;  ///< in order of id
  std::vector<Card> cards;
  std::vector<std::string> calls;  ///< "GET /api/v3/orders/new", in order
  std::set<std::int64_t> asked_statuses;

  HttpResponse answer(const sdk::Request& request) {
    const std::string& target = request.http.target;
    std::string path(HttpRequest("GET", target.substr(target.find('/', 8))).path());
    calls.push_back(request.http.method + " " + path);
    if (request.http.headers.get("Authorization") != token()) return HttpResponse(401, R"({"detail":"token problem"})");
    if (path == "/ping") return HttpResponse(200, R"({"TS":"2026-11-20T12:00:00+03:00","Status":"OK"})");
    if (path == "/api/v1/seller-info")
      return HttpResponse(200, R"({"name":"n","sid":"5d1f7a90-0000-4000-8000-00000000a001","tradeMark":"Flax"})");
    if (path == "/api/v3/orders/new") return new_orders();
    if (path == "/api/v3/orders") return list(request.http);
    if (path == "/api/v3/orders/status") return statuses(nlohmann::json::parse(request.http.body));
    if (path == "/content/v2/get/cards/list") return card_list(nlohmann::json::parse(request.http.body));
    return HttpResponse(404, R"({"title":"path not found"})");
  }

 private:
  static nlohmann::json row(const Order& order) {
    return {{"id", order.id},   {"createdAt", format_rfc3339(from_unix_seconds(order.created))},
            {"article", "mug"}, {"nmId", 310455001},
            {"price", 129'900}, {"currencyCode", 643}};
  }

  HttpResponse new_orders() const {
    auto rows = nlohmann::json::array();
    for (const auto& order : orders)
      if (order.supplier_status == "new") rows.push_back(row(order));
    return HttpResponse(200, nlohmann::json{{"orders", rows}}.dump());
  }

  HttpResponse list(const HttpRequest& request) const {
    HttpRequest received("GET", request.target.substr(request.target.find('/', 8)));
    auto number = [&](const char* name) { return std::stoll(received.query(name, "-1")); };
    const auto limit = number("limit"), next = number("next"), from = number("dateFrom"), to = number("dateTo");
    if (limit < 1 || limit > 1000 || next < 0 || from > to || to - from > 30 * 86'400)
      return HttpResponse(400, R"({"code":"IncorrectParameter","message":"bad query"})");
    auto rows = nlohmann::json::array();
    std::int64_t mark = 0;
    for (const auto& order : orders) {
      if (order.id <= next || order.created < from || order.created > to) continue;
      if (rows.size() == static_cast<std::size_t>(limit)) break;
      rows.push_back(row(order));
      mark = order.id;
    }
    return HttpResponse(200, nlohmann::json{{"next", mark}, {"orders", rows}}.dump());
  }

  HttpResponse statuses(const nlohmann::json& body) {
    const auto& ids = body.at("orders");
    if (ids.empty() || ids.size() > 1000)
      return HttpResponse(400, R"({"code":"IncorrectRequestBody","message":"ids"})");
    auto rows = nlohmann::json::array();
    for (const auto& asked : ids) {
      auto id = asked.get<std::int64_t>();
      asked_statuses.insert(id);
      auto order = std::lower_bound(orders.begin(), orders.end(), id,
                                    [](const Order& a, std::int64_t wanted) { return a.id < wanted; });
      if (order == orders.end() || order->id != id) continue;
      rows.push_back({{"id", id},
                      {"supplierStatus", order->supplier_status},
                      {"wbStatus", order->platform_status},
                      {"isCancellable", true}});
    }
    return HttpResponse(200, nlohmann::json{{"orders", rows}}.dump());
  }

  HttpResponse card_list(const nlohmann::json& body) const {
    const auto& settings = body.at("settings");
    const auto& mark = settings.at("cursor");
    auto limit = mark.at("limit").get<std::size_t>();
    if (limit > 100 || !settings.at("sort").at("ascending").get<bool>())
      return HttpResponse(400, R"({"error":true,"errorText":"bad settings"})");
    std::pair<std::string, std::int64_t> after{mark.value("updatedAt", ""), mark.value("nmID", std::int64_t{0})};
    auto rows = nlohmann::json::array();
    const auto start = after;
    for (const auto& card : cards) {
      if (std::pair(card.updated_at, card.nm_id) <= start) continue;
      if (rows.size() == limit) break;
      rows.push_back({{"nmID", card.nm_id}, {"updatedAt", card.updated_at}, {"vendorCode", "mug"}});
      after = {card.updated_at, card.nm_id};
    }
    nlohmann::json reply;
    reply["cursor"] = {{"updatedAt", after.first}, {"nmID", after.second}, {"total", rows.size()}};
    reply["cards"] = std::move(rows);
    return HttpResponse(200, reply.dump());
  }
};

}  // namespace easyflow::connectors::wildberries::testing
