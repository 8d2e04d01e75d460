// migrate, db, user, token, keys, config
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/api/views.hpp"
#include "core/app/commands.hpp"
#include "core/app/doctor.hpp"
#include "core/app/terminal.hpp"
#include "crypto/tokens.hpp"
#include "storage/migrations.hpp"

namespace easyflow::app {
namespace {

// --- migrate ------------------------------------------------------------------------------------------------------

const char* name_of(storage::MigrationStatus::State state) {
  switch (state) {
    case storage::MigrationStatus::State::applied: return "applied";
    case storage::MigrationStatus::State::pending: return "pending";
    case storage::MigrationStatus::State::drifted: return "drifted";
    case storage::MigrationStatus::State::unknown: return "unknown";
  }
  return "unknown";
}

int with_migrations(const Invocation& invocation, const std::function<int(storage::MigrationRunner&)>& work) {
  auto config = load(invocation);
  if (!config) return report(config.error(), invocation.json);
  auto installation = Installation::open(*config, Use::command);
  if (!installation) return report(installation.error(), invocation.json);
  storage::MigrationRunner runner((*installation)->owner_dsn());
  try {
    return work(runner);
  } catch (const storage::StorageDown& down) {
    return report(Error(ErrorKind::unavailable, down.what()), invocation.json);
  }
}

int tell_versions(const Invocation& invocation, const Result<std::vector<int>>& versions, const std::string& verb) {
  if (!versions) return report(versions.error(), invocation.json);
  if (invocation.json) {
    print({{verb, *versions}});
  } else if (versions->empty()) {
    std::cout << "Nothing to do.\n";
  } else {
    for (int version : *versions) std::cout << verb << " " << version << '\n';
  }
  return 0;
}

int migration_status(const Invocation& invocation, storage::MigrationRunner& runner) {
  auto all = runner.status();
  if (!all) return report(all.error(), invocation.json);
  bool well = true;
  auto items = nlohmann::json::array();
  Table table({"VERSION", "NAME", "STATE", "APPLIED"});
  for (const auto& one : *all) {
    well = well && one.state == storage::MigrationStatus::State::applied;
    items.push_back(
        {{"version", one.version}, {"name", one.name}, {"state", name_of(one.state)}, {"applied_at", one.applied_at}});
    table.add({std::to_string(one.version), one.name, name_of(one.state), one.applied_at});
  }
  if (invocation.json)
    print({{"items", items}});
  else
    table.print();
  return well ? 0 : 1;
}

void add_migrate(CLI::App& app, Invocation& invocation) {
  auto* group = app.add_subcommand("migrate", "The database's schema")->require_subcommand(1);
  auto target = std::make_shared<int>(0);
  auto* up = group->add_subcommand("up", "Apply what is pending");
  up->add_option("--to", *target, "Stop at this version")->check(CLI::PositiveNumber);
  up->callback([&invocation, target] {
    invocation.action = [&invocation, target] {
      return with_migrations(invocation,
                             [&](auto& runner) { return tell_versions(invocation, runner.up(*target), "applied"); });
    };
  });
  auto steps = std::make_shared<int>(1);
  auto confirmed = std::make_shared<bool>(false);
  auto* down = group->add_subcommand("down", "Take the newest back; their tables and rows are lost");
  down->add_option("--steps", *steps, "How many")->check(CLI::PositiveNumber);
  down->add_flag("--yes", *confirmed, "Do not ask");
  down->callback([&invocation, steps, confirmed] {
    invocation.action = [&invocation, steps, confirmed] {
      if (!*confirmed && (!is_interactive() || ask("This deletes data. Type yes", false).reveal() != "yes"))
        return report(Error(ErrorKind::invalid_input, "Nothing was changed. Confirm with --yes."), invocation.json);
      return with_migrations(invocation,
                             [&](auto& runner) { return tell_versions(invocation, runner.down(*steps), "reverted"); });
    };
  });
  group->add_subcommand("status", "What is applied, pending or drifted")->callback([&] {
    invocation.action = [&] {
      return with_migrations(invocation, [&](auto& runner) { return migration_status(invocation, runner); });
    };
  });
}

// --- db -----------------------------------------------------------------------------------------------------------

int embedded(const Invocation& invocation, const std::string& verb) {
  auto config = load(invocation);
  if (!config) return report(config.error(), invocation.json);
  if (!config->database.dsn.empty())
    return report(Error(ErrorKind::conflict, "database.dsn is set: the hub uses that server, not an embedded one.")
                      .with_field("database.dsn"),
                  invocation.json);
  storage::EmbeddedOptions options;
  options.data_dir = config->data.dir;
  options.bin_dir = config->database.bin_dir;
  storage::EmbeddedPostgres postgres(options);
  std::string state;
  if (verb == "start") {
    auto started = postgres.ensure_running();
    if (!started) return report(started.error(), invocation.json);
    std::ofstream(Installation::keep_running_file(config->data.dir)).flush();
    state = *started ? "started" : "already running";
  } else if (verb == "stop") {
    std::filesystem::remove(Installation::keep_running_file(config->data.dir));
    auto stopped = postgres.stop();
    if (!stopped) return report(stopped.error(), invocation.json);
    state = *stopped ? "stopped" : "was not running";
  } else {
    state = postgres.running_pid() ? "running" : "stopped";
  }
  auto pid = postgres.running_pid();
  if (invocation.json) {
    nlohmann::json value = {{"state", state}, {"data_dir", config->data.dir}, {"pid", nullptr}};
    if (pid) value["pid"] = *pid;
    print(value);
  } else {
    std::cout << "PostgreSQL in " << config->data.dir << ": " << state;
    if (pid) std::cout << " (process " << *pid << ")";
    std::cout << '\n';
  }
  return verb == "status" && !pid ? 3 : 0;
}

void add_db(CLI::App& app, Invocation& invocation) {
  auto* group = app.add_subcommand("db", "The embedded PostgreSQL")->require_subcommand(1);
  const std::pair<const char*, const char*> verbs[] = {{"start", "Start it, and leave it running"},
                                                       {"stop", "Stop it"},
                                                       {"status", "Does it run? Exit code 3 when not"}};
  for (const auto& [verb, help] : verbs) {
    group->add_subcommand(verb, help)->callback([&invocation, verb = std::string(verb)] {
      invocation.action = [&invocation, verb] { return embedded(invocation, verb); };
    });
  }
}

// --- users, tokens ------------------------------------------------------------------------------------------------

struct UserOptions {
  std::string email;
  std::string name;
  std::string role = "owner";
  bool password_stdin = false;
  bool no_password = false;
  std::string time_zone;
};

Task<int> add_user(Core& core, const Invocation& invocation, const UserOptions& options) {
  auth::NewUser user;
  user.email = options.email;
  user.name = options.name.empty() ? options.email : options.name;
  user.role = options.role;
  if (!invocation.tenant.empty()) {
    auto tenant = co_await tenant_of(core, invocation.tenant);
    if (!tenant) co_return report(tenant.error(), invocation.json);
    user.tenant_id = *tenant;
  }
  const bool made_up = !options.password_stdin && !options.no_password;
  if (options.password_stdin)
    user.password = Secret(read_stdin());
  else if (made_up)
    user.password = Secret(crypto::random_token(12));
  Secret password = user.password;
  auto added = co_await core.auth.add_user(std::move(user));
  if (!added) co_return report(added.error(), invocation.json);
  auto ready = co_await core.keys.ensure_tenant_key(added->tenant_id);
  if (!ready) co_return report(ready.error(), invocation.json);
  if (invocation.json) {
    auto value = api::view(*added);
    if (made_up) value["password"] = password.reveal();
    print(value);
  } else {
    std::cout << "Added " << added->email << " (" << added->role << ").\n";
    if (made_up) std::cout << "Password, shown once: " << password.reveal() << '\n';
  }
  co_return 0;
}

Task<int> list_users(Core& core, const Invocation& invocation) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  auto users = co_await core.users.list(*tenant);
  if (invocation.json) {
    std::vector<nlohmann::json> items;
    for (const auto& user : users) items.push_back(api::view(user));
    print(api::paged(std::move(items), ""));
    co_return 0;
  }
  Table table({"E-MAIL", "NAME", "ROLE", "TIME ZONE"});
  for (const auto& user : users) table.add({printable(user.email), printable(user.name), user.role, user.time_zone});
  table.print();
  co_return 0;
}

Task<int> change_user(Core& core, const Invocation& invocation, const UserOptions& options) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  auto user = co_await user_of(core, *tenant, options.email, "email");
  if (!user) co_return report(user.error(), invocation.json);
  auto changed = co_await core.auth.set_time_zone(*tenant, user->id, options.time_zone);
  if (!changed) co_return report(Error(changed.error()).with_field("--time-zone"), invocation.json);
  if (invocation.json)
    print(api::view(*changed));
  else
    std::cout << changed->email << " lives by " << changed->time_zone << " now.\n";
  co_return 0;
}

