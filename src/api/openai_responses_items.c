/*
 * openai_responses_items.c - items of the Responses API: to messages of the inner form, and to what is kept of them.
 *
 * Each item becomes one message; the providers join neighbours where their wire wants it. What only a hosted tool of OpenAI's could have made is for servers of this protocol: no other target would
 * understand it.
 */
#include "api/openai_responses.h"

#include "base/random.h"

enum { PARTS_MAX = 4096, ITEM_MAX = 65 * 1024 * 1024 };

struct reader {
	struct arena *arena;
	const char *where;
	const struct err **foreign;
};

static const struct err *
bad(struct reader *reader, const char *field, const char *expected)
{
	struct str param = arena_printf(reader->arena, "%s%s%s", reader->where, *field ? "." : "", field);

	return err_param(reader->arena, ERR_INVALID, param.ptr, NULL, "%" STR_F ": %s", STR_A(param), expected);
}

/* What only a server of this protocol knows: the first counts. */
static const struct err *
foreign(struct reader *reader, const struct err *err)
{
	if (err == &err_no_memory)
		return err;
	if (!*reader->foreign)
		*reader->foreign = err;
	return NULL;
}

static struct part *
part_add(struct reader *reader, struct part ***end, enum part_type type)
{
	struct part *part = arena_zalloc(reader->arena, sizeof(*part));

	if (!part)
		return NULL;
	part->type = type;
	**end = part;
	*end = &part->next;
	return part;
}

/* --- contents --- */

static const struct err *
read_image(struct reader *reader, const struct json *json, struct part *part)
{
	part->url = json_get_string(json, "image_url");
	part->detail = json_get_string(json, "detail");
	part->id = part->url.len ? STR_EMPTY : json_get_string(json, "file_id");
	return part->url.len || part->id.len ? NULL : bad(reader, "content", "an input_image needs an 'image_url' or a 'file_id'");
}

static const struct err *
read_file(struct reader *reader, const struct json *json, struct part *part)
{
	struct str data = json_get_string(json, "file_data"), url = json_get_string(json, "file_url");

	part->name = json_get_string(json, "filename");
	part->url = data.len ? data : url;
	part->id = part->url.len ? STR_EMPTY : json_get_string(json, "file_id");
	return part->url.len || part->id.len ? NULL : bad(reader, "content", "an input_file needs 'file_data', a 'file_url' or a 'file_id'");
}

static bool
is_text_type(struct str type)
{
	return str_eq_c(type, "input_text") || str_eq_c(type, "output_text") || str_eq_c(type, "text") || str_eq_c(type, "summary_text") ||
		str_eq_c(type, "reasoning_text");
}

/* An empty text keeps its place: parts of the inner form stand in the order of those that came. */
static const struct err *
read_unknown(struct reader *reader, struct str type, struct part ***end)
{
	if (!part_add(reader, end, PART_TEXT))
		return &err_no_memory;
	return foreign(reader,
		err_param(reader->arena, ERR_UNSUPPORTED, arena_printf(reader->arena, "%s.content", reader->where).ptr, "unsupported_content",
			"%s.content: parts of the type '%" STR_F "' are known to providers that speak this protocol themselves, and this model's does not; input_text, input_image, input_file, output_text "
			"and refusal are supported",
			reader->where, STR_A(str_slice(type, 0, 100))));
}

