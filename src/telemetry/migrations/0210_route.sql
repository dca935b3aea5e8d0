-- How a call found its way: through which model of the configuration, and over how many attempts.
-- :both
alter table interaction add column route text not null default '';       -- the model whose target answered, when it is not the one asked for: an arm of a split, a fallback
alter table interaction add column attempts bigint not null default 1;   -- calls to targets
