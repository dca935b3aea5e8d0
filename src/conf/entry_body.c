/*
 * entry_body.c - entries on their way in and out: what is kept of a request's body (entry.h), and what is shown of an entry (entry_show.h).
 *
 * A secret that was given as a text goes in sealed and comes out as "(hidden)". That same word, sent back, keeps the secret that is there: so what was read, changed and written again loses
 * none, and a mask never becomes a key.
 */
#include "conf/entry_show.h"

#include "conf/reader.h"
#include "conf/secrets.h"
#include "conf/snapshot.h"
#include "json/json.h"

enum { SEALED_MAX = 640 * 1024 };

bool
entry_is_reference(struct str text)
{
	size_t open = str_find(text, STR("${"), 0);
	struct str name, scheme;

	if (open == SIZE_MAX || !str_ends(text, STR("}")))
		return false;
	scheme = str_slice(text, 0, open);
	name = str_slice(text, open + 2, text.len - 1);
	for (size_t i = 0; i < name.len; i++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_", name.ptr[i]))
			return false;
	return name.len > 0 && (scheme.len == 0 || str_eq_ci(scheme, STR("Bearer ")) || str_eq_ci(scheme, STR("Basic ")));
}

static const struct field *
field_of(const struct field_table *table, struct str key)
{
	for (size_t i = 0; table && i < table->count; i++)
		if (str_eq_c(key, table->fields[i].row.name))
			return &table->fields[i];
	return NULL;
}

/* Whether this text of a field that may hold secrets is one: the path of a key file and a proxy without a password are none. */
static bool
is_secret(const struct field *field, struct str text)
{
	if (text.len == 0 || entry_is_reference(text))
		return false;
	if (strcmp(field->row.name, "credentials") == 0)
		return str_starts(str_trim(text), STR("{"));
	return strcmp(field->row.name, "proxy") != 0 || str_find_byte(text, '@', 0) != SIZE_MAX;
}

/* --- in --- */

/* What is put together, and what was there before. */
struct keeper {
	const struct entry_request *request;
	struct arena *arena;
	struct json_out out;
	struct str title;
	const struct json *before; /* its body, or NULL */
};

static void
problem(struct keeper *keeper, struct str path, const char *text)
{
	problems_add_at(keeper->request->problems, keeper->title, 0, 0, path, text);
}

static struct str
path_of(struct keeper *keeper, const struct field *field, struct str key)
{
	if (!key.ptr)
		return str_of(field->row.name);
	return arena_printf(keeper->arena, "%s.%" STR_F, field->row.name, STR_A(str_slice(key, 0, 100)));
}

/* The text that a tree has for a field, or for one key of it; ptr NULL: none. */
static struct str
tree_text(const struct yaml *tree, const struct field *field, struct str key)
{
	const struct yaml *node = tree ? yaml_child(tree, str_of(field->row.name)) : NULL;

	if (node && key.ptr)
		node = yaml_child(node, key);
	return node && node->kind == YAML_SCALAR && !node->empty ? node->text : (struct str){ NULL, 0 };
}

static const struct json *
before_json(struct keeper *keeper, const struct field *field, struct str key)
{
	const struct json *value = json_get(keeper->before, field->row.name);

	return key.ptr ? json_get_str(value, key) : value;
}

static void
put_sealed(struct keeper *keeper, const struct field *field, struct str key, struct str text)
{
	struct str path = path_of(keeper, field, key), sealed = STR_EMPTY;
	struct str about = entry_seal_about(keeper->arena, keeper->title, path);
	const struct err *err = about.ptr ? secrets_seal(keeper->request->secrets, keeper->arena, about, text, &sealed) : &err_no_memory;

	if (err)
		problems_add_at(keeper->request->problems, keeper->title, 0, 0, path, arena_cstr(keeper->arena, err->message));
	json_begin_object(&keeper->out);
	json_set_string(&keeper->out, "$sealed", sealed);
	json_end_object(&keeper->out);
}

static void
put_missing(struct keeper *keeper, const struct field *field, struct str key)
{
	problem(keeper, path_of(keeper, field, key),
		"\"" ENTRY_HIDDEN "\" keeps the secret that is there, and there is none: give it, or \"${NAME}\" to take it from the environment");
	json_put_null(&keeper->out);
}

/* A text of a field that may hold secrets. `key`: of a map of them; ptr NULL: the field itself. */
static void
put_secret(struct keeper *keeper, const struct field *field, struct str key, struct str text)
{
	const struct json *kept = before_json(keeper, field, key);
	const struct entry *before = keeper->request->before;
	struct str known = tree_text(before ? before->tree : NULL, field, key);
	bool same = known.ptr && str_eq(known, text);

	if (str_eq_c(text, ENTRY_HIDDEN)) {
		known = tree_text(keeper->request->file, field, key);
		if (kept)
			json_put(&keeper->out, kept);
		else if (known.ptr && is_secret(field, known))
			put_sealed(keeper, field, key, known);
		else
			put_missing(keeper, field, key);
	} else if (!is_secret(field, text)) {
		json_put_string(&keeper->out, text);
	} else if (same && json_is(kept, JSON_OBJECT)) {
		json_put(&keeper->out, kept);
	} else {
		put_sealed(keeper, field, key, text);
	}
}

static void
put_member(struct keeper *keeper, struct str key, const struct json *value)
{
	const struct field *field = field_of(entry_tables[keeper->request->kind], key);

	json_key(&keeper->out, key);
	if (!field || !field->row.secret) {
		json_put(&keeper->out, value);
	} else if (json_is(value, JSON_STRING)) {
		put_secret(keeper, field, (struct str){ NULL, 0 }, json_string(value));
	} else if (json_is(value, JSON_OBJECT) && field->read) {
		json_begin_object(&keeper->out);
		for (struct json_iter it = json_iter(value); json_next(&it);) {
			json_key(&keeper->out, it.key);
			if (json_is(it.value, JSON_STRING))
				put_secret(keeper, field, it.key, json_string(it.value));
			else
				json_put(&keeper->out, it.value);
		}
		json_end_object(&keeper->out);
	} else {
		json_put(&keeper->out, value); /* its table says what is wrong with it */
	}
}

/* What is sealed is ours to write. */
static bool
has_sealed(const struct json *json)
{
	for (struct json_iter it = json_iter(json); json_next(&it);)
		if ((json_is(json, JSON_OBJECT) && str_eq_c(it.key, "$sealed")) || has_sealed(it.value))
			return true;
	return false;
}

struct str
entry_body(struct arena *arena, const struct entry_request *request)
{
	struct keeper keeper = { .request = request, .arena = arena };
	const struct json *name = json_get(request->json, "name");
	struct buf body;

	keeper.title = arena_printf(arena, "%s %" STR_F, entry_kind_name(request->kind), STR_A(request->name));
	if (!keeper.title.ptr)
		keeper.title = STR("entry");
	if (!json_is(request->json, JSON_OBJECT))
		problem(&keeper, STR_EMPTY, "expected an object with the members that the file has");
	if (has_sealed(request->json))
		problem(&keeper, STR_EMPTY, "\"$sealed\" is a member of nothing here: give the secret itself, \"${NAME}\", or \"" ENTRY_HIDDEN "\" to keep it");
	if (name && !(json_is(name, JSON_STRING) && str_eq(json_string(name), request->name)))
		problem(&keeper, STR("name"), "expected the name that stands in the address");
	if (request->before && json_parse(arena, request->before->body, &keeper.before))
		keeper.before = NULL;
	buf_init(&body, arena, SEALED_MAX);
	json_out_init(&keeper.out, &body);
	json_begin_object(&keeper.out);
	json_set_string(&keeper.out, "name", request->name);
	for (struct json_iter it = json_iter(json_is(request->json, JSON_OBJECT) ? request->json : NULL); json_next(&it);)
		if (!str_eq_c(it.key, "name"))
			put_member(&keeper, it.key, it.value);
	json_end_object(&keeper.out);
	if (buf_err(&body) || body.len > ENTRY_BODY_MAX)
		problems_add_at(request->problems, keeper.title, 0, 0, STR_EMPTY, "larger than an entry may be (256 KiB)");
	return buf_err(&body) ? STR("{}") : buf_str(&body);
}

/* --- out --- */

static void
show_text(struct json_out *out, const struct field *field, struct str text)
{
	json_put_string(out, field && field->row.secret && is_secret(field, text) ? STR(ENTRY_HIDDEN) : text);
}

/* As the type that its row says, where it is of that type: a reference to the environment stays a text. */
static void
show_scalar(struct json_out *out, const struct field *field, const struct yaml *node)
{
	enum setting_type type = field && !field->read ? field->row.type : SETTING_STRING;
	int64_t integer;
	double real;

	if (node->empty)
		json_put_null(out);
	else if (type == SETTING_BOOL && (str_eq_c(node->text, "true") || str_eq_c(node->text, "false")))
		json_put_bool(out, node->text.ptr[0] == 't');
	else if (type == SETTING_INT && str_to_i64(node->text, &integer))
		json_put_int(out, integer);
	else if (type == SETTING_FLOAT && str_to_f64(node->text, &real))
		json_put_real(out, real);
	else
		show_text(out, field, node->text);
}

/* Recurses as deep as a tree may be. */
static void
show_node(struct json_out *out, const struct field_table *table, const struct field *field, const struct yaml *node)
{
	if (node->kind == YAML_SCALAR) {
		show_scalar(out, field, node);
		return;
	}
	if (node->kind == YAML_MAP)
		json_begin_object(out);
	else
		json_begin_array(out);
	for (const struct yaml *child = node->first; child; child = child->next) {
		const struct field *own = node->kind == YAML_MAP && table ? field_of(table, child->key) : field;

		if (node->kind == YAML_MAP)
			json_key(out, child->key);
		show_node(out, node->kind == YAML_MAP ? own ? own->table : NULL : table, own, child);
	}
	if (node->kind == YAML_MAP)
		json_end_object(out);
	else
		json_end_array(out);
}

void
entry_show(struct json_out *out, const struct field_table *table, const struct yaml *tree)
{
	show_node(out, table, NULL, tree);
}
