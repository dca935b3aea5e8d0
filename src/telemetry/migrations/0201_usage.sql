-- The ledger learns for whom and at what kind of provider: what reports sum up by, and what prices are found by when history is priced again. Only settlements have them and the
-- quantities; a correction has an amount alone.

-- :both
alter table usage_entry add column team text not null default '';
alter table usage_entry add column end_user text not null default '';
alter table usage_entry add column tags text not null default '';          -- "name=value", one a line
alter table usage_entry add column provider_kind text not null default ''; -- '' of what was written before there was this column
alter table usage_entry add column audio_input bigint not null default 0;  -- tokens, part of input
alter table usage_entry add column audio_output bigint not null default 0; -- part of output
alter table usage_entry add column images bigint not null default 0;
