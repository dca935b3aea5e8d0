/*
 * anthropic_blocks.c - the content of a message, block by block, to the inner form's parts.
 *
 * Documents in words and search results become text behind their titles, since no other wire has them. Blocks that are not known here stay in the message as it came, for Anthropic.
 */
#include "api/anthropic_parse.h"

enum { INPUT_MAX = 16 * 1024 * 1024 };

const struct err *
anthropic_bad_field(struct anthropic_parser *parser, const char *field, const char *expected)
{
	return err_param(parser->arena, ERR_INVALID, field, NULL, "%s: %s", field, expected);
}

static const struct err *
bad_message(struct anthropic_parser *parser, const char *field, const char *expected)
{
	return anthropic_bad_field(parser, arena_printf(parser->arena, "messages.%zu.%s", parser->message, field).ptr, expected);
}

static const struct err *
bad_block(struct anthropic_parser *parser, const char *expected)
{
	return anthropic_bad_field(parser, arena_printf(parser->arena, "messages.%zu.content.%zu", parser->message, parser->block).ptr, expected);
}

static void
note_extra_block(struct anthropic_parser *parser, struct str type)
{
	anthropic_note_extra(parser, arena_printf(parser->arena, "messages.%zu.content.%zu (%" STR_F ")", parser->message, parser->block, STR_A(type)));
}

static struct str
block_path(struct anthropic_parser *parser)
{
	return arena_printf(parser->arena, "messages.%zu.content.%zu", parser->message, parser->block);
}

static struct part *
part_add(struct anthropic_parser *parser, struct part ***end, enum part_type type, const struct json *raw)
{
	struct part *part = arena_zalloc(parser->arena, sizeof(*part));

	if (!part)
		return NULL;
	part->type = type;
	part->raw = raw;
	part->cache = json_get(raw, "cache_control");
	**end = part;
	*end = &part->next;
	return part;
}

struct str
anthropic_text(const struct json *object, const char *key)
{
	struct str text = json_get_string(object, key);

	return text.ptr ? text : STR_EMPTY;
}

/* --- blocks --- */

typedef const struct err *block_parse_fn(struct anthropic_parser *parser, const struct json *json, struct part ***end);

static block_parse_fn parse_block;

const struct err *
anthropic_parse_text(struct anthropic_parser *parser, const struct json *json, struct part ***end)
{
	struct str text = json_get_string(json, "text");
	struct part *part = part_add(parser, end, PART_TEXT, json);

	if (!part)
		return &err_no_memory;
	part->text = text;
	return text.ptr ? NULL : bad_block(parser, "a text block needs a string 'text'");
}

/* A source of bytes: base64, a URL, or a file that Anthropic keeps. */
static const struct err *
parse_source(struct anthropic_parser *parser, const struct json *source, struct part *part)
{
	struct str type = anthropic_text(source, "type"), data = anthropic_text(source, "data");

	part->media_type = anthropic_text(source, "media_type");
	if (str_eq_c(type, "base64") && data.len && part->media_type.len) {
		part->url = data_url_make(parser->arena, part->media_type, data);
		return part->url.ptr ? NULL : &err_no_memory;
	}
	part->url = str_eq_c(type, "url") ? anthropic_text(source, "url") : STR_EMPTY;
	part->id = str_eq_c(type, "file") ? anthropic_text(source, "file_id") : STR_EMPTY;
	if (part->id.len)
		note_extra_block(parser, STR("a file kept at Anthropic"));
	return part->url.len || part->id.len ? NULL : bad_block(parser, "the 'source' must be base64 with media_type and data, a url, or a file");
}

static const struct err *
parse_image(struct anthropic_parser *parser, const struct json *json, struct part ***end)
{
	struct part *part = part_add(parser, end, PART_IMAGE, json);

	return part ? parse_source(parser, json_get(json, "source"), part) : &err_no_memory;
}

static void
note_citations(struct anthropic_parser *parser, const struct json *json)
{
	if (json_bool(json_get(json_get(json, "citations"), "enabled"), false))
		note_extra_block(parser, STR("citations"));
}

