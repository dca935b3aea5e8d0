-- Keys, whose secrets are never written: only their hashes. Then the secrets that all nodes share.

-- name: key_count
select count(*) from access_key;

-- name: key_insert
insert into access_key (tenant, id, hash, prefix, name, scopes, created_us, expires_us) values ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: key_valid
select tenant, id, hash, scopes, coalesce(expires_us, 0) from access_key
where revoked_us is null and (expires_us is null or expires_us > $1);

-- name: key_page
select id, prefix, name, scopes, created_us, coalesce(expires_us, 0), coalesce(revoked_us, 0), coalesce(used_us, 0) from access_key
where tenant = $1 and ($2 = '' or id < $2)
order by id desc limit $3;

-- name: key_set_revoked
update access_key set revoked_us = $3 where tenant = $1 and id = $2 and revoked_us is null;

-- name: key_set_used
update access_key set used_us = $3 where tenant = $1 and id = $2 and (used_us is null or used_us < $3);

-- name: shared_secret_add
insert into shared_secret (name, value, created_us) values ($1, $2, $3) on conflict (name) do nothing;

-- name: shared_secret_get
select value from shared_secret where name = $1;
