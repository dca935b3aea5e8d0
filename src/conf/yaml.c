/*
 * yaml.c - libfyaml's events to a tree. See yaml.h.
 *
 * The tree is built from events, not taken from libfyaml's documents: events show anchors, aliases and tags before anything is resolved, and the
 * limits are checked while the text is read. An alias is a copy of what its anchor names, whose values count as if they were written out: so a bomb of aliases ends at the same bound as a long
 * text. What is kept lies in our arena; libfyaml's objects end with the parse.
 */
#include "conf/yaml.h"

#include "text/utf8.h"

#include <libfyaml.h>

#define MERGE_KEY "<<"

/* A name for a node; a later one of the same name stands before it in the list. */
struct anchor {
	struct str name;
	const struct yaml *node;
	struct anchor *next;
};

struct builder {
	struct arena *arena;
	struct problems *problems;
	struct str source;
	struct fy_parser *parser;
	struct yaml *root;
	struct {
		struct yaml *node;
		struct yaml **tail;   /* where the next child goes */
		struct yaml *pending; /* in a map: a child whose key has been read */
		bool twice;           /* that key stood there before: its value is read and left out, since who walks the tree makes room for one */
	} open[YAML_DEPTH_MAX];
	struct anchor *anchors;
	unsigned depth, nodes, documents;
	unsigned line, column; /* of the last event that has a place; what has none stands there */
};

static void
problem_here(struct builder *b, const char *text)
{
	problems_add(b->problems, b->source, b->line, b->column, "%s", text);
}

static struct yaml *
node_new(struct builder *b, enum yaml_kind kind)
{
	struct yaml *node = NULL;

	if (b->nodes++ < YAML_NODES_MAX)
		node = arena_zalloc(b->arena, sizeof(*node));
	if (!node) {
		problem_here(b, "too many values for a configuration");
		return NULL;
	}
	node->kind = kind;
	node->line = b->line;
	node->column = b->column;
	return node;
}

/* A second key of the same name is a problem, and the reading goes on. False when the map is too large. */
static bool
key_check(struct builder *b, const struct yaml *map, const struct yaml *added, bool *twice)
{
	unsigned count = 0;

	for (const struct yaml *at = map->first; at; at = at->next) {
		if (++count == YAML_KEYS_MAX) {
			problems_add(
				b->problems, b->source, added->key_line, added->key_column, "more than %d keys in one map", YAML_KEYS_MAX);
			return false;
		}
		if (!str_eq(at->key, added->key))
			continue;
		problems_add(b->problems, b->source, added->key_line, added->key_column,
			"the key \"%" STR_F "\" stands here a second time; the first is in line %u", STR_A(str_slice(added->key, 0, 100)),
			at->key_line);
		*twice = true;
	}
	return true;
}

/* Gives the node its place in what is open. */
static void
node_place(struct builder *b, struct yaml *node)
{
	struct yaml *pending;

	if (b->depth == 0) {
		b->root = node;
		return;
	}
	pending = b->open[b->depth - 1].pending;
	if (pending) {
		node->key = pending->key;
		node->key_line = pending->key_line;
		node->key_column = pending->key_column;
		b->open[b->depth - 1].pending = NULL;
		if (b->open[b->depth - 1].twice)
			return;
	}
	*b->open[b->depth - 1].tail = node;
	b->open[b->depth - 1].tail = &node->next;
}

static bool
map_wants_key(const struct builder *b)
{
	return b->depth > 0 && b->open[b->depth - 1].node->kind == YAML_MAP && !b->open[b->depth - 1].pending;
}

/* --- anchors, aliases and merge keys (YAML 1.2.2, section 7.1; of 1.1 "<<") --- */

static bool
anchor_take(struct builder *b, struct fy_token *token, const struct yaml *node)
{
	size_t len = 0;
	const char *text = token ? fy_token_get_text(token, &len) : NULL;
	struct anchor *anchor;

	if (!text)
		return true;
	anchor = arena_alloc(b->arena, sizeof(*anchor));
	if (anchor)
		*anchor = (struct anchor){ arena_dup(b->arena, str_n(text, len)), node, b->anchors };
	if (!anchor || !anchor->name.ptr) {
		problem_here(b, "no memory to read it");
		return false;
	}
	b->anchors = anchor;
	return true;
}

/* `depth` maps and lists are around the copy. It says where the original stands: there a mistake is mended. */
static struct yaml *
node_copy(struct builder *b, const struct yaml *from, unsigned depth)
{
	struct yaml *node, **tail;

	if (from->kind != YAML_SCALAR && depth == YAML_DEPTH_MAX) {
		problem_here(b, "nested too deeply for a configuration");
		return NULL;
	}
	node = node_new(b, from->kind);
	if (!node)
		return NULL;
	*node = *from;
	node->first = node->next = NULL;
	tail = &node->first;
	for (const struct yaml *child = from->first; child; child = child->next) {
		*tail = node_copy(b, child, depth + 1);
		if (!*tail)
			return NULL;
		tail = &(*tail)->next;
	}
	return node;
}

