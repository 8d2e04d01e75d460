// platforms, integrations
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/api/views.hpp"
#include "core/app/commands.hpp"
#include "core/app/terminal.hpp"
#include "core/base/nearest.hpp"

namespace easyflow::app {
namespace {

struct AddOptions {
  std::string platform;
  std::string account = "default";
  std::optional<std::string> user;
  std::vector<std::string> credentials;
  int interval = 0;
};

/// The credentials out of the options, asking for what is missing when somebody is there to answer.
Result<std::map<std::string, Secret>> gather(const sdk::Manifest& manifest, const std::vector<std::string>& given) {
  std::map<std::string, Secret> credentials;
  std::vector<std::string> names;
  for (const auto& field : manifest.credentials) names.push_back(field.name);
  for (const auto& pair : given) {
    auto equals = pair.find('=');
    auto name = pair.substr(0, equals);
    auto field = std::find_if(manifest.credentials.begin(), manifest.credentials.end(),
                              [&](const auto& f) { return f.name == name; });
    if (equals == std::string::npos || field == manifest.credentials.end())
      return Error(ErrorKind::invalid_input,
                   "'" + name + "' is no credential of " + manifest.display_name + "." + did_you_mean(name, names))
          .with_field("--credential");
    auto value = value_of(pair.substr(equals + 1), field->secret);
    if (!value) return Error(value.error()).with_field("--credential " + name);
    credentials[name] = std::move(*value);
  }
  for (const auto& field : manifest.credentials) {
    if (!field.required || credentials.count(field.name) > 0 || !is_interactive()) continue;
    std::cerr << field.help << '\n';
    credentials[field.name] = ask(field.label, field.secret);
  }
  return credentials;
}

void show(const storage::Integration& row, const std::string& public_url, Timestamp now) {
  std::cout << "id            " << row.id << '\n'
            << "platform      " << row.platform_id << '/' << row.account << '\n'
            << "name          " << printable(row.display_name) << '\n'
            << "status        " << row.status << (row.paused ? " (paused)" : "") << '\n';
  if (!row.status_message.empty()) std::cout << "message       " << printable(row.status_message, 300) << '\n';
  std::cout << "last sync     " << ago(row.last_sync_at, now) << '\n'
            << "interval      " << row.sync_interval_minutes << " min\n"
            << "webhook path  /hooks/" << row.platform_id << '/' << row.webhook_path << '\n';
  if (!public_url.empty()) std::cout << "webhook URL   " << api::webhook_url(row, public_url) << '\n';
}

Task<int> add_integration(Core& core, const Invocation& invocation, const AddOptions& options) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  auto found = core.connectors.require(options.platform);
  if (!found) co_return report(found.error(), invocation.json);
  auto credentials = gather((*found)->manifest(), options.credentials);
  if (!credentials) co_return report(credentials.error(), invocation.json);
  auto user = co_await user_of(core, *tenant, options.user, "--user");
  if (!user) co_return report(user.error(), invocation.json);

  platforms::NewIntegration request;
  request.user_id = user->id;
  request.platform_id = options.platform;
  request.account = options.account;
  request.credentials = std::move(*credentials);
  if (options.interval > 0) request.sync_interval_minutes = options.interval;
  auto ready = co_await core.keys.ensure_tenant_key(*tenant);
  if (!ready) co_return report(ready.error(), invocation.json);
  auto added = co_await core.integration_service.add(*tenant, std::move(request));
  if (!added) co_return report(added.error(), invocation.json);
  if (invocation.json) {
    print(api::view(*added, core.public_url));
    co_return 0;
  }
  std::cout << "Connected " << printable(added->integration.display_name) << ".\n";
  for (const auto& warning : added->report.info.warnings) std::cout << "note: " << printable(warning, 300) << '\n';
  show(added->integration, core.public_url, core.clock.now());
  co_return 0;
}

/// Resolves the reference, then runs one of the simple verbs on the integration.
Task<int> on_integration(Core& core, const Invocation& invocation, std::string reference, std::string verb) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  auto row = co_await core.integration_service.resolve(*tenant, reference);
  if (!row) co_return report(row.error(), invocation.json);

  if (verb == "check") {
    auto checked = co_await core.integration_service.check(*tenant, row->id);
    if (!checked) co_return report(checked.error(), invocation.json);
    if (invocation.json) {
      print(api::view(*checked, core.public_url));
    } else if (checked->report.ok) {
      std::cout << "The credentials work: " << printable(checked->report.info.display_name) << ".\n";
      for (const auto& warning : checked->report.info.warnings)
        std::cout << "note: " << printable(warning, 300) << '\n';
    } else {
      std::cerr << "error: " << printable(checked->report.message, 500) << '\n';
    }
    co_return checked->report.ok ? 0 : 1;
  }
  if (verb == "remove") {
    auto removed = co_await core.integration_service.remove(*tenant, row->id);
    if (!removed) co_return report(removed.error(), invocation.json);
    if (invocation.json)
      print({{"removed", row->id}});
    else
      std::cout << "Removed " << row->platform_id << '/' << row->account << ". Its conversations are kept.\n";
    co_return 0;
  }
  if (verb == "pause" || verb == "resume") {
    auto changed = co_await core.integration_service.set_paused(*tenant, row->id, verb == "pause");
    if (!changed) co_return report(changed.error(), invocation.json);
    *row = std::move(*changed);
  }
  if (invocation.json)
    print(api::view(*row, core.public_url));
  else
    show(*row, core.public_url, core.clock.now());
  co_return 0;
}

