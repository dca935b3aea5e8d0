/*
 * conf.c - a configuration from its sources: defaults, file, environment, flags, in this order. See conf.h.
 *
 * Loading never stops at the first mistake. A snapshot comes out only when there was none.
 */
#include "conf/conf.h"

#include "conf/expand.h"
#include "conf/reader.h"
#include "conf/snapshot.h"
#include "crypto/hash.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { ARENA_MAX = 128 * 1024 * 1024 };

static void
conf_free(struct snapshot *snapshot)
{
	struct conf *conf = (struct conf *)snapshot;

	struct conf *file = conf->file;
	struct entries *entries = conf->entries;

	map_fini(&conf->models_by_name);
	map_fini(&conf->providers_by_name);
	arena_free(conf->arena); /* and with it the snapshot */
	conf_unref(file);
	entries_unref(entries);
}

struct conf *
conf_ref(const struct conf *conf)
{
	return snapshot_ref(&((struct conf *)conf)->base);
}

void
conf_unref(struct conf *conf)
{
	if (conf)
		snapshot_unref(&conf->base);
}

static struct conf_cell *
cell_of(const struct conf *conf, const struct setting *row)
{
	for (size_t i = 0; conf->tables[i]; i++)
		if (row >= conf->tables[i]->rows && row < conf->tables[i]->rows + conf->tables[i]->count)
			return &conf->cells[i][row - conf->tables[i]->rows];
	assert(false && "a setting that is in no table of src/cli/settings.c");
	abort();
}

struct str
conf_version(const struct conf *conf)
{
	return conf->version;
}

struct str
conf_str(const struct conf *conf, const struct setting *row)
{
	assert(row->type == SETTING_STRING);
	return cell_of(conf, row)->value.text;
}

bool
conf_bool(const struct conf *conf, const struct setting *row)
{
	assert(row->type == SETTING_BOOL);
	return cell_of(conf, row)->value.integer != 0;
}

double
conf_float(const struct conf *conf, const struct setting *row)
{
	assert(row->type == SETTING_FLOAT);
	return cell_of(conf, row)->value.real;
}

int64_t
conf_int(const struct conf *conf, const struct setting *row)
{
	assert(row->type != SETTING_STRING && row->type != SETTING_FLOAT && row->type != SETTING_BOOL);
	return cell_of(conf, row)->value.integer;
}

enum conf_source
conf_source(const struct conf *conf, const struct setting *row)
{
	return cell_of(conf, row)->source;
}

size_t
conf_keep_fixed(struct conf *next, const struct conf *running, const struct setting **changed, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; next->tables[i]; i++) {
		for (size_t j = 0; j < next->tables[i]->count; j++) {
			const struct setting *row = &next->tables[i]->rows[j];
			struct conf_cell *cell = &next->cells[i][j];

			if (row->reloadable || value_equal(row, &cell->value, &running->cells[i][j].value))
				continue;
			*cell = running->cells[i][j];
			cell->value.text = arena_dup(next->arena, cell->value.text);
			if (count < max)
				changed[count] = row;
			count++;
		}
	}
	return count;
}

/* An empty snapshot with every row at its default. */
static struct conf *
conf_new(const struct conf_spec *spec)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct conf *conf = arena_zalloc(arena, sizeof(*conf));
	size_t tables = 0;

	while (spec->tables[tables])
		tables++;
	assert(conf);
	snapshot_init(&conf->base, conf_free);
	conf->arena = arena;
	conf->tables = spec->tables;
	conf->models_by_name = conf->providers_by_name = MAP_EMPTY;
	conf->cells = arena_array(arena, tables, sizeof(*conf->cells));
	assert(conf->cells);
	for (size_t i = 0; i < tables; i++) {
		conf->cells[i] = arena_array(arena, spec->tables[i]->count, sizeof(**conf->cells));
		assert(conf->cells[i]);
		for (size_t j = 0; j < spec->tables[i]->count; j++) {
			const struct setting *row = &spec->tables[i]->rows[j];
			bool fits = value_parse(row, str_of(row->initial), &conf->cells[i][j].value);

			assert(fits); /* a row's default satisfies the row */
			(void)fits;
		}
	}
	return conf;
}

/* What a dotted path is: a row, the section that rows lie in, or neither. */
enum path_kind { PATH_ROW, PATH_SECTION, PATH_UNKNOWN };

