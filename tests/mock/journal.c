/*
 * journal.c - see journal.h. The part of a record that never changes is kept as JSON text from the start, so that reading is a copy.
 */
#include "journal.h"

#include <time.h>

enum { RECORDS_MAX = 4096, BODY_KEPT_MAX = 1024 * 1024, TEXT_BYTES_MAX = 256 * 1024 * 1024 };

struct record {
	uint64_t id; /* 0: free */
	enum exchange_end end;
	int64_t start_us;
	int64_t first_byte_us; /* these three are 0 until they happen */
	int64_t end_us;
	int64_t peer_closed_us;
	long pieces;
	uint64_t bytes_sent;
	struct bytes text; /* method, path, headers and body, as JSON members */
};

struct stats stats;

static struct record records[RECORDS_MAX]; /* id N is at N modulo the size */
static uint64_t last_id;
static uint64_t oldest_id = 1;
static size_t text_bytes;
static int64_t epoch_us;

static int64_t
clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
journal_now_us(void)
{
	return clock_us() - epoch_us;
}

void
journal_init(void)
{
	epoch_us = clock_us() - 1; /* so that no event happens at 0, which means "not yet" */
}

static struct record *
record_find(uint64_t id)
{
	struct record *record = &records[id % RECORDS_MAX];

	return id != 0 && record->id == id ? record : NULL;
}

static void
record_drop(struct record *record)
{
	text_bytes -= record->text.len;
	bytes_free(&record->text);
	record->id = 0;
}

static void
text_member(struct bytes *text, const char *name, struct str value)
{
	if (str_is_utf8(value)) {
		bytes_fmt(text, "\"%s\":\"", name);
		bytes_json(text, value);
	} else {
		bytes_fmt(text, "\"%s_base64\":\"", name);
		bytes_base64(text, value);
	}
	bytes_add(text, STR("\","));
}

static void
text_write(struct bytes *text, const struct request *request)
{
	struct str body = request->body;

	text_member(text, "method", request->method);
	text_member(text, "path", request->path);
	text_member(text, "query", request->query);
	bytes_add(text, STR("\"headers\":["));
	for (size_t i = 0; i < request->header_count; i++) {
		bytes_fmt(text, "%s[\"", i ? "," : "");
		bytes_json(text, request->headers[i].name);
		bytes_add(text, STR("\",\""));
		bytes_json(text, request->headers[i].value);
		bytes_add(text, STR("\"]"));
	}
	bytes_fmt(text, "],\"body_bytes\":%zu,", body.len);
	if (body.len > BODY_KEPT_MAX) {
		bytes_add(text, STR("\"body_cut\":true,"));
		body.len = BODY_KEPT_MAX;
	}
	text_member(text, "body", body);
}

uint64_t
journal_add(const struct request *request, uint64_t connection, int64_t start_us)
{
	struct record *record = &records[++last_id % RECORDS_MAX];

	if (record->id)
		record_drop(record);
	*record = (struct record){ .id = last_id, .start_us = start_us };
	bytes_fmt(&record->text, "\"connection\":%llu,", (unsigned long long)connection);
	text_write(&record->text, request);
	text_bytes += record->text.len;
	for (; text_bytes > TEXT_BYTES_MAX && oldest_id < last_id; oldest_id++) {
		if (record_find(oldest_id))
			record_drop(record_find(oldest_id));
	}
	return last_id;
}

void
journal_first_byte(uint64_t id)
{
	struct record *record = record_find(id);

	if (record && !record->first_byte_us)
		record->first_byte_us = journal_now_us();
}

void
journal_end(uint64_t id, enum exchange_end end, long pieces, uint64_t bytes)
{
	uint64_t *counts[] = { NULL, &stats.answered, &stats.peer_closed, &stats.peer_reset, &stats.mock_closed, &stats.mock_reset };
	struct record *record = record_find(id);

	++*counts[end];
	if (!record)
		return;
	record->end = end;
	record->end_us = journal_now_us();
	record->pieces = pieces;
	record->bytes_sent = bytes;
}

void
journal_peer_closed(uint64_t id)
{
	struct record *record = record_find(id);

	if (record)
		record->peer_closed_us = journal_now_us();
}

void
journal_reset(void)
{
	for (size_t i = 0; i < RECORDS_MAX; i++) {
		if (records[i].id)
			record_drop(&records[i]);
	}
	oldest_id = last_id + 1;
	stats = (struct stats){ .open_connections = stats.open_connections, .open_exchanges = stats.open_exchanges,
				.open_exchanges_max = stats.open_exchanges };
}

static void
time_member(struct bytes *out, const char *name, int64_t at_us)
{
	if (at_us)
		bytes_fmt(out, ",\"%s\":%.3f", name, (double)at_us / 1000);
	else
		bytes_fmt(out, ",\"%s\":null", name);
}

static void
record_write(const struct record *record, struct bytes *out)
{
	static const char *const ends[] = { "null", "\"answered\"", "\"peer-closed\"", "\"peer-reset\"", "\"mock-closed\"", "\"mock-reset\"" };

	bytes_fmt(out, "{\"id\":%llu,", (unsigned long long)record->id);
	bytes_add(out, bytes_view(&record->text));
	bytes_fmt(out, "\"end\":%s,\"pieces\":%ld,\"bytes_sent\":%llu", ends[record->end], record->pieces,
		  (unsigned long long)record->bytes_sent);
	time_member(out, "start_ms", record->start_us);
	time_member(out, "first_byte_ms", record->first_byte_us);
	time_member(out, "end_ms", record->end_us);
	time_member(out, "peer_closed_ms", record->peer_closed_us);
	bytes_add(out, STR("}"));
}

void
journal_write_requests(struct bytes *out, uint64_t after)
{
	bool first = true;

	bytes_fmt(out, "{\"start_monotonic_ms\":%.3f,\"now_ms\":%.3f,\"requests\":[", (double)epoch_us / 1000, (double)journal_now_us() / 1000);
	for (uint64_t id = after >= oldest_id ? after + 1 : oldest_id; id <= last_id; id++) {
		if (!record_find(id))
			continue;
		bytes_add(out, first ? STR("\n") : STR(",\n"));
		record_write(record_find(id), out);
		first = false;
	}
	bytes_add(out, STR("\n]}\n"));
}

void
journal_write_stats(struct bytes *out)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "connections", stats.connections },
		{ "requests", stats.requests },
		{ "canned", stats.canned },
		{ "answered", stats.answered },
		{ "peer_closed", stats.peer_closed },
		{ "peer_reset", stats.peer_reset },
		{ "mock_closed", stats.mock_closed },
		{ "mock_reset", stats.mock_reset },
		{ "bytes_in", stats.bytes_in },
		{ "bytes_out", stats.bytes_out },
		{ "open_connections", (uint64_t)stats.open_connections },
		{ "open_exchanges", (uint64_t)stats.open_exchanges },
		{ "open_exchanges_max", (uint64_t)stats.open_exchanges_max },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		bytes_fmt(out, "%s\"%s\":%llu", i ? "," : "{", rows[i].name, (unsigned long long)rows[i].value);
	bytes_add(out, STR("}\n"));
}
