-- name: response_put
insert into response (tenant, id, created_us, completed_us, status, background, previous, conversation, request, head, error, incomplete, usage, owner, lease_until_us, cancel, local_only)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0, $16)
on conflict (tenant, id) do update set completed_us = excluded.completed_us, status = excluded.status, request = excluded.request, error = excluded.error,
	incomplete = excluded.incomplete, usage = excluded.usage, lease_until_us = excluded.lease_until_us,
	local_only = excluded.local_only;

-- name: response_get
select r.id, r.created_us, r.completed_us, r.status, r.background, r.previous, r.conversation, r.error, r.incomplete, r.usage, r.owner, r.lease_until_us, r.cancel, b.body
from response r left join item_body b on b.tenant = r.tenant and b.hash = r.head
where r.tenant = $1 and r.id = $2;

-- name: response_there
select 1 from response where tenant = $1 and id = $2;

-- name: response_delete
delete from response where tenant = $1 and id = $2;

-- name: response_set_status
update response set status = $3 where tenant = $1 and id = $2 and status in ('queued', 'in_progress');

-- name: response_renew
update response set lease_until_us = $3 where tenant = $1 and id = $2 and status in ('queued', 'in_progress') returning cancel;

-- name: response_want_cancel
update response set cancel = 1 where tenant = $1 and id = $2 and status in ('queued', 'in_progress');

-- name: response_end
update response set status = $3, completed_us = $4, error = $5, incomplete = $6, usage = $7, lease_until_us = 0
where tenant = $1 and id = $2 and status in ('queued', 'in_progress') and lease_until_us = $8;

-- name: response_event_insert
insert into response_event (tenant, response, last, first, frames) values ($1, $2, $3, $4, $5) on conflict do nothing;

-- name: response_event_after
select last, frames from response_event where tenant = $1 and response = $2 and last > $3 order by last limit $4;

-- name: response_event_last
select last, frames from response_event where tenant = $1 and response = $2 order by last desc limit 1;

-- name: response_event_delete
delete from response_event where tenant = $1 and response = $2;

-- name: item_insert
insert into response_item (tenant, owner, position, output, id, hash) values ($1, $2, $3, $4, $5, $6) on conflict do nothing;

-- name: item_last
select coalesce(max(position), 0) from response_item where tenant = $1 and owner = $2;

-- name: item_body_put
insert into item_body (tenant, hash, used_day, body) values ($1, $2, $3, $4) on conflict (tenant, hash) do update set used_day = excluded.used_day where item_body.used_day < excluded.used_day;

-- name: item_body_touch
update item_body set used_day = $3 where tenant = $1 and hash = $2 and used_day < $3;

-- name: item_list
select i.id, i.output, i.position, i.hash, b.used_day, b.body
from response_item i left join item_body b on b.tenant = i.tenant and b.hash = i.hash
where i.tenant = $1 and i.owner = $2 order by i.position limit $3;

-- name: item_page_up
select i.id, i.output, i.position, i.hash, b.used_day, b.body
from response_item i left join item_body b on b.tenant = i.tenant and b.hash = i.hash
where i.tenant = $1 and i.owner = $2 and i.output <= $3 and i.position > $4 order by i.position limit $5;

-- name: item_page_down
select i.id, i.output, i.position, i.hash, b.used_day, b.body
from response_item i left join item_body b on b.tenant = i.tenant and b.hash = i.hash
where i.tenant = $1 and i.owner = $2 and i.output <= $3 and i.position < $4 order by i.position desc limit $5;

-- name: item_position
select position from response_item where tenant = $1 and owner = $2 and id = $3;

-- name: item_find
-- The last column: whether any of those who hold it is local_only.
select i.id, i.output, i.position, i.hash, b.used_day, b.body,
	case when exists (select 1 from response_item o join response r on r.tenant = o.tenant and r.id = o.owner where o.tenant = $1 and o.id = $2 and r.local_only = 1)
		or exists (select 1 from response_item o join conversation c on c.tenant = o.tenant and c.id = o.owner where o.tenant = $1 and o.id = $2 and c.local_only = 1)
		then 1 else 0 end
from response_item i join item_body b on b.tenant = i.tenant and b.hash = i.hash
where i.tenant = $1 and i.id = $2 order by i.owner limit 1;

-- name: item_in
select i.id, i.output, i.position, i.hash, b.used_day, b.body
from response_item i left join item_body b on b.tenant = i.tenant and b.hash = i.hash
where i.tenant = $1 and i.owner = $2 and i.id = $3;

-- name: item_delete
delete from response_item where tenant = $1 and owner = $2 and id = $3;

-- name: item_delete_all
delete from response_item where tenant = $1 and owner = $2;

-- name: response_chain
with recursive chain (id, depth) as (
	select cast($2 as text), 0
	union all
	select r.previous, c.depth + 1 from chain c join response r on r.tenant = $1 and r.id = c.id where r.previous <> '' and c.depth < 2000
)
select i.id, i.output, i.position, i.hash, b.used_day, b.body,
	(select coalesce(max(r.local_only), 0) from chain k join response r on r.tenant = $1 and r.id = k.id)
