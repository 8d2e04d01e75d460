-- Bodies in quarantine stay as long as they are listed: they are no part of the day partitions, which are dropped whole.
create table quarantined_bodies (
    id             uuid primary key,
    tenant_id      uuid not null,
    integration_id uuid not null,
    sealed         bytea not null,
    received_at    timestamptz not null
);

-- forced row-level security hides the rows from their owner too
alter table inbound_events no force row level security;
alter table inbound_bodies no force row level security;
insert into quarantined_bodies (id, tenant_id, integration_id, sealed, received_at)
select b.id, b.tenant_id, b.integration_id, b.sealed, b.received_at
  from inbound_events e join inbound_bodies b on b.id = e.body_id
 where e.state = 'quarantined'
on conflict do nothing;
delete from inbound_bodies b using quarantined_bodies q where b.id = q.id;
alter table inbound_events force row level security;
alter table inbound_bodies force row level security;

alter table quarantined_bodies enable row level security;
alter table quarantined_bodies force row level security;
create policy tenant_rows on quarantined_bodies to easyflow_app using (tenant_id = (select current_tenant()))
    with check (tenant_id = (select current_tenant()));
grant select, insert, update, delete on quarantined_bodies to easyflow_app;
create policy hub_rows on quarantined_bodies to easyflow_hub using (true);
grant select, delete on quarantined_bodies to easyflow_hub;

create index idx_outbound_created_at on outbound_messages using brin (created_at);
grant delete on outbound_messages to easyflow_hub;

drop function hub_prune(timestamptz, timestamptz, timestamptz, integer);

-- Deletes what retention no longer keeps, a bounded number of rows a call. Returns how many rows went.
create function hub_prune(ledger_before timestamptz, outbox_before timestamptz, logs_before timestamptz,
                          outbound_before timestamptz, wanted integer)
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
    -- what was replayed, or whose integration is gone
    delete from quarantined_bodies where ctid = any(array(
        select b.ctid from quarantined_bodies b
         where b.received_at < ledger_before
           and not exists (select from inbound_events e
                            where e.tenant_id = b.tenant_id and e.received_at = b.received_at and e.state = 'quarantined'
                              and e.body_id = b.id) limit wanted));
    get diagnostics gone = row_count;
    total := total + gone;
    delete from outbox_events where ctid = any(array(
        select ctid from outbox_events where created_at < outbox_before limit wanted));
    get diagnostics gone = row_count;
    total := total + gone;
    -- the conversation keeps the message and how its sending ended
    delete from outbound_messages where ctid = any(array(
        select ctid from outbound_messages
         where created_at < outbound_before and state in ('sent', 'failed', 'unknown') limit wanted));
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
alter function hub_prune(timestamptz, timestamptz, timestamptz, timestamptz, integer) owner to easyflow_hub;
revoke create on schema public from easyflow_hub;
revoke all on function hub_prune(timestamptz, timestamptz, timestamptz, timestamptz, integer) from public;
grant execute on function hub_prune(timestamptz, timestamptz, timestamptz, timestamptz, integer) to easyflow_app;
