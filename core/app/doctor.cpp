#include "core/app/doctor.hpp"

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "core/app/commands.hpp"
#include "core/app/terminal.hpp"
#include "core/async/task_group.hpp"
#include "core/base/log.hpp"
#include "storage/migrations.hpp"

namespace easyflow::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kClockTolerance = 2s;
constexpr std::uintmax_t kLowSpace = 512ull * 1024 * 1024;

/// The examination's findings, printed as they come.
class Findings {
 public:
  explicit Findings(bool json) : json_(json) {}

  void good(const std::string& check, const std::string& detail) { add(check, "ok", detail); }
  void warn(const std::string& check, const std::string& detail) { add(check, "warning", detail); }
  void bad(const std::string& check, const std::string& detail) {
    failed_ = true;
    add(check, "failed", detail);
  }
  int finish() const {
    if (json_) print({{"ok", !failed_}, {"checks", items_}});
    return failed_ ? 1 : 0;
  }

 private:
  void add(const std::string& check, const std::string& state, const std::string& detail) {
    items_.push_back({{"check", check}, {"state", state}, {"detail", detail}});
    if (!json_)
      std::cout << (state == "ok"        ? "  ok      "
                    : state == "warning" ? "  warning "
                                         : "  FAILED  ")
                << check << ": " << detail << std::endl;
  }
  bool json_;
  bool failed_ = false;
  nlohmann::json items_ = nlohmann::json::array();
};

void examine_space(const std::string& folder, Findings& findings) {
  std::error_code failure;
  auto space = std::filesystem::space(folder, failure);
  if (failure)
    findings.bad("data folder", folder + ": " + failure.message() + ". Create it or set data.dir.");
  else if (space.available < kLowSpace)
    findings.bad("data folder", folder + " has only " + std::to_string(space.available / 1024 / 1024) +
                                    " MB free. PostgreSQL stops when the disk is full: free some space.");
  else
    findings.good("data folder", folder + ", " + std::to_string(space.available / 1024 / 1024) + " MB free");
}

bool examine_migrations(const Installation& installation, Findings& findings) {
  storage::MigrationRunner runner(installation.owner_dsn());
  auto all = runner.status();
  if (!all) {
    findings.bad("migrations", all.error().message());
    return false;
  }
  int pending = 0, drifted = 0, unknown = 0;
  for (const auto& one : *all) {
    pending += one.state == storage::MigrationStatus::State::pending;
    drifted += one.state == storage::MigrationStatus::State::drifted;
    unknown += one.state == storage::MigrationStatus::State::unknown;
  }
  if (unknown > 0)
    findings.bad("migrations", std::to_string(unknown) + " were applied by a newer program. Install that one.");
  else if (drifted > 0)
    findings.bad("migrations", std::to_string(drifted) +
                                   " were applied from another text than this program's. See: easyflow migrate status");
  else if (pending > 0)
    findings.bad("migrations", std::to_string(pending) + " are pending. Run: easyflow migrate up");
  else
    findings.good("migrations", std::to_string(all->size()) + " applied");
  return pending == 0 && unknown == 0;
}

Task<> examine_database(Core& core, Findings& findings) {
  auto facts = co_await core.upkeep.facts();
  findings.good("database", "PostgreSQL " + facts.server_version + " as " + facts.role);
  if (facts.role_is_privileged)
    findings.bad("database role", facts.role +
                                      " is a superuser, may bypass row-level security, or owns tables. Use a member of "
                                      "easyflow_app that owns nothing as database.dsn.");
  else
    findings.good("database role", "owns nothing; row-level security holds");
  auto skew = std::chrono::duration_cast<std::chrono::milliseconds>(core.clock.now() - facts.now);
  if (skew > kClockTolerance || skew < -kClockTolerance)
    findings.bad("clock", "this machine and the database differ by " + std::to_string(skew.count()) +
                              " ms. Run a time service (systemd-timesyncd, chrony) on both.");
  else
    findings.good("clock", "agrees with the database");
}

