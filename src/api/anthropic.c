/*
 * anthropic.c - POST /v1/messages and POST /v1/messages/count_tokens.
 *
 * Protocol: Anthropic's API reference, "Messages" and "Count Message tokens", version 2023-06-01. Errors before the first byte are ordinary error answers; after it, an event "error" ends the stream, and
 * no message_stop follows.
 */
#include "api/anthropic.h"
#include "api/stream_resume.h"


bool
anthropic_speaks(const struct api_request *request)
{
	return http_header_get(&request->http->headers, STR("anthropic-version")).ptr != NULL;
}

/*
 * What an Anthropic target should see of the request's headers. Who the request is attributed to is Anthropic's alone to know; the workspace is that of the server's own key, and nobody else's to choose.
 */
static const struct err *
take_headers(struct api_request *request, struct call *call)
{
	static const struct str passed[] = { STR_INIT("anthropic-version"), STR_INIT("anthropic-beta"), STR_INIT("anthropic-user-profile-id") };
	const struct http_headers *headers = &request->http->headers;
	struct http_header *list = arena_array(request->arena, headers->count + 1, sizeof(*list));

	if (!list)
		return &err_no_memory;
	if (http_header_get(headers, STR("anthropic-workspace-id")).len)
		return err_param(request->arena, ERR_UNSUPPORTED, "workspace_id", "unsupported_parameter",
			"workspace_id: the workspace is that of the server's key at its provider; leave out the header anthropic-workspace-id");
	if (http_header_get(headers, STR("anthropic-user-profile-id")).len && !call->extra.len)
		call->extra = STR("user_profile_id");
	call->headers = (struct http_headers){ list, 0 };
	for (size_t i = 0; i < headers->count; i++)
		for (size_t p = 0; p < COUNT(passed); p++)
			if (str_eq_ci(headers->list[i].name, passed[p]))
				list[call->headers.count++] = (struct http_header){ passed[p], headers->list[i].value };
	return NULL;
}

static MAY_PARK const struct err *
messages_create(struct api_request *request)
{
	struct anthropic_encoder *encoder = arena_alloc(request->arena, sizeof(*encoder));
	struct span *root = span_open(request->trace, SPAN_SERVER, STR("POST /v1/messages"));
	struct call *call;
	const struct err *err = encoder ? anthropic_parse(request->arena, request->json, request->body, true, &call) : &err_no_memory;

	if (!err)
		err = take_headers(request, call);
	if (!err)
		err = anthropic_encoder_init(encoder, request, call);
	return err ? err : dialect_answer(request, call, &encoder->base, root);
}

static MAY_PARK const struct err *
messages_count_tokens(struct api_request *request)
{
	struct call *call;
	const struct err *err = anthropic_parse(request->arena, request->json, request->body, false, &call);
	int64_t tokens = 0;
	struct json_out json;
	struct buf body;

	if (!err)
		err = take_headers(request, call);
	if (!err)
		err = dialect_token_count(request, call, &tokens);
	if (err)
		return err;
	buf_init(&body, request->arena, KIB(1));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_int(&json, "input_tokens", tokens);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
messages_get(struct api_request *request)
{
	return stream_get_answer(request, DURABLE_MESSAGES);
}

static MAY_PARK const struct err *
messages_cancel(struct api_request *request)
{
	return stream_cancel_answer(request, DURABLE_MESSAGES);
}

static const struct route routes[] = {
	{ .method = HTTP_POST, .path = "/v1/messages", .name = "messages", .scope = SCOPE_MODEL_USE, .errors = &anthropic_errors, .body = BODY_JSON, .body_bytes_max = MIB(64),
		.handler = messages_create, .types = TYPES_STREAM, .event = "MessageEvent", .asks = "MessageRequest", .answer = "Message", .summary = "Answer a conversation as Anthropic does, whole or as a stream" },
	{ .method = HTTP_GET, .path = "/v1/messages/{message_id}/stream", .name = "messages.resume", .scope = SCOPE_MODEL_USE, .errors = &anthropic_errors, .query = "stream", .types = "text/event-stream", .event = "MessageEvent", .handler = messages_get,
		.summary = "The rest of a stream that went on when its client left" },
	{ .method = HTTP_POST, .path = "/v1/messages/{message_id}/cancel", .name = "messages.cancel", .made = MADE_EMPTY, .scope = SCOPE_MODEL_USE, .errors = &anthropic_errors, .handler = messages_cancel,
		.summary = "End a stream that goes on without its client" },
	{ .method = HTTP_POST, .path = "/v1/messages/count_tokens", .name = "messages.count_tokens", .scope = SCOPE_MODEL_USE, .errors = &anthropic_errors, .body = BODY_JSON,
		.body_bytes_max = MIB(64), .handler = messages_count_tokens, .asks = "MessageCountRequest", .answer = "MessageCount", .summary = "Count the input tokens of a conversation" },
};
const struct route_table anthropic_routes = { routes, COUNT(routes) };
