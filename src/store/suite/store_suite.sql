-- store_suite.sql - the queries of the store's own tests: numbered things, accounts with a balance, values of every type.

-- name: thing_add
insert into thing (id, title) values ($1, $2);

-- name: thing_add_returning
insert into thing_auto (title) values ($1) returning id, title;

-- name: thing_count
select count(*) from thing;

-- name: thing_sum
select count(*), coalesce(sum(id), 0) from thing where id between $1 and $2;

-- name: thing_titles
select id, title from thing where id >= $1 order by id limit cast($2 as bigint);

-- name: thing_delete_all
delete from thing;

-- name: part_add
insert into part (thing, note) values ($1, $2);

-- name: account_add
insert into account (id, balance) values ($1, $2) on conflict (id) do update set balance = excluded.balance;

-- name: account_balance
select balance from account where id = $1;

-- name: account_set
update account set balance = $2 where id = $1;

-- name: account_total
select coalesce(sum(balance), 0), count(*) from account;

-- name: values_echo
select cast($1 as bigint), cast($2 as double precision), cast($3 as text), cast($4 as bytea);

-- name: values_put
insert into every_type (id, i, r, t, b, yes) values ($1, $2, $3, $4, $5, $6);

-- name: values_get
select i, r, t, b, yes from every_type where id = $1;

-- name: rows_many
with recursive n(i) as (select 1 union all select i + 1 from n where i < cast($1 as bigint)) select i, cast($2 as text) from n;

-- name: words_find :sqlite
select id from thing where title glob '*' || $1 || '*' order by id;
-- name: words_find :postgres
select id from thing where position(cast($1 as text) in title) > 0 order by id;

-- name: slow_read :sqlite
with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n;
-- name: slow_read :postgres
select pg_sleep(60);
