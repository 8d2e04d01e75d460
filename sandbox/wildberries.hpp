// Wildberries as its sellers see it over HTTP: tokens, rate limits, orders and cards.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/http_message.hpp"
#include "sandbox/faults.hpp"
#include "sandbox/rate_limiter.hpp"
#include "sandbox/shop.hpp"

namespace easyflow::sandbox {

/// Answers one request at a time and does no I/O. All hosts of the platform share it: their paths are disjoint.
/// Thread: the sandbox's loop.
class Wildberries {
 public:
  /// `shop` and `clock` must outlive it.
  Wildberries(Shop& shop, const Clock& clock, std::uint64_t seed);

  HttpResponse handle(const HttpRequest& request);
  /// What `fault` (of the answer's layer) makes of `request`.
  HttpResponse fail(const HttpRequest& request, const Fault& fault);

  /// A token for the token categories `categories` (bit numbers as on the platform: 1 Content, 4 Marketplace, ...).
  std::string issue_token(const std::vector<int>& categories, Timestamp expires) const;
  /// The token for everyday use: every category, valid for 180 days from the start of today (UTC).
  std::string token() const;

  nlohmann::json state() const;

 private:
  struct Method;

  /// Nothing wrong: empty. Otherwise the `detail` of the 401.
  std::string token_problem(std::string_view token, int category) const;
  HttpResponse problem(int status, std::string_view title, std::string detail, std::string code_start = {});
  HttpResponse ping(const HttpRequest& request);
  HttpResponse seller_info(const HttpRequest& request);
  HttpResponse new_orders(const HttpRequest& request);
  HttpResponse orders(const HttpRequest& request);
  HttpResponse order_statuses(const HttpRequest& request);
  HttpResponse cards(const HttpRequest& request);
  nlohmann::json order_json(const Order& order, bool as_new) const;

  static const std::vector<Method>& methods();

  Shop& shop_;
  const Clock& clock_;
  std::string key_;  ///< signs the tokens
  std::string sid_;
  std::int64_t oid_;
  Dice dice_;
  std::map<std::string, TokenBucket> buckets_;
  std::map<std::string, int> answered_;  ///< "METHOD path status" -> how often
};

}  // namespace easyflow::sandbox
