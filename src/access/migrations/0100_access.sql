-- Tenants and their keys. Every table of the program begins its keys with the tenant.

-- :both
create table tenant (
	id bigint primary key,
	name text not null unique,
	created_us bigint not null
);
insert into tenant (id, name, created_us) values (1, 'default', 0);

create table access_key (
	tenant bigint not null references tenant (id),
	id text not null,              -- "key_" and a time-ordered identifier
	hash bytea not null,           -- SHA-256 of the secret, which is nowhere
	prefix text not null,          -- the beginning of the secret
	name text not null,
	scopes text not null,          -- names, separated by blanks
	created_us bigint not null,
	expires_us bigint,
	revoked_us bigint,
	used_us bigint,
	primary key (tenant, id)
);
create unique index access_key_by_hash on access_key (tenant, hash);
