-- Queries of the record. The tables are explained in migrations/0200_record.sql.

-- Of a call that its first target answered: the other columns have their defaults.
-- name: interaction_insert_first
insert into interaction (tenant, id, trace_id, span_id, response_id, started_us, duration_us, first_chunk_us, operation, model, provider, target_model, served_model,
	config_version, key_id, conversation, parameters, streamed, outcome, error_type, error_message, finish_reason, status, capture, messages)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25);

-- Its first parameters are those of interaction_insert_first.
-- name: interaction_insert
insert into interaction (tenant, id, trace_id, span_id, response_id, started_us, duration_us, first_chunk_us, operation, model, provider, target_model, served_model,
	config_version, key_id, conversation, parameters, streamed, outcome, error_type, error_message, finish_reason, status, capture, messages, route, attempts, cache,
	cache_similarity)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29);

-- name: spans_insert
insert into interaction_spans (tenant, interaction, spans) values ($1, $2, $3);

-- A new body, or the first use of a known one in a day; else nothing.
-- name: body_use :sqlite
insert into body (tenant, hash, used_day, body) values ($1, $2, $3, $4)
on conflict (tenant, hash) do update set id = (select max(id) + 1 from body), used_day = excluded.used_day where body.used_day < excluded.used_day;

-- The condition keeps a system prompt that all answers share from being locked by each of them.
-- name: body_use :postgres
insert into body (tenant, hash, used_day, body)
select $1, $2, $3, $4 where not exists (select 1 from body known where known.tenant = $1 and known.hash = $2 and known.used_day >= $3)
on conflict (tenant, hash) do update set id = excluded.id, used_day = excluded.used_day where body.used_day < excluded.used_day;

-- name: source_insert
insert into interaction_source (tenant, interaction, rank, version_id, document_id, path, chunk, ordinal, score, cited)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- Of a call with nothing but text: the other columns have their defaults, and half of the values are not to be bound.
-- name: usage_insert_text
insert into usage_entry (tenant, interaction, entry, at_us, key_id, provider, model, input, cached_input, cache_write, output, reasoning, estimated, price_version, amount_nanos,
	team, end_user, tags, provider_kind)
values ($1, $2, 0, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18);

-- Its first parameters are those of usage_insert_text.
-- name: usage_insert
insert into usage_entry (tenant, interaction, entry, at_us, key_id, provider, model, input, cached_input, cache_write, output, reasoning, estimated, price_version, amount_nanos,
	team, end_user, tags, provider_kind, audio_input, audio_output, images, parts, saved_input, saved_output, saved_nanos, searches, cached_audio,
	image_input, image_output, web_searches, cache_write_1h, citations, web_searches_low, web_searches_high, tier, reported_nanos)
values ($1, $2, 0, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33,
	$34, $35, $36);

-- What the ledger's hours come to: see telemetry/seal.h.
-- name: seal_upto
select upto from ledger_seal where tenant = $1;

-- name: seal_farthest
select upto from ledger_seal order by upto desc limit 1;

-- Tenants after $1 that have entries from before $2 which are not counted; one seek a tenant.
-- name: seal_tenants
with recursive tenants (tenant) as (
	select min(tenant) from usage_entry where tenant > $1
	union all select (select min(u.tenant) from usage_entry u where u.tenant > t.tenant) from tenants t where t.tenant is not null)
select t.tenant from tenants t left join ledger_seal s on s.tenant = t.tenant
where exists (select 1 from usage_entry u where u.tenant = t.tenant and u.interaction >= coalesce(s.upto, $4) and u.interaction < $2)
order by t.tenant limit $3;

-- name: seal_page
select interaction, amount_nanos from usage_entry where tenant = $1 and interaction >= $2 and interaction < $3 order by interaction, entry limit $4;

-- name: seal_one
select count(*), cast(sum(amount_nanos) as bigint) from usage_entry where tenant = $1 and interaction = $2;

-- name: seal_hour_add
insert into ledger_hour (tenant, hour, entries, amount_nanos) values ($1, $2, $3, $4)
on conflict (tenant, hour) do update set entries = ledger_hour.entries + excluded.entries, amount_nanos = ledger_hour.amount_nanos + excluded.amount_nanos;

-- name: seal_move
insert into ledger_seal (tenant, upto) values ($1, $2) on conflict (tenant) do update set upto = excluded.upto;

-- name: interaction_list
select coalesce(i.trace_id, i.id), i.id, i.response_id, i.operation, i.model, i.provider, i.target_model, i.outcome, i.error_type, i.finish_reason, i.key_id, i.started_us,
	i.duration_us, i.first_chunk_us, i.status, coalesce(u.input, 0), coalesce(u.output, 0), coalesce(u.amount_nanos, 0), coalesce(u.estimated, 0)
from interaction i left join usage_entry u on u.tenant = i.tenant and u.interaction = i.id and u.entry = 0
where i.tenant = $1 and i.id < $2
order by i.id desc
limit $3;

