-- Secrets of the installation as a whole, which all nodes on the database share. They belong to no tenant.

-- :both
create table shared_secret (
	name text primary key,         -- what it is for
	value bytea not null,          -- 32 random bytes
	created_us bigint not null
);
