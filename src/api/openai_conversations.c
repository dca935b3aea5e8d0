/*
 * openai_conversations.c - conversations and their items.
 *
 * Protocol: OpenAI's API reference, "Conversations". A conversation is a list of items; responses made in it add theirs in the commit of their record.
 */
#include "access/limit.h"
#include "api/openai_responses.h"
#include "api/openai_shapes.h"
#include "base/clock.h"

enum { ADD_MAX = 20, BODY_MAX = 4 * 1024 * 1024 };

#define SCHEMA_CREATE                                                                                                                      \
	"{\"type\":\"object\",\"properties\":{\"metadata\":" SCHEMA_METADATA ",\"items\":{\"type\":[\"array\",\"null\"],\"maxItems\":20,"  \
	"\"items\":{\"type\":\"object\"}}}}"
#define SCHEMA_UPDATE "{\"type\":\"object\",\"required\":[\"metadata\"],\"properties\":{\"metadata\":" SCHEMA_METADATA "}}"
#define SCHEMA_ADD                                                                                                                         \
	"{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{\"items\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":20,"      \
	"\"items\":{\"type\":\"object\"}}}}"

/* The items of the body as they are kept. Each is read as a message too: what no model could be told is refused now, not at the next response. Which model that is decides about what only some know. */
static const struct err *
read_items(struct api_request *request, struct response_item items[ADD_MAX], size_t *count)
{
	const struct json *list = json_get(request->json, "items");
	const struct err *err = NULL;

	*count = 0;
	for (struct json_iter it = json_iter(list); !err && json_next(&it) && *count < ADD_MAX;) {
		struct str where = arena_printf(request->arena, "items[%zu]", it.index);
		struct message *message = NULL, **end = &message;
		const struct err *foreign = NULL;

		err = where.ptr ? responses_item_message(request->arena, it.value, where.ptr, &end, &foreign) : &err_no_memory;
		if (!err)
			err = responses_item_keep(request->arena, it.value, &items[(*count)++]);
	}
	return err;
}

static MAY_PARK const struct err *
answer_conversation(struct api_request *request, const struct conversation *conversation)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, request->arena, KIB(128));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_string(&json, "id", conversation->id);
	json_set_string(&json, "object", STR("conversation"));
	json_set_int(&json, "created_at", conversation->created_us / USEC_PER_SEC);
	json_set_raw(&json, "metadata", conversation->metadata);
	json_end_object(&json);
	return api_answer_json(request, 200, &json);
}

static MAY_PARK const struct err *
conversations_create(struct api_request *request)
{
	struct response_item *items = arena_array(request->arena, ADD_MAX, sizeof(*items));
	struct conversation conversation;
	struct str metadata;
	size_t count;
	const struct err *err = items ? openai_map_parse(request, json_get(request->json, "metadata"), "metadata", &metadata) : &err_no_memory;

	if (!err)
		err = read_items(request, items, &count);
	if (!err)
		err = conversation_create(request->app->store, request->arena, request->identity->tenant, metadata, limit_local_only(request->identity), items, count, &conversation);
	return err ? err : answer_conversation(request, &conversation);
}

static MAY_PARK const struct err *
conversations_get(struct api_request *request)
{
	struct conversation conversation;
	const struct err *err =
		conversation_get(request->app->store, request->arena, request->identity->tenant, request->params[0], "conversation_id", &conversation);

	return err ? err : answer_conversation(request, &conversation);
}

static MAY_PARK const struct err *
conversations_update(struct api_request *request)
{
	struct conversation conversation;
	struct str metadata;
	const struct err *err = openai_map_parse(request, json_get(request->json, "metadata"), "metadata", &metadata);

	if (!err)
		err = conversation_set(request->app->store, request->arena, request->identity->tenant, request->params[0], metadata, &conversation);
	return err ? err : answer_conversation(request, &conversation);
}

static MAY_PARK const struct err *
conversations_delete(struct api_request *request)
{
	const struct err *err = conversation_delete(request->app->store, request->arena, request->identity->tenant, request->params[0]);

	return err ? err : openai_answer_deleted(request, request->params[0], "conversation.deleted");
}

