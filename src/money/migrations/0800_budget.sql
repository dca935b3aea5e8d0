-- Budgets. A node takes blocks of a budget's period, calls take from the node's block in memory, and each settles in the commit of its record as a row of its own: no row is
-- updated by every call. A block that is closed turns the sum of its entries into what the period has spent, and gives the rest back. At any instant
--	spent + held <= limit when a block is granted,
--	spent = sum of settled over the closed blocks, held = sum of granted over the open ones.

-- :both
create table money_revision (
	id bigint primary key,         -- 1: there is one row
	value bigint not null
);
insert into money_revision (id, value) values (1, 0);

create table budget (
	tenant bigint not null,
	id text not null,              -- "budget_" and a time-ordered identifier
	name text not null,
	kind text not null,            -- whose calls it counts: tenant, team, key, user
	holder text not null,          -- id of the team or key; of a user its name, '' for each of them; '' for the tenant
	period text not null,          -- day, week, month, total
	limit_nanos bigint not null,   -- 1e-9 US dollar
	alerts text not null,          -- percents, rising, separated by blanks
	created_us bigint not null,
	closed_us bigint,
	revision bigint not null,      -- draws the next value of money_revision with each change
	primary key (tenant, id)
);
create unique index budget_by_revision on budget (revision);

create table budget_period (
	tenant bigint not null,
	budget text not null,
	starts_us bigint not null,
	holder text not null,          -- the end user of a budget that is for each of them; else ''
	spent_nanos bigint not null,   -- by closed blocks
	held_nanos bigint not null,    -- by open blocks
	alerted bigint not null,       -- the highest percent that was told
	primary key (tenant, budget, starts_us, holder)
);

create table budget_block (
	tenant bigint not null,
	id text not null,              -- time-ordered
	budget text not null,
	starts_us bigint not null,
	holder text not null,
	node text not null,            -- who holds it
	granted_nanos bigint not null,
	settled_nanos bigint not null, -- when it was closed, and what came later
	opened_us bigint not null,
	closed_us bigint,
	primary key (tenant, id)
);
create index budget_block_open on budget_block (node) where closed_us is null;
create index budget_block_by_budget on budget_block (tenant, budget, starts_us, holder);

-- What an interaction took from a block. Kept as long as the ledger.
create table budget_entry (
	tenant bigint not null,
	block text not null,
	interaction bytea not null,
	amount_nanos bigint not null,
	primary key (tenant, block, interaction)
) without rowid;

-- Nodes that hold blocks on a shared database, and until when they surely live.
create table money_node (
	id text primary key,
	until_us bigint not null
);
