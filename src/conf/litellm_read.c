/*
 * litellm_read.c - what reading the sections of LiteLLM's configuration has in common: texts, numbers and references as values of ours, and notes of what becomes of a setting.
 */
#include "conf/litellm_inside.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { NOTE_TEXT_MAX = 600 };

void
litellm_note(struct litellm *it, enum litellm_note_kind kind, const struct yaml *node, const char *section, const char *format, ...)
{
	struct litellm_note *note = arena_zalloc(it->arena, sizeof(*note)), **place = &it->notes;
	char text[NOTE_TEXT_MAX];
	va_list args;
	int len;

	if (!note)
		return;
	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	note->kind = kind;
	note->line = node->key_line ? node->key_line : node->line;
	note->text = arena_dup(it->arena, str_n(text, len < 0 ? 0 : (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1));
	note->setting = node->key.len ? arena_printf(it->arena, "%s%s%" STR_F, section, section[0] ? "." : "", STR_A(str_slice(node->key, 0, 100))) : arena_dup(it->arena, str_of(section));
	*(kind == LITELLM_CHANGED ? &it->out->changed : &it->out->left_out) += 1;
	note->next = *place; /* the newest first; put in order at the end */
	*place = note;
}

const struct yaml *
litellm_child(const struct yaml *map, const char *key)
{
	const struct yaml *child = map ? yaml_child(map, str_of(key)) : NULL;

	return child && child->kind == YAML_SCALAR && child->empty ? NULL : child;
}

static const struct litellm_key *
key_find(const struct litellm_key *keys, size_t count, struct str key)
{
	for (size_t i = 0; i < count; i++) {
		struct str known = str_of(keys[i].key);

		if (str_eq(key, known) || (str_ends(known, STR("*")) && str_starts(key, str_slice(known, 0, known.len - 1))))
			return &keys[i];
	}
	return NULL;
}

void
litellm_keys(struct litellm *it, const struct yaml *map, const char *section, const struct litellm_key *keys, size_t count, bool skip_unknown)
{
	for (const struct yaml *child = map && map->kind == YAML_MAP ? map->first : NULL; child; child = child->next) {
		const struct litellm_key *known = key_find(keys, count, child->key);

		if (!known && !skip_unknown)
			litellm_note(it, LITELLM_LEFT_OUT, child, section, "has no counterpart here");
		else if (known && known->advice && known->advice[0])
			litellm_note(it, LITELLM_LEFT_OUT, child, section, "%s", known->advice);
	}
}

bool
litellm_name_ok(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!letter && !(i > 0 && c && strchr("._-/:@+", c)))
			return false;
	}
	return name.len > 0 && name.len <= 128 && !str_starts(name, STR("collection/"));
}

static bool
variable_ok(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (i > 0 && c >= '0' && c <= '9')))
			return false;
	}
	return name.len > 0 && name.len <= 200;
}

struct str
litellm_reference(struct litellm *it, struct str name, const char *otherwise)
{
	struct litellm_name *known = map_get(&it->names_known, name);

	if (!known) {
		known = arena_zalloc(it->arena, sizeof(*known));
		if (!known)
			return (struct str){ NULL, 0 };
		*known = (struct litellm_name){ .name = name, .optional = true };
		*it->names_tail = known;
		it->names_tail = &known->next;
		map_put(&it->names_known, name, known);
	}
	known->optional = known->optional && otherwise;
	return arena_printf(it->arena, "${%" STR_F "%s%s}", STR_A(name), otherwise ? ":-" : "", otherwise ? otherwise : "");
}

/* With "${" escaped, which would refer to the environment here. */
static struct str
literal(struct litellm *it, struct str text)
{
	size_t at = 0, found = str_find(text, STR("${"), 0);
	struct buf out;

	if (found == SIZE_MAX)
		return text;
	buf_init(&out, it->arena, 2 * YAML_BYTES_MAX);
	for (; found != SIZE_MAX; found = str_find(text, STR("${"), at)) {
		buf_add(&out, str_slice(text, at, found));
		buf_add(&out, STR("$${"));
		at = found + 2;
	}
	buf_add(&out, str_slice(text, at, text.len));
	return buf_err(&out) ? (struct str){ NULL, 0 } : buf_str(&out);
}

/* Texts go into lines and headers. A service account's key alone may be JSON of several lines. */
static bool
one_line(const struct yaml *node)
{
	bool several = str_eq_c(node->key, "vertex_credentials");

	for (size_t i = 0; i < node->text.len; i++) {
		unsigned char c = (unsigned char)node->text.ptr[i];

		if (c == 0x7f || (c < ' ' && !(several && strchr("\t\r\n", c))))
			return false;
	}
	return true;
}

struct str
litellm_text(struct litellm *it, const struct yaml *node, const char *section)
{
	static const struct str prefix = STR_INIT("os.environ/");
	struct str name;

	if (!node)
		return (struct str){ NULL, 0 };
	if (node->kind != YAML_SCALAR || !one_line(node)) {
		litellm_note(it, LITELLM_LEFT_OUT, node, section, "expected a text of one line, without control characters");
		return (struct str){ NULL, 0 };
	}
	if (!str_starts(node->text, prefix))
		return literal(it, node->text);
	name = str_slice(node->text, prefix.len, node->text.len);
	if (variable_ok(name))
		return litellm_reference(it, name, NULL);
	litellm_note(it, LITELLM_LEFT_OUT, node, section, "what follows \"os.environ/\" is not the name of a variable");
	return (struct str){ NULL, 0 };
}

double
litellm_number(struct litellm *it, const struct yaml *node, const char *section)
{
	char digits[64];
	size_t len = 0;
	double number;

	if (!node)
		return -1;
	for (size_t i = 0; node->kind == YAML_SCALAR && i < node->text.len && len < sizeof(digits); i++)
		if (node->text.ptr[i] != '_')
			digits[len++] = node->text.ptr[i];
	if (node->kind == YAML_SCALAR && len < sizeof(digits) && str_to_f64(str_n(digits, len), &number) && isfinite(number) && number >= 0)
		return number;
	litellm_note(it, LITELLM_LEFT_OUT, node, section, "expected a number from 0 on that stands in the file; write it here by hand");
	return -1;
}

bool
litellm_true(const struct yaml *node)
{
	return node && node->kind == YAML_SCALAR && (str_eq_ci(node->text, STR("true")) || str_eq_ci(node->text, STR("yes")) || str_eq_ci(node->text, STR("on")));
}
