/*
 * ingest.c - `corbel ingest`: files to a collection, through the server's API.
 *
 * Files go in batches: their hashes are computed, the server says which it has already, the others are uploaded by a few fibers at once. So a second run after a broken one
 * goes on where the first ended, and a run over unchanged files uploads nothing. A file that is broken is counted and named, and never ends the run; a server that is
 * busy is asked again; one that is gone, or refuses the key, ends it.
 */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/term.h"
#include "cli/walk.h"

#include "base/clock.h"
#include "crypto/hash.h"
#include "knowledge/type.h"
#include "rt/group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BATCH = 200, UPLOADS = 4, TRIES = 12, FAILURES_SHOWN = 20 };
#define FILE_BYTES_MAX INT64_C(268435456)
#define RETRY_FIRST_US (100 * USEC_PER_MS)
#define RETRY_LAST_US (5 * USEC_PER_SEC)
#define POLL_US (500 * USEC_PER_MS)
#define STALL_US (120 * USEC_PER_SEC)

/* One file of the batch at hand. */
struct upload {
	const struct walk_file *file;
	char sha256[HASH_SHA256_HEX];
	const char *content_type;
};

struct ingest {
	struct client *client;
	struct arena *arena;        /* of the command */
	struct arena *scratch;      /* of the batch */
	struct str collection_path; /* "/admin/v1/collections/NAME" */
	struct walk walk;
	struct upload batch[BATCH];
	size_t batch_count, batch_next;
	int64_t looked_at, uploaded, unchanged, skipped, failed, bytes_sent;
	struct str failures[FAILURES_SHOWN];
	size_t failure_count;
	struct progress progress;
};

static void
failure_note(struct ingest *ingest, const char *file, struct str why)
{
	if (ingest->failure_count < FAILURES_SHOWN)
		ingest->failures[ingest->failure_count++] = arena_printf(ingest->arena, "%s: %" STR_F, file, STR_A(str_slice(why, 0, 300)));
}

/* The whole file in memory of its own; NULL after a failure, which is noted. */
static char *
file_read(struct ingest *ingest, const struct walk_file *file, struct str *out)
{
	int fd = open(file->file, O_RDONLY | O_CLOEXEC);
	char *bytes = fd >= 0 ? malloc((size_t)file->bytes + 1) : NULL;
	size_t len = 0;
	ssize_t got = -1;

	while (bytes && len <= (size_t)file->bytes && (got = read(fd, bytes + len, (size_t)file->bytes + 1 - len)) > 0)
		len += (size_t)got;
	if (!bytes || got < 0) {
		ingest->failed++;
		failure_note(ingest, file->file, str_of(strerror(errno)));
		free(bytes);
		bytes = NULL;
	}
	if (fd >= 0)
		close(fd);
	*out = str_n(bytes, len);
	return bytes;
}

static void
file_look(struct ingest *ingest, const struct walk_file *file)
{
	struct upload *upload = &ingest->batch[ingest->batch_count];
	enum doc_type type;
	struct str text;
	char *bytes;

	ingest->looked_at++;
	if (file->bytes > FILE_BYTES_MAX) {
		ingest->skipped++;
		failure_note(ingest, file->file, STR("larger than 256 MiB"));
		return;
	}
	bytes = file_read(ingest, file, &text);
	if (!bytes)
		return;
	type = doc_type_of(file->path, text);
	if (type == DOC_UNSUPPORTED) {
		ingest->skipped++;
	} else {
		upload->file = file;
		upload->content_type = doc_content_type(type);
		hash_sha256_hex(text, upload->sha256);
		ingest->batch_count++;
	}
	free(bytes);
}

static struct str
known_body(struct ingest *ingest)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, ingest->scratch, MIB(8));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_array(&json, "documents");
	for (size_t i = 0; i < ingest->batch_count; i++) {
		json_begin_object(&json);
		json_set_string(&json, "path", ingest->batch[i].file->path);
		json_set_string(&json, "sha256", str_n(ingest->batch[i].sha256, HASH_SHA256_HEX));
		json_end_object(&json);
	}
	json_end_array(&json);
	json_end_object(&json);
	return buf_str(&body);
}

static bool
worth_retrying(const struct client *client, const struct err *err)
{
	return err->kind == ERR_BUSY || err->kind == ERR_RATE_LIMITED ||
	       (client->status == 0 && (err->kind == ERR_UNAVAILABLE || err->kind == ERR_UPSTREAM));
}

