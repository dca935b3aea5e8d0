/*
 * entry.c - see entry.h: from a body of JSON to the tree that the configuration is read from, and sets of entries.
 *
 * The tree is what the YAML of the same entry would give, so that one set of tables reads and checks both. JSON's numbers and truth values become their texts.
 */
#include "conf/entry.h"

#include "base/buf.h"
#include "conf/secrets.h"
#include "json/json.h"

#include <assert.h>
#include <stdlib.h>

enum { ENTRY_ARENA_MAX = 8 * 1024 * 1024, PARSE_ARENA_MAX = 16 * 1024 * 1024, NODES_MAX = 20000 };

static const char *const kind_names[] = { "provider", "model" };

const char *
entry_kind_name(enum entry_kind kind)
{
	return kind_names[kind];
}

bool
entry_kind_parse(struct str name, enum entry_kind *out)
{
	for (size_t i = 0; i < ENTRY_KINDS; i++) {
		*out = (enum entry_kind)i;
		if (str_eq_c(name, kind_names[i]))
			return true;
	}
	return false;
}

/* --- a body as a tree --- */

struct planter {
	struct entry *entry;
	struct secrets *secrets;
	unsigned nodes;
};

static void
problem(struct planter *planter, struct str path, const char *text)
{
	problems_add_at(&planter->entry->problems, planter->entry->title, 0, 0, path, text);
}

struct str
entry_path(struct arena *arena, struct str path, struct str key)
{
	return path.len ? arena_printf(arena, "%" STR_F ".%" STR_F, STR_A(path), STR_A(str_slice(key, 0, 100))) : str_slice(key, 0, 100);
}

struct str
entry_path_at(struct arena *arena, struct str path, size_t index)
{
	return arena_printf(arena, "%" STR_F "[%zu]", STR_A(path), index);
}

struct str
entry_seal_about(struct arena *arena, struct str title, struct str path)
{
	return arena_printf(arena, "%" STR_F "\n%" STR_F, STR_A(title), STR_A(path));
}

bool
entry_seal_is(const struct json *json, struct str *sealed)
{
	const struct json *text = json_is(json, JSON_OBJECT) && json_count(json) == 1 ? json_get(json, "$sealed") : NULL;

	if (!json_is(text, JSON_STRING))
		return false;
	*sealed = json_string(text);
	return true;
}

static struct yaml *
node_new(struct planter *planter, enum yaml_kind kind, struct str path)
{
	struct yaml *node = planter->nodes++ < NODES_MAX ? arena_zalloc(planter->entry->arena, sizeof(*node)) : NULL;

	if (!node) {
		problem(planter, path, "too many values for an entry");
		return NULL;
	}
	node->kind = kind;
	node->entry = &planter->entry->title;
	return node;
}

static void
scalar_text(struct planter *planter, const struct json *json, struct yaml *node, struct str path)
{
	struct buf text;

	if (json_is(json, JSON_NULL)) {
		node->empty = true;
		return;
	}
	if (json_is(json, JSON_STRING)) {
		node->text = arena_dup(planter->entry->arena, json_string(json));
		if (!node->text.ptr || memchr(node->text.ptr, 0, node->text.len))
			problem(planter, path, "a text may not contain a zero byte");
		return;
	}
	buf_init(&text, planter->entry->arena, 64);
	json_put(&(struct json_out){ .buf = &text }, json);
	node->text = buf_str(&text);
}

/* {"$sealed": "…"} as the text that was sealed. False: it is no such object. */
static bool
sealed_open(struct planter *planter, const struct json *json, struct yaml *node, struct str path)
{
	struct entry *entry = planter->entry;
	const struct err *err;
	struct str sealed;

	if (!entry_seal_is(json, &sealed))
		return false;
	node->kind = YAML_SCALAR;
	node->text = STR("?");
	err = secrets_unseal(planter->secrets, entry->arena, entry_seal_about(entry->arena, entry->title, path), sealed, &node->text);
	if (err)
		problem(planter, path, arena_cstr(entry->arena, err->message));
	return true;
}

static struct yaml *plant(struct planter *planter, const struct json *json, struct str path, unsigned depth);

static void
children_plant(struct planter *planter, const struct json *json, struct yaml *node, struct str path, unsigned depth)
{
	struct yaml **tail = &node->first;

	for (struct json_iter it = json_iter(json); json_next(&it);) {
		struct str at = node->kind == YAML_MAP ? entry_path(planter->entry->arena, path, it.key) : entry_path_at(planter->entry->arena, path, it.index);
		struct yaml *child;

		if (node->kind == YAML_MAP && yaml_child(node, it.key)) {
			problem(planter, at, "this key stands here a second time");
			continue; /* who walks the tree makes room for one */
		}
		child = at.ptr ? plant(planter, it.value, at, depth + 1) : NULL;
		if (!child)
			return; /* a problem already */
		if (node->kind == YAML_MAP)
			child->key = arena_dup(planter->entry->arena, it.key);
		*tail = child;
		tail = &child->next;
	}
}

/* As deep as YAML may be. NULL after a problem. */
static struct yaml *
plant(struct planter *planter, const struct json *json, struct str path, unsigned depth)
{
	enum yaml_kind kind = json_is(json, JSON_OBJECT) ? YAML_MAP : json_is(json, JSON_ARRAY) ? YAML_LIST : YAML_SCALAR;
	struct yaml *node = node_new(planter, kind, path);

	if (!node || sealed_open(planter, json, node, path))
		return node;
	if (kind == YAML_SCALAR) {
		scalar_text(planter, json, node, path);
		return node;
	}
	if (depth == YAML_DEPTH_MAX || json_count(json) > YAML_KEYS_MAX) {
		problem(planter, path, "nested too deeply, or too long, for an entry");
		return NULL;
	}
	children_plant(planter, json, node, path, depth);
	return node;
}

