-- Stored responses and conversations (OpenAI's Responses API). What was said stands in item_body once, whoever holds it; a response has its own input and output and the id of the one it
-- goes on from, so that a conversation of n turns has n rows' worth of items, not n².
-- :both
create table response (
	tenant bigint not null,
	id text not null,                -- resp_…, sorts by time
	created_us bigint not null,
	completed_us bigint not null,    -- 0: not yet
	status text not null,            -- queued, in_progress, completed, incomplete, failed, cancelled
	background bigint not null,
	previous text not null,          -- the response it goes on from, or ''
	conversation text not null,      -- or ''
	request text not null,           -- id of its interaction
	head bytea not null,             -- hash of what it repeats of its request
	error text not null,             -- JSON, or ''
	incomplete text not null,        -- JSON, or ''
	usage text not null,             -- JSON, or ''
	owner text not null,             -- the process that makes a background response
	lease_until_us bigint not null,  -- past: that process is gone
	cancel bigint not null,          -- somebody wants it to end
	primary key (tenant, id)
);
create index response_by_time on response (created_us);

create table response_item (
	tenant bigint not null,
	owner text not null,             -- a response or a conversation
	position bigint not null,        -- in the order of being said
	output bigint not null,          -- of a response: made by the model
	id text not null,                -- msg_…, fc_…
	hash bytea not null,
	primary key (tenant, owner, position)
);
create index response_item_by_id on response_item (tenant, id);

create table item_body (
	tenant bigint not null,
	hash bytea not null,             -- SHA-256 of the text
	used_day bigint not null,        -- days since 1970 when last used; retention goes by it
	body bytea not null,
	primary key (tenant, hash)
);
create index item_body_by_day on item_body (used_day);

-- What a background response has said so far, as it goes over the wire: a stream is taken up again from here, also by another process.
create table response_event (
	tenant bigint not null,
	response text not null,
	last bigint not null,            -- sequence number of the last event
	first bigint not null,
	frames bytea not null,
	primary key (tenant, response, last)
);

create table conversation (
	tenant bigint not null,
	id text not null,                -- conv_…
	created_us bigint not null,
	used_us bigint not null,
	metadata text not null,          -- JSON object
	primary key (tenant, id)
);
create index conversation_by_use on conversation (used_us);
