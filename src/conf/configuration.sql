-- The configuration that is kept in the store. Rows are only ever added, but for texts that are sealed anew; what holds of a name is its newest row.

-- Holding this row until the commit puts versions in their order: who has seen one has seen all before it.
-- name: configuration_next
update configuration_head set version = version + 1 where id = 1 returning version;

-- name: configuration_head
select version from configuration_head where id = 1;

-- name: configuration_version_add
insert into configuration_version (version, created_us, actor, action, reason, hash) values ($1, $2, $3, $4, $5, $6);

-- name: configuration_entry_add
insert into configuration_entry (version, kind, name, body) values ($1, $2, $3, $4);

-- What held at a version.
-- name: configuration_at
select e.version, e.kind, e.name, e.body from configuration_entry e
where e.version <= $1 and e.body is not null and (e.kind > $2 or (e.kind = $2 and e.name > $3))
  and e.version = (select max(l.version) from configuration_entry l where l.kind = e.kind and l.name = e.name and l.version <= $1)
order by e.kind, e.name limit $4;

-- name: configuration_versions
select version, created_us, actor, action, reason, hash from configuration_version where version < $1 order by version desc limit $2;

-- name: configuration_version_get
select version, created_us, actor, action, reason, hash from configuration_version where version = $1;

-- name: configuration_version_entries
select version, kind, name, body from configuration_entry where version = $1 and (kind > $2 or (kind = $2 and name > $3)) order by kind, name limit $4;

-- Bodies with sealed texts, of all versions; the last column: whether it holds now.
-- name: configuration_sealed
select e.version, e.kind, e.name, e.body,
	case when e.version = (select max(l.version) from configuration_entry l where l.kind = e.kind and l.name = e.name) then 1 else 0 end
from configuration_entry e
where e.body like '%{"$sealed":"%' and (e.kind > $1 or (e.kind = $1 and (e.name > $2 or (e.name = $2 and e.version > $3))))
order by e.kind, e.name, e.version limit $4;

-- name: configuration_sealed_count
select count(*) from configuration_entry where body like '%{"$sealed":"%';

-- name: configuration_entry_reseal
update configuration_entry set body = $4 where kind = $1 and name = $2 and version = $3;

-- Whether texts were sealed anew in these versions: entries that are at hand are not what is kept.
-- name: configuration_resealed
select count(*) from configuration_version where version > $1 and version <= $2 and action = 'reseal';
