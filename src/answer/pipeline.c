/*
 * pipeline.c - one model call, from an authenticated caller to a committed record.
 *
 * Read `stages` first: it is the whole story. A stage returns an error or NULL; the first error ends the call, and `settle` runs in every case, exactly once, in a
 * scope that a client's leaving does not cancel. The recorder holds back the end of the answer until settle has committed; what it held goes out last.
 */
#include "answer/answer.h"
#include "access/limit.h"
#include "answer/cached.h"
#include "answer/charge.h"
#include "answer/cite.h"
#include "answer/cost.h"
#include "answer/opening.h"
#include "answer/pending.h"
#include "answer/recorder.h"
#include "answer/retrieve.h"
#include "base/clock.h"
#include "base/random.h"
#include "gateway/count.h"
#include "rt/scope.h"

enum { SETTLE_US = 10 * 1000000, MESSAGE_MAX = 128 * 1024 * 1024, PARAMETERS_MAX = 4096 };

struct stage {
	const char *name;
	MAY_PARK const struct err *(*run)(const struct answer_services *services, struct answer *answer, struct recorder *recorder);
};

/* "collection/NAME" asks a collection directly, with the built-in model; "extractive" is the built-in model itself. */
static const struct conf_model *
built_in_model(struct answer *answer)
{
	static const struct str prefix = STR_INIT("collection/");
	struct conf_model *model;

	if (!str_starts(answer->call->model, prefix) && !str_eq_c(answer->call->model, "extractive"))
		return NULL;
	model = arena_zalloc(answer->arena, sizeof(*model));
	if (!model)
		return NULL;
	model->name = answer->call->model;
	model->capture = CONF_CAPTURE_FULL;
	if (str_starts(model->name, prefix)) {
		model->knowledge.given = true;
		model->knowledge.collection = str_slice(model->name, prefix.len, model->name.len);
		model->knowledge.top_k = 8;
		model->knowledge.max_context_tokens = 3000;
	}
	return model;
}

static MAY_PARK const struct err *
resolve_model(const struct answer_services *services, struct answer *answer, struct recorder *recorder)
{
	const struct call *call = answer->call;
	const struct conf_model *model = conf_model(answer->conf, call->model);
	struct str conversation;

	(void)services;
	(void)recorder;
	if (!model)
		model = built_in_model(answer);
	if (!model || model->type != CONF_MODEL_CHAT)
		return err_param(answer->arena, ERR_NOT_FOUND, "model", "model_not_found",
			"the model '%" STR_F "' does not exist here; GET /v1/models lists those that do", STR_A(call->model));
	conversation = opening_conversation(answer->arena, call, answer->conf, model);
	if (!conversation.ptr)
		return &err_no_memory;
	model = route_arm(model, call->user, conversation);
	answer->model = model;
	answer->record.capture = model->capture;
	answer->route = (struct route_spec){ .model = model,
		.user = call->user,
		.conversation = conversation,
		.local_only = answer->local_only || call->local_only || model->knowledge.local_only,
		.batch = call->batch,
		.stream = call->stream };
	return NULL;
}

static MAY_PARK const struct err *
retrieve_context(const struct answer_services *services, struct answer *answer, struct recorder *recorder)
{
	const struct err *err;

	(void)recorder;
	if (answer->call->search && answer->model->knowledge.given)
		return err_param(answer->arena, ERR_UNSUPPORTED, "tools", "unsupported_tool",
			"tools: the model '%" STR_F "' answers from a collection of its own; file_search needs a model that is bound to none", STR_A(answer->call->model));
	if (answer->call->search)
		return retrieve_asked(services, answer);
	if (!answer->model->knowledge.given)
		return NULL;
	err = retrieve(services, answer);
	if (err)
		return err;
	answer->call->passages = answer->passages;
	if (answer->passages->count == 0) { /* nothing to answer from: say so, and do not let a model guess */
		answer->route.built_in = true;
		return NULL;
	}
	return answer->model->target_count == 0 ? NULL : retrieve_instruct(answer);
}

static MAY_PARK const struct err *
reserve_money(const struct answer_services *services, struct answer *answer, struct recorder *recorder)
{
	(void)recorder;
	return answer->route.built_in ? NULL : cost_reserve(services, answer); /* the built-in model costs nothing */
}

static MAY_PARK const struct err *
attempt_upstream(const struct answer_services *services, struct answer *answer, struct recorder *recorder)
{
	return cached_attempt(services, answer, recorder);
}