from chain c join response_item i on i.tenant = $1 and i.owner = c.id left join item_body b on b.tenant = i.tenant and b.hash = i.hash
order by c.depth desc, i.position limit $3;

-- name: response_chain_missing
with recursive chain (id, depth) as (
	select cast($2 as text), 0
	union all
	select r.previous, c.depth + 1 from chain c join response r on r.tenant = $1 and r.id = c.id where r.previous <> '' and c.depth < 2000
)
select c.id, r.status from chain c left join response r on r.tenant = $1 and r.id = c.id where r.id is null or r.status not in ('completed', 'incomplete') limit 1;

-- name: conversation_insert
insert into conversation (tenant, id, created_us, used_us, metadata, local_only) values ($1, $2, $3, $3, $4, $5);

-- name: conversation_get
select id, created_us, metadata, local_only from conversation where tenant = $1 and id = $2;

-- name: conversation_set
update conversation set metadata = $3, used_us = $4 where tenant = $1 and id = $2;

-- name: conversation_use
-- $4: 1 when what is added is local_only; then all of it is from now on.
update conversation set used_us = $3, local_only = case when $4 = 1 then 1 else local_only end where tenant = $1 and id = $2;

-- name: conversation_delete
delete from conversation where tenant = $1 and id = $2;

-- name: retain_responses
select tenant, id from response where created_us < $1 order by created_us limit $2;

-- name: retain_conversations
select tenant, id from conversation where used_us < $1 order by used_us limit $2;

-- name: retain_item_bodies
delete from item_body where (tenant, hash) in (select tenant, hash from item_body where used_day < $1 order by used_day limit $2);

-- name: stream_insert
insert into answer_stream (tenant, id, alias, key, kind, created_us, ended_us, seen, cancel, owner, lease_until_us) values ($1, $2, $3, $4, $5, $6, 0, 0, 0, $7, $8);

-- name: stream_renew
update answer_stream set lease_until_us = $3, alias = $4 where tenant = $1 and id = $2 and ended_us = 0 returning cancel;

-- name: stream_end
update answer_stream set ended_us = $3, alias = $4, seen = $5, lease_until_us = 0 where tenant = $1 and id = $2 and ended_us = 0;

-- name: stream_end_lost
update answer_stream set ended_us = $3, lease_until_us = 0 where tenant = $1 and id = $2 and ended_us = 0 and lease_until_us = $4;

-- name: stream_seen
update answer_stream set seen = 1 where tenant = $1 and id = $2 and ended_us > 0;

-- name: stream_want_cancel
update answer_stream set cancel = 1 where tenant = $1 and id = $2 and ended_us = 0;

-- name: stream_get
select id, alias, key, owner, created_us, ended_us, seen, lease_until_us from answer_stream where tenant = $1 and id = $2 and kind = $3 and ($4 = '' or key = $4);

-- name: stream_find
select id, alias, key, owner, created_us, ended_us, seen, lease_until_us from answer_stream where tenant = $1 and alias = $2 and kind = $3 and ($4 = '' or key = $4)
order by created_us desc limit 1;

-- name: stream_retain
select tenant, id from answer_stream where created_us < $1 and lease_until_us < $2 order by created_us limit $3;

-- name: stream_delete
delete from answer_stream where tenant = $1 and id = $2;

-- name: pending_put
insert into answer_pending (tenant, interaction, stream, owner, started_us, bill) values ($1, $2, $3, $4, $5, $6);

-- name: pending_drop
delete from answer_pending where tenant = $1 and interaction = $2;

-- Not if its lease was renewed since it was found to be over: its process is there after all.
-- name: pending_drop_lost
delete from answer_pending where tenant = $1 and interaction = $2
	and coalesce((select s.lease_until_us from answer_stream s where s.tenant = answer_pending.tenant and s.id = answer_pending.stream),
		(select r.lease_until_us from response r where r.tenant = answer_pending.tenant and r.id = answer_pending.stream), 0) = $3;

-- Of processes that are gone: on a database of its own ($2 = 1) all but this one, else those whose lease is over. All of them, or one stream's.
-- name: pending_lost
select p.tenant, p.interaction, p.stream, p.bill, coalesce(s.lease_until_us, r.lease_until_us, 0)
from answer_pending p left join answer_stream s on s.tenant = p.tenant and s.id = p.stream left join response r on r.tenant = p.tenant and r.id = p.stream
where p.owner <> $1 and (cast($2 as bigint) = 1 or coalesce(s.lease_until_us, r.lease_until_us, 0) < $3)
order by p.started_us limit 16;

-- name: pending_lost_of
select p.tenant, p.interaction, p.stream, p.bill, coalesce(s.lease_until_us, r.lease_until_us, 0)
from answer_pending p left join answer_stream s on s.tenant = p.tenant and s.id = p.stream left join response r on r.tenant = p.tenant and r.id = p.stream
where p.owner <> $1 and (cast($2 as bigint) = 1 or coalesce(s.lease_until_us, r.lease_until_us, 0) < $3) and p.tenant = $4 and p.stream = $5;
