/*
 * openai_responses_context.c - what a request goes on from: a response and all before it, a conversation, items by their ids. What was made under local_only binds the call that goes on from it.
 */
#include "access/limit.h"
#include "api/openai_responses.h"

/* What is read out of the store may be more than a request's memory; the store gives at most 64 MiB at once (store.h), and a reader takes four times that. */
enum { STORED_MAX = 512 * 1024 * 1024 };

/* A stored item's message at *end. */
static const struct err *
add_message(struct responses_ask *ask, const struct response_item *item, struct message ***end)
{
	struct message **slot = *end;
	const struct json *json;
	struct str where;
	const struct err *err;

	if (!item->body.ptr)
		return err_param(ask->arena, ERR_NOT_FOUND, "input", "item_expired", "the item '%" STR_F "' is past its retention: send what it said again", STR_A(item->id));
	where = arena_printf(ask->arena, "the item '%" STR_F "'", STR_A(item->id));
	err = where.ptr ? json_parse(ask->stored, item->body, &json) : &err_no_memory;
	if (!err)
		err = responses_item_message(ask->arena, json, where.ptr, end, &ask->call->foreign);
	if (!err && *end != slot)
		(*slot)->id = item->id;
	return err;
}

/* Items by reference, the last one first: neighbours have the same place. */
static MAY_PARK const struct err *
resolve_references(struct responses_ask *ask)
{
	const struct err *err = NULL;

	for (size_t i = ask->item_count; i-- > 0 && !err;) {
		struct response_item *item = &ask->items[i], found;
		struct message *rest, **end;

		if (!item->reference)
			continue;
		err = response_item_get(ask->request->app->store, ask->stored, ask->request->identity->tenant, STR_EMPTY, item->id, &found);
		if (err && err->kind == ERR_NOT_FOUND)
			err = err_param(ask->arena, ERR_NOT_FOUND, "input", "item_not_found", "input: there is no item '%" STR_F "' to refer to", STR_A(str_slice(item->id, 0, 100)));
		if (err)
			return err;
		end = item->place;
		rest = *end;
		err = add_message(ask, &found, &end);
		*end = rest;
		item->body = found.body;
		ask->call->local_only = ask->call->local_only || found.local_only;
	}
	return err;
}

static MAY_PARK const struct err *
load_context(struct responses_ask *ask)
{
	struct store *store = ask->request->app->store;
	int64_t tenant = ask->request->identity->tenant;
	struct conversation conversation;
	const struct err *err;

	if (ask->previous.len) {
		err = response_chain(store, ask->stored, tenant, ask->previous, RESPONSES_ITEMS_MAX, &ask->context, &ask->context_count);
		ask->call->local_only = ask->call->local_only || (!err && ask->context_count && ask->context[0].local_only);
		return err;
	}
	if (!ask->conversation.len)
		return NULL;
	err = conversation_get(store, ask->arena, tenant, ask->conversation, "conversation", &conversation);
	ask->call->local_only = ask->call->local_only || (!err && conversation.local_only);
	if (!err)
		err = response_items(store, ask->stored, tenant, ask->conversation, &ask->context, &ask->context_count);
	if (!err && ask->context_count > RESPONSES_ITEMS_MAX)
		err = err_param(ask->arena, ERR_TOO_LARGE, "conversation", NULL, "this conversation has over %d items: begin a new one", RESPONSES_ITEMS_MAX);
	return err;
}

static MAY_PARK const struct err *
read_stored(struct responses_ask *ask)
{
	const struct err *err = resolve_references(ask);
	struct message *rest, **end = ask->context_end;

	if (!err)
		err = load_context(ask);
	if (err)
		return err;
	rest = *end;
	for (size_t i = 0; i < ask->context_count && !err; i++)
		err = add_message(ask, &ask->context[i], &end);
	*end = rest;
	return err;
}

/* The store and our memory have a bound; the caller is told what it means. */
static const struct err *
too_long(struct responses_ask *ask, const struct err *err)
{
	const char *param = ask->previous.len ? "previous_response_id" : ask->conversation.len ? "conversation" : "input";

	if (err != &err_no_memory && !(err && err->kind == ERR_TOO_LARGE && !err->param.len))
		return err;
	return err_param(ask->arena, ERR_TOO_LARGE, param, NULL, "%s: what this goes on from is larger than can be read at once (64 MiB): begin a new conversation", param);
}

MAY_PARK const struct err *
responses_context(struct responses_ask *ask)
{
	const struct err *err;

	ask->stored = arena_new_below(ask->arena, STORED_MAX);
	if (!ask->stored)
		return &err_no_memory;
	err = too_long(ask, read_stored(ask));
	if (!err && !ask->call->messages && !ask->call->foreign) /* a stored prompt may be all there is */
		err = err_param(ask->arena, ERR_INVALID, "input", NULL, "input: there is nothing to answer");
	return err ? err : responses_files(ask);
}

bool
responses_begin_local(const struct responses_ask *ask)
{
	const struct conf_model *model = conf_model(ask->request->conf, ask->call->model);

	return ask->call->local_only || ask->call->search || (model && model->knowledge.given) || limit_local_only(ask->request->identity);
}
