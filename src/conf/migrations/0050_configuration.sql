-- The configuration that is kept in the store: versions that never change, and what each of them put or removed.

-- :both
create table configuration_head (
  id bigint primary key,
  version bigint not null
);
insert into configuration_head (id, version) values (1, 0);

create table configuration_version (
  version bigint primary key,
  created_us bigint not null,
  actor text not null,
  action text not null,
  reason text not null,
  hash text not null
);

-- body: JSON, or null where the entry was removed.
create table configuration_entry (
  version bigint not null,
  kind text not null,
  name text not null,
  body text,
  primary key (kind, name, version)
);
create index configuration_entry_version on configuration_entry (version);
