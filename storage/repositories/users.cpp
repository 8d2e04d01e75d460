#include "storage/repositories/users.hpp"

#include <algorithm>
#include <utility>

#include "core/base/ids.hpp"
#include "storage/pg_array.hpp"
#include "storage/repositories/rows.hpp"

namespace easyflow::storage {
namespace {

constexpr Sql kAddTenant{"users.add_tenant", R"sql(
  insert into tenants (id, name) values ($1::uuid, left($2, 255)) on conflict do nothing)sql"};

constexpr Sql kDropTenant{"users.drop_tenant", "delete from tenants where id = $1::uuid"};

constexpr Sql kAdd{"users.add", R"sql(
  insert into users (id, tenant_id, email, name, role, password_hash)
  values ($1::uuid, current_tenant(), lower($2), $3, $4, $5)
  on conflict (email) do nothing
  returning id, tenant_id, email, name, role, coalesce(password_hash, '') as password_hash,
            coalesce(timezone, '') as time_zone)sql"};

constexpr Sql kTenants{"users.tenants", "select tenant_id, name from hub_tenants()"};

constexpr Sql kList{"users.list", R"sql(
  select id, tenant_id, email, name, role, coalesce(password_hash, '') as password_hash,
         coalesce(timezone, '') as time_zone
    from users where is_active order by created_at, id)sql"};

// Messages are read, and quiet hours kept, by the zone: hubs hear of it.
constexpr Sql kSetTimeZone{"users.set_time_zone", R"sql(
  update users set timezone = $2, updated_at = now() where id = $1::uuid returning pg_notify('nlp', ''))sql"};

constexpr Sql kLogin{"users.login", R"sql(
  select user_id as id, tenant_id, lower($1) as email, name, role, coalesce(password_hash, '') as password_hash,
         '' as time_zone
    from hub_login($1))sql"};

constexpr Sql kAddToken{"tokens.add", R"sql(
  insert into api_tokens (id, tenant_id, user_id, name, kind, token_hash, scopes, expires_at)
  values ($1::uuid, current_tenant(), $2::uuid, left($3, 255), $4, $5, $6::text[], $7::timestamptz)
  returning id, name, kind, scopes, created_at, expires_at, last_used_at)sql"};

constexpr Sql kPrincipal{"tokens.principal", R"sql(
  select token_id, tenant_id, user_id, kind, scopes from hub_token($1))sql"};

constexpr Sql kTokens{"tokens.list", R"sql(
  select id, name, kind, scopes, created_at, expires_at, last_used_at from api_tokens
   where expires_at is null or expires_at > now() order by created_at, id)sql"};

constexpr Sql kRevokeToken{"tokens.revoke", "delete from api_tokens where id = $1::uuid"};
// Hubs remember tokens for a while: all of them hear that one has ended.
constexpr Sql kTellRevoked{"tokens.tell_revoked", "select pg_notify('tokens', '')"};

User read_user(const pqxx::row& row) {
  User out;
  out.id = text_of(row["id"]);
  out.tenant_id = text_of(row["tenant_id"]);
  out.email = text_of(row["email"]);
  out.name = text_of(row["name"]);
  out.role = text_of(row["role"]);
  out.password_hash = text_of(row["password_hash"]);
  out.time_zone = text_of(row["time_zone"]);
  return out;
}

ApiToken read_token(const pqxx::row& row) {
  ApiToken out;
  out.id = text_of(row["id"]);
  out.name = text_of(row["name"]);
  out.kind = text_of(row["kind"]);
  out.scopes = texts_of(row["scopes"]);
  out.created_at = time_of(row["created_at"]);
  out.expires_at = maybe_time_of(row["expires_at"]);
  out.last_used_at = maybe_time_of(row["last_used_at"]);
  return out;
}

}  // namespace

bool Principal::may(std::string_view scope) const {
  return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

Task<Result<User>> UserRepository::add(User user, std::string tenant_name) {
  if (user.tenant_id.empty()) user.tenant_id = new_uuid();
  if (user.id.empty()) user.id = new_uuid();
  auto scope = Scope::tenant(user.tenant_id);
  auto work = [user = std::move(user), tenant_name = clean_text(tenant_name)](Tx& tx) -> Result<User> {
    const bool new_tenant = tx.exec(kAddTenant, user.tenant_id, tenant_name).affected_rows() > 0;
    const auto rows = tx.exec(kAdd, user.id, clean_text(user.email), clean_text(user.name), user.role,
                              unless_empty(user.password_hash));
    if (!rows.empty()) return read_user(rows[0]);
    if (new_tenant) tx.exec(kDropTenant, user.tenant_id);
    return Error(ErrorKind::conflict, "there is a user with this e-mail address already").with_field("email");
  };
  return db_.run(Lane::interactive, std::move(scope), std::move(work));
}

Task<std::vector<TenantName>> UserRepository::tenants() {
  auto work = [](Tx& tx) {
    std::vector<TenantName> out;
    for (const auto& row : tx.exec(kTenants)) {
      TenantName tenant;
      tenant.id = text_of(row["tenant_id"]);
      tenant.name = text_of(row["name"]);
      out.push_back(std::move(tenant));
    }
    return out;
  };
  return db_.run(Lane::interactive, Scope::hub(), std::move(work));
}

Task<std::vector<User>> UserRepository::list(std::string tenant_id) {
  auto work = [](Tx& tx) {
    std::vector<User> out;
    for (const auto& row : tx.exec(kList)) out.push_back(read_user(row));
    return out;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<bool> UserRepository::set_time_zone(std::string tenant_id, std::string user_id, std::string time_zone) {
  auto work = [user_id = std::move(user_id), time_zone = std::move(time_zone)](Tx& tx) {
    return is_uuid(user_id) && !tx.exec(kSetTimeZone, user_id, time_zone).empty();
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::optional<User>> UserRepository::find_login(std::string email) {
  auto work = [email = clean_text(email)](Tx& tx) -> std::optional<User> {
    const auto rows = tx.exec(kLogin, email);
    if (rows.empty()) return std::nullopt;
    return read_user(rows[0]);
  };
  return db_.run(Lane::interactive, Scope::hub(), std::move(work));
}

Task<ApiToken> UserRepository::add_token(std::string tenant_id, std::string user_id, ApiToken token,
                                         std::string token_hash) {
  if (token.id.empty()) token.id = new_uuid();
  auto work = [user_id = std::move(user_id), token = std::move(token), hash = std::move(token_hash)](Tx& tx) {
    std::optional<std::string> expires_at;
    if (token.expires_at) expires_at = format_rfc3339(*token.expires_at);
    return read_token(tx.exec(kAddToken, token.id, user_id, clean_text(token.name), token.kind, hash,
                              text_array(token.scopes), expires_at)[0]);
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::optional<Principal>> UserRepository::principal(std::string token_hash) {
  auto work = [hash = clean_text(token_hash)](Tx& tx) -> std::optional<Principal> {
    const auto rows = tx.exec(kPrincipal, hash);
    if (rows.empty()) return std::nullopt;
    Principal out;
    out.token_id = text_of(rows[0]["token_id"]);
    out.tenant_id = text_of(rows[0]["tenant_id"]);
    out.user_id = text_of(rows[0]["user_id"]);
    out.kind = text_of(rows[0]["kind"]);
    out.scopes = texts_of(rows[0]["scopes"]);
    return out;
  };
  return db_.run(Lane::interactive, Scope::hub(), std::move(work));
}

Task<std::vector<ApiToken>> UserRepository::tokens(std::string tenant_id) {
  auto work = [](Tx& tx) {
    std::vector<ApiToken> out;
    for (const auto& row : tx.exec(kTokens)) out.push_back(read_token(row));
    return out;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<bool> UserRepository::revoke_token(std::string tenant_id, std::string token_id) {
  auto work = [token_id = std::move(token_id)](Tx& tx) {
    if (!is_uuid(token_id) || tx.exec(kRevokeToken, token_id).affected_rows() == 0) return false;
    tx.exec(kTellRevoked);
    return true;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

}  // namespace easyflow::storage
