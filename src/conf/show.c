/*
 * show.c - see show.h.
 */
#include "conf/show.h"

#include "conf/entry_show.h"
#include "conf/reader.h"
#include "conf/snapshot.h"
#include "json/json.h"

static struct str
name_at(const struct conf *conf, enum entry_kind kind, size_t index)
{
	return kind == ENTRY_PROVIDER ? conf->providers[index].name : conf->models[index].name;
}

static bool
file_has(const struct conf *conf, enum entry_kind kind, struct str name)
{
	const struct conf *file = conf->file ? conf->file : conf;

	return map_get(kind == ENTRY_PROVIDER ? &file->providers_by_name : &file->models_by_name, name) != NULL;
}

int64_t
conf_entry_version(const struct conf *conf, enum entry_kind kind, struct str name)
{
	const struct entry *entry = conf->entries ? entries_find(conf->entries, kind, name) : NULL;

	return entry ? entry->version : 0;
}

static void
put_entry(struct json_out *out, const struct conf *conf, enum entry_kind kind, struct str name, const struct yaml *node)
{
	json_begin_object(out);
	json_set_string(out, "object", str_of(entry_kind_name(kind)));
	json_set_string(out, "name", name);
	json_set_string(out, "origin", node->entry ? STR("store") : node->line ? STR("file") : STR("default"));
	json_set_bool(out, "replaces_file", node->entry && file_has(conf, kind, name));
	json_set_int(out, "changed_in", conf_entry_version(conf, kind, name));
	json_key(out, STR("configuration"));
	entry_show(out, entry_tables[kind], node);
	json_end_object(out);
}

bool
conf_show_entry(struct json_out *out, const struct conf *conf, enum entry_kind kind, struct str name)
{
	const struct yaml *node = conf->lists[kind] ? conf->lists[kind]->first : NULL;

	if (!map_get(kind == ENTRY_PROVIDER ? &conf->providers_by_name : &conf->models_by_name, name))
		return false;
	for (size_t i = 0; node && !str_eq(name_at(conf, kind, i), name); i++)
		node = node->next;
	if (node)
		put_entry(out, conf, kind, name, node);
	return node != NULL;
}

bool
conf_show_list(struct json_out *out, const struct conf *conf, enum entry_kind kind, struct str after, size_t limit)
{
	const struct yaml *node = conf->lists[kind] ? conf->lists[kind]->first : NULL;
	bool begun = after.len == 0;
	size_t shown = 0;

	for (size_t i = 0; node && (!begun || shown < limit); i++, node = node->next) {
		struct str name = name_at(conf, kind, i);

		if (begun) {
			put_entry(out, conf, kind, name, node);
			shown++;
		}
		begun = begun || str_eq(name, after);
	}
	return begun && node != NULL;
}

void
conf_show_embeddings(struct json_out *out, const struct conf *conf)
{
	const struct yaml *node = conf->root ? yaml_child(conf->root, STR("embeddings")) : NULL;

	if (node) {
		entry_show(out, embeddings_section, node);
		return;
	}
	json_begin_object(out);
	json_end_object(out);
}

void
conf_show_stored(struct json_out *out, const struct entry *entry)
{
	if (entry->tree)
		entry_show(out, entry_tables[entry->kind], entry->tree);
	else
		json_put_null(out);
}
