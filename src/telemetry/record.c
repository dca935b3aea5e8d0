/*
 * record.c - writing and counting records. See record.h; the tables are explained in migrations/0200_record.sql.
 *
 * What can be computed before the transaction is (hashes, the spans' text), since on SQLite the transaction runs on the one writer thread of the process.
 */
#include "telemetry/record.h"

#include "base/clock.h"
#include "base/metric.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "hook/hook.h"
#include "telemetry/record_known.h"
#include "telemetry/seal.h"
#include "telemetry/telemetry_sql.h"
#include "telemetry/usage_event.h"
#include "telemetry/usage_part.h"
#include "text/utf8.h"

enum { ID = 16, SPAN_ID = 8, HASH = 32, ENTRY = 2 + HASH, MESSAGES_MAX = 4096 };

static const char *const outcomes[] = { [OUTCOME_OK] = "ok", [OUTCOME_ERROR] = "error", [OUTCOME_CANCELLED] = "cancelled" };
static const char *const captures[] = { [CONF_CAPTURE_NONE] = "none", [CONF_CAPTURE_USAGE] = "usage", [CONF_CAPTURE_FULL] = "full" };

void
record_init(struct record *record, struct trace *trace)
{
	*record = (struct record){ .trace = trace, .attempts = 1 };
	record->messages_end = &record->messages;
	record->sources_end = &record->sources;
	record->parts_end = &record->parts;
}

void
record_part_add(struct record *record, const struct record_part *part)
{
	struct record_part *copy = arena_alloc(record->trace->arena, sizeof(*copy));

	if (!copy)
		return;
	*copy = *part;
	copy->next = NULL;
	*record->parts_end = copy;
	record->parts_end = &copy->next;
}

void
record_message_add(struct record *record, bool output, struct str role, struct str body)
{
	struct record_message *message = arena_zalloc(record->trace->arena, sizeof(*message));

	if (!message)
		return;
	*message = (struct record_message){ .output = output, .role = role, .body = body };
	*record->messages_end = message;
	record->messages_end = &message->next;
}

struct record_source *
record_source_add(struct record *record)
{
	struct record_source *source = arena_zalloc(record->trace->arena, sizeof(*source));

	if (!source)
		return NULL;
	*record->sources_end = source;
	record->sources_end = &source->next;
	return source;
}

/* `messages` is the list as it is stored: a byte for the direction, one for the role, the body's hash. */
struct prepared {
	const struct record *record;
	char id[ID], trace_id[ID];
	struct str model, response_id, served_model, finish_reason, conversation, error_message; /* strangers' texts, as the store takes them */
	struct str messages;
	struct str parts;             /* as the ledger keeps them */
	struct str event;             /* what webhooks are told of the usage; ptr NULL: none wants it */
	bool *known; /* of each message: its body is in the store; NULL: nothing is known */
	struct str spans;
	int64_t day;
};

static char
role_letter(struct str role)
{
	return role.len ? role.ptr[0] : 'u'; /* s, d, u, a, t */
}

/* Valid UTF-8 without zero bytes: JSON can carry them, and a record must not fail for what a client or a provider says. */
static const struct err *
make_storable(struct arena *arena, struct str text, struct str *out)
{
	struct str valid = utf8_repair(arena, text);
	struct buf clean;

	*out = valid;
	if (text.len && !valid.ptr)
		return &err_no_memory;
	if (!valid.len || !memchr(valid.ptr, '\0', valid.len))
		return NULL;
	buf_init(&clean, arena, 3 * valid.len);
	for (size_t i = 0; i < valid.len; i++)
		buf_add(&clean, valid.ptr[i] ? str_n(valid.ptr + i, 1) : STR("\xef\xbf\xbd")); /* U+FFFD */
	*out = buf_str(&clean);
	return buf_err(&clean);
}

static const struct err *
prepare_texts(struct arena *arena, struct prepared *out)
{
	const struct record *r = out->record;
	const struct err *err = make_storable(arena, r->model, &out->model);

	if (!err)
		err = make_storable(arena, r->response_id, &out->response_id);
	if (!err)
		err = make_storable(arena, r->served_model, &out->served_model);
	if (!err)
		err = make_storable(arena, r->finish_reason, &out->finish_reason);
	if (!err)
		err = make_storable(arena, r->conversation, &out->conversation);
	return err ? err : make_storable(arena, r->err ? r->err->message : STR_EMPTY, &out->error_message);
}

