/*
 * fuzz_configuration.c - a line that is a name, then any bytes as the body of a provider or model: either a configuration in which that name stands, or problems that say where. What is kept of a
 * body reads the same again, and no secret is in what is shown.
 */
#include <stdlib.h>

#include "conf/models.h"
#include "conf/secrets.h"
#include "conf/show.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct setting rows[] = { { .name = "loud", .type = SETTING_BOOL, .initial = "true" } };
static const struct setting_table table = SETTING_TABLE(rows);
static const struct setting_table *const tables[] = { &table, NULL };
static const char *const environment[] = { "A=1", "B=", "CORBEL_KEY=never-to-be-seen", NULL };

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
shown_check(struct arena *arena, const struct conf *conf, enum entry_kind kind, struct str name)
{
	struct json_out json;
	struct buf text;
	const struct json *again;

	buf_init(&text, arena, MIB(8));
	json_out_init(&json, &text);
	require(conf_show_entry(&json, conf, kind, name));
	if (buf_err(&text))
		return;
	require(!json_parse(arena, buf_str(&text), &again) && json_is(json_get(again, "configuration"), JSON_OBJECT));
	require(str_find(buf_str(&text), STR("never-to-be-seen"), 0) == SIZE_MAX);
}

static void
one(struct arena *arena, const struct conf *file, struct secrets *secrets, enum entry_kind kind, struct str name, struct str text)
{
	struct problems problems;
	struct entry_request request = { .kind = kind, .name = name, .secrets = secrets, .problems = &problems };
	struct entries *none = entries_new(), *entries;
	struct entry_change change = { .kind = kind, .name = name };
	struct conf *conf;
	struct str body;

	problems_init(&problems, arena);
	if (!json_parse(arena, text, &request.json)) {
		body = entry_body(arena, &request);
		require(problems.count == 0 || problems.first == NULL || problems.first->text.len > 0);
		if (problems.count == 0 && body.len <= ENTRY_BODY_MAX) {
			change.entry = entry_new(kind, name, 1, body, secrets);
			entries = entries_with(none, &change, 1, 1);
			require((conf_merge(file, entries, &problems, &conf) == NULL) == (problems.count == 0));
			if (conf)
				shown_check(arena, conf, kind, name);
			conf_unref(conf);
			entries_unref(entries);
			entry_unref(change.entry);
		}
	}
	entries_unref(none);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_spec spec = { .path = STR("f.yaml"), .tables = tables, .environment = environment };
	struct secrets_spec sealing = { .given = STR("0123456789abcdef0123456789abcdef"), .data_dir = STR("/nonexistent") };
	struct str rest = str_n((const char *)data, size), name;
	struct arena *arena = arena_new(MIB(64));
	struct secrets *secrets = NULL;
	struct problems problems;
	struct conf *file = NULL;

	problems_init(&problems, arena);
	require(!secrets_open(&sealing, arena, &secrets));
	require(!conf_parse(&spec, STR("providers: [{name: main, kind: openai}]\nmodels: [{name: first, targets: [{provider: main, model: x}]}]\n"), &problems, &file));
	/* The secret stands in the environment. A name or a host is none, and is shown: input that has the secret's text itself in it says nothing. */
	if (str_find(rest, STR("never-to-be-seen"), 0) == SIZE_MAX && str_split(&rest, '\n', &name) && name.len <= ENTRY_NAME_MAX) {
		one(arena, file, secrets, ENTRY_MODEL, name, rest);
		one(arena, file, secrets, ENTRY_PROVIDER, name, rest);
	}
	conf_unref(file);
	secrets_free(secrets);
	arena_free(arena);
	return 0;
}
