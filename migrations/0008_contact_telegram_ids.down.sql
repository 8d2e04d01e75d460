drop index idx_contacts_telegram_id;
alter table contacts add unique (integration_id, telegram_id);