static const struct stage stages[] = {
	{ "resolve", resolve_model },
	{ "cache", cached_answer },
	{ "retrieve", retrieve_context },
	{ "reserve", reserve_money },
	{ "attempt", attempt_upstream },
};

/* --- the record --- */

static const struct err *
record_messages(struct answer *answer)
{
	for (const struct message *message = answer->call->messages; message; message = message->next) {
		struct buf *buf = arena_alloc(answer->arena, sizeof(*buf));
		struct json_out json;

		if (!buf || !buf_init_held(buf, answer->arena, MESSAGE_MAX))
			return &err_no_memory;
		json_out_init(&json, buf);
		if (message->raw) {
			json_put(&json, message->raw);
		} else {
			struct str text = message_text(answer->arena, message);

			if (!text.ptr)
				return &err_no_memory;
			json_begin_object(&json);
			json_set_string(&json, "role", role_name(message->role));
			json_set_string(&json, "content", text);
			json_end_object(&json);
		}
		if (buf->failed)
			return &err_no_memory;
		record_message_add(&answer->record, false, role_name(message->role), buf_str(buf));
	}
	return NULL;
}

static bool
is_cited(const struct citation *citations, size_t count, const struct context_passage *passage)
{
	for (size_t i = 0; i < count; i++)
		if (citations[i].passage == passage)
			return true;
	return false;
}

static void
record_sources(struct answer *answer, const struct citation *citations, size_t count)
{
	for (size_t i = 0; answer->passages && i < answer->passages->count; i++) {
		const struct context_passage *passage = &answer->passages->list[i];
		struct record_source *source = record_source_add(&answer->record);

		if (!source)
			return;
		source->version_id = passage->version_id;
		source->document_id = passage->document_id;
		source->path = passage->path;
		source->chunk = passage->chunk;
		source->ordinal = passage->ordinal;
		source->rank = (unsigned)i + 1;
		source->score = passage->score;
		source->cited = is_cited(citations, count, passage);
	}
}

/* What was used, counted by us where the provider did not say: a stream that was cut, a server that reports nothing. */
static MAY_PARK void
record_usage(const struct answer_services *services, struct answer *answer, const struct recorder *recorder)
{
	struct usage *usage = &answer->record.usage;
	struct str model;
	enum tokens_how how;

	*usage = answer->attempt.usage;
	if (usage->known || !answer->attempt.target.kind)
		return;
	usage->estimated = true;
	model = answer->attempt.target.model;
	if (!usage->input && answer->attempt.read)
		usage->input = call_tokens(services->tokenizers, answer->arena, answer->call, provider_gets_barred(answer->call, &answer->attempt.target), model, &how);
	usage->output = recorder_tokens(recorder, services->tokenizers, model);
	for (unsigned i = 0; i < answer->attempt.spent_count; i++) /* what earlier targets wrote of the same text */
		usage->output -= usage->output > answer->attempt.spent[i].usage.output ? answer->attempt.spent[i].usage.output : usage->output;
}

/* Each target's tokens at its own price; their sum is what the interaction used. */
static void
record_price(struct answer *answer)
{
	const struct attempt *attempt = &answer->attempt;
	struct record *record = &answer->record;
	struct price price;

	record->provider = attempt->target.provider ? attempt->target.provider->name : str_of(attempt->target.kind->kind);
	record->target_model = attempt->target.model;
	record->provider_kind = str_of(attempt->target.kind->kind);
	record->route = attempt->model->name;
	if (charge_price(&attempt->target, record->started_us, &price)) {
		record->price_version = price.version;
		record->cost_nanos = price_cost_nanos(&price, &record->usage);
	}
	if (attempt->spent_count)
		record_part_add(record,
			&(struct record_part){ NULL, record->provider_kind, record->target_model, record->price_version, record->usage, record->cost_nanos });
	for (unsigned i = 0; i < attempt->spent_count; i++) {
		const struct spent *spent = &attempt->spent[i];
		struct record_part part = { .provider_kind = str_of(spent->target.kind->kind), .model = spent->target.model, .price_version = STR_EMPTY, .usage = spent->usage };

		if (charge_price(&spent->target, record->started_us, &price)) {
			part.price_version = price.version;
			part.cost_nanos = price_cost_nanos(&price, &spent->usage);
		}
		record_part_add(record, &part);
		record->cost_nanos += part.cost_nanos;
		record->usage = usage_sum(&record->usage, &spent->usage);
	}
}

