#include "storage/repositories/keys.hpp"

#include <utility>

#include "storage/pg_array.hpp"
#include "storage/repositories/rows.hpp"

namespace easyflow::storage {
namespace {

constexpr Sql kMasterKeys{"keys.master_keys", R"sql(
  select id, fingerprint, state, created_at from encryption_keys order by created_at, id)sql"};

constexpr Sql kPutMasterKey{"keys.put_master_key", R"sql(
  insert into encryption_keys as k (id, fingerprint, state, retired_at)
  values ($1, $2, $3::text, case when $3::text = 'retired' then now() end)
  on conflict (id) do update
     set fingerprint = excluded.fingerprint, state = excluded.state,
         retired_at = case when excluded.state = 'retired' then coalesce(k.retired_at, now()) end
   where (k.fingerprint, k.state) is distinct from (excluded.fingerprint, excluded.state))sql"};

constexpr Sql kAgeOthers{"keys.age_others", R"sql(
  update encryption_keys set state = 'old' where id <> $1 and state = 'active')sql"};

// Whoever wraps a data key holds the master key's row until the commit; whoever retires it waits for them, and looks
// with a new snapshot for what hangs on it.
constexpr Sql kHoldMasterKey{"keys.hold_master_key", "select state from encryption_keys where id = $1 for share"};
constexpr Sql kLockMasterKey{"keys.lock_master_key", "select from encryption_keys where id = $1 for update"};
constexpr Sql kRetireMasterKey{"keys.retire_master_key", R"sql(
  update encryption_keys set state = 'retired', retired_at = now()
   where id = $1 and state <> 'active' and not exists (select from hub_tenant_keys() t where t.master_key_id = $1))sql"};

constexpr Sql kTenantKeys{"keys.tenant_keys", R"sql(
  select id, tenant_id, master_key_id, wrapped, is_current from hub_tenant_keys())sql"};

constexpr Sql kEndCurrent{"keys.end_current", "update tenant_keys set is_current = false where is_current"};

constexpr Sql kAddTenantKey{"keys.add_tenant_key", R"sql(
  insert into tenant_keys (id, tenant_id, master_key_id, wrapped, is_current)
  values ($1, current_tenant(), $2, $3::bytea, true))sql"};

constexpr Sql kReplaceWrapping{"keys.replace_wrapping", R"sql(
  update tenant_keys set master_key_id = $2, wrapped = $3::bytea where id = $1)sql"};

constexpr Sql kNotify{"keys.notify", "select pg_notify('keys', '')"};

Result<void> hold_master_key(Tx& tx, const std::string& id) {
  const auto rows = tx.exec(kHoldMasterKey, id);
  if (!rows.empty() && text_of(rows[0][0]) == "retired")
    return Error(ErrorKind::conflict,
                 "Master key " + id + " was retired. Copy the newest key file to this machine and start again.");
  return {};
}

}  // namespace

Task<std::vector<MasterKeyRow>> KeyRepository::master_keys() {
  auto work = [](Tx& tx) {
    std::vector<MasterKeyRow> out;
    for (const auto& row : tx.exec(kMasterKeys)) {
      MasterKeyRow key;
      key.id = text_of(row["id"]);
      key.fingerprint = text_of(row["fingerprint"]);
      key.state = text_of(row["state"]);
      key.created_at = time_of(row["created_at"]);
      out.push_back(std::move(key));
    }
    return out;
  };
  return db_.run(Lane::interactive, Scope::hub(), std::move(work));
}

Task<> KeyRepository::put_master_key(crypto::MasterKeyInfo key, std::string state) {
  auto work = [key = std::move(key), state = std::move(state)](Tx& tx) {
    if (state == "active") tx.exec(kAgeOthers, key.id);
    tx.exec(kPutMasterKey, key.id, key.fingerprint, state);
  };
  return db_.run(Lane::interactive, Scope::hub(), std::move(work));
}

Task<bool> KeyRepository::retire_master_key(std::string id) {
  auto work = [id = std::move(id)](Tx& tx) {
    tx.exec(kLockMasterKey, id);
    return tx.exec(kRetireMasterKey, id).affected_rows() > 0;
  };
  return db_.run(Lane::interactive, Scope::hub(), std::move(work));
}

Task<std::vector<TenantKeyRow>> KeyRepository::tenant_keys() {
  auto work = [](Tx& tx) {
    std::vector<TenantKeyRow> out;
    for (const auto& row : tx.exec(kTenantKeys)) {
      TenantKeyRow key;
      key.key.id = text_of(row["id"]);
      key.key.tenant_id = text_of(row["tenant_id"]);
      key.key.master_key_id = text_of(row["master_key_id"]);
      key.key.wrapped = parse_bytea(text_of(row["wrapped"]));
      key.current = row["is_current"].as<bool>();
      out.push_back(std::move(key));
    }
    return out;
  };
  return db_.run(Lane::interactive, Scope::hub(), std::move(work));
}

Task<Result<void>> KeyRepository::add_tenant_key(crypto::WrappedKey key) {
  auto scope = Scope::tenant(key.tenant_id);
  auto work = [key = std::move(key)](Tx& tx) -> Result<void> {
    if (auto held = hold_master_key(tx, key.master_key_id); !held) return held.error();
    tx.exec(kEndCurrent);
    tx.exec(kAddTenantKey, key.id, key.master_key_id, hex_bytea(key.wrapped));
    tx.exec(kNotify);
    return {};
  };
  return db_.run(Lane::interactive, std::move(scope), std::move(work));
}

Task<Result<void>> KeyRepository::replace_wrapping(crypto::WrappedKey key) {
  auto scope = Scope::tenant(key.tenant_id);
  auto work = [key = std::move(key)](Tx& tx) -> Result<void> {
    if (auto held = hold_master_key(tx, key.master_key_id); !held) return held.error();
    tx.exec(kReplaceWrapping, key.id, key.master_key_id, hex_bytea(key.wrapped));
    tx.exec(kNotify);
    return {};
  };
  return db_.run(Lane::interactive, std::move(scope), std::move(work));
}

}  // namespace easyflow::storage
