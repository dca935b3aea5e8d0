/*
 * postgres_value.c - values to and from PostgreSQL, and its errors in our terms.
 *
 * Values travel as text, whose meaning does not depend on the column's type, but for blobs, which go as bytes; they come back in hex, at the price of
 * twice the bytes on a local wire.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/postgres.h"

enum { PARAMS_MAX = 100, NUMBER_SIZE = 32 };

/* Of the types that a cell can be more than text: their numbers never change (pg_type.dat). */
enum pg_type {
	TYPE_BOOL = 16,
	TYPE_BYTEA = 17,
	TYPE_INT8 = 20,
	TYPE_INT2 = 21,
	TYPE_INT4 = 23,
	TYPE_OID = 26,
	TYPE_FLOAT4 = 700,
	TYPE_FLOAT8 = 701,
	TYPE_NUMERIC = 1700,
};

struct wire {
	const char *values[PARAMS_MAX];
	int lengths[PARAMS_MAX], formats[PARAMS_MAX];
	struct buf bytes; /* numbers and zero-terminated texts; values point in once all are there */
};

/* libpq wants texts terminated by zero bytes. */
static void
wire_add(struct wire *wire, unsigned at, const struct value *value)
{
	wire->values[at] = (const char *)wire->bytes.len;
	switch (value->type) {
	case VALUE_INT:
		buf_printf(&wire->bytes, "%lld", (long long)value->integer);
		break;
	case VALUE_REAL:
		buf_printf(&wire->bytes, "%.17g", value->real);
		break;
	case VALUE_TEXT:
		buf_add(&wire->bytes, value->text);
		break;
	case VALUE_BLOB:
	case VALUE_NULL:
		return;
	}
	buf_add_byte(&wire->bytes, '\0');
}

bool
pg_send_stmt(PGconn *pg, const struct stmt *stmt, const struct value *params)
{
	struct wire wire;
	bool sent;

	if (stmt->params > PARAMS_MAX)
		return false;
	buf_init(&wire.bytes, NULL, MIB(1024));
	for (unsigned i = 0; i < stmt->params; i++)
		wire_add(&wire, i, &params[i]);
	for (unsigned i = 0; i < stmt->params; i++) {
		const bool blob = params[i].type == VALUE_BLOB;

		wire.formats[i] = blob;
		wire.lengths[i] = blob ? (int)params[i].text.len : 0;
		if (params[i].type == VALUE_NULL)
			wire.values[i] = NULL;
		else if (blob)
			wire.values[i] = params[i].text.ptr ? params[i].text.ptr : "";
		else
			wire.values[i] = wire.bytes.ptr + (size_t)wire.values[i];
	}
	sent = !wire.bytes.failed &&
	       PQsendQueryPrepared(pg, stmt->name, (int)stmt->params, wire.values, wire.lengths, wire.formats, 0) == 1;
	buf_fini(&wire.bytes);
	return sent;
}

/* "\x…" to bytes, in place: the result's memory is libpq's, made for us. */
static struct str
bytes_of_hex(char *hex, size_t len)
{
	static const signed char digit[256] = {
		['0'] = 0,
		['1'] = 1,
		['2'] = 2,
		['3'] = 3,
		['4'] = 4,
		['5'] = 5,
		['6'] = 6,
		['7'] = 7,
		['8'] = 8,
		['9'] = 9,
		['a'] = 10,
		['b'] = 11,
		['c'] = 12,
		['d'] = 13,
		['e'] = 14,
		['f'] = 15,
	};
	size_t count = len >= 2 ? (len - 2) / 2 : 0;

	for (size_t i = 0; i < count; i++)
		hex[i] = (char)(digit[(unsigned char)hex[2 + 2 * i]] << 4 | digit[(unsigned char)hex[3 + 2 * i]]);
	return str_n(hex, count);
}

static struct value
cell_of(const PGresult *result, int row, int column)
{
	char *text = PQgetvalue(result, row, column);
	struct str view = str_n(text, (size_t)PQgetlength(result, row, column));
	int64_t integer;

	if (PQgetisnull(result, row, column))
		return V_NULL;
	switch (PQftype(result, column)) {
	case TYPE_BOOL:
		return V_INT(text[0] == 't');
	case TYPE_BYTEA:
		return V_BLOB(bytes_of_hex(text, view.len));
	case TYPE_INT8:
	case TYPE_INT2:
	case TYPE_INT4:
	case TYPE_OID:
	case TYPE_NUMERIC: /* sum() of bigint is numeric */
		return str_to_i64(view, &integer) ? V_INT(integer) : V_REAL(strtod(text, NULL));
	case TYPE_FLOAT4:
	case TYPE_FLOAT8:
		return V_REAL(strtod(text, NULL));
	default:
		return V_TEXT(view);
	}
}

void
pg_add_rows(struct rowbuf *rows, const PGresult *result)
{
	int count = PQntuples(result), columns = PQnfields(result);

	for (int row = 0; row < count && !rowbuf_failed(rows); row++) {
		for (int column = 0; column < columns; column++)
			rowbuf_add(rows, cell_of(result, row, column));
	}
}

/* By sqlstate, or by its class: the first that begins it. The rest is ours: ERR_INTERNAL. */
static const struct {
	const char *sqlstate;
	enum err_kind kind;
	const char *message;
} states[] = {
	{ "23505", ERR_CONFLICT, "this exists already" },
	{ "23503", ERR_CONFLICT, "what this refers to does not exist, or it is still referred to" },
	{ "23", ERR_INVALID, "a value is outside what is allowed" },
	{ "22", ERR_INVALID, "a value is outside what is allowed" },
	{ "40001", ERR_BUSY, "too many changes at once; try again" },
	{ "40P01", ERR_BUSY, "too many changes at once; try again" },
	{ "55P03", ERR_BUSY, "too many changes at once; try again" },
	{ "57014", ERR_TIMEOUT, "the database took too long" },
	{ "25006", ERR_UNAVAILABLE, "the store cannot be written" },
	{ "53100", ERR_UNAVAILABLE, "the disk of the store is full" },
	{ "53", ERR_UNAVAILABLE, "the database has no room for this now" },
	{ "54", ERR_TOO_LARGE, "a value is too large for the store" },
	{ "58", ERR_IO, "reading or writing the database failed" },
	{ "XX001", ERR_IO, "the database is damaged" },
	{ "XX002", ERR_IO, "the database is damaged" },
};

const struct err *
pg_request_err(const struct pg_request *request, struct arena *arena)
{
	const struct err *err = &err_internal;

	if (!request->sqlstate[0])
		return NULL;
	for (size_t i = 0; i < COUNT(states); i++) {
		if (strncmp(states[i].sqlstate, request->sqlstate, strlen(states[i].sqlstate)) == 0) {
			err = err_new(arena, states[i].kind, "%s", states[i].message);
			break;
		}
	}
	return err_detail(arena, err, "%s: %s (sqlstate %s)", request->stmt->name, request->message, request->sqlstate);
}

bool
pg_is_conflict(const char *sqlstate)
{
	return strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0;
}

bool
pg_is_goodbye(const char *sqlstate)
{
	return strncmp(sqlstate, "57P0", 4) == 0 || strncmp(sqlstate, "08", 2) == 0;
}
