/*
 * knowledge_test.c - collections, files and documents from their bytes to passages, on each engine that is there, with a real child that parses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "access/access_sql.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "infer/embed.h"
#include "knowledge/knowledge.h"
#include "knowledge/knowledge_sql.h"
#include "knowledge/search_sql.h"
#include "rt/fiber.h"
#include "store/testing.h"

static const struct store_schema *const schemas[] = { &access_schema, &knowledge_schema, &search_schema, NULL };
static struct str parse_program;

enum { TENANT = 1 };

struct fixture {
	struct store *store;
	struct arena *arena;
	struct knowledge *knowledge;
	struct collection collection;
	struct plan *plan;
};

typedef MAY_PARK void test_case(struct fixture *fixture);

/* What a case is run with; all of it outlives the store, whose notices come until it is closed. */
struct plan {
	test_case *fn;
	struct embedder *embedder;
	struct arena *arena;
	struct knowledge *opened[2];
	size_t opened_count;
};

static MAY_PARK void
fixture_open(struct fixture *f, struct embedder *embedder)
{
	struct knowledge_spec spec = { .store = f->store, .embedder = embedder, .parse_program = parse_program, .parsers = 2,
		.parse_timeout_us = 2 * USEC_PER_SEC };

	CHECK_OK(knowledge_open(&spec, f->arena, &f->knowledge));
	CHECK_OK(knowledge_start(f->knowledge));
	f->plan->opened[f->plan->opened_count++] = f->knowledge;
}


static MAY_PARK void
run_case(struct store *store, void *arg)
{
	struct plan *plan = arg;
	struct fixture f = { .store = store, .arena = plan->arena, .plan = plan };
	struct collection wanted = { .name = STR("manual") };

	fixture_open(&f, plan->embedder);
	CHECK_OK(collection_create(f.knowledge, f.arena, TENANT, &wanted, &f.collection));
	plan->fn(&f);
	knowledge_stop(f.knowledge);
}

static void
run_on(enum store_engine engine, test_case *fn, struct embedder *embedder)
{
	struct plan plan = { .fn = fn, .embedder = embedder, .arena = arena_new(MIB(512)) };

	testing_run(engine, schemas, run_case, &plan);
	for (size_t i = 0; i < plan.opened_count; i++)
		knowledge_close(plan.opened[i]);
	arena_free(plan.arena);
}

static void
run_on_engines(test_case *fn)
{
	static const enum store_engine engines[] = { STORE_SQLITE, STORE_POSTGRES };

	for (size_t i = 0; i < COUNT(engines); i++)
		if (testing_has(engines[i]))
			run_on(engines[i], fn, NULL);
}

