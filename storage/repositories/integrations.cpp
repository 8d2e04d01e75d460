#include "storage/repositories/integrations.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/ids.hpp"
#include "storage/pg_array.hpp"
#include "storage/repositories/rows.hpp"

namespace easyflow::storage {
namespace {

constexpr Sql kPutPlatforms{"platforms.put", R"sql(
  insert into platforms as p (id, name, display_name, type, region, capabilities, required_credentials, configuration)
  select e->>'id', e->>'name', e->>'display_name', (e->>'type')::platform_type, (e->>'region')::platform_region,
         array(select jsonb_array_elements_text(e->'capabilities')),
         array(select jsonb_array_elements_text(e->'required_credentials')), e->'configuration'
    from jsonb_array_elements($1::jsonb) e
   order by 1
  on conflict (id) do update
     set name = excluded.name, display_name = excluded.display_name, type = excluded.type, region = excluded.region,
         capabilities = excluded.capabilities, required_credentials = excluded.required_credentials,
         configuration = excluded.configuration
   where (p.name, p.display_name, p.type, p.region, p.capabilities, p.required_credentials, p.configuration)
         is distinct from (excluded.name, excluded.display_name, excluded.type, excluded.region, excluded.capabilities,
                           excluded.required_credentials, excluded.configuration))sql"};

constexpr Sql kAdd{"integrations.add", R"sql(
  insert into integrations (id, tenant_id, user_id, platform_id, account, status, status_message, display_name,
                            external_account_id, webhook_path, sync_interval_minutes, credentials_encrypted,
                            encryption_key_id)
  values ($1::uuid, current_tenant(), $2::uuid, $3, $4, $5::integration_status, $6, $7, $8, $9, $10::integer, $11::bytea, $12)
  on conflict do nothing
  returning id, tenant_id, user_id, platform_id, account, status, status_message, paused, display_name,
            external_account_id, webhook_path, sync_interval_minutes, last_sync_at, next_sync_at, created_at, updated_at)sql"};

constexpr Sql kSameAccount{"integrations.same_account", R"sql(
  select account from integrations where platform_id = $1 and external_account_id = $2)sql"};

constexpr Sql kAddStreams{"integrations.add_streams", R"sql(
  insert into sync_cursors (integration_id, stream, tenant_id)
  select $1::uuid, stream, current_tenant() from unnest($2::text[]) stream)sql"};

constexpr Sql kList{"integrations.list", R"sql(
  select id, tenant_id, user_id, platform_id, account, status, status_message, paused, display_name,
         external_account_id, webhook_path, sync_interval_minutes, last_sync_at, next_sync_at, created_at, updated_at
    from integrations order by created_at, id)sql"};

constexpr Sql kFind{"integrations.find", R"sql(
  select id, tenant_id, user_id, platform_id, account, status, status_message, paused, display_name,
         external_account_id, webhook_path, sync_interval_minutes, last_sync_at, next_sync_at, created_at, updated_at
    from integrations where id = $1::uuid)sql"};

constexpr Sql kCredentials{"integrations.credentials", R"sql(
  select credentials_encrypted, encryption_key_id from integrations
   where id = $1::uuid and credentials_encrypted is not null)sql"};

constexpr Sql kReplaceCredentials{"integrations.replace_credentials", R"sql(
  update integrations set credentials_encrypted = $4::bytea, encryption_key_id = $5, updated_at = now()
   where id = $1::uuid and credentials_encrypted = $2::bytea and encryption_key_id = $3
  returning pg_notify('integrations', id::text))sql"};

constexpr Sql kSetStatus{"integrations.set_status", R"sql(
  update integrations set status = $2::integration_status, status_message = nullif($3, ''), updated_at = now()
   where id = $1::uuid returning pg_notify('integrations', id::text))sql"};

constexpr Sql kSetPaused{"integrations.set_paused", R"sql(
  update integrations set paused = $2::boolean, updated_at = now()
   where id = $1::uuid returning pg_notify('integrations', id::text))sql"};

constexpr Sql kSetAccountInfo{"integrations.set_account_info", R"sql(
  update integrations set external_account_id = left($2, 255), display_name = left($3, 255), updated_at = now()
   where id = $1::uuid returning pg_notify('integrations', id::text))sql"};

constexpr Sql kLock{"integrations.lock", "select id from integrations where id = $1::uuid for update"};

// The queue goes with the integration, the conversations stay: they must not show messages as queued for ever.
constexpr Sql kEndQueue{"integrations.end_queue", R"sql(
  with ended as (
    select id, conversation_id, message_id, message_created_at, chat_id, sequence,
           case when state = 'queued' then 'failed' else 'unknown' end as outcome
      from outbound_messages where integration_id = $1::uuid and state in ('queued', 'sending') for update
  ), recorded as (
    update messages m
       set metadata = m.metadata || jsonb_build_object('delivery', e.outcome, 'error', 'the integration was removed')
      from ended e where m.id = e.message_id and m.created_at = e.message_created_at
  )
  insert into outbox_events (tenant_id, integration_id, type, subject_id, payload)
  select current_tenant(), $1::uuid, 'message.' || e.outcome, e.message_id,
         jsonb_build_object('conversation_id', e.conversation_id, 'message_id', e.message_id, 'outbound_id', e.id,
                            'chat_id', e.chat_id, 'error', 'the integration was removed')
    from ended e order by e.sequence)sql"};

constexpr Sql kRemove{"integrations.remove", R"sql(
  delete from integrations where id = $1::uuid returning pg_notify('integrations', id::text))sql"};

constexpr Sql kNotify{"integrations.notify", "select pg_notify('integrations', $1)"};

constexpr Sql kByPath{"integrations.by_webhook_path", R"sql(
  select integration_id, tenant_id, platform_id from hub_integration_by_path($1))sql"};

constexpr Sql kConnected{"integrations.connected", R"sql(
  select integration_id, tenant_id, platform_id from hub_connected_integrations($1::text[]) order by 1)sql"};

Integration read_integration(const pqxx::row& row) {
  Integration out;
  out.id = text_of(row["id"]);
  out.tenant_id = text_of(row["tenant_id"]);
  out.user_id = text_of(row["user_id"]);
  out.platform_id = text_of(row["platform_id"]);
  out.account = text_of(row["account"]);
  out.status = text_of(row["status"]);
  out.status_message = text_of(row["status_message"]);
  out.paused = row["paused"].as<bool>();
  out.display_name = text_of(row["display_name"]);
  out.external_account_id = text_of(row["external_account_id"]);
  out.webhook_path = text_of(row["webhook_path"]);
  out.sync_interval_minutes = row["sync_interval_minutes"].as<int>(60);
  out.last_sync_at = maybe_time_of(row["last_sync_at"]);
  out.next_sync_at = maybe_time_of(row["next_sync_at"]);
  out.created_at = time_of(row["created_at"]);
  out.updated_at = time_of(row["updated_at"]);
  return out;
}

IntegrationKey read_key(const pqxx::row& row) {
  IntegrationKey out;
  out.integration_id = text_of(row["integration_id"]);
  out.tenant_id = text_of(row["tenant_id"]);
  out.platform_id = text_of(row["platform_id"]);
  return out;
}

}  // namespace

Task<> IntegrationRepository::put_platforms(std::vector<sdk::Manifest> manifests) {
  auto rows = nlohmann::json::array();
  for (const auto& manifest : manifests) {
    auto required = nlohmann::json::array();
    for (const auto& field : manifest.credentials) {
      if (field.required) required.push_back(field.name);
    }
    rows.push_back(
        {{"id", manifest.id},
         {"name", manifest.name},
         {"display_name", manifest.display_name},
         {"type", manifest.type},
         {"region", manifest.region},
         {"capabilities", manifest.capabilities},
         {"required_credentials", std::move(required)},
         {"configuration",
          {{"api_version", manifest.api_version}, {"status", manifest.status}, {"docs_url", manifest.docs_url}}}});
  }
  auto work = [rows = rows.dump()](Tx& tx) { tx.exec(kPutPlatforms, rows); };
  return db_.run(Lane::background, Scope::hub(), std::move(work));
}

Task<Result<Integration>> IntegrationRepository::add(Integration integration, SealedCredentials credentials,
                                                     std::vector<std::string> streams) {
  auto scope = Scope::tenant(integration.tenant_id);
  if (integration.id.empty()) integration.id = new_uuid();
  auto work = [integration = std::move(integration), sealed = hex_bytea(credentials.sealed),
               key_id = std::move(credentials.key_id), streams = text_array(streams)](Tx& tx) -> Result<Integration> {
    auto rows = tx.exec(kAdd, integration.id, integration.user_id, integration.platform_id, integration.account,
                        integration.status, unless_empty(clean_text(integration.status_message)),
                        unless_empty(clean_text(integration.display_name)),
                        unless_empty(clean_text(integration.external_account_id)), integration.webhook_path,
                        integration.sync_interval_minutes, sealed, key_id);
    if (rows.empty()) {
      auto same = tx.exec(kSameAccount, integration.platform_id, integration.external_account_id);
      if (!same.empty()) {
        return Error(ErrorKind::conflict, "This very account is already connected, under the name '" +
                                              text_of(same[0]["account"]) +
                                              "'. Use that integration, or remove it first.")
            .with_field("credentials");
      }
      return Error(ErrorKind::conflict, "this platform is already connected under the account name \"" +
                                            integration.account + "\": choose another name or remove that one first")
          .with_field("account");
    }
    tx.exec(kAddStreams, integration.id, streams);
    tx.exec(kNotify, integration.id);
    return read_integration(rows[0]);
  };
  return db_.run(Lane::interactive, std::move(scope), std::move(work));
}

Task<std::vector<Integration>> IntegrationRepository::list(std::string tenant_id) {
  auto work = [](Tx& tx) {
    std::vector<Integration> out;
    for (const auto& row : tx.exec(kList)) out.push_back(read_integration(row));
    return out;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::optional<Integration>> IntegrationRepository::find(std::string tenant_id, std::string id) {
  auto work = [id = std::move(id)](Tx& tx) -> std::optional<Integration> {
    if (!is_uuid(id)) return std::nullopt;
    auto rows = tx.exec(kFind, id);
    if (rows.empty()) return std::nullopt;
    return read_integration(rows[0]);
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::optional<SealedCredentials>> IntegrationRepository::credentials(std::string tenant_id, std::string id) {
  auto work = [id = std::move(id)](Tx& tx) -> std::optional<SealedCredentials> {
    if (!is_uuid(id)) return std::nullopt;
    auto rows = tx.exec(kCredentials, id);
    if (rows.empty()) return std::nullopt;
    SealedCredentials out;
    out.sealed = parse_bytea(text_of(rows[0][0]));
    out.key_id = text_of(rows[0][1]);
    return out;
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<bool> IntegrationRepository::replace_credentials(std::string tenant_id, std::string id, SealedCredentials expected,
                                                      SealedCredentials next) {
  auto work = [id = std::move(id), old_sealed = hex_bytea(expected.sealed), old_key = std::move(expected.key_id),
               new_sealed = hex_bytea(next.sealed), new_key = std::move(next.key_id)](Tx& tx) {
    return is_uuid(id) && !tx.exec(kReplaceCredentials, id, old_sealed, old_key, new_sealed, new_key).empty();
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<bool> IntegrationRepository::set_status(std::string tenant_id, std::string id, std::string status,
                                             std::string message) {
  auto work = [id = std::move(id), status = std::move(status), message = clean_text(message)](Tx& tx) {
    return is_uuid(id) && !tx.exec(kSetStatus, id, status, message).empty();
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<bool> IntegrationRepository::set_paused(std::string tenant_id, std::string id, bool paused) {
  auto work = [id = std::move(id), paused](Tx& tx) { return is_uuid(id) && !tx.exec(kSetPaused, id, paused).empty(); };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<bool> IntegrationRepository::set_account_info(std::string tenant_id, std::string id, std::string external_id,
                                                   std::string display_name) {
  auto work = [id = std::move(id), external_id = clean_text(external_id), name = clean_text(display_name)](Tx& tx) {
    return is_uuid(id) && !tx.exec(kSetAccountInfo, id, external_id, name).empty();
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<bool> IntegrationRepository::remove(std::string tenant_id, std::string id) {
  auto work = [id = std::move(id)](Tx& tx) {
    if (!is_uuid(id)) return false;
    tx.exec(kLock, id);  // whoever queues a message meanwhile waits, and finds no integration then
    tx.exec(kEndQueue, id);
    return !tx.exec(kRemove, id).empty();
  };
  return db_.run(Lane::interactive, Scope::tenant(std::move(tenant_id)), std::move(work));
}

Task<std::optional<IntegrationKey>> IntegrationRepository::by_webhook_path(std::string path) {
  auto work = [path = clean_text(path)](Tx& tx) -> std::optional<IntegrationKey> {
    auto rows = tx.exec(kByPath, path);
    if (rows.empty()) return std::nullopt;
    return read_key(rows[0]);
  };
  return db_.run(Lane::interactive, Scope::hub(), std::move(work));
}

Task<std::vector<IntegrationKey>> IntegrationRepository::connected(std::vector<std::string> platform_ids) {
  auto work = [platforms = text_array(platform_ids)](Tx& tx) {
    std::vector<IntegrationKey> out;
    for (const auto& row : tx.exec(kConnected, platforms)) out.push_back(read_key(row));
    return out;
  };
  return db_.run(Lane::background, Scope::hub(), std::move(work));
}

}  // namespace easyflow::storage