static MAY_PARK const struct err *
fill_record(const struct answer_services *services, struct answer *answer, struct recorder *recorder, const struct citation *citations, size_t count)
{
	struct record *record = &answer->record;
	const struct err *err = NULL;
	struct str message;

	record->response_id = answer->response_id.len ? answer->response_id : recorder->response_id;
	record->served_model = recorder->served_model;
	record->finish_reason = recorder->finish_reason;
	record->attempts = answer->attempt.tries;
	record_usage(services, answer, recorder);
	if (answer->attempt.target.kind)
		record_price(answer);
	if (record->capture == CONF_CAPTURE_FULL) {
		err = record->messages ? NULL : record_messages(answer); /* of one that goes on they are there */
		for (unsigned i = 0; i < RECORDER_CHOICES_MAX && !err && answer->attempt.began; i++) {
			err = recorder_message(recorder, i, &message);
			if (!err && message.ptr)
				record_message_add(record, true, STR("assistant"), message);
		}
	}
	record_sources(answer, citations, count);
	record->duration_us = clock_wall_us() - record->started_us;
	span_str(answer->root, "gen_ai.request.model", answer->call->model);
	if (record->response_id.len)
		span_str(answer->root, "gen_ai.response.id", record->response_id);
	return err;
}

/* What belongs into the record's commit: what the dialect keeps, what the cache keeps, and what the call cost its budgets. */
static MAY_PARK const struct err *
write_beside(struct tx *tx, void *arg)
{
	struct answer *answer = arg;
	const struct err *err = answer->keep && answer->keep->store_in ? answer->keep->store_in(tx, answer->keep) : NULL;

	if (!err)
		err = cached_store_in(tx, answer);
	if (!err)
		err = pending_drop(tx, answer);
	if (err || answer->claim.count == 0)
		return err;
	if (!hex_decode(answer->request_id, answer->interaction))
		return &err_internal;
	answer->claim.interaction = str_n((const char *)answer->interaction, sizeof(answer->interaction));
	return budget_settle(tx, &answer->claim);
}

/* Commits the record. An error here becomes the client's error: an answer without a record is not finished. */
static MAY_PARK const struct err *
settle(const struct answer_services *services, struct answer *answer, struct recorder *recorder, const struct citation *citations, size_t count, const struct err *err)
{
	struct record *record = &answer->record;
	const struct err *commit, *lacking;
	struct scope scope;

	record->err = err;
	record->outcome = !err ? OUTCOME_OK : err->kind == ERR_CANCELLED ? OUTCOME_CANCELLED : OUTCOME_ERROR;
	record->status = !err || (answer->call->stream && answer->attempt.began) ? 200 : record->outcome == OUTCOME_CANCELLED ? 499 : answer->error_status ? answer->error_status(err) : err_http_status(err);
	scope_open_shielded(&scope, SETTLE_US);
	lacking = fill_record(services, answer, recorder, citations, count);
	if (answer->keep) {
		const struct err *unkept;

		answer->keep->local_only = answer->local_only || answer->call->local_only || answer->route.local_only;
		unkept = answer->keep->gather(answer->keep, lacking ? lacking : err);

		lacking = lacking ? lacking : unkept;
		answer->keep = unkept ? NULL : answer->keep;
	}
	cached_prepare(services, answer);
	record->also = write_beside;
	record->also_arg = answer;
	if (lacking) { /* no memory for the texts: the figures are kept, and the answer is not finished */
		record->messages = NULL;
		record->err = lacking;
		record->outcome = OUTCOME_ERROR;
	}
	answer->claim.amount_nanos = record->cost_nanos;
	commit = record_commit(services->store, answer->arena, record);
	answer->committed = !commit;
	budget_end(&answer->claim, commit);
	cached_end(answer, commit);
	scope_close(&scope);
	record_count(record);
	return commit ? commit : lacking && !err ? lacking : err;
}

