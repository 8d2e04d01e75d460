// Health and metrics: unversioned, without a token, and without anything worth hiding.
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/api/handlers.hpp"
#include "core/base/log.hpp"
#include "core/base/metrics.hpp"
#include "core/net/problem.hpp"
#include "storage/migrations.hpp"

namespace easyflow::api {
namespace {

constexpr std::chrono::seconds kRememberFor{1};

/// What the database said a moment ago: probes from anybody must not become load on it.
class DatabaseHealth {
 public:
  explicit DatabaseHealth(Services& services) : services_(services) {}

  /// Nothing when the database is out of reach.
  Task<std::optional<storage::DatabaseFacts>> ask() {
    auto now = services_.clock.now();
    bool recent = answered_at_ && now >= *answered_at_ && now - *answered_at_ < kRememberFor;
    // while one probe waits for a slow database, the others get the answer before
    if (recent || (asking_ && answered_at_)) co_return facts_;
    Asking asking(asking_);
    std::optional<storage::DatabaseFacts> facts;
    try {
      facts = co_await services_.upkeep.facts();
    } catch (const storage::StorageDown&) {
      log::warn("health.storage_down");
    } catch (const pqxx::sql_error& fault) {
      log::error("health.failed", {{"sqlstate", fault.sqlstate()}});
    }
    facts_ = facts;
    answered_at_ = services_.clock.now();
    co_return facts;
  }

  Services& services() noexcept { return services_; }

 private:
  Services& services_;
  struct Asking {
    explicit Asking(bool& flag_) : flag(flag_) { flag = true; }
    ~Asking() { flag = false; }
    Asking(const Asking&) = delete;
    Asking& operator=(const Asking&) = delete;
    bool& flag;
  };

  bool asking_ = false;
  std::optional<Timestamp> answered_at_;
  std::optional<storage::DatabaseFacts> facts_;
};

HttpResponse plain_status(int status, std::string_view text, std::string detail = {}) {
  nlohmann::json body{{"status", text}};
  if (!detail.empty()) body["detail"] = std::move(detail);
  auto response = net::json_response(status, body);
  response.headers.add("Cache-Control", "no-store");
  if (status == 503) response.headers.add("Retry-After", "5");
  return response;
}

Reply live(HttpRequest, net::PathParams) { co_return plain_status(200, "ok"); }

HttpResponse readiness(const std::optional<storage::DatabaseFacts>& facts) {
  if (!facts) return plain_status(503, "unavailable", "The database is out of reach.");
  const auto& migrations = storage::embedded_migrations();
  int wanted = migrations.empty() ? 0 : migrations.back().version;
  if (facts->newest_migration < wanted)
    return plain_status(503, "unavailable", "The database's schema is older than this hub: run easyflow migrate up.");
  if (facts->newest_migration > wanted)
    return plain_status(503, "unavailable", "The database's schema is newer than this hub: update the hub.");
  return plain_status(200, "ok");
}

Reply ready(std::shared_ptr<DatabaseHealth> health) {
  auto facts = co_await health->ask();
  co_return readiness(facts);
}

/// With a token: what an operator wants to know. Without one: the bare status.
Reply database(std::shared_ptr<DatabaseHealth> health, HttpRequest request) {
  auto facts = co_await health->ask();
  auto response = readiness(facts);
  if (!facts || (!request.headers.contains("Authorization") && !request.headers.contains("Cookie"))) co_return response;
  bool may_read = false;
  try {
    auto who = co_await admitted(health->services(), request);
    may_read = who && who->may("read");
  } catch (const storage::StorageDown&) {
    co_return readiness(std::nullopt);
  }
  if (!may_read) co_return response;

  auto stats = health->services().database.stats();
  nlohmann::json body;
  body["status"] = response.status == 200 ? "ok" : "unavailable";
  body["server_version"] = facts->server_version;
  body["migration"] = facts->newest_migration;
  body["row_security_holds"] = !facts->role_is_privileged;
  body["pool"] = {{"connections", stats.connections}, {"busy", stats.busy},
                  {"waiting", stats.waiting},         {"transactions", stats.transactions},
                  {"failures", stats.failures},       {"wait_seconds_total", stats.wait_seconds_total}};
  auto whole = net::json_response(response.status, body);
  whole.headers.add("Cache-Control", "no-store");
  co_return whole;
}

Reply metrics_text(HttpRequest, net::PathParams) {
  HttpResponse response(200, metrics::render());
  response.headers.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  co_return response;
}

}  // namespace

void add_health_routes(net::Router& router, Services& services) {
  auto health = std::make_shared<DatabaseHealth>(services);
  router.add("GET", "/health/live", live);
  router.add("GET", "/health/ready", [health](HttpRequest, net::PathParams) { return ready(health); });
  router.add("GET", "/health/db",
             [health](HttpRequest request, net::PathParams) { return database(health, std::move(request)); });
  router.add("GET", "/metrics", metrics_text);
}

}  // namespace easyflow::api
