/*
 * route.c - see route.h.
 */
#include "azure.h"
#include "bedrock.h"
#include "cohere.h"
#include "compatible.h"
#include "completions.h"
#include "embed_wires.h"
#include "embeddings.h"
#include "gemini.h"
#include "journal.h"
#include "rank.h"
#include "responses.h"
#include "route.h"
#include "tokens.h"

#include <string.h>

enum { CANNED_CHUNKS = 20, CANNED_BODY_BYTES = 1050, CANNED_CHUNK_BYTES = 262 };

/* One framed piece per write: a whole answer, a stream, a stream that ends with usage. */
static struct str canned_whole[1];
static struct str canned_stream[CANNED_CHUNKS + 1];
static struct str canned_usage_stream[CANNED_CHUNKS + 1];
static struct bytes canned_storage;

#define CANNED_HEAD "HTTP/1.1 200 OK\r\nx-request-id: req_mockfast\r\n"
#define CANNED_USAGE "{\"prompt_tokens\":96,\"completion_tokens\":18,\"total_tokens\":114}"

static void
canned_whole_write(struct bytes *out)
{
	struct bytes body = { 0 };
	const struct str end = STR("\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":" CANNED_USAGE "}");

	bytes_add(&body, STR("{\"id\":\"chatcmpl-mockfast\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"mock-fast\","
			     "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"refusal\":null,\"content\":\""));
	filler_add(&body, CANNED_BODY_BYTES - body.len - end.len);
	bytes_add(&body, end);
	bytes_fmt(out, CANNED_HEAD "content-type: application/json\r\ncontent-length: %zu\r\n\r\n", body.len);
	bytes_add(out, bytes_view(&body));
	bytes_free(&body);
}

/* The `index`th event of the stream, in one HTTP chunk: role, words, finish, usage where it is asked for, [DONE]. */
static void
canned_chunk_write(size_t index, bool usage, struct bytes *out)
{
	struct bytes event = { 0 };
	size_t finish = usage ? CANNED_CHUNKS - 2 : CANNED_CHUNKS - 1;

	if (index == 0)
		bytes_add(out, STR(CANNED_HEAD "content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"));
	bytes_add(&event, STR("data: {\"id\":\"chatcmpl-mockfast\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
			      "\"model\":\"mock-fast\",\"choices\":["));
	if (index == CANNED_CHUNKS) {
		event.len = 0;
		bytes_add(&event, STR("data: [DONE]\n\n"));
	} else if (index > finish) {
		bytes_add(&event, STR("],\"usage\":" CANNED_USAGE "}\n\n"));
	} else {
		const char *tail = usage ? "],\"usage\":null}\n\n" : "]}\n\n";

		bytes_add(&event, STR("{\"index\":0,\"delta\":{"));
		if (index < finish)
			bytes_fmt(&event, "%s\"content\":\"", index == 0 ? "\"role\":\"assistant\"," : "");
		if (index > 0 && index < finish)
			filler_add(&event, CANNED_CHUNK_BYTES - event.len - strlen(tail) - 26);
		bytes_fmt(&event, "%s},\"finish_reason\":%s}%s", index < finish ? "\"" : "", index < finish ? "null" : "\"stop\"", tail);
	}
	bytes_fmt(out, "%zx\r\n", event.len);
	bytes_add(out, bytes_view(&event));
	bytes_fmt(out, "\r\n%s", index == CANNED_CHUNKS ? "0\r\n\r\n" : "");
	bytes_free(&event);
}

void
route_init(void)
{
	struct str *lists[] = { canned_whole, canned_stream, canned_usage_stream };
	size_t counts[] = { COUNT(canned_whole), COUNT(canned_stream), COUNT(canned_usage_stream) };

	for (size_t list = 0; list < COUNT(lists); list++) {
		for (size_t i = 0; i < counts[list]; i++) {
			size_t before = canned_storage.len;

			if (list == 0)
				canned_whole_write(&canned_storage);
			else
				canned_chunk_write(i, list == 2, &canned_storage);
			lists[list][i].len = canned_storage.len - before;
		}
	}

	/* Only now does the storage stay where it is. */
	const char *at = canned_storage.ptr;

	for (size_t list = 0; list < COUNT(lists); list++) {
		for (size_t i = 0; i < counts[list]; at += lists[list][i++].len)
			lists[list][i].ptr = at;
	}
}

