/*
 * trace.h - spans of one request, kept in its arena until they are committed with its record.
 *
 * Names and attributes follow OpenTelemetry's GenAI conventions where they exist ("chat gpt-x", gen_ai.request.model). Ids are W3C's: a traceparent that came with
 * the request is continued, and trace_parent gives the header for calls to others.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum span_kind { SPAN_INTERNAL, SPAN_SERVER, SPAN_CLIENT };

struct attribute {
	struct attribute *next;
	const char *name; /* a literal */
	enum { ATTRIBUTE_STR, ATTRIBUTE_INT, ATTRIBUTE_REAL, ATTRIBUTE_BOOL } type;
	struct str text;
	int64_t integer;
	double real;
};

struct span {
	struct span *next;             /* in the order of opening */
	struct trace *trace;
	char id[16], parent_id[16];    /* hex; parent_id[0] is 0 for a root */
	struct str name;
	enum span_kind kind;
	int64_t start_us, end_us;      /* wall clock; end 0: open */
	struct str error_type;         /* empty: went well */
	struct attribute *attributes, **attributes_end;
};

struct trace {
	struct arena *arena;
	char id[32];                   /* hex */
	bool sampled;                  /* of the caller's traceparent; passed on */
	struct span *first, **end;
	unsigned count;                /* at most TRACE_SPANS_MAX; further ones are not kept */
	struct span *current;          /* parent of the next span_open */
};

enum { TRACE_SPANS_MAX = 1000 };

/*
 * A trace that continues `traceparent` (W3C level 1; an invalid one is ignored), so that parent_id of the first span is the caller's span; or one that begins here: its id is then that of
 * the request, 32 hex digits. NULL when memory is out.
 */
struct trace *trace_new(struct arena *arena, struct str request_id, struct str traceparent);

/* "00-<trace>-<span>-01" for a call made under `span`; out has TRACEPARENT_LEN + 1 bytes. */
#define TRACEPARENT_LEN 55
void trace_parent(const struct span *span, char out[TRACEPARENT_LEN + 1]);

/* Opens a span below the current one and makes it current. Never NULL: past the limits it is a span that is not kept. */
struct span *span_open(struct trace *trace, enum span_kind kind, struct str name);

/* Ends it and makes its parent current. err's kind becomes error.type. */
void span_close(struct span *span, const struct err *err);

void span_str(struct span *span, const char *name, struct str value); /* copied */
void span_int(struct span *span, const char *name, int64_t value);
void span_real(struct span *span, const char *name, double value);
void span_bool(struct span *span, const char *name, bool value);

/*
 * The trace's spans as a JSON array of objects in the order of opening, strings in valid UTF-8: what a record keeps, and what a reader of it is shown. A span that is still open ends now.
 * Past TRACE_JSON_MAX they are written in short, without attributes and long names, as many as fit: all, but for names in need of much escaping.
 */
enum { TRACE_JSON_MAX = 512 * 1024 };
struct str trace_json(const struct trace *trace, struct arena *arena); /* ptr NULL: memory is out */
