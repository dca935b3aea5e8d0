-- Limits that several nodes share. A limit's bucket stands here; a node takes a part of what is in it, and lends from that in memory. What nodes have and have not used
-- yet counts as being in the bucket: level + what nodes have <= a minute's worth, always. Times are the database's, so that nodes' clocks do not matter. A node's slots are calls that it may run at once.

-- :both
create table limit_bucket (
	key text primary key,                    -- kind, tenant and id of whom it limits
	requests double precision not null,      -- what may be taken; below 0: debt
	tokens double precision not null,
	requests_limit bigint not null,          -- a minute; 0: none
	tokens_limit bigint not null,
	at_us bigint not null
);
create index limit_bucket_by_time on limit_bucket (at_us);

create table limit_share (
	key text not null,
	node text not null,
	requests double precision not null,      -- what the node has and has not used, as it last said
	tokens double precision not null,
	slots bigint not null,
	primary key (key, node)
);
create index limit_share_by_node on limit_share (node);

-- Nodes, and until when they surely live.
create table limit_node (
	id text primary key,
	until_us bigint not null
);
