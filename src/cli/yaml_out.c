/*
 * yaml_out.c - see yaml_out.h. What might be taken for something else is written as JSON writes it, which is YAML too.
 */
#include "cli/yaml_out.h"

/* What stands for a secret in the server's answers (conf/entry.h). */
#define HIDDEN "(hidden)"

static bool
is_plain(struct str text)
{
	static const char *const words[] = { "true", "false", "null", "yes", "no", "on", "off", "y", "n" };

	for (size_t i = 0; i < COUNT(words); i++)
		if (str_eq_ci(text, str_of(words[i])))
			return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && (i == 0 || !strchr("0123456789_-./", c)))
			return false;
	}
	return text.len > 0;
}

void
yaml_put_text(struct buf *out, struct str text)
{
	if (is_plain(text))
		buf_add(out, text);
	else
		json_quote(out, text);
}

/* PROVIDER_API_KEY for the member api_key of "provider"; what is no letter or digit becomes "_". */
static void
put_variable(struct buf *out, struct str path)
{
	struct str shouted = str_slice(path, 0, 200);

	buf_add(out, STR("\"${"));
	if (shouted.len && shouted.ptr[0] >= '0' && shouted.ptr[0] <= '9')
		buf_add_byte(out, '_');
	for (size_t i = 0; i < shouted.len; i++) {
		char c = shouted.ptr[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		buf_add_byte(out, (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_');
	}
	buf_add(out, STR(":-hidden}\" # not shown: set this variable"));
}

static void
put_scalar(struct buf *out, const struct json *value, struct str path)
{
	if (!json_is(value, JSON_STRING))
		json_put(&(struct json_out){ .buf = out }, value);
	else if (path.len && str_eq_c(json_string(value), HIDDEN))
		put_variable(out, path);
	else
		yaml_put_text(out, json_string(value));
}

static bool
is_nested(const struct json *value)
{
	return (json_is(value, JSON_OBJECT) || json_is(value, JSON_ARRAY)) && json_count(value) > 0;
}

static void
put_blanks(struct buf *out, unsigned count)
{
	while (count-- > 0)
		buf_add_byte(out, ' ');
}

/* `begun`: the first line's indentation stands already. `path`: of what is hidden; empty: hidden texts are left as they are. */
static void
put_block(struct buf *out, const struct json *value, unsigned indent, bool begun, struct str path)
{
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		char joined[256];
		struct buf name = { .ptr = joined, .cap = sizeof(joined), .max = sizeof(joined) };

		if (path.len) {
			buf_add(&name, str_slice(path, 0, 150));
			buf_add_byte(&name, '_');
			buf_add(&name, str_slice(it.key, 0, 100));
		}
		if (!begun)
			put_blanks(out, indent);
		begun = false;
		if (json_is(value, JSON_ARRAY)) {
			buf_add(out, STR("- "));
			name.len = 0;
		} else {
			yaml_put_text(out, it.key);
			buf_add(out, STR(": "));
		}
		if (!is_nested(it.value)) {
			put_scalar(out, it.value, buf_str(&name));
			buf_add_byte(out, '\n');
		} else if (json_is(value, JSON_ARRAY)) {
			put_block(out, it.value, indent + 2, true, STR_EMPTY);
		} else {
			out->len--; /* the blank behind the colon */
			buf_add_byte(out, '\n');
			put_block(out, it.value, indent + 2, false, buf_str(&name));
		}
	}
}

void
yaml_put(struct buf *out, const struct json *value, unsigned indent)
{
	put_block(out, value, indent, false, STR_EMPTY);
}

void
yaml_put_entries(struct buf *out, const struct json *list)
{
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		buf_add(out, STR("- "));
		put_block(out, json_get(it.value, "configuration"), 2, true, json_get_string(it.value, "name"));
	}
}