static const struct err *
read_part(struct reader *reader, const struct json *json, struct part ***end, size_t index)
{
	struct str type = json_get_string(json, "type"), where = arena_printf(reader->arena, "%s.content[%zu]", reader->where, index);
	bool refusal = str_eq_c(type, "refusal");
	const struct err *err = where.ptr ? foreign(reader, responses_members_foreign(reader->arena, RESPONSES_PART, type, json, where.ptr)) : &err_no_memory;
	struct part *part;

	if (err)
		return err;
	if (is_text_type(type) || refusal) {
		struct str text = json_get_string(json, refusal ? "refusal" : "text");

		if (!text.ptr)
			return bad(reader, "content", "a text part needs a string 'text'");
		part = part_add(reader, end, refusal ? PART_REFUSAL : PART_TEXT);
		if (!part)
			return &err_no_memory;
		part->text = text;
		return NULL;
	}
	if (str_eq_c(type, "input_image") || str_eq_c(type, "input_file")) {
		bool image = str_eq_c(type, "input_image");

		part = part_add(reader, end, image ? PART_IMAGE : PART_FILE);
		return !part ? &err_no_memory : image ? read_image(reader, json, part) : read_file(reader, json, part);
	}
	return type.len ? read_unknown(reader, type, end) : bad(reader, "content", "a part needs a 'type': input_text, input_image, input_file, output_text or refusal");
}

static const struct err *
read_content(struct reader *reader, const struct json *content, struct part ***end)
{
	const struct err *err = NULL;
	struct part *part;

	if (json_is(content, JSON_STRING)) {
		part = part_add(reader, end, PART_TEXT);
		if (!part)
			return &err_no_memory;
		part->text = json_string(content);
		return NULL;
	}
	if (!json_is(content, JSON_ARRAY))
		return bad(reader, "content", "expected a string or an array of parts");
	if (json_count(content) > PARTS_MAX)
		return bad(reader, "content", "too many parts");
	for (struct json_iter it = json_iter(content); !err && json_next(&it);)
		err = read_part(reader, it.value, end, it.index);
	return err;
}

/* --- items --- */

static const struct err *
read_message(struct reader *reader, const struct json *item, struct message *message)
{
	struct part **end = &message->parts;

	if (!role_of(json_get_string(item, "role"), &message->role) || message->role == ROLE_TOOL)
		return bad(reader, "role", "must be user, assistant, system or developer");
	return read_content(reader, json_get(item, "content"), &end);
}

static const struct err *
read_call(struct reader *reader, const struct json *item, struct message *message)
{
	struct part **end = &message->parts;
	struct part *part = part_add(reader, &end, PART_TOOL_CALL);

	if (!part)
		return &err_no_memory;
	message->role = ROLE_ASSISTANT;
	part->id = json_get_string(item, "call_id");
	part->name = json_get_string(item, "name");
	part->custom = str_eq_c(json_get_string(item, "type"), "custom_tool_call");
	part->text = json_get_string(item, part->custom ? "input" : "arguments");
	if (!part->id.len || !part->name.len)
		return bad(reader, "", part->custom ? "a custom_tool_call needs a 'call_id' and a 'name'" : "a function_call needs a 'call_id' and a 'name'");
	if (!part->text.ptr)
		return part->custom ? bad(reader, "input", "expected the input as text") : bad(reader, "arguments", "expected the arguments as JSON text");
	return NULL;
}

static const struct err *
read_result(struct reader *reader, const struct json *item, struct message *message)
{
	struct part **end = &message->parts;
	struct message content = { 0 };
	struct part **content_end = &content.parts;
	const struct err *err = read_content(reader, json_get(item, "output"), &content_end);
	struct part *part = err ? NULL : part_add(reader, &end, PART_TOOL_RESULT);

	if (!part)
		return err ? err : &err_no_memory;
	message->role = ROLE_TOOL;
	part->id = json_get_string(item, "call_id");
	part->custom = str_eq_c(json_get_string(item, "type"), "custom_tool_call_output");
	part->text = message_text(reader->arena, &content);
	if (!part->text.ptr)
		return &err_no_memory;
	for (const struct part *each = content.parts; each; each = each->next)
		if (each->type != PART_TEXT)
			part->parts = content.parts;
	return part->id.len ? NULL : bad(reader, "call_id", "the output of a call must name the call it answers");
}

