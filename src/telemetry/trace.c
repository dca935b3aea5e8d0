/*
 * trace.c - spans in the arena of a request. See trace.h. traceparent: W3C Trace Context, level 1.
 */
#include "telemetry/trace.h"

#include <assert.h>

#include "base/clock.h"
#include "base/random.h"
#include "json/json.h"
#include "text/utf8.h"

/* Of a span in short: its name, of which each byte may take six, and what else it says. */
enum { NAME_MAX = 64, SHORT_SPAN_MAX = 6 * NAME_MAX + 512 };

/* Spans past the limits, and of traces that could not be made: writable, never kept. One a thread, since they are written to. */
static _Thread_local struct span lost_span;

static bool
is_lower_hex(struct str s)
{
	bool all_zero = true;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		all_zero = all_zero && c == '0';
	}
	return !all_zero;
}

/* "00-<32 hex>-<16 hex>-<2 hex>"; a later version may have more after it. */
static bool
parse_parent(struct str text, struct str *trace_id, struct str *span_id, bool *sampled)
{
	unsigned char flags;

	text = str_trim(text);
	if (text.len < TRACEPARENT_LEN || text.ptr[2] != '-' || text.ptr[35] != '-' || text.ptr[52] != '-')
		return false;
	if (str_starts(text, STR("ff")) || (str_starts(text, STR("00")) && text.len != TRACEPARENT_LEN))
		return false;
	*trace_id = str_slice(text, 3, 35);
	*span_id = str_slice(text, 36, 52);
	if (!hex_decode(str_slice(text, 53, 55), &flags))
		return false;
	*sampled = flags & 1;
	return is_lower_hex(*trace_id) && is_lower_hex(*span_id);
}

struct trace *
trace_new(struct arena *arena, struct str request_id, struct str traceparent)
{
	struct trace *trace = arena_zalloc(arena, sizeof(*trace));
	struct str trace_id, span_id;

	assert(request_id.len == sizeof(trace->id));
	if (!trace)
		return NULL;
	trace->arena = arena;
	trace->end = &trace->first;
	trace->sampled = true;
	if (traceparent.len && parse_parent(traceparent, &trace_id, &span_id, &trace->sampled)) {
		struct span *caller = arena_zalloc(arena, sizeof(*caller)); /* not of this trace's list: only a parent */

		memcpy(trace->id, trace_id.ptr, sizeof(trace->id));
		if (caller) {
			caller->trace = trace;
			memcpy(caller->id, span_id.ptr, sizeof(caller->id));
		}
		trace->current = caller;
	} else {
		memcpy(trace->id, request_id.ptr, sizeof(trace->id));
	}
	return trace;
}

