-- What the proof of every amount needs: what the sum consists of where several targets have answered in turn, and who corrected an entry by hand, and why.

-- :both
alter table usage_entry add column parts text not null default '';   -- JSON, see telemetry/usage_part.h; '': one target's
alter table usage_entry add column reason text not null default '';  -- of a correction by hand
alter table usage_entry add column made_by text not null default ''; -- the key that made it