#define CASE(name)                                                                                                                        \
	static MAY_PARK void name##_case(struct fixture *f);                                                                                  \
	static void name(void **state)                                                                                                        \
	{                                                                                                                                     \
		(void)state;                                                                                                                      \
		run_on_engines(name##_case);                                                                                                      \
	}                                                                                                                                     \
	static MAY_PARK void name##_case(struct fixture *f)

static MAY_PARK struct upload *
uploaded(struct fixture *f, struct str bytes)
{
	struct upload *upload;

	CHECK_OK(upload_open(f->knowledge, f->arena, TENANT, FILE_BYTES_MAX, &upload));
	for (size_t at = 0; at < bytes.len; at += 50000)
		CHECK_OK(upload_write(upload, str_slice(bytes, at, at + 50000)));
	upload_end(upload);
	return upload;
}

static MAY_PARK struct document
put(struct fixture *f, const char *path, struct str bytes, bool *changed)
{
	struct document_source source = { .upload = uploaded(f, bytes), .path = str_of(path) };
	struct document document;

	CHECK_OK(document_put(f->knowledge, f->arena, TENANT, f->collection.id, &source, &document, changed));
	return document;
}

/* The document once nothing is left to do for its newest version. */
static MAY_PARK struct document
settled(struct fixture *f, const char *path)
{
	struct document document;

	for (unsigned i = 0; i < 3000; i++) {
		CHECK_OK(document_get(f->knowledge, f->arena, TENANT, f->collection.id, str_of(path), &document));
		if (document.status != VERSION_QUEUED)
			return document;
		CHECK_OK(fiber_sleep_us(10 * USEC_PER_MS));
	}
	check_failed("the document is never read", __FILE__, __LINE__);
}

CASE(a_document_becomes_passages)
{
	bool changed;
	struct document d = put(f, "docs/a.md", STR("# Guide\n\nHello world.\n\n## Part\n\n| k | v |\n|---|---|\n| a | 1 |\n"), &changed);
	struct passage *passages;
	size_t got;

	CHECK(changed && d.version == 1 && str_starts(d.id, STR("doc_")) && str_starts(d.version_id, STR("ver_")));
	d = settled(f, "docs/a.md");
	CHECK(d.status == VERSION_WORDS && d.chunks == 1 && str_eq_c(d.title, "Guide") && str_eq_c(d.content_type, "text/markdown"));
	CHECK_OK(passage_get(f->knowledge, f->arena, TENANT, d.version_id, 0, 10, &passages, &got));
	CHECK(got == 1 && passages[0].current && passages[0].version == 1 && str_eq_c(passages[0].path, "docs/a.md"));
	CHECK(str_eq_c(passages[0].heading_path, "Guide"));
	CHECK(str_find(passages[0].text, STR("Hello world."), 0) == 0);
}

CASE(the_same_bytes_make_no_new_version_and_other_bytes_do)
{
	bool changed;
	struct str path = STR("a.txt"), sha256;
	struct document first = put(f, "a.txt", STR("one"), &changed), second;
	struct passage *passages;
	bool known;
	size_t got;

	settled(f, "a.txt");
	second = put(f, "a.txt", STR("one"), &changed);
	CHECK(!changed && str_eq(first.version_id, second.version_id));
	sha256 = second.sha256;
	CHECK_OK(document_known(f->knowledge, f->arena, TENANT, STR("manual"), &path, &sha256, 1, &known));
	CHECK(known);
	second = put(f, "a.txt", STR("two"), &changed);
	CHECK(changed && second.version == 2 && str_eq(first.id, second.id));
	CHECK_OK(document_known(f->knowledge, f->arena, TENANT, STR("manual"), &path, &sha256, 1, &known));
	CHECK(!known);
	settled(f, "a.txt");
	CHECK_OK(passage_get(f->knowledge, f->arena, TENANT, first.version_id, 0, 1, &passages, &got));
	CHECK(got == 1 && !passages[0].current && str_eq_c(passages[0].text, "one"));
	CHECK_OK(passage_get(f->knowledge, f->arena, TENANT, second.version_id, 0, 1, &passages, &got));
	CHECK(got == 1 && passages[0].current && str_eq_c(passages[0].text, "two"));
}

/* How many hits the words have, and the path of the first. */
static MAY_PARK size_t
found(struct fixture *f, const char *words, struct str *path)
{
	struct query query = { .tenant = TENANT, .collection = f->collection.row, .text = str_of(words), .limit = 10, .fusion = FUSION_WORDS };
	struct hits hits;

	CHECK_OK(search_run(knowledge_search(f->knowledge), f->arena, &query, &hits));
	*path = hits.count ? hits.list[0].path : STR_EMPTY;
	return hits.count;
}

CASE(search_finds_the_current_version_and_nothing_that_is_gone)
{
	struct str path;
	bool changed;

	put(f, "a.md", STR("# A\n\nThe aardvark sleeps.\n"), &changed);
	put(f, "b.md", STR("# B\n\nThe bonobo eats.\n"), &changed);
	settled(f, "a.md");
	settled(f, "b.md");
	CHECK(found(f, "aardvark", &path) == 1 && str_eq_c(path, "a.md"));
	put(f, "a.md", STR("# A\n\nThe armadillo sleeps.\n"), &changed);
	settled(f, "a.md");
	CHECK(found(f, "aardvark", &path) == 0);
	CHECK(found(f, "armadillo", &path) == 1);
	put(f, "a.md", str_n("\0\0", 2), &changed); /* a broken version takes nothing away */
	settled(f, "a.md");
	CHECK(found(f, "armadillo", &path) == 1);
	CHECK_OK(document_delete(f->knowledge, f->arena, TENANT, f->collection.id, STR("a.md")));
	CHECK(found(f, "armadillo", &path) == 0);
	CHECK(found(f, "bonobo", &path) == 1);
}

CASE(equal_bytes_under_two_paths_are_two_documents)
{
	bool changed;
	struct document a = put(f, "a.txt", STR("same"), &changed), b = put(f, "b.txt", STR("same"), &changed);

	CHECK(changed && !str_eq(a.id, b.id));
	CHECK(settled(f, "a.txt").chunks == 1 && settled(f, "b.txt").chunks == 1);
}

CASE(a_broken_file_is_reported_and_the_version_before_stays_current)
{
	bool changed;
	struct document good = put(f, "a.json", STR("{\"a\": 1}"), &changed), bad;
	struct passage *passages;
	size_t got;

	settled(f, "a.json");
	put(f, "a.json", STR("{\"a\": "), &changed);
	bad = settled(f, "a.json");
	CHECK(bad.status == VERSION_FAILED && str_eq_c(bad.error_code, "invalid_file") && bad.error_message.len && bad.version == 2);
	CHECK_OK(passage_get(f->knowledge, f->arena, TENANT, good.version_id, 0, 1, &passages, &got));
	CHECK(passages[0].current);
	put(f, "x.bin", str_n("\0\1\2\3", 4), &changed);
	CHECK(str_eq_c(settled(f, "x.bin").error_code, "unsupported_file"));
	put(f, "x.docx", STR("PK\x03\x04 word/"), &changed);
	CHECK(str_eq_c(settled(f, "x.docx").error_code, "invalid_file"));
	put(f, "x.pdf", STR("%PDF-1.4\nnonsense"), &changed);
	CHECK(str_eq_c(settled(f, "x.pdf").error_code, "invalid_file"));
}

/* gumbo takes quadratic time for it: half a minute for this page. */
CASE(a_page_that_takes_too_long_is_given_up)
{
	struct buf html;
	struct document d;
	bool changed;

	buf_init(&html, f->arena, MIB(2));
	for (unsigned i = 0; i < 50000; i++)
		buf_add(&html, STR("<div>"));
	put(f, "deep.html", buf_str(&html), &changed);
	d = settled(f, "deep.html");
	CHECK(d.status == VERSION_FAILED && str_eq_c(d.error_code, "invalid_file") && str_eq_c(d.error_message, "reading the file took too long"));
}

static MAY_PARK void
babble_case(struct fixture *f)
{
	struct document d;
	bool changed;

	put(f, "a.txt", STR("a"), &changed);
	d = settled(f, "a.txt");
	CHECK(d.status == VERSION_FAILED && str_eq_c(d.error_code, "server_error"));
}

/* In place of the parser, a program that says anything but what it should. */
static void
a_parser_that_babbles_fails_its_file_and_nothing_else(void **state)
{
	static const char *const programs[] = { "/bin/echo", "/bin/false" };
	struct str real = parse_program;

	(void)state;
	for (size_t i = 0; i < COUNT(programs); i++) {
		parse_program = str_of(programs[i]);
		run_on(STORE_SQLITE, babble_case, NULL);
	}
	parse_program = real;
}

CASE(an_empty_file_is_a_document_without_chunks)
{
	bool changed;
	struct document d;

	put(f, "empty.txt", STR_EMPTY, &changed);
	d = settled(f, "empty.txt");
	CHECK(d.status == VERSION_READY && d.chunks == 0 && d.bytes == 0);
}

CASE(a_large_file_is_kept_in_pieces_and_comes_back_whole)
{
	size_t size = MIB(5) + 12345;
	char *bytes = arena_alloc(f->arena, size);
	struct file wanted = { .filename = STR("big.bin"), .purpose = STR("assistants") }, file, again;
	struct hash *hash = hash_begin();
	unsigned char sha256[32];
	char hex[64];
	size_t total = 0;
	struct str piece;

	srand(3);
	for (size_t i = 0; i < size; i++)
		bytes[i] = i % 3 ? (char)rand() : 'x';
	CHECK_OK(file_create(f->knowledge, f->arena, TENANT, &wanted, uploaded(f, str_n(bytes, size)), &file));
	CHECK(file.bytes == (int64_t)size && str_starts(file.id, STR("file-")));
	for (unsigned i = 0;; i++) {
		CHECK_OK(file_piece(f->knowledge, f->arena, &file, i, &piece));
		if (piece.len == 0)
			break;
		hash_add(hash, piece);
		total += piece.len;
	}
	hash_end(hash, sha256);
	hex_encode(sha256, sizeof(sha256), hex);
	CHECK(total == size && str_eq(file.sha256, str_n(hex, 64)));
	CHECK_OK(file_create(f->knowledge, f->arena, TENANT, &wanted, uploaded(f, str_n(bytes, size)), &again));
	CHECK(again.content == file.content && !str_eq(again.id, file.id));
	CHECK_OK(file_delete(f->knowledge, f->arena, TENANT, file.id));
	CHECK_ERR(file_get(f->knowledge, f->arena, TENANT, file.id, &file), ERR_NOT_FOUND);
	CHECK_OK(file_piece(f->knowledge, f->arena, &again, 5, &piece));
	CHECK(piece.len == 12345);
}

CASE(deleting_a_file_deletes_its_documents)
{
	struct file wanted = { .filename = STR("n.md"), .purpose = STR("assistants") }, file;
	struct document_source source = { 0 };
	struct document d;
	bool changed;

	CHECK_OK(file_create(f->knowledge, f->arena, TENANT, &wanted, uploaded(f, STR("# x\n\ny")), &file));
	source.file_id = file.id;
	CHECK_OK(document_put(f->knowledge, f->arena, TENANT, f->collection.id, &source, &d, &changed));
	CHECK(str_eq_c(d.path, "n.md") && str_eq(d.file_id, file.id));
	CHECK_OK(document_get(f->knowledge, f->arena, TENANT, f->collection.id, file.id, &d));
	CHECK_OK(file_delete(f->knowledge, f->arena, TENANT, file.id));
	CHECK_ERR(document_get(f->knowledge, f->arena, TENANT, f->collection.id, d.id, &d), ERR_NOT_FOUND);
}

CASE(deleted_things_are_gone_at_once_and_their_rows_later)
{
	struct passage *passages;
	struct collection gone;
	struct document d;
	struct rows rows;
	bool changed;
	size_t got;

	put(f, "a.txt", STR("one"), &changed);
	put(f, "b.txt", STR("two"), &changed);
	settled(f, "a.txt");
	d = settled(f, "b.txt");
	CHECK_OK(document_delete(f->knowledge, f->arena, TENANT, STR("manual"), STR("a.txt")));
	CHECK_ERR(document_get(f->knowledge, f->arena, TENANT, f->collection.id, STR("a.txt"), &d), ERR_NOT_FOUND);
	CHECK_OK(collection_delete(f->knowledge, f->arena, TENANT, STR("manual")));
	CHECK_ERR(collection_get(f->knowledge, f->arena, TENANT, f->collection.id, &gone), ERR_NOT_FOUND);
	CHECK_ERR(passage_get(f->knowledge, f->arena, TENANT, d.version_id, 0, 1, &passages, &got), ERR_NOT_FOUND);
	for (unsigned i = 0; i < 500; i++) {
		CHECK_OK(store_query(f->store, f->arena, &stmt_clean_waiting, PARAMS(V_INT(clock_wall_us())), &rows));
		if (rows.count == 0)
			return;
		CHECK_OK(fiber_sleep_us(10 * USEC_PER_MS));
	}
	check_failed("the rows are never cleaned up", __FILE__, __LINE__);
}

CASE(the_first_collection_of_a_name_is_found_by_it)
{
	struct collection wanted = { .name = STR("manual"), .metadata = STR("{\"a\":\"b\"}") }, second, found;

	CHECK_OK(collection_create(f->knowledge, f->arena, TENANT, &wanted, &second));
	CHECK(!str_eq(second.id, f->collection.id));
	CHECK_OK(collection_get(f->knowledge, f->arena, TENANT, STR("manual"), &found));
	CHECK(str_eq(found.id, f->collection.id));
	CHECK_OK(collection_get(f->knowledge, f->arena, TENANT, second.id, &found));
	CHECK(str_eq_c(found.metadata, "{\"a\":\"b\"}"));
	wanted.name = STR("other");
	CHECK_OK(collection_update(f->knowledge, f->arena, TENANT, second.id, &wanted, &found));
	CHECK_OK(collection_get(f->knowledge, f->arena, TENANT, STR("other"), &found));
	CHECK(str_eq(found.id, second.id));
	CHECK_ERR(collection_get(f->knowledge, f->arena, TENANT + 1, second.id, &found), ERR_NOT_FOUND);
}

CASE(lists_page_forwards_and_backwards)
{
	struct page_spec up = { .limit = 3 }, down = { .limit = 3, .descending = true };
	struct document_filter all = { 0 };
	struct document *list;
	char path[16];
	size_t count;
	bool changed, more;

	for (unsigned i = 0; i < 7; i++) {
		snprintf(path, sizeof(path), "%u.txt", i);
		put(f, path, str_of(path), &changed);
	}
	CHECK_OK(document_list(f->knowledge, f->arena, TENANT, STR("manual"), &all, &up, &list, &count, &more));
	CHECK(count == 3 && more && str_eq_c(list[0].path, "0.txt"));
	up.after = list[2].id;
	CHECK_OK(document_list(f->knowledge, f->arena, TENANT, STR("manual"), &all, &up, &list, &count, &more));
	CHECK(count == 3 && more && str_eq_c(list[0].path, "3.txt"));
	up.after = STR_EMPTY;
	up.before = list[2].id;
	CHECK_OK(document_list(f->knowledge, f->arena, TENANT, STR("manual"), &all, &up, &list, &count, &more));
	CHECK(count == 3 && more && str_eq_c(list[0].path, "2.txt") && str_eq_c(list[2].path, "4.txt"));
	CHECK_OK(document_list(f->knowledge, f->arena, TENANT, STR("manual"), &all, &down, &list, &count, &more));
	CHECK(count == 3 && more && str_eq_c(list[0].path, "6.txt"));
	down.after = list[2].id;
	CHECK_OK(document_list(f->knowledge, f->arena, TENANT, STR("manual"), &all, &down, &list, &count, &more));
	CHECK(count == 3 && more && str_eq_c(list[2].path, "1.txt"));
	all.statuses = 1u << VERSION_FAILED;
	CHECK_OK(document_list(f->knowledge, f->arena, TENANT, STR("manual"), &all, &down, &list, &count, &more));
	CHECK(count == 0 && !more);
}

CASE(a_batch_counts_its_files_and_can_be_cancelled)
{
	struct document_source sources[3] = { 0 };
	struct file wanted = { .purpose = STR("assistants") }, file;
	struct document_filter members = { 0 };
	struct page_spec page = { .limit = 10 };
	struct file_batch batch;
	struct document *list;
	char name[16];
	size_t count;
	bool more;

	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "f%u.md", i);
		wanted.filename = arena_dup(f->arena, str_of(name));
		CHECK_OK(file_create(f->knowledge, f->arena, TENANT, &wanted, uploaded(f, wanted.filename), &file));
		sources[i].file_id = file.id;
	}
	CHECK_OK(file_batch_create(f->knowledge, f->arena, TENANT, f->collection.id, sources, 3, &batch));
	CHECK(str_starts(batch.id, STR("vsfb_")));
	for (unsigned i = 0; i < 3; i++)
		settled(f, arena_cstr(f->arena, arena_printf(f->arena, "f%u.md", i)));
	CHECK_OK(file_batch_get(f->knowledge, f->arena, TENANT, f->collection.id, batch.id, &batch));
	CHECK(batch.by_status[VERSION_WORDS] == 3);
	members.batch_id = batch.id;
	CHECK_OK(document_list(f->knowledge, f->arena, TENANT, f->collection.id, &members, &page, &list, &count, &more));
	CHECK(count == 3);
	CHECK_OK(file_batch_cancel(f->knowledge, f->arena, TENANT, f->collection.id, batch.id, &batch));
	CHECK(batch.cancelled && batch.by_status[VERSION_WORDS] == 3);
	sources[0].file_id = STR("file-unknown");
	CHECK_ERR(file_batch_create(f->knowledge, f->arena, TENANT, f->collection.id, sources, 3, &batch), ERR_NOT_FOUND);
}

