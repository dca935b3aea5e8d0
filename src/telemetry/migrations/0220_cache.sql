-- Answers that came from the cache: how, and what they would have taken upstream. What they did take is 0 in the ledger's other columns.
-- :both
alter table interaction add column cache text not null default '';                          -- hit, semantic, shared
alter table interaction add column cache_similarity double precision not null default 0;    -- of the question to the one that was answered then
alter table usage_entry add column saved_input bigint not null default 0;                   -- tokens
alter table usage_entry add column saved_output bigint not null default 0;
alter table usage_entry add column saved_nanos bigint not null default 0;                   -- 1e-9 US dollar
