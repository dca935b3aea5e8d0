/*
 * pending.c - see pending.h; the table is explained in migrations/0702_pending.sql.
 *
 * The bill is JSON of our own. It names the price by its version, which never changes, and the budgets by the blocks that the call had reserved in: those are closed by whoever finds their node dead, before or
 * after this, and either way take the entry (money/budget_tx.c).
 */
#include "answer/pending.h"

#include "answer/answer_sql.h"
#include "answer/charge.h"
#include "answer/durable.h"
#include "base/clock.h"
#include "base/random.h"
#include "gateway/count.h"

enum { BILL_MAX = 4 * 1024 * 1024, MESSAGES_MAX = 1024 * 1024, MESSAGE_JSON_MAX = 128 * 1024 * 1024, INTERACTION = 16 };

static const struct err lost_err = { .kind = ERR_UNAVAILABLE, .message = STR_INIT("the server ended before the answer was complete") };

/* --- writing it down --- */

/* The question, as the record will have it; a very long one is left out. */
static void
put_messages(struct json_out *json, const struct record *record)
{
	size_t bytes = 0;

	for (const struct record_message *message = record->messages; message; message = message->next)
		bytes += message->body.len;
	if (bytes > MESSAGES_MAX)
		return;
	json_set_array(json, "messages");
	for (const struct record_message *message = record->messages; message; message = message->next) {
		json_begin_object(json);
		json_set_string(json, "role", message->role);
		json_set_string(json, "body", message->body);
		json_end_object(json);
	}
	json_end_array(json);
}

static void
put_blocks(struct json_out *json, const struct budget_claim *claim)
{
	struct str blocks[BUDGET_PARTS_MAX];
	size_t count = budget_claim_blocks(claim, blocks);

	json_set_array(json, "blocks");
	for (size_t i = 0; i < count; i++)
		json_put_string(json, blocks[i]);
	json_end_array(json);
}

static void
put_bill(struct json_out *json, const struct answer *answer, struct str response_id, struct str served_model)
{
	const struct record *record = &answer->record;
	const struct attempt *attempt = &answer->attempt;
	struct price price;

	json_begin_object(json);
	json_set_string(json, "request_id", record->request_id);
	json_set_string(json, "trace_id", str_n(record->trace->id, sizeof(record->trace->id)));
	json_set_string(json, "span_id", str_n(record->root->id, sizeof(record->root->id)));
	json_set_string(json, "parent_id", record->root->parent_id[0] ? str_n(record->root->parent_id, sizeof(record->root->parent_id)) : STR_EMPTY);
	json_set_string(json, "span", record->root->name);
	json_set_string(json, "operation", record->operation);
	json_set_string(json, "response_id", answer->response_id.len ? answer->response_id : response_id);
	json_set_string(json, "key_id", record->key_id);
	json_set_string(json, "team", record->team);
	json_set_string(json, "user", record->user);
	json_set_string(json, "tags", record->tags);
	json_set_string(json, "conversation", record->conversation);
	json_set_string(json, "model", record->model);
	json_set_string(json, "route", attempt->model->name);
	json_set_string(json, "provider", attempt->target.provider ? attempt->target.provider->name : str_of(attempt->target.kind->kind));
	json_set_string(json, "provider_kind", str_of(attempt->target.kind->kind));
	json_set_string(json, "target_model", attempt->target.model);
	json_set_string(json, "served_model", served_model);
	json_set_string(json, "config_version", record->config_version);
	json_set_string(json, "parameters", record->parameters);
	json_set_string(json, "price_version", charge_price(&attempt->target, record->started_us, &price) ? price.version : STR_EMPTY);
	json_set_int(json, "capture", record->capture);
	json_set_int(json, "attempts", attempt->tries);
	json_set_int(json, "started_us", record->started_us);
	json_set_int(json, "input_tokens", call_tokens_estimate(answer->arena, answer->call, provider_gets_barred(answer->call, &attempt->target)));
	put_blocks(json, &answer->claim);
	if (record->capture == CONF_CAPTURE_FULL)
		put_messages(json, record);
	json_end_object(json);
}

struct putting {
	const struct answer *answer;
	struct str interaction, bill;
};

static MAY_PARK const struct err *
put_tx(struct tx *tx, void *arg)
{
	const struct putting *putting = arg;
	const struct answer *answer = putting->answer;

	return tx_exec(tx, &stmt_pending_put,
		PARAMS(V_INT(answer->tenant), V_BLOB(putting->interaction), V_TEXT(answer->going_on), V_TEXT(answer->owner), V_INT(answer->record.started_us), V_TEXT(putting->bill)), NULL);
}