-- A trace's newest interaction is not the shadow that it cast. A union of what each index knows: for `or`, SQLite would read all of the tenant's rows.
-- name: interaction_find
select id, coalesce(trace_id, id) from interaction where tenant = $1 and id = (
	select id from (
		select id from interaction where tenant = $1 and id = $2
		union all select id from interaction where tenant = $1 and trace_id = $2 and operation <> 'shadow'
		union all select id from interaction where tenant = $1 and response_id = $3) found
	order by id desc limit 1);

-- name: interaction_others
select id from (
	select id from interaction where tenant = $1 and id = $2
	union all select id from interaction where tenant = $1 and trace_id = $2) found
where id <> $3
order by id
limit 1000;

-- name: interaction_get
select i.id, coalesce(i.trace_id, i.id), i.span_id, i.response_id, i.started_us, i.duration_us, i.first_chunk_us, i.operation, i.model, i.provider, i.target_model, i.served_model,
	i.config_version, i.key_id, i.conversation, i.parameters, i.streamed, i.outcome, i.error_type, i.error_message, i.finish_reason, i.status, i.capture, i.messages,
	coalesce(u.input, 0), coalesce(u.cached_input, 0), coalesce(u.cache_write, 0), coalesce(u.output, 0), coalesce(u.reasoning, 0), coalesce(u.audio_input, 0),
	coalesce(u.audio_output, 0), coalesce(u.images, 0), coalesce(u.searches, 0), coalesce(u.cached_audio, 0), coalesce(u.image_input, 0), coalesce(u.image_output, 0),
	coalesce(u.web_searches, 0), coalesce(u.cache_write_1h, 0), coalesce(u.citations, 0), coalesce(u.web_searches_low, 0), coalesce(u.web_searches_high, 0),
	coalesce(u.tier, 0), coalesce(u.estimated, 0),
	coalesce(u.price_version, ''), coalesce(u.amount_nanos, 0), i.route, i.attempts, i.cache, i.cache_similarity, coalesce(u.saved_input, 0), coalesce(u.saved_output, 0),
	coalesce(u.saved_nanos, 0), u.reported_nanos
from interaction i left join usage_entry u on u.tenant = i.tenant and u.interaction = i.id and u.entry = 0
where i.tenant = $1 and i.id = $2;

-- The earliest of the trace's interactions, as many as have $3 characters of spans. Ids are in the order of time.
-- name: spans_by_trace
select spans from (
	select s.interaction, s.spans, sum(length(s.spans)) over (order by s.interaction) as characters
	from (select id from interaction where tenant = $1 and id = $2
		union all select id from interaction where tenant = $1 and trace_id = $2) found join interaction_spans s on s.tenant = $1 and s.interaction = found.id) summed
where characters <= cast($3 as bigint)
order by interaction;

-- name: body_get
select body from body where tenant = $1 and hash = $2;

-- A body as far as it has at most $3 bytes, and how many it has.
-- name: body_get_bounded
select case when length(body) <= cast($3 as bigint) then body end, length(body) from body where tenant = $1 and hash = $2;

-- name: source_by_interaction
select rank, version_id, document_id, path, ordinal, score, cited from interaction_source where tenant = $1 and interaction = $2 order by rank;

-- Retention goes from tenant to tenant, so that each step reads the front of a key.
-- name: retain_tenant
select min(tenant) from (
	select min(tenant) as tenant from interaction where tenant > $1
	union all select min(tenant) from interaction_spans where tenant > $1
	union all select min(tenant) from interaction_source where tenant > $1
	union all select min(tenant) from usage_entry where tenant > $1
	union all select min(tenant) from ledger_hour where tenant > $1) following;

-- name: retain_spans
delete from interaction_spans where tenant = $1 and interaction in
	(select interaction from interaction_spans where tenant = $1 and interaction < $2 order by interaction limit $3);

-- name: retain_sources
delete from interaction_source where tenant = $1 and (interaction, rank) in
	(select interaction, rank from interaction_source where tenant = $1 and interaction < $2 order by interaction, rank limit $3);

-- name: retain_interactions
delete from interaction where tenant = $1 and id in (select id from interaction where tenant = $1 and id < $2 order by id limit $3);

-- name: retain_usage
delete from usage_entry where tenant = $1 and (interaction, entry) in
	(select interaction, entry from usage_entry where tenant = $1 and interaction < $2 order by interaction, entry limit $3);

-- name: retain_hours
delete from ledger_hour where tenant = $1 and hour in (select hour from ledger_hour where tenant = $1 and hour < $2 order by hour limit $3);

-- name: retain_mark
insert into forgotten (tenant, what, before) values ($1, $2, $3)
on conflict (tenant, what) do update set before = excluded.before where forgotten.before < excluded.before;

-- name: retain_bodies
delete from body where id in (select id from (select id, used_day from body order by id limit $2) front where used_day < $1);
