/*
 * litellm.c - see litellm.h: the entry, and what reading the sections has in common.
 *
 * The shape of the file that is read is LiteLLM's published one: model_list, router_settings, litellm_settings, general_settings, credential_list. Other sections are named
 * in notes.
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

/* By line, those of one line as they were made: a merge sort of the list, which is in reverse. */
static struct litellm_note *
notes_sorted(struct litellm_note *list, size_t count)
{
	struct litellm_note *halves[2], *sorted = NULL, **tail = &sorted, *at = list;

	if (count < 2)
		return list;
	for (size_t i = 1; i < count / 2; i++)
		at = at->next;
	halves[1] = at->next;
	at->next = NULL;
	halves[0] = notes_sorted(list, count / 2);
	halves[1] = notes_sorted(halves[1], count - count / 2);
	while (halves[0] || halves[1]) {
		int from = !halves[0] || (halves[1] && halves[1]->line <= halves[0]->line);

		*tail = halves[from];
		halves[from] = halves[from]->next;
		tail = &(*tail)->next;
	}
	*tail = NULL;
	return sorted;
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

#define ENVIRONMENT_ADVICE "set these in the environment that corbel starts in; ${NAME} in the configuration takes them from there"

/* Sections. */
static const struct litellm_key sections[] = {
	{ "model_list", NULL },
	{ "router_settings", NULL },
	{ "litellm_settings", NULL },
	{ "general_settings", NULL },
	{ "credential_list", NULL },
	{ "environment_variables", ENVIRONMENT_ADVICE },
	{ "include", "import each of these files by itself, and put the providers and models together" },
	{ "guardrails", "there are no guardrails here yet" },
	{ "prompts", "there is no management of prompts here yet" },
	{ "mcp_servers", "there is no MCP gateway here yet" },
	{ "mcp_tools", "there is no MCP gateway here yet" },
	{ "vector_store_registry", "documents and vector stores are kept here: corbel ingest, or the Vector Stores API" },
	{ "vector_store_settings", "documents and vector stores are kept here: corbel ingest, or the Vector Stores API" },
	{ "files_settings", "files are kept here: the Files API needs no setting" },
	{ "finetune_settings", "fine-tuning is not passed on here" },
	{ "assistant_settings", "the Assistants API is not served: use the Responses API" },
	{ "callback_settings", "records and metrics are built in: corbel trace, corbel usage report, GET /metrics" },
};

bool
litellm_import(struct arena *arena, struct str source, struct str text, struct problems *problems, struct litellm_import *out)
{
	struct litellm it = { .arena = arena, .out = out, .timeout_s = -1, .stream_timeout_s = -1, .request_timeout_s = -1, .retry_after_s = -1, .cooldown_s = -1, .cache_ttl_s = -1, .retries = -1,
		.allowed_fails = -1 };
	struct yaml *root;

	*out = (struct litellm_import){ 0 };
	it.names_tail = &it.names;
	it.providers_tail = &it.providers;
	it.models_tail = &it.models;
	yaml_parse(arena, source, text, problems, &root);
	if (problems->count)
		return false;
	if (!root || root->kind != YAML_MAP) {
		problems_add(problems, source, root ? root->line : 1, root ? root->column : 1, "expected a configuration of LiteLLM's proxy: a map with a model_list");
		return false;
	}
	it.root = root;
	litellm_keys(&it, root, "", sections, COUNT(sections), false);
	litellm_settings_read(&it);
	litellm_models_read(&it);
	litellm_routes_read(&it);
	out->notes = it.notes = notes_sorted(it.notes, out->changed + out->left_out);
	out->yaml = litellm_write(&it, source);
	out->environment = it.names;
	map_fini(&it.names_known);
	map_fini(&it.providers_by_settings);
	map_fini(&it.providers_by_name);
	map_fini(&it.models_by_name);
	if (out->yaml.ptr)
		return true;
	problems_add(problems, source, 1, 1, "no memory to write it");
	return false;
}
