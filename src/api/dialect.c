/*
 * dialect.c - see dialect.h.
 */
#include "api/dialect.h"

#include "answer/shadow.h"
#include "answer/token_count.h"
#include "api/limits.h"
#include "api/links.h"
#include "api/stream_keep.h"
#include "base/clock.h"
#include "gateway/count.h"

#include <math.h>

static struct answer_services
answer_services(const struct app *app)
{
	return (struct answer_services){ .gateway = app->gateway, .store = app->store, .knowledge = app->knowledge, .money = app->money, .tokenizers = app->tokenizers,
		.cache = app->cache };
}

const struct err *
dialect_priority(struct api_request *request, struct call *call)
{
	struct str priority = http_header_get(&request->http->headers, STR("x-corbel-priority"));

	call->batch = call->dialect != DIALECT_ANTHROPIC && str_eq_c(json_get_string(call->source, "service_tier"), "flex");
	if (!priority.ptr)
		return NULL;
	call->batch = str_eq_ci(priority, STR("batch"));
	if (!call->batch && !str_eq_ci(priority, STR("interactive")))
		return err_param(request->arena, ERR_INVALID, "x-corbel-priority", NULL, "the header x-corbel-priority must be interactive or batch");
	return NULL;
}

/* What an answer is thought to take when nobody says how long it may get; corrected at its end. */
enum { OUTPUT_TOKENS_GUESS = 1000 };

/* Input as it will roughly be counted, and output as far as it may go. */
static int64_t
tokens_expected(struct arena *arena, const struct call *call)
{
	return (call->tokens_max ? call->tokens_max : OUTPUT_TOKENS_GUESS) * (call->choices ? call->choices : 1) + call_tokens_estimate(arena, call, true);
}

/* "x-corbel-cache: hit", and how old the answer is; to an answer that has begun already nothing can be added. */
static void
tell_cache(void *arg, enum cache_result result, int64_t age_us, double similarity)
{
	struct api_request *request = arg;

	http_answer_header(request->http, STR("x-corbel-cache"), cache_result_name(result));
	if (result == CACHE_HIT || result == CACHE_SEMANTIC)
		http_answer_header(request->http, STR("age"), arena_printf(request->arena, "%lld", (long long)(age_us > 0 ? age_us / USEC_PER_SEC : 0)));
	if (result == CACHE_SEMANTIC)
		http_answer_header(request->http, STR("x-corbel-cache-similarity"), arena_printf(request->arena, "%.4f", similarity));
}

/* Whoever names documents of the tenant himself is to be allowed to read them; which of them a configured model answers from is the operator's decision. */
static const struct err *
check_documents(struct api_request *request, const struct call *call)
{
	bool named = call->search || (str_starts(call->model, STR("collection/")) && !conf_model(request->conf, call->model));

	return named ? access_require(request->identity, SCOPE_KNOWLEDGE_READ, request->arena) : NULL;
}

MAY_PARK const struct err *
dialect_answer(struct api_request *request, struct call *call, struct encoder *encoder, struct span *root)
{
	struct answer_services services = answer_services(request->app);
	struct answer *answer = arena_alloc(request->arena, sizeof(*answer));
	struct limit_claim *claim = NULL;
	struct stream_keep *kept = NULL;
	const struct err *err = answer ? dialect_priority(request, call) : &err_no_memory;

	if (!err)
		err = check_documents(request, call);
	call->batch = call->batch || limit_batch(request->identity);
	if (!err)
		err = limits_enter(request, call->dialect == DIALECT_ANTHROPIC ? LIMIT_HEADERS_ANTHROPIC : LIMIT_HEADERS_OPENAI, call->model, call->user,
			tokens_expected(request->arena, call), &claim);
	if (err)
		return err;
	*answer = (struct answer){
		.cache_headers = &request->http->headers,
		.tell_cache = tell_cache,
		.tell_cache_arg = request,
		.arena = request->arena,
		.call = call,
		.conf = request->conf,
		.trace = request->trace,
		.root = root,
		.tenant = request->identity->tenant,
		.key_id = str_of(request->identity->key_id),
		.request_id = request->request_id,
		.identity = request->identity,
		.local_only = limit_local_only(request->identity),
		.response_id = encoder->response_id,
		.error_status = request->route->errors->status,
		.out = &encoder->sink,
		.keep = encoder->keep,
		.going_on = encoder->going_on.len ? encoder->going_on : STR_EMPTY,
		.owner = durables_owner(request->app->durables),
		.link = link_passage,
		.link_arg = request,
	};
	err = stream_keep_begin(request, answer, encoder, &kept);
	if (!err)
		err = answer_run(&services, answer);
	limit_settle(claim, answer->record.usage.input + answer->record.usage.output);
	stream_keep_settled(kept);
	err = err ? encoder->fail(encoder, err) : encoder->end(encoder);
	err = stream_keep_end(kept, err);
	shadow_cast(request->app->shadows, request->conf, answer);
	return err;
}