/* client_call, again and again while the server is busy or away. */
static MAY_PARK const struct err *
patient_call(struct ingest *ingest, struct arena *arena, const struct client_request *request, const struct json **answer)
{
	const struct err *err = NULL, *slept = NULL;
	int64_t pause_us = RETRY_FIRST_US;
	struct str text;

	for (int i = 0; i < TRIES && !slept; i++) {
		struct client client = *ingest->client; /* each call has a status of its own */

		err = client_call(&client, arena, request, answer, &text);
		ingest->client->status = client.status;
		if (!err || !worth_retrying(&client, err))
			return err;
		slept = fiber_sleep_us(pause_us);
		pause_us = pause_us * 2 < RETRY_LAST_US ? pause_us * 2 : RETRY_LAST_US;
	}
	if (slept)
		return slept;
	return err_new(arena, ERR_UNAVAILABLE, "the server is busy or away: %" STR_F, STR_A(err->message));
}

/* Leaves in the batch only what the server does not have. */
static MAY_PARK const struct err *
known_drop(struct ingest *ingest)
{
	struct client_request request = { .method = HTTP_POST, .content_type = STR("application/json"), .body = known_body(ingest) };
	const struct json *answer, *known;
	const struct err *err;
	size_t i = 0, kept = 0;

	request.path = arena_printf(ingest->scratch, "%" STR_F "/documents/known", STR_A(ingest->collection_path));
	err = patient_call(ingest, ingest->scratch, &request, &answer);
	if (err)
		return err;
	known = json_get(answer, "known");
	if (json_count(known) != ingest->batch_count)
		return err_new(ingest->scratch, ERR_UPSTREAM, "the server's answer does not fit the question");
	for (struct json_iter it = json_iter(known); json_next(&it); i++) {
		if (json_bool(it.value, false))
			ingest->unchanged++;
		else
			ingest->batch[kept++] = ingest->batch[i];
	}
	ingest->batch_count = kept;
	return NULL;
}

/* An error that is about more than this one file. */
static bool
ends_the_run(const struct err *err)
{
	return err->kind == ERR_UNAUTHENTICATED || err->kind == ERR_FORBIDDEN || err->kind == ERR_NOT_FOUND || err->kind == ERR_CANCELLED ||
	       err->kind == ERR_UNAVAILABLE;
}

static MAY_PARK const struct err *
upload_one(struct ingest *ingest, const struct upload *upload)
{
	struct arena *arena = arena_new(MIB(16));
	struct client_request request = {
		.method = HTTP_PUT, .content_type = str_of(upload->content_type), .timeout_us = 300 * USEC_PER_SEC
	};
	const struct json *answer;
	const struct err *err;
	struct str text;
	char *bytes = file_read(ingest, upload->file, &text);

	if (!bytes) {
		arena_free(arena);
		return NULL;
	}
	request.body = text;
	request.extra = (struct http_header){ STR("x-content-sha256"), str_n(upload->sha256, HASH_SHA256_HEX) };
	request.path = arena_printf(arena, "%" STR_F "/documents?path=%" STR_F, STR_A(ingest->collection_path),
		STR_A(client_encode(arena, upload->file->path)));
	err = patient_call(ingest, arena, &request, &answer);
	if (!err) {
		ingest->uploaded++;
		ingest->bytes_sent += (int64_t)text.len;
	} else if (!ends_the_run(err)) {
		ingest->failed++;
		failure_note(ingest, upload->file->file, err->message);
		err = NULL;
	}
	err = err_copy(ingest->arena, err);
	free(bytes);
	arena_free(arena);
	return err;
}

static void
show(struct ingest *ingest)
{
	struct str note = arena_printf(ingest->scratch, "%lld new", (long long)ingest->uploaded);

	progress_show(
		&ingest->progress, ingest->unchanged + ingest->uploaded + ingest->failed + ingest->skipped, note.ptr ? note : STR_EMPTY);
}

static MAY_PARK const struct err *
uploader(void *arg)
{
	struct ingest *ingest = arg;
	const struct err *err = NULL;

	while (!err && ingest->batch_next < ingest->batch_count) {
		err = upload_one(ingest, &ingest->batch[ingest->batch_next++]);
		show(ingest);
	}
	return err;
}

static MAY_PARK const struct err *
batch_upload(struct ingest *ingest)
{
	struct group group;

	ingest->batch_next = 0;
	group_open(&group);
	for (int i = 0; i < UPLOADS; i++)
		if (group_go(&group, "upload", uploader, ingest))
			break; /* fewer at once */
	return group_wait(&group);
}

