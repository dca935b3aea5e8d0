-- Budgets. The tables are explained in migrations/0800_budget.sql.

-- name: money_revision_next
update money_revision set value = value + 1 where id = 1 returning value;

-- name: budget_add
insert into budget (tenant, id, name, kind, holder, period, limit_nanos, alerts, created_us, revision) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: budget_change
update budget set name = $3, limit_nanos = $4, alerts = $5, closed_us = $6, revision = $7 where tenant = $1 and id = $2;

-- name: budget_changed
select tenant, id, kind, holder, period, limit_nanos, name, coalesce(closed_us, 0), revision from budget where revision > $1 order by revision limit $2;

-- What the current period has spent is exact: what closed blocks say, and the entries of open ones.
-- name: budget_page
select id, name, kind, holder, period, limit_nanos, alerts, created_us, coalesce(closed_us, 0) from budget
where tenant = $1 and ($2 = '' or id < $2) order by id desc limit $3;

-- name: budget_get
select id, name, kind, holder, period, limit_nanos, alerts, created_us, coalesce(closed_us, 0) from budget where tenant = $1 and (id = $2 or name = $2)
order by id = $2 desc, id desc limit 1;

-- name: budget_limit
select limit_nanos, coalesce(closed_us, 0), alerts, name, kind, holder from budget where tenant = $1 and id = $2;

-- name: budget_period_add
insert into budget_period (tenant, budget, starts_us, holder, spent_nanos, held_nanos, alerted) values ($1, $2, $3, $4, 0, 0, 0) on conflict do nothing;

-- name: budget_period_get
select spent_nanos, held_nanos, alerted, refused_us from budget_period where tenant = $1 and budget = $2 and starts_us = $3 and holder = $4;

-- name: budget_period_spent
select coalesce(sum(e.amount_nanos), 0) from budget_block b join budget_entry e on e.tenant = b.tenant and e.block = b.id
where b.tenant = $1 and b.budget = $2 and b.starts_us = $3 and b.holder = $4 and b.closed_us is null;

-- name: budget_period_hold
update budget_period set held_nanos = held_nanos + $5 where tenant = $1 and budget = $2 and starts_us = $3 and holder = $4;

-- name: budget_period_settle
update budget_period set held_nanos = held_nanos - $5, spent_nanos = spent_nanos + $6 where tenant = $1 and budget = $2 and starts_us = $3 and holder = $4
returning spent_nanos, alerted, refused_us;

-- name: budget_period_alerted
update budget_period set alerted = $5 where tenant = $1 and budget = $2 and starts_us = $3 and holder = $4;

-- name: budget_period_refused
update budget_period set refused_us = $5 where tenant = $1 and budget = $2 and starts_us = $3 and holder = $4;

-- name: budget_block_add
insert into budget_block (tenant, id, budget, starts_us, holder, node, granted_nanos, settled_nanos, opened_us) values ($1, $2, $3, $4, $5, $6, $7, 0, $8);

-- name: budget_block_get
select budget, starts_us, holder, granted_nanos, coalesce(closed_us, 0) from budget_block where tenant = $1 and id = $2;

-- name: budget_block_sum
select coalesce(sum(amount_nanos), 0) from budget_entry where tenant = $1 and block = $2;

-- name: budget_block_close
update budget_block set settled_nanos = $3, closed_us = $4 where tenant = $1 and id = $2;

-- name: budget_block_late
update budget_block set settled_nanos = settled_nanos + $3, folded = 0 where tenant = $1 and id = $2;

-- Blocks of nodes that are no more: on a database of its own, of every node but this one.
-- name: budget_block_orphans
select tenant, id from budget_block
where closed_us is null and node <> $1 and not exists (select 1 from money_node n where n.id = budget_block.node and n.until_us > $2)
limit 100;

-- name: budget_entry_add
insert into budget_entry (tenant, block, interaction, amount_nanos) values ($1, $2, $3, $4);