/* Ids are kept as bytes. The trace's is not kept when the trace began with this request. */
static const struct err *
prepare_ids(struct prepared *out)
{
	const struct record *r = out->record;
	bool good = r->request_id.len == 2 * ID && hex_decode(r->request_id, out->id) && hex_decode(str_n(r->trace->id, 2 * ID), out->trace_id);

	return good ? NULL : &err_internal;
}

static struct value
trace_value(const struct prepared *prepared)
{
	return memcmp(prepared->trace_id, prepared->id, ID) == 0 ? V_NULL : V_BLOB(str_n(prepared->trace_id, ID));
}

static struct value
span_id_value(const char *hex, char bytes[SPAN_ID])
{
	return hex[0] && hex_decode(str_n(hex, 2 * SPAN_ID), bytes) ? V_BLOB(str_n(bytes, SPAN_ID)) : V_NULL;
}

static const struct err *
prepare_parts(struct arena *arena, struct prepared *out)
{
	struct usage_part *parts;
	size_t count = 0;

	out->parts = STR_EMPTY;
	if (!out->record->parts)
		return NULL;
	parts = arena_array(arena, USAGE_PARTS_MAX, sizeof(*parts));
	if (!parts)
		return &err_no_memory;
	for (const struct record_part *part = out->record->parts; part; part = part->next) {
		if (count == USAGE_PARTS_MAX)
			return &err_internal; /* more than a route has steps */
		parts[count++] = (struct usage_part){ part->provider_kind, part->model, part->price_version, part->usage, part->cost_nanos };
	}
	out->parts = usage_parts_write(arena, parts, count);
	return out->parts.ptr ? NULL : &err_no_memory;
}

/* Nothing when no webhook wants it, which costs one load. */
static const struct err *
prepare_event(struct arena *arena, struct prepared *out)
{
	const struct record *r = out->record;

	if (!hook_wanted(CONF_EVENT_USAGE))
		return NULL;
	out->event = usage_event_json(arena, &(struct usage_entry){ .tenant = r->tenant,
						      .interaction = str_n(out->id, ID),
						      .at_us = r->started_us,
						      .key_id = r->key_id,
						      .team = r->team,
						      .user = r->user,
						      .tags = r->tags,
						      .provider = r->provider,
						      .model = r->target_model,
						      .price_version = r->price_version,
						      .usage = &r->usage,
						      .amount_nanos = r->cost_nanos });
	return out->event.ptr ? NULL : &err_no_memory;
}

static const struct err *
prepare(const struct record *record, struct arena *arena, struct prepared *out)
{
	struct buf list;
	const struct err *err;

	*out = (struct prepared){ .record = record, .spans = trace_json(record->trace, arena), .day = record->started_us / (86400 * USEC_PER_SEC) };
	err = out->spans.ptr ? prepare_ids(out) : &err_no_memory;
	if (!err)
		err = prepare_texts(arena, out);
	if (!err)
		err = prepare_parts(arena, out);
	if (!err)
		err = prepare_event(arena, out);
	if (err)
		return err;
	if (record->capture != CONF_CAPTURE_FULL)
		return NULL;
	buf_init(&list, arena, ENTRY * MESSAGES_MAX);
	for (const struct record_message *message = record->messages; message; message = message->next) {
		char entry[ENTRY];

		entry[0] = message->output ? 'o' : 'i';
		entry[1] = role_letter(message->role);
		hash_sha256(message->body, (unsigned char *)entry + 2);
		buf_add(&list, str_n(entry, ENTRY));
	}
	out->messages = buf_str(&list);
	return buf_err(&list);
}

static MAY_PARK const struct err *
write_spans(struct tx *tx, const struct prepared *prepared)
{
	return tx_send(tx, &stmt_spans_insert, PARAMS(V_INT(prepared->record->tenant), V_BLOB(str_n(prepared->id, ID)), V_TEXT(prepared->spans)));
}