struct TokenOptions {
  std::string name;
  std::optional<std::string> user;
  std::vector<std::string> scopes;
  int days = 0;
  std::string id;
};

Task<int> create_token(Core& core, const Invocation& invocation, const TokenOptions& options) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  auto user = co_await user_of(core, *tenant, options.user, "--user");
  if (!user) co_return report(user.error(), invocation.json);
  auth::NewToken token;
  token.name = options.name;
  token.scopes = options.scopes;
  if (options.days > 0) token.valid_for = std::chrono::hours(24) * options.days;
  auto issued = co_await core.auth.issue_token(*user, std::move(token));
  if (!issued) co_return report(issued.error(), invocation.json);
  if (invocation.json) {
    print(api::view(*issued));
  } else {
    std::cerr << "Shown once; send it as \"Authorization: Bearer ...\":\n";
    std::cout << issued->plain.reveal() << '\n';
  }
  co_return 0;
}

Task<int> list_tokens(Core& core, const Invocation& invocation) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  auto tokens = co_await core.users.tokens(*tenant);
  if (invocation.json) {
    std::vector<nlohmann::json> items;
    for (const auto& token : tokens) items.push_back(api::view(token));
    print(api::paged(std::move(items), ""));
    co_return 0;
  }
  Table table({"ID", "NAME", "KIND", "SCOPES", "LAST USED", "EXPIRES"});
  for (const auto& token : tokens) {
    std::string scopes;
    for (const auto& scope : token.scopes) scopes += (scopes.empty() ? "" : ",") + scope;
    table.add({token.id, printable(token.name), token.kind, scopes, ago(token.last_used_at, core.clock.now()),
               token.expires_at ? ago(token.expires_at, core.clock.now()) : "never"});
  }
  table.print();
  co_return 0;
}