-- Folding: the oldest closed block that has entries, perhaps; and some of them.
-- name: budget_block_to_fold
select tenant, id from budget_block where folded = 0 and closed_us is not null and closed_us < $1 order by closed_us limit 1;

-- name: budget_entry_some
select interaction, amount_nanos from budget_entry where tenant = $1 and block = $2 order by interaction limit $3;

-- name: budget_entry_drop
delete from budget_entry where tenant = $1 and block = $2 and interaction <= $3;

-- name: budget_block_fold
update budget_block set folded_nanos = folded_nanos + $3, folded = $4 where tenant = $1 and id = $2;

-- name: money_node_renew
insert into money_node (id, until_us) values ($1, $2) on conflict (id) do update set until_us = excluded.until_us;

-- name: money_node_forget
delete from money_node where until_us < $1;

-- name: money_node_leave
delete from money_node where id = $1;

-- Prices.
-- name: price_version_add
insert into price_version (id, source, effective_us, created_us, rows, body) values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing;

-- name: price_version_list
select id, source, effective_us, created_us, rows from price_version order by effective_us desc, id limit 1000;

-- name: price_version_ids
select id, effective_us from price_version order by effective_us desc, created_us desc limit 100;

-- name: price_version_body
select body from price_version where id = $1;

-- The ledger's reports. Ids of interactions begin with their time, so a stretch of time is a range of the key. Columns: group, calls, input, cached_input, cache_write, output,
-- reasoning, audio_input, audio_output, images, searches, cached_audio, image_input, image_output, web_searches, cache_write_1h, citations, web_searches_low, web_searches_high, what
-- of the amount corrections are, amount, tokens and amount that the cache saved, calls of which the provider said what they cost, what it said.
-- name: usage_by_tenant
select cast(u.tenant as text), cast(sum(case when u.entry = 0 then 1 else 0 end) as bigint), cast(sum(u.input) as bigint), cast(sum(u.cached_input) as bigint),
	cast(sum(u.cache_write) as bigint), cast(sum(u.output) as bigint), cast(sum(u.reasoning) as bigint),
	cast(sum(u.audio_input) as bigint), cast(sum(u.audio_output) as bigint), cast(sum(u.images) as bigint), cast(sum(u.searches) as bigint),
	cast(sum(u.cached_audio) as bigint), cast(sum(u.image_input) as bigint), cast(sum(u.image_output) as bigint), cast(sum(u.web_searches) as bigint),
	cast(sum(u.cache_write_1h) as bigint), cast(sum(u.citations) as bigint), cast(sum(u.web_searches_low) as bigint), cast(sum(u.web_searches_high) as bigint),
	cast(sum(case when u.entry = 0 then 0 else u.amount_nanos end) as bigint), cast(sum(u.amount_nanos) as bigint),
	cast(sum(u.saved_input + u.saved_output) as bigint), cast(sum(u.saved_nanos) as bigint), count(u.reported_nanos), cast(coalesce(sum(u.reported_nanos), 0) as bigint)
from usage_entry u where u.interaction >= $1 and u.interaction < $2 group by u.tenant order by 21 desc, 1 limit 10000;

-- name: usage_by_team
select u.team, cast(sum(case when u.entry = 0 then 1 else 0 end) as bigint), cast(sum(u.input) as bigint), cast(sum(u.cached_input) as bigint),
	cast(sum(u.cache_write) as bigint), cast(sum(u.output) as bigint), cast(sum(u.reasoning) as bigint),
	cast(sum(u.audio_input) as bigint), cast(sum(u.audio_output) as bigint), cast(sum(u.images) as bigint), cast(sum(u.searches) as bigint),
	cast(sum(u.cached_audio) as bigint), cast(sum(u.image_input) as bigint), cast(sum(u.image_output) as bigint), cast(sum(u.web_searches) as bigint),
	cast(sum(u.cache_write_1h) as bigint), cast(sum(u.citations) as bigint), cast(sum(u.web_searches_low) as bigint), cast(sum(u.web_searches_high) as bigint),
	cast(sum(case when u.entry = 0 then 0 else u.amount_nanos end) as bigint), cast(sum(u.amount_nanos) as bigint),
	cast(sum(u.saved_input + u.saved_output) as bigint), cast(sum(u.saved_nanos) as bigint), count(u.reported_nanos), cast(coalesce(sum(u.reported_nanos), 0) as bigint)
