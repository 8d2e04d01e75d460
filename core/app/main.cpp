#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "core/app/commands.hpp"
#include "core/base/nearest.hpp"
#include "crypto/tokens.hpp"

namespace {

/// What to say about a command that does not exist; empty when that is not the fault.
std::string unknown_command(const CLI::App& app) {
  const auto rest = app.remaining(/*recurse=*/true);
  const CLI::App* group = &app;
  for (auto parsed = group->get_subcommands(); !parsed.empty(); parsed = group->get_subcommands())
    group = parsed.front();
  std::vector<std::string> names;
  for (const auto* command : group->get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  if (rest.empty() || names.empty() || rest.front().rfind('-', 0) == 0) return {};
  return "There is no command '" + rest.front() + "'." + easyflow::did_you_mean(rest.front(), names);
}

}  // namespace

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
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_hub_commands(app, invocation);
  add_admin_commands(app, invocation);
  add_integration_commands(app, invocation);
  add_work_commands(app, invocation);
  add_nlp_commands(app, invocation);
  add_automation_commands(app, invocation);

  try {
    easyflow::crypto::initialize();
    app.parse(argc, argv);
    return invocation.action ? invocation.action() : 0;
  } catch (const CLI::ParseError& error) {
    if (auto unknown = unknown_command(app); error.get_exit_code() != 0 && !unknown.empty()) {
      std::cerr << "error: " << unknown << "\nRun with --help for the commands.\n";
      return error.get_exit_code();
    }
    return app.exit(error);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