CASE(paths_are_checked)
{
	static const char *const bad[] = { "", "a\nb", "\xff" };
	struct document d;
	bool changed;

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct document_source source = { .upload = uploaded(f, STR("x")), .path = str_of(bad[i]) };

		CHECK_ERR(document_put(f->knowledge, f->arena, TENANT, STR("manual"), &source, &d, &changed), ERR_INVALID);
	}
}

/* A server that is stopped while it works leaves nothing undone for the next one. */
CASE(what_was_left_is_gone_on_with)
{
	bool changed;
	char path[16];

	for (unsigned i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "%u.txt", i);
		put(f, path, str_of(path), &changed);
	}
	knowledge_stop(f->knowledge);
	fixture_open(f, NULL);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "%u.txt", i);
		CHECK(settled(f, path).status == VERSION_WORDS);
	}
}

static MAY_PARK struct document
embedded(struct fixture *f, const char *path)
{
	struct document d;

	for (unsigned i = 0; i < 2000; i++) {
		d = settled(f, path);
		if (d.status != VERSION_WORDS)
			return d;
		CHECK_OK(fiber_sleep_us(10 * USEC_PER_MS));
	}
	check_failed("the document is never embedded", __FILE__, __LINE__);
}

/* The vector of a document's first chunk. */
static MAY_PARK struct str
first_vector(struct fixture *f, const struct document *d)
{
	static const struct stmt stmt = { .name = "test_first_vector",
		.sql = { [STORE_SQLITE] = "select x.f32 from chunk c join chunk_vector x on x.chunk_id = c.id where c.version_id = ?1 and c.ordinal = 0",
			[STORE_POSTGRES] = "select x.f32 from chunk c join chunk_vector x on x.chunk_id = c.id where c.version_id = $1 and c.ordinal = 0" },
		.params = 1, .columns = 1 };
	struct rows rows;

	CHECK_OK(store_query(f->store, f->arena, &stmt, PARAMS(V_INT(d->version_row)), &rows));
	CHECK(rows.count == 1);
	return rows_text(&rows, 0, 0);
}