void
trace_parent(const struct span *span, char out[TRACEPARENT_LEN + 1])
{
	memcpy(out, "00-", 3);
	if (span->trace)
		memcpy(out + 3, span->trace->id, 32);
	else
		hex_encode("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16, out + 3);
	out[35] = '-';
	memcpy(out + 36, span->id, 16);
	memcpy(out + 52, span->trace && !span->trace->sampled ? "-00" : "-01", 4);
}

struct span *
span_open(struct trace *trace, enum span_kind kind, struct str name)
{
	struct span *span = trace && trace->count < TRACE_SPANS_MAX ? arena_zalloc(trace->arena, sizeof(*span)) : NULL;
	uint64_t id = random_u64() | 1; /* zero is no id */

	if (!span) {
		span = &lost_span;
		*span = (struct span){ .start_us = clock_wall_us() };
		span->attributes_end = &span->attributes;
		hex_encode(&id, sizeof(id), span->id);
		return span;
	}
	hex_encode(&id, sizeof(id), span->id);
	span->trace = trace;
	span->name = arena_dup(trace->arena, name);
	span->kind = kind;
	span->start_us = clock_wall_us();
	span->attributes_end = &span->attributes;
	if (trace->current)
		memcpy(span->parent_id, trace->current->id, sizeof(span->parent_id));
	span->next = NULL;
	*trace->end = span;
	trace->end = &span->next;
	trace->count++;
	trace->current = span;
	return span;
}

void
span_close(struct span *span, const struct err *err)
{
	span->end_us = clock_wall_us();
	if (err)
		span->error_type = str_of(err_kind_name(err->kind));
	if (!span->trace || span->trace->current != span)
		return;
	for (struct span *other = span->trace->first; other; other = other->next) {
		if (memcmp(other->id, span->parent_id, sizeof(other->id)) == 0) {
			span->trace->current = other;
			return;
		}
	}
	span->trace->current = NULL;
}

static struct attribute *
attribute_new(struct span *span, const char *name)
{
	struct attribute *attribute = span->trace ? arena_zalloc(span->trace->arena, sizeof(*attribute)) : NULL;

	if (!attribute)
		return NULL;
	attribute->name = name;
	*span->attributes_end = attribute;
	span->attributes_end = &attribute->next;
	return attribute;
}

void
span_str(struct span *span, const char *name, struct str value)
{
	struct attribute *attribute = attribute_new(span, name);

	if (attribute) {
		attribute->type = ATTRIBUTE_STR;
		attribute->text = arena_dup(span->trace->arena, value);
	}
}

void
span_int(struct span *span, const char *name, int64_t value)
{
	struct attribute *attribute = attribute_new(span, name);

	if (attribute) {
		attribute->type = ATTRIBUTE_INT;
		attribute->integer = value;
	}
}

void
span_real(struct span *span, const char *name, double value)
{
	struct attribute *attribute = attribute_new(span, name);

	if (attribute) {
		attribute->type = ATTRIBUTE_REAL;
		attribute->real = value;
	}
}

void
span_bool(struct span *span, const char *name, bool value)
{
	struct attribute *attribute = attribute_new(span, name);

	if (attribute) {
		attribute->type = ATTRIBUTE_BOOL;
		attribute->integer = value;
	}
}

static void
put_attributes(struct json_out *json, const struct attribute *attribute)
{
	for (; attribute; attribute = attribute->next) {
		switch (attribute->type) {
		case ATTRIBUTE_STR:
			json_set_string(json, attribute->name, attribute->text);
			break;
		case ATTRIBUTE_INT:
			json_set_int(json, attribute->name, attribute->integer);
			break;
		case ATTRIBUTE_REAL:
			json_set_real(json, attribute->name, attribute->real);
			break;
		case ATTRIBUTE_BOOL:
			json_set_bool(json, attribute->name, attribute->integer != 0);
			break;
		}
	}
}

/* `whole`: with attributes, and a name of any length. */
static void
put_span(struct json_out *json, const struct span *span, bool whole)
{
	static const char *const kinds[] = { [SPAN_INTERNAL] = "internal", [SPAN_SERVER] = "server", [SPAN_CLIENT] = "client" };

	json_begin_object(json);
	json_set_string(json, "span_id", str_n(span->id, sizeof(span->id)));
	json_set_string(json, "parent_id", span->parent_id[0] ? str_n(span->parent_id, sizeof(span->parent_id)) : STR_EMPTY);
	json_set_string(json, "name", whole ? span->name : utf8_cut(span->name, NAME_MAX));
	json_set_string(json, "kind", str_of(kinds[span->kind]));
	json_set_int(json, "start_us", span->start_us);
	json_set_int(json, "duration_us", (span->end_us ? span->end_us : clock_wall_us()) - span->start_us);
	json_set_string(json, "error_type", span->error_type);
	json_set_object(json, "attributes");
	if (whole)
		put_attributes(json, span->attributes);
	json_end_object(json);
	json_end_object(json);
}

static void
put_spans(const struct trace *trace, bool whole, struct buf *out)
{
	struct json_out json;

	json_out_init(&json, out);
	json_begin_array(&json);
	for (const struct span *span = trace->first; span && (whole || out->len + SHORT_SPAN_MAX < TRACE_JSON_MAX); span = span->next)
		put_span(&json, span, whole);
	json_end_array(&json);
}

struct str
trace_json(const struct trace *trace, struct arena *arena)
{
	struct buf text;

	buf_init(&text, arena, TRACE_JSON_MAX);
	put_spans(trace, true, &text);
	if (!text.failed)
		return buf_str(&text);
	buf_init(&text, arena, TRACE_JSON_MAX);
	put_spans(trace, false, &text);
	return text.failed ? (struct str){ 0 } : buf_str(&text);
}