Task<int> list_integrations(Core& core, const Invocation& invocation) {
  auto tenant = co_await tenant_of(core, invocation.tenant);
  if (!tenant) co_return report(tenant.error(), invocation.json);
  auto rows = co_await core.integrations.list(*tenant);
  if (invocation.json) {
    std::vector<nlohmann::json> items;
    for (const auto& row : rows) items.push_back(api::view(row, core.public_url));
    print(api::paged(std::move(items), ""));
    co_return 0;
  }
  Table table({"ID", "PLATFORM", "NAME", "STATUS", "LAST SYNC", "MESSAGE"});
  for (const auto& row : rows)
    table.add({row.id.substr(0, 13), row.platform_id + "/" + row.account, printable(row.display_name, 30),
               row.paused ? "paused" : row.status, ago(row.last_sync_at, core.clock.now()),
               printable(row.status_message)});
  if (table.empty()) {
    std::cout << "No integrations yet. Connect one with: easyflow integrations add <platform>\n";
    co_return 0;
  }
  table.print();
  co_return 0;
}

int list_platforms(const Invocation& invocation) {
  auto connectors = connectors::make_registry();
  if (invocation.json) {
    std::vector<nlohmann::json> items;
    for (const auto& connector : connectors.all()) items.push_back(api::view(connector->manifest()));
    print(api::paged(std::move(items), ""));
    return 0;
  }
  Table table({"PLATFORM", "NAME", "TYPE", "CAN", "STREAMS", "CREDENTIALS"});
  for (const auto& connector : connectors.all()) {
    const auto& manifest = connector->manifest();
    std::string can, streams, credentials;
    for (const auto& word : manifest.capabilities) can += (can.empty() ? "" : ", ") + word;
    for (const auto& stream : manifest.streams) streams += (streams.empty() ? "" : ", ") + stream.name;
    for (const auto& field : manifest.credentials)
      credentials += (credentials.empty() ? "" : ", ") + field.name + (field.required ? "" : " (optional)");
    table.add({manifest.id, manifest.display_name, manifest.type, can, streams.empty() ? "-" : streams, credentials});
  }
  table.print();
  return 0;
}

}  // namespace

void add_integration_commands(CLI::App& app, Invocation& invocation) {
  app.add_subcommand("platforms", "What the hub can connect")->callback([&] {
    invocation.action = [&] { return list_platforms(invocation); };
  });

  auto* group = app.add_subcommand("integrations", "Accounts on platforms")->require_subcommand(1);
  group->add_subcommand("list", "All integrations")->callback([&] {
    invocation.action = [&] {
      return with_core(invocation, [&](Core& core) { return list_integrations(core, invocation); });
    };
  });

  auto add = std::make_shared<AddOptions>();
  auto* adding = group->add_subcommand("add", "Connect an account; asks for the credentials that are not given");
  adding->add_option("platform", add->platform, "Platform, see: easyflow platforms")->required();
  adding->add_option("--account", add->account, "A name for a second account on the same platform");
  adding->add_option("--user", add->user, "E-mail of the user it belongs to; default: the tenant's first");
  adding->add_option("--credential", add->credentials, "name=@file, name=env:VARIABLE or name=- (standard input)");
  adding->add_option("--interval", add->interval, "Minutes between syncs")->check(CLI::Range(1, 10080));
  adding->callback([&invocation, add] {
    invocation.action = [&invocation, add] {
      return with_core(invocation, [&invocation, add](Core& core) { return add_integration(core, invocation, *add); });
    };
  });

  const std::pair<const char*, const char*> verbs[] = {{"show", "One integration"},
                                                       {"check", "Prove the credentials at the platform"},
                                                       {"pause", "Stop syncs, polling and sending"},
                                                       {"resume", "Go on after a pause"},
                                                       {"remove", "Forget the account and its credentials"}};
  for (const auto& [verb, help] : verbs) {
    auto reference = std::make_shared<std::string>();
    auto confirmed = std::make_shared<bool>(false);
    auto* command = group->add_subcommand(verb, help);
    command->add_option("integration", *reference, "Platform, platform/account, or the beginning of the id")
        ->required();
    if (std::string(verb) == "remove") command->add_flag("--yes", *confirmed, "Do not ask");
    command->callback([&invocation, reference, confirmed, verb = std::string(verb)] {
      invocation.action = [&invocation, reference, confirmed, verb] {
        if (verb == "remove" && !*confirmed) {
          if (!is_interactive() ||
              ask("Remove " + *reference + " with its orders and products? Type yes", false).reveal() != "yes")
            return report(Error(ErrorKind::invalid_input, "Nothing was removed. Confirm with --yes."), invocation.json);
        }
        return with_core(invocation, [&invocation, reference, verb](Core& core) {
          return on_integration(core, invocation, *reference, verb);
        });
      };
    });
  }
}

}  // namespace easyflow::app
