#include "core/app/hub.hpp"

#include <boost/system/system_error.hpp>

#include "core/api/routes.hpp"
#include "core/async/blocking.hpp"
#include "core/automation/worker.hpp"
#include "core/base/log.hpp"
#include "core/base/metrics.hpp"
#include "core/ingest/batcher.hpp"
#include "core/ingest/reception.hpp"
#include "core/ingest/webhooks.hpp"
#include "core/messaging/dispatcher.hpp"
#include "core/net/router.hpp"
#include "core/net/server.hpp"
#include "core/sync/runner.hpp"
#include "core/sync/scheduler.hpp"
#include "core/understanding/remote_reader.hpp"

namespace easyflow::app {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

ingest::BatcherOptions batcher_options(const Config& config) {
  ingest::BatcherOptions options;
  options.max_batch = static_cast<std::size_t>(config.ingest.max_batch);
  options.max_waiting = static_cast<std::size_t>(config.ingest.max_wait_queue);
  options.parallel = config.ingest.parallel;
  return options;
}

sync::SchedulerOptions scheduler_options(const Config& config, const std::string& node) {
  sync::SchedulerOptions options;
  options.node = node;
  options.poll_interval = config.sync.poll_interval;
  options.max_parallel = config.sync.max_parallel;
  options.lease = config.sync.lease;
  return options;
}

messaging::DispatcherOptions dispatcher_options(const Config& config, const std::string& node) {
  messaging::DispatcherOptions options;
  options.node = node;
  options.poll_interval = config.outbound.poll_interval;
  options.max_parallel = config.outbound.max_parallel;
  return options;
}

understanding::RemoteOptions remote_options(const Config& config, const std::string& node) {
  understanding::RemoteOptions options;
  options.node = node;
  options.max_parallel = config.nlp.provider_parallel;
  options.lease = config.nlp.provider_timeout + 15s;
  // without a provider there is nothing to do but to end what waited for an earlier one
  if (config.nlp.provider == "embedded") options.poll_interval = 60s;
  return options;
}

net::ServerLimits server_limits(const Config& config) {
  net::ServerLimits limits;
  limits.max_body_bytes = config.server.max_body;
  return limits;
}

/// Keeps /metrics truthful about the pool and the queue of ingest.
class Gauges {
 public:
  Gauges(const storage::Database& database, const ingest::IngestBatcher& batcher) {
    hook_ = metrics::on_render([&database, &batcher] {
      const auto stats = database.stats();
      set("easyflow_storage_connections", "Open database connections", stats.connections);
      set("easyflow_storage_busy_connections", "Database connections at work", stats.busy);
      set("easyflow_storage_waiting", "Pieces of work waiting for a connection", static_cast<double>(stats.waiting));
      set("easyflow_storage_wait_seconds_total", "Time work spent waiting for a connection", stats.wait_seconds_total);
      set("easyflow_ingest_waiting", "Webhooks waiting for their transaction", static_cast<double>(batcher.waiting()));
    });
  }
  ~Gauges() { metrics::forget(hook_); }
  Gauges(const Gauges&) = delete;
  Gauges& operator=(const Gauges&) = delete;

 private:
  static void set(const char* name, const char* help, double value) { metrics::gauge(name, help).set(value); }
  metrics::RenderHook hook_;
};

}  // namespace

/// The hub's moving parts, in the order in which they are built; they end in reverse.
struct Hub::Engines {
  Engines(asio::any_io_executor executor, const Config& config, const Installation& installation, Core& core,
          std::function<void(const std::string&)> on_notify)
      : batcher(executor, core.inbound, batcher_options(config)),
        webhooks(core.accounts, core.readers, batcher, core.vault, core.clock),
        runner(executor, core.sync, core.integrations, core.accounts, core.caller, core.clock, config.sync.lease),
        scheduler(executor, core.sync, runner, scheduler_options(config, installation.node())),
        dispatcher(executor, core.outbound, core.budgets, core.accounts, core.client, core.clock,
                   dispatcher_options(config, installation.node())),
        automation(executor, core.automation, core.connectors, core.clock, automation::WorkerOptions{}),
        reception(executor, core.integrations, core.inbound, core.accounts, core.readers, core.caller, core.vault,
                  core.connectors, core.clock, core.public_url, installation.node()),
        remote(executor, core.nlp_requests, core.readers,
               understanding::make_provider(provider_options(config), core.client), core.clock,
               remote_options(config, installation.node())),
        services(core.services()),
        gauges(core.database, batcher),
        loops(executor),
        listener(executor, installation.app_dsn(),
                 {"integrations", "sync", "outbound", "automation", "keys", "tokens", "nlp", "nlp_requests"},
                 std::move(on_notify)) {
    api::add_routes(router, services);
    router.add("POST", "/hooks/{platform}/{path}", [this](HttpRequest request, net::PathParams params) {
      return webhooks.handle(params.get("platform"), params.get("path"), std::move(request));
    });
  }

  ingest::IngestBatcher batcher;
  ingest::WebhookHandler webhooks;
  sync::SyncRunner runner;
  sync::SyncScheduler scheduler;
  messaging::Dispatcher dispatcher;
  automation::Worker automation;
  ingest::Reception reception;
  understanding::RemoteReader remote;
  api::Services services;
  net::Router router;
  Gauges gauges;
  TaskGroup loops;
  BlockingThread blocking;  ///< for starting PostgreSQL
  std::unique_ptr<net::HttpServer> server;
  storage::Listener listener;
};

Hub::Hub(asio::any_io_executor executor, const Config& config, Installation& installation, Core& core)
    : executor_(executor), config_(config), installation_(installation), core_(core), stop_(executor) {}

