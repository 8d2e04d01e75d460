-- What a batch of inbound events of one tenant causes, in one call: a client that commits each statement by itself then
-- stores a webhook in one round trip instead of five.

-- The ledger key that an edit leaves when it comes before its original. Null for a message without an id of its own.
create function early_edit_key(chat_id text, message_id text) returns text
    language sql immutable strict parallel safe
    as $$ select 'hub:edited-first:' || chat_id || ':' || message_id $$;

-- Stores events, people, chats, raw bodies, messages and what subscribers learn. All or nothing.
--
-- Nothing is stored when something must be settled first; the caller settles it and calls again:
--   known   one flag an event: true where the ledger has it already. Call again without these.
--   owners  [{"number", "order_id", "product_id", "at"}]: the tenant's own rows that bear one of `numbers`. Call again
--           with the ids in message_entities, and without numbers.
-- Else the conversations' ids come back, in the order of the chats, and in `left_out` the events (from 1) that became
-- no message, since an edit stands in their place.
--
-- Arrays of one prefix are columns of one list. Events come in the order they happened; event_person and event_chat are
-- places in the other two lists, from 1. An event with a message_id becomes a message; one with an event_type is told to
-- subscribers, with event_payload as the rest of an object that begins with the ids. person_* holds each person once,
-- chat_* each chat once, sorted by chat_session byte by byte. notice_sessions is empty, or tells of each event without a
-- message which chat it belongs to. body_* are raw bodies to be kept.
--
-- Rows are locked in one order everywhere: ledger, contacts, conversations, each sorted by its key. So batches that run
-- side by side wait for each other, but never in a circle. The messages come last: what others wrote into a conversation
-- before it was locked here is seen.
--
-- Plans may be made while the tables are still empty, when a scan of the whole table looks as good as an index. "offset
-- 0" keeps a look-up from becoming such a join: it stays one probe of the index for each row.
create function record_events(
    tenant uuid,
    event_integration uuid[], event_key text[], event_body uuid[], event_state text[], event_reason text[],
    event_received timestamptz[], event_person integer[], event_chat integer[], event_type text[], event_payload text[],
    message_id uuid[], message_content text[], message_content_type text[], message_platform_id text[],
    message_metadata text[], message_sent timestamptz[], message_intent text[], message_hundredths integer[],
    message_entities text[], message_model text[],
    notice_sessions text[],
    person_id uuid[], person_integration uuid[], person_key text[], person_telegram_id bigint[], person_username text[],
    person_name text[], person_language text[], person_active boolean[],
    chat_new_id uuid[], chat_integration uuid[], chat_person integer[], chat_session text[], chat_user uuid[],
    chat_platform text[], chat_key text[], chat_title text[], chat_messages integer[], chat_received timestamptz[],
    body_id uuid[], body_integration uuid[], body_sealed bytea[], body_received timestamptz[],
    numbers text[],
    out known boolean[], out owners jsonb, out conversation_ids uuid[], out left_out integer[])
    language plpgsql as $$
declare
    fresh integer;
    contact_ids uuid[];
    contacts_differ boolean;
    some_edited_early boolean;
    notice_conversations uuid[];