/* Whether a member's name says that its value is a secret, as a key that was put into the body by mistake: "api_key", "X-Api-Key", "clientSecret", "auth_token", but not "max_tokens". */
static bool
says_secret(struct arena *arena, struct str name)
{
	static const char *const words[] = { "apikey", "accesskey", "privatekey", "authorization", "bearer", "secret", "password", "passwd", "passphrase", "credential", "cookie" };
	char *plain = arena_alloc(arena, name.len + 1);
	struct str text = { plain, 0 };

	if (!plain)
		return true;
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] != '_' && name.ptr[i] != '-')
			plain[text.len++] = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (char)(name.ptr[i] - 'A' + 'a') : name.ptr[i];
	for (size_t i = 0; i < COUNT(words); i++)
		if (str_find(text, str_of(words[i]), 0) != SIZE_MAX)
			return true;
	return str_ends(text, STR("token"));
}

/* What the caller asked for beside the conversation: the request's numbers, switches and short texts. */
static struct str
parameters(const struct answer *answer)
{
	static const char *const others[] = { "model", "messages", "prompt", "suffix", "input", "instructions", "system", "tools", "stream", "user", "metadata", "stream_options" };
	struct json_out json;
	struct buf text;

	buf_init(&text, answer->arena, PARAMETERS_MAX);
	json_out_init(&json, &text);
	json_begin_object(&json);
	for (struct json_iter it = json_iter(answer->call->source); json_next(&it);) {
		bool other = false;

		for (size_t i = 0; i < COUNT(others); i++)
			other = other || str_eq_c(it.key, others[i]);
		if (other || json_is(it.value, JSON_ARRAY) || json_is(it.value, JSON_OBJECT) || json_string(it.value).len > 64)
			continue;
		json_key(&json, it.key);
		if (json_is(it.value, JSON_STRING) && says_secret(answer->arena, it.key))
			json_put_string(&json, STR("(hidden)"));
		else
			json_put(&json, it.value);
	}
	json_end_object(&json);
	return text.failed ? STR("{}") : buf_str(&text);
}

static void
begin_record(struct answer *answer)
{
	struct record *record = &answer->record;

	record_init(record, answer->trace);
	record->root = answer->root;
	record->tenant = answer->tenant;
	record->request_id = answer->request_id;
	record->operation = call_operation(answer->call);
	record->key_id = answer->key_id;
	if (answer->identity) {
		record->team = str_of(answer->identity->team_id);
		record->user = access_user_id(answer->arena, answer->call->user);
		record->tags = limit_tags(answer->identity, answer->arena);
	}
	record->conversation = answer->call->conversation;
	record->model = answer->call->model;
	record->stream = answer->call->stream;
	record->started_us = answer->root->start_us;
	record->parameters = parameters(answer);
	record->config_version = conf_version(answer->conf);
	record->capture = CONF_CAPTURE_USAGE; /* until the model is known */
}

struct beginning {
	const struct answer_services *services;
	struct answer *answer;
};

/* An answer that goes on without its client says from now on, in the store, what its record will need should this process be killed. */
static MAY_PARK const struct err *
note_beginning(void *arg, const struct recorder *recorder)
{
	const struct beginning *beginning = arg;
	struct answer *answer = beginning->answer;
	const struct err *err = answer->record.capture == CONF_CAPTURE_FULL && !answer->record.messages ? record_messages(answer) : NULL;

	return err ? err : pending_put(beginning->services, answer, recorder->response_id, recorder->served_model);
}

MAY_PARK const struct err *
answer_run(const struct answer_services *services, struct answer *answer)
{
	struct citation *citations = NULL;
	size_t count = 0;
	struct recorder *recorder = arena_alloc(answer->arena, sizeof(*recorder));
	int64_t began_us = clock_mono_us();
	struct beginning beginning = { services, answer };
	const struct err *err = recorder ? store_reserve(services->store) : &err_no_memory;

	if (err)
		return err;
	err = recorder_init(recorder, answer->arena, answer->out);
	if (err) {
		store_release(services->store);
		return err;
	}
	begin_record(answer);
	if (answer->going_on.len) {
		recorder->began = note_beginning;
		recorder->began_arg = &beginning;
	}
	for (size_t i = 0; i < COUNT(stages) && !err && !answer->answered; i++)
		err = stages[i].run(services, answer, recorder);
	if (!err && answer->passages)
		err = cite_find(answer->arena, recorder_text(recorder), answer->passages, &citations, &count);
	if (!err && answer->keep)
		err = recorder_release(recorder, citations, count);
	if (answer->call->stream && recorder->first_us)
		answer->record.first_chunk_us = recorder->first_us - began_us;
	err = settle(services, answer, recorder, citations, count, err);
	return err || answer->keep ? err : recorder_release(recorder, citations, count);
}
