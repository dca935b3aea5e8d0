-- Price tables that were imported: each a version that never changes, in force from an instant on.

-- :both
create table price_version (
	id text primary key,           -- "litellm-" and the beginning of the body's SHA-256
	source text not null,
	effective_us bigint not null,
	created_us bigint not null,
	rows bigint not null,
	body text not null             -- JSON: [[kind of provider, model, {quantity: picodollars}], ...]
);
create index price_version_by_time on price_version (effective_us);