static MAY_PARK const struct err *
files_ingest(struct ingest *ingest)
{
	const struct err *err = NULL;

	for (size_t next = 0; next < ingest->walk.count && !err;) {
		arena_reset(ingest->scratch);
		ingest->batch_count = 0;
		while (next < ingest->walk.count && ingest->batch_count < BATCH) {
			file_look(ingest, &ingest->walk.files[next++]);
			show(ingest);
		}
		if (ingest->batch_count > 0)
			err = known_drop(ingest);
		if (!err && ingest->batch_count > 0)
			err = batch_upload(ingest);
	}
	return err_copy(ingest->arena, err);
}

/* How far the collection is: what is found by words, or by meaning too when `ready`. */
static MAY_PARK const struct err *
indexed_look(struct ingest *ingest, bool ready, struct progress *progress, int64_t *done, int64_t *failed)
{
	struct client_request request = { .method = HTTP_GET, .path = ingest->collection_path };
	const struct json *answer;
	const struct err *err;

	arena_reset(ingest->scratch);
	err = patient_call(ingest, ingest->scratch, &request, &answer);
	if (err)
		return err_copy(ingest->arena, err);
	if (ready && !json_bool(json_get(answer, "embeds"), false))
		return err_new(ingest->arena, ERR_UNSUPPORTED,
			"everything is found by words; the server has no embedding model, so nothing will be found by meaning");
	if (ready && json_int(json_get(answer, "held"), 0) > 0 && json_int(json_get(answer, "queued"), 0) + json_int(json_get(answer, "words_only"), 0) == 0)
		return err_new(ingest->arena, ERR_UNSUPPORTED,
			"everything is found by words; %lld documents are local_only and the embedding model is at a hosted provider, so those will not be found by meaning",
			(long long)json_int(json_get(answer, "held"), 0));
	*failed = json_int(json_get(answer, "failed"), 0);
	progress->total = json_int(json_get(answer, ready ? "chunks" : "documents"), 0);
	*done = ready ? json_int(json_get(answer, "chunks_embedded"), 0) : progress->total - json_int(json_get(answer, "queued"), 0);
	return NULL;
}

static MAY_PARK const struct err *
indexed_wait(struct ingest *ingest, bool ready, int64_t *failed)
{
	int64_t done = 0, before = -1, moved_us = clock_mono_us();
	struct progress progress;
	const struct err *err;

	progress_begin(&progress, ready ? "embedded" : "indexed", 0, 0, ingest->client->json);
	while (!(err = indexed_look(ingest, ready, &progress, &done, failed)) && done < progress.total) {
		if (done != before)
			moved_us = clock_mono_us();
		before = done;
		if (clock_mono_us() - moved_us > STALL_US)
			return err_new(ingest->arena, ERR_TIMEOUT,
				"all files are on the server, but nothing was %s for two minutes; see its log", progress.what);
		progress_show(&progress, done, STR_EMPTY);
		err = fiber_sleep_us(POLL_US);
		if (err)
			return err;
	}
	progress_end(&progress, done, STR_EMPTY);
	return err;
}

/* Broken files that the server found out about after it had taken them. */
static MAY_PARK void
failed_list(struct ingest *ingest)
{
	const struct json *answer;
	struct str text;

	if (client_get(ingest->client, &answer, &text, "%" STR_F "/documents?status=failed&limit=%d", STR_A(ingest->collection_path),
		    FAILURES_SHOWN))
		return; /* the counts are known all the same */
	for (struct json_iter it = json_iter(json_get(answer, "data")); json_next(&it);)
		failure_note(
			ingest, arena_cstr(ingest->arena, json_get_string(it.value, "path")), json_get_string(it.value, "error_message"));
}

static void
summary_json(struct ingest *ingest, int64_t broken)
{
	struct json_out json;
	struct buf body;

	buf_init(&body, ingest->arena, MIB(1));
	json_out_init(&json, &body);
	json_begin_object(&json);
	json_set_int(&json, "files", (int64_t)ingest->walk.count);
	json_set_int(&json, "uploaded", ingest->uploaded);
	json_set_int(&json, "unchanged", ingest->unchanged);
	json_set_int(&json, "skipped", ingest->skipped);
	json_set_int(&json, "failed", ingest->failed + broken);
	json_set_array(&json, "failures");
	for (size_t i = 0; i < ingest->failure_count; i++)
		json_put_string(&json, ingest->failures[i]);
	json_end_array(&json);
	json_end_object(&json);
	client_print(buf_str(&body));
}

