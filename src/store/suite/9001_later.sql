-- What a newer program adds.
-- :both
alter table thing add column color text;
