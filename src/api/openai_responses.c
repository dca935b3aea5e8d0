/*
 * openai_responses.c - POST /v1/responses, and the count of what it would read.
 *
 * Protocol: OpenAI's API reference, "Responses" and "Streaming events". Errors before the first byte are ordinary error answers; after it, response.failed ends the stream.
 */
#include "api/openai_responses_background.h"

static MAY_PARK const struct err *
answer(struct responses_ask *ask, struct span *root)
{
	struct responses_encoder *encoder = arena_alloc(ask->arena, sizeof(*encoder));
	const struct err *err = encoder ? responses_encoder_init(encoder, ask, NULL) : &err_no_memory;

	return err ? err : dialect_answer(ask->request, ask->call, &encoder->base, root);
}

static MAY_PARK const struct err *
responses_create(struct api_request *request)
{
	struct span *root = span_open(request->trace, SPAN_SERVER, STR("POST /v1/responses"));
	struct responses_ask *ask;
	const struct err *err = responses_parse(request, request->arena, &ask);

	if (!err && ask->background)
		return background_create(request);
	if (!err)
		err = responses_context(ask);
	return err ? err : answer(ask, root);
}

static MAY_PARK const struct err *
responses_input_tokens(struct api_request *request)
{
	struct responses_ask *ask;
	const struct err *err = responses_parse_count(request, request->arena, &ask);
	int64_t tokens = 0;
	struct json_out json;
	struct buf body;

	if (!err && (ask->previous.len || ask->conversation.len || ask->item_count))
		err = responses_context(ask);
	if (!err)
		err = dialect_token_count(request, ask->call, &tokens);
	if (err)
		return err;
	buf_init(&body, request->arena, KIB(1));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "object", STR("response.input_tokens"));
	json_set_int(&json, "input_tokens", tokens);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

static const struct route routes[] = {
	{ .method = HTTP_POST,
		.path = "/v1/responses",
		.name = "responses.create",
		.scope = SCOPE_MODEL_USE,
		.errors = &openai_errors,
		.body = BODY_JSON,
		.body_bytes_max = MIB(64),
		.handler = responses_create,
		.types = TYPES_STREAM,
		.event = "ResponseEvent",
		.asks = "ResponseRequest",
		.answer = "Response",
		.summary = "Answer input items, whole, as a stream or in the background" },
	{ .method = HTTP_POST,
		.path = "/v1/responses/input_tokens",
		.name = "responses.input_tokens",
		.scope = SCOPE_MODEL_USE,
		.errors = &openai_errors,
		.body = BODY_JSON,
		.body_bytes_max = MIB(64),
		.handler = responses_input_tokens,
		.asks = "ResponseRequest",
		.answer = "InputTokens",
		.summary = "Estimate the tokens of a request" },
	{ .method = HTTP_GET,
		.path = "/v1/responses/{response_id}",
		.name = "responses.get",
		.scope = SCOPE_MODEL_USE,
		.errors = &openai_errors,
		.query = "stream starting_after",
		.types = TYPES_STREAM,
		.event = "ResponseEvent",
		.handler = responses_get,
		.answer = "Response",
		.summary = "A stored response, or its stream from an event on" },
	{ .method = HTTP_DELETE,
		.path = "/v1/responses/{response_id}",
		.name = "responses.delete",
		.scope = SCOPE_MODEL_USE,
		.errors = &openai_errors,
		.handler = responses_delete,
		.answer = "ResponseDeleted",
		.summary = "Delete a stored response" },
	{ .method = HTTP_POST,
		.path = "/v1/responses/{response_id}/cancel",
		.name = "responses.cancel",
		.scope = SCOPE_MODEL_USE,
		.errors = &openai_errors,
		.handler = responses_cancel,
		.answer = "Response",
		.summary = "End a background response" },
	{ .method = HTTP_GET,
		.path = "/v1/responses/{response_id}/input_items",
		.name = "responses.input_items",
		.scope = SCOPE_MODEL_USE,
		.errors = &openai_errors,
		.query = "limit order after before",
		.handler = responses_input_items,
		.answer = "ResponseItemList",
		.summary = "What went into a stored response" },
};
const struct route_table openai_responses_routes = { routes, COUNT(routes) };