static enum path_kind
path_look_up(const struct conf *conf, struct str path, const struct setting **row)
{
	enum path_kind kind = PATH_UNKNOWN;

	*row = NULL;
	for (size_t i = 0; conf->tables[i]; i++) {
		for (size_t j = 0; j < conf->tables[i]->count; j++) {
			struct str name = str_of(conf->tables[i]->rows[j].name);

			*row = &conf->tables[i]->rows[j];
			if (str_eq(name, path))
				return PATH_ROW;
			if (name.len > path.len && name.ptr[path.len] == '.' && str_starts(name, path))
				kind = PATH_SECTION;
		}
	}
	return kind;
}

/* Offers the keys that may stand in the section `path`; and, when none is near, the whole name of a row whose last part is the word. */
static void
rows_offer(const struct conf *conf, struct str path, struct nearest *nearest)
{
	size_t skip = path.len ? path.len + 1 : 0;
	struct str elsewhere = { NULL, 0 };

	for (size_t i = 0; conf->tables[i]; i++) {
		for (size_t j = 0; j < conf->tables[i]->count; j++) {
			struct str name = str_of(conf->tables[i]->rows[j].name);
			size_t tail = name.len;

			while (tail > 0 && name.ptr[tail - 1] != '.')
				tail--;
			if (str_eq(str_slice(name, tail, name.len), nearest->word) || str_eq(name, nearest->word))
				elsewhere = name;
			if (skip == 0 || (str_starts(name, path) && name.len > path.len && name.ptr[path.len] == '.'))
				nearest_offer(nearest, str_slice(name, skip, str_find_byte(name, '.', skip)));
		}
	}
	if (!nearest->best.ptr)
		nearest->best = elsewhere;
}

static void
key_unknown(struct reader *reader, const struct yaml *node, struct str path)
{
	struct nearest nearest;

	nearest_init(&nearest, node->key);
	if (path.len == 0)
		models_offer(&nearest);
	rows_offer(reader->conf, path, &nearest);
	reader_unknown(reader, node, path, &nearest);
}

/* The rows of a map and of the maps in it. `path` is empty at the root. As deep as names have dots. */
static void
section_read(struct reader *reader, const struct yaml *map, struct str path)
{
	for (const struct yaml *child = map->first; child; child = child->next) {
		struct str name = reader_path(reader, path, child->key);
		const struct setting *row;
		struct setting_value value;

		if (path.len == 0 && models_key(child->key))
			continue;
		switch (str_find_byte(child->key, '.', 0) == SIZE_MAX ? path_look_up(reader->conf, name, &row) : PATH_UNKNOWN) {
		case PATH_ROW:
			if (reader_scalar(reader, child, row, name, &value))
				*cell_of(reader->conf, row) = (struct conf_cell){ value, CONF_FILE };
			break;
		case PATH_SECTION:
			if (reader_expect(reader, child, YAML_MAP, "a map of settings", name))
				section_read(reader, child, name);
			break;
		case PATH_UNKNOWN:
			key_unknown(reader, child, path);
			break;
		}
	}
}

static void
file_apply(struct reader *reader, struct str text)
{
	struct conf *conf = reader->conf;
	struct yaml *root;
	unsigned before = reader->problems->count;

	yaml_parse(reader->arena, reader->source, text, reader->problems, &root);
	if (root && root->kind == YAML_SCALAR && root->empty)
		root = NULL;
	if (root && !reader_expect(reader, root, YAML_MAP, "a map of settings", STR_EMPTY))
		return;
	conf->root = root;
	if (root)
		section_read(reader, root, STR_EMPTY);
	if (root || reader->problems->count == before)
		models_read(reader, root);
}

/* A value from the environment or the command line, which is text already. */
static void
override_apply(struct reader *reader, const struct setting *row, struct str text, struct str shown, enum conf_source source)
{
	struct conf_cell cell = { .source = source };

	if (value_parse(row, text, &cell.value)) {
		cell.value.text = arena_dup(reader->arena, text);
		*cell_of(reader->conf, row) = cell;
		return;
	}
	problems_add(reader->problems, shown, 0, 0, "expected %" STR_F "%s%" STR_F "%s",
		STR_A(value_expected(reader->problems->arena, row)), row->secret ? "" : ", found \"",
		STR_A(row->secret ? STR_EMPTY : str_slice(text, 0, 60)), row->secret ? "" : "\"");
}

static void
environment_apply(struct reader *reader)
{
	for (size_t i = 0; reader->conf->tables[i]; i++) {
		for (size_t j = 0; j < reader->conf->tables[i]->count; j++) {
			const struct setting *row = &reader->conf->tables[i]->rows[j];
			struct str text = row->env ? environment_get(reader->environment, str_of(row->env)) : STR_EMPTY;

			if (text.len > 0)
				override_apply(reader, row, text, str_of(row->env), CONF_ENVIRONMENT);
		}
	}
}

