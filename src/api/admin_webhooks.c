/*
 * admin_webhooks.c - webhooks, for the operator: how delivering goes, what is kept, and delivering it again. Which there are is in the configuration.
 */
#include "api/admin.h"
#include "conf/webhooks.h"
#include "hook/hook.h"

#define TIME_MAX INT64_C(253402300800000000) /* the year 10000 */

static void
put_webhook(struct json_out *out, const void *object)
{
	const struct hook_row *row = object;
	const char *state = row->removed_us ? "removed" : row->gone_us ? "gone" : row->full_us ? "full" : row->failed_us > row->delivered_us ? "failing" : "good";

	json_begin_object(out);
	json_set_string(out, "name", row->name);
	json_set_string(out, "object", STR("webhook"));
	json_set_string(out, "state", str_of(state));
	json_set_array(out, "events");
	for (unsigned event = 0; event < CONF_EVENTS; event++)
		if (row->events & 1u << event)
			json_put_string(out, str_of(conf_event_name((enum conf_event)event)));
	json_end_array(out);
	json_set_int(out, "waiting", row->waiting);
	json_set_bool(out, "waiting_more", row->waiting_more);
	json_set_int(out, "dead", row->dead);
	json_set_int(out, "delivered_us", row->delivered_us);
	json_set_int(out, "failed_us", row->failed_us);
	json_set_int(out, "full_us", row->full_us);
	json_set_int(out, "gone_us", row->gone_us);
	json_set_int(out, "removed_us", row->removed_us);
	json_set_string(out, "error", row->error);
	json_end_object(out);
}

static MAY_PARK const struct err *
webhooks_list(struct api_request *request)
{
	struct hook_row *rows;
	size_t count;
	const struct err *err = api_require_operator(request);

	if (!err)
		err = hooks_list(request->app->store, request->arena, &rows, &count);
	return err ? err : admin_answer_list(request, put_webhook, rows, sizeof(*rows), count, false);
}

static void
put_message(struct json_out *out, const void *object)
{
	const struct hook_message *message = object;

	json_begin_object(out);
	json_set_string(out, "id", message->id);
	json_set_string(out, "object", STR("webhook.message"));
	json_set_string(out, "type", str_of(conf_event_name(message->event)));
	json_set_string(out, "state", message->state);
	json_set_int(out, "events", message->events);
	json_set_int(out, "created_us", message->created_us);
	json_set_int(out, "attempts", message->attempts);
	json_set_int(out, "next_us", message->next_us);
	json_set_int(out, "ended_us", message->ended_us);
	json_set_int(out, "status", message->status);
	json_set_string(out, "error", message->error);
	json_end_object(out);
}

static MAY_PARK const struct err *
messages_list(struct api_request *request)
{
	static const char *const states[] = { "pending", "delivered", "dead" };
	struct str after, state = api_query(request, "state");
	bool known = !state.ptr || !state.len;
	struct hook_message *list;
	unsigned limit;
	size_t count;
	const struct err *err = api_require_operator(request);

	for (size_t i = 0; i < COUNT(states); i++)
		known = known || str_eq_c(state, states[i]);
	if (!err && !known)
		err = err_param(request->arena, ERR_INVALID, "state", NULL, "state: expected pending, delivered or dead");
	if (!err)
		err = admin_page(request, &after, &limit);
	if (!err)
		err = hook_messages(request->app->store, request->arena, request->params[0], state.ptr ? state : STR_EMPTY, after, limit, &list, &count);
	return err ? err : admin_answer_list(request, put_message, list, sizeof(*list), count, count == limit);
}

static void
put_replayed(struct json_out *out, const void *object)
{
	json_begin_object(out);
	json_set_string(out, "object", STR("webhook.replay"));
	json_set_int(out, "messages", *(const int64_t *)object);
	json_end_object(out);
}

static MAY_PARK const struct err *
replay_post(struct api_request *request)
{
	struct str message = json_get_string(request->json, "message");
	int64_t from_us = json_int(json_get(request->json, "from_us"), -1), to_us = json_int(json_get(request->json, "to_us"), TIME_MAX), count;
	const struct err *err = api_require_operator(request);

	if (!err)
		err = hook_replay(request->app->store, request->arena, request->params[0], message.ptr ? message : STR_EMPTY, from_us, to_us, &count);
	return err ? err : admin_answer(request, 200, put_replayed, &count);
}

#define REPLAY_SCHEMA                                                                                                                      \
	"{\"type\":\"object\",\"properties\":{\"message\":{\"type\":\"string\",\"maxLength\":100},\"from_us\":{\"type\":\"integer\",\"minimum\":0}," \
	"\"to_us\":{\"type\":\"integer\",\"minimum\":0}},\"additionalProperties\":false}"

static const struct route routes[] = {
	{ .method = HTTP_GET, .path = "/admin/v1/webhooks", .name = "admin.webhooks.list", .scope = SCOPE_ADMIN, .errors = &openai_errors, .handler = webhooks_list,
		.answer = "WebhookList", .summary = "List the webhooks: what waits, what is dead, how the last delivery went" },
	{ .method = HTTP_GET, .path = "/admin/v1/webhooks/{name}/messages", .name = "admin.webhooks.messages", .scope = SCOPE_ADMIN, .errors = &openai_errors,
		.query = "limit after state", .handler = messages_list, .answer = "WebhookMessageList", .summary = "List a webhook's messages: pending, delivered and dead ones" },
	{ .method = HTTP_POST, .path = "/admin/v1/webhooks/{name}/replay", .name = "admin.webhooks.replay", .scope = SCOPE_ADMIN, .errors = &openai_errors, .body = BODY_JSON,
		.body_bytes_max = KIB(16), .request_schema = REPLAY_SCHEMA, .handler = replay_post,
		.answer = "WebhookReplay", .summary = "Deliver again: the dead messages, one message, or all of a stretch of time" },
};
const struct route_table admin_webhook_routes = { routes, COUNT(routes) };
