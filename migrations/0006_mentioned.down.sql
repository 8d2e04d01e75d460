drop function mentioned(text[]);
