-- What is priced apart: what a provider's cache keeps for an hour, what is read of the web, and the kind of service.

-- :both
alter table usage_entry add column cache_write_1h bigint not null default 0;     -- tokens, part of cache_write
alter table usage_entry add column citations bigint not null default 0;          -- tokens
alter table usage_entry add column web_searches_low bigint not null default 0;   -- part of web_searches
alter table usage_entry add column web_searches_high bigint not null default 0;  -- part of web_searches
alter table usage_entry add column tier bigint not null default 0;               -- enum usage_tier: 0 standard, 1 flex, 2 priority, 3 ultrafast, 4 fast mode
