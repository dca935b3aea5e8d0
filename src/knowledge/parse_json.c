/*
 * parse_json.c - JSON and JSON lines to blocks: a record a row, "path: value; path: value".
 *
 * A line of JSONL, an element of an array of objects at the top, or a member of the object at the top is a record. What is nested in it is named by its path ("address.city",
 * "tags.2"). Long texts become paragraphs of their own under a heading that is their path, so that prose kept in JSON is cut like prose.
 */
#include "knowledge/parser.h"

#include <stdio.h>

#include "json/json.h"
#include "knowledge/decode.h"

enum { LONG_TEXT = 300, PATH_BYTES_MAX = 400 };

struct level {
	struct json_iter iter;
	size_t path_len;
	size_t index;
	bool is_array;
};

struct flat {
	struct block_writer *out;
	struct level *levels;     /* room for JSON_DEPTH_MAX + 1 */
	struct buf scalar;        /* a number or a boolean as text */
	char path[PATH_BYTES_MAX];
	size_t path_len;
	unsigned heading;         /* level of headings over long texts */
	bool begun;               /* the row holds something */
	bool in_row;
};

static void
path_add(struct flat *flat, struct str part)
{
	if (flat->path_len && flat->path_len < sizeof(flat->path))
		flat->path[flat->path_len++] = '.';
	part = str_slice(part, 0, sizeof(flat->path) - flat->path_len);
	memcpy(flat->path + flat->path_len, part.ptr, part.len);
	flat->path_len += part.len;
}

static void
put_long_text(struct flat *flat, struct str text)
{
	struct str line;

	if (flat->path_len) {
		block_add(flat->out, BLOCK_HEADING, flat->heading, str_n(flat->path, flat->path_len));
		flat->in_row = false;
	}
	while (str_split(&text, '\n', &line))
		block_add(flat->out, BLOCK_PARAGRAPH, 0, line);
	flat->in_row = false;
	flat->begun = false;
}

static void
put_scalar(struct flat *flat, const struct json *value)
{
	struct str text = json_string(value);
	struct json_out out;

	if (text.len >= LONG_TEXT) {
		put_long_text(flat, text);
		return;
	}
	if (!json_is(value, JSON_STRING)) {
		buf_clear(&flat->scalar);
		json_out_init(&out, &flat->scalar);
		json_put(&out, value);
		text = buf_str(&flat->scalar);
	}
	if (text.len == 0 || json_is(value, JSON_NULL))
		return;
	if (!flat->in_row) {
		block_open(flat->out, BLOCK_ROW, 0, STR_EMPTY);
		flat->in_row = true;
		flat->begun = false;
	}
	if (flat->begun)
		block_text(flat->out, STR("; "));
	flat->begun = true;
	if (flat->path_len) {
		block_text(flat->out, str_n(flat->path, flat->path_len));
		block_text(flat->out, STR(": "));
	}
	block_text(flat->out, text);
}

static bool
is_container(const struct json *value)
{
	return json_is(value, JSON_OBJECT) || json_is(value, JSON_ARRAY);
}

static void
level_open(struct flat *flat, struct level *level, const struct json *container)
{
	*level = (struct level){ .iter = json_iter(container), .path_len = flat->path_len, .is_array = json_is(container, JSON_ARRAY) };
}

/* All that is in a record, depth first; the parser has bounded the depth. */
static void
put_record(struct flat *flat, const struct json *record)
{
	struct level *levels = flat->levels;
	size_t depth = 0;

	flat->in_row = false;
	if (!is_container(record)) {
		put_scalar(flat, record);
		block_close(flat->out);
		return;
	}
	level_open(flat, &levels[depth++], record);
	while (depth && !flat->out->err) {
		struct level *level = &levels[depth - 1];
		char number[24];

		flat->path_len = level->path_len;
		if (!json_next(&level->iter)) {
			depth--;
			continue;
		}
		snprintf(number, sizeof(number), "%zu", ++level->index);
		path_add(flat, level->is_array ? str_of(number) : level->iter.key);
		if (is_container(level->iter.value) && depth <= JSON_DEPTH_MAX)
			level_open(flat, &levels[depth++], level->iter.value);
		else
			put_scalar(flat, level->iter.value);
	}
	block_close(flat->out);
}

static bool
flat_init(struct flat *flat, struct block_writer *out)
{
	*flat = (struct flat){ .out = out, .heading = 1, .levels = arena_array(out->arena, JSON_DEPTH_MAX + 1, sizeof(struct level)) };
	buf_init(&flat->scalar, out->arena, 64);
	return flat->levels;
}

const struct err *
parse_json(const struct parse_input *input, struct block_writer *out)
{
	const struct json *root;
	struct flat flat;
	struct str text;
	const struct err *err = text_decode(out->arena, input->bytes, &text);

	if (!err && !flat_init(&flat, out))
		err = &err_no_memory;
	if (!err)
		err = json_parse(out->arena, text, &root);
	if (err)
		return err;
	if (!is_container(root)) {
		put_record(&flat, root);
		return out->err;
	}
	for (struct json_iter it = json_iter(root); json_next(&it) && !out->err;) {
		flat.path_len = 0;
		if (json_is(root, JSON_OBJECT))
			path_add(&flat, it.key);
		put_record(&flat, it.value);
	}
	return out->err;
}

const struct err *
parse_jsonl(const struct parse_input *input, struct block_writer *out)
{
	struct arena *scratch = arena_new(MIB(512)); /* of one line */
	const struct json *record;
	struct flat flat;
	struct str rest, line;
	const struct err *err = text_decode(out->arena, input->bytes, &rest);
	size_t number = 0;

	if (!err && !flat_init(&flat, out))
		err = &err_no_memory;
	while (!err && !out->err && str_split(&rest, '\n', &line)) {
		number++;
		line = str_trim(line);
		if (line.len == 0)
			continue;
		err = json_parse(scratch, line, &record);
		if (err) {
			err = err_new(out->arena, ERR_INVALID, "line %zu is no JSON: %" STR_F, number, STR_A(err->message));
			break;
		}
		flat.path_len = 0;
		put_record(&flat, record);
		arena_reset(scratch);
	}
	arena_free(scratch);
	return err ? err : out->err;
}
