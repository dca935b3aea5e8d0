-- The spans of an interaction in one row: they are written together, read together and forgotten together. A row each was a fifth of what a record cost to write.
-- :both
create table interaction_spans (
	tenant bigint not null,
	interaction bytea not null,
	spans text not null,             -- JSON array of objects in the order of opening, as `GET /admin/v1/traces/{id}` shows them
	primary key (tenant, interaction)
) without rowid;

-- :sqlite
insert into interaction_spans (tenant, interaction, spans)
select tenant, interaction, json_group_array(json_object('span_id', lower(hex(span_id)), 'parent_id', coalesce(lower(hex(parent_id)), ''), 'name', name,
	'kind', case kind when 1 then 'server' when 2 then 'client' else 'internal' end, 'start_us', start_us, 'duration_us', duration_us, 'error_type', error_type,
	'attributes', json(attributes)))
from (select tenant, interaction, span_id, parent_id, name, kind, start_us, duration_us, error_type, attributes from span order by tenant, interaction, ordinal) ordered
group by tenant, interaction;

-- :postgres
insert into interaction_spans (tenant, interaction, spans)
select tenant, interaction, cast(json_agg(json_build_object('span_id', encode(span_id, 'hex'), 'parent_id', coalesce(encode(parent_id, 'hex'), ''), 'name', name,
	'kind', case kind when 1 then 'server' when 2 then 'client' else 'internal' end, 'start_us', start_us, 'duration_us', duration_us, 'error_type', error_type,
	'attributes', cast(attributes as json)) order by ordinal) as text)
from span group by tenant, interaction;

-- :both
drop table span;
