drop function hub_prune(timestamptz, timestamptz, timestamptz, timestamptz, integer);
-- Deletes what retention no longer keeps, a bounded number of rows a call. Returns how many rows went.
create function hub_prune(ledger_before timestamptz, outbox_before timestamptz, logs_before timestamptz, wanted integer)
    returns integer
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    total integer := 0;
    gone integer;
begin
    delete from inbound_events where ctid = any(array(
        select ctid from inbound_events where received_at < ledger_before and state <> 'quarantined' limit wanted));
    get diagnostics gone = row_count;
    total := total + gone;
    delete from inbound_events where ctid = any(array(
        select e.ctid from inbound_events e
         where e.state = 'quarantined' and not exists (select from integrations i where i.id = e.integration_id) limit wanted));
    get diagnostics gone = row_count;
    total := total + gone;
    delete from outbox_events where ctid = any(array(
        select ctid from outbox_events where created_at < outbox_before limit wanted));
    get diagnostics gone = row_count;
    total := total + gone;
    delete from sync_logs where ctid = any(array(
        select ctid from sync_logs where started_at < logs_before and status <> 'running' limit wanted));
    get diagnostics gone = row_count;
    total := total + gone;
    delete from api_tokens where expires_at < now();
    -- a bucket that has not been used for an hour is full again
    delete from budgets where arrival < now() - interval '1 hour'
                          and (blocked_until is null or blocked_until < now());
    return total;
end
$$;
grant create on schema public to easyflow_hub;
alter function hub_prune(timestamptz, timestamptz, timestamptz, integer) owner to easyflow_hub;
revoke create on schema public from easyflow_hub;
revoke all on function hub_prune(timestamptz, timestamptz, timestamptz, integer) from public;
grant execute on function hub_prune(timestamptz, timestamptz, timestamptz, integer) to easyflow_app;
revoke delete on outbound_messages from easyflow_hub;
drop index idx_outbound_created_at;

-- bodies of days whose partition is gone make one again
do $$
declare
    old_day timestamptz;
begin
    alter table quarantined_bodies no force row level security;
    for old_day in select distinct date_trunc('day', received_at, 'UTC') from quarantined_bodies loop
        perform hub_make_partitions(old_day);
    end loop;
    alter table inbound_bodies no force row level security;
    insert into inbound_bodies (id, tenant_id, integration_id, sealed, received_at)
    select id, tenant_id, integration_id, sealed, received_at from quarantined_bodies;
    alter table inbound_bodies force row level security;
end
$$;
drop table quarantined_bodies;
