/*
 * ai_sdk_parse.c - requests of the AI SDK's hooks, made into chat completions requests.
 *
 * DefaultChatTransport sends {id, messages, trigger, messageId} and whatever its `body` option adds: the model's name, and any other member of a chat completions request. A UI message is a list of parts. A user's are texts and files. An
 * assistant's may be several steps, each ended by the calls of tools; a step becomes a message, and the outputs of its calls become messages of the role tool. Reasoning, sources, data parts and steering are what the page shows,
 * and not what a model is told, as in the SDK's own convertToModelMessages; files of an assistant are refused.
 */
#include "api/ai_sdk.h"

enum { CHAT_MAX = 128 * 1024 * 1024, ID_MAX = 200, PARTS_MAX = 4096 };

struct writer {
	struct arena *arena;
	struct json_out json;
	size_t message, part;          /* where we are, for errors */
};

static const struct err *
bad_part(struct writer *writer, enum err_kind kind, const char *what)
{
	struct str where = arena_printf(writer->arena, "messages[%zu].parts[%zu]", writer->message, writer->part);

	if (!where.ptr)
		return &err_no_memory;
	return err_param(writer->arena, kind, where.ptr, NULL, "%" STR_F ": %s", STR_A(where), what);
}

static bool
is_shown_only(struct str type)
{
	static const char *const types[] = { "step-start", "reasoning", "reasoning-file", "source-url", "source-document", "steering-message", "custom" };

	for (size_t i = 0; i < COUNT(types); i++)
		if (str_eq_c(type, types[i]))
			return true;
	return str_starts(type, STR("data-"));
}

static bool
is_tool(struct str type)
{
	return str_starts(type, STR("tool-")) || str_eq_c(type, "dynamic-tool");
}

/* --- the user's --- */

static const struct err *
put_file(struct writer *writer, const struct json *part)
{
	struct str url = json_get_string(part, "url"), media_type = json_get_string(part, "mediaType"), name = json_get_string(part, "filename"), type, data;
	struct json_out *out = &writer->json;
	bool inside = data_url_split(url, &type, &data), audio = str_starts(media_type, STR("audio/"));

	if (!url.len || !media_type.len)
		return bad_part(writer, ERR_INVALID, "a file needs a 'url' and a 'mediaType'");
	if (!str_starts(media_type, STR("image/")) && !inside)
		return bad_part(writer, ERR_UNSUPPORTED, "a file that is no image must come as a data: URL");
	json_begin_object(out);
	if (str_starts(media_type, STR("image/"))) {
		json_set_string(out, "type", STR("image_url"));
		json_set_object(out, "image_url");
		json_set_string(out, "url", url);
	} else if (audio) {
		json_set_string(out, "type", STR("input_audio"));
		json_set_object(out, "input_audio");
		json_set_string(out, "data", data);
		json_set_string(out, "format", str_eq_c(media_type, "audio/mpeg") ? STR("mp3") : str_slice(media_type, 6, media_type.len));
	} else {
		json_set_string(out, "type", STR("file"));
		json_set_object(out, "file");
		json_set_string(out, "file_data", url);
		json_set_string(out, "filename", name.len ? name : STR("file"));
	}
	json_end_object(out);
	json_end_object(out);
	return NULL;
}

/* The text of a message that is one text: ptr NULL for any other. Most are, and every server takes that. */
static struct str
only_text(const struct json *parts)
{
	struct str text = { 0 };
	unsigned count = 0;

	for (struct json_iter it = json_iter(parts); json_next(&it);) {
		if (is_shown_only(json_get_string(it.value, "type")))
			continue;
		text = str_eq_c(json_get_string(it.value, "type"), "text") ? json_get_string(it.value, "text") : (struct str){ 0 };
		count++;
	}
	return count == 1 ? text : (struct str){ 0 };
}

static void
put_one(struct json_out *out, struct str role, struct str text)
{
	json_begin_object(out);
	json_set_string(out, "role", role);
	json_set_string(out, "content", text);
	json_end_object(out);
}

