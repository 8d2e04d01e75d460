#include "core/platforms/integrations.hpp"

#include <algorithm>

#include "connectors/sdk/text.hpp"
#include "core/base/ids.hpp"
#include "core/base/log.hpp"
#include "core/base/nearest.hpp"
#include "core/platforms/credentials.hpp"
#include "crypto/tokens.hpp"

namespace easyflow::platforms {
namespace {

Error no_such_integration() { return Error(ErrorKind::not_found, "There is no such integration."); }

/// People wait for a check: a short patience, and their lane.
Patience check_patience() {
  Patience patience;
  patience.longest_wait = std::chrono::seconds(10);
  patience.attempts = 2;
  patience.lane = storage::Lane::interactive;
  return patience;
}

constexpr const char* kWebhookSecret = "webhook_secret";

/// Empty, or what every platform takes as a secret to send back.
bool is_webhook_secret(const std::string& text) {
  if (text.empty()) return true;
  return text.size() >= 16 && text.size() <= 256 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

bool begins_with(const std::string& text, const std::string& beginning) {
  return text.compare(0, beginning.size(), beginning) == 0;
}

}  // namespace

IntegrationService::IntegrationService(storage::IntegrationRepository& integrations, crypto::Vault& vault,
                                       const sdk::Registry& connectors, AccountDirectory& accounts,
                                       PlatformCaller& caller, BaseUrls base_urls)
    : integrations_(integrations),
      vault_(vault),
      connectors_(connectors),
      accounts_(accounts),
      caller_(caller),
      base_urls_(std::move(base_urls)) {}

Result<void> IntegrationService::validate(const sdk::Manifest& manifest,
                                          const std::map<std::string, Secret>& credentials) const {
  std::vector<std::string> names;
  for (const auto& field : manifest.credentials) names.push_back(field.name);
  for (const auto& [name, value] : credentials) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      return Error(ErrorKind::invalid_input,
                   manifest.display_name + " has no credential '" + name + "'." + did_you_mean(name, names))
          .with_field("credentials." + name);
    if (value.reveal().size() > 4096)
      return Error(ErrorKind::invalid_input, "The value is longer than 4096 bytes; this can't be right.")
          .with_field("credentials." + name);
  }
  if (auto own = credentials.find(kWebhookSecret); own != credentials.end() && !is_webhook_secret(own->second.reveal()))
    return Error(ErrorKind::invalid_input,
                 "A webhook secret is 16 to 256 characters of A-Z a-z 0-9 _ -. Leave it out and the hub makes one.")
        .with_field("credentials.webhook_secret");
  for (const auto& field : manifest.credentials) {
    auto given = credentials.find(field.name);
    if (field.required && (given == credentials.end() || given->second.empty()))
      return Error(ErrorKind::invalid_input, field.label + " is missing. " + field.help)
          .with_field("credentials." + field.name);
  }
  return {};
}

Task<Result<CheckReport>> IntegrationService::prove(const sdk::Connector& connector, AccountPtr account) {
  std::shared_ptr<sdk::Exchange<sdk::AccountInfo>> exchange = connector.credentials().check(account->account);
  auto info = co_await caller_.run<sdk::AccountInfo>(account, exchange, check_patience());
  CheckReport report;
  if (info) {
    report.ok = true;
    report.info = std::move(*info);
    co_return report;
  }
  const auto kind = info.error().kind();
  if (kind == ErrorKind::unauthorized || kind == ErrorKind::invalid_input) {
    report.message = info.error().message();
    co_return report;
  }
  co_return Error(kind == ErrorKind::rate_limited ? kind : ErrorKind::unavailable,
                  connector.manifest().display_name + " could not be asked whether the credentials work: " +
                      info.error().message() + " Try again later.",
                  info.error().retry_after());
}

Result<storage::SealedCredentials> IntegrationService::seal(const storage::Integration& integration,
                                                            const sdk::Account& account) {
  return seal_credentials(vault_, integration, account);
}

Task<Result<CheckedIntegration>> IntegrationService::add(std::string tenant_id, NewIntegration request) {
  auto found = connectors_.require(request.platform_id);
  if (!found) co_return Error(found.error()).with_field("platform");
  const sdk::Connector& connector = **found;
  const auto& manifest = connector.manifest();
  if (auto valid = validate(manifest, request.credentials); !valid) co_return valid.error();
  if (request.account.empty() || request.account.size() > 100)
    co_return Error(ErrorKind::invalid_input, "An account name has 1 to 100 bytes.").with_field("account");
  if (request.sync_interval_minutes && (*request.sync_interval_minutes < 1 || *request.sync_interval_minutes > 10080))
    co_return Error(ErrorKind::invalid_input, "The interval is 1 minute to 10080 (a week).")
        .with_field("sync_interval_minutes");

  auto opened = std::make_shared<OpenAccount>();
  auto& row = opened->integration;
  row.id = new_uuid();
  row.tenant_id = tenant_id;
  row.user_id = std::move(request.user_id);
  row.platform_id = manifest.id;
  row.account = std::move(request.account);
  row.webhook_path = crypto::random_token(32);
  row.status = "connected";
  if (request.sync_interval_minutes) {
    row.sync_interval_minutes = *request.sync_interval_minutes;
  } else if (!manifest.streams.empty()) {
    auto shortest =
        std::min_element(manifest.streams.begin(), manifest.streams.end(),
                         [](const auto& a, const auto& b) { return a.default_interval < b.default_interval; });
    row.sync_interval_minutes = static_cast<int>(shortest->default_interval.count());
  }
  opened->connector = &connector;
  opened->account = make_account(manifest, row.id, base_urls_);
  opened->account.credentials = std::move(request.credentials);
  adopt_hub_secrets(opened->account);

  CheckedIntegration result;
  auto proof = co_await prove(connector, opened);
  if (!proof) co_return proof.error();
  if (!proof->ok)
    co_return Error(ErrorKind::unauthorized, manifest.display_name + " refused the credentials: " + proof->message)
        .with_field("credentials");
  result.report = std::move(*proof);
  row.external_account_id = result.report.info.external_id;
  row.display_name = result.report.info.display_name;

  auto sealed = seal(row, opened->account);
  if (!sealed) co_return sealed.error();
  std::vector<std::string> streams;
  for (const auto& stream : manifest.streams) streams.push_back(stream.name);
  auto stored = co_await integrations_.add(row, std::move(*sealed), std::move(streams));
  if (!stored) co_return stored.error();
  log::info("integration.added", {{"integration", stored->id}, {"platform", manifest.id}});
  result.integration = std::move(*stored);
  co_return result;
}

void IntegrationService::adopt_hub_secrets(sdk::Account& account) {
  // a secret of the user's own (an existing webhook is moved here) wins over a fresh one
  auto given = account.credentials.extract(kWebhookSecret);
  if (!given.empty() && !given.mapped().empty())
    account.hub_secrets[kWebhookSecret] = std::move(given.mapped());
  else if (account.hub_secrets.count(kWebhookSecret) == 0)
    account.hub_secrets[kWebhookSecret] = Secret(crypto::random_token(32));
}

Task<Result<CheckedIntegration>> IntegrationService::check(std::string tenant_id, std::string id) {
  auto account = co_await accounts_.open(tenant_id, id);
  if (!account) co_return account.error();
  auto proof = co_await prove(*(*account)->connector, *account);
  if (!proof) co_return proof.error();
  CheckedIntegration result;
  result.report = std::move(*proof);
  if (result.report.ok) {
    co_await integrations_.set_status(tenant_id, id, "connected", "");
    co_await integrations_.set_account_info(tenant_id, id, result.report.info.external_id,
                                            result.report.info.display_name);
  } else {
    co_await integrations_.set_status(tenant_id, id, "error", result.report.message);
  }
  accounts_.forget(id);
  auto integration = co_await integrations_.find(tenant_id, id);
  if (!integration) co_return no_such_integration();
  result.integration = std::move(*integration);
  co_return result;
}

Task<Result<CheckedIntegration>> IntegrationService::replace_credentials(std::string tenant_id, std::string id,
                                                                         std::map<std::string, Secret> credentials) {
  auto integration = co_await integrations_.find(tenant_id, id);
  if (!integration) co_return no_such_integration();
  auto found = connectors_.require(integration->platform_id);
  if (!found) co_return found.error();
  const sdk::Connector& connector = **found;
  if (auto valid = validate(connector.manifest(), credentials); !valid) co_return valid.error();

  auto opened = std::make_shared<OpenAccount>();
  opened->integration = *integration;
  opened->connector = &connector;
  opened->account = make_account(connector.manifest(), id, base_urls_);
  auto before = co_await integrations_.credentials(tenant_id, id);
  if (before) {
    // the webhook secret stays: the platform goes on using it
    sdk::Account old;
    if (open_credentials(vault_, *integration, *before, old)) opened->account.hub_secrets = std::move(old.hub_secrets);
  }
  opened->account.credentials = std::move(credentials);
  adopt_hub_secrets(opened->account);

  CheckedIntegration result;
  auto proof = co_await prove(connector, opened);
  if (!proof) co_return proof.error();
  if (!proof->ok)
    co_return Error(ErrorKind::unauthorized, connector.manifest().display_name + " refused the credentials: " +
                                                 proof->message + " The stored ones were kept.")
        .with_field("credentials");
  // rows, conversations, positions and dedup keys are those of one account: another one's would be lost among them
  const auto& theirs = proof->info.external_id;
  if (!integration->external_account_id.empty() && !theirs.empty() && theirs != integration->external_account_id)
    co_return Error(ErrorKind::conflict, "These credentials belong to another account of " +
                                             connector.manifest().display_name + " (" + theirs +
                                             "). The stored ones were kept. Connect that account as an integration of "
                                             "its own, with an account name of its own.")
        .with_field("credentials");
  result.report = std::move(*proof);
  auto sealed = seal(*integration, opened->account);
  if (!sealed) co_return sealed.error();
  storage::SealedCredentials expected;
  if (before) expected = std::move(*before);
  bool replaced = co_await integrations_.replace_credentials(tenant_id, id, std::move(expected), std::move(*sealed));
  if (!replaced)
    co_return Error(ErrorKind::conflict, "The credentials were changed by somebody else meanwhile. Try again.");
  co_await integrations_.set_status(tenant_id, id, "connected", "");
  co_await integrations_.set_account_info(tenant_id, id, result.report.info.external_id,
                                          result.report.info.display_name);
  accounts_.forget(id);
  auto now = co_await integrations_.find(tenant_id, id);
  if (!now) co_return no_such_integration();
  result.integration = std::move(*now);
  co_return result;
}

Task<Result<storage::Integration>> IntegrationService::set_paused(std::string tenant_id, std::string id, bool paused) {
  bool there = co_await integrations_.set_paused(tenant_id, id, paused);
  if (!there) co_return no_such_integration();
  accounts_.forget(id);
  auto integration = co_await integrations_.find(tenant_id, id);
  if (!integration) co_return no_such_integration();
  co_return std::move(*integration);
}

Task<Result<void>> IntegrationService::remove(std::string tenant_id, std::string id) {
  auto account = co_await accounts_.open(tenant_id, id);
  if (account && (*account)->connector->webhooks() != nullptr) {
    // best effort: a platform that can't be reached must not keep an account from being removed
    std::shared_ptr<sdk::Exchange<std::monostate>> exchange =
        (*account)->connector->webhooks()->remove_webhook((*account)->account);
    auto removed = co_await caller_.run<std::monostate>(*account, exchange, check_patience());
    if (!removed) log::warn("integration.webhook_left", {{"integration", id}, {"error", removed.error().message()}});
  }
  bool gone = co_await integrations_.remove(tenant_id, id);
  accounts_.forget(id);
  if (!gone) co_return no_such_integration();
  log::info("integration.removed", {{"integration", id}});
  co_return Result<void>();
}

Task<Result<storage::Integration>> IntegrationService::resolve(std::string tenant_id, std::string reference) {
  auto all = co_await integrations_.list(tenant_id);
  std::vector<storage::Integration> matches;
  for (auto& candidate : all) {
    bool by_id = candidate.id == reference || (reference.size() >= 4 && begins_with(candidate.id, reference));
    if (by_id || candidate.platform_id == reference || candidate.platform_id + "/" + candidate.account == reference)
      matches.push_back(std::move(candidate));
  }
  if (matches.size() == 1) co_return std::move(matches.front());
  if (matches.empty())
    co_return Error(ErrorKind::not_found,
                    "There is no integration '" + reference + "'. See: easyflow integrations list.");
  std::string names;
  for (const auto& match : matches) names += (names.empty() ? "" : ", ") + match.platform_id + "/" + match.account;
  co_return Error(ErrorKind::invalid_input, "'" + reference + "' names several integrations: " + names + ".");
}

}  // namespace easyflow::platforms
