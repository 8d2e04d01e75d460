drop function record_events;
drop function early_edit_key(text, text);