Task<int> revoke_token(Core& core, const Invocation& invocation, std::string id) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  bool gone = co_await core.auth.revoke(*tenant, id);
  if (!gone) co_return report(Error(ErrorKind::not_found, "There is no such token."), invocation.json);
  std::cout << "Revoked.\n";
  co_return 0;
}

void add_users(CLI::App& app, Invocation& invocation) {
  auto* users = app.add_subcommand("user", "Users of the hub")->require_subcommand(1);
  auto user = std::make_shared<UserOptions>();
  auto* add = users->add_subcommand("add", "Add a user, in a tenant of its own unless --tenant is given");
  add->add_option("email", user->email, "E-mail address, used to log in")->required();
  add->add_option("--name", user->name, "Name");
  add->add_option("--role", user->role, "owner, operator or viewer")
      ->check(CLI::IsMember({"owner", "operator", "viewer"}));
  add->add_flag("--password-stdin", user->password_stdin,
                "Read the password from standard input; default: make one up");
  add->add_flag("--no-password", user->no_password, "No page login, API tokens only");
  add->callback([&invocation, user] {
    invocation.action = [&invocation, user] {
      return with_core(invocation, [&invocation, user](Core& core) { return add_user(core, invocation, *user); });
    };
  });
  auto change = std::make_shared<UserOptions>();
  auto* set = users->add_subcommand("set", "Change a user");
  set->add_option("email", change->email, "E-mail address of the user")->required();
  set->add_option("--time-zone", change->time_zone,
                  "IANA name, like Europe/Berlin: dates in messages and quiet hours go by that of the tenant's owner")
      ->required();
  set->callback([&invocation, change] {
    invocation.action = [&invocation, change] {
      return with_core(invocation,
                       [&invocation, change](Core& core) { return change_user(core, invocation, *change); });
    };
  });
  users->add_subcommand("list", "The tenant's users")->callback([&] {
    invocation.action = [&] { return with_core(invocation, [&](Core& core) { return list_users(core, invocation); }); };
  });

  auto* tokens = app.add_subcommand("token", "API tokens")->require_subcommand(1);
  auto token = std::make_shared<TokenOptions>();
  auto* create = tokens->add_subcommand("create", "Make a token; it is shown once");
  create->add_option("--name", token->name, "What it is for")->required();
  create->add_option("--user", token->user, "E-mail of its user; default: the tenant's first");
  create->add_option("--scope", token->scopes, "read, write, send, admin; default: all of the user's role");
  create->add_option("--days", token->days, "Valid for so many days; default: until revoked")
      ->check(CLI::PositiveNumber);
  create->callback([&invocation, token] {
    invocation.action = [&invocation, token] {
      return with_core(invocation, [&invocation, token](Core& core) { return create_token(core, invocation, *token); });
    };
  });
  tokens->add_subcommand("list", "The tenant's tokens")->callback([&] {
    invocation.action = [&] {
      return with_core(invocation, [&](Core& core) { return list_tokens(core, invocation); });
    };
  });
  auto* revoke = tokens->add_subcommand("revoke", "Take a token back");
  revoke->add_option("id", token->id, "Its id")->required();
  revoke->callback([&invocation, token] {
    invocation.action = [&invocation, token] {
      return with_core(invocation,
                       [&invocation, token](Core& core) { return revoke_token(core, invocation, token->id); });
    };
  });
}