static bool
body_has(struct str body, struct str name, struct str value)
{
	const char *at = memmem(body.ptr, body.len, name.ptr, name.len);
	const char *end = body.ptr + body.len;

	if (!at)
		return false;
	at += name.len;
	if (at < end && *at == ' ')
		at++;
	return (size_t)(end - at) >= value.len && memcmp(at, value.ptr, value.len) == 0;
}

bool
route_canned(const struct request *request, struct reply *reply)
{
	struct str body = request->body;

	/* No JSON reader here: an unescaped quote cannot stand inside a string, so the text itself tells. */
	if (body.len == 0 || !body_has(body, STR("\"model\":"), STR("\"mock-fast\"")) ||
	    !str_equal(request->path, STR("/v1/chat/completions")))
		return false;
	if (!body_has(body, STR("\"stream\":"), STR("true"))) {
		reply->canned = canned_whole;
		reply->canned_count = COUNT(canned_whole);
	} else {
		bool usage = body_has(body, STR("\"include_usage\":"), STR("true"));

		reply->canned = usage ? canned_usage_stream : canned_stream;
		reply->canned_count = CANNED_CHUNKS + 1;
	}
	return true;
}

bool
route_control(const struct request *request, struct reply *reply)
{
	static const char prefix[] = "/_mock/";
	struct str path = request->path;
	bool get = str_equal(request->method, STR("GET"));

	if (get && str_equal(path, STR("/health"))) { /* of the servers that a router asks first: vLLM, SGLang */
		bytes_add(&reply->body, STR("{}\n"));
		reply_json(reply);
		return true;
	}
	if (path.len < sizeof(prefix) - 1 || memcmp(path.ptr, prefix, sizeof(prefix) - 1) != 0)
		return false;
	if (get && str_equal(path, STR("/_mock/requests"))) {
		int64_t after = 0;
		struct str query = request->query;

		if (query.len > 6 && memcmp(query.ptr, "after=", 6) == 0)
			str_number((struct str){ query.ptr + 6, query.len - 6 }, &after);
		journal_write_requests(&reply->body, (uint64_t)after);
		reply_json(reply);
	} else if (get && str_equal(path, STR("/_mock/stats"))) {
		journal_write_stats(&reply->body);
		reply_json(reply);
	} else if (get && str_equal(path, STR("/_mock/service-account"))) {
		tokens_service_account(request, reply);
	} else if (str_equal(request->method, STR("POST")) && str_equal(path, STR("/_mock/revoke"))) {
		tokens_revoke();
		bytes_add(&reply->body, STR("{}\n"));
		reply_json(reply);
	} else if (str_equal(request->method, STR("POST")) && str_equal(path, STR("/_mock/reset"))) {
		journal_reset();
		plan_reset();
		bytes_add(&reply->body, STR("{}\n"));
		reply_json(reply);
	} else {
		reply_error(reply, 404, "mock: no such control endpoint", NULL, NULL);
	}
	return true;
}

static void
models_answer(struct reply *reply)
{
	static const char *const names[] = { "gpt-x", "mock-fast", "claude-x", "text-embedding-3-small" };
	bool openai = reply->wire->dialect == DIALECT_OPENAI;

	bytes_fmt(&reply->body, openai ? "{\n  \"object\": \"list\",\n  \"data\": [" : "{\"data\":[");
	for (size_t i = 0; i < COUNT(names); i++) {
		bytes_fmt(&reply->body,
			  openai ? "%s\n    {\n      \"id\": \"%s\",\n      \"object\": \"model\",\n      \"created\": 1700000000,\n"
				   "      \"owned_by\": \"mock\"\n    }" :
				   "%s{\"type\":\"model\",\"id\":\"%s\",\"display_name\":\"Mock\",\"created_at\":\"2023-11-14T22:13:20Z\",\"lifecycle\":\"active\"}",
			  i ? "," : "", names[i]);
	}
	if (openai)
		bytes_add(&reply->body, STR("\n  ]\n}\n"));
	else
		bytes_fmt(&reply->body, "],\"has_more\":false,\"first_id\":\"%s\",\"last_id\":\"%s\"}", names[0], names[COUNT(names) - 1]);
	reply_json(reply);
}

