/*
 * plain.c - see plain.h. The full-text index lies in a file of its own, in write-ahead mode, and is optimized once it is full, as a careful user would have it.
 */
#include "plain.h"

#include <ctype.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "knowledge/top.h"
#include "store/testing.h"

enum { MORE = 64, LANES = 8, LIMIT_MAX = 64 };

struct plain {
	char path[64];
	sqlite3 *db;
	sqlite3_stmt *insert, *match;
	unsigned dimensions;
	float *vectors;
	int64_t *chunks;
	size_t count, room;
};

static void
exec(struct plain *plain, const char *sql)
{
	CHECK(sqlite3_exec(plain->db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

struct plain *
plain_new(size_t count, unsigned dimensions)
{
	struct plain *plain = mem_zalloc(sizeof(*plain));
	int fd;

	snprintf(plain->path, sizeof(plain->path), "/tmp/corbel-plain-XXXXXX");
	fd = mkstemp(plain->path);
	CHECK(fd >= 0);
	close(fd);
	plain->dimensions = dimensions;
	plain->room = count + MORE;
	plain->vectors = mem_alloc(plain->room * dimensions * sizeof(float));
	plain->chunks = mem_alloc(plain->room * sizeof(*plain->chunks));
	CHECK(sqlite3_open(plain->path, &plain->db) == SQLITE_OK);
	exec(plain, "pragma journal_mode = wal; pragma synchronous = off; create virtual table f using fts5(heading, body, tokenize = 'porter unicode61')");
	exec(plain, "begin");
	CHECK(sqlite3_prepare_v2(plain->db, "insert into f (rowid, heading, body) values (?, ?, ?)", -1, &plain->insert, NULL) == SQLITE_OK);
	CHECK(sqlite3_prepare_v2(plain->db, "select rowid from f where f match ? order by rank limit ?", -1, &plain->match, NULL) == SQLITE_OK);
	return plain;
}

void
plain_free(struct plain *plain)
{
	char name[80];

	sqlite3_finalize(plain->insert);
	sqlite3_finalize(plain->match);
	sqlite3_close(plain->db);
	unlink(plain->path);
	snprintf(name, sizeof(name), "%s-wal", plain->path);
	unlink(name);
	snprintf(name, sizeof(name), "%s-shm", plain->path);
	unlink(name);
	free(plain->vectors);
	free(plain->chunks);
	free(plain);
}

void
plain_add(struct plain *plain, int64_t chunk, struct str heading, struct str text, const float *vector)
{
	CHECK(plain->count < plain->room);
	memcpy(plain->vectors + plain->count * plain->dimensions, vector, plain->dimensions * sizeof(float));
	plain->chunks[plain->count++] = chunk;
	sqlite3_bind_int64(plain->insert, 1, chunk);
	sqlite3_bind_text(plain->insert, 2, heading.ptr, (int)heading.len, SQLITE_STATIC);
	sqlite3_bind_text(plain->insert, 3, text.ptr, (int)text.len, SQLITE_STATIC);
	CHECK(sqlite3_step(plain->insert) == SQLITE_DONE);
	sqlite3_reset(plain->insert);
}

void
plain_ready(struct plain *plain)
{
	exec(plain, "commit; insert into f (f) values ('optimize'); pragma wal_checkpoint");
}

/* Letters, digits and what is not ASCII make words, each in quotes, so that nothing in them is a sign of FTS5's language. */
static struct str
match_text(struct arena *arena, struct str question)
{
	struct buf buf;
	bool inside = false;

	buf_init(&buf, arena, question.len * 8 + 16);
	for (size_t i = 0; i < question.len; i++) {
		unsigned char byte = (unsigned char)question.ptr[i];
		bool word = byte >= 0x80 || isalnum(byte);

		if (word && !inside)
			buf_printf(&buf, "%s\"", buf.len ? " OR " : "");
		if (!word && inside)
			buf_add_byte(&buf, '"');
		if (word)
			buf_add_byte(&buf, (char)byte);
		inside = word;
	}
	if (inside)
		buf_add_byte(&buf, '"');
	return buf_str(&buf);
}

size_t
plain_words(struct plain *plain, struct arena *arena, struct str question, size_t limit, int64_t *found)
{
	struct str text = match_text(arena, question);
	size_t count = 0;

	if (text.len == 0)
		return 0;
	sqlite3_bind_text(plain->match, 1, text.ptr, (int)text.len, SQLITE_STATIC);
	sqlite3_bind_int64(plain->match, 2, (int64_t)limit);
	while (count < limit && sqlite3_step(plain->match) == SQLITE_ROW)
		found[count++] = sqlite3_column_int64(plain->match, 0);
	sqlite3_reset(plain->match);
	return count;
}

/* In lanes, so that compilers use vector instructions without reordering sums. */
static double
product(const float *x, const float *y, unsigned dimensions)
{
	float lanes[LANES] = { 0 };
	double sum = 0;
	unsigned at = 0;

	for (; at + LANES <= dimensions; at += LANES)
		for (unsigned lane = 0; lane < LANES; lane++)
			lanes[lane] += x[at + lane] * y[at + lane];
	for (; at < dimensions; at++)
		lanes[0] += x[at] * y[at];
	for (unsigned lane = 0; lane < LANES; lane++)
		sum += (double)lanes[lane];
	return sum;
}

size_t
plain_vectors(struct plain *plain, const float *vector, size_t limit, int64_t *found)
{
	struct scored list[LIMIT_MAX];
	struct top top = { .list = list, .most = limit < LIMIT_MAX ? limit : LIMIT_MAX };

	for (size_t i = 0; i < plain->count; i++)
		top_add(&top, (struct scored){ plain->chunks[i], product(vector, plain->vectors + i * plain->dimensions, plain->dimensions) });
	top_finish(&top);
	for (size_t i = 0; i < top.count; i++)
		found[i] = top.list[i].chunk;
	return top.count;
}