static MAY_PARK const struct err *
items_list(struct api_request *request)
{
	struct conversation conversation;
	const struct err *err =
		conversation_get(request->app->store, request->arena, request->identity->tenant, request->params[0], "conversation_id", &conversation);

	return err ? err : responses_items_answer(request, conversation.id, false);
}

/* The items that were added, as a list. */
static MAY_PARK const struct err *
items_add(struct api_request *request)
{
	struct response_item *items = arena_array(request->arena, ADD_MAX, sizeof(*items));
	struct json_out json;
	struct buf body;
	size_t count = 0;
	const struct err *err = items ? read_items(request, items, &count) : &err_no_memory;

	if (!err)
		err = conversation_add(request->app->store, request->arena, request->identity->tenant, request->params[0], limit_local_only(request->identity), items, count);
	if (err)
		return err;
	buf_init(&body, NULL, 2 * (size_t)BODY_MAX);
	json_out_init(&json, &body);
	openai_list_begin(&json);
	for (size_t i = 0; i < count && !err; i++)
		err = responses_item_read(request, &items[i], &json);
	if (!err) {
		openai_list_end(&json, items[0].id, items[count - 1].id, false);
		err = api_answer_json(request, 200, &json);
	}
	buf_fini(&body);
	return err;
}

static MAY_PARK const struct err *
items_get(struct api_request *request)
{
	struct response_item item;
	struct json_out json;
	struct buf body;
	const struct err *err =
		response_item_get(request->app->store, request->arena, request->identity->tenant, request->params[0], request->params[1], &item);

	if (err)
		return err;
	buf_init(&body, NULL, MIB(256));
	json_out_init(&json, &body);
	err = responses_item_read(request, &item, &json);
	if (!err)
		err = api_answer_json(request, 200, &json);
	buf_fini(&body);
	return err;
}

/* Answers with the conversation, as the protocol has it. */
static MAY_PARK const struct err *
items_delete(struct api_request *request)
{
	const struct err *err =
		conversation_item_delete(request->app->store, request->arena, request->identity->tenant, request->params[0], request->params[1]);

	return err ? err : conversations_get(request);
}

#define ROUTE(m, p, n, a, h, s) .method = m, .path = p, .name = n, .scope = SCOPE_MODEL_USE, .errors = &openai_errors, .answer = a, .handler = h, .summary = s

static const struct route routes[] = {
	{ ROUTE(HTTP_POST, "/v1/conversations", "conversations.create", "Conversation", conversations_create, "Begin a conversation"), .body = BODY_JSON, .body_bytes_max = BODY_MAX,
		.request_schema = SCHEMA_CREATE },
	{ ROUTE(HTTP_GET, "/v1/conversations/{conversation_id}", "conversations.get", "Conversation", conversations_get, "A conversation") },
	{ ROUTE(HTTP_POST, "/v1/conversations/{conversation_id}", "conversations.update", "Conversation", conversations_update, "Change a conversation's metadata"), .body = BODY_JSON,
		.body_bytes_max = KIB(256), .request_schema = SCHEMA_UPDATE },
	{ ROUTE(HTTP_DELETE, "/v1/conversations/{conversation_id}", "conversations.delete", "Deleted", conversations_delete, "Delete a conversation with its items") },
	{ ROUTE(HTTP_GET, "/v1/conversations/{conversation_id}/items", "conversations.items.list", "ResponseItemList", items_list, "Items of a conversation"), .query = "limit order after" },
	{ ROUTE(HTTP_POST, "/v1/conversations/{conversation_id}/items", "conversations.items.create", "ResponseItemList", items_add, "Add items to a conversation"), .body = BODY_JSON,
		.body_bytes_max = BODY_MAX, .request_schema = SCHEMA_ADD },
	{ ROUTE(HTTP_GET, "/v1/conversations/{conversation_id}/items/{item_id}", "conversations.items.get", "ResponseStoredItem", items_get, "An item of a conversation") },
	{ ROUTE(HTTP_DELETE, "/v1/conversations/{conversation_id}/items/{item_id}", "conversations.items.delete", "Conversation", items_delete, "Take an item out of a conversation") },
};
const struct route_table openai_conversations_routes = { routes, COUNT(routes) };
