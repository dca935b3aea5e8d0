/*
 * entry_test.c - entries of the store: what is kept of a body, what stands over what, and what is never shown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "conf/models.h"
#include "conf/secrets.h"
#include "conf/show.h"
#include "json/json.h"

static const struct setting rows[] = { { .name = "loud", .type = SETTING_BOOL, .initial = "true" } };
static const struct setting_table table = SETTING_TABLE(rows);
static const struct setting_table *const tables[] = { &table, NULL };
static const char *const environment[] = { "TOKEN=from-the-environment", "CORBEL_KEY=own", NULL };

static const char *const file_text = "providers:\n- {name: main, kind: openai, api_key: sk-file, base_url: http://127.0.0.1:1/v1}\n"
				     "models:\n- {name: first, targets: [{provider: main, model: x}]}\n- {name: second, targets: [{provider: main, model: y}], capture: usage}\n";

struct fixture {
	struct arena *arena;
	struct problems problems;
	struct conf *file, *whole;
	struct entries *entries;
	struct secrets *secrets;
	char dir[64];
};

static int
fixture_open(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct conf_spec spec = { .path = STR("c.yaml"), .tables = tables, .environment = environment };
	struct secrets_spec secrets = { .alone = true };

	f->arena = arena_new(MIB(16));
	snprintf(f->dir, sizeof(f->dir), "/tmp/corbel-entry-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	secrets.data_dir = str_of(f->dir);
	assert_null(secrets_open(&secrets, f->arena, &f->secrets));
	problems_init(&f->problems, f->arena);
	assert_null(conf_parse(&spec, str_of(file_text), &f->problems, &f->file));
	f->entries = entries_new();
	*state = f;
	return 0;
}

static int
fixture_close(void **state)
{
	struct fixture *f = *state;
	struct str key = arena_printf(f->arena, "%s/master.key", f->dir);

	conf_unref(f->whole);
	conf_unref(f->file);
	entries_unref(f->entries);
	secrets_free(f->secrets);
	unlink(key.ptr);
	rmdir(f->dir);
	arena_free(f->arena);
	free(f);
	return 0;
}

/* The body as it would be kept; problems are in the fixture. */
static struct str
body_of(struct fixture *f, enum entry_kind kind, const char *name, const char *text, const struct entry *before)
{
	const struct json *json;
	struct entry_request request = { .kind = kind, .name = str_of(name), .before = before, .secrets = f->secrets, .problems = &f->problems };

	assert_null(json_parse(f->arena, str_of(text), &json));
	request.json = json;
	return entry_body(f->arena, &request);
}

/* Puts an entry at the next version; the body is kept as a request's would be. */
static struct entry *
put(struct fixture *f, enum entry_kind kind, const char *name, const char *text)
{
	const struct entry *before = entries_find(f->entries, kind, str_of(name));
	struct str body = body_of(f, kind, name, text, before);
	struct entry_change change = { .kind = kind, .name = str_of(name), .entry = entry_new(kind, str_of(name), f->entries->version + 1, body, f->secrets) };
	struct entries *next = entries_with(f->entries, &change, 1, f->entries->version + 1);

	entries_unref(f->entries);
	f->entries = next;
	entry_unref(change.entry);
	return entries_find(next, kind, str_of(name));
}

static const struct err *
merge(struct fixture *f)
{
	conf_unref(f->whole);
	return conf_merge(f->file, f->entries, &f->problems, &f->whole);
}

static const char *
told(struct fixture *f)
{
	struct buf all;

	buf_init(&all, f->arena, MIB(1));
	for (const struct problem *p = f->problems.first; p; p = p->next) {
		buf_add(&all, problem_text(f->arena, p));
		buf_add_byte(&all, '\n');
	}
	buf_add_byte(&all, '\0');
	return all.ptr;
}

static const char *
shown(struct fixture *f, enum entry_kind kind, const char *name)
{
	struct json_out json;
	struct buf text;

	buf_init(&text, f->arena, MIB(1));
	json_out_init(&json, &text);
	assert_true(conf_show_entry(&json, f->whole, kind, str_of(name)));
	buf_add_byte(&text, '\0');
	return text.ptr;
}