MAY_PARK const struct err *
pending_put(const struct answer_services *services, struct answer *answer, struct str response_id, struct str served_model)
{
	struct putting putting = { .answer = answer };
	struct json_out json;
	const struct err *err;
	struct buf bill;

	if (!answer->going_on.len || answer->pending || !answer->attempt.target.kind || !answer->attempt.model)
		return NULL;
	if (answer->request_id.len != 2 * INTERACTION || !hex_decode(answer->request_id, answer->interaction))
		return &err_internal;
	buf_init(&bill, NULL, BILL_MAX + MESSAGES_MAX);
	json_out_init(&json, &bill);
	put_bill(&json, answer, response_id, served_model);
	putting.interaction = str_n((const char *)answer->interaction, INTERACTION);
	putting.bill = buf_str(&bill);
	err = buf_err(&bill);
	if (!err)
		err = store_tx(services->store, answer->arena, put_tx, &putting);
	buf_fini(&bill);
	answer->pending = !err;
	return err;
}

MAY_PARK const struct err *
pending_drop(struct tx *tx, const struct answer *answer)
{
	struct rows rows;
	const struct err *err;

	if (!answer->pending)
		return NULL;
	err = tx_exec(tx, &stmt_pending_drop, PARAMS(V_INT(answer->tenant), V_BLOB(str_n((const char *)answer->interaction, INTERACTION))), &rows);
	if (!err && !rows.changed)
		err = err_new(tx_arena(tx), ERR_CONFLICT, "another process has taken this one for dead and ended the answer");
	return err;
}

/* --- finding what was lost --- */

static const struct err *
read_lost(struct arena *arena, const struct rows *rows, struct pending_lost **out, size_t *count)
{
	*count = 0;
	*out = arena_array(arena, rows->count + 1, sizeof(**out));
	if (!*out)
		return &err_no_memory;
	for (; *count < rows->count; ++*count)
		(*out)[*count] = (struct pending_lost){ .tenant = rows_int(rows, *count, 0),
			.interaction = rows_text(rows, *count, 1),
			.stream = rows_text(rows, *count, 2),
			.bill = rows_text(rows, *count, 3),
			.lease_until_us = rows_int(rows, *count, 4) };
	return NULL;
}

MAY_PARK const struct err *
pending_find(struct store *store, struct arena *arena, struct str owner, struct pending_lost **out, size_t *count)
{
	bool alone = store_engine_of(store) == STORE_SQLITE;
	struct rows rows;
	const struct err *err = store_query(store, arena, &stmt_pending_lost, PARAMS(V_TEXT(owner), V_INT(alone), V_INT(clock_wall_us())), &rows);

	return err ? err : read_lost(arena, &rows, out, count);
}

MAY_PARK const struct err *
pending_find_of(struct store *store, struct arena *arena, int64_t tenant, struct str stream, struct str owner, struct pending_lost **out, size_t *count)
{
	bool alone = store_engine_of(store) == STORE_SQLITE;
	struct rows rows;
	const struct err *err =
		store_query(store, arena, &stmt_pending_lost_of, PARAMS(V_TEXT(owner), V_INT(alone), V_INT(clock_wall_us()), V_INT(tenant), V_TEXT(stream)), &rows);

	return err ? err : read_lost(arena, &rows, out, count);
}

/* --- settling it --- */

struct settling {
	const struct pending_lost *lost;
	struct record record;
	struct str blocks[BUDGET_PARTS_MAX];
	size_t block_count;
	bool done;                   /* by this transaction */
};

static const struct err *
open_trace(struct arena *arena, const struct json *bill, struct record *record)
{
	struct str trace_id = json_get_string(bill, "trace_id"), span_id = json_get_string(bill, "span_id"), parent_id = json_get_string(bill, "parent_id");
	struct trace *trace = trace_new(arena, record->request_id, STR_EMPTY);
	struct span *root;

	if (!trace)
		return &err_no_memory;
	if (trace_id.len == sizeof(trace->id))
		memcpy(trace->id, trace_id.ptr, trace_id.len);
	root = span_open(trace, SPAN_SERVER, json_get_string(bill, "span"));
	if (span_id.len == sizeof(root->id))
		memcpy(root->id, span_id.ptr, span_id.len);
	if (parent_id.len == sizeof(root->parent_id))
		memcpy(root->parent_id, parent_id.ptr, parent_id.len);
	root->start_us = record->started_us;
	span_str(root, "gen_ai.request.model", record->model);
	span_bool(root, "corbel.server_ended", true);
	span_close(root, &lost_err);
	root->end_us = record->started_us + record->duration_us;
	record->trace = trace;
	record->root = root;
	return NULL;
}

/* Until its process was last known to be alive. */
static int64_t
lasted_us(const struct pending_lost *lost, int64_t started_us)
{
	int64_t alive_us = lost->lease_until_us - (durable_lease_us() - clock_wall_us());

	return lost->lease_until_us && alive_us > started_us ? alive_us - started_us : 0;
}

