-- A collection's generation moves in each commit that changes what a search in it could find. Whoever keeps something that was built on a search keeps the generation with it.
-- :both
alter table collection add column generation bigint not null default 0;
