/*
 * access_test.c - keys, from the first one to the revoked one, on each engine that is there.
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

#include "access/access.h"
#include "access/access_sql.h"
#include "access/secret.h"
#include "access/shared_secret.h"
#include "base/clock.h"
#include "rt/fiber.h"
#include "store/testing.h"

static const struct store_schema *const schemas[] = { &access_schema, NULL };

enum { OPENED_MAX = 4 };

struct fixture {
	struct store *store;
	struct arena *arena;
	char dir[64];
	struct access *stopped[OPENED_MAX]; /* freed once the store is closed */
	size_t stopped_count;
};

static struct access *
opened(struct fixture *f, struct str admin_key, struct str *made)
{
	struct access_spec spec = { .store = f->store, .admin_key = admin_key, .data_dir = str_of(f->dir) };
	struct access *access;

	CHECK_OK(access_open(&spec, f->arena, &access, made));
	return access;
}

static MAY_PARK void
closed(struct fixture *f, struct access *access)
{
	access_stop(access);
	assert_true(f->stopped_count < OPENED_MAX);
	f->stopped[f->stopped_count++] = access;
}

static const struct identity *
accepted(struct fixture *f, struct access *access, struct str key)
{
	const struct identity *identity;

	CHECK_OK(access_authenticate(access, f->arena, key, &identity));
	return identity;
}

static const char *
refused(struct fixture *f, struct access *access, struct str key)
{
	const struct identity *identity;
	const struct err *err = access_authenticate(access, f->arena, key, &identity);

	CHECK_ERR(err, ERR_UNAUTHENTICATED);
	return arena_cstr(f->arena, err->message);
}

static MAY_PARK void
first_start_case(struct fixture *f)
{
	char path[96], text[SECRET_LEN + 2] = "";
	struct access *access;
	struct str made, again;
	struct stat file;
	int fd;

	access = opened(f, STR_EMPTY, &made);
	CHECK(secret_well_formed(made));
	CHECK(accepted(f, access, made)->scopes == 1u << SCOPE_ADMIN);
	snprintf(path, sizeof(path), "%s/admin.key", f->dir);
	CHECK(stat(path, &file) == 0 && (file.st_mode & 07777) == 0600);
	fd = open(path, O_RDONLY);
	CHECK(read(fd, text, sizeof(text)) == SECRET_LEN + 1 && text[SECRET_LEN] == '\n');
	close(fd);
	CHECK(str_eq(str_n(text, SECRET_LEN), made));
	closed(f, access);

	access = opened(f, STR_EMPTY, &again); /* the second start makes none */
	CHECK(again.len == 0);
	accepted(f, access, made);
	closed(f, access);
}

static MAY_PARK void
shared_secret_case(struct fixture *f)
{
	static const unsigned char zero[SHARED_SECRET_LEN];
	unsigned char first[SHARED_SECRET_LEN] = { 0 }, again[SHARED_SECRET_LEN], other[SHARED_SECRET_LEN];

	CHECK_OK(shared_secret_get(f->store, f->arena, STR("link"), first));
	CHECK_OK(shared_secret_get(f->store, f->arena, STR("link"), again));
	CHECK_OK(shared_secret_get(f->store, f->arena, STR("other"), other));
	CHECK(memcmp(first, zero, sizeof(first)) != 0);
	CHECK(memcmp(first, again, sizeof(first)) == 0);
	CHECK(memcmp(first, other, sizeof(first)) != 0);
}