/* Its own content where there is one, else its summary: what the provider signed is what we gave out. */
static const struct err *
read_reasoning(struct reader *reader, const struct json *item, struct message *message)
{
	const struct json *content = json_get(item, "content"), *summary = json_get(item, "summary");
	struct part **end = &message->parts;
	struct message texts = { 0 };
	struct part **texts_end = &texts.parts;
	const struct json *said = json_count(content) ? content : summary;
	const struct err *err = json_is(said, JSON_ARRAY) ? read_content(reader, said, &texts_end) : NULL;
	struct part *part = err ? NULL : part_add(reader, &end, PART_REASONING);

	if (!part)
		return err ? err : &err_no_memory;
	message->role = ROLE_ASSISTANT;
	part->text = message_text(reader->arena, &texts);
	part->signature = json_get_string(item, "encrypted_content");
	return part->text.ptr ? NULL : &err_no_memory;
}

/* An item without a type is a message if it has a role, else a reference. */
static struct str
item_type(const struct json *item)
{
	struct str type = json_get_string(item, "type");

	if (type.len)
		return type;
	return json_get_string(item, "role").len ? STR("message") : STR("item_reference");
}

/* A message that says nothing but what came. */
static const struct err *
read_other(struct reader *reader, struct str type, struct message *message)
{
	message->role = ROLE_ASSISTANT;
	return foreign(reader,
		err_param(reader->arena, ERR_UNSUPPORTED, arena_printf(reader->arena, "%s.type", reader->where).ptr, "unsupported_item",
			"%s.type: items of the type '%" STR_F "' are not supported here; message, function_call, function_call_output, custom_tool_call, custom_tool_call_output, reasoning, file_search_call "
			"and item_reference are",
			reader->where, STR_A(str_slice(type, 0, 100))));
}

const struct err *
responses_item_message(struct arena *arena, const struct json *item, const char *where, struct message ***end, const struct err **out)
{
	struct reader reader = { arena, where, out };
	struct str type = item_type(item);
	struct message *message = arena_zalloc(arena, sizeof(*message));
	const struct err *err;

	if (!message)
		return &err_no_memory;
	if (!json_is(item, JSON_OBJECT))
		return bad(&reader, "", "expected an object");
	err = foreign(&reader, responses_members_foreign(arena, RESPONSES_ITEM, type, item, where));
	if (err)
		return err;
	if (str_eq_c(type, "message"))
		err = read_message(&reader, item, message);
	else if (str_eq_c(type, "function_call") || str_eq_c(type, "custom_tool_call"))
		err = read_call(&reader, item, message);
	else if (str_eq_c(type, "function_call_output") || str_eq_c(type, "custom_tool_call_output"))
		err = read_result(&reader, item, message);
	else if (str_eq_c(type, "reasoning"))
		err = read_reasoning(&reader, item, message);
	else if (str_eq_c(type, "file_search_call"))
		return NULL; /* what was found then stands in the answer that was made of it */
	else if (str_eq_c(type, "item_reference"))
		return bad(&reader, "", "an item needs a 'type', or a 'role'; references stand in requests alone, with an 'id'");
	else
		err = read_other(&reader, type, message);
	message->raw = item;
	**end = message;
	*end = &message->next;
	return err;
}

/* --- what is kept --- */

const char *
responses_id_prefix(struct str type)
{
	static const struct {
		const char *type, *prefix;
	} prefixes[] = { { "message", "msg" }, { "function_call", "fc" }, { "function_call_output", "fco" }, { "custom_tool_call", "ctc" },
		{ "custom_tool_call_output", "ctco" }, { "reasoning", "rs" }, { "file_search_call", "fs" } };

	for (size_t i = 0; i < COUNT(prefixes); i++)
		if (str_eq_c(type, prefixes[i].type))
			return prefixes[i].prefix;
	return "item";
}

struct str
responses_id_new(struct arena *arena, const char *prefix)
{
	struct id id = id_new();

	return arena_printf(arena, "%s_%" STR_F, prefix, STR_A(id_str(&id)));
}