static MAY_PARK void
embed_case(struct fixture *f)
{
	static const char first[] = "# A\n\nAlpha is the first letter of the Greek alphabet, and it has been that for a long time, which is why so many things are called by it; "
				    "what comes first in a series, what leads a group, and the brightest star of a constellation are all called alpha.\n";
	struct document before, after;
	bool changed;

	put(f, "a.md", str_of(first), &changed);
	before = embedded(f, "a.md");
	CHECK(before.status == VERSION_READY && before.chunks_embedded == 1 && before.chunks == 1);
	put(f, "a.md", arena_printf(f->arena, "%s\n# B\n\nBeta comes after it.\n", first), &changed);
	after = embedded(f, "a.md");
	CHECK(after.status == VERSION_READY && after.chunks_embedded == 2 && after.chunks == 2);
	CHECK(str_eq(first_vector(f, &before), first_vector(f, &after)));
}

static void
documents_end_ready_when_there_is_a_model_and_unchanged_text_keeps_its_vector(void **state)
{
	const char *cache = getenv("CORBEL_CACHE"), *home = getenv("HOME");
	struct arena *arena = arena_new(MIB(512));
	struct embed_local_spec spec = { .model_dir = cache ? arena_printf(arena, "%s/models/all-MiniLM-L6-v2", cache) :
							      arena_printf(arena, "%s/.cache/corbel/models/all-MiniLM-L6-v2", home ? home : "/root") };
	struct embedder *embedder;
	const struct err *err = embedder_open_local(&spec, arena, &embedder);

	(void)state;
	if (err) {
		print_message("no model: %" STR_F "\n", STR_A(err->message));
		skip();
	}
	for (size_t i = 0; i < 2; i++)
		if (testing_has(i ? STORE_POSTGRES : STORE_SQLITE))
			run_on(i ? STORE_POSTGRES : STORE_SQLITE, embed_case, embedder);
	embedder_close(embedder);
	arena_free(arena);
}