/* Text that has a title and perhaps a source: both stand in front of it. */
static const struct err *
add_titled(struct anthropic_parser *parser, const struct json *json, struct str text, struct part ***end)
{
	struct str title = anthropic_text(json, "title"), source = anthropic_text(json, "source"), context = anthropic_text(json, "context");
	struct part *part = part_add(parser, end, PART_TEXT, json);
	struct buf *joined = arena_alloc(parser->arena, sizeof(*joined));

	if (!part || !joined || !buf_init_held(joined, parser->arena, text.len + title.len + source.len + context.len + 8))
		return &err_no_memory;
	for (size_t i = 0; i < 3; i++) {
		struct str head = i == 0 ? title : i == 1 ? source : context;

		buf_add(joined, head);
		buf_add(joined, head.len ? STR("\n") : STR_EMPTY);
	}
	buf_add(joined, text);
	part->text = buf_str(joined);
	return joined->failed ? &err_no_memory : NULL;
}

/* The blocks of a document or of a search result, behind its title. */
static const struct err *
add_titled_blocks(struct anthropic_parser *parser, const struct json *json, const struct json *content, struct part ***end)
{
	const struct err *err = add_titled(parser, json, json_is(content, JSON_STRING) ? json_string(content) : STR_EMPTY, end);

	if (!err && !json_is(content, JSON_STRING) && !json_is(content, JSON_ARRAY))
		err = bad_block(parser, "expected 'content' as a string or an array of blocks");
	if (json_count(content) > ANTHROPIC_PARTS_MAX)
		err = bad_block(parser, "too many blocks");
	for (struct json_iter it = json_iter(json_is(content, JSON_ARRAY) ? content : NULL); !err && json_next(&it);) {
		struct str type = anthropic_text(it.value, "type");

		if (str_eq_c(type, "text"))
			err = anthropic_parse_text(parser, it.value, end);
		else if (str_eq_c(type, "image"))
			err = parse_image(parser, it.value, end);
		else
			note_extra_block(parser, type);
	}
	return err;
}

static const struct err *
parse_document(struct anthropic_parser *parser, const struct json *json, struct part ***end)
{
	const struct json *source = json_get(json, "source");
	struct str type = anthropic_text(source, "type");
	struct part *part;

	note_citations(parser, json);
	if (str_eq_c(type, "text"))
		return add_titled(parser, json, anthropic_text(source, "data"), end);
	if (str_eq_c(type, "content"))
		return add_titled_blocks(parser, json, json_get(source, "content"), end);
	if (anthropic_text(json, "context").len) { /* a file has no place for it */
		part = part_add(parser, end, PART_TEXT, NULL);
		if (!part)
			return &err_no_memory;
		part->text = anthropic_text(json, "context");
	}
	part = part_add(parser, end, PART_FILE, json);
	if (!part)
		return &err_no_memory;
	part->name = anthropic_text(json, "title");
	return parse_source(parser, source, part);
}

static const struct err *
parse_search_result(struct anthropic_parser *parser, const struct json *json, struct part ***end)
{
	note_citations(parser, json);
	return add_titled_blocks(parser, json, json_get(json, "content"), end);
}

static const struct err *
parse_thinking(struct anthropic_parser *parser, const struct json *json, struct part ***end)
{
	struct part *part = part_add(parser, end, PART_REASONING, json);

	if (!part)
		return &err_no_memory;
	part->text = json_get_string(json, "thinking");
	part->signature = anthropic_text(json, "signature");
	if (!part->signature.len)
		parser->call->changed = true; /* nobody signed it: Anthropic must not see it */
	return part->text.ptr ? NULL : bad_block(parser, "a thinking block needs a string 'thinking' and its 'signature'");
}

static const struct err *
parse_redacted(struct anthropic_parser *parser, const struct json *json, struct part ***end)
{
	struct part *part = part_add(parser, end, PART_REASONING, json);

	if (!part)
		return &err_no_memory;
	part->text = str_n(NULL, 0);
	part->signature = anthropic_text(json, "data");
	return part->signature.len ? NULL : bad_block(parser, "a redacted_thinking block needs its 'data'");
}

