-- What models see and hear has prices of its own, and so has what they look up in the web.

-- :both
alter table usage_entry add column cached_audio bigint not null default 0;  -- tokens, part of cached_input
alter table usage_entry add column image_input bigint not null default 0;   -- tokens, part of input
alter table usage_entry add column image_output bigint not null default 0;  -- tokens, part of output
alter table usage_entry add column web_searches bigint not null default 0;
