-- What is marked local_only never reaches a hosted provider: a collection with all that is found in it, and a file, whose mark goes to each collection that it is put into.
-- :both
alter table collection add column local_only bigint not null default 0;
alter table file add column local_only bigint not null default 0;