static MAY_PARK const struct err *
write_interaction(struct tx *tx, const struct prepared *prepared)
{
	const struct record *r = prepared->record;
	struct str route = str_eq(r->route, r->model) ? STR_EMPTY : r->route;
	char span_id[SPAN_ID];
	const struct value values[] = { V_INT(r->tenant), V_BLOB(str_n(prepared->id, ID)), trace_value(prepared), span_id_value(r->root->id, span_id),
		prepared->response_id.len ? V_TEXT(prepared->response_id) : V_NULL,
		V_INT(r->started_us), V_INT(r->duration_us), V_INT(r->first_chunk_us), V_TEXT(r->operation), V_TEXT(prepared->model), V_TEXT(r->provider),
		V_TEXT(r->target_model), V_TEXT(prepared->served_model), V_TEXT(r->config_version), V_TEXT(r->key_id), V_TEXT(prepared->conversation),
		V_TEXT(r->capture == CONF_CAPTURE_NONE || !r->parameters.len ? STR("{}") : r->parameters), V_INT(r->stream), V_TEXT(str_of(outcomes[r->outcome])),
		V_TEXT(r->err ? str_of(err_kind_name(r->err->kind)) : STR_EMPTY), V_TEXT(prepared->error_message), V_TEXT(prepared->finish_reason),
		V_INT(r->status), V_TEXT(str_of(captures[r->capture])), prepared->messages.len ? V_BLOB(prepared->messages) : V_NULL,
		V_TEXT(route), V_INT(r->attempts), V_TEXT(r->cache.ptr ? r->cache : STR_EMPTY), V_REAL(r->cache_similarity) };

	return tx_send(tx, route.len || r->attempts != 1 || r->cache.len ? &stmt_interaction_insert : &stmt_interaction_insert_first, values);
}

static const char *
body_hash(const struct prepared *prepared, size_t message)
{
	return prepared->messages.ptr + message * ENTRY + ENTRY - HASH;
}

static MAY_PARK const struct err *
write_bodies(struct tx *tx, const struct prepared *prepared)
{
	const struct err *err = NULL;
	size_t i = 0;

	if (!prepared->messages.len)
		return NULL;
	for (const struct record_message *message = prepared->record->messages; message && !err; message = message->next, i++) {
		if (prepared->known && prepared->known[i])
			continue;
		err = tx_send(tx, &stmt_body_use,
			PARAMS(V_INT(prepared->record->tenant), V_BLOB(str_n(body_hash(prepared, i), HASH)), V_INT(prepared->day), V_BLOB(message->body)));
	}
	return err;
}

static MAY_PARK const struct err *
write_sources(struct tx *tx, const struct prepared *prepared)
{
	const struct record *record = prepared->record;
	const struct err *err = NULL;

	for (const struct record_source *source = record->sources; source && !err; source = source->next)
		err = tx_send(tx, &stmt_source_insert,
			PARAMS(V_INT(record->tenant), V_BLOB(str_n(prepared->id, ID)), V_INT(source->rank), V_TEXT(source->version_id), V_TEXT(source->document_id),
				V_TEXT(source->path), V_INT(source->chunk), V_INT(source->ordinal), V_REAL(source->score), V_INT(source->cited)));
	return err;
}

static MAY_PARK const struct err *
write_usage(struct tx *tx, const struct prepared *prepared)
{
	const struct record *r = prepared->record;
	const struct usage *usage = &r->usage;
	const struct value values[] = { V_INT(r->tenant), V_BLOB(str_n(prepared->id, ID)), V_INT(r->started_us), V_TEXT(r->key_id), V_TEXT(r->provider), V_TEXT(r->target_model),
		V_INT(usage->input), V_INT(usage->cached_input), V_INT(usage->cache_write), V_INT(usage->output), V_INT(usage->reasoning), V_INT(usage->estimated),
		V_TEXT(r->price_version), V_INT(r->cost_nanos), V_TEXT(r->team), V_TEXT(r->user), V_TEXT(r->tags), V_TEXT(r->provider_kind), V_INT(usage->audio_input),
		V_INT(usage->audio_output), V_INT(usage->images), V_TEXT(prepared->parts), V_INT(r->saved_input), V_INT(r->saved_output), V_INT(r->saved_nanos),
		V_INT(usage->searches), V_INT(usage->cached_audio), V_INT(usage->image_input), V_INT(usage->image_output), V_INT(usage->web_searches),
		V_INT(usage->cache_write_1h), V_INT(usage->citations), V_INT(usage->web_searches_low), V_INT(usage->web_searches_high), V_INT(usage->tier),
		usage->reported ? V_INT(usage->reported_nanos) : V_NULL };
	const struct err *err;
	bool more = usage->reported; /* than text */

	for (size_t i = stmt_usage_insert_text.params; i < COUNT(values); i++)
		more = more || (values[i].type == VALUE_TEXT ? values[i].text.len > 0 : values[i].integer != 0);
	err = tx_send(tx, more ? &stmt_usage_insert : &stmt_usage_insert_text, values);
	if (!err && seal_is_late(str_n(prepared->id, ID)))
		err = seal_add(tx, r->tenant, str_n(prepared->id, ID), r->cost_nanos);
	return err || !prepared->event.ptr ? err : hook_put(tx, CONF_EVENT_USAGE, r->started_us, prepared->event);
}