static void
statements_are_as_declared(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		enum store_engine engine = i ? STORE_POSTGRES : STORE_SQLITE;
		struct testing *testing;
		struct store *store;

		if (!testing_has(engine))
			continue;
		testing = testing_new(engine, 1);
		store = testing_open(testing, schemas);
		testing_check_statements(testing, schemas);
		store_close(store);
		testing_free(testing);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statements_are_as_declared),
		cmocka_unit_test(a_document_becomes_passages),
		cmocka_unit_test(the_same_bytes_make_no_new_version_and_other_bytes_do),
		cmocka_unit_test(search_finds_the_current_version_and_nothing_that_is_gone),
		cmocka_unit_test(equal_bytes_under_two_paths_are_two_documents),
		cmocka_unit_test(a_broken_file_is_reported_and_the_version_before_stays_current),
		cmocka_unit_test(a_page_that_takes_too_long_is_given_up),
		cmocka_unit_test(a_parser_that_babbles_fails_its_file_and_nothing_else),
		cmocka_unit_test(an_empty_file_is_a_document_without_chunks),
		cmocka_unit_test(a_large_file_is_kept_in_pieces_and_comes_back_whole),
		cmocka_unit_test(deleting_a_file_deletes_its_documents),
		cmocka_unit_test(deleted_things_are_gone_at_once_and_their_rows_later),
		cmocka_unit_test(the_first_collection_of_a_name_is_found_by_it),
		cmocka_unit_test(lists_page_forwards_and_backwards),
		cmocka_unit_test(a_batch_counts_its_files_and_can_be_cancelled),
		cmocka_unit_test(paths_are_checked),
		cmocka_unit_test(what_was_left_is_gone_on_with),
		cmocka_unit_test(documents_end_ready_when_there_is_a_model_and_unchanged_text_keeps_its_vector),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: knowledge_test PARSE_CHILD\n");
		return 2;
	}
	parse_program = str_of(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
