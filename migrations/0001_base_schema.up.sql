-- The base schema: users, platforms, integrations, conversations, messages, sync logs, platform metrics.
-- Every tenant-owned table carries tenant_id; 0003 puts row-level security on it. Keys that platforms made are compared
-- as bytes (collate "C"): they are in no language, and a language's rules cost at every look-up.

create table tenants (
    id          uuid primary key,
    name        varchar(255) not null,
    created_at  timestamptz not null default now()
);

create table users (
    id            uuid primary key default gen_random_uuid(),
    tenant_id     uuid not null references tenants(id) on delete cascade,
    email         varchar(255) not null,
    name          varchar(255) not null,
    phone         varchar(50),
    language_code varchar(10) default 'ru',
    timezone      varchar(50) default 'Europe/Moscow',
    is_active     boolean default true,
    role          varchar(20) not null default 'owner' check (role in ('owner', 'operator', 'viewer')),
    password_hash text,                       -- argon2id, PHC string
    metadata      jsonb default '{}',
    created_at    timestamptz default now(),
    updated_at    timestamptz default now(),
    constraint idx_users_email unique (email) -- one index serves the base schema's UNIQUE and its idx_users_email
);
create index idx_users_is_active on users(is_active);
create index idx_users_created_at on users(created_at);
create index idx_users_tenant_id on users(tenant_id);

create type platform_type as enum ('ecommerce', 'messaging', 'voice', 'analytics');
create type platform_region as enum ('russia', 'international', 'global');

-- Filled from the connectors' manifests when the hub starts.
create table platforms (
    id                   varchar(50) primary key,
    name                 varchar(255) not null,
    display_name         varchar(255) not null,
    type                 platform_type not null,
    region               platform_region not null,
    capabilities         text[] default '{}',
    required_credentials text[] default '{}',
    is_active            boolean default true,
    configuration        jsonb default '{}',
    created_at           timestamptz default now()
);

create type integration_status as enum ('pending', 'connected', 'error', 'disconnected');

create table integrations (
    id                    uuid primary key default gen_random_uuid(),
    tenant_id             uuid not null references tenants(id) on delete cascade,
    user_id               uuid not null references users(id) on delete cascade,
    platform_id           varchar(50) not null references platforms(id),
    account               varchar(100) not null default 'default',
    credentials_encrypted bytea,
    encryption_key_id     varchar(255),
    settings              jsonb default '{}',
    status                integration_status default 'pending',
    status_message        text,
    paused                boolean not null default false,
    last_sync_at          timestamptz,
    next_sync_at          timestamptz,
    sync_interval_minutes integer default 60 check (sync_interval_minutes between 1 and 10080),
    external_account_id   varchar(255),       -- the platform's id of the account, learned by the credentials check
    display_name          varchar(255),
    webhook_path          varchar(64) not null,
    metadata              jsonb default '{}',
    created_at            timestamptz default now(),
    updated_at            timestamptz default now(),
    unique (user_id, platform_id, account),
    unique (webhook_path)
);
create index idx_integrations_user_id on integrations(user_id);
create index idx_integrations_platform_id on integrations(platform_id);
create index idx_integrations_status on integrations(status);
create index idx_integrations_next_sync on integrations(next_sync_at) where status = 'connected';
create index idx_integrations_tenant_id on integrations(tenant_id);
-- one account, one integration: two would share neither budget nor webhook, and store every order twice
create unique index idx_integrations_external_account on integrations(tenant_id, platform_id, external_account_id);

-- A person on a platform.
create table contacts (
    id               uuid primary key default gen_random_uuid(),
    tenant_id        uuid not null,
    integration_id   uuid not null references integrations(id) on delete cascade,
    platform_user_id text collate "C" not null,
    telegram_id      bigint,                  -- ids exceed 32 bits
    username         text,
    full_name        text not null default '',
    language_code    varchar(10) not null default 'ru',
    is_active        boolean not null default true,  -- false once the person blocked us
    opt_out          boolean not null default false,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    unique (integration_id, platform_user_id),
    unique (integration_id, telegram_id)
);
create index idx_contacts_is_active on contacts(integration_id) where is_active;

create type conversation_status as enum ('active', 'paused', 'closed', 'escalated');