// --- keys ---------------------------------------------------------------------------------------------------------

Task<int> list_keys(Core& core, const Invocation& invocation) {
  auto rows = co_await core.keys.list();
  if (invocation.json) {
    std::vector<nlohmann::json> items;
    for (const auto& row : rows) items.push_back(api::view(row));
    print(api::paged(std::move(items), ""));
    co_return 0;
  }
  Table table({"MASTER KEY", "STATE", "FINGERPRINT", "MADE"});
  for (const auto& row : rows) table.add({row.id, row.state, row.fingerprint, ago(row.created_at, core.clock.now())});
  table.print();
  co_return 0;
}

Task<int> rotate_keys(Core& core, const Invocation& invocation) {
  auto rotated = co_await core.keys.rotate();
  if (!rotated) co_return report(rotated.error(), invocation.json);
  if (invocation.json)
    print(api::view(*rotated));
  else
    std::cout << "New master key " << rotated->new_master_key_id << "; " << rotated->credentials
              << " credentials sealed anew. " << rotated->old_master_key_id
              << " stays readable. Back up the key file now.\n";
  co_return 0;
}

Task<int> retire_key(Core& core, const Invocation& invocation, std::string id) {
  auto retired = co_await core.keys.retire(id);
  if (!retired) co_return report(retired.error(), invocation.json);
  if (invocation.json)
    print({{"retired", id}});
  else
    std::cout << "Retired " << id
              << "; it is no longer in the key file. Backups older than the rotation still need it.\n";
  co_return 0;
}

void add_keys(CLI::App& app, Invocation& invocation) {
  auto* group = app.add_subcommand("keys", "Encryption keys")->require_subcommand(1);
  group->add_subcommand("list", "Master keys by id; never the keys themselves")->callback([&] {
    invocation.action = [&] { return with_core(invocation, [&](Core& core) { return list_keys(core, invocation); }); };
  });
  group->add_subcommand("rotate", "New keys for everything sealed, while the hub runs")->callback([&] {
    invocation.action = [&] {
      return with_core(invocation, [&](Core& core) { return rotate_keys(core, invocation); });
    };
  });
  auto id = std::make_shared<std::string>();
  auto* retire = group->add_subcommand("retire", "Take an old master key out of use after a rotation");
  retire->add_option("id", *id, "The master key's id")->required();
  retire->callback([&invocation, id] {
    invocation.action = [&invocation, id] {
      return with_core(invocation, [&invocation, id](Core& core) { return retire_key(core, invocation, *id); });
    };
  });
}

// --- config, doctor -----------------------------------------------------------------------------------------------

int show_config(const Invocation& invocation) {
  auto config = load(invocation);
  if (!config) return report(config.error(), invocation.json);
  auto items = nlohmann::json::array();
  Table table({"KEY", "VALUE", "FROM"});
  for (const auto& entry : config->entries) {
    items.push_back({{"key", entry.key}, {"value", entry.value}, {"origin", entry.origin}});
    table.add({entry.key, entry.value, entry.origin});
  }
  if (invocation.json)
    print({{"items", items}});
  else
    table.print();
  return 0;
}

int check_config(const Invocation& invocation) {
  auto config = load(invocation);
  if (!config) return report(config.error(), invocation.json);
  if (invocation.json)
    print({{"ok", true}});
  else
    std::cout << "The configuration is valid.\n";
  return 0;
}

}  // namespace

void add_admin_commands(CLI::App& app, Invocation& invocation) {
  add_migrate(app, invocation);
  add_db(app, invocation);
  add_users(app, invocation);
  add_keys(app, invocation);
  auto* config = app.add_subcommand("config", "The configuration")->require_subcommand(1);
  config->add_subcommand("show", "What holds, and where it comes from")->callback([&] {
    invocation.action = [&] { return show_config(invocation); };
  });
  config->add_subcommand("check", "Is it valid?")->callback([&] {
    invocation.action = [&] { return check_config(invocation); };
  });
  app.add_subcommand("doctor", "Check everything the hub needs and say what to mend")->callback([&] {
    invocation.action = [&] { return run_doctor(invocation); };
  });
}

}  // namespace easyflow::app
