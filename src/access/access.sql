-- Tenants, teams and keys. Secrets are never written: only their hashes. Then the secrets that all nodes share.

-- Holding this row until the commit puts changes in the order of their revisions: who has seen one has seen all before it.
-- name: access_revision_next
update access_revision set value = value + 1 where id = 1 returning value;

-- name: key_count
select count(*) from access_key;

-- name: key_insert
insert into access_key (tenant, id, hash, prefix, name, scopes, created_us, expires_us, team, policy, revision)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: key_changed
select tenant, id, hash, scopes, coalesce(expires_us, 0), team, policy, coalesce(revoked_us, 0), revision from access_key
where revision > $1 order by revision limit $2;

-- name: key_page
select id, prefix, name, scopes, created_us, coalesce(expires_us, 0), coalesce(revoked_us, 0), coalesce(used_us, 0), team, policy from access_key
where tenant = $1 and ($2 = '' or id < $2) and ($3 = '' or team = $3)
order by id desc limit $4;

-- name: key_get
select id, prefix, name, scopes, created_us, coalesce(expires_us, 0), coalesce(revoked_us, 0), coalesce(used_us, 0), team, policy from access_key
where tenant = $1 and id = $2;

-- name: key_set_revoked
update access_key set revoked_us = $3, revision = $4 where tenant = $1 and id = $2 and revoked_us is null;

-- name: key_change
update access_key set name = $3, scopes = $4, expires_us = $5, team = $6, policy = $7, revision = $8 where tenant = $1 and id = $2 and revoked_us is null;

-- name: key_set_used
update access_key set used_us = $3 where tenant = $1 and id = $2 and (used_us is null or used_us < $3);

-- name: tenant_add
insert into tenant (id, name, created_us, policy, revision)
select 1 + max(id), cast($1 as text), cast($2 as bigint), cast($3 as text), cast($4 as bigint) from tenant
returning id;

-- name: tenant_changed
select id, policy, coalesce(closed_us, 0), revision from tenant where revision > $1 order by revision limit $2;

-- name: tenant_page
select id, name, policy, created_us, coalesce(closed_us, 0) from tenant where id > $1 order by id limit $2;

-- name: tenant_find
select id, name, policy, created_us, coalesce(closed_us, 0) from tenant where name = $1 or cast(id as text) = $1 order by name = $1 desc limit 1;

-- name: tenant_policy
select policy from tenant where id = $1;

-- name: tenant_change
update tenant set name = $2, policy = $3, closed_us = $4, revision = $5 where id = $1;

-- name: team_add
insert into team (tenant, id, name, policy, created_us, revision) values ($1, $2, $3, $4, $5, $6);

-- name: team_changed
select tenant, id, policy, coalesce(closed_us, 0), revision from team where revision > $1 order by revision limit $2;

-- name: team_page
select id, name, policy, created_us, coalesce(closed_us, 0) from team where tenant = $1 and ($2 = '' or id < $2) order by id desc limit $3;

-- name: team_find
select id, name, policy, created_us, coalesce(closed_us, 0) from team where tenant = $1 and (id = $2 or name = $2) order by id = $2 desc limit 1;

-- name: team_change
update team set name = $3, policy = $4, closed_us = $5, revision = $6 where tenant = $1 and id = $2;

-- name: shared_secret_add
insert into shared_secret (name, value, created_us) values ($1, $2, $3) on conflict (name) do nothing;

-- name: shared_secret_get
select value from shared_secret where name = $1;

-- Limits that nodes share: migrations/0103_limit_share.sql. The clock is the database's.
-- name: limit_bucket_get
select requests, tokens, requests_limit, tokens_limit, at_us from limit_bucket where key = $1;

-- name: limit_bucket_put
insert into limit_bucket (key, requests, tokens, requests_limit, tokens_limit, at_us) values ($1, $2, $3, $4, $5, $6)
on conflict (key) do update set requests = excluded.requests, tokens = excluded.tokens, requests_limit = excluded.requests_limit, tokens_limit = excluded.tokens_limit,
	at_us = excluded.at_us;

-- The time, and what the other nodes that live have.
-- name: limit_share_others :sqlite
select cast(strftime('%s', 'now') as bigint) * 1000000, coalesce(sum(s.requests), 0.0), coalesce(sum(s.tokens), 0.0), cast(coalesce(sum(s.slots), 0) as bigint)
from limit_share s where s.key = $1 and s.node <> $2
	and exists (select 1 from limit_node n where n.id = s.node and n.until_us > cast(strftime('%s', 'now') as bigint) * 1000000);

-- name: limit_share_others :postgres
select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint), coalesce(sum(s.requests), 0.0), coalesce(sum(s.tokens), 0.0), cast(coalesce(sum(s.slots), 0) as bigint)
from limit_share s where s.key = $1 and s.node <> $2
	and exists (select 1 from limit_node n where n.id = s.node and n.until_us > cast(extract(epoch from clock_timestamp()) * 1000000 as bigint));

-- name: limit_share_put
insert into limit_share (key, node, requests, tokens, slots) values ($1, $2, $3, $4, $5)
on conflict (key, node) do update set requests = excluded.requests, tokens = excluded.tokens, slots = excluded.slots;

-- name: limit_share_drop
delete from limit_share where key = $1 and node = $2;

-- name: limit_share_leave
delete from limit_share where node = $1;

-- name: limit_node_renew :sqlite
insert into limit_node (id, until_us) values ($1, cast(strftime('%s', 'now') as bigint) * 1000000 + $2) on conflict (id) do update set until_us = excluded.until_us;

-- name: limit_node_renew :postgres
insert into limit_node (id, until_us) values ($1, cast(extract(epoch from clock_timestamp()) * 1000000 as bigint) + cast($2 as bigint))
on conflict (id) do update set until_us = excluded.until_us;

-- name: limit_node_leave
delete from limit_node where id = $1;

-- What dead nodes have left behind, long after it counted for anything.
-- name: limit_node_dead
select id from limit_node where until_us < $1 limit 100;

-- Buckets that are full again for sure.
-- name: limit_bucket_forget
delete from limit_bucket where key in (select key from limit_bucket b where b.at_us < $1 and not exists (select 1 from limit_share s where s.key = b.key) order by b.at_us limit 500);