static void
take_figures(struct record *record, const struct json *bill)
{
	record->operation = json_get_string(bill, "operation");
	record->response_id = json_get_string(bill, "response_id");
	record->key_id = json_get_string(bill, "key_id");
	record->team = json_get_string(bill, "team");
	record->user = json_get_string(bill, "user");
	record->tags = json_get_string(bill, "tags");
	record->conversation = json_get_string(bill, "conversation");
	record->route = json_get_string(bill, "route");
	record->provider = json_get_string(bill, "provider");
	record->provider_kind = json_get_string(bill, "provider_kind");
	record->target_model = json_get_string(bill, "target_model");
	record->served_model = json_get_string(bill, "served_model");
	record->config_version = json_get_string(bill, "config_version");
	record->parameters = json_get_string(bill, "parameters");
	record->attempts = (unsigned)json_int(json_get(bill, "attempts"), 1);
	record->capture = (enum conf_capture)json_int(json_get(bill, "capture"), CONF_CAPTURE_USAGE);
	record->stream = true;
	record->outcome = OUTCOME_ERROR;
	record->err = &lost_err;
	record->status = 200; /* it had begun */
}

static MAY_PARK void
take_price(struct record *record, const struct json *bill, struct tokenizers *tokenizers, struct str said)
{
	struct str version = json_get_string(bill, "price_version");
	enum tokens_how how;
	struct price price;

	record->usage = (struct usage){ .input = json_int(json_get(bill, "input_tokens"), 0),
		.output = tokenizers_count(tokenizers, record->target_model, &said, 1, &how),
		.estimated = true };
	if (version.len && (price_is_config(version) ? price_of_version(NULL, version, record->provider_kind, record->target_model, record->started_us, &price)
						     : price_find(record->provider_kind, record->target_model, record->started_us, &price))) {
		record->price_version = price_is_config(version) ? version : price.version;
		record->cost_nanos = price_cost_nanos(&price, &record->usage);
	}
}

static const struct err *
take_messages(struct record *record, struct arena *arena, const struct json *bill, struct str said)
{
	struct buf *message = arena_alloc(arena, sizeof(*message));
	struct json_out json;

	if (record->capture != CONF_CAPTURE_FULL)
		return NULL;
	for (struct json_iter it = json_iter(json_get(bill, "messages")); json_next(&it);)
		record_message_add(record, false, json_get_string(it.value, "role"), json_get_string(it.value, "body"));
	if (!message || !buf_init_held(message, arena, MESSAGE_JSON_MAX))
		return &err_no_memory;
	json_out_init(&json, message);
	json_begin_object(&json);
	json_set_string(&json, "role", STR("assistant"));
	json_set_string(&json, "content", said);
	json_end_object(&json);
	record_message_add(record, true, STR("assistant"), buf_str(message));
	return buf_err(message);
}

static MAY_PARK const struct err *
prepare(struct settling *settling, struct tokenizers *tokenizers, struct arena *arena, struct str said)
{
	struct record *record = &settling->record;
	const struct json *bill;
	const struct err *err = json_parse(arena, settling->lost->bill, &bill);

	if (err)
		return err;
	*record = (struct record){ 0 };
	record_init(record, NULL);
	record->tenant = settling->lost->tenant;
	record->request_id = json_get_string(bill, "request_id");
	record->model = json_get_string(bill, "model");
	record->started_us = json_int(json_get(bill, "started_us"), 0);
	record->duration_us = lasted_us(settling->lost, record->started_us);
	take_figures(record, bill);
	err = open_trace(arena, bill, record);
	if (err)
		return err;
	take_price(record, bill, tokenizers, said);
	for (struct json_iter it = json_iter(json_get(bill, "blocks")); json_next(&it) && settling->block_count < BUDGET_PARTS_MAX;)
		settling->blocks[settling->block_count++] = json_string(it.value);
	return take_messages(record, arena, bill, said);
}

static MAY_PARK const struct err *
settle_tx(struct tx *tx, void *arg)
{
	struct settling *settling = arg;
	const struct pending_lost *lost = settling->lost;
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_pending_drop_lost, PARAMS(V_INT(lost->tenant), V_BLOB(lost->interaction), V_INT(lost->lease_until_us)), &rows);

	settling->done = !err && rows.changed > 0;
	if (!settling->done)
		return err;
	err = record_write(tx, &settling->record);
	return err ? err : budget_settle_lost(tx, lost->tenant, settling->blocks, settling->block_count, lost->interaction, settling->record.cost_nanos);
}

MAY_PARK const struct err *
pending_settle(struct store *store, struct tokenizers *tokenizers, struct arena *arena, const struct pending_lost *lost, struct str said)
{
	struct settling *settling = arena_zalloc(arena, sizeof(*settling));
	const struct err *err;

	if (!settling)
		return &err_no_memory;
	settling->lost = lost;
	err = prepare(settling, tokenizers, arena, said);
	if (!err)
		err = store_tx(store, arena, settle_tx, settling);
	if (!err && settling->done)
		record_count(&settling->record);
	return err;
}