static bool
alias_read(struct builder *b, struct fy_token *token)
{
	size_t len = 0;
	const char *text = fy_token_get_text(token, &len);
	struct str name = text ? str_n(text, len) : STR_EMPTY;
	const struct anchor *anchor = b->anchors;
	struct yaml *node;

	while (anchor && !str_eq(anchor->name, name))
		anchor = anchor->next;
	if (!anchor) {
		problems_add(b->problems, b->source, b->line, b->column, "there is no anchor \"&%" STR_F "\" before this", STR_A(str_slice(name, 0, 100)));
		return false;
	}
	for (unsigned i = 0; i < b->depth; i++)
		if (b->open[i].node == anchor->node) {
			problem_here(b, "this alias stands inside of what it names");
			return false;
		}
	if (map_wants_key(b)) {
		problem_here(b, "expected a name as key, found an alias");
		return false;
	}
	node = node_copy(b, anchor->node, b->depth);
	if (!node)
		return false;
	node->key = STR_EMPTY;
	node_place(b, node);
	return true;
}

/* What one map gives to another under "<<": the keys that it has not. */
static bool
merge_map(struct builder *b, struct yaml *map, const struct yaml *given)
{
	unsigned count;

	if (given->kind != YAML_MAP) {
		problems_add(b->problems, b->source, given->line, given->column, "expected a map or a list of maps to merge");
		return false;
	}
	for (const struct yaml *child = given->first; child; child = child->next) {
		struct yaml **tail = &map->first;

		for (count = 0; *tail && !str_eq((*tail)->key, child->key); count++)
			tail = &(*tail)->next;
		if (*tail)
			continue;
		if (count == YAML_KEYS_MAX) {
			problems_add(b->problems, b->source, child->key_line, child->key_column, "more than %d keys in one map", YAML_KEYS_MAX);
			return false;
		}
		*tail = node_copy(b, child, b->depth + 1);
		if (!*tail)
			return false;
	}
	return true;
}

/* A map is at its end: what it took over under "<<" comes behind its own, which goes before. */
static bool
merge(struct builder *b, struct yaml *map)
{
	struct yaml **at = &map->first, *taken;

	while (*at && !str_eq_c((*at)->key, MERGE_KEY))
		at = &(*at)->next;
	taken = *at;
	if (!taken)
		return true;
	*at = taken->next;
	if (taken->kind != YAML_LIST)
		return merge_map(b, map, taken);
	for (const struct yaml *each = taken->first; each; each = each->next)
		if (!merge_map(b, map, each))
			return false;
	return true;
}

/* --- events --- */

static bool
scalar_read(struct builder *b, struct fy_event *event)
{
	struct fy_token *token = event->scalar.value;
	struct yaml *node = node_new(b, YAML_SCALAR);
	size_t len = 0;
	const char *text = token ? fy_token_get_text(token, &len) : NULL;

	if (!node)
		return false;
	node->text = arena_dup(b->arena, text ? str_n(text, len) : STR_EMPTY);
	if (!node->text.ptr || memchr(node->text.ptr, 0, node->text.len)) {
		problem_here(b, "a value may not contain a zero byte");
		return false;
	}
	node->empty = (!token || fy_token_scalar_style(token) == FYSS_PLAIN) &&
		      (len == 0 || str_eq_c(node->text, "~") || str_eq_c(node->text, "null"));
	if (!map_wants_key(b)) {
		node_place(b, node);
		return anchor_take(b, event->scalar.anchor, node);
	}
	node->key = node->text;
	node->key_line = node->line;
	node->key_column = node->column;
	b->open[b->depth - 1].twice = false;
	if (!key_check(b, b->open[b->depth - 1].node, node, &b->open[b->depth - 1].twice))
		return false;
	b->open[b->depth - 1].pending = node;
	return anchor_take(b, event->scalar.anchor, node);
}

static bool
container_open(struct builder *b, enum yaml_kind kind, struct fy_token *anchor)
{
	struct yaml *node;

	if (map_wants_key(b)) {
		problem_here(b, "expected a name as key, found a map or a list");
		return false;
	}
	if (b->depth == YAML_DEPTH_MAX) {
		problem_here(b, "nested too deeply for a configuration");
		return false;
	}
	node = node_new(b, kind);
	if (!node)
		return false;
	node_place(b, node);
	b->open[b->depth].node = node;
	b->open[b->depth].tail = &node->first;
	b->open[b->depth].pending = NULL;
	b->open[b->depth].twice = false;
	b->depth++;
	return anchor_take(b, anchor, node);
}

