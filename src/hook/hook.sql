-- Webhooks. The tables are explained in migrations/0900_webhook.sql.

-- For each webhook that wants it.
-- name: webhook_event_put
insert into webhook_event (webhook, id, event, at_us, body)
select w.name, cast($1 as text), cast($2 as bigint), cast($3 as bigint), cast($4 as text) from webhook w
where w.removed_us is null and w.full_us is null and w.gone_us is null and (w.events & cast($5 as bigint)) <> 0;

-- name: webhook_event_put_one
insert into webhook_event (webhook, id, event, at_us, body) values ($1, $2, $3, $4, $5);

-- name: webhook_list
select w.name, w.events, coalesce(w.full_us, 0), coalesce(w.gone_us, 0), coalesce(w.removed_us, 0), coalesce(s.node, ''), coalesce(s.until_us, 0), coalesce(s.delivered_us, 0),
	coalesce(s.failed_us, 0), coalesce(s.error, '')
from webhook w left join webhook_state s on s.webhook = w.name order by w.name;

-- name: webhook_events_wanted
select events from webhook where removed_us is null and gone_us is null;

-- name: webhook_put
insert into webhook (name, events, created_us) values ($1, $2, $3)
on conflict (name) do update set events = excluded.events, removed_us = null where webhook.events <> excluded.events or webhook.removed_us is not null;

-- name: webhook_state_put
insert into webhook_state (webhook, node, until_us, delivered_us, failed_us, error) values ($1, '', 0, 0, 0, '') on conflict (webhook) do nothing;

-- What is not configured any more.
-- name: webhook_remove :sqlite
update webhook set removed_us = $2 where removed_us is null and name not in (select value from json_each($1));

-- name: webhook_remove :postgres
update webhook set removed_us = $2 where removed_us is null and not name = any(select jsonb_array_elements_text(cast($1 as jsonb)));

-- name: webhook_full
update webhook set full_us = $2 where name = $1 and full_us is null;

-- name: webhook_not_full
update webhook set full_us = null where name = $1 and full_us is not null;

-- name: webhook_gone
update webhook set gone_us = $2 where name = $1 and gone_us is null;

-- name: webhook_not_gone
update webhook set gone_us = null where name = $1 and gone_us is not null;

-- name: webhook_full_since
select coalesce(full_us, 0) from webhook where name = $1;

-- name: webhook_lease
update webhook_state set node = $2, until_us = $3 where webhook = $1 and (node = $2 or until_us < $4) returning node;

-- name: webhook_leave
update webhook_state set node = '', until_us = 0 where webhook = $1 and node = $2;

-- name: webhook_holder
select node from webhook_state where webhook = $1;

-- name: webhook_delivered
update webhook_state set delivered_us = $2 where webhook = $1;

-- name: webhook_failed
update webhook_state set failed_us = $2, error = $3 where webhook = $1;

-- name: webhook_events_next
select id, event, at_us, body from webhook_event where webhook = $1 order by id limit $2;

-- At most as many as asked for are counted.
-- name: webhook_events_count
select count(*) from (select 1 from webhook_event where webhook = $1 limit $2) waiting;

-- name: webhook_events_drop :sqlite
delete from webhook_event where webhook = $1 and id in (select value from json_each($2));

-- name: webhook_events_drop :postgres
delete from webhook_event where webhook = $1 and id = any(select jsonb_array_elements_text(cast($2 as jsonb)));

-- name: webhook_events_forget
delete from webhook_event where webhook = $1 and id in (select id from webhook_event where webhook = $1 order by id limit $2);

-- name: webhook_message_put
insert into webhook_message (webhook, id, event, events, created_us, since_us, attempts, next_us, state, ended_us, status, error, body)
values ($1, $2, $3, $4, $5, $5, 0, 0, 'pending', 0, 0, '', $6);

-- name: webhook_message_next
select id, since_us, attempts, next_us, events, body from webhook_message where webhook = $1 and state = 'pending'
	and not exists (select 1 from webhook w where w.name = $1 and w.gone_us is not null) order by id limit 1;

-- name: webhook_message_end
update webhook_message set state = $3, ended_us = $4, attempts = attempts + 1, status = $5, error = $6 where webhook = $1 and id = $2 and state = 'pending';

-- name: webhook_message_later
update webhook_message set attempts = attempts + 1, next_us = $3, status = $4, error = $5 where webhook = $1 and id = $2 and state = 'pending';

-- name: webhook_message_count
select cast(coalesce(sum(case when state = 'pending' then 1 else 0 end), 0) as bigint), cast(coalesce(sum(case when state = 'dead' then 1 else 0 end), 0) as bigint)
from webhook_message where webhook = $1 and state in ('pending', 'dead');

-- name: webhook_message_page
select id, event, events, created_us, attempts, next_us, state, ended_us, status, error from webhook_message
where webhook = $1 and ($2 = '' or id < $2) and ($3 = '' or state = $3) order by id desc limit $4;

-- name: webhook_replay_one
update webhook_message set state = 'pending', ended_us = 0, attempts = 0, next_us = 0, since_us = $3 where webhook = $1 and id = $2;

-- name: webhook_replay_dead
update webhook_message set state = 'pending', ended_us = 0, attempts = 0, next_us = 0, since_us = $2 where webhook = $1 and state = 'dead';

-- name: webhook_replay_time
update webhook_message set state = 'pending', ended_us = 0, attempts = 0, next_us = 0, since_us = $2
where webhook = $1 and state <> 'pending' and created_us >= $3 and created_us < $4;

-- name: webhook_message_forget
delete from webhook_message where webhook = $1 and id in
	(select id from webhook_message where webhook = $1 and state <> 'pending' and ended_us < $2 order by ended_us limit $3);

-- name: webhook_messages_forget
delete from webhook_message where webhook = $1 and id in (select id from webhook_message where webhook = $1 order by id limit $2);

-- name: webhook_removed
select name from webhook where removed_us < $1 order by name limit 1;

-- name: webhook_state_forget
delete from webhook_state where webhook = $1;

-- name: webhook_forget
delete from webhook where name = $1;
