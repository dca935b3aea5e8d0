-- Tenants and teams with policies: what a tenant, a team and a key may use, and how fast. Every change of a row that nodes hold in memory draws the next revision,
-- so that a node reads what has changed since it last looked, and nothing else.

-- :both
create table access_revision (
	id bigint primary key,         -- 1: there is one row
	value bigint not null
);

alter table tenant add column policy text not null default '{}';
alter table tenant add column closed_us bigint;
alter table tenant add column revision bigint not null default 1;

create table team (
	tenant bigint not null references tenant (id),
	id text not null,              -- "team_" and a time-ordered identifier
	name text not null,
	policy text not null,          -- JSON object, see src/access/policy.h
	created_us bigint not null,
	closed_us bigint,
	revision bigint not null,
	primary key (tenant, id)
);
create unique index team_by_name on team (tenant, name);
create unique index team_by_revision on team (revision);

alter table access_key add column team text not null default '';
alter table access_key add column policy text not null default '{}';
alter table access_key add column revision bigint not null default 0;
update access_key set revision = counted.place
from (select tenant, id, 1 + row_number() over (order by created_us, id) as place from access_key) counted
where access_key.tenant = counted.tenant and access_key.id = counted.id;
create unique index access_key_by_revision on access_key (revision);
create index access_key_by_team on access_key (tenant, team, id);

insert into access_revision (id, value) select 1, 1 + count(*) from access_key;
create unique index tenant_by_revision on tenant (revision);