static void
an_entry_stands_over_the_files_whole_and_in_its_place(void **state)
{
	struct fixture *f = *state;
	const struct conf_model *models;
	size_t count;

	put(f, ENTRY_MODEL, "first", "{\"targets\":[{\"provider\":\"main\",\"model\":\"z\",\"weight\":3}]}");
	put(f, ENTRY_MODEL, "third", "{\"name\":\"third\",\"targets\":[{\"provider\":\"main\",\"model\":\"t\"}],\"fallbacks\":[{\"model\":\"second\"}]}");
	assert_null(merge(f));
	models = conf_models(f->whole, &count);
	assert_int_equal(count, 3);
	assert_true(str_eq_c(models[0].name, "first") && str_eq_c(models[0].targets[0].model, "z") && models[0].targets[0].weight == 3);
	assert_true(str_eq_c(models[2].name, "third") && models[2].route.fallbacks[0].model == &models[1]);
	assert_true(conf_model(f->whole, STR("first")) == &models[0] && conf_bool(f->whole, &rows[0]));
	assert_non_null(strstr(shown(f, ENTRY_MODEL, "first"), "\"origin\":\"store\",\"replaces_file\":true,\"changed_in\":1"));
	assert_non_null(strstr(shown(f, ENTRY_MODEL, "second"), "\"origin\":\"file\",\"replaces_file\":false,\"changed_in\":0"));
	assert_true(str_ends(conf_version(f->whole), STR("+2")));
	assert_true(str_eq_c(conf_model(f->file, STR("first"))->targets[0].model, "x"));
}

static void
mistakes_name_the_entry_the_path_and_the_nearest_key(void **state)
{
	struct fixture *f = *state;

	put(f, ENTRY_MODEL, "bad", "{\"targets\":[{\"provider\":\"mian\",\"model\":\"z\",\"wieght\":3}],\"top\":{\"a\":1},\"capture\":\"ful\"}");
	assert_non_null(merge(f));
	assert_null(f->whole);
	assert_string_equal(told(f), "model bad: targets[0].provider: there is no provider \"mian\"; did you mean \"main\"?\n"
				     "model bad: targets[0].wieght: unknown key; did you mean \"weight\"?\n"
				     "model bad: top: unknown key\n"
				     "model bad: capture: expected one of none, usage, full, found \"ful\"; did you mean \"full\"?\n");
	assert_true(str_eq_c(f->problems.first->path, "targets[0].provider"));
}

static void
problems_outlive_the_entry_that_has_them(void **state)
{
	struct fixture *f = *state;

	put(f, ENTRY_MODEL, "bad", "{\"targets\":[{\"provider\":\"mian\",\"model\":\"z\"}]}");
	assert_non_null(merge(f));
	entries_unref(f->entries);
	f->entries = entries_new();
	assert_string_equal(told(f), "model bad: targets[0].provider: there is no provider \"mian\"; did you mean \"main\"?\n");
}

static void
what_breaks_others_is_told_where_they_stand(void **state)
{
	struct fixture *f = *state;

	put(f, ENTRY_MODEL, "first", "{\"split\":[{\"model\":\"third\"}]}");
	put(f, ENTRY_MODEL, "third", "{\"split\":[{\"model\":\"first\"}]}");
	assert_non_null(merge(f));
	assert_non_null(strstr(told(f), "splits go round in a circle"));
}

static void
fallbacks_may_go_round_but_not_to_where_they_are(void **state)
{
	struct fixture *f = *state;

	put(f, ENTRY_MODEL, "left", "{\"targets\":[{\"provider\":\"main\",\"model\":\"t\"}],\"fallbacks\":[{\"model\":\"right\"}]}");
	put(f, ENTRY_MODEL, "right", "{\"targets\":[{\"provider\":\"main\",\"model\":\"u\"}],\"fallbacks\":[{\"model\":\"left\"}]}");
	assert_null(merge(f));
	put(f, ENTRY_MODEL, "right", "{\"targets\":[{\"provider\":\"main\",\"model\":\"u\"}],\"fallbacks\":[{\"model\":\"right\"}]}");
	assert_non_null(merge(f));
	assert_non_null(strstr(told(f), "model right: fallbacks: \"right\" falls back to itself"));
}

