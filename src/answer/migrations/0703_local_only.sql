-- Answers that were made on the operator's own machines alone, and conversations that hold such: what goes on from them stays there too.
-- :both
alter table response add column local_only bigint not null default 0;
alter table conversation add column local_only bigint not null default 0;
