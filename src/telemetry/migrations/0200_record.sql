-- The record of every interaction. Rows are never changed but by retention; ids sort by time, so inserts go to the end of every index and retention drops from the front.
-- :both
create table span (
	tenant bigint not null,
	trace_id text not null,          -- 32 hex digits, W3C
	span_id text not null,           -- 16 hex digits
	parent_id text not null,         -- '' for a root
	name text not null,
	kind bigint not null,            -- 0 internal, 1 server, 2 client
	start_us bigint not null,
	duration_us bigint not null,
	error_type text not null,        -- '' when it went well
	attributes text not null,        -- JSON object
	primary key (tenant, trace_id, span_id)
);
create index span_by_time on span (start_us);

create table interaction (
	tenant bigint not null,
	id text not null,                -- of the request: UUIDv7 in hex
	trace_id text not null,
	span_id text not null,           -- the request's span
	response_id text not null,
	started_us bigint not null,
	duration_us bigint not null,
	first_chunk_us bigint not null,  -- 0: none
	operation text not null,
	model text not null,
	provider text not null,
	target_model text not null,
	served_model text not null,
	config_version text not null,
	key_id text not null,
	conversation text not null,
	parameters text not null,        -- JSON object
	streamed bigint not null,
	outcome text not null,           -- ok, error, cancelled
	error_type text not null,
	error_message text not null,
	finish_reason text not null,
	status bigint not null,
	capture text not null,
	messages bytea,                  -- 34 bytes a message: direction, role, SHA-256 of its body; null when not captured
	primary key (tenant, id)
);
create index interaction_by_trace on interaction (tenant, trace_id);
create index interaction_by_response on interaction (tenant, response_id);

-- A message, a system prompt, an answer: stored once for all interactions that hold it.
create table body (
	tenant bigint not null,
	hash bytea not null,             -- SHA-256 of the text
	used_day bigint not null,        -- days since 1970 when last used; retention goes by it
	body bytea not null,
	primary key (tenant, hash)
);
create index body_by_day on body (used_day);

create table interaction_source (
	tenant bigint not null,
	interaction text not null,
	rank bigint not null,
	version_id text not null,
	document_id text not null,
	path text not null,              -- of the document, as it was
	chunk bigint not null,
	ordinal bigint not null,
	score double precision not null,
	cited bigint not null,
	primary key (tenant, interaction, rank)
);
create index interaction_source_by_version on interaction_source (tenant, version_id);

-- The ledger: raw quantities with the price that was in force. Append-only; a correction is a new row.
create table usage_entry (
	tenant bigint not null,
	interaction text not null,
	entry bigint not null,           -- 0: the settlement; 1…: corrections
	at_us bigint not null,
	key_id text not null,
	provider text not null,
	model text not null,
	input bigint not null,           -- tokens, cached ones included
	cached_input bigint not null,
	cache_write bigint not null,
	output bigint not null,
	reasoning bigint not null,
	estimated bigint not null,
	price_version text not null,     -- '' when no price was known
	amount_nanos bigint not null,    -- 1e-9 US dollar
	primary key (tenant, interaction, entry)
);
create index usage_entry_by_time on usage_entry (at_us);