create table conversations (
    id             uuid primary key default gen_random_uuid(),
    tenant_id      uuid not null,
    integration_id uuid references integrations(id) on delete set null,  -- the history outlives the connection
    contact_id     uuid references contacts(id) on delete set null,
    session_id     varchar(255) collate "C" not null, -- '<integration id>:<chat id>'
    user_id        uuid not null references users(id) on delete cascade,
    platform       varchar(50) not null,
    chat_id        varchar(255) collate "C",
    title          text not null default '',
    status         conversation_status default 'active',
    current_state  varchar(100) default 'initial',
    context_data   jsonb default '{}',
    messages_count integer default 0,
    has_early_edits boolean not null default false, -- an edit came before its original: the ledger knows which
    created_at     timestamptz default now(),
    updated_at     timestamptz default now(), -- the minute of active_at: a lively chat leaves the indexes alone (HOT)
    active_at      timestamptz not null default now(),
    closed_at      timestamptz,
    constraint idx_conversations_session_id unique (session_id)
) with (fillfactor = 80);
create index idx_conversations_user_id on conversations(user_id);
create index idx_conversations_platform_chat on conversations(platform, chat_id);
create index idx_conversations_status on conversations(status);
create index idx_conversations_updated_at on conversations(updated_at);

create type message_role as enum ('user', 'assistant', 'system');
create type message_direction as enum ('inbound', 'outbound');

-- Partitioned by the month the hub recorded the message; sent_at is the platform's time.
-- tenant_id, integration_id, contact_id and user_id have no foreign keys: the row is written together with those it
-- names, and goes with its conversation when the user does.
create table messages (
    id                  uuid not null default gen_random_uuid(),
    tenant_id           uuid not null,
    integration_id      uuid,
    contact_id          uuid,
    conversation_id     uuid references conversations(id) on delete cascade,
    session_id          varchar(255) collate "C" not null,
    user_id             uuid not null,
    content             text not null,
    content_type        varchar(50) not null default 'text',
    role                message_role not null,
    direction           message_direction,
    platform            varchar(50) not null,
    platform_message_id varchar(255) collate "C",
    intent              varchar(100),
    entities            jsonb default '{}',
    confidence          decimal(3,2),
    metadata            jsonb default '{}',
    sent_at             timestamptz,
    created_at          timestamptz not null default now(),
    primary key (id, created_at)
) partition by range (created_at);
create index idx_messages_conversation_id on messages(conversation_id, created_at);  -- in order of time, for paging
create index idx_messages_session_id on messages(session_id);
create index idx_messages_user_id on messages(user_id);
create index idx_messages_platform_message on messages(platform, platform_message_id);
create index idx_messages_intent on messages(intent) where intent is not null;
create index idx_messages_created_at on messages(created_at);

create type sync_status as enum ('running', 'success', 'partial', 'failed');
create type sync_type as enum ('full', 'incremental', 'orders', 'products');

create table sync_logs (
    id                uuid primary key default gen_random_uuid(),
    tenant_id         uuid not null,
    integration_id    uuid not null references integrations(id) on delete cascade,
    sync_type         sync_type not null,
    status            sync_status not null,
    records_requested integer,
    records_synced    integer default 0,
    records_failed    integer default 0,
    errors            jsonb default '[]',
    error_message     text,
    started_at        timestamptz default now(),
    completed_at      timestamptz,
    duration_seconds  integer,
    metadata          jsonb default '{}'
);
create index idx_sync_logs_integration_id on sync_logs(integration_id);
create index idx_sync_logs_status on sync_logs(status);
create index idx_sync_logs_started_at on sync_logs(started_at);

create type metric_type as enum (
    'messages_sent', 'messages_received', 'api_calls', 'errors', 'response_time', 'sync_duration'
);

create table platform_metrics (
    id                 uuid not null default gen_random_uuid(),
    tenant_id          uuid,
    integration_id     uuid references integrations(id) on delete cascade,
    platform_id        varchar(50) not null references platforms(id),
    user_id            uuid references users(id) on delete cascade,
    metric_type        metric_type not null,
    metric_value       decimal(15,4) not null,
    metric_unit        varchar(50),
    aggregation_period varchar(20) default 'hour',
    recorded_at        timestamptz not null default now(),
    period_start       timestamptz,
    period_end         timestamptz,
    attributes         jsonb default '{}',
    primary key (id, recorded_at)
) partition by range (recorded_at);
create index idx_platform_metrics_integration on platform_metrics(integration_id);
create index idx_platform_metrics_platform on platform_metrics(platform_id);
create index idx_platform_metrics_type_time on platform_metrics(metric_type, recorded_at);
create index idx_platform_metrics_user_time on platform_metrics(user_id, recorded_at);