static void
keep_text(struct json_out *out, struct str text, bool output)
{
	json_begin_object(out);
	json_set_string(out, "type", output ? STR("output_text") : STR("input_text"));
	json_set_string(out, "text", text);
	if (output) {
		json_set_raw(out, "annotations", STR("[]"));
		json_set_raw(out, "logprobs", STR("[]"));
	}
	json_end_object(out);
}

static void
keep_part(struct json_out *out, const struct json *part, bool output)
{
	bool text = is_text_type(json_get_string(part, "type"));

	if (text && (!output || !json_get(part, "annotations") || !json_get(part, "logprobs"))) {
		keep_text(out, json_get_string(part, "text"), output);
		return;
	}
	if (!str_eq_c(json_get_string(part, "type"), "input_image") || json_get(part, "detail")) {
		json_put(out, part);
		return;
	}
	json_begin_object(out);
	for (struct json_iter it = json_iter(part); json_next(&it);) {
		json_key(out, it.key);
		json_put(out, it.value);
	}
	json_set_string(out, "detail", STR("auto"));
	json_end_object(out);
}

static void
keep_message(struct json_out *out, const struct json *item)
{
	struct str role = json_get_string(item, "role"), status = json_get_string(item, "status");
	const struct json *content = json_get(item, "content");
	bool output = str_eq_c(role, "assistant");

	json_begin_object(out);
	json_set_string(out, "type", STR("message"));
	json_set_string(out, "status", status.len ? status : STR("completed"));
	json_set_string(out, "role", role);
	json_set_array(out, "content");
	if (json_is(content, JSON_STRING))
		keep_text(out, json_string(content), output);
	for (struct json_iter it = json_iter(json_is(content, JSON_ARRAY) ? content : NULL); json_next(&it);)
		keep_part(out, it.value, output);
	json_end_array(out);
	json_end_object(out);
}

static void
keep_other(struct json_out *out, const struct json *item)
{
	static const char *const with_status[] = { "function_call", "function_call_output", "file_search_call" };
	bool status = json_get_string(item, "status").len > 0;

	json_begin_object(out);
	for (struct json_iter it = json_iter(item); json_next(&it);) {
		if (str_eq_c(it.key, "id") || json_is(it.value, JSON_NULL))
			continue;
		json_key(out, it.key);
		json_put(out, it.value);
	}
	for (size_t i = 0; i < COUNT(with_status) && !status; i++)
		if (str_eq_c(json_get_string(item, "type"), with_status[i]))
			json_set_string(out, "status", STR("completed"));
	json_end_object(out);
}

const struct err *
responses_item_keep(struct arena *arena, const struct json *item, struct response_item *out)
{
	struct str id = json_get_string(item, "id"), type = item_type(item);
	struct buf *body = arena_alloc(arena, sizeof(*body));
	struct json_out json;

	if (!body || !buf_init_held(body, arena, ITEM_MAX))
		return &err_no_memory;
	json_out_init(&json, body);
	if (str_eq_c(type, "message"))
		keep_message(&json, item);
	else
		keep_other(&json, item);
	*out = (struct response_item){
		.id = id.len ? id : responses_id_new(arena, responses_id_prefix(type)),
		.body = buf_str(body),
	};
	return out->id.ptr ? buf_err(body) : &err_no_memory;
}

void
response_item_put(struct json_out *out, struct str id, const struct json *body, bool with_results, bool with_encrypted)
{
	struct str type = json_get_string(body, "type");
	bool search = str_eq_c(type, "file_search_call"), reasoning = str_eq_c(type, "reasoning");

	json_begin_object(out);
	json_set_string(out, "id", id);
	for (struct json_iter it = json_iter(body); json_next(&it);) {
		if (str_eq_c(it.key, "id") || (search && !with_results && str_eq_c(it.key, "results")) || (reasoning && !with_encrypted && str_eq_c(it.key, "encrypted_content")))
			continue;
		json_key(out, it.key);
		json_put(out, it.value);
	}
	if (search && !with_results)
		json_set_null(out, "results");
	json_end_object(out);
}
