-- What messages mean, and what happens on it: intent models, operators' corrections, a user's entity rules, intent
-- actions and the automatic acts they led to.

alter table messages alter column entities set default '[]';
-- which model said so ("default-3f9a1c04", "rasa", "operator"); null: nobody has read the message yet
alter table messages add column nlp_model varchar(100);
alter table conversations add column tags text[] not null default '{}';

-- numbers that people write in messages are looked up among the tenant's own
create index idx_orders_external_id on orders(tenant_id, external_id);
create index idx_orders_external_number on orders(tenant_id, external_number);
create index idx_products_tenant_sku on products(tenant_id, sku) where sku <> '';
create index idx_products_external_id on products(tenant_id, external_id);

-- Models trained on a tenant's own examples. A tenant without an active one uses the model that ships with the hub.
create table nlp_models (
    id               uuid primary key,
    tenant_id        uuid not null references tenants(id) on delete cascade,
    version          varchar(100) not null,
    is_active        boolean not null default false,
    model            bytea not null,
    metrics          jsonb not null,          -- as measured by cross-validation when it was trained
    data_fingerprint char(64) not null,
    created_at       timestamptz not null default now(),
    unique (tenant_id, version)
);
create unique index idx_nlp_models_active on nlp_models(tenant_id) where is_active;