/* Counting wants all that an answer wants but max_tokens, which is looked for last. */
static bool
count_problem(const struct ask *ask)
{
	return ask->problem && strncmp(ask->problem, "max_tokens", 10) != 0;
}

static void
count_answer(struct reply *reply)
{
	bytes_fmt(&reply->body, "{\"input_tokens\":%ld}", reply_prompt_tokens(reply));
	reply_json(reply);
}

static bool
key_is_shown(const struct request *request, struct str key)
{
	static const char bearer[] = "Bearer ";
	size_t len = sizeof(bearer) - 1;
	struct str shown = http_header(request, "authorization");

	if (shown.len > len && memcmp(shown.ptr, bearer, len) == 0)
		shown = (struct str){ shown.ptr + len, shown.len - len };
	return str_equal(shown, key) || str_equal(http_header(request, "x-api-key"), key);
}

/* Takes the directives over; false if the reply is an error by now, theirs or the one they ask for. */
static bool
service_plan(const struct request *request, struct reply *reply)
{
	struct str culprit = { 0 };

	if (!plan_read(&reply->plan, http_header(request, "x-mock"), bytes_view(&reply->ask.model), bytes_view(&reply->ask.message),
		       &culprit)) {
		struct bytes message = { 0 };

		bytes_fmt(&message, "mock: not a directive, or without its number: %.*s", (int)culprit.len, culprit.ptr);
		bytes_add(&message, (struct str){ "", 1 });
		plan_clear(&reply->plan);
		reply_error(reply, 400, message.ptr, NULL, "mock_directive");
		bytes_free(&message);
		return false;
	}
	if (plan_is_spent(&reply->plan)) {
		plan_clear(&reply->plan);
	} else if (reply->plan.filter_prompt && reply->wire == &wire_azure) {
		reply_error(reply, 400, "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify "
				       "your prompt and retry.", "prompt", "content_filter");
		return false;
	} else if (reply->plan.status != PLAN_OFF) {
		int status = (int)reply->plan.status;

		reply_error(reply, status,
			    status == 429 ? "Rate limit reached for requests. Please try again later." :
			    status == 529 ? "Overloaded" :
			    status >= 500 ? "The server had an error while processing your request. Sorry about that!" :
					    "mock: an error as asked for",
			    NULL, status == 429 ? "rate_limit_exceeded" : status == 404 ? "model_not_found" : NULL);
		return false;
	}
	if (reply->plan.other_way)
		reply->ask.stream = !reply->ask.stream;
	return true;
}

/* Answers as a server that is like OpenAI's. */
static void
answer_like(struct reply *reply, const struct likeness *likeness, const struct json *json)
{
	struct bytes why = { 0 };

	if (likeness_refuses(likeness, json, &why)) {
		bytes_add(&why, (struct str){ "", 1 });
		reply_error(reply, likeness->errors == ERROR_DETAIL ? 422 : 400, why.ptr, NULL, NULL);
	} else {
		reply_answer(reply);
	}
	bytes_free(&why);
}

/* A deployment of Azure's; its name stands for the model. */
static void
route_azure(const struct request *request, struct str key, struct str deployment, bool embeddings, struct json *json, struct reply *reply)
{
	static const char version[] = "api-version=20";
	struct str shown = http_header(request, "api-key");

	reply->wire = &wire_azure;
	if (!str_equal(request->method, STR("POST")) || request->query.len < sizeof(version) || memcmp(request->query.ptr, version, sizeof(version) - 1) != 0) {
		reply_error(reply, 404, "Resource not found", NULL, NULL);
	} else if (key.len > 0 && !str_equal(shown, key) && !tokens_shown(request)) {
		reply_error(reply, 401,
			    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active "
			    "subscription and use a correct regional API endpoint for your resource.",
			    NULL, NULL);
	} else if (!json_parse(json, request->body)) {
		reply_error(reply, 400, "We could not parse the JSON body of your request.", NULL, "BadRequest");
	} else {
		ask_read(&reply->ask, json, DIALECT_OPENAI);
		if (embeddings)
			embeddings_take(&reply->ask, json);
		bytes_clear(&reply->ask.model, 4096);
		bytes_add(&reply->ask.model, deployment);
		if (!service_plan(request, reply))
			return;
		if (embeddings)
			embeddings_answer(reply, json);
		else if (reply->ask.problem)
			reply_error(reply, 400, reply->ask.problem, reply->ask.param, reply->ask.code);
		else
			reply_answer(reply);
	}
}

