-- Entries of budgets go with the ledger's: a closed block's are folded into one sum, so that what it has settled stays what its entries and that sum say.

-- :both
alter table budget_block add column folded_nanos bigint not null default 0; -- sum of entries that are no more
alter table budget_block add column folded bigint not null default 0;       -- 1: all of them were folded
create index budget_block_to_fold on budget_block (closed_us) where folded = 0 and closed_us is not null;