-- Utterances with the right intent: what operators corrected and what the user imported. Training data.
create table nlp_examples (
    id         uuid primary key,
    tenant_id  uuid not null references tenants(id) on delete cascade,
    text       text not null,
    intent     varchar(100) not null,
    lang       varchar(10) not null default '',
    source     varchar(20) not null check (source in ('operator', 'import')),
    message_id uuid,                          -- the corrected message
    user_id    uuid,                          -- who said so
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create unique index idx_nlp_examples_text on nlp_examples(tenant_id, md5(text));
create unique index idx_nlp_examples_message on nlp_examples(tenant_id, message_id) where message_id is not null;

-- One CSV of entity rules a tenant, as it was given.
create table nlp_rules (
    tenant_id  uuid primary key references tenants(id) on delete cascade,
    csv        text not null,
    updated_at timestamptz not null default now()
);

-- What to do when a message means this. Quiet hours are in the user's time zone; from = until: never quiet.
create table intent_actions (
    tenant_id      uuid not null references tenants(id) on delete cascade,
    intent         varchar(100) not null,
    enabled        boolean not null default true,
    min_confidence decimal(3,2) not null default 0.80 check (min_confidence between 0 and 1),
    reply          text check (length(reply) between 1 and 4096),
    escalate       boolean not null default false,
    tag            varchar(50) check (tag <> ''),
    state          varchar(100) check (state <> ''),
    quiet_from     time,
    quiet_until    time,
    updated_at     timestamptz not null default now(),
    primary key (tenant_id, intent),
    check ((quiet_from is null) = (quiet_until is null))
);

create type automatic_act_state as enum ('pending', 'done', 'skipped', 'undone');

-- One row for each message that an action applies to, written with the message: what shall be done, what was done, what
-- it was before. Carried out at most once.
create table automatic_acts (
    id                  uuid primary key,
    tenant_id           uuid not null,
    integration_id      uuid,
    conversation_id     uuid not null references conversations(id) on delete cascade,
    message_id          uuid not null,
    message_created_at  timestamptz not null,
    intent              varchar(100) not null,
    confidence          decimal(3,2) not null,
    state               automatic_act_state not null default 'pending',
    reason              text,                 -- why it was skipped
    acts                jsonb not null default '{}',  -- what was done: {"reply","escalate","tag","state"}
    before              jsonb not null default '{}',  -- what undoing restores: {"status","tags","current_state"}
    outbound_id         uuid,
    created_at          timestamptz not null default now(),
    done_at             timestamptz,
    undone_at           timestamptz,
    undone_by           uuid,
    unique (message_id)
);
create index idx_automatic_acts_pending on automatic_acts(created_at) where state = 'pending';
create index idx_automatic_acts_conversation on automatic_acts(conversation_id, created_at);
create index idx_automatic_acts_tenant on automatic_acts(tenant_id, created_at);

-- How far a tenant's older messages have been read again, so that a run that was broken off goes on where it was.
create table nlp_rescores (
    tenant_id   uuid primary key references tenants(id) on delete cascade,
    model       varchar(100) not null,
    since       timestamptz,                  -- older messages are left alone; null: all are read
    position_at timestamptz,                  -- of the last message looked at
    position_id uuid,
    seen        bigint not null default 0,
    changed     bigint not null default 0,
    labelled    bigint not null default 0,    -- left alone: an operator has said what they mean
    started_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    finished_at timestamptz
);

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array['nlp_models', 'nlp_examples', 'nlp_rules', 'intent_actions', 'automatic_acts',
                                    'nlp_rescores'] loop
        execute format('alter table %I enable row level security', tenant_table);
        execute format('alter table %I force row level security', tenant_table);
        execute format('create policy tenant_rows on %I to easyflow_app using (tenant_id = (select current_tenant())) '
                       'with check (tenant_id = (select current_tenant()))', tenant_table);
        execute format('grant select, insert, update, delete on %I to easyflow_app', tenant_table);
    end loop;
end
$$;

create policy hub_rows on automatic_acts to easyflow_hub using (true);
grant select on automatic_acts to easyflow_hub;

-- Which messages wait for their automatic acts?
create function hub_pending_acts(up_to integer)
    returns table (act_id uuid, tenant_id uuid)
    language sql security definer set search_path = public, pg_temp as $$
    select a.id, a.tenant_id from automatic_acts a where a.state = 'pending' order by a.created_at limit up_to
$$;
grant create on schema public to easyflow_hub;
alter function hub_pending_acts(integer) owner to easyflow_hub;
revoke create on schema public from easyflow_hub;
revoke all on function hub_pending_acts(integer) from public;
grant execute on function hub_pending_acts(integer) to easyflow_app;

-- Messages that wait to be read by a provider outside of the hub, too. A row goes with the answer, or when there will be
-- none; the meaning found by the hub's own model holds until then.
create table nlp_requests (
    message_id         uuid primary key,
    tenant_id          uuid not null references tenants(id) on delete cascade,
    message_created_at timestamptz not null,
    may_act            boolean not null,         -- the message is new: an automatic act may follow from it
    has_action         boolean not null,         -- the hub's own meaning has an intent action
    attempts           integer not null default 0,
    fencing            bigint not null default 1, -- grows with every lease and with every edit of the message
    lease_owner        varchar(100),
    lease_until        timestamptz,
    next_attempt_at    timestamptz not null default now(),
    created_at         timestamptz not null default now()
);
create index idx_nlp_requests_due on nlp_requests(next_attempt_at);

alter table nlp_requests enable row level security;
alter table nlp_requests force row level security;
create policy tenant_rows on nlp_requests to easyflow_app using (tenant_id = (select current_tenant()))
    with check (tenant_id = (select current_tenant()));
create policy hub_rows on nlp_requests to easyflow_hub using (true);
grant select, insert, update, delete on nlp_requests to easyflow_app;
grant select, update on nlp_requests to easyflow_hub;

-- Takes leases on messages to be read by the provider, fairly: each tenant's oldest first, then everybody's second, ...
create function hub_claim_nlp_requests(owner text, wanted integer, lease interval)
    returns table (tenant_id uuid, message_id uuid, fencing bigint, attempts integer, created_at timestamptz)
    language sql security definer set search_path = public, pg_temp as $$
    with due as (
        select r.message_id, r.tenant_id, r.next_attempt_at from nlp_requests r
         where r.next_attempt_at <= now() and (r.lease_until is null or r.lease_until < now())
         order by r.next_attempt_at
         limit 1000
    ), fair as (
        select d.*, row_number() over (partition by d.tenant_id order by d.next_attempt_at) as turn from due d
    ), locked as (
        select r.message_id
          from nlp_requests r join fair f using (message_id)
         order by f.turn, f.next_attempt_at
         limit wanted
           for update of r skip locked
    )
    update nlp_requests r
       set lease_owner = owner, lease_until = now() + lease, fencing = r.fencing + 1, attempts = r.attempts + 1
      from locked l
     where r.message_id = l.message_id and (r.lease_until is null or r.lease_until < now())
    returning r.tenant_id, r.message_id, r.fencing, r.attempts, r.created_at
$$;

-- Gives back what a node held when it ended (or died and came back).
create function hub_release_nlp_requests(owner text) returns integer
    language sql security definer set search_path = public, pg_temp as $$
    with released as (
        update nlp_requests set lease_owner = null, lease_until = null where lease_owner = owner returning 1)
    select count(*)::integer from released
$$;

revoke all on function hub_claim_nlp_requests(text, integer, interval), hub_release_nlp_requests(text) from public;
grant execute on function hub_claim_nlp_requests(text, integer, interval), hub_release_nlp_requests(text)
    to easyflow_app;
grant create on schema public to easyflow_hub;
alter function hub_claim_nlp_requests(text, integer, interval) owner to easyflow_hub;
alter function hub_release_nlp_requests(text) owner to easyflow_hub;
revoke create on schema public from easyflow_hub;