/* The Gemini API wants the key, Vertex a token. */
static bool
gemini_key_shown(const struct request *request, struct str key, bool vertex)
{
	struct str shown = http_header(request, "x-goog-api-key");

	return vertex ? tokens_shown(request) : key.len == 0 || str_equal(shown, key);
}

static void
route_gemini(const struct request *request, struct str key, const struct gemini_path *path, struct json *json, struct reply *reply)
{
	reply->wire = &wire_gemini;
	if (!str_equal(request->method, STR("POST"))) {
		reply_error(reply, 404, "Requested entity was not found.", NULL, NULL);
	} else if (!gemini_key_shown(request, key, path->vertex)) {
		if (path->vertex)
			reply_error(reply, 401, "Request had invalid authentication credentials. Expected OAuth 2 access token.", NULL, NULL);
		else
			reply_error(reply, 400, "API key not valid. Please pass a valid API key.", NULL, "API_KEY_INVALID");
	} else if (path->stream && !str_equal(request->query, STR("alt=sse"))) {
		reply_error(reply, 400, "mock: a stream is only to be had with alt=sse", NULL, NULL);
	} else if (!json_parse(json, request->body)) {
		reply_error(reply, 400, "Invalid JSON payload received.", NULL, NULL);
	} else {
		if (path->method == GEMINI_BATCH_EMBED)
			embed_gemini_ask(&reply->ask, json, path->model);
		else if (path->method == GEMINI_PREDICT)
			embed_predict_ask(&reply->ask, json, path->model);
		else if (path->method == GEMINI_EMBED)
			embed_content_ask(&reply->ask, json, path->model);
		else
			gemini_ask(&reply->ask, json, path);
		if (!service_plan(request, reply))
			return;
		if (reply->ask.problem)
			reply_error(reply, 400, reply->ask.problem, NULL, NULL);
		else if (path->method == GEMINI_BATCH_EMBED)
			embed_gemini_answer(reply, json);
		else if (path->method == GEMINI_PREDICT)
			embed_predict_answer(reply, json);
		else if (path->method == GEMINI_EMBED)
			embed_content_answer(reply, json);
		else
			reply_answer(reply);
	}
}

static void
route_bedrock(const struct request *request, struct str key, const struct bedrock_path *path, struct json *json, struct reply *reply)
{
	const char *message = NULL;

	reply->wire = &wire_bedrock;
	reply->exception = bedrock_refusal(request, key, &message);
	if (reply->exception) {
		reply_error(reply, 403, message, NULL, NULL);
	} else if (!str_equal(request->method, STR("POST"))) {
		reply->exception = "UnknownOperationException";
		reply_error(reply, 404, "", NULL, NULL);
	} else if (!json_parse(json, request->body)) {
		reply->exception = "SerializationException";
		reply_error(reply, 400, "The request body is not JSON", NULL, NULL);
	} else {
		if (path->invoke)
			embed_bedrock_ask(&reply->ask, json, bytes_view(&path->model));
		else
			bedrock_ask(&reply->ask, json, path);
		if (!service_plan(request, reply))
			return;
		if (reply->ask.problem)
			reply_error(reply, 400, reply->ask.problem, NULL, NULL);
		else if (path->invoke)
			embed_bedrock_answer(reply, json);
		else
			reply_answer(reply);
	}
}

static void
route_cohere(const struct request *request, struct str key, struct json *json, struct reply *reply)
{
	reply->wire = &wire_cohere;
	if (!str_equal(request->method, STR("POST"))) {
		reply_error(reply, 405, "method not allowed", NULL, NULL);
	} else if (key.len > 0 && !key_is_shown(request, key)) {
		reply_error(reply, 401, "invalid api token", NULL, NULL);
	} else if (!json_parse(json, request->body)) {
		reply_error(reply, 400, "invalid json syntax", NULL, NULL);
	} else {
		bool ranks = str_equal(request->path, STR("/v2/rerank")), embeds = str_equal(request->path, STR("/v2/embed"));

		if (ranks)
			rank_ask(&reply->ask, json, true);
		else if (embeds)
			embed_cohere_ask(&reply->ask, json);
		else
			cohere_ask(&reply->ask, json);
		if (!service_plan(request, reply))
			return;
		if (reply->ask.problem)
			reply_error(reply, 400, reply->ask.problem, NULL, NULL);
		else if (ranks)
			rank_answer(reply, json, true);
		else if (embeds)
			embed_cohere_answer(reply, json);
		else
			reply_answer(reply);
	}
}