static MAY_PARK const struct err *
write_prepared(struct tx *tx, void *arg)
{
	const struct prepared *prepared = arg;
	const struct err *err = write_interaction(tx, prepared);

	if (!err)
		err = write_spans(tx, prepared);
	if (!err)
		err = write_bodies(tx, prepared);
	if (!err)
		err = write_sources(tx, prepared);
	if (!err)
		err = write_usage(tx, prepared);
	return err || !prepared->record->also ? err : prepared->record->also(tx, prepared->record->also_arg);
}

MAY_PARK const struct err *
record_write(struct tx *tx, const struct record *record)
{
	struct prepared prepared;
	const struct err *err = prepare(record, tx_arena(tx), &prepared);

	return err ? err : write_prepared(tx, &prepared);
}

static void
look_up_bodies(struct store *store, struct arena *arena, struct prepared *prepared)
{
	size_t count = prepared->messages.len / ENTRY;

	prepared->known = arena_array(arena, count, sizeof(bool));
	for (size_t i = 0; prepared->known && i < count; i++)
		prepared->known[i] = body_is_known(store, prepared->record->tenant, prepared->day, body_hash(prepared, i));
}

MAY_PARK const struct err *
record_commit(struct store *store, struct arena *arena, const struct record *record)
{
	struct prepared prepared;
	const struct err *err = prepare(record, arena, &prepared);

	if (err) {
		store_release(store);
		return err;
	}
	look_up_bodies(store, arena, &prepared);
	err = store_tx_reserved(store, arena, write_prepared, &prepared);
	for (size_t i = 0; !err && i < prepared.messages.len / ENTRY; i++)
		body_known_add(store, record->tenant, prepared.day, body_hash(&prepared, i));
	return err;
}

/* --- metrics --- */

static struct metric tokens_total = METRIC_COUNTER("corbel_tokens_total", "Tokens by model and kind (input includes cached).", "model", "provider", "kind");
static struct metric cost_total = METRIC_COUNTER("corbel_cost_dollars_total", "Price of what was used, in US dollars.", "model", "provider");
static struct metric calls_total = METRIC_COUNTER("corbel_interactions_total", "Interactions by outcome; model is the name that was asked.", "operation", "model", "outcome");
static struct metric errors_total = METRIC_COUNTER("corbel_errors_total", "Errors by type; source tells what a model or provider did from what this server did.", "source", "type");
static struct metric duration = METRIC_HISTOGRAM("gen_ai_server_request_duration_seconds", "Duration of model calls.", metric_bounds_duration, "operation", "model");
static struct metric first_chunk =
	METRIC_HISTOGRAM("gen_ai_server_time_to_first_token_seconds", "Time to the first chunk of a streamed answer.", metric_bounds_first_chunk, "model");

static bool
is_model_error(const struct err *err)
{
	return err->kind == ERR_UPSTREAM || err->kind == ERR_RATE_LIMITED || err->kind == ERR_TIMEOUT || err->kind == ERR_UNAVAILABLE;
}

void
record_count(const struct record *record)
{
	metric_add(&calls_total, 1, record->operation, record->model, str_of(outcomes[record->outcome]));
	if (record->err)
		metric_add(&errors_total, 1, is_model_error(record->err) ? STR("model") : STR("system"), str_of(err_kind_name(record->err->kind)));
	metric_observe(&duration, (double)record->duration_us / 1e6, record->operation, record->model);
	if (record->first_chunk_us)
		metric_observe(&first_chunk, (double)record->first_chunk_us / 1e6, record->model);
	if (record->usage.input)
		metric_add(&tokens_total, (double)record->usage.input, record->model, record->provider, STR("input"));
	if (record->usage.output)
		metric_add(&tokens_total, (double)record->usage.output, record->model, record->provider, STR("output"));
	if (record->usage.cached_input)
		metric_add(&tokens_total, (double)record->usage.cached_input, record->model, record->provider, STR("cached_input"));
	if (record->cost_nanos)
		metric_add(&cost_total, (double)record->cost_nanos / 1e9, record->model, record->provider);
}
