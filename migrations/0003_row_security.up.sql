-- Tenants are isolated by the database. The hub connects as a role that owns nothing (easyflow_app, or a member of it)
-- and sees the rows of the tenant named by the transaction's app.tenant_id only; without one it sees no tenant's rows.
--
-- Work for the hub as a whole (which syncs are due, whose token is this) goes through the few functions below. They
-- run as easyflow_hub, which can neither log in nor be joined by easyflow_app. They return ids and times, and what a
-- login and the vault are checked with (password hashes, wrapped keys); no tenant's content.

do $$
begin
    if not exists (select from pg_roles where rolname = 'easyflow_app') then
        create role easyflow_app nologin;
    end if;
    if not exists (select from pg_roles where rolname = 'easyflow_hub') then
        create role easyflow_hub nologin;
    end if;
    -- the migrations' role must be able to hand functions over to easyflow_hub
    if not pg_has_role(current_user, 'easyflow_hub', 'member') then
        execute format('grant easyflow_hub to %I', current_user);
    end if;
end
$$;

grant usage on schema public to easyflow_app, easyflow_hub;

create function current_tenant() returns uuid
    language sql stable parallel safe
    as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array[
        'users', 'integrations', 'contacts', 'conversations', 'messages', 'sync_logs', 'platform_metrics', 'api_tokens',
        'tenant_keys', 'sync_cursors', 'orders', 'order_items', 'products', 'inbound_events', 'inbound_bodies',
        'outbound_messages', 'budgets', 'outbox_events'
    ] loop
        execute format('alter table %I enable row level security', tenant_table);
        execute format('alter table %I force row level security', tenant_table);
        execute format('create policy tenant_rows on %I to easyflow_app using (tenant_id = (select current_tenant())) '
                       'with check (tenant_id = (select current_tenant()))', tenant_table);
        execute format('grant select, insert, update, delete on %I to easyflow_app', tenant_table);
    end loop;
end
$$;

alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenant_rows on tenants to easyflow_app using (id = (select current_tenant()))
    with check (id = (select current_tenant()));
grant select, insert, update, delete on tenants to easyflow_app;

-- no tenant's rows
grant select, insert, update on platforms to easyflow_app;
grant select, insert, update on encryption_keys to easyflow_app;

-- What the hub as a whole may see and do.
create policy hub_rows on users to easyflow_hub using (true);
create policy hub_rows on api_tokens to easyflow_hub using (true);
create policy hub_rows on integrations to easyflow_hub using (true);
create policy hub_rows on tenants to easyflow_hub using (true);
create policy hub_rows on tenant_keys to easyflow_hub using (true);
create policy hub_rows on sync_cursors to easyflow_hub using (true);
create policy hub_rows on outbound_messages to easyflow_hub using (true);
create policy hub_rows on inbound_events to easyflow_hub using (true);
create policy hub_rows on outbox_events to easyflow_hub using (true);
create policy hub_rows on sync_logs to easyflow_hub using (true);
create policy hub_rows on budgets to easyflow_hub using (true);
grant select on users, tenants, integrations, tenant_keys to easyflow_hub;
grant select, update, delete on api_tokens, sync_cursors, inbound_events, outbox_events, sync_logs, budgets to easyflow_hub;
grant select, update on outbound_messages to easyflow_hub;

-- Whose token is this? Marks it as used at most once a minute.
create function hub_token(wanted_hash text)
    returns table (token_id uuid, tenant_id uuid, user_id uuid, kind varchar, scopes text[])
    language plpgsql security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
begin
    update api_tokens t set last_used_at = now()
     where t.token_hash = wanted_hash and (t.last_used_at is null or t.last_used_at < now() - interval '1 minute');
    return query
        select t.id, t.tenant_id, t.user_id, t.kind, t.scopes
          from api_tokens t join users u on u.id = t.user_id
         where t.token_hash = wanted_hash and u.is_active and (t.expires_at is null or t.expires_at > now());
end
$$;

-- Who logs in with this e-mail address?
create function hub_login(wanted_email text)
    returns table (user_id uuid, tenant_id uuid, name varchar, role varchar, password_hash text)
    language sql security definer set search_path = public, pg_temp as $$
    select u.id, u.tenant_id, u.name, u.role, u.password_hash
      from users u where lower(u.email) = lower(wanted_email) and u.is_active
$$;

-- All tenants, for commands that work on the whole installation.
create function hub_tenants() returns table (tenant_id uuid, name varchar)
    language sql security definer set search_path = public, pg_temp as $$
    select t.id, t.name from tenants t order by t.created_at, t.id
$$;

-- Sealed data keys of all tenants.
create function hub_tenant_keys()
    returns table (id varchar, tenant_id uuid, master_key_id varchar, wrapped bytea, is_current boolean)
    language sql security definer set search_path = public, pg_temp as $$
    select k.id, k.tenant_id, k.master_key_id, k.wrapped, k.is_current from tenant_keys k order by k.created_at, k.id