static void
body_read(struct planter *planter)
{
	struct arena *scratch = arena_new(PARSE_ARENA_MAX);
	const struct json *json;
	const struct err *err = json_parse(scratch, planter->entry->body, &json);

	if (err)
		problems_add(&planter->entry->problems, planter->entry->title, 0, 0, "not valid JSON: %" STR_F, STR_A(err->message));
	else
		planter->entry->tree = plant(planter, json, STR_EMPTY, 0);
	if (planter->entry->tree)
		planter->entry->tree->root = true;
	arena_free(scratch);
}

static void
digest_make(struct entry *entry)
{
	struct hash *hash = hash_begin();
	char size[STR_I64_MAX];

	hash_add(hash, str_of_i64((int64_t)entry->title.len, size));
	hash_add(hash, STR(" "));
	hash_add(hash, entry->title);
	hash_add(hash, entry->body);
	hash_end(hash, entry->digest);
}

struct entry *
entry_new(enum entry_kind kind, struct str name, int64_t version, struct str body, struct secrets *secrets)
{
	struct arena *arena = arena_new(ENTRY_ARENA_MAX);
	struct entry *entry = arena_zalloc(arena, sizeof(*entry));
	struct planter planter = { .entry = entry, .secrets = secrets };

	assert(entry && body.len <= ENTRY_BODY_MAX && name.len <= ENTRY_NAME_MAX); /* within the first block, and the arena's cap */
	atomic_init(&entry->refs, 1);
	entry->arena = arena;
	entry->kind = kind;
	entry->name = arena_dup(arena, name);
	entry->title = arena_printf(arena, "%s %" STR_F, entry_kind_name(kind), STR_A(name));
	entry->body = arena_dup(arena, body);
	entry->version = version;
	problems_init(&entry->problems, arena);
	body_read(&planter);
	digest_make(entry);
	return entry;
}

struct entry *
entry_ref(struct entry *entry)
{
	atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
	return entry;
}

void
entry_unref(struct entry *entry)
{
	if (entry && atomic_fetch_sub_explicit(&entry->refs, 1, memory_order_acq_rel) == 1)
		arena_free(entry->arena); /* and with it the entry */
}

/* --- sets --- */

static void
entries_free(struct snapshot *snapshot)
{
	struct entries *entries = (struct entries *)snapshot;

	for (size_t i = 0; i < entries->count; i++)
		entry_unref(entries->list[i]);
	free(entries->list);
	free(entries);
}

struct entries *
entries_new(void)
{
	struct entries *entries = mem_zalloc(sizeof(*entries));

	snapshot_init(&entries->base, entries_free);
	return entries;
}

void
entries_unref(struct entries *entries)
{
	if (entries)
		snapshot_unref(&entries->base);
}

static int
compare(enum entry_kind kind, struct str name, const struct entry *entry)
{
	return kind != entry->kind ? (kind < entry->kind ? -1 : 1) : str_cmp(name, entry->name);
}

/* Where it stands, or would. */
static size_t
place_of(const struct entries *entries, enum entry_kind kind, struct str name, bool *found)
{
	size_t low = 0, high = entries->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(kind, name, entries->list[middle]) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found = low < entries->count && compare(kind, name, entries->list[low]) == 0;
	return low;
}

struct entry *
entries_find(const struct entries *entries, enum entry_kind kind, struct str name)
{
	bool found;
	size_t place = place_of(entries, kind, name, &found);

	return found ? entries->list[place] : NULL;
}

static int
by_name(const void *a, const void *b)
{
	const struct entry_change *left = *(const struct entry_change *const *)a, *right = *(const struct entry_change *const *)b;
	int order = left->kind != right->kind ? (left->kind < right->kind ? -1 : 1) : str_cmp(left->name, right->name);

	return order ? order : left < right ? -1 : 1; /* as they were given */
}

/* A merge of two sorted lists: one change, or ten thousand at once, cost a single walk. */
struct entries *
entries_with(const struct entries *entries, const struct entry_change *changes, size_t count, int64_t version)
{
	const struct entry_change **sorted = mem_alloc((count + 1) * sizeof(*sorted));
	struct entries *next = entries_new();
	size_t at = 0;

	for (size_t i = 0; i < count; i++)
		sorted[i] = &changes[i];
	qsort(sorted, count, sizeof(*sorted), by_name);
	next->version = version;
	next->list = mem_alloc((entries->count + count + 1) * sizeof(*next->list));
	for (size_t i = 0; i < count; i++) {
		const struct entry_change *change = sorted[i];

		if (i + 1 < count && sorted[i + 1]->kind == change->kind && str_eq(sorted[i + 1]->name, change->name))
			continue; /* another one follows */
		while (at < entries->count && compare(change->kind, change->name, entries->list[at]) > 0)
			next->list[next->count++] = entry_ref(entries->list[at++]);
		if (at < entries->count && compare(change->kind, change->name, entries->list[at]) == 0)
			at++;
		if (change->entry)
			next->list[next->count++] = entry_ref(change->entry);
	}
	while (at < entries->count)
		next->list[next->count++] = entry_ref(entries->list[at++]);
	free(sorted);
	return next;
}

void
entries_hash(const struct entries *entries, char out[HASH_SHA256_HEX])
{
	unsigned char digest[HASH_SHA256_SIZE];
	struct hash *hash = hash_begin();

	for (size_t i = 0; i < entries->count; i++)
		hash_add(hash, str_n((const char *)entries->list[i]->digest, HASH_SHA256_SIZE));
	hash_end(hash, digest);
	for (size_t i = 0; i < HASH_SHA256_SIZE; i++) {
		out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
	}
}
