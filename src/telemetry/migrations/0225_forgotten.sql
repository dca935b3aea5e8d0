-- How far retention has gone, so that what it took can be told from what somebody else did.

-- :both
create table forgotten (
	tenant bigint not null,
	what bigint not null,          -- 0: interactions, 1: the ledger
	before bytea not null,         -- ids that are smaller were over their time
	primary key (tenant, what)
) without rowid;
insert into forgotten (tenant, what, before)
	select t.tenant, 0, (select i.id from interaction i where i.tenant = t.tenant order by i.id limit 1) from (select distinct tenant from interaction) t;
insert into forgotten (tenant, what, before)
	select t.tenant, 1, (select u.interaction from usage_entry u where u.tenant = t.tenant order by u.interaction limit 1) from (select distinct tenant from usage_entry) t;
