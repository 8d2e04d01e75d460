#include "core/platforms/accounts.hpp"

#include "core/platforms/credentials.hpp"

namespace easyflow::platforms {

sdk::Account make_account(const sdk::Manifest& manifest, std::string integration_id, const BaseUrls& overrides) {
  sdk::Account account;
  account.integration_id = std::move(integration_id);
  auto elsewhere = overrides.find(manifest.id);
  for (const auto& host : manifest.hosts)
    account.base_urls[host.name] = elsewhere == overrides.end() ? host.url : elsewhere->second;
  return account;
}

AccountDirectory::AccountDirectory(storage::IntegrationRepository& integrations, crypto::Vault& vault,
                                   const sdk::Registry& connectors, BaseUrls base_urls)
    : integrations_(integrations), vault_(vault), connectors_(connectors), base_urls_(std::move(base_urls)) {}

Task<Result<AccountPtr>> AccountDirectory::open(std::string tenant_id, std::string integration_id) {
  if (auto known = by_id_.find(integration_id); known != by_id_.end()) {
    if (known->second->integration.tenant_id == tenant_id) co_return known->second;
    co_return Error(ErrorKind::not_found, "There is no such integration.");
  }
  const auto generation = generation_;
  auto integration = co_await integrations_.find(tenant_id, integration_id);
  if (!integration) co_return Error(ErrorKind::not_found, "There is no such integration.");
  auto sealed = co_await integrations_.credentials(tenant_id, integration_id);
  if (!sealed) co_return Error(ErrorKind::not_found, "The integration has no credentials.");

  const auto* connector = connectors_.find(integration->platform_id);
  if (connector == nullptr)
    co_return Error(ErrorKind::not_found, "This program has no connector for '" + integration->platform_id + "'.");
  auto opened = std::make_shared<OpenAccount>();
  opened->connector = connector;
  opened->account = make_account(connector->manifest(), integration_id, base_urls_);
  auto loaded = open_credentials(vault_, *integration, *sealed, opened->account);
  if (!loaded) co_return loaded.error();
  opened->integration = std::move(*integration);

  AccountPtr account = std::move(opened);
  if (generation == generation_) {
    by_id_[integration_id] = account;
    by_path_[account->integration.webhook_path] = account;
  }
  co_return account;
}

Task<Result<AccountPtr>> AccountDirectory::open_by_path(std::string webhook_path) {
  if (auto known = by_path_.find(webhook_path); known != by_path_.end()) co_return known->second;
  auto key = co_await integrations_.by_webhook_path(std::move(webhook_path));
  if (!key) co_return Error(ErrorKind::not_found, "No integration receives webhooks at this address.");
  auto account = co_await open(std::move(key->tenant_id), std::move(key->integration_id));
  co_return account;
}

void AccountDirectory::forget(const std::string& integration_id) {
  ++generation_;
  if (integration_id.empty()) {
    by_id_.clear();
    by_path_.clear();
    return;
  }
  auto known = by_id_.find(integration_id);
  if (known == by_id_.end()) return;
  by_path_.erase(known->second->integration.webhook_path);
  by_id_.erase(known);
}

}  // namespace easyflow::platforms
