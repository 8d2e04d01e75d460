// The subcommands. Each group adds its own to the command line; what the person chose runs after parsing.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/app/core.hpp"
#include "core/async/task.hpp"
#include "core/base/log.hpp"
#include "core/config/config.hpp"

namespace easyflow::app {

/// What the global options say, and what shall run.
struct Invocation {
  bool json = false;
  std::string tenant;                           ///< id or name; empty = the only one
  std::map<std::string, std::string> settings;  ///< configuration keys given as flags
  std::string config_file;
  std::function<int()> action;
};

void add_hub_commands(CLI::App& app, Invocation& invocation);          // serve, up, sandbox
void add_admin_commands(CLI::App& app, Invocation& invocation);        // migrate, db, user, token, keys, config, doctor
void add_integration_commands(CLI::App& app, Invocation& invocation);  // platforms, integrations
void add_work_commands(CLI::App& app, Invocation& invocation);         // sync, conversations, send, quarantine
void add_nlp_commands(CLI::App& app, Invocation& invocation);          // nlp
void add_automation_commands(CLI::App& app, Invocation& invocation);   // automation

/// The configuration in force. Errors list every fault.
Result<Config> load(const Invocation& invocation);

/// Logs as the configuration says, but nothing below `lowest`.
void set_log(const Config& config, log::Level lowest);

/// Runs `work` over an opened installation and Core; prints errors. Returns the exit code.
int with_core(const Invocation& invocation, std::function<Task<int>(Core&)> work);

/// The tenant a command works for. Errors: not_found, invalid_input when there are several.
Task<Result<std::string>> tenant_of(Core& core, std::string wanted);

/// The tenant's user of this e-mail address, capitals or not; without one, the first. `field` is the option that named
/// it. Errors: not_found.
Task<Result<storage::User>> user_of(Core& core, std::string tenant_id, std::optional<std::string> email,
                                    std::string field);

/// Prints JSON the way every --json does.
void print(const nlohmann::json& value);

}  // namespace easyflow::app