static const struct err *
parse_tool_use(struct anthropic_parser *parser, const struct json *json, struct part ***end)
{
	struct part *part = part_add(parser, end, PART_TOOL_CALL, json);
	const struct json *input = json_get(json, "input");
	struct buf *text = arena_alloc(parser->arena, sizeof(*text));
	struct json_out out;

	if (!part || !text || !buf_init_held(text, parser->arena, INPUT_MAX))
		return &err_no_memory;
	part->id = anthropic_text(json, "id");
	part->name = anthropic_text(json, "name");
	if (!part->id.len || !part->name.len || !json_is(input, JSON_OBJECT))
		return bad_block(parser, "a tool_use block needs an 'id', a 'name' and an object 'input'");
	json_out_init(&out, text);
	json_put(&out, input);
	part->text = buf_str(text);
	return buf_err(text);
}

static const struct err *
parse_tool_result(struct anthropic_parser *parser, const struct json *json, struct part ***end)
{
	const struct json *content = json_get(json, "content");
	struct part *part = part_add(parser, end, PART_TOOL_RESULT, json);
	struct message inner = { 0 };
	struct part **inner_end = &inner.parts;
	const struct err *err = NULL;

	if (!part)
		return &err_no_memory;
	part->id = anthropic_text(json, "tool_use_id");
	part->failed = json_bool(json_get(json, "is_error"), false);
	if (!part->id.len)
		return bad_block(parser, "a tool_result block needs the 'tool_use_id' it answers");
	part->text = json_is(content, JSON_STRING) ? json_string(content) : STR_EMPTY;
	if (json_count(content) > ANTHROPIC_PARTS_MAX)
		return bad_block(parser, "too many blocks");
	for (struct json_iter it = json_iter(json_is(content, JSON_ARRAY) ? content : NULL); !err && json_next(&it);) {
		struct str type = anthropic_text(it.value, "type");

		if (str_eq_c(type, "text") || str_eq_c(type, "image") || str_eq_c(type, "document") || str_eq_c(type, "search_result"))
			err = parse_block(parser, it.value, &inner_end);
		else
			note_extra_block(parser, type);
	}
	if (err || !inner.parts)
		return err;
	part->text = message_text(parser->arena, &inner);
	if (!part->text.ptr)
		return &err_no_memory;
	if (inner.parts->next || inner.parts->type != PART_TEXT)
		part->parts = inner.parts;
	return NULL;
}

static const struct err *
parse_block(struct anthropic_parser *parser, const struct json *json, struct part ***end)
{
	static const struct {
		const char *name;
		block_parse_fn *parse;
	} types[] = { { "text", anthropic_parse_text }, { "image", parse_image }, { "document", parse_document }, { "search_result", parse_search_result },
		{ "thinking", parse_thinking }, { "redacted_thinking", parse_redacted }, { "tool_use", parse_tool_use }, { "tool_result", parse_tool_result } };
	struct str type = anthropic_text(json, "type");

	if (!type.len)
		return bad_block(parser, "expected an object with a 'type'");
	anthropic_note_members(parser, ANTHROPIC_BLOCK, type, json, block_path(parser));
	for (size_t i = 0; i < COUNT(types); i++)
		if (str_eq_c(type, types[i].name))
			return types[i].parse(parser, json, end);
	note_extra_block(parser, type); /* of Anthropic's own tools, or newer than this file: Anthropic knows it */
	return NULL;
}

const struct err *
anthropic_parse_content(struct anthropic_parser *parser, const struct json *content, struct message *message)
{
	struct part **end = &message->parts;
	const struct err *err = NULL;
	struct part *part;

	if (json_is(content, JSON_STRING)) {
		part = part_add(parser, &end, PART_TEXT, NULL);
		if (part)
			part->text = json_string(content);
		return part ? NULL : &err_no_memory;
	}
	if (!json_is(content, JSON_ARRAY))
		return bad_message(parser, "content", "expected a string or an array of blocks");
	if (json_count(content) > ANTHROPIC_PARTS_MAX)
		return bad_message(parser, "content", "too many blocks");
	parser->block = 0;
	for (struct json_iter it = json_iter(content); !err && json_next(&it); parser->block++)
		err = parse_block(parser, it.value, &end);
	return err;
}