static const struct err *
put_said(struct writer *writer, struct str role, const struct json *parts)
{
	struct json_out *out = &writer->json;
	struct str text = only_text(parts);
	const struct err *err = NULL;

	if (text.ptr) {
		put_one(out, role, text);
		return NULL;
	}
	json_begin_object(out);
	json_set_string(out, "role", role);
	json_set_array(out, "content");
	for (struct json_iter it = json_iter(parts); !err && json_next(&it); writer->part++) {
		struct str type = json_get_string(it.value, "type");

		if (str_eq_c(type, "text")) {
			json_begin_object(out);
			json_set_string(out, "type", STR("text"));
			json_set_string(out, "text", json_get_string(it.value, "text").ptr ? json_get_string(it.value, "text") : STR_EMPTY);
			json_end_object(out);
		} else if (str_eq_c(type, "file") && str_eq_c(role, "user")) {
			err = put_file(writer, it.value);
		} else if (!is_shown_only(type)) {
			err = bad_part(writer, ERR_UNSUPPORTED, "a part of a user must be text or a file, one of a system message text");
		}
	}
	json_end_array(out);
	json_end_object(out);
	return err;
}

/* --- the assistant's --- */

/* A value as text: a string as it is, anything else as JSON. */
static const struct err *
text_of(struct writer *writer, const struct json *value, bool quoted, struct str *out)
{
	struct buf *text = arena_alloc(writer->arena, sizeof(*text));
	struct json_out json;

	*out = json_string(value);
	if (!quoted && out->ptr)
		return NULL;
	if (!text || !buf_init_held(text, writer->arena, CHAT_MAX))
		return &err_no_memory;
	json_out_init(&json, text);
	json_put(&json, value);
	*out = buf_str(text);
	return buf_err(text);
}

/* What a call was given; input that was no JSON stands in rawInput. */
static const struct err *
put_call(struct writer *writer, const struct json *part)
{
	const struct json *input = json_get(part, "input");
	struct str type = json_get_string(part, "type"), id = json_get_string(part, "toolCallId"), arguments;
	struct str name = str_eq_c(type, "dynamic-tool") ? json_get_string(part, "toolName") : str_slice(type, 5, type.len);
	const struct err *err = text_of(writer, input ? input : json_get(part, "rawInput"), true, &arguments);
	struct json_out *out = &writer->json;

	if (err)
		return err;
	if (!id.len || !name.len)
		return bad_part(writer, ERR_INVALID, "a tool's part needs a 'toolCallId' and the tool's name");
	json_begin_object(out);
	json_set_string(out, "id", id);
	json_set_string(out, "type", STR("function"));
	json_set_object(out, "function");
	json_set_string(out, "name", name);
	json_set_string(out, "arguments", arguments);
	json_end_object(out);
	json_end_object(out);
	return NULL;
}

static const struct err *
put_output(struct writer *writer, const struct json *part)
{
	struct str state = json_get_string(part, "state"), text = STR_EMPTY;
	struct json_out *out = &writer->json;
	const struct err *err = NULL;

	if (str_eq_c(state, "output-available"))
		err = text_of(writer, json_get(part, "output"), false, &text);
	else if (str_eq_c(state, "output-error"))
		text = json_get_string(part, "errorText");
	else if (str_eq_c(state, "output-denied"))
		text = STR("The call was not allowed.");
	else
		err = bad_part(writer, ERR_INVALID, "this call of a tool has no output yet: add it (addToolOutput) before the next message");
	if (err)
		return err;
	json_begin_object(out);
	json_set_string(out, "role", STR("tool"));
	json_set_string(out, "tool_call_id", json_get_string(part, "toolCallId"));
	json_set_string(out, "content", text.ptr ? text : STR_EMPTY);
	json_end_object(out);
	return NULL;
}

/* One step: parts [from, to) of a message. A call that was stopped while its input came was never made. */
struct step {
	const struct json *parts;
	size_t from, to, texts, calls;
};

static bool
counts_as_call(const struct json *part)
{
	return is_tool(json_get_string(part, "type")) && !str_eq_c(json_get_string(part, "state"), "input-streaming");
}