static void
a_key_twice_is_refused(void **state)
{
	struct fixture *f = *state;

	put(f, ENTRY_MODEL, "m", "{\"capture\":\"none\",\"capture\":\"full\",\"targets\":[{\"provider\":\"main\",\"model\":\"t\"}]}");
	assert_non_null(merge(f));
	assert_string_equal(told(f), "model m: capture: this key stands here a second time\n");
}

static void
secrets_are_sealed_used_and_never_shown(void **state)
{
	struct fixture *f = *state;
	const struct entry *entry = put(f, ENTRY_PROVIDER, "p", "{\"kind\":\"openai\",\"api_key\":\"sk-very-secret\",\"headers\":{\"x-team\":\"blue-secret\",\"authorization\":\"Bearer ${TOKEN}\"}}");
	struct str key = arena_printf(f->arena, "%s/master.key", f->dir);
	const struct conf_provider *providers;
	struct stat about;
	size_t count;

	assert_null(merge(f));
	providers = conf_providers(f->whole, &count);
	assert_int_equal(count, 2);
	assert_true(str_eq_c(providers[1].api_key, "sk-very-secret") && str_eq_c(providers[1].headers[0].value, "blue-secret"));
	assert_true(str_eq_c(providers[1].headers[1].value, "Bearer from-the-environment"));
	assert_int_equal(str_find(entry->body, STR("secret"), 0), SIZE_MAX);
	assert_null(strstr(shown(f, ENTRY_PROVIDER, "p"), "secret"));
	assert_non_null(strstr(shown(f, ENTRY_PROVIDER, "p"), "\"api_key\":\"(hidden)\""));
	assert_non_null(strstr(shown(f, ENTRY_PROVIDER, "p"), "\"authorization\":\"Bearer ${TOKEN}\""));
	assert_null(strstr(shown(f, ENTRY_PROVIDER, "main"), "sk-file"));
	assert_int_equal(stat(key.ptr, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0600);
}

static void
what_is_hidden_and_sent_back_stays(void **state)
{
	struct fixture *f = *state;
	const struct entry *before = put(f, ENTRY_PROVIDER, "p", "{\"kind\":\"openai\",\"api_key\":\"sk-very-secret\"}");
	struct str same = body_of(f, ENTRY_PROVIDER, "p", "{\"kind\":\"openai\",\"api_key\":\"(hidden)\"}", before);
	struct str given = body_of(f, ENTRY_PROVIDER, "p", "{\"kind\":\"openai\",\"api_key\":\"sk-very-secret\"}", before);
	struct str other = body_of(f, ENTRY_PROVIDER, "p", "{\"kind\":\"openai\",\"api_key\":\"sk-other\"}", before);

	assert_true(str_eq(same, before->body) && str_eq(given, before->body) && !str_eq(other, before->body));
	assert_int_equal(f->problems.count, 0);
	(void)body_of(f, ENTRY_PROVIDER, "new", "{\"kind\":\"openai\",\"api_key\":\"(hidden)\"}", NULL);
	assert_int_equal(f->problems.count, 1);
	assert_non_null(strstr(told(f), "provider new: api_key: \"(hidden)\" keeps the secret that is there, and there is none"));
}

static void
without_a_master_key_only_references_are_kept(void **state)
{
	struct fixture *f = *state;
	struct secrets_spec spec = { .data_dir = str_of(f->dir) };

	secrets_free(f->secrets);
	assert_null(secrets_open(&spec, f->arena, &f->secrets));
	(void)body_of(f, ENTRY_PROVIDER, "p", "{\"kind\":\"openai\",\"api_key\":\"${TOKEN}\",\"proxy\":\"http://proxy:3128\"}", NULL);
	assert_int_equal(f->problems.count, 0);
	(void)body_of(f, ENTRY_PROVIDER, "p", "{\"kind\":\"openai\",\"api_key\":\"x${TOKEN}\"}", NULL);
	assert_int_equal(f->problems.count, 1);
	assert_non_null(strstr(told(f), "set CORBEL_MASTER_KEY"));
}

static void
another_master_key_says_so(void **state)
{
	struct fixture *f = *state;
	struct secrets_spec spec = { .given = STR("another key of at least 32 characters"), .data_dir = str_of(f->dir) };
	struct str body = body_of(f, ENTRY_PROVIDER, "p", "{\"kind\":\"openai\",\"api_key\":\"sk-very-secret\"}", NULL);
	struct entry_change change = { .kind = ENTRY_PROVIDER, .name = STR("p") };
	struct entries *next;
	struct secrets *other;

	assert_null(secrets_open(&spec, f->arena, &other));
	change.entry = entry_new(ENTRY_PROVIDER, STR("p"), 1, body, other);
	next = entries_with(f->entries, &change, 1, 1);
	entries_unref(f->entries);
	f->entries = next;
	assert_non_null(merge(f));
	assert_non_null(strstr(told(f), "provider p: api_key: was sealed with the master key "));
	assert_null(strstr(told(f), "secret,"));
	entry_unref(change.entry);
	secrets_free(other);
}

/* The sealed text of p's api_key in a body. */
static struct str
sealed_of(struct fixture *f, struct str body)
{
	const struct json *json;

	assert_null(json_parse(f->arena, body, &json));
	return json_get_string(json_get(json, "api_key"), "$sealed");
}

static const struct str about = STR_INIT("provider p\napi_key");

static void
a_former_key_opens_and_seals_nothing(void **state)
{
	struct fixture *f = *state;
	struct str sealed = sealed_of(f, body_of(f, ENTRY_PROVIDER, "p", "{\"kind\":\"openai\",\"api_key\":\"sk-very-secret\"}", NULL)), moved, again, text;
	struct secrets_spec spec = { .given = STR("another key of at least 32 characters"), .data_dir = str_of(f->dir) };
	struct secrets *both, *lone;
	char file[65] = { 0 };
	struct secrets_ids ids;
	FILE *key = fopen(arena_printf(f->arena, "%s/master.key", f->dir).ptr, "r");

	assert_non_null(key);
	assert_int_equal(fread(file, 1, 64, key), 64);
	fclose(key);
	assert_null(secrets_open(&spec, f->arena, &lone));
	assert_int_equal(secrets_reseal(lone, f->arena, about, sealed, &moved)->kind, ERR_INVALID);
	spec.previous = str_of(file); /* the file's text is a key like any other */
	assert_null(secrets_open(&spec, f->arena, &both));
	secrets_ids(both, &ids);
	assert_int_equal(ids.count, 2);
	assert_null(secrets_unseal(both, f->arena, about, sealed, &text));
	assert_true(str_eq_c(text, "sk-very-secret"));
	assert_null(secrets_reseal(both, f->arena, about, sealed, &moved));
	assert_false(str_eq(moved, sealed));
	assert_null(secrets_reseal(both, f->arena, about, moved, &again));
	assert_true(str_eq(moved, again));
	assert_null(secrets_unseal(lone, f->arena, about, moved, &text));
	assert_true(str_eq_c(text, "sk-very-secret"));
	assert_int_equal(secrets_renew(both, f->arena)->kind, ERR_UNSUPPORTED);
	secrets_free(both);
	secrets_free(lone);
}

static void
a_renewed_key_has_a_file_and_so_has_the_former(void **state)
{
	struct fixture *f = *state;
	struct str sealed = sealed_of(f, body_of(f, ENTRY_PROVIDER, "p", "{\"kind\":\"openai\",\"api_key\":\"sk-very-secret\"}", NULL)), text, moved;
	struct secrets_spec spec = { .data_dir = str_of(f->dir), .alone = true };
	struct str previous = arena_printf(f->arena, "%s/master.key.previous", f->dir);
	struct secrets_ids before, after, again;
	struct secrets *other;

	secrets_ids(f->secrets, &before);
	assert_null(secrets_renew(f->secrets, f->arena));
	secrets_ids(f->secrets, &after);
	assert_int_equal(after.count, 2);
	assert_string_equal(after.list[1], before.list[0]);
	assert_string_not_equal(after.list[0], before.list[0]);
	assert_null(secrets_open(&spec, f->arena, &other));
	secrets_ids(other, &again);
	assert_int_equal(again.count, 2);
	assert_string_equal(again.list[0], after.list[0]);
	assert_null(secrets_unseal(other, f->arena, about, sealed, &text));
	assert_null(secrets_reseal(other, f->arena, about, sealed, &moved));
	assert_null(secrets_renew(f->secrets, f->arena)); /* the first key is given up */
	assert_int_equal(secrets_unseal(f->secrets, f->arena, about, sealed, &text)->kind, ERR_INVALID);
	assert_null(secrets_unseal(f->secrets, f->arena, about, moved, &text));
	secrets_free(other);
	unlink(previous.ptr);
}

static void
a_master_key_that_others_can_read_is_refused(void **state)
{
	struct fixture *f = *state;
	struct secrets_spec spec = { .data_dir = str_of(f->dir) };
	struct str key = arena_printf(f->arena, "%s/master.key", f->dir);
	struct secrets *other;

	(void)body_of(f, ENTRY_PROVIDER, "p", "{\"kind\":\"openai\",\"api_key\":\"sk-very-secret\"}", NULL);
	assert_int_equal(chmod(key.ptr, 0640), 0);
	assert_int_equal(secrets_open(&spec, f->arena, &other)->kind, ERR_FORBIDDEN);
	assert_int_equal(chmod(key.ptr, 0600), 0);
	assert_int_equal(truncate(key.ptr, 20), 0);
	assert_int_equal(secrets_open(&spec, f->arena, &other)->kind, ERR_INVALID);
}

static void
the_servers_own_environment_is_not_to_be_had(void **state)
{
	struct fixture *f = *state;

	put(f, ENTRY_PROVIDER, "p", "{\"kind\":\"openai\",\"base_url\":\"http://x/${CORBEL_KEY}\"}");
	put(f, ENTRY_PROVIDER, "q", "{\"kind\":\"openai\",\"max_concurrency\":\"${TOKEN}\"}");
	put(f, ENTRY_PROVIDER, "r", "{\"kind\":\"openai\",\"proxy\":\"http://a:b@${CORBEL_KEY}\"}");
	assert_non_null(merge(f));
	assert_null(strstr(told(f), "own\n"));
	assert_null(strstr(told(f), "from-the-environment"));
	assert_non_null(strstr(told(f), "provider p: base_url: environment variables whose names begin with CORBEL_"));
	assert_non_null(strstr(told(f), "provider r: proxy: environment variables"));
}

static void
sealed_objects_are_not_taken_from_outside(void **state)
{
	struct fixture *f = *state;

	(void)body_of(f, ENTRY_PROVIDER, "p", "{\"kind\":\"openai\",\"headers\":{\"x\":{\"$sealed\":\"v1.\"}}}", NULL);
	assert_int_equal(f->problems.count, 1);
}

static void
the_hash_tells_contents_apart_whenever_they_were_reached(void **state)
{
	struct fixture *f = *state;
	char before[HASH_SHA256_HEX], after[HASH_SHA256_HEX], again[HASH_SHA256_HEX];
	struct entry_change removal = { .kind = ENTRY_MODEL, .name = STR("b") };
	struct entries *next;

	put(f, ENTRY_MODEL, "a", "{}");
	entries_hash(f->entries, before);
	put(f, ENTRY_MODEL, "b", "{}");
	entries_hash(f->entries, after);
	next = entries_with(f->entries, &removal, 1, 3);
	entries_hash(next, again);
	assert_memory_not_equal(before, after, sizeof(before));
	assert_memory_equal(before, again, sizeof(before));
	assert_int_equal(next->count, 1);
	entries_unref(next);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_entry_stands_over_the_files_whole_and_in_its_place),
		TEST(mistakes_name_the_entry_the_path_and_the_nearest_key),
		TEST(problems_outlive_the_entry_that_has_them),
		TEST(what_breaks_others_is_told_where_they_stand),
		TEST(fallbacks_may_go_round_but_not_to_where_they_are),
		TEST(a_key_twice_is_refused),
		TEST(secrets_are_sealed_used_and_never_shown),
		TEST(what_is_hidden_and_sent_back_stays),
		TEST(without_a_master_key_only_references_are_kept),
		TEST(another_master_key_says_so),
		TEST(a_former_key_opens_and_seals_nothing),
		TEST(a_renewed_key_has_a_file_and_so_has_the_former),
		TEST(a_master_key_that_others_can_read_is_refused),
		TEST(the_servers_own_environment_is_not_to_be_had),
		TEST(sealed_objects_are_not_taken_from_outside),
		TEST(the_hash_tells_contents_apart_whenever_they_were_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
