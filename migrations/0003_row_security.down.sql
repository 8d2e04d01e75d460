-- Roles are the cluster's, not this database's: they stay.
drop function take_budget(uuid, jsonb);
drop function hub_newest_migration();
drop function hub_prune(timestamptz, timestamptz, timestamptz, integer);
drop function hub_drop_inbound_bodies(timestamptz);
drop function hub_make_partitions(timestamptz);
drop function hub_release_leases(text);
drop function hub_abandoned_outbound(text);
drop function hub_due_outbound(integer);
drop function hub_claim_syncs(text, integer, interval);
drop function hub_connected_integrations(text[]);
drop function hub_integration_by_path(text);
drop function hub_tenant_keys();
drop function hub_tenants();
drop function hub_login(text);
drop function hub_token(text);

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array[
        'users', 'integrations', 'contacts', 'conversations', 'messages', 'sync_logs', 'platform_metrics', 'api_tokens',
        'tenant_keys', 'sync_cursors', 'orders', 'order_items', 'products', 'inbound_events', 'inbound_bodies',
        'outbound_messages', 'budgets', 'outbox_events', 'tenants'
    ] loop
        execute format('drop policy tenant_rows on %I', tenant_table);
        execute format('drop policy if exists hub_rows on %I', tenant_table);
        execute format('alter table %I no force row level security', tenant_table);
        execute format('alter table %I disable row level security', tenant_table);
        execute format('revoke all on %I from easyflow_app, easyflow_hub', tenant_table);
    end loop;
end
$$;
revoke all on platforms, encryption_keys from easyflow_app;
drop function current_tenant();
revoke usage on schema public from easyflow_app, easyflow_hub;
