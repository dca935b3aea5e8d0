/*
 * openai_chat.c - POST /v1/chat/completions.
 *
 * Protocol: OpenAI's API reference, "Chat completions". Errors before the first byte are ordinary error answers; after it, an event {"error":…} ends the stream, and no
 * [DONE] follows.
 */
#include "api/openai_chat.h"

#include "answer/answer.h"
#include "api/links.h"

static MAY_PARK const struct err *
chat_completions(struct api_request *request)
{
	struct answer_services services = { .store = request->app->store, .knowledge = request->app->knowledge };
	struct openai_encoder *encoder = arena_alloc(request->arena, sizeof(*encoder));
	struct answer *answer = arena_zalloc(request->arena, sizeof(*answer));
	struct span *root = span_open(request->trace, SPAN_SERVER, STR("POST /v1/chat/completions"));
	struct call *call;
	const struct err *err;

	if (!encoder || !answer)
		return &err_no_memory;
	err = openai_chat_parse(request->arena, request->json, request->body, &call);
	if (!err)
		err = openai_encoder_init(encoder, request, call);
	if (err)
		return err;
	*answer = (struct answer){
		.arena = request->arena,
		.call = call,
		.conf = request->conf,
		.trace = request->trace,
		.root = root,
		.tenant = request->identity->tenant,
		.key_id = str_of(request->identity->key_id),
		.request_id = request->request_id,
		.out = &encoder->sink,
		.link = link_passage,
		.link_arg = request,
	};
	err = answer_run(&services, answer);
	return err ? openai_encoder_fail(encoder, err) : openai_encoder_end(encoder);
}

static const struct route routes[] = {
	{ .method = HTTP_POST, .path = "/v1/chat/completions", .name = "chat.completions", .scope = SCOPE_MODEL_USE, .errors = &openai_errors, .body = BODY_JSON,
		.body_bytes_max = MIB(64), .handler = chat_completions, .summary = "Answer a conversation, whole or as a stream" },
};
const struct route_table openai_chat_routes = { routes, COUNT(routes) };