Task<> examine_platforms(Core& core, const Config& config, Findings& findings) {
  const auto overrides = base_urls(config);
  std::set<std::string> asked;
  for (const auto& connector : core.connectors.all()) {
    auto account = platforms::make_account(connector->manifest(), "", overrides);
    for (const auto& [host, url] : account.base_urls) {
      if (!asked.insert(url).second) continue;
      HttpRequest request("GET", url + "/");
      auto fetched = co_await core.client.fetch(std::move(request), 8s, /*safe_to_repeat=*/true);
      // any answer at all proves the way there; what "/" means to the platform does not matter
      if (fetched.response)
        findings.good(connector->manifest().id, url + " answers");
      else
        findings.warn(connector->manifest().id, url + ": " + fetched.error->message() +
                                                    ". Check DNS, firewall and proxy; syncs and sends wait meanwhile.");
    }
  }
}

Task<> examine_provider(Core& core, const Config& config, Findings& findings) {
  auto provider = understanding::make_provider(provider_options(config), core.client);
  if (!provider) co_return;
  auto checked = co_await provider->check();
  const auto check = "NLP provider";
  const auto where = provider->name() + " at " + config.nlp.provider_url;
  if (checked)
    findings.good(check, where + " answers");
  else if (checked.error().kind() == ErrorKind::unauthorized)
    findings.bad(check, where + ": " + checked.error().message());
  else
    findings.warn(check,
                  where + ": " + checked.error().message() +
                      " Check nlp.provider_url; messages keep the meaning found by the hub's own model meanwhile.");
}

Task<> examine_integrations(Core& core, Findings& findings) {
  auto tenants = co_await core.users.tenants();
  if (tenants.empty()) findings.warn("users", "There is none yet. Add one with: easyflow user add you@example.com");
  for (const auto& tenant : tenants) {
    auto rows = co_await core.integrations.list(tenant.id);
    for (const auto& row : rows) {
      const auto name = row.platform_id + "/" + row.account;
      auto account = co_await core.accounts.open(tenant.id, row.id);
      if (!account)
        findings.bad(name, account.error().message());
      else if (row.status == "error")
        findings.bad(name, row.status_message + " See: easyflow integrations check " + row.id.substr(0, 8));
      else
        findings.good(name, row.paused ? "paused" : row.status);
    }
  }
}

void examine_public_url(const Config& config, Findings& findings) {
  const auto& url = config.server.public_url;
  if (url.empty())
    findings.good("public address", "none: messengers are polled");
  else if (url.rfind("https://", 0) != 0)
    findings.warn("public address",
                  url + " is not https. Telegram delivers to https on ports 443, 80, 88 and 8443 only.");
  else
    findings.good("public address", url);
}

Task<int> examine(boost::asio::any_io_executor executor, const Config& config, Installation& installation,
                  Findings& findings) {
  std::optional<std::string> down;
  try {
    auto keys = co_await open_master_keys(executor, config, installation);
    if (!keys) {
      findings.bad("keys", keys.error().message());
      co_return findings.finish();
    }
    Core core(executor, config, installation, std::move(*keys));
    co_await examine_database(core, findings);
    auto opened = co_await core.keys.open_all();
    if (!opened)
      findings.bad("keys", opened.error().message());
    else
      findings.good("keys", "master key " + core.vault.master_keys().active_id() + " fits this database");
    co_await examine_integrations(core, findings);
    co_await examine_platforms(core, config, findings);
    co_await examine_provider(core, config, findings);
  } catch (const storage::StorageDown& gone) {
    down = gone.what();
  }
  if (down) findings.bad("database", *down);
  co_return findings.finish();
}

}  // namespace

int run_doctor(const Invocation& invocation) {
  Findings findings(invocation.json);
  auto config = load(invocation);
  if (!config) {
    findings.bad("configuration", config.error().message());
    return findings.finish();
  }
  set_log(*config, log::Level::error);
  findings.good("configuration", "valid");
  examine_public_url(*config, findings);
  auto installation = Installation::open(*config, Use::command);
  if (!installation) {
    findings.bad("database", installation.error().message());
    return findings.finish();
  }
  examine_space((*installation)->data_dir(), findings);
  try {
    if (!examine_migrations(**installation, findings)) return findings.finish();
  } catch (const storage::StorageDown& down) {
    findings.bad("database", down.what());
    return findings.finish();
  }
  auto main = [&](boost::asio::any_io_executor executor) {
    return examine(executor, *config, **installation, findings);
  };
  return run_loop(main, [] { std::_Exit(130); });
}

}  // namespace easyflow::app
