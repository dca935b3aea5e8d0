-- Queries of the record. The tables are explained in migrations/0200_record.sql.

-- name: span_insert
insert into span (tenant, trace_id, span_id, parent_id, name, kind, start_us, duration_us, error_type, attributes)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict do nothing;

-- name: interaction_insert
insert into interaction (tenant, id, trace_id, span_id, response_id, started_us, duration_us, first_chunk_us, operation, model, provider, target_model, served_model,
	config_version, key_id, conversation, parameters, streamed, outcome, error_type, error_message, finish_reason, status, capture, messages)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25);

-- The condition keeps a system prompt that all answers share from being locked by each of them.
-- name: body_insert
insert into body (tenant, hash, used_day, body)
select $1, $2, $3, $4 where not exists (select 1 from body known where known.tenant = $1 and known.hash = $2 and known.used_day >= $3)
on conflict (tenant, hash) do update set used_day = excluded.used_day where body.used_day < excluded.used_day;

-- name: source_insert
insert into interaction_source (tenant, interaction, rank, version_id, document_id, path, chunk, ordinal, score, cited)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: usage_insert
insert into usage_entry (tenant, interaction, entry, at_us, key_id, provider, model, input, cached_input, cache_write, output, reasoning, estimated, price_version, amount_nanos)
values ($1, $2, 0, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: interaction_list
select i.trace_id, i.id, i.response_id, i.operation, i.model, i.provider, i.target_model, i.outcome, i.error_type, i.finish_reason, i.key_id, i.started_us, i.duration_us,
	i.first_chunk_us, i.status, coalesce(u.input, 0), coalesce(u.output, 0), coalesce(u.amount_nanos, 0), coalesce(u.estimated, 0)
from interaction i left join usage_entry u on u.tenant = i.tenant and u.interaction = i.id and u.entry = 0
where i.tenant = $1 and i.id < $2
order by i.id desc
limit $3;

-- name: interaction_find
select id, trace_id from interaction where tenant = $1 and (id = $2 or trace_id = $2 or response_id = $2) order by id desc limit 1;

-- name: interaction_others
select id from interaction where tenant = $1 and trace_id = $2 and id <> $3 order by id limit 1000;

-- name: interaction_get
select i.id, i.trace_id, i.span_id, i.response_id, i.started_us, i.duration_us, i.first_chunk_us, i.operation, i.model, i.provider, i.target_model, i.served_model,
	i.config_version, i.key_id, i.conversation, i.parameters, i.streamed, i.outcome, i.error_type, i.error_message, i.finish_reason, i.status, i.capture, i.messages,
	coalesce(u.input, 0), coalesce(u.cached_input, 0), coalesce(u.cache_write, 0), coalesce(u.output, 0), coalesce(u.reasoning, 0), coalesce(u.estimated, 0),
	coalesce(u.price_version, ''), coalesce(u.amount_nanos, 0)
from interaction i left join usage_entry u on u.tenant = i.tenant and u.interaction = i.id and u.entry = 0
where i.tenant = $1 and i.id = $2;

-- name: span_by_trace
select span_id, parent_id, name, kind, start_us, duration_us, error_type, attributes from span where tenant = $1 and trace_id = $2 order by start_us, span_id limit 1000;

-- name: body_get
select body from body where tenant = $1 and hash = $2;

-- name: source_by_interaction
select rank, version_id, document_id, path, ordinal, score, cited from interaction_source where tenant = $1 and interaction = $2 order by rank;

-- name: retain_bodies
delete from body where (tenant, hash) in (select tenant, hash from body where used_day < $1 order by used_day limit $2);

-- name: retain_spans
delete from span where (tenant, trace_id, span_id) in (select tenant, trace_id, span_id from span where start_us < $1 order by start_us limit $2);

-- name: retain_interactions
delete from interaction where (tenant, id) in (select tenant, id from interaction where id < $1 order by id limit $2);

-- name: retain_sources
delete from interaction_source where (tenant, interaction, rank) in (select tenant, interaction, rank from interaction_source where interaction < $1 limit $2);

-- name: retain_usage
delete from usage_entry where (tenant, interaction, entry) in (select tenant, interaction, entry from usage_entry where at_us < $1 order by at_us limit $2);