static void
summary_print(struct ingest *ingest, int64_t broken)
{
	printf("%lld uploaded (%" STR_F "), %lld unchanged, %lld skipped, %lld broken\n", (long long)ingest->uploaded,
		STR_A(term_bytes(ingest->arena, ingest->bytes_sent)), (long long)ingest->unchanged, (long long)ingest->skipped,
		(long long)(ingest->failed + broken));
	fflush(stdout);
	for (size_t i = 0; i < ingest->failure_count; i++)
		fprintf(stderr, "  %" STR_F "\n", STR_A(ingest->failures[i]));
	if (ingest->failed + broken > (int64_t)ingest->failure_count)
		fprintf(stderr, "  and more\n");
}

static void
skips_take(struct ingest *ingest)
{
	for (size_t i = 0; i < ingest->walk.skip_count; i++)
		failure_note(ingest, ingest->walk.skipped[i].file, str_of(ingest->walk.skipped[i].why));
	ingest->skipped = (int64_t)ingest->walk.skip_count;
}

/* 1 only when nothing at all could be ingested. */
static int
ingest_finish(struct ingest *ingest, int64_t broken)
{
	if (ingest->client->json)
		summary_json(ingest, broken);
	else
		summary_print(ingest, broken);
	return ingest->uploaded + ingest->unchanged > 0 ? EXIT_DONE : EXIT_FAILED;
}

static MAY_PARK const struct err *
ingest_run(struct ingest *ingest, struct args *args, struct str wait, int64_t *broken)
{
	struct str prefix = args_get(args, "prefix");
	const struct err *err = walk_paths(args->arena, args->list, args->count, prefix.ptr ? prefix : STR_EMPTY, &ingest->walk);

	if (err)
		return err;
	skips_take(ingest);
	progress_begin(&ingest->progress, "files", 0, (int64_t)(ingest->walk.count + ingest->walk.skip_count), ingest->client->json);
	err = files_ingest(ingest);
	progress_end(&ingest->progress, ingest->unchanged + ingest->uploaded + ingest->failed + ingest->skipped, STR_EMPTY);
	if (!err && !str_eq_c(wait, "none") && ingest->uploaded + ingest->unchanged > 0)
		err = indexed_wait(ingest, false, broken);
	if (!err && str_eq_c(wait, "ready") && ingest->uploaded + ingest->unchanged > 0)
		err = indexed_wait(ingest, true, broken);
	if (!err && *broken > 0)
		failed_list(ingest);
	return err;
}

static MAY_PARK int
ingest_call(struct client *client, struct args *args)
{
	struct ingest *ingest = arena_zalloc(args->arena, sizeof(*ingest));
	struct str collection = args_get(args, "collection"), wait = args_get(args, "wait");
	const struct err *err;
	int64_t broken = 0;

	if (!wait.ptr)
		wait = STR("words");
	if (!str_eq_c(wait, "none") && !str_eq_c(wait, "words") && !str_eq_c(wait, "ready"))
		return term_error("--wait: expected none, words or ready"), EXIT_USAGE;
	ingest->client = client;
	ingest->arena = args->arena;
	ingest->scratch = arena_new(MIB(64));
	ingest->collection_path = arena_printf(
		args->arena, "/admin/v1/collections/%" STR_F, STR_A(client_encode(args->arena, collection.ptr ? collection : STR("docs"))));
	err = ingest_run(ingest, args, wait, &broken);
	arena_free(ingest->scratch);
	if (err) {
		int code = client_fail(client, err);

		if (ingest->uploaded > 0)
			fprintf(stderr, "%lld files are safe on the server; run the same command again to go on\n",
				(long long)ingest->uploaded);
		return code;
	}
	return ingest_finish(ingest, broken);
}

static const struct option options[] = {
	{ "collection", 0, "NAME", "The collection, made when it is not there. Else docs." },
	{ "prefix", 0, "TEXT", "Stands before the path of each document." },
	{ "wait", 0, "UNTIL",
		"Return when all is found by words (words), by meaning too (ready), or at once after the upload (none). Else words." },
	{ NULL, 0, NULL, NULL },
};

const struct command ingest_command = {
	.name = "ingest",
	.arguments = "PATH...",
	.summary = "Put files into a collection",
	.options = options,
	.args_min = 1,
	.args_max = 100000,
	.call = ingest_call,
	.help = "Uploads files and whole directories: Markdown, text, HTML, PDF, DOCX, CSV, JSON, JSONL, source code. A document's name is "
		"its path below the directory that was given. "
		"Unchanged files are not sent again, so that a run that was interrupted is simply repeated; a changed file becomes a new "
		"version. Hidden files, symbolic links and binaries "
		"of unknown kind are left out; a broken file is named and skipped. Exits with 1 only when nothing could be ingested.",
};
