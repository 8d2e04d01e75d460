#include "core/keys/key_service.hpp"

#include <algorithm>

#include "core/base/log.hpp"
#include "core/platforms/credentials.hpp"

namespace easyflow::keys {

KeyService::KeyService(storage::KeyRepository& keys, storage::IntegrationRepository& integrations,
                       storage::UserRepository& users, crypto::Vault& vault)
    : keys_(keys), integrations_(integrations), users_(users), vault_(vault) {}

Task<Result<void>> KeyService::open_all() {
  auto rows = co_await keys_.master_keys();
  const auto mine = vault_.master_keys().list();
  for (const auto& row : rows) {
    if (row.state == "retired") continue;
    auto key = std::find_if(mine.begin(), mine.end(), [&](const auto& k) { return k.id == row.id; });
    if (key == mine.end())
      co_return Error(ErrorKind::unauthorized,
                      "The database was sealed with master key " + row.id +
                          ", which the key file does not hold. Put back the key file that belongs to this database "
                          "(keys.file), or set EASYFLOW_MASTER_KEY.");
    if (key->fingerprint != row.fingerprint)
      co_return Error(ErrorKind::unauthorized, "The key file holds a master key " + row.id +
                                                   ", but not the one this database was sealed with. Put back the key "
                                                   "file that belongs to this database.");
  }
  for (const auto& key : mine) {
    bool known = std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.id == key.id; });
    if (!known) co_await keys_.put_master_key(key, key.active ? "active" : "old");
  }
  auto opened = co_await refresh();
  co_return opened;
}

Task<Result<void>> KeyService::refresh() {
  auto rows = co_await keys_.tenant_keys();
  for (const auto& row : rows) {
    auto adopted = vault_.adopt(row.key, row.current);
    if (!adopted) co_return adopted.error();
  }
  co_return Result<void>();
}

Task<Result<void>> KeyService::ensure_tenant_key(std::string tenant_id) {
  if (vault_.knows_tenant(tenant_id)) co_return Result<void>();
  auto opened = co_await refresh();  // another node may have made one
  if (!opened) co_return opened.error();
  if (vault_.knows_tenant(tenant_id)) co_return Result<void>();
  auto added = co_await keys_.add_tenant_key(vault_.make_tenant_key(tenant_id));
  if (!added) co_return added.error();
  opened = co_await refresh();
  co_return opened;
}

Task<bool> KeyService::serve_several_tenants() {
  auto tenants = co_await users_.tenants();
  co_return tenants.size() > 1;
}

Task<std::vector<storage::MasterKeyRow>> KeyService::list() { return keys_.master_keys(); }

Task<Result<RotationReport>> KeyService::rotate() {
  RotationReport report;
  report.old_master_key_id = vault_.master_keys().active_id();
  auto fresh = vault_.master_keys().add_key();
  if (!fresh) co_return fresh.error();
  report.new_master_key_id = *fresh;
  // the row comes first: a node that can't read the new key file yet says so instead of failing on sealed text
  for (const auto& key : vault_.master_keys().list())
    if (key.id == *fresh) co_await keys_.put_master_key(key, "active");

  // data keys that stay readable move under the new master key, then every tenant gets a new one
  auto rows = co_await keys_.tenant_keys();
  for (const auto& row : rows) {
    auto wrapped = vault_.rewrap(row.key);
    if (!wrapped) co_return wrapped.error();
    auto replaced = co_await keys_.replace_wrapping(std::move(*wrapped));
    if (!replaced) co_return replaced.error();
  }
  auto tenants = co_await users_.tenants();
  for (const auto& tenant : tenants) {
    auto added = co_await keys_.add_tenant_key(vault_.make_tenant_key(tenant.id));
    if (!added) co_return added.error();
    ++report.tenant_keys;
  }
  auto opened = co_await refresh();
  if (!opened) co_return opened.error();

  for (const auto& tenant : tenants) {
    auto integrations = co_await integrations_.list(tenant.id);
    for (const auto& integration : integrations) {
      auto resealed = co_await reseal(integration);
      if (!resealed) co_return resealed.error();
      report.credentials += *resealed ? 1 : 0;
    }
  }
  log::info("keys.rotated", {{"new_key", report.new_master_key_id},
                             {"old_key", report.old_master_key_id},
                             {"credentials", report.credentials}});
  co_return report;
}

Task<Result<void>> KeyService::retire(std::string master_key_id) {
  const auto mine = vault_.master_keys().list();
  auto key = std::find_if(mine.begin(), mine.end(), [&](const auto& k) { return k.id == master_key_id; });
  if (key == mine.end())
    co_return Error(ErrorKind::not_found, "The key file holds no master key " + master_key_id + ".");
  if (key->active)
    co_return Error(ErrorKind::conflict,
                    "Master key " + master_key_id + " is in use. Rotate first: easyflow keys rotate");
  // the row goes first: a key that is missing from the file but expected by the database would stop the hub
  bool retired = co_await keys_.retire_master_key(master_key_id);
  if (!retired)
    co_return Error(ErrorKind::conflict,
                    "Data keys still hang on master key " + master_key_id + ". Rotate again: easyflow keys rotate");
  auto removed = vault_.master_keys().remove_key(master_key_id);
  if (removed) log::info("keys.retired", {{"key", master_key_id}});
  co_return removed;
}

Task<Result<bool>> KeyService::reseal(storage::Integration integration) {
  // somebody may replace the credentials meanwhile: then theirs are read and sealed instead
  for (int tries = 0; tries < 5; ++tries) {
    auto sealed = co_await integrations_.credentials(integration.tenant_id, integration.id);
    if (!sealed) co_return false;
    if (sealed->key_id == vault_.current_key_id(integration.tenant_id)) co_return true;
    auto again = platforms::reseal_credentials(vault_, integration, *sealed);
    if (!again) co_return again.error();
    bool replaced = co_await integrations_.replace_credentials(integration.tenant_id, integration.id, *sealed, *again);
    if (replaced) co_return true;
  }
  co_return Error(ErrorKind::conflict, "The credentials of integration " + integration.id +
                                           " keep changing. Rotate again; both keys stay readable.");
}

}  // namespace easyflow::keys