$$;

-- Which integration does this webhook path belong to?
create function hub_integration_by_path(wanted_path text)
    returns table (integration_id uuid, tenant_id uuid, platform_id varchar)
    language sql security definer set search_path = public, pg_temp as $$
    select i.id, i.tenant_id, i.platform_id from integrations i where i.webhook_path = wanted_path
$$;

-- Integrations that are connected and not paused, for pollers and webhook upkeep.
create function hub_connected_integrations(wanted_platforms text[])
    returns table (integration_id uuid, tenant_id uuid, platform_id varchar)
    language sql security definer set search_path = public, pg_temp as $$
    select i.id, i.tenant_id, i.platform_id from integrations i
     where i.platform_id = any(wanted_platforms) and i.status = 'connected' and not i.paused
$$;

-- Takes leases on due streams, fairly: each tenant's longest-due stream first, then everybody's second, ...
create function hub_claim_syncs(owner text, wanted integer, lease interval)
    returns table (tenant_id uuid, integration_id uuid, stream varchar, partition varchar, fencing bigint)
    language sql security definer set search_path = public, pg_temp as $$
    with due as (
        select c.integration_id, c.stream, c.partition, c.tenant_id, c.next_run_at
          from sync_cursors c join integrations i on i.id = c.integration_id
         where c.next_run_at <= now() and (c.lease_until is null or c.lease_until < now())
           and i.status = 'connected' and not i.paused
         order by c.next_run_at
         limit 1000
    ), fair as (
        select d.*, row_number() over (partition by d.tenant_id order by d.next_run_at) as turn from due d
    ), locked as (
        select c.integration_id, c.stream, c.partition
          from sync_cursors c join fair f using (integration_id, stream, partition)
         order by f.turn, f.next_run_at
         limit wanted
           for update of c skip locked
    )
    update sync_cursors c
       set lease_owner = owner, lease_until = now() + lease, fencing = c.fencing + 1
      from locked l
     where c.integration_id = l.integration_id and c.stream = l.stream and c.partition = l.partition
       and (c.lease_until is null or c.lease_until < now())
    returning c.tenant_id, c.integration_id, c.stream, c.partition, c.fencing
$$;

-- Outbound messages that may go now: the oldest unfinished one of each chat.
create function hub_due_outbound(wanted integer)
    returns table (tenant_id uuid, integration_id uuid, id uuid, chat_id varchar)
    language sql security definer set search_path = public, pg_temp as $$
    select o.tenant_id, o.integration_id, o.id, o.chat_id
      from outbound_messages o join integrations i on i.id = o.integration_id
     where o.state = 'queued' and o.next_attempt_at <= now() and i.status = 'connected' and not i.paused
       and not exists (select from outbound_messages e
                        where e.integration_id = o.integration_id and e.chat_id = o.chat_id
                          and e.state in ('queued', 'sending') and e.sequence < o.sequence)
     order by o.next_attempt_at
     limit wanted
$$;

-- Sends whose node died after the intent was committed: nobody knows whether they went out.
create function hub_abandoned_outbound(dead_owner text)
    returns table (tenant_id uuid, id uuid)
    language sql security definer set search_path = public, pg_temp as $$
    select o.tenant_id, o.id from outbound_messages o
     where o.state = 'sending' and (o.lease_until < now() or o.lease_owner = dead_owner)
$$;

-- Gives back what a node held when it ended (or died and came back).
create function hub_release_leases(owner text) returns integer
    language sql security definer set search_path = public, pg_temp as $$
    with released as (
        update sync_cursors set lease_owner = null, lease_until = null, next_run_at = least(next_run_at, now())
         where lease_owner = owner returning 1)
    select count(*)::integer from released
$$;

-- Makes the partitions of this and the coming weeks, ahead of time. Owned by the tables' owner: it creates tables.
create function hub_make_partitions(at timestamptz) returns integer
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    made integer := 0;
    parent text;
    first timestamptz;
    step interval;
    lower_bound timestamptz;
    child text;
begin
    perform set_config('lock_timeout', '2s', true);
    foreach parent in array array['messages', 'platform_metrics', 'inbound_bodies'] loop
        if parent = 'inbound_bodies' then
            first := date_trunc('day', at at time zone 'UTC') at time zone 'UTC';
            step := interval '1 day';
        else
            first := date_trunc('month', at at time zone 'UTC') at time zone 'UTC';
            step := interval '1 month';
        end if;
        -- one period back as well: clocks of nodes differ
        for i in -1 .. (case when parent = 'inbound_bodies' then 8 else 3 end) loop
            lower_bound := ((first at time zone 'UTC') + i * step) at time zone 'UTC';
            child := parent || to_char(lower_bound at time zone 'UTC',
                                       case when parent = 'inbound_bodies' then '"_y"YYYY"m"MM"d"DD' else '"_y"YYYY"m"MM' end);
            if to_regclass('public.' || child) is null then
                execute format('create table %I partition of %I for values from (%L) to (%L)', child, parent, lower_bound,
                               ((lower_bound at time zone 'UTC') + step) at time zone 'UTC');
                made := made + 1;
            end if;
        end loop;
    end loop;
    return made;
