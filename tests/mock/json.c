/*
 * json.c - see json.h. A recursive descent over the text; depth and node count are bounded.
 */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 256, NODES_MAX = 1 << 22 };

struct reader {
	const char *at;
	const char *end;
	struct json *json;
	int depth;
};

static bool reader_value(struct reader *reader);

static void
reader_space(struct reader *reader)
{
	while (reader->at < reader->end && memchr(" \t\r\n", *reader->at, 4))
		reader->at++;
}

static bool
reader_take(struct reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

/* Opens a node at the current place; returns its index, or UINT32_MAX when there are too many. */
static uint32_t
reader_open(struct reader *reader, enum json_type type)
{
	struct json *json = reader->json;

	if (json->count == NODES_MAX)
		return UINT32_MAX;
	if (json->count == json->capacity) {
		json->capacity = json->capacity ? json->capacity * 2 : 256;
		json->nodes = realloc(json->nodes, json->capacity * sizeof(*json->nodes));
		if (!json->nodes) {
			fprintf(stderr, "out of memory at %zu JSON nodes\n", json->capacity);
			exit(1);
		}
	}
	json->nodes[json->count] = (struct json_node){ .type = type, .text = { reader->at, 0 } };
	return (uint32_t)json->count++;
}

static void
reader_close(struct reader *reader, uint32_t index, const char *end)
{
	struct json_node *node = &reader->json->nodes[index];

	node->text.len = (size_t)(end - node->text.ptr);
	node->next = (uint32_t)reader->json->count;
}

/* One escape sequence behind its backslash. */
static bool
reader_escape(struct reader *reader)
{
	if (reader->at == reader->end)
		return false;

	char c = *reader->at++;

	if (c != 'u')
		return c != 0 && strchr("\"\\/bfnrt", c) != NULL;
	if (reader->end - reader->at < 4)
		return false;
	for (int i = 0; i < 4; i++, reader->at++) {
		if (*reader->at == 0 || !strchr("0123456789abcdefABCDEF", *reader->at))
			return false;
	}
	return true;
}

static bool
reader_string(struct reader *reader)
{
	reader->at++;

	uint32_t index = reader_open(reader, JSON_STRING);

	if (index == UINT32_MAX)
		return false;
	while (reader->at < reader->end) {
		unsigned char c = (unsigned char)*reader->at++;

		if (c == '"') {
			reader_close(reader, index, reader->at - 1);
			return true;
		}
		if (c < 0x20 || (c == '\\' && !reader_escape(reader)))
			return false;
	}
	return false;
}

static bool
reader_digits(struct reader *reader)
{
	const char *start = reader->at;

	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
		reader->at++;
	return reader->at > start;
}

static bool
reader_number(struct reader *reader)
{
	uint32_t index = reader_open(reader, JSON_NUMBER);

	if (index == UINT32_MAX)
		return false;
	reader_take(reader, '-');
	if (!reader_take(reader, '0') && !reader_digits(reader))
		return false;
	if (reader_take(reader, '.') && !reader_digits(reader))
		return false;
	if (reader_take(reader, 'e') || reader_take(reader, 'E')) {
		if (!reader_take(reader, '-'))
			reader_take(reader, '+');
		if (!reader_digits(reader))
			return false;
	}
	reader_close(reader, index, reader->at);
	return true;
}

static bool
reader_word(struct reader *reader, struct str word, enum json_type type)
{
	uint32_t index = reader_open(reader, type);

	if (index == UINT32_MAX || (size_t)(reader->end - reader->at) < word.len || memcmp(reader->at, word.ptr, word.len) != 0)
		return false;
	reader->at += word.len;
	reader_close(reader, index, reader->at);
	return true;
}

static bool
reader_member(struct reader *reader)
{
	reader_space(reader);
	if (reader->at == reader->end || *reader->at != '"' || !reader_string(reader))
		return false;
	reader_space(reader);
	return reader_take(reader, ':') && reader_value(reader);
}

static bool
reader_container(struct reader *reader, char close, enum json_type type)
{
	uint32_t index = reader_open(reader, type);
	bool first = true;

	if (index == UINT32_MAX || ++reader->depth > DEPTH_MAX)
		return false;
	reader->at++;
	reader_space(reader);
	while (!reader_take(reader, close)) {
		if (!first && !reader_take(reader, ','))
			return false;
		first = false;
		if (!(type == JSON_OBJECT ? reader_member(reader) : reader_value(reader)))
			return false;
		reader_space(reader);
	}
	reader->depth--;
	reader_close(reader, index, reader->at);
	return true;
}

static bool
reader_value(struct reader *reader)
{
	reader_space(reader);
	if (reader->at == reader->end)
		return false;
	switch (*reader->at) {
	case '{':
		return reader_container(reader, '}', JSON_OBJECT);
	case '[':
		return reader_container(reader, ']', JSON_ARRAY);
	case '"':
		return reader_string(reader);
	case 't':
		return reader_word(reader, STR("true"), JSON_TRUE);
	case 'f':
		return reader_word(reader, STR("false"), JSON_FALSE);
	case 'n':
		return reader_word(reader, STR("null"), JSON_NULL);
	default:
		return reader_number(reader);
	}
}

bool
json_parse(struct json *json, struct str text)
{
	struct reader reader = { .at = text.ptr, .end = text.ptr + text.len, .json = json };

	json->count = 0;
	if (!str_is_utf8(text) || !reader_value(&reader))
		return false;
	reader_space(&reader);
	return reader.at == reader.end;
}

bool
json_is(const struct json_node *node, enum json_type type)
{
	return node && node->type == type;
}

const struct json_node *
json_first(const struct json *json, const struct json_node *container)
{
	if (!json_is(container, JSON_ARRAY) && !json_is(container, JSON_OBJECT))
		return NULL;
	return container->next == container - json->nodes + 1 ? NULL : container + 1;
}

const struct json_node *
json_after(const struct json *json, const struct json_node *container, const struct json_node *item)
{
	return item->next == container->next ? NULL : json->nodes + item->next;
}

const struct json_node *
json_get(const struct json *json, const struct json_node *object, const char *key)
{
	const struct json_node *found = NULL, *name = json_is(object, JSON_OBJECT) ? json_first(json, object) : NULL;
	struct str wanted = { key, strlen(key) };

	while (name) {
		const struct json_node *value = json_after(json, object, name);

		if (str_equal(name->text, wanted))
			found = value;
		name = json_after(json, object, value);
	}
	return found;
}

/* Four hexadecimal digits; the reader has checked them. */
static uint32_t
hex4(const char *at)
{
	char digits[5] = { at[0], at[1], at[2], at[3], 0 };

	return (uint32_t)strtoul(digits, NULL, 16);
}

static void
utf8_add(struct bytes *out, uint32_t point)
{
	char *to = bytes_reserve(out, 4);
	size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = len - 1; i > 0; i--, point >>= 6)
		to[i] = (char)(0x80 | (point & 0x3f));
	to[0] = (char)(lead[len] | point);
	out->len += len;
}

