-- Queries of the cache of answers. The table is explained in migrations/0950_cache.sql.

-- name: cache_find
select created_us, interaction, provider, target_model, input, output, amount_nanos, body, expires_us
from cache_entry where tenant = $1 and hash = $2 and expires_us > $3 and created_us > $4;

-- name: cache_get
select created_us, interaction, provider, target_model, input, output, amount_nanos, body, expires_us from cache_entry where tenant = $1 and id = $2;

-- name: cache_near
select id, vector from cache_entry
where tenant = $1 and near = $2 and embedder = $3 and expires_us > $4 and created_us > $5 order by id desc limit $6;

-- An entry that is made anew gets a new number: the oldest are dropped by their numbers, and the newest looked at first.

-- name: cache_put :sqlite
insert into cache_entry (tenant, hash, model, interaction, provider, target_model, created_us, expires_us, bytes, input, output, amount_nanos, near, embedder, vector, body)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
on conflict (tenant, hash) do update set id = (select max(id) + 1 from cache_entry), model = excluded.model, interaction = excluded.interaction, provider = excluded.provider, target_model = excluded.target_model,
	created_us = excluded.created_us, expires_us = excluded.expires_us, bytes = excluded.bytes, input = excluded.input, output = excluded.output,
	amount_nanos = excluded.amount_nanos, near = excluded.near, embedder = excluded.embedder, vector = excluded.vector, body = excluded.body;

-- name: cache_put :postgres
insert into cache_entry (tenant, hash, model, interaction, provider, target_model, created_us, expires_us, bytes, input, output, amount_nanos, near, embedder, vector, body)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
on conflict (tenant, hash) do update set id = default, model = excluded.model, interaction = excluded.interaction, provider = excluded.provider, target_model = excluded.target_model,
	created_us = excluded.created_us, expires_us = excluded.expires_us, bytes = excluded.bytes, input = excluded.input, output = excluded.output,
	amount_nanos = excluded.amount_nanos, near = excluded.near, embedder = excluded.embedder, vector = excluded.vector, body = excluded.body;

-- name: cache_stats
select model, count(*), cast(coalesce(sum(bytes), 0) as bigint) from cache_entry where tenant = $1 group by model order by model limit 10000;

-- name: cache_stats_all
select model, count(*), cast(coalesce(sum(bytes), 0) as bigint) from cache_entry group by model order by model limit 10000;

-- Deleting, some rows at a time. An empty model: all of the tenant's.

-- name: cache_clear
delete from cache_entry where id in (select id from cache_entry where tenant = $1 and ($2 = '' or model = $2) limit $3);

-- name: cache_expire
delete from cache_entry where id in (select id from cache_entry where expires_us <= $1 order by expires_us limit $2);

-- name: cache_oldest
select id, bytes from cache_entry order by id limit $1;

-- name: cache_drop
delete from cache_entry where id <= $1;