static const struct err *
each_call(struct writer *writer, const struct step *step, const struct err *(*put)(struct writer *writer, const struct json *part))
{
	const struct err *err = NULL;

	for (struct json_iter it = json_iter(step->parts); !err && json_next(&it);) {
		if (it.index < step->from || it.index >= step->to || !counts_as_call(it.value))
			continue;
		writer->part = it.index;
		err = put(writer, it.value);
	}
	return err;
}

static const struct err *
put_step(struct writer *writer, const struct step *step)
{
	struct json_out *out = &writer->json;
	const struct err *err = NULL;
	struct buf text;

	if (!step->texts && !step->calls)
		return NULL;
	buf_init(&text, NULL, CHAT_MAX);
	for (struct json_iter it = json_iter(step->parts); json_next(&it);)
		if (it.index >= step->from && it.index < step->to && str_eq_c(json_get_string(it.value, "type"), "text") && json_get_string(it.value, "text").ptr)
			buf_add(&text, json_get_string(it.value, "text"));
	json_begin_object(out);
	json_set_string(out, "role", STR("assistant"));
	if (step->texts || !step->calls)
		json_set_string(out, "content", buf_str(&text));
	else
		json_set_null(out, "content");
	if (step->calls) {
		json_set_array(out, "tool_calls");
		err = each_call(writer, step, put_call);
		json_end_array(out);
	}
	json_end_object(out);
	if (!err)
		err = buf_err(&text);
	buf_fini(&text);
	return err ? err : each_call(writer, step, put_output);
}

static const struct err *
put_assistant(struct writer *writer, const struct json *parts)
{
	struct step step = { .parts = parts };
	const struct err *err = NULL;

	for (struct json_iter it = json_iter(parts); !err && json_next(&it);) {
		struct str type = json_get_string(it.value, "type");

		if (str_eq_c(type, "step-start")) {
			step.to = it.index;
			err = put_step(writer, &step);
			step = (struct step){ .parts = parts, .from = it.index };
		}
		writer->part = it.index;
		step.to = it.index + 1;
		step.texts += str_eq_c(type, "text");
		step.calls += counts_as_call(it.value);
		if (!err && !str_eq_c(type, "text") && !is_tool(type) && !is_shown_only(type))
			err = bad_part(writer, ERR_UNSUPPORTED, "a part of an assistant must be text, a call of a tool, or what is only shown (reasoning, sources, data)");
	}
	return err ? err : put_step(writer, &step);
}

/* --- the request --- */

static const struct err *
put_message(struct writer *writer, const struct json *message)
{
	const struct json *parts = json_get(message, "parts");
	struct str role = json_get_string(message, "role");

	writer->part = 0;
	if (!json_is(parts, JSON_ARRAY) || json_count(parts) > PARTS_MAX)
		return bad_part(writer, ERR_INVALID, "a UI message has a 'role' and a list of at most 4096 'parts'");
	if (str_eq_c(role, "assistant"))
		return put_assistant(writer, parts);
	if (str_eq_c(role, "user") || str_eq_c(role, "system"))
		return put_said(writer, role, parts);
	return bad_part(writer, ERR_INVALID, "the role of a message must be system, user or assistant");
}

static const struct err *
put_messages(struct writer *writer, const struct json *json)
{
	struct str system = json_get_string(json, "system"), prompt = json_get_string(json, "prompt");
	const struct json *messages = json_get(json, "messages");
	const struct err *err = NULL;

	if (!prompt.ptr && !json_is(messages, JSON_ARRAY))
		return err_param(writer->arena, ERR_INVALID, "messages", NULL, "messages: expected a list of UI messages, or a 'prompt' in its place");
	json_set_array(&writer->json, "messages");
	if (system.ptr)
		put_one(&writer->json, STR("system"), system);
	for (struct json_iter it = json_iter(prompt.ptr ? NULL : messages); !err && json_next(&it); writer->message++)
		err = put_message(writer, it.value);
	if (prompt.ptr)
		put_one(&writer->json, STR("user"), prompt);
	json_end_array(&writer->json);
	return err;
}

