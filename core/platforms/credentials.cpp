#include "core/platforms/credentials.hpp"

#include <nlohmann/json.hpp>

namespace easyflow::platforms {
namespace {

crypto::SealContext context_of(const storage::Integration& integration) {
  return {integration.tenant_id, integration.id, "credentials"};
}

nlohmann::json to_json(const std::map<std::string, Secret>& secrets) {
  auto object = nlohmann::json::object();
  for (const auto& [name, value] : secrets) object[name] = value.reveal();
  return object;
}

void take(const nlohmann::json& object, std::map<std::string, Secret>& into) {
  if (!object.is_object()) return;
  for (const auto& [name, value] : object.items())
    if (value.is_string()) into[name] = Secret(value.get<std::string>());
}

}  // namespace

Result<storage::SealedCredentials> seal_credentials(const crypto::Vault& vault, const storage::Integration& integration,
                                                    const sdk::Account& account) {
  nlohmann::json both = {{"credentials", to_json(account.credentials)}, {"hub", to_json(account.hub_secrets)}};
  Secret plain(both.dump());
  EASYFLOW_TRY(sealed, vault.seal(context_of(integration), plain.reveal()));
  storage::SealedCredentials row;
  row.key_id = crypto::Vault::key_id_of(sealed);
  row.sealed = std::move(sealed);
  return row;
}

Result<void> open_credentials(const crypto::Vault& vault, const storage::Integration& integration,
                              const storage::SealedCredentials& sealed, sdk::Account& account) {
  EASYFLOW_TRY(plain, vault.open(context_of(integration), sealed.sealed));
  auto both = nlohmann::json::parse(plain.reveal(), nullptr, /*allow_exceptions=*/false);
  if (!both.is_object())
    return Error(ErrorKind::internal, "The stored credentials are not in the form the hub writes.");
  take(both["credentials"], account.credentials);
  take(both["hub"], account.hub_secrets);
  return {};
}

Result<storage::SealedCredentials> reseal_credentials(const crypto::Vault& vault,
                                                      const storage::Integration& integration,
                                                      const storage::SealedCredentials& sealed) {
  EASYFLOW_TRY(plain, vault.open(context_of(integration), sealed.sealed));
  EASYFLOW_TRY(again, vault.seal(context_of(integration), plain.reveal()));
  storage::SealedCredentials row;
  row.key_id = crypto::Vault::key_id_of(again);
  row.sealed = std::move(again);
  return row;
}

}  // namespace easyflow::platforms
