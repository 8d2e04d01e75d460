-- A whole index on (integration_id, telegram_id) looks as good as the one on (integration_id, platform_user_id) to a
-- planner that thinks there are next to no contacts: it then reads all contacts of an account to find one. A partial
-- index can't be mistaken for the other.
alter table contacts drop constraint contacts_integration_id_telegram_id_key;
create unique index idx_contacts_telegram_id on contacts(integration_id, telegram_id) where telegram_id is not null;