begin
    perform set_config('app.tenant_id', tenant::text, true);

    if cardinality(numbers) > 0 then
        select jsonb_agg(to_jsonb(m)) into owners from mentioned(numbers) m;
        if owners is not null then
            return;
        end if;
    end if;

    -- ledger
    begin
        insert into inbound_events (integration_id, dedup_key, tenant_id, body_id, state, reason, received_at)
        select e.integration_id, e.dedup_key, tenant, e.body_id, e.state::inbound_state, e.reason, e.received_at
          from unnest(event_integration, event_key, event_body, event_state, event_reason, event_received)
               as e(integration_id, dedup_key, body_id, state, reason, received_at)
         order by 1, 2
        on conflict do nothing;
        get diagnostics fresh = row_count;
        if fresh < cardinality(event_key) then
            raise exception using errcode = 'EF001';
        end if;
    exception when sqlstate 'EF001' then
        known := array(
            select exists (select from inbound_events l
                            where l.integration_id = e.integration_id and l.dedup_key = e.dedup_key offset 0)
              from unnest(event_integration, event_key) with ordinality as e(integration_id, dedup_key, turn)
             order by e.turn);
        return;
    end;

    -- contacts: written only when one is new or changed
    if cardinality(person_key) > 0 then
        select array_agg(k.id order by p.turn),
               bool_or(k.id is null
                       or (k.username, k.full_name, k.language_code, k.is_active) is distinct from
                          (left(p.username, 255), coalesce(left(p.full_name, 255), k.full_name),
                           coalesce(left(p.language_code, 10), k.language_code), p.is_active))
          into contact_ids, contacts_differ
          from unnest(person_integration, person_key, person_username, person_name, person_language, person_active)
               with ordinality as p(integration_id, platform_user_id, username, full_name, language_code, is_active, turn)
          left join lateral (select * from contacts c
                              where c.integration_id = p.integration_id and c.platform_user_id = p.platform_user_id
                             offset 0) k on true;
        if contacts_differ then
            insert into contacts as c (id, tenant_id, integration_id, platform_user_id, telegram_id, username, full_name,
                                       language_code, is_active)
            select p.id, tenant, p.integration_id, p.platform_user_id, p.telegram_id, left(p.username, 255),
                   coalesce(left(p.full_name, 255), k.full_name, ''),
                   coalesce(left(p.language_code, 10), k.language_code, 'ru'), p.is_active
              from unnest(person_id, person_integration, person_key, person_telegram_id, person_username, person_name,
                          person_language, person_active)
                   as p(id, integration_id, platform_user_id, telegram_id, username, full_name, language_code, is_active)
              left join lateral (select * from contacts s
                                  where s.integration_id = p.integration_id and s.platform_user_id = p.platform_user_id
                                 offset 0) k on true
             where k.id is null
                or (k.username, k.full_name, k.language_code, k.is_active) is distinct from
                   (left(p.username, 255), coalesce(left(p.full_name, 255), k.full_name),
                    coalesce(left(p.language_code, 10), k.language_code), p.is_active)
             order by p.integration_id, p.platform_user_id
            on conflict (integration_id, platform_user_id) do update
               set username = excluded.username, full_name = excluded.full_name,
                   language_code = excluded.language_code, is_active = excluded.is_active, updated_at = now()
             where (c.username, c.full_name, c.language_code, c.is_active) is distinct from
                   (excluded.username, excluded.full_name, excluded.language_code, excluded.is_active);

            select array_agg(k.id order by p.turn) into contact_ids
              from unnest(person_integration, person_key) with ordinality as p(integration_id, platform_user_id, turn)
              left join lateral (select c.id from contacts c
                                  where c.integration_id = p.integration_id and c.platform_user_id = p.platform_user_id
                                 offset 0) k on true;
        end if;
    end if;

    -- conversations: made or touched, and locked until the end
    if cardinality(chat_session) > 0 then
        with touched as (
            insert into conversations as v (id, tenant_id, integration_id, contact_id, session_id, user_id, platform,
                                            chat_id, title, messages_count, created_at, updated_at, active_at)
            select c.id, tenant, c.integration_id, contact_ids[c.person], c.session_id, c.user_id, c.platform, c.chat_id,
                   coalesce(left(c.title, 255), ''), c.messages, c.received_at, date_trunc('minute', c.received_at),
                   c.received_at
              from unnest(chat_new_id, chat_integration, chat_person, chat_session, chat_user, chat_platform, chat_key,
                          chat_title, chat_messages, chat_received)
                   as c(id, integration_id, person, session_id, user_id, platform, chat_id, title, messages, received_at)
             order by c.session_id
            on conflict (session_id) do update
               set messages_count = v.messages_count + excluded.messages_count,
                   updated_at = greatest(v.updated_at, excluded.updated_at),
                   active_at = greatest(v.active_at, excluded.active_at),
                   contact_id = coalesce(excluded.contact_id, v.contact_id),
                   title = coalesce(nullif(excluded.title, ''), v.title)
            returning session_id, id, has_early_edits
        )
        select array_agg(id order by session_id collate "C"), bool_or(has_early_edits)
          into conversation_ids, some_edited_early from touched;
    end if;

    -- originals whose edit was here first
    if some_edited_early then
        left_out := array(
            select e.turn
              from unnest(event_type, event_chat, message_platform_id) with ordinality as e(type, chat, platform_id, turn)
             where e.type = 'message.received'
               and exists (select from inbound_events l
                            where l.integration_id = chat_integration[e.chat]
                              and l.dedup_key = early_edit_key(chat_key[e.chat], e.platform_id) offset 0));
        update conversations v set messages_count = v.messages_count - d.messages
          from (select conversation_ids[event_chat[l.turn]] as id, count(*) as messages
                  from unnest(left_out) as l(turn) group by 1) d
         where v.id = d.id;
    end if;

    insert into inbound_bodies (id, tenant_id, integration_id, sealed, received_at)
    select b.id, tenant, b.integration_id, b.sealed, b.received_at
      from unnest(body_id, body_integration, body_sealed, body_received) as b(id, integration_id, sealed, received_at);

    insert into messages (id, tenant_id, integration_id, contact_id, conversation_id, session_id, user_id, content,
                          content_type, role, direction, platform, platform_message_id, metadata, sent_at, created_at,
                          intent, confidence, entities, nlp_model)
    select e.id, tenant, e.integration_id, contact_ids[e.person], conversation_ids[e.chat], chat_session[e.chat],
           chat_user[e.chat], e.content, left(e.content_type, 50), 'user', 'inbound', chat_platform[e.chat],
           left(e.platform_id, 255), e.metadata::jsonb, e.sent_at, e.received_at, left(e.intent, 100),
           e.hundredths / 100.0, e.entities::jsonb, left(e.model, 100)
      from unnest(message_id, event_integration, event_person, event_chat, event_received, message_content,
                  message_content_type, message_platform_id, message_metadata, message_sent, message_intent,
                  message_hundredths, message_entities, message_model)
           with ordinality
           as e(id, integration_id, person, chat, received_at, content, content_type, platform_id, metadata, sent_at,
                intent, hundredths, entities, model, turn)
     where e.id is not null and (left_out is null or e.turn <> all(left_out));

    if cardinality(notice_sessions) > 0 then
        notice_conversations := array(
            select (select v.id from conversations v where v.session_id = n.session_id)
              from unnest(notice_sessions) with ordinality as n(session_id, turn) order by n.turn);
    end if;

    insert into outbox_events (tenant_id, integration_id, type, subject_id, payload)
    select tenant, e.integration_id, e.type, coalesce(e.id, contact_ids[e.person]),
           ('{' || coalesce('"message_id":"' || e.id || '",', '')
                || coalesce('"contact_id":"' || contact_ids[e.person] || '",', '')
                || coalesce('"conversation_id":"' || coalesce(conversation_ids[e.chat], notice_conversations[e.turn]) || '",', '')
                || e.payload)::jsonb
      from unnest(event_integration, event_type, event_payload, event_person, event_chat, message_id) with ordinality
           as e(integration_id, type, payload, person, chat, id, turn)
     where e.type is not null and (left_out is null or e.turn <> all(left_out))
     order by e.turn;
end
$$;
revoke all on function record_events from public;
grant execute on function record_events to easyflow_app;
