-- What the ledger's hours come to, kept beside it: see telemetry/seal.h.

-- :both
create table ledger_hour (
	tenant bigint not null,
	hour bigint not null,            -- since 1970, of the interactions' ids
	entries bigint not null,
	amount_nanos bigint not null,
	primary key (tenant, hour)
) without rowid;

create table ledger_seal (
	tenant bigint not null primary key,
	upto bytea not null              -- entries of smaller interactions are in their hour
);