Hub::~Hub() = default;

std::string Hub::address() const {
  auto port = engines_ && engines_->server ? engines_->server->port() : config_.server.port;
  const bool v6 = config_.server.address.find(':') != std::string::npos;
  return "http://" + (v6 ? "[" + config_.server.address + "]" : config_.server.address) + ":" + std::to_string(port);
}

void Hub::stop() {
  stopping_ = true;
  stop_.notify();
}

void Hub::on_notify(const std::string& channel) {
  if (channel == "sync") {
    engines_->scheduler.wake();
  } else if (channel == "outbound") {
    engines_->dispatcher.wake();
  } else if (channel == "automation") {
    engines_->automation.wake();
  } else if (channel == "integrations") {
    core_.accounts.forget({});
    engines_->reception.wake();
    engines_->scheduler.wake();
    engines_->dispatcher.wake();
  } else if (channel == "tokens") {
    core_.auth.forget_tokens();
  } else if (channel == "nlp") {
    core_.readers.forget();
  } else if (channel == "nlp_requests") {
    engines_->remote.wake();
  } else if (channel == "keys") {
    engines_->loops.spawn("keys.adopt", adopt_keys());
  }
}

Task<> Hub::adopt_keys() {
  auto adopted = co_await core_.keys.refresh();
  if (!adopted) log::error("keys.not_adopted", {{"error", adopted.error().message()}});
  core_.accounts.forget({});
}

Task<Result<void>> Hub::run(std::function<void()> on_ready) {
  auto opened = co_await core_.open();
  if (!opened) co_return opened.error();
  co_await core_.upkeep.make_partitions(core_.clock.now());

  engines_ = std::make_unique<Engines>(executor_, config_, installation_, core_,
                                       [this](const std::string& channel) { on_notify(channel); });
  auto& engines = *engines_;
  const net::Router* router = &engines.router;
  std::optional<Error> failure;
  try {
    engines.server = std::make_unique<net::HttpServer>(
        executor_, config_.server.address, config_.server.port, server_limits(config_),
        [router](HttpRequest request) { return api::answer(*router, std::move(request)); });
  } catch (const std::runtime_error& refused) {
    failure = Error(ErrorKind::conflict, refused.what());
  }
  if (!failure) {
    engines.server->start();
    engines.loops.spawn("sync.scheduler", engines.scheduler.run());
    engines.loops.spawn("outbound.dispatcher", engines.dispatcher.run());
    engines.loops.spawn("automation", engines.automation.run());
    engines.loops.spawn("ingest.reception", engines.reception.run());
    engines.loops.spawn("nlp.remote", engines.remote.run());
    engines.loops.spawn("upkeep", keep_partitions());
    if (installation_.embedded() != nullptr) engines.loops.spawn("postgres.watch", watch_postgres());
    log::info("hub.ready", {{"address", address()}, {"node", installation_.node()}});
    if (on_ready) on_ready();
    while (!stopping_) co_await stop_.wait(1h);

    log::info("hub.stopping");
    co_await engines.server->stop(5s);
  }
  co_await core_.trainer.close();
  co_await engines.loops.close();
  co_await engines.scheduler.close();
  co_await engines.runner.close();
  co_await engines.reception.close();
  co_await engines.dispatcher.close();
  co_await engines.remote.close();
  co_await engines.batcher.close();
  if (failure) co_return *failure;
  log::info("hub.stopped");
  co_return Result<void>();
}

Task<> Hub::keep_partitions() {
  const auto& keep = config_.retention;
  for (;;) {
    try {
      const auto now = core_.clock.now();
      co_await core_.upkeep.make_partitions(now);
      const auto days = [now](int count) { return now - std::chrono::hours(24) * count; };
      storage::PruneBefore before;
      // the dedup ledger is kept as long as the bodies: far longer than any platform redelivers
      before.ledger = days(keep.inbound_body_days);
      before.outbox = days(keep.outbox_days);
      before.sync_logs = days(keep.sync_log_days);
      before.outbound = days(keep.outbound_days);
      co_await core_.upkeep.drop_inbound_bodies(before.ledger);
      int pruned = 0;
      do {
        pruned = co_await core_.upkeep.prune(before, 5000);
      } while (pruned >= 5000);
    } catch (const storage::StorageDown&) {
      // tried again in an hour; partitions are made weeks ahead
    } catch (const pqxx::sql_error& refused) {
      log::warn("upkeep.postponed", {{"sqlstate", refused.sqlstate()}});
    } catch (const boost::system::system_error&) {
      throw;  // cancelled
    } catch (const std::exception& fault) {
      log::error("upkeep.failed", {{"error", fault.what()}});
    }
    co_await sleep_for(1h);
  }
}

Task<> Hub::watch_postgres() {
  auto* embedded = installation_.embedded();
  for (;;) {
    co_await sleep_for(2s);
    bool failed = false;
    try {
      if (embedded->running_pid()) continue;
      log::error("postgres.gone", {{"action", "starting it again"}});
      auto started = std::make_shared<Result<bool>>(false);
      std::function<void()> start = [embedded, started] { *started = embedded->ensure_running(); };
      co_await engines_->blocking.run(std::move(start));
      failed = !*started;
      if (failed) log::error("postgres.not_started", {{"error", started->error().message()}});
    } catch (const boost::system::system_error&) {
      throw;  // cancelled
    } catch (const std::exception& fault) {
      failed = true;
      log::error("postgres.watch_failed", {{"error", fault.what()}});
    }
    if (failed) co_await sleep_for(10s);
  }
}

}  // namespace easyflow::app