/* A start that was killed between the file and the row. */
static MAY_PARK void
interrupted_case(struct fixture *f)
{
	char secret[SECRET_LEN], path[96];
	struct access *access;
	struct str made;
	int fd;

	secret_new(secret);
	snprintf(path, sizeof(path), "%s/admin.key", f->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK(write(fd, secret, SECRET_LEN) == SECRET_LEN);
	close(fd);
	access = opened(f, STR_EMPTY, &made);
	CHECK(str_eq(made, str_n(secret, SECRET_LEN)));
	accepted(f, access, made);
	closed(f, access);
}

static MAY_PARK void
given_key_case(struct fixture *f)
{
	struct access *access;
	struct str made;
	char path[96];

	access = opened(f, STR("a key of the operator"), &made);
	CHECK(made.len == 0);
	CHECK(accepted(f, access, STR("a key of the operator"))->scopes == 1u << SCOPE_ADMIN);
	refused(f, access, STR("a key of the operatos"));
	snprintf(path, sizeof(path), "%s/admin.key", f->dir);
	CHECK(access != NULL && stat(path, &(struct stat){ 0 }) != 0);
	closed(f, access);
}

static MAY_PARK void
life_case(struct fixture *f)
{
	struct key_spec spec = { .name = STR("reader \xc3\xa9"), .scopes = 1u << SCOPE_KNOWLEDGE_READ | 1u << SCOPE_MODEL_USE };
	struct str made, secret, other;
	struct access *access = opened(f, STR_EMPTY, &made);
	const struct identity *identity;
	struct key key, second, *list;
	size_t count;

	CHECK_OK(key_create(access, f->arena, TENANT_DEFAULT, &spec, &key, &secret));
	identity = accepted(f, access, secret);
	CHECK(str_eq_c(key.id, identity->key_id) && identity->tenant == TENANT_DEFAULT);
	CHECK_OK(access_require(identity, SCOPE_MODEL_USE, f->arena));
	CHECK_ERR(access_require(identity, SCOPE_KNOWLEDGE_WRITE, f->arena), ERR_FORBIDDEN);
	CHECK_ERR(access_require(identity, SCOPE_ADMIN, f->arena), ERR_FORBIDDEN);
	CHECK_OK(access_require(accepted(f, access, made), SCOPE_TRACE_READ, f->arena));

	CHECK_OK(key_create(access, f->arena, TENANT_DEFAULT, &spec, &second, &other));
	CHECK_OK(key_list(access, f->arena, TENANT_DEFAULT, STR_EMPTY, STR_EMPTY, 2, &list, &count));
	CHECK(count == 2 && str_eq(list[0].id, second.id) && str_eq(list[1].id, key.id));
	CHECK(str_eq(list[1].name, spec.name) && list[1].scopes == spec.scopes &&
		str_eq(list[1].prefix, str_slice(secret, 0, SECRET_PREFIX_LEN)));
	CHECK_OK(key_list(access, f->arena, TENANT_DEFAULT, STR_EMPTY, key.id, 10, &list, &count));
	CHECK(count == 1 && str_eq_c(list[0].name, "admin"));
	CHECK_OK(key_list(access, f->arena, 2, STR_EMPTY, STR_EMPTY, 10, &list, &count));
	CHECK(count == 0);

	CHECK_ERR(key_revoke(access, f->arena, 2, key.id), ERR_NOT_FOUND);
	CHECK_OK(key_revoke(access, f->arena, TENANT_DEFAULT, key.id));
	CHECK(strstr(refused(f, access, secret), "revoked"));
	CHECK_ERR(key_revoke(access, f->arena, TENANT_DEFAULT, key.id), ERR_NOT_FOUND);
	accepted(f, access, other);
	closed(f, access);
}

static MAY_PARK void
other_node_case(struct fixture *f)
{
	struct key_spec spec = { .name = STR("k"), .scopes = 1u << SCOPE_MODEL_USE };
	struct str made, secret;
	struct access *here = opened(f, STR_EMPTY, &made), *there = opened(f, STR_EMPTY, &made);
	const struct identity *identity;
	int64_t began_us;
	struct key key;

	CHECK_OK(key_create(here, f->arena, TENANT_DEFAULT, &spec, &key, &secret));
	began_us = clock_mono_us();
	while (access_authenticate(there, f->arena, secret, &identity))
		CHECK_OK(fiber_sleep_us(1000));
	CHECK(clock_mono_us() - began_us < USEC_PER_SEC);
	CHECK_OK(key_revoke(here, f->arena, TENANT_DEFAULT, key.id));
	began_us = clock_mono_us();
	while (!access_authenticate(there, f->arena, secret, &identity))
		CHECK_OK(fiber_sleep_us(1000));
	CHECK(clock_mono_us() - began_us < USEC_PER_SEC);
	access_stop(here);
	access_stop(there);
	access_free(here);
	access_free(there);
}

static MAY_PARK void
messages_case(struct fixture *f)
{
	struct key_spec spec = { .name = STR("short"), .scopes = 1u << SCOPE_MODEL_USE };
	struct str made, secret;
	struct access *access = opened(f, STR_EMPTY, &made);
	char *typo, unknown[SECRET_LEN];
	struct key key;

	CHECK(strstr(refused(f, access, STR_EMPTY), "no key"));
	typo = arena_cstr(f->arena, made);
	typo[20] = typo[20] == 'a' ? 'b' : 'a';
	CHECK(strstr(refused(f, access, str_of(typo)), "mistyped"));
	CHECK(strstr(refused(f, access, str_slice(made, 0, made.len - 1)), "mistyped"));
	CHECK(strstr(refused(f, access, STR("\xff\0sk-anything")), "mistyped"));
	secret_new(unknown);
	CHECK(strstr(refused(f, access, str_n(unknown, SECRET_LEN)), "another server"));
	spec.expires_us = clock_wall_us() + USEC_PER_SEC;
	CHECK_OK(key_create(access, f->arena, TENANT_DEFAULT, &spec, &key, &secret));
	accepted(f, access, secret);
	CHECK_OK(fiber_sleep_us(USEC_PER_SEC));
	CHECK(strstr(refused(f, access, secret), "has expired"));
	CHECK_ERR(key_create(access, f->arena, TENANT_DEFAULT, &spec, &key, &secret), ERR_INVALID);
	closed(f, access);
}

static MAY_PARK void
last_use_case(struct fixture *f)
{
	struct str made;
	struct access *access = opened(f, STR_EMPTY, &made);
	int64_t before_us = clock_wall_us();
	struct key *list;
	size_t count;

	accepted(f, access, made);
	closed(f, access);
	access = opened(f, STR_EMPTY, &made);
	CHECK_OK(key_list(access, f->arena, TENANT_DEFAULT, STR_EMPTY, STR_EMPTY, 10, &list, &count));
	CHECK(count == 1 && list[0].used_us >= before_us);
	closed(f, access);
}

/* What was valid stays valid while the store is away, and what changed is seen once it is back. */
static MAY_PARK void
store_away_case(struct fixture *f)
{
	static const struct err away = { .kind = ERR_UNAVAILABLE, .message = STR_INIT("away") };
	struct key_spec spec = { .name = STR("k"), .scopes = 1u << SCOPE_MODEL_USE };
	struct str made, secret;
	struct access *access = opened(f, STR_EMPTY, &made);
	struct key key;

	store_fail_nth(f->store, 3, 0, &away); /* the revision and the insert pass, the load after it fails */
	CHECK_OK(key_create(access, f->arena, TENANT_DEFAULT, &spec, &key, &secret));
	accepted(f, access, made);
	for (int i = 0; i < 300 && access_authenticate(access, f->arena, secret, &(const struct identity *){ NULL }); i++)
		CHECK_OK(fiber_sleep_us(10 * USEC_PER_MS));
	accepted(f, access, secret);
	store_fail_nth(f->store, 0, 0, NULL);
	closed(f, access);
}

struct run {
	MAY_PARK void (*fn)(struct fixture *f);
	struct fixture fixture;
};

static MAY_PARK void
run_in(struct store *store, void *arg)
{
	struct run *run = arg;
	struct fixture *f = &run->fixture;
	char path[96];

	f->store = store;
	f->arena = arena_new(MIB(64));
	CHECK(mkdtemp(f->dir));
	run->fn(f);
	snprintf(path, sizeof(path), "%s/admin.key", f->dir);
	unlink(path);
	CHECK(rmdir(f->dir) == 0); /* nothing else was left there */
	arena_free(f->arena);
}

static void
on_each_engine(void (*fn)(struct fixture *f))
{
	for (int engine = STORE_SQLITE; engine <= STORE_POSTGRES; engine++) {
		struct run run = { fn, { .dir = "/tmp/corbel-access-test-XXXXXX" } };

		if (testing_has((enum store_engine)engine))
			testing_run((enum store_engine)engine, schemas, run_in, &run);
		for (size_t i = 0; i < run.fixture.stopped_count; i++)
			access_free(run.fixture.stopped[i]);
	}
}

#define ON_EACH_ENGINE(name, fn)                                                                                                           \
	static void name(void **state)                                                                                                     \
	{                                                                                                                                  \
		(void)state;                                                                                                               \
		on_each_engine(fn);                                                                                                        \
	}                                                                                                                                  \
	static void name(void **state)

ON_EACH_ENGINE(the_first_start_makes_one_admin_key_for_the_owner_alone, first_start_case);
ON_EACH_ENGINE(a_start_that_was_interrupted_takes_up_its_key, interrupted_case);
ON_EACH_ENGINE(a_given_admin_key_is_valid_and_none_is_made, given_key_case);
ON_EACH_ENGINE(a_key_is_made_listed_used_and_revoked, life_case);
ON_EACH_ENGINE(another_node_sees_changes_within_a_second, other_node_case);
ON_EACH_ENGINE(a_shared_secret_is_made_once, shared_secret_case);
ON_EACH_ENGINE(a_refusal_says_why, messages_case);
ON_EACH_ENGINE(the_last_use_is_written_down, last_use_case);
ON_EACH_ENGINE(a_store_that_is_away_locks_nobody_out, store_away_case);

static void
secrets_are_recognised_by_their_form(void **state)
{
	char secret[SECRET_LEN], other[SECRET_LEN];

	(void)state;
	secret_new(secret);
	secret_new(other);
	assert_true(secret_well_formed(str_n(secret, SECRET_LEN)));
	assert_memory_not_equal(secret, other, SECRET_LEN);
	for (size_t i = 0; i < SECRET_LEN; i++) {
		char kept = secret[i];

		secret[i] = kept == 'x' ? 'y' : 'x';
		assert_false(secret_well_formed(str_n(secret, SECRET_LEN)));
		secret[i] = kept;
	}
}

static void
statements_fit_both_engines(void **state)
{
	(void)state;
	for (int engine = STORE_SQLITE; engine <= STORE_POSTGRES; engine++) {
		struct testing *testing;
		struct store *store;

		if (!testing_has((enum store_engine)engine))
			continue;
		testing = testing_new((enum store_engine)engine, 1);
		store = testing_open(testing, schemas);
		testing_check_statements(testing, schemas);
		store_close(store);
		testing_free(testing);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_recognised_by_their_form),
		cmocka_unit_test(statements_fit_both_engines),
		cmocka_unit_test(the_first_start_makes_one_admin_key_for_the_owner_alone),
		cmocka_unit_test(a_start_that_was_interrupted_takes_up_its_key),
		cmocka_unit_test(a_given_admin_key_is_valid_and_none_is_made),
		cmocka_unit_test(a_key_is_made_listed_used_and_revoked),
		cmocka_unit_test(another_node_sees_changes_within_a_second),
		cmocka_unit_test(a_shared_secret_is_made_once),
		cmocka_unit_test(a_refusal_says_why),
		cmocka_unit_test(the_last_use_is_written_down),
		cmocka_unit_test(a_store_that_is_away_locks_nobody_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