from usage_entry u where u.tenant = $1 and u.interaction >= $2 and u.interaction < $3 group by u.team order by 21 desc, 1 limit 10000;

-- name: usage_by_key
select u.key_id, cast(sum(case when u.entry = 0 then 1 else 0 end) as bigint), cast(sum(u.input) as bigint), cast(sum(u.cached_input) as bigint),
	cast(sum(u.cache_write) as bigint), cast(sum(u.output) as bigint), cast(sum(u.reasoning) as bigint),
	cast(sum(u.audio_input) as bigint), cast(sum(u.audio_output) as bigint), cast(sum(u.images) as bigint), cast(sum(u.searches) as bigint),
	cast(sum(u.cached_audio) as bigint), cast(sum(u.image_input) as bigint), cast(sum(u.image_output) as bigint), cast(sum(u.web_searches) as bigint),
	cast(sum(u.cache_write_1h) as bigint), cast(sum(u.citations) as bigint), cast(sum(u.web_searches_low) as bigint), cast(sum(u.web_searches_high) as bigint),
	cast(sum(case when u.entry = 0 then 0 else u.amount_nanos end) as bigint), cast(sum(u.amount_nanos) as bigint),
	cast(sum(u.saved_input + u.saved_output) as bigint), cast(sum(u.saved_nanos) as bigint), count(u.reported_nanos), cast(coalesce(sum(u.reported_nanos), 0) as bigint)
from usage_entry u where u.tenant = $1 and u.interaction >= $2 and u.interaction < $3 group by u.key_id order by 21 desc, 1 limit 10000;

-- name: usage_by_user
select u.end_user, cast(sum(case when u.entry = 0 then 1 else 0 end) as bigint), cast(sum(u.input) as bigint), cast(sum(u.cached_input) as bigint),
	cast(sum(u.cache_write) as bigint), cast(sum(u.output) as bigint), cast(sum(u.reasoning) as bigint),
	cast(sum(u.audio_input) as bigint), cast(sum(u.audio_output) as bigint), cast(sum(u.images) as bigint), cast(sum(u.searches) as bigint),
	cast(sum(u.cached_audio) as bigint), cast(sum(u.image_input) as bigint), cast(sum(u.image_output) as bigint), cast(sum(u.web_searches) as bigint),
	cast(sum(u.cache_write_1h) as bigint), cast(sum(u.citations) as bigint), cast(sum(u.web_searches_low) as bigint), cast(sum(u.web_searches_high) as bigint),
	cast(sum(case when u.entry = 0 then 0 else u.amount_nanos end) as bigint), cast(sum(u.amount_nanos) as bigint),
	cast(sum(u.saved_input + u.saved_output) as bigint), cast(sum(u.saved_nanos) as bigint), count(u.reported_nanos), cast(coalesce(sum(u.reported_nanos), 0) as bigint)
from usage_entry u where u.tenant = $1 and u.interaction >= $2 and u.interaction < $3 group by u.end_user order by 21 desc, 1 limit 10000;