end
$$;

-- Drops day partitions of raw bodies that end before `before`, one by one. Returns how many.
create function hub_drop_inbound_bodies(before timestamptz) returns integer
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    child record;
    dropped integer := 0;
begin
    perform set_config('lock_timeout', '2s', true);
    for child in
        select c.relname from pg_inherits h join pg_class c on c.oid = h.inhrelid
         where h.inhparent = 'public.inbound_bodies'::regclass and c.relname ~ '^inbound_bodies_y\d{4}m\d{2}d\d{2}$'
    loop
        if to_timestamp(substring(child.relname from 'y(.*)$'), 'YYYY"m"MM"d"DD') + interval '1 day' <= before then
            execute format('drop table public.%I', child.relname);
            dropped := dropped + 1;
        end if;
    end loop;
    return dropped;
end
$$;

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

-- Which migration this database stands at, for the hub's start and its health; 0 when none was recorded. Owned by the
-- tables' owner, as the record is.
create function hub_newest_migration() returns integer
    language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
    if to_regclass('public.schema_migrations') is null then
        return 0;
    end if;
    return (select coalesce(max(version), 0) from schema_migrations);
end
$$;

do $$
declare
    hub_function text;
begin
    foreach hub_function in array array[
        'hub_token(text)', 'hub_login(text)', 'hub_tenants()', 'hub_tenant_keys()', 'hub_integration_by_path(text)',
        'hub_connected_integrations(text[])', 'hub_claim_syncs(text, integer, interval)', 'hub_due_outbound(integer)',
        'hub_abandoned_outbound(text)', 'hub_release_leases(text)',
        'hub_prune(timestamptz, timestamptz, timestamptz, integer)'
    ] loop
        execute format('revoke all on function %s from public', hub_function);
        execute format('grant execute on function %s to easyflow_app', hub_function);
    end loop;
    -- ownership can be handed over only to a role that may create in the schema
    grant create on schema public to easyflow_hub;
    foreach hub_function in array array[
        'hub_token(text)', 'hub_login(text)', 'hub_tenants()', 'hub_tenant_keys()', 'hub_integration_by_path(text)',
        'hub_connected_integrations(text[])', 'hub_claim_syncs(text, integer, interval)', 'hub_due_outbound(integer)',
        'hub_abandoned_outbound(text)', 'hub_release_leases(text)',
        'hub_prune(timestamptz, timestamptz, timestamptz, integer)'
    ] loop
        execute format('alter function %s owner to easyflow_hub', hub_function);
    end loop;
    revoke create on schema public from easyflow_hub;
end
$$;
revoke all on function hub_make_partitions(timestamptz), hub_drop_inbound_bodies(timestamptz), hub_newest_migration()
    from public;
grant execute on function hub_make_partitions(timestamptz), hub_drop_inbound_bodies(timestamptz), hub_newest_migration()
    to easyflow_app;

-- Takes one call from each of the buckets, or none and tells how long to wait. A bucket is
-- {"bucket": name, "scope": text, "interval_ms": n, "burst": n}. Returns milliseconds to wait, 0 when taken.
create function take_budget(account uuid, buckets jsonb) returns bigint
    language plpgsql as $$
declare
    b record;
    at timestamptz := clock_timestamp();
    wait_until timestamptz := at;
    stored record;
begin
    -- rows are made and locked in a fixed order, so that two takers never wait for each other in a circle
    for b in
        select e->>'bucket' as bucket, coalesce(e->>'scope', '') as scope,
               make_interval(secs => (e->>'interval_ms')::float8 / 1000) as step, (e->>'burst')::integer as burst
          from jsonb_array_elements(buckets) e order by 1, 2
    loop
        insert into budgets (integration_id, bucket, scope, tenant_id, arrival)
        values (account, b.bucket, b.scope, (select current_tenant()), at)
        on conflict (integration_id, bucket, scope) do nothing;
        select arrival, blocked_until into stored from budgets
         where integration_id = account and bucket = b.bucket and scope = b.scope for update;
        wait_until := greatest(wait_until, stored.blocked_until, stored.arrival - (b.burst - 1) * b.step);
    end loop;
    if wait_until > at then
        return ceil(extract(epoch from wait_until - at) * 1000)::bigint;
    end if;
    for b in
        select e->>'bucket' as bucket, coalesce(e->>'scope', '') as scope,
               make_interval(secs => (e->>'interval_ms')::float8 / 1000) as step
          from jsonb_array_elements(buckets) e
    loop
        update budgets set arrival = greatest(arrival, at) + b.step, blocked_until = null
         where integration_id = account and bucket = b.bucket and scope = b.scope;
    end loop;
    return 0;
end
$$;

-- first partitions, so that the database is usable as it is
select hub_make_partitions(now());