MAY_PARK const struct err *
dialect_token_count(struct api_request *request, const struct call *call, int64_t *out)
{
	struct answer_services services = answer_services(request->app);
	const struct err *err = call->model.len ? limit_model(request->identity, request->arena, call->model) : NULL; /* counting may ask the provider */

	return err ? err : token_count(&services, request->arena, request->conf, call, call->local_only || limit_local_only(request->identity), out);
}

/* The next line of data: LF, CR and CRLF end one, as a reader of the stream sees it. False: there is none. */
static bool
next_line(struct str *data, bool any_cr, struct str *line)
{
	size_t end = 0;

	if (!any_cr)
		return str_split(data, '\n', line);
	while (end < data->len && data->ptr[end] != '\n' && data->ptr[end] != '\r')
		end++;
	*line = str_slice(*data, 0, end);
	if (data->len == 0)
		return false;
	end += end + 1 < data->len && data->ptr[end] == '\r' && data->ptr[end + 1] == '\n';
	*data = str_slice(*data, end + 1, data->len);
	return true;
}

/* Data of our own has no line breaks; a provider's frame was one line or is joined by the reader with LF; in JSON that a model wrote there may be any between the values. */
void
dialect_frame_add(struct buf *out, struct str name, struct str data)
{
	bool any_cr = str_find_byte(data, '\r', 0) != SIZE_MAX;
	struct str line;

	if (name.len) {
		buf_add(out, STR("event: "));
		buf_add(out, name);
		buf_add(out, STR("\n"));
	}
	while (next_line(&data, any_cr, &line)) {
		buf_add(out, STR("data: "));
		buf_add(out, line);
		buf_add(out, STR("\n"));
	}
	buf_add(out, STR("\n"));
}

const struct err *
dialect_number_parse(struct arena *arena, const struct call *call, const char *field, double min, double max, double *out)
{
	const struct json *value = json_get(call->source, field);

	*out = NAN;
	if (json_type(value) == JSON_NONE || json_type(value) == JSON_NULL)
		return NULL;
	*out = json_number(value, NAN);
	if (isnan(*out) || *out < min || *out > max)
		return err_param(arena, ERR_INVALID, field, NULL, "%s: expected a number from %g to %g", field, min, max);
	return NULL;
}

const struct err *
dialect_integer_parse(struct arena *arena, const struct json *value, const char *field, int64_t min, int64_t max, int64_t initial, int64_t *out)
{
	*out = initial;
	if (json_type(value) == JSON_NONE || json_type(value) == JSON_NULL)
		return NULL;
	*out = json_is(value, JSON_INT) ? json_int(value, INT64_MIN) : INT64_MIN;
	if (*out == INT64_MIN)
		return err_param(arena, ERR_INVALID, field, "invalid_type", "%s: expected a whole number, written without a point", field);
	if (*out < min || *out > max)
		return err_param(arena, ERR_INVALID, field, NULL, "%s: expected a whole number from %lld to %lld", field, (long long)min, (long long)max);
	return NULL;
}
