alter table messages alter column intent type varchar(100) collate "default";
