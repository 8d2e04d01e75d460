#include "core/app/commands.hpp"

#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/app/terminal.hpp"
#include "core/async/task_group.hpp"
#include "core/base/log.hpp"

namespace easyflow::app {
namespace {

log::Level level_of(const std::string& name) {
  if (name == "debug") return log::Level::debug;
  if (name == "warn") return log::Level::warn;
  if (name == "error") return log::Level::error;
  return log::Level::info;
}

}  // namespace

void set_log(const Config& config, log::Level lowest) {
  log::configure(config.server.log_format == "json" ? log::Format::json : log::Format::text,
                 std::max(lowest, level_of(config.server.log_level)));
}

Result<Config> load(const Invocation& invocation) {
  ConfigSources sources;
  sources.environment = process_environment();
  sources.flags = invocation.settings;
  sources.dotenv_path = ".env";
  const auto registry = connectors::make_registry();
  for (const auto& connector : registry.all()) sources.platform_ids.push_back(connector->manifest().id);
  std::optional<std::string> flag;
  if (!invocation.config_file.empty()) flag = invocation.config_file;
  sources.file = find_config_file(flag, sources.environment);
  // a data folder of one's own may hold its configuration too
  if (auto dir = invocation.settings.find("data.dir"); !sources.file && dir != invocation.settings.end())
    if (auto beside = dir->second + "/easyflow.toml"; ::access(beside.c_str(), R_OK) == 0) sources.file = beside;
  auto config = load_config(sources);
  if (config) set_log(*config, log::Level::debug);
  return config;
}

int with_core(const Invocation& invocation, std::function<Task<int>(Core&)> work) {
  auto config = load(invocation);
  if (!config) return report(config.error(), invocation.json);
  auto installation = Installation::open(*config, Use::command);
  if (!installation) return report(installation.error(), invocation.json);
  // a command's own output is what counts; the log only speaks up when something is wrong
  set_log(*config, log::Level::warn);

  auto main = [&](boost::asio::any_io_executor executor) -> Task<int> {
    std::optional<Error> failure;
    try {
      auto keys = co_await open_master_keys(executor, *config, **installation);
      if (!keys) co_return report(keys.error(), invocation.json);
      Core core(executor, *config, **installation, std::move(*keys));
      auto opened = co_await core.open();
      if (!opened) co_return report(opened.error(), invocation.json);
      int code = co_await work(core);
      co_return code;
    } catch (const storage::StorageDown& down) {
      failure = Error(ErrorKind::unavailable, down.what());
    }
    co_return report(*failure, invocation.json);
  };
  return run_loop(main, [] { std::_Exit(130); });
}

Task<Result<std::string>> tenant_of(Core& core, std::string wanted) {
  auto tenants = co_await core.users.tenants();
  if (tenants.empty())
    co_return Error(ErrorKind::not_found, "There is no user yet. Add one with: easyflow user add you@example.com");
  if (wanted.empty() && tenants.size() == 1) co_return tenants.front().id;
  std::string names;
  for (const auto& tenant : tenants) {
    if (!wanted.empty() && (tenant.id == wanted || tenant.name == wanted)) co_return tenant.id;
    names += (names.empty() ? "" : ", ") + tenant.name;
  }
  if (wanted.empty())
    co_return Error(ErrorKind::invalid_input, "There are several tenants: " + names + ". Choose one with --tenant.")
        .with_field("--tenant");
  co_return Error(ErrorKind::not_found, "There is no tenant '" + wanted + "'. There are: " + names + ".")
      .with_field("--tenant");
}

Task<Result<storage::User>> user_of(Core& core, std::string tenant_id, std::optional<std::string> email,
                                    std::string field) {
  auto users = co_await core.users.list(std::move(tenant_id));
  auto user = std::find_if(users.begin(), users.end(),
                           [&](const auto& u) { return !email || ::strcasecmp(u.email.c_str(), email->c_str()) == 0; });
  if (user == users.end())
    co_return Error(ErrorKind::not_found,
                    "There is no user '" + email.value_or("") + "'; 'easyflow user list' shows all.")
        .with_field(field);
  co_return *user;
}

void print(const nlohmann::json& value) {
  std::cout << value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

}  // namespace easyflow::app
