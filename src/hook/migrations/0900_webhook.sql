-- Webhooks. An event is written in the commit of what it tells of, once for each webhook that wants it. The node that holds the webhook's lease turns events, the oldest first, into
-- messages (their bytes, and so their id and what they say, never change again) and delivers these one after the other. Every event is in webhook_event or in a message, until the
-- message's retention is over.

-- :both
-- What is configured. Read by every commit that tells something, so it changes with the configuration alone.
create table webhook (
	name text primary key,
	events bigint not null,        -- bits, see conf/webhooks.h
	created_us bigint not null,
	removed_us bigint,             -- no longer configured
	full_us bigint,                -- since then too many events wait, and new ones are left out
	gone_us bigint                 -- it answered 410, and wants nothing any more
);

-- Who delivers, and how it went.
create table webhook_state (
	webhook text primary key,
	node text not null,
	until_us bigint not null,      -- of the lease
	delivered_us bigint not null,  -- the last success; 0: none yet
	failed_us bigint not null,     -- the last failure
	error text not null            -- of the last failure
);

create table webhook_event (
	webhook text not null,
	id text not null,              -- time-ordered
	event bigint not null,
	at_us bigint not null,
	body text not null,            -- JSON
	primary key (webhook, id)
) without rowid;

create table webhook_message (
	webhook text not null,
	id text not null,              -- "msg_" and a time-ordered identifier: the header webhook-id
	event bigint not null,
	events bigint not null,        -- how many it tells of
	created_us bigint not null,
	since_us bigint not null,      -- of the first attempt, or of the replay
	attempts bigint not null,
	next_us bigint not null,       -- not tried before
	state text not null,           -- pending, delivered, dead
	ended_us bigint not null,      -- 0: pending
	status bigint not null,        -- of the last answer; 0: there was none
	error text not null,
	body text not null,
	primary key (webhook, id)
) without rowid;
create index webhook_message_pending on webhook_message (webhook, id) where state = 'pending';
create index webhook_message_ended on webhook_message (webhook, ended_us) where state <> 'pending';