-- name: usage_by_model
select u.model, cast(sum(case when u.entry = 0 then 1 else 0 end) as bigint), cast(sum(u.input) as bigint), cast(sum(u.cached_input) as bigint),
	cast(sum(u.cache_write) as bigint), cast(sum(u.output) as bigint), cast(sum(u.reasoning) as bigint),
	cast(sum(u.audio_input) as bigint), cast(sum(u.audio_output) as bigint), cast(sum(u.images) as bigint), cast(sum(u.searches) as bigint),
	cast(sum(u.cached_audio) as bigint), cast(sum(u.image_input) as bigint), cast(sum(u.image_output) as bigint), cast(sum(u.web_searches) as bigint),
	cast(sum(u.cache_write_1h) as bigint), cast(sum(u.citations) as bigint), cast(sum(u.web_searches_low) as bigint), cast(sum(u.web_searches_high) as bigint),
	cast(sum(case when u.entry = 0 then 0 else u.amount_nanos end) as bigint), cast(sum(u.amount_nanos) as bigint),
	cast(sum(u.saved_input + u.saved_output) as bigint), cast(sum(u.saved_nanos) as bigint), count(u.reported_nanos), cast(coalesce(sum(u.reported_nanos), 0) as bigint)
from usage_entry u where u.tenant = $1 and u.interaction >= $2 and u.interaction < $3 group by u.model order by 21 desc, 1 limit 10000;

-- Sets of tags, a page at a time: those behind $4, and the empty one where $5 is 1.
-- name: usage_by_tags
select u.tags, cast(sum(case when u.entry = 0 then 1 else 0 end) as bigint), cast(sum(u.input) as bigint), cast(sum(u.cached_input) as bigint),
	cast(sum(u.cache_write) as bigint), cast(sum(u.output) as bigint), cast(sum(u.reasoning) as bigint),
	cast(sum(u.audio_input) as bigint), cast(sum(u.audio_output) as bigint), cast(sum(u.images) as bigint), cast(sum(u.searches) as bigint),
	cast(sum(u.cached_audio) as bigint), cast(sum(u.image_input) as bigint), cast(sum(u.image_output) as bigint), cast(sum(u.web_searches) as bigint),
	cast(sum(u.cache_write_1h) as bigint), cast(sum(u.citations) as bigint), cast(sum(u.web_searches_low) as bigint), cast(sum(u.web_searches_high) as bigint),
	cast(sum(case when u.entry = 0 then 0 else u.amount_nanos end) as bigint), cast(sum(u.amount_nanos) as bigint),
	cast(sum(u.saved_input + u.saved_output) as bigint), cast(sum(u.saved_nanos) as bigint), count(u.reported_nanos), cast(coalesce(sum(u.reported_nanos), 0) as bigint)
from usage_entry u where u.tenant = $1 and u.interaction >= $2 and u.interaction < $3 and (u.tags > $4 or (u.tags = '' and cast($5 as bigint) = 1))
group by u.tags order by u.tags limit 5000;

-- By days since 1970.
-- name: usage_by_day
select cast(u.at_us / 86400000000 as text), cast(sum(case when u.entry = 0 then 1 else 0 end) as bigint), cast(sum(u.input) as bigint), cast(sum(u.cached_input) as bigint),
	cast(sum(u.cache_write) as bigint), cast(sum(u.output) as bigint), cast(sum(u.reasoning) as bigint),
	cast(sum(u.audio_input) as bigint), cast(sum(u.audio_output) as bigint), cast(sum(u.images) as bigint), cast(sum(u.searches) as bigint),
	cast(sum(u.cached_audio) as bigint), cast(sum(u.image_input) as bigint), cast(sum(u.image_output) as bigint), cast(sum(u.web_searches) as bigint),
	cast(sum(u.cache_write_1h) as bigint), cast(sum(u.citations) as bigint), cast(sum(u.web_searches_low) as bigint), cast(sum(u.web_searches_high) as bigint),
	cast(sum(case when u.entry = 0 then 0 else u.amount_nanos end) as bigint), cast(sum(u.amount_nanos) as bigint),
	cast(sum(u.saved_input + u.saved_output) as bigint), cast(sum(u.saved_nanos) as bigint), count(u.reported_nanos), cast(coalesce(sum(u.reported_nanos), 0) as bigint)
