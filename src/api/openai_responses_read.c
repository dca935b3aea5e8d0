/*
 * openai_responses_read.c - stored responses and their input, read and deleted.
 *
 * Protocol: OpenAI's API reference, "Responses".
 */
#include "api/openai_responses_background.h"
#include "api/openai_shapes.h"

enum { LIMIT_INITIAL = 20, LIMIT_MAX = 100, OBJECT_MAX = 256 * 1024 * 1024, READ_ARENA_MAX = 256 * 1024 * 1024 };

MAY_PARK const struct err *
responses_items_answer(struct api_request *request, struct str owner, bool input_only)
{
	struct api_request scratch = *request;
	struct response_item *items = NULL;
	struct json_out json;
	struct page_spec page;
	struct buf body;
	size_t count = 0;
	bool more = false;
	const struct err *err = openai_page_parse(request, LIMIT_INITIAL, LIMIT_MAX, &page);

	if (err)
		return err;
	scratch.arena = arena_new(READ_ARENA_MAX);
	err = response_item_page(request->app->store, scratch.arena, request->identity->tenant, owner, input_only, page.descending, page.after, page.limit, &items, &count, &more);
	buf_init(&body, NULL, OBJECT_MAX);
	json_out_init(&json, &body);
	openai_list_begin(&json);
	for (size_t i = 0; i < count && !err; i++)
		err = responses_item_read(&scratch, &items[i], &json);
	if (!err) {
		openai_list_end(&json, count ? items[0].id : STR_EMPTY, count ? items[count - 1].id : STR_EMPTY, more);
		err = api_answer_json(request, 200, &json);
	}
	buf_fini(&body);
	err = err ? err_copy(request->arena, err) : NULL;
	arena_free(scratch.arena);
	return err;
}

/* The output of a stored response: JSON values, comma between. */
static const struct err *
put_output(struct api_request *request, const struct response_item *items, size_t count, struct buf *out)
{
	const struct err *err = NULL;

	for (size_t i = 0; i < count && !err; i++) {
		struct json_out json;

		if (!items[i].output)
			continue;
		if (out->len)
			buf_add(out, STR(","));
		json_out_init(&json, out);
		err = responses_item_read(request, &items[i], &json);
	}
	return err ? err : buf_err(out);
}

static MAY_PARK const struct err *
stored_put(struct api_request *request, const struct response_stored *stored, struct json_out *out)
{
	struct response_item *items = NULL;
	struct response_state state;
	struct arena *values;
	struct buf output;
	size_t count = 0;
	const struct err *err = response_items(request->app->store, request->arena, request->identity->tenant, stored->id, &items, &count);

	if (err)
		return err;
	state = (struct response_state){ .id = stored->id,
		.status = stored->status,
		.previous = stored->previous,
		.conversation = stored->conversation,
		.created_us = stored->created_us,
		.completed_us = stored->completed_us,
		.background = stored->background,
		.error = stored->error,
		.incomplete = stored->incomplete,
		.usage = stored->usage };
	buf_init(&output, NULL, OBJECT_MAX);
	err = put_output(request, items, count, &output);
	if (!err && !stored->head.len)
		err = err_new(request->arena, ERR_NOT_FOUND, "the response '%" STR_F "' is past its retention", STR_A(stored->id));
	values = json_arena(request->arena, stored->head.len);
	if (!err)
		err = values ? json_parse(values, stored->head, &state.head) : &err_no_memory;
	if (!err)
		response_put(out, &state, buf_str(&output));
	buf_fini(&output);
	return err;
}

/* What it said may be more than a request's memory holds, and is written out at once. */
MAY_PARK const struct err *
responses_stored_put(struct api_request *request, const struct response_stored *stored, struct json_out *out)
{
	struct api_request scratch = *request;
	const struct err *err;

	scratch.arena = arena_new(READ_ARENA_MAX);
	err = stored_put(&scratch, stored, out);
	err = err ? err_copy(request->arena, err) : NULL;
	arena_free(scratch.arena);
	return err;
}

MAY_PARK const struct err *
responses_stored_answer(struct api_request *request, const struct response_stored *stored)
{
	struct json_out json;
	struct buf body;
	const struct err *err;

	buf_init(&body, NULL, OBJECT_MAX);
	json_out_init(&json, &body);
	err = responses_stored_put(request, stored, &json);
	if (!err)
		err = api_answer_json(request, 200, &json);
	buf_fini(&body);
	return err;
}

MAY_PARK const struct err *
responses_get(struct api_request *request)
{
	struct str stream = api_query(request, "stream");
	struct response_stored stored;
	int64_t after;
	const struct err *err = api_query_int(request, "starting_after", -1, 0, INT64_MAX, &after);

	if (!err)
		err = response_get(request->app->store, request->arena, request->identity->tenant, request->params[0], "response_id", &stored);
	if (!err)
		err = background_recover(request, &stored, NULL);
	if (err || !stream.ptr || !str_eq_c(stream, "true"))
		return err ? err : responses_stored_answer(request, &stored);
	if (!stored.owner.len)
		return err_param(request->arena, ERR_INVALID, "stream", NULL,
			"stream: only a background response, or one that was streamed from a model with on_disconnect: continue, can be streamed again");
	return background_follow(request, stored.id, after);
}

MAY_PARK const struct err *
responses_delete(struct api_request *request)
{
	/* One in the making ends too: its job finds no row any more. */
	const struct err *err = response_delete(request->app->store, request->arena, request->identity->tenant, request->params[0]);

	return err ? err : openai_answer_deleted(request, request->params[0], "response");
}

MAY_PARK const struct err *
responses_input_items(struct api_request *request)
{
	struct response_stored stored;
	const struct err *err = response_get(request->app->store, request->arena, request->identity->tenant, request->params[0], "response_id", &stored);

	return err ? err : responses_items_answer(request, stored.id, true);
}