static bool
is_ours(struct str key)
{
	static const char *const keys[] = { "id", "messages", "trigger", "messageId", "prompt", "system", "schema", "schemaName", "stream" };

	for (size_t i = 0; i < COUNT(keys); i++)
		if (str_eq_c(key, keys[i]))
			return true;
	return false;
}

static const struct err *
put_schema(struct writer *writer, const struct json *json)
{
	const struct json *schema = json_get(json, "schema");
	struct str name = json_get_string(json, "schemaName"), text;
	struct json_out *out = &writer->json;
	const struct err *err = text_of(writer, schema, true, &text); /* as text: it moves two levels down, and may be as deep as JSON may be */

	if (err)
		return err;
	if (!json_is(schema, JSON_OBJECT))
		return err_param(writer->arena, ERR_INVALID, "schema", NULL, "schema: expected the JSON Schema of the object");
	json_set_object(out, "response_format");
	json_set_string(out, "type", STR("json_schema"));
	json_set_object(out, "json_schema");
	json_set_string(out, "name", name.len ? name : STR("object"));
	json_set_raw(out, "schema", text);
	json_end_object(out);
	json_end_object(out);
	return NULL;
}

/* The chat completions request, read as one that came so. */
static const struct err *
parse(struct arena *arena, const struct json *json, bool object, struct call **out)
{
	struct buf *text = arena_alloc(arena, sizeof(*text));
	struct arena *values;
	struct writer writer = { .arena = arena };
	const struct json *chat;
	const struct err *err;

	*out = NULL;
	if (!text || !buf_init_held(text, arena, CHAT_MAX))
		return &err_no_memory;
	json_out_init(&writer.json, text);
	json_begin_object(&writer.json);
	for (struct json_iter it = json_iter(json); json_next(&it);) {
		if (is_ours(it.key))
			continue;
		json_key(&writer.json, it.key);
		json_put(&writer.json, it.value);
	}
	json_set_bool(&writer.json, "stream", true);
	err = object ? put_schema(&writer, json) : NULL;
	if (!err)
		err = put_messages(&writer, json);
	if (err)
		return err;
	json_end_object(&writer.json);
	if (text->failed)
		return err_new(arena, ERR_TOO_LARGE, "the messages are too large");
	values = json_arena(arena, text->len);
	err = values ? json_parse_unique(values, buf_str(text), &chat) : &err_no_memory; /* what the page's `body` adds may be ours already */
	return err ? err : openai_chat_parse(arena, chat, buf_str(text), out);
}

/* An id that goes into headers and rows. */
static bool
id_ok(struct str id)
{
	for (size_t i = 0; i < id.len; i++)
		if ((unsigned char)id.ptr[i] <= ' ' || (unsigned char)id.ptr[i] >= 0x7f)
			return false;
	return id.len <= ID_MAX;
}

/* An assistant's message at the end is gone on with, and keeps its id. */
static struct str
message_id(struct arena *arena, const struct json *messages, struct str request_id)
{
	const struct json *last = NULL;

	for (struct json_iter it = json_iter(messages); json_next(&it);)
		last = it.value;
	if (last && str_eq_c(json_get_string(last, "role"), "assistant") && json_get_string(last, "id").len)
		return json_get_string(last, "id");
	return arena_printf(arena, "msg_%" STR_F, STR_A(request_id));
}

const struct err *
ai_sdk_parse_chat(struct arena *arena, const struct json *json, struct str request_id, struct ai_sdk_ask *out)
{
	struct str id = json_get_string(json, "id");
	const struct err *err;

	*out = (struct ai_sdk_ask){ .chat_id = id.ptr ? id : STR_EMPTY, .message_id = message_id(arena, json_get(json, "messages"), request_id) };
	if (!out->message_id.ptr)
		return &err_no_memory;
	if (!id_ok(out->chat_id))
		return err_param(arena, ERR_INVALID, "id", NULL, "id: the id of a chat has at most %d visible ASCII characters", ID_MAX);
	err = parse(arena, json, false, &out->call);
	if (!err && !out->call->conversation.len)
		out->call->conversation = out->chat_id;
	return err;
}

const struct err *
ai_sdk_parse_object(struct arena *arena, const struct json *json, struct call **out)
{
	return parse(arena, json, true, out);
}