from usage_entry u where u.tenant = $1 and u.interaction >= $2 and u.interaction < $3 group by u.at_us / 86400000000 order by u.at_us / 86400000000 limit 10000;

-- Pricing again: settlements with what they and their corrections by prices come to. Those priced by the configuration, and those of before the ledger knew the kind of provider, stay; so
-- do corrections by hand.
-- name: usage_reprice_page
select u.interaction, u.at_us, u.provider_kind, u.model, u.input, u.cached_input, u.cache_write, u.output, u.reasoning, u.audio_input, u.audio_output, u.images, u.searches,
	u.cached_audio, u.image_input, u.image_output, u.web_searches, u.cache_write_1h, u.citations, u.web_searches_low, u.web_searches_high, u.tier,
	(select cast(sum(a.amount_nanos) as bigint) from usage_entry a where a.tenant = u.tenant and a.interaction = u.interaction and a.reason = ''),
	(select max(a.entry) from usage_entry a where a.tenant = u.tenant and a.interaction = u.interaction),
	u.key_id, u.provider, u.team, u.end_user, u.tags, u.parts, u.price_version
from usage_entry u
where u.tenant = $1 and u.interaction > $2 and u.interaction < $3 and u.entry = 0 and u.provider_kind <> ''
	and (u.parts <> '' or substr(u.price_version, 1, 6) <> 'config')
order by u.interaction limit $4;

-- name: usage_correct
insert into usage_entry (tenant, interaction, entry, at_us, key_id, provider, model, input, cached_input, cache_write, output, reasoning, estimated, price_version, amount_nanos, team,
	end_user, tags, provider_kind, parts, reason, made_by)
values ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, 0, 0, 0, $8, $9, $10, $11, $12, $13, $14, $15, $16);

-- name: usage_settlement
select u.key_id, u.provider, u.model, u.team, u.end_user, u.tags, u.provider_kind,
	(select max(a.entry) from usage_entry a where a.tenant = u.tenant and a.interaction = u.interaction),
	(select cast(sum(a.amount_nanos) as bigint) from usage_entry a where a.tenant = u.tenant and a.interaction = u.interaction)
from usage_entry u where u.tenant = $1 and u.interaction = $2 and u.entry = 0;

-- What verify asks of the ledger, a stretch at a time: the tenants in turn, each from its oldest interaction on.
-- name: verify_tenant
select coalesce(min(tenant), 0) from (
	select min(tenant) as tenant from interaction where tenant > $1
	union all select min(tenant) from usage_entry where tenant > $1
	union all select min(tenant) from budget_entry where tenant > $1
	union all select min(tenant) from ledger_hour where tenant > $1) following;

-- Retention takes entries a few at a time: what is over its time is not looked at while it is half gone.
-- name: verify_page
select u.interaction, u.entry, u.provider_kind, u.model, u.input, u.cached_input, u.cache_write, u.output, u.reasoning, u.audio_input, u.audio_output, u.images, u.searches,
	u.cached_audio, u.image_input, u.image_output, u.web_searches, u.cache_write_1h, u.citations, u.web_searches_low, u.web_searches_high, u.tier,
	u.price_version, u.amount_nanos, u.parts, u.reason, u.made_by, u.key_id, u.provider, u.team, u.end_user, u.tags, u.at_us
from usage_entry u where u.tenant = $1 and u.interaction > $2 and u.interaction <= $3
	and not exists (select 1 from forgotten f where f.tenant = u.tenant and f.what = 1 and f.before > u.interaction)
order by u.interaction, u.entry limit $4;

-- name: verify_interactions
select count(*) from interaction where tenant = $1 and id > $2 and id <= $3;

-- Interactions are checked but for those whose entries retention has taken, and the ledger but for entries whose interactions it has.
-- name: verify_unpaid
select i.id from interaction i where i.tenant = $1 and i.id > $2 and i.id <= $3
	and not exists (select 1 from usage_entry u where u.tenant = i.tenant and u.interaction = i.id and u.entry = 0)
	and not exists (select 1 from forgotten f where f.tenant = i.tenant and f.what = 1 and f.before > i.id)
