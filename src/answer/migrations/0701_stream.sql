-- Streams that go on when their client leaves, and can be taken up again: chat completions, messages, the AI SDK's. What they have said stands in response_event, below the stream's id, as that of
-- responses does; the streams of stored responses have their row in response.
-- :both
create table answer_stream (
	tenant bigint not null,
	id text not null,                -- of its request
	alias text not null,             -- the answer's id as the client sees it, or the chat's; ''
	key text not null,               -- who may take it up
	kind bigint not null,            -- enum durable_kind
	created_us bigint not null,
	ended_us bigint not null,        -- 0: not yet
	seen bigint not null,            -- a client has had the end
	cancel bigint not null,          -- somebody wants it to end
	owner text not null,             -- the process that makes it
	lease_until_us bigint not null,  -- past: that process is gone
	primary key (tenant, id)
);
create index answer_stream_by_alias on answer_stream (tenant, alias, created_us);
create index answer_stream_by_time on answer_stream (created_us);
