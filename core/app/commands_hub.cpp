// serve, up, sandbox
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/app/commands.hpp"
#include "core/app/hub.hpp"
#include "core/app/terminal.hpp"
#include "core/async/task_group.hpp"
#include "core/base/log.hpp"
#include "crypto/tokens.hpp"
#include "sandbox/sandbox.hpp"
#include "storage/migrations.hpp"

namespace easyflow::app {
namespace {

using namespace std::chrono_literals;

constexpr const char* kFirstUser = "owner@easyflow.localhost";

struct SandboxPorts {
  int wildberries = 8091;
  int telegram = 8092;
};

sandbox::SandboxOptions sandbox_options(const SandboxPorts& ports) {
  sandbox::SandboxOptions options;
  options.wildberries_port = static_cast<std::uint16_t>(ports.wildberries);
  options.telegram_port = static_cast<std::uint16_t>(ports.telegram);
  return options;
}

std::string local_url(std::uint16_t port) { return "http://127.0.0.1:" + std::to_string(port); }

// --- serve --------------------------------------------------------------------------------------------------------

/// Keys, Core and Hub over an open installation; `prepare` runs when the database is open and before the hub serves,
/// `on_ready` once it answers.
Task<int> serve_on(boost::asio::any_io_executor executor, const Config& config, Installation& installation,
                   std::function<Task<int>(Core&)> prepare, std::function<void(Hub&)> on_ready, Hub** running) {
  std::optional<Error> failure;
  try {
    auto keys = co_await open_master_keys(executor, config, installation);
    if (!keys) co_return report(keys.error(), false);
    Core core(executor, config, installation, std::move(*keys));
    auto opened = co_await core.open();
    if (!opened) co_return report(opened.error(), false);
    if (prepare) {
      int code = co_await prepare(core);
      if (code != 0) co_return code;
    }
    Hub hub(executor, config, installation, core);
    *running = &hub;
    std::function<void()> ready;
    if (on_ready) ready = [&hub, &on_ready] { on_ready(hub); };
    auto ended = co_await hub.run(std::move(ready));
    *running = nullptr;
    if (ended) co_return 0;
    failure = ended.error();
  } catch (const storage::StorageDown& down) {
    failure = Error(ErrorKind::unavailable, down.what());
  } catch (const std::exception& bug) {
    log::error("hub.internal", {{"error", bug.what()}});
    failure = Error(ErrorKind::internal, "The hub ended because of an internal fault; the log has its details.");
  }
  *running = nullptr;
  co_return report(*failure, false);
}

int serve(const Invocation& invocation) {
  auto config = load(invocation);
  if (!config) return report(config.error(), false);
  auto installation = Installation::open(*config, Use::hub);
  if (!installation) return report(installation.error(), false);
  Hub* running = nullptr;
  auto main = [&](boost::asio::any_io_executor executor) {
    return serve_on(executor, *config, **installation, nullptr, nullptr, &running);
  };
  return run_loop(main, [&] {
    if (running != nullptr)
      running->stop();
    else
      std::_Exit(130);
  });
}

// --- up -----------------------------------------------------------------------------------------------------------

int migrate(const Installation& installation) {
  storage::MigrationRunner runner(installation.owner_dsn());
  auto applied = runner.up();
  if (!applied) return report(applied.error(), false);
  if (!applied->empty()) std::cerr << "database: " << applied->size() << " migrations applied\n";
  return 0;
}

std::string login_file(const Installation& installation) { return installation.data_dir() + "/first-login"; }

/// Adds the first user with a made-up password, which is kept for its owner in a file only they can read.
Task<int> ensure_first_user(Core& core, const Installation& installation) {
  auto tenants = co_await core.users.tenants();
  if (!tenants.empty()) co_return 0;
  auth::NewUser user;
  user.email = kFirstUser;
  user.name = "Owner";
  user.password = Secret(crypto::random_token(12));
  Secret password = user.password;
  auto added = co_await core.auth.add_user(std::move(user));
  if (!added) co_return report(added.error(), false);
  auto ready = co_await core.keys.ensure_tenant_key(added->tenant_id);
  if (!ready) co_return report(ready.error(), false);
  const auto path = login_file(installation);
  int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const std::string text = std::string(kFirstUser) + "\n" + password.reveal() + "\n";
  if (file < 0 || ::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    std::cerr << "note: " << path << " could not be written; the password is shown only now: " << password.reveal()
              << '\n';
  if (file >= 0) ::close(file);
  co_return 0;
}

/// Tells the CLI's other commands where the sandbox is, unless somebody wrote a configuration already.
void remember_sandbox(const Installation& installation, const sandbox::Sandbox& sandbox) {
  const auto path = installation.data_dir() + "/easyflow.toml";
  if (::access(path.c_str(), F_OK) == 0) return;
  std::ofstream file(path);
  file << "# Written by `easyflow up --sandbox`. Delete it to talk to the real platforms.\n"
       << "[platforms.wildberries]\nbase_url = \"" << local_url(sandbox.wildberries_port()) << "\"\n\n"
       << "[platforms.telegram]\nbase_url = \"" << local_url(sandbox.telegram_port()) << "\"\n";
}

/// Connects the sandbox's shop and bot like any other account, once.
Task<int> connect_sandbox(Core& core, const sandbox::Sandbox& sandbox) {
  auto tenants = co_await core.users.tenants();
  auto tenant = tenants.front().id;
  auto users = co_await core.users.list(tenant);
  auto there = co_await core.integrations.list(tenant);
  std::map<std::string, std::pair<std::string, std::string>> wanted;
  wanted["wildberries"] = {"api_key", sandbox.wildberries_token()};
  wanted["telegram"] = {"bot_token", sandbox.telegram_token()};
  for (const auto& [platform, credential] : wanted) {
    const auto& id = platform;
    if (std::any_of(there.begin(), there.end(), [&](const auto& row) { return row.platform_id == id; })) continue;
    platforms::NewIntegration request;
    request.user_id = users.front().id;
    request.platform_id = platform;
    request.credentials[credential.first] = Secret(credential.second);
    request.sync_interval_minutes = 1;
    auto added = co_await core.integration_service.add(tenant, std::move(request));
    if (!added) co_return report(added.error(), false);
    std::cerr << "connected: " << added->integration.platform_id << ", " << added->integration.display_name << '\n';
  }
  co_return 0;
}

void welcome(const Hub& hub, const Installation& installation) {
  std::cout << "\nEasy Flow is running.\n\n  page      " << hub.address() << '\n';
  std::ifstream file(login_file(installation));
  std::string email, password;
  if (std::getline(file, email) && std::getline(file, password))
    std::cout << "  login     " << email << "\n  password  " << password << "\n\n"
              << "The password was made up at the first start; it is kept in " << login_file(installation) << ".\n";
  std::cout << "Stop with Ctrl-C. Everything is kept in " << installation.data_dir() << "." << std::endl;
}

int up(const Invocation& invocation, bool with_sandbox, const SandboxPorts& ports) {
  auto settings = invocation;
  if (with_sandbox) {
    settings.settings["platforms.wildberries.base_url"] = local_url(static_cast<std::uint16_t>(ports.wildberries));
    settings.settings["platforms.telegram.base_url"] = local_url(static_cast<std::uint16_t>(ports.telegram));
  }
  auto config = load(settings);
  if (!config) return report(config.error(), false);
  std::cerr << "database: starting\n";
  auto opened = Installation::open(*config, Use::hub);
  if (!opened) return report(opened.error(), false);
  Installation& installation = **opened;
  try {
    if (int code = migrate(installation); code != 0) return code;
  } catch (const storage::StorageDown& down) {
    return report(Error(ErrorKind::unavailable, down.what()), false);
  }

  Hub* running = nullptr;
  SystemClock clock;
  auto main = [&](boost::asio::any_io_executor executor) -> Task<int> {
    std::unique_ptr<sandbox::Sandbox> sandbox;
    std::optional<Error> failure;
    if (with_sandbox) {
      try {
        auto options = sandbox_options(ports);
        options.state_file = installation.data_dir() + "/sandbox.json";
        sandbox = std::make_unique<sandbox::Sandbox>(executor, std::move(options), clock);
        sandbox->start();
        remember_sandbox(installation, *sandbox);
        std::cerr << "sandbox: Wildberries on " << local_url(sandbox->wildberries_port()) << ", Telegram on "
                  << local_url(sandbox->telegram_port()) << '\n';
      } catch (const std::runtime_error& refused) {
        failure = Error(ErrorKind::conflict, refused.what());
      }
    }
    if (failure) co_return report(*failure, false);
    auto* platforms = sandbox.get();
    std::function<Task<int>(Core&)> prepare = [&installation, platforms](Core& core) -> Task<int> {
      int code = co_await ensure_first_user(core, installation);
      if (code == 0 && platforms != nullptr) code = co_await connect_sandbox(core, *platforms);
      co_return code;
    };
    std::function<void(Hub&)> ready = [&installation](Hub& hub) { welcome(hub, installation); };
    int code = co_await serve_on(executor, *config, installation, prepare, ready, &running);
    if (sandbox) co_await sandbox->stop();
    co_return code;
  };
  return run_loop(main, [&] {
    if (running != nullptr)
      running->stop();
    else
      std::_Exit(130);
  });
}

// --- sandbox ------------------------------------------------------------------------------------------------------

int run_sandbox(const Invocation& invocation, const sandbox::SandboxOptions& options) {
  SystemClock clock;
  std::shared_ptr<Signal> stop;
  auto main = [&](boost::asio::any_io_executor executor) -> Task<int> {
    stop = std::make_shared<Signal>(executor);
    std::unique_ptr<sandbox::Sandbox> platforms;
    std::optional<Error> failure;
    try {
      platforms = std::make_unique<sandbox::Sandbox>(executor, options, clock);
    } catch (const std::runtime_error& refused) {
      failure = Error(ErrorKind::conflict, refused.what());
    }
    if (failure) co_return report(*failure, invocation.json);
    platforms->start();
    nlohmann::json value;
    value["wildberries"]["base_url"] = local_url(platforms->wildberries_port());
    value["wildberries"]["api_key"] = platforms->wildberries_token();
    value["telegram"]["base_url"] = local_url(platforms->telegram_port());
    value["telegram"]["bot_token"] = platforms->telegram_token();
    if (invocation.json) {
      print(value);
    } else {
      std::cout << "Sandbox platforms (the tokens open nothing else)\n";
      for (const char* name : {"wildberries", "telegram"})
        for (const auto& [key, text] : value[name].items())
          std::cout << "  " << name << "." << key << "  " << text.get<std::string>() << '\n';
    }
    std::cout << std::flush;
    while (!co_await stop->wait(1h)) {
    }
    co_await platforms->stop();
    co_return 0;
  };
  return run_loop(main, [&] {
    if (stop) stop->notify();
  });
}

}  // namespace

void add_hub_commands(CLI::App& app, Invocation& invocation) {
  auto server_options = [&invocation](CLI::App* command) {
    command->add_option_function<std::string>(
        "--port", [&invocation](const std::string& port) { invocation.settings["server.port"] = port; },
        "Port to listen on");
    command->add_option_function<std::string>(
        "--address", [&invocation](const std::string& address) { invocation.settings["server.address"] = address; },
        "Address to listen on; default 127.0.0.1");
    command->add_option_function<std::string>(
        "--public-url", [&invocation](const std::string& url) { invocation.settings["server.public_url"] = url; },
        "https address at which platforms reach this hub");
  };
  auto* serving = app.add_subcommand("serve", "Run the hub");
  server_options(serving);
  serving->callback([&] { invocation.action = [&] { return serve(invocation); }; });

  auto with_sandbox = std::make_shared<bool>(false);
  auto ports = std::make_shared<SandboxPorts>();
  auto* all = app.add_subcommand("up", "Set up what is missing (database, schema, first user), then run the hub");
  server_options(all);
  all->add_flag("--sandbox", *with_sandbox,
                "Connect the sandbox platforms, so that everything works without an account");
  all->add_option("--wildberries-port", ports->wildberries, "Port of the sandbox Wildberries")
      ->check(CLI::Range(1, 65535));
  all->add_option("--telegram-port", ports->telegram, "Port of the sandbox Telegram")->check(CLI::Range(1, 65535));
  all->callback([&invocation, with_sandbox, ports] {
    invocation.action = [&invocation, with_sandbox, ports] { return up(invocation, *with_sandbox, *ports); };
  });

  auto options = std::make_shared<sandbox::SandboxOptions>();
  auto order_every = std::make_shared<double>(20);
  auto message_every = std::make_shared<double>(15);
  auto react_after = std::make_shared<double>(2);
  auto* sandbox = app.add_subcommand("sandbox", "Run the sandbox platforms alone");
  sandbox->add_option("--wildberries-port", options->wildberries_port, "0 takes a free port");
  sandbox->add_option("--telegram-port", options->telegram_port, "0 takes a free port");
  sandbox->add_option("--seed", options->seed, "Another seed, another shop");
  sandbox->add_option("--orders", options->initial_orders, "Orders at the start")->check(CLI::Range(0, 100000));
  sandbox->add_option("--products", options->products, "Products")->check(CLI::Range(1, 10000));
  sandbox->add_option("--order-every", *order_every, "Seconds between new orders; 0: only on demand");
  sandbox->add_option("--message-every", *message_every, "Seconds between buyers' messages; 0: only on demand");
  sandbox->add_option("--react-after", *react_after, "Seconds until buyers react to a message; 0: never")
      ->check(CLI::NonNegativeNumber);
  sandbox->add_option("--state-file", options->state_file, "Keep the shop over restarts");
  sandbox->callback([&invocation, options, order_every, message_every, react_after] {
    invocation.action = [&invocation, options, order_every, message_every, react_after] {
      options->order_every = std::chrono::milliseconds(static_cast<std::int64_t>(*order_every * 1000));
      options->message_every = std::chrono::milliseconds(static_cast<std::int64_t>(*message_every * 1000));
      options->react_after = std::chrono::milliseconds(static_cast<std::int64_t>(*react_after * 1000));
      return run_sandbox(invocation, *options);
    };
  });
}

}  // namespace easyflow::app