static void
tag_refuse(struct builder *b, struct fy_token *tag)
{
	if (tag)
		problem_here(b, "tags are not supported here: remove it");
}

/* False ends the parse: after a problem that leaves no sense in going on. */
static bool
event_take(struct builder *b, struct fy_event *event)
{
	const struct fy_mark *mark = fy_event_start_mark(event);

	if (mark) {
		b->line = (unsigned)mark->line + 1;
		b->column = (unsigned)mark->column + 1;
	}
	switch (event->type) {
	case FYET_DOCUMENT_START:
		if (b->documents++ == 0)
			return true;
		problem_here(b, "a configuration is one YAML document; a second one begins here");
		return false;
	case FYET_SCALAR:
		tag_refuse(b, event->scalar.tag);
		return scalar_read(b, event);
	case FYET_SEQUENCE_START:
		tag_refuse(b, event->sequence_start.tag);
		return container_open(b, YAML_LIST, event->sequence_start.anchor);
	case FYET_MAPPING_START:
		tag_refuse(b, event->mapping_start.tag);
		return container_open(b, YAML_MAP, event->mapping_start.anchor);
	case FYET_SEQUENCE_END:
		b->depth--;
		return true;
	case FYET_MAPPING_END:
		b->depth--;
		return merge(b, b->open[b->depth].node);
	case FYET_ALIAS:
		return alias_read(b, event->alias.anchor);
	default:
		return true;
	}
}

/* What libfyaml itself has found wrong. */
static void
syntax_problems(struct builder *b, struct fy_diag *diag)
{
	const struct fy_diag_error *error;
	unsigned before = b->problems->count;
	void *at = NULL;

	while ((error = fy_diag_errors_iterate(diag, &at))) {
		if (error->type != FYET_ERROR)
			continue;
		problems_add(b->problems, b->source, error->line > 0 ? (unsigned)error->line : 1,
			error->column > 0 ? (unsigned)error->column : 1, "%s", error->msg ? error->msg : "not valid YAML");
	}
	if (b->problems->count == before)
		problems_add(b->problems, b->source, 1, 1, "not valid YAML");
}

static void
tree_build(struct builder *b, struct fy_diag *diag)
{
	struct fy_event *event;
	bool going = true;

	while (going && (event = fy_parser_parse(b->parser))) {
		going = event_take(b, event);
		if (event->type == FYET_STREAM_END) {
			fy_parser_event_free(b->parser, event);
			return;
		}
		fy_parser_event_free(b->parser, event);
	}
	b->root = NULL;
	if (going)
		syntax_problems(b, diag);
}

static bool
text_is_utf8(struct str text, struct problems *problems, struct str source)
{
	struct str line;

	for (unsigned number = 1; str_split(&text, '\n', &line); number++) {
		if (utf8_valid(line))
			continue;
		problems_add(problems, source, number, 1, "not valid UTF-8");
		return false;
	}
	return true;
}

void
yaml_parse(struct arena *arena, struct str source, struct str text, struct problems *problems, struct yaml **out)
{
	struct fy_diag_cfg diag_cfg;
	struct builder b = { .arena = arena, .problems = problems, .source = source, .line = 1, .column = 1 };
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG };
	struct fy_diag *diag;

	*out = NULL;
	if (text.len > YAML_BYTES_MAX) {
		problems_add(problems, source, 1, 1, "larger than a configuration may be (%d bytes)", YAML_BYTES_MAX);
		return;
	}
	if (!text_is_utf8(text, problems, source))
		return;
	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	diag = fy_diag_create(&diag_cfg);
	if (diag)
		fy_diag_set_collect_errors(diag, true);
	cfg.diag = diag;
	b.parser = diag ? fy_parser_create(&cfg) : NULL;
	if (!b.parser || fy_parser_set_string(b.parser, text.ptr, text.len) != 0)
		problems_add(problems, source, 1, 1, "no memory to read it");
	else
		tree_build(&b, diag);
	if (b.parser)
		fy_parser_destroy(b.parser);
	if (diag)
		fy_diag_destroy(diag);
	*out = b.root;
}

const struct yaml *
yaml_child(const struct yaml *map, struct str key)
{
	const struct yaml *child = map->kind == YAML_MAP ? map->first : NULL;

	while (child && !str_eq(child->key, key))
		child = child->next;
	return child;
}

struct str
yaml_found(struct arena *arena, const struct yaml *node)
{
	if (node->kind == YAML_LIST)
		return STR("a list");
	if (node->kind == YAML_MAP)
		return STR("a map");
	if (node->empty)
		return STR("nothing");
	return arena_printf(arena, "\"%" STR_F "%s\"", STR_A(str_slice(node->text, 0, 60)), node->text.len > 60 ? "…" : "");
}
