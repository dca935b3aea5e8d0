-- Answers that go on without their client, from when they begin until their record is committed: what their record and their bill need to know beside what they have said (response_event, below `stream`).
-- A row of a process that is gone is an answer without a record: whoever finds it makes one.
-- :both
create table answer_pending (
	tenant bigint not null,
	interaction bytea not null,      -- the record's id
	stream text not null,            -- of answer_stream or response
	owner text not null,             -- the process that makes it; its lease is that row's
	started_us bigint not null,
	bill text not null,              -- JSON: answer/pending.c
	primary key (tenant, interaction)
);
create index answer_pending_by_stream on answer_pending (tenant, stream);