static void
flags_apply(struct reader *reader, const struct conf_flag *flags, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct setting *row;
		enum path_kind kind = path_look_up(reader->conf, str_of(flags[i].setting), &row);

		assert(kind == PATH_ROW); /* a flag's setting is a row */
		(void)kind;
		override_apply(reader, row, flags[i].value, str_of(flags[i].shown), CONF_FLAG);
	}
}

static struct str
version_of(struct arena *arena, const struct str *text)
{
	char hash[HASH_SHA256_HEX];

	if (!text)
		return STR("default");
	hash_sha256_hex(*text, hash);
	return arena_dup(arena, str_n(hash, 16));
}

static const struct err *
conf_build(const struct conf_spec *spec, const struct str *text, struct problems *problems, struct conf **out)
{
	struct conf *conf = conf_new(spec);
	struct reader reader = {
		.arena = conf->arena,
		.problems = problems,
		.source = spec->path,
		.environment = spec->environment,
		.conf = conf,
	};
	struct str kept = text ? arena_dup(conf->arena, *text) : STR_EMPTY;
	const struct err *err;

	*out = NULL;
	conf->version = version_of(conf->arena, text);
	conf->source = arena_dup(conf->arena, spec->path);
	conf->environment = spec->environment;
	file_apply(&reader, kept.ptr ? kept : STR_EMPTY);
	environment_apply(&reader);
	flags_apply(&reader, spec->flags, spec->flag_count);
	err = problems_err(problems, problems->arena);
	if (err)
		conf_unref(conf);
	else
		*out = conf;
	return err;
}

const struct err *
conf_parse(const struct conf_spec *spec, struct str text, struct problems *problems, struct conf **out)
{
	return conf_build(spec, &text, problems, out);
}

const struct err *
conf_merge(const struct conf *file, const struct entries *entries, struct problems *problems, struct conf **out)
{
	struct arena *arena = arena_new(ARENA_MAX);
	struct conf *conf = arena_zalloc(arena, sizeof(*conf));
	struct reader reader = { .arena = arena, .problems = problems, .source = file->source, .environment = file->environment, .conf = conf };
	const struct err *err;

	*out = NULL;
	assert(conf);
	snapshot_init(&conf->base, conf_free);
	conf->arena = arena;
	conf->tables = file->tables;
	conf->cells = file->cells;
	conf->models_by_name = conf->providers_by_name = MAP_EMPTY;
	conf->source = file->source;
	conf->environment = file->environment;
	conf->root = file->root;
	conf->file = conf_ref(file);
	conf->entries = snapshot_ref((struct snapshot *)(uintptr_t)&entries->base);
	conf->version = file->version;
	if (entries->version > 0)
		conf->version = arena_printf(arena, "%" STR_F "+%lld", STR_A(file->version), (long long)entries->version);
	for (size_t i = 0; i < entries->count; i++)
		problems_copy(problems, &entries->list[i]->problems);
	models_read(&reader, file->root);
	err = problems_err(problems, problems->arena);
	if (err)
		conf_unref(conf);
	else
		*out = conf;
	return err;
}

/* The whole file, or a problem. */
static bool
file_read(struct arena *arena, struct str path, struct problems *problems, struct str *text)
{
	char *name = arena_cstr(arena, path), *bytes = arena_alloc(arena, YAML_BYTES_MAX + 1);
	int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	size_t len = 0;
	ssize_t got = -1;

	while (fd >= 0 && bytes && len <= YAML_BYTES_MAX && (got = read(fd, bytes + len, YAML_BYTES_MAX + 1 - len)) != 0) {
		if (got < 0 && errno != EINTR)
			break;
		len += got > 0 ? (size_t)got : 0;
	}
	if (fd < 0 || got < 0)
		problems_add(problems, path, 0, 0, "cannot be read: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	*text = str_n(bytes, len);
	return fd >= 0 && got >= 0;
}

const struct err *
conf_load(const struct conf_spec *spec, struct problems *problems, struct conf **out)
{
	struct arena *scratch;
	const struct err *err;
	struct str text;

	*out = NULL;
	if (spec->path.len == 0)
		return conf_build(spec, NULL, problems, out);
	scratch = arena_new(2 * YAML_BYTES_MAX);
	if (file_read(scratch, spec->path, problems, &text))
		err = conf_build(spec, &text, problems, out);
	else
		err = problems_err(problems, problems->arena);
	arena_free(scratch);
	return err;
}
