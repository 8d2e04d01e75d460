#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "core/app/commands.hpp"
#include "crypto/tokens.hpp"

int main(int argc, char** argv) {
  using namespace easyflow::app;
  CLI::App app("Easy Flow: marketplaces and messengers of a small seller in one hub.", "easyflow");
  app.set_version_flag("--version", std::string("easyflow ") + version());
  app.require_subcommand(1);
  app.fallthrough();

  Invocation invocation;
  app.add_flag("--json", invocation.json, "Print JSON, as the API answers it");
  app.add_option("--config", invocation.config_file, "Configuration file (TOML)");
  app.add_option("--tenant", invocation.tenant, "Tenant, by name or id; needed when there are several");
  app.add_option_function<std::string>(
      "--data-dir", [&](const std::string& dir) { invocation.settings["data.dir"] = dir; },
      "Data folder: embedded PostgreSQL, master key");
  app.add_option_function<std::vector<std::string>>(
         "--set",
         [&](const std::vector<std::string>& pairs) {
           for (const auto& pair : pairs) {
             auto equals = pair.find('=');
             if (equals == std::string::npos) throw CLI::ValidationError("--set", "takes section.key=value");
             invocation.settings[pair.substr(0, equals)] = pair.substr(equals + 1);
           }
         },
         "A configuration key: --set server.port=9000")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_hub_commands(app, invocation);
  add_admin_commands(app, invocation);
  add_integration_commands(app, invocation);
  add_work_commands(app, invocation);

  try {
    easyflow::crypto::initialize();
    app.parse(argc, argv);
    return invocation.action ? invocation.action() : 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
