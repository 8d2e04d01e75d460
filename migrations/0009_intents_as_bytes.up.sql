-- Intents are identifiers: compared as bytes, like all the others. Their index is written for every message.
alter table messages alter column intent type varchar(100) collate "C";
