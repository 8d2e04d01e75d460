-- What the engines need beside the base schema: tokens, keys, sync cursors, marketplace rows, inbound events,
-- the outbound queue, budgets and the outbox.

-- API tokens and page sessions. Only the SHA-256 of a token is stored.
create table api_tokens (
    id           uuid primary key,
    tenant_id    uuid not null references tenants(id) on delete cascade,
    user_id      uuid not null references users(id) on delete cascade,
    name         varchar(255) not null,
    kind         varchar(10) not null check (kind in ('api', 'session')),
    token_hash   char(64) not null unique,
    scopes       text[] not null,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz,
    last_used_at timestamptz
);
create index idx_api_tokens_tenant_id on api_tokens(tenant_id);

-- Ids, fingerprints and states of the master keys this database was sealed with. Never key bytes.
create table encryption_keys (
    id          varchar(64) primary key,
    fingerprint varchar(64) not null,
    state       varchar(10) not null check (state in ('active', 'old', 'retired')),
    created_at  timestamptz not null default now(),
    retired_at  timestamptz
);

-- Each tenant's data keys, sealed by a master key: useless without the key file.
create table tenant_keys (
    id            varchar(64) primary key,
    tenant_id     uuid not null references tenants(id) on delete cascade,
    master_key_id varchar(64) not null references encryption_keys(id),
    wrapped       bytea not null,
    is_current    boolean not null,
    created_at    timestamptz not null default now()
);
create unique index idx_tenant_keys_current on tenant_keys(tenant_id) where is_current;

-- Where each stream of each integration stands, when it runs next and who runs it now.
create table sync_cursors (
    integration_id  uuid not null references integrations(id) on delete cascade,
    stream          varchar(50) not null,
    partition       varchar(50) not null default '',
    tenant_id       uuid not null,
    cursor          text not null default '',
    next_run_at     timestamptz not null default now(),
    last_success_at timestamptz,
    last_error      text,
    failures        integer not null default 0,   -- in a row
    lease_owner     varchar(100),
    lease_until     timestamptz,
    fencing         bigint not null default 0,    -- grows with every lease: a runner that lost its lease can't write
    updated_at      timestamptz not null default now(),
    primary key (integration_id, stream, partition)
);
create index idx_sync_cursors_due on sync_cursors(next_run_at);

create table orders (
    id                uuid primary key,
    tenant_id         uuid not null,
    integration_id    uuid not null references integrations(id) on delete cascade,
    external_id       text not null,
    external_number   text not null default '',
    status            text not null default '',
    total_minor       bigint,
    currency          char(3),
    ordered_at        timestamptz not null,
    source_updated_at timestamptz not null,
    raw               jsonb not null,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    unique (integration_id, external_id)
);
create index idx_orders_ordered_at on orders(tenant_id, ordered_at);

create table order_items (
    order_id            uuid not null references orders(id) on delete cascade,
    position            integer not null,
    tenant_id           uuid not null,
    sku                 text not null default '',
    external_product_id text not null default '',
    name                text not null default '',
    quantity            integer not null default 1,
    price_minor         bigint,
    currency            char(3),
    primary key (order_id, position)
);

create table products (
    id                uuid primary key,
    tenant_id         uuid not null,
    integration_id    uuid not null references integrations(id) on delete cascade,
    external_id       text not null,
    sku               text not null default '',
    title             text not null default '',
    brand             text not null default '',
    category          text not null default '',
    barcodes          text[] not null default '{}',
    source_updated_at timestamptz not null,
    raw               jsonb not null,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    unique (integration_id, external_id)
);
create index idx_products_sku on products(integration_id, sku);

create type inbound_state as enum ('processed', 'ignored', 'quarantined', 'replayed');

-- The dedup ledger: one row for each fact a platform told us. Not partitioned: a unique key of a partitioned table
-- must contain the partition key, which would silently end deduplication.
-- No foreign key, as that is a look-up and a lock for every message: what a removed integration leaves is pruned.
create table inbound_events (
    integration_id uuid not null,
    dedup_key      text collate "C" not null,
    tenant_id      uuid not null,
    body_id        uuid not null,
    state          inbound_state not null,
    reason         text,
    received_at    timestamptz not null,
    primary key (integration_id, dedup_key)
);
create index idx_inbound_events_quarantine on inbound_events(tenant_id, received_at) where state = 'quarantined';
create index idx_inbound_events_received_at on inbound_events using brin (received_at);

-- Raw bodies, sealed, by day.
create table inbound_bodies (
    id             uuid not null,
    tenant_id      uuid not null,
    integration_id uuid not null,
    sealed         bytea not null,
    received_at    timestamptz not null,
    primary key (id, received_at)
) partition by range (received_at);

create type outbound_state as enum ('queued', 'sending', 'sent', 'failed', 'unknown');

create table outbound_messages (
    id                  uuid primary key,
    tenant_id           uuid not null,
    integration_id      uuid not null references integrations(id) on delete cascade,
    conversation_id     uuid references conversations(id) on delete set null,
    message_id          uuid not null,        -- its row in messages
    message_created_at  timestamptz not null,
    chat_id             varchar(255) not null,
    text                text not null,
    keyboard            jsonb not null default '[]',
    reply_to            varchar(255) not null default '',
    idempotency_key     varchar(255),
    state               outbound_state not null default 'queued',
    attempts            integer not null default 0,
    next_attempt_at     timestamptz not null default now(),
    lease_owner         varchar(100),
    lease_until         timestamptz,
    platform_message_id varchar(255),
    error_code          varchar(50),
    error               text,
    sequence            bigint generated always as identity,  -- order within a chat
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now(),
    unique (tenant_id, idempotency_key)
);
create index idx_outbound_due on outbound_messages(next_attempt_at) where state = 'queued';
create index idx_outbound_chat on outbound_messages(integration_id, chat_id, sequence) where state in ('queued', 'sending');
create index idx_outbound_sending on outbound_messages(lease_until) where state = 'sending';

-- One token bucket per account, method group and scope, shared by all nodes (GCRA: the theoretical arrival time).
-- No foreign key: credentials are proven, under budget, before their integration is stored.
create table budgets (
    integration_id uuid not null,
    bucket         varchar(50) not null,
    scope          varchar(100) not null default '',
    tenant_id      uuid not null,
    arrival        timestamptz not null,
    blocked_until  timestamptz,               -- a platform's own wait header
    primary key (integration_id, bucket, scope)
) with (fillfactor = 50);

-- What happened, for those outside. Written in the transaction that made it true; xid orders it by commit visibility.
create table outbox_events (
    tenant_id      uuid not null,
    xid            xid8 not null default pg_current_xact_id(),
    id             bigint generated always as identity,
    integration_id uuid,
    type           varchar(50) not null,      -- message.received, message.edited, message.sent, order.upserted, ...
    subject_id     uuid,
    payload        jsonb not null,
    created_at     timestamptz not null default now(),
    primary key (tenant_id, xid, id)
);
create index idx_outbox_events_created_at on outbox_events using brin (created_at);
