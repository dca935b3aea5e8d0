/*
 * merge.c - the list of providers or models that is in force: entries of the store over those of the file.
 *
 * An entry of the store stands in the place of the file's of the same name, whole: nothing of the file's shines through. The others come behind the file's. Trees are shared; only the
 * nodes at their tops are copied, since a list needs their links.
 */
#include "conf/expand.h"
#include "conf/reader.h"
#include "conf/snapshot.h"

/* The name of an entry of the file, with references to the environment replaced; empty where that is wrong, which its own reading tells. */
static struct str
name_of(struct reader *reader, const struct yaml *node)
{
	const struct yaml *name = yaml_child(node, STR("name"));
	struct str text = STR_EMPTY, missing;

	if (name && name->kind == YAML_SCALAR)
		(void)expand(reader->arena, reader->environment, name->text, &text, &missing);
	return text.ptr ? text : STR_EMPTY;
}

/* A copy of the node itself, with the same children, at the end of the list. False: no memory. */
static bool
list_add(struct reader *reader, struct yaml ***tail, const struct yaml *node)
{
	struct yaml *copy = arena_alloc(reader->arena, sizeof(*copy));

	if (!copy)
		return false;
	*copy = *node;
	copy->next = NULL;
	**tail = copy;
	*tail = &copy->next;
	return true;
}

const struct yaml *
entries_over(struct reader *reader, const struct yaml *of_file, enum entry_kind kind)
{
	const struct entries *entries = reader->conf->entries;
	struct yaml *list = entries ? arena_zalloc(reader->arena, sizeof(*list)) : NULL, **tail;
	struct map placed = MAP_EMPTY;
	size_t own = 0;
	bool fits = true;

	for (size_t i = 0; entries && i < entries->count; i++)
		own += entries->list[i]->kind == kind && entries->list[i]->tree;
	if (own == 0 || (of_file && of_file->kind != YAML_LIST))
		return of_file;
	if (list)
		*list = (struct yaml){ .kind = YAML_LIST, .line = of_file ? of_file->line : 0, .column = of_file ? of_file->column : 0 };
	tail = list ? &list->first : NULL;
	for (const struct yaml *at = of_file ? of_file->first : NULL; at && list && fits; at = at->next) {
		struct str name = name_of(reader, at);
		struct entry *entry = entries_find(entries, kind, name);

		fits = list_add(reader, &tail, entry && entry->tree ? entry->tree : at);
		if (entry)
			map_put(&placed, entry->name, entry);
	}
	for (size_t i = 0; list && fits && i < entries->count; i++)
		if (entries->list[i]->kind == kind && entries->list[i]->tree && !map_get(&placed, entries->list[i]->name))
			fits = list_add(reader, &tail, entries->list[i]->tree);
	map_fini(&placed);
	if (!list || !fits)
		problems_add(reader->problems, reader->source, 0, 0, "too many entries for a configuration");
	return list;
}