order by i.id limit 1000;

-- name: verify_unrecorded
select u.interaction from usage_entry u where u.tenant = $1 and u.interaction > $2 and u.interaction <= $3 and u.entry = 0
	and not exists (select 1 from interaction i where i.tenant = u.tenant and i.id = u.interaction)
	and not exists (select 1 from forgotten f where f.tenant = u.tenant and f.what = 0 and f.before > u.interaction)
order by u.interaction limit 1000;

-- A key is never deleted; calls by the configuration's admin key are the first tenant's, and shadows have none.
-- name: verify_holders
select u.interaction from usage_entry u left join interaction i on i.tenant = u.tenant and i.id = u.interaction
where u.tenant = $1 and u.interaction > $2 and u.interaction <= $3 and u.entry = 0
	and (u.key_id <> i.key_id or u.provider <> i.provider or u.model <> i.target_model or u.at_us <> i.started_us
		or (u.key_id <> '' and not (u.tenant = 1 and u.key_id = 'admin') and not exists (select 1 from access_key k where k.tenant = u.tenant and k.id = u.key_id)))
order by u.interaction limit 1000;

-- Hours of the ledger that are counted (telemetry/seal.h). The next one from $2 on, and the next entry: where an hour is not known there should be none.
-- name: verify_hour_next
select hour from ledger_hour where tenant = $1 and hour >= $2 order by hour limit 1;

-- name: verify_hour_entry
select u.interaction from ledger_seal s join usage_entry u on u.tenant = s.tenant and u.interaction >= $2 and u.interaction < s.upto where s.tenant = $1
order by u.interaction limit 1;

-- What was counted, and what is there, as of one moment. Nothing of an hour of which retention has taken something.
-- name: verify_hour
select coalesce(h.entries, 0), coalesce(h.amount_nanos, 0), count(u.entry), cast(coalesce(sum(u.amount_nanos), 0) as bigint)
from ledger_seal s left join ledger_hour h on h.tenant = s.tenant and h.hour = $2
	left join usage_entry u on u.tenant = s.tenant and u.interaction >= $3 and u.interaction < $4 and u.interaction < s.upto
where s.tenant = $1 and not exists (select 1 from forgotten f where f.tenant = s.tenant and f.what = 1 and f.before > $3)
group by h.entries, h.amount_nanos;

-- And of the budgets.
-- name: verify_entries
select e.interaction from budget_entry e where not exists (
	select 1 from usage_entry u where u.tenant = e.tenant and u.interaction = e.interaction and u.entry = 0 and u.amount_nanos = e.amount_nanos)
	and not exists (select 1 from forgotten f where f.tenant = e.tenant and f.what = 1 and f.before > e.interaction)
limit 1000;

-- name: verify_blocks
select b.id from budget_block b where b.closed_us is not null
	and b.settled_nanos - b.folded_nanos <> (select coalesce(sum(e.amount_nanos), 0) from budget_entry e where e.tenant = b.tenant and e.block = b.id)
limit 1000;

-- name: verify_spent
select p.budget from budget_period p where p.spent_nanos <> (
	select coalesce(sum(b.settled_nanos), 0) from budget_block b
	where b.tenant = p.tenant and b.budget = p.budget and b.starts_us = p.starts_us and b.holder = p.holder and b.closed_us is not null)
limit 1000;

-- name: verify_held
select p.budget from budget_period p where p.held_nanos <> (
	select coalesce(sum(b.granted_nanos), 0) from budget_block b
	where b.tenant = p.tenant and b.budget = p.budget and b.starts_us = p.starts_us and b.holder = p.holder and b.closed_us is null)
limit 1000;

-- name: verify_budget_entries
select count(*) from budget_entry;