void
route_service(const struct request *request, struct str key, struct reply *reply)
{
	static struct json json; /* used again for every request */
	static struct bedrock_path bedrock;
	struct gemini_path gemini;
	struct str deployment, named;
	struct str path = request->path;
	bool embeds; /* of a deployment */
	bool count = str_equal(path, STR("/v1/messages/count_tokens"));
	bool messages = count || str_equal(path, STR("/v1/messages")), models = str_equal(path, STR("/v1/models"));
	bool embeddings = str_equal(path, STR("/v1/embeddings")), chat = str_equal(path, STR("/v1/chat/completions"));
	bool completions = str_equal(path, STR("/v1/completions")), ranks = str_equal(path, STR("/v1/rerank")), moderations = str_equal(path, STR("/v1/moderations"));
	bool azure = str_equal(path, STR("/openai/v1/responses")), responses = azure || str_equal(path, STR("/v1/responses"));

	if (tokens_path(request, &named)) {
		reply->wire = &wire_tokens;
		ask_clear(&reply->ask);
		bytes_add(&reply->ask.model, named);
		if (service_plan(request, reply))
			tokens_answer(request, key, reply);
		return;
	}
	if (bedrock_path(path, &bedrock)) {
		route_bedrock(request, key, &bedrock, &json, reply);
		return;
	}
	if (str_equal(path, STR("/v2/chat")) || str_equal(path, STR("/v2/rerank")) || str_equal(path, STR("/v2/embed"))) {
		route_cohere(request, key, &json, reply);
		return;
	}
	if (gemini_path(path, &gemini)) {
		route_gemini(request, key, &gemini, &json, reply);
		return;
	}
	embeds = azure_path(path, "/embeddings", &deployment);
	if (embeds || azure_path(path, "/chat/completions", &deployment)) {
		route_azure(request, key, deployment, embeds, &json, reply);
		return;
	}
	if (messages || (models && http_header(request, "anthropic-version").len > 0))
		reply->wire = &wire_anthropic;
	if (completions)
		reply->wire = &wire_completions;
	if (responses)
		reply->wire = &wire_responses;
	if (!messages && !models && !embeddings && !chat && !completions && !ranks && !moderations && !responses) {
		reply_error(reply, 404, "Invalid URL", NULL, NULL);
	} else if (!str_equal(request->method, models ? STR("GET") : STR("POST"))) {
		reply_error(reply, 405, "Not allowed to use this method on this resource", NULL, "method_not_supported");
	} else if (key.len > 0 && !key_is_shown(request, key) && !(azure && str_equal(http_header(request, "api-key"), key))) {
		bool openai = reply->wire->dialect == DIALECT_OPENAI;

		reply_error(reply, 401, openai ? "Incorrect API key provided." : "invalid x-api-key", NULL, openai ? "invalid_api_key" : NULL);
	} else if (models) {
		models_answer(reply);
	} else if (!json_parse(&json, request->body)) {
		reply_error(reply, 400, "We could not parse the JSON body of your request. The API expects a JSON payload.", NULL, NULL);
	} else {
		if (completions)
			completions_ask(&reply->ask, &json);
		else if (ranks)
			rank_ask(&reply->ask, &json, false);
		else if (moderations)
			moderations_ask(&reply->ask, &json);
		else if (responses)
			responses_ask(&reply->ask, &json);
		else
			ask_read(&reply->ask, &json, reply->wire->dialect);
		if (embeddings)
			embeddings_take(&reply->ask, &json);
		if (!service_plan(request, reply))
			return;
		if (embeddings)
			embeddings_answer(reply, &json);
		else if (count && !count_problem(&reply->ask))
			count_answer(reply);
		else if (reply->ask.problem)
			reply_error(reply, 400, reply->ask.problem, reply->ask.param, reply->ask.code);
		else if (ranks)
			rank_answer(reply, &json, false);
		else if (moderations)
			moderations_answer(reply, &json);
		else if (likeness_of(&reply->plan))
			answer_like(reply, likeness_of(&reply->plan), &json);
		else
			reply_answer(reply);
	}
}
