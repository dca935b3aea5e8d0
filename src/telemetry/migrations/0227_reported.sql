-- What the provider itself says that a call costs, where it does: beside our own amount, which is what is billed.

-- :both
alter table usage_entry add column reported_nanos bigint; -- 1e-9 US dollar; null: it said nothing
