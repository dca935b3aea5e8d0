-- Reranking is billed by search units, not by tokens.

-- :both
alter table usage_entry add column searches bigint not null default 0;