/* Resolves the \u escape at `at`, and the second one of a surrogate pair; returns how much it took. A lone surrogate gives U+FFFD. */
static size_t
unicode_add(struct bytes *out, struct str text, size_t at)
{
	uint32_t point = hex4(text.ptr + at + 2);

	if (point < 0xd800 || point > 0xdfff) {
		utf8_add(out, point);
		return 6;
	}
	if (point < 0xdc00 && text.len - at >= 12 && text.ptr[at + 6] == '\\' && text.ptr[at + 7] == 'u') {
		uint32_t low = hex4(text.ptr + at + 8);

		if (low >= 0xdc00 && low <= 0xdfff) {
			utf8_add(out, 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00));
			return 12;
		}
	}
	utf8_add(out, 0xfffd);
	return 6;
}

void
json_text(const struct json_node *node, struct bytes *out)
{
	static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
	struct str text = node->text;

	if (node->type != JSON_STRING || !memchr(text.ptr, '\\', text.len)) {
		bytes_add(out, text);
		return;
	}
	for (size_t i = 0; i < text.len;) {
		if (text.ptr[i] != '\\') {
			bytes_add(out, (struct str){ text.ptr + i++, 1 });
		} else if (text.ptr[i + 1] == 'u') {
			i += unicode_add(out, text, i);
		} else {
			const char *name = strchr(names, text.ptr[i + 1]);

			bytes_add(out, (struct str){ name ? &values[name - names] : text.ptr + i + 1, 1 });
			i += 2;
		}
	}
}

bool
json_has_only(const struct json *json, const struct json_node *object, const char *const *names)
{
	for (const struct json_node *key = json_first(json, object); key; key = json_after(json, object, key)) {
		const char *const *name = names;

		while (*name && !str_equal(key->text, (struct str){ *name, strlen(*name) }))
			name++;
		if (!*name)
			return false;
		key = json_after(json, object, key);
		if (!key)
			break;
	}
	return true;
}
