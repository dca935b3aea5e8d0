/*
 * ingest_parse.c - versions' bytes to chunks: parsed in a child process, cut on a worker thread.
 *
 * What the child gives back is checked byte by byte (parse_wire.h, blocks.h) before anything else looks at it. Whatever ends a file's process (its own complaint, a
 * signal, a limit) is a fault of the file, and the file's alone.
 */
#include "knowledge/ingest.h"

#include "base/log.h"
#include "crypto/hash.h"
#include "infer/embed.h"
#include "knowledge/parse_wire.h"
#include "rt/child.h"
#include "text/utf8.h"

#define PARSE_BYTES_MAX MIB(64)
#define PARSE_OUTPUT_MAX MIB(128)
#define PARSE_CPU_US (20 * USEC_PER_SEC)
#define PARSE_SLACK_US (5 * USEC_PER_SEC)

/* Sanitizers map terabytes of address space for their shadows: their builds go without a limit. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PARSE_MEMORY_MAX 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PARSE_MEMORY_MAX 0
#endif
#endif
#ifndef PARSE_MEMORY_MAX
#define PARSE_MEMORY_MAX MIB(1536)
#endif

enum { TOKENS_SPECIAL = 2, WINDOW_DEFAULT = 256, WINDOW_MAX = 512, WORDS_ONLY_BYTES_A_TOKEN = 4, MESSAGE_MAX = 500 };

/* A parser's process may be anybody's by now: what it says is cut, and made text that a row and a page can show. */
static struct str
clean_message(struct arena *arena, struct str message)
{
	struct str text = utf8_repair(arena, str_slice(message, 0, MESSAGE_MAX));
	char *bytes = text.ptr ? arena_cstr(arena, text) : NULL;

	for (size_t i = 0; bytes && i < text.len; i++)
		if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f)
			bytes[i] = ' ';
	return bytes ? str_n(bytes, text.len) : STR_EMPTY;
}

void
ingest_blame(struct ingest *ingest, struct arena *arena, const char *code, struct str message)
{
	ingest->state = INGEST_FAULTY;
	ingest->code = code;
	ingest->message = clean_message(arena, message);
}

/* --- the bytes --- */

static MAY_PARK const struct err *
read_bytes(struct ingest_batch *batch, struct ingest *ingest)
{
	enum doc_type type;
	const struct err *err = content_read(batch->knowledge, batch->arena, ingest->content, PARSE_BYTES_MAX, &ingest->bytes);

	if (err && err->kind == ERR_TOO_LARGE) {
		ingest_blame(ingest, batch->arena, "invalid_file", STR("the file is larger than 64 MiB"));
		return NULL;
	}
	if (err)
		return err;
	type = doc_type_of(ingest->path, ingest->bytes);
	ingest->type = (int)type;
	ingest->state = INGEST_READ;
	if (type == DOC_UNSUPPORTED)
		ingest_blame(ingest, batch->arena, "unsupported_file", STR("this kind of file cannot be read"));
	return NULL;
}

/* --- the cut, on a worker thread --- */

static size_t
count_tokens(void *embedder, struct str text)
{
	return embedder ? embedder_tokens(embedder, text) : text.len / WORDS_ONLY_BYTES_A_TOKEN;
}

/* The window is the model's; a collection may ask for less. Long windows are not filled: a passage that says one thing is found better than one that says ten. */
static struct chunk_spec
spec_of(const struct ingest *ingest, struct embedder *embedder)
{
	unsigned window = embedder ? embedder_tokens_max(embedder) : WINDOW_DEFAULT;
	unsigned wanted = ingest->chunk_tokens_max ? ingest->chunk_tokens_max : WINDOW_MAX;
	struct chunk_spec spec = { .count = count_tokens, .arg = embedder };

	window = window < wanted ? window : wanted;
	spec.tokens_max = window > CHUNK_TOKENS_MIN + TOKENS_SPECIAL ? window - TOKENS_SPECIAL : CHUNK_TOKENS_MIN;
	spec.tokens_target = spec.tokens_max * 7 / 10;
	spec.tokens_overlap = ingest->chunk_tokens_max ? ingest->chunk_tokens_overlap : spec.tokens_max / 10;
	return spec;
}

static const struct err *
hash_chunks(struct ingest *ingest, struct arena *arena)
{
	unsigned char sha256[HASH_SHA256_SIZE];

	ingest->hashes = arena_array(arena, ingest->count, sizeof(*ingest->hashes));
	if (!ingest->hashes)
		return &err_no_memory;
	for (size_t i = 0; i < ingest->count; i++) {
		struct str whole = chunk_embedded_text(arena, ingest->chunks[i].heading_path, ingest->chunks[i].text);

		if (!whole.ptr)
			return &err_no_memory;
		hash_sha256(whole, sha256);
		memcpy(ingest->hashes[i], sha256, sizeof(ingest->hashes[i]));
	}
	return NULL;
}

static void
cut_one(const struct ingest_batch *batch, struct ingest *ingest, struct str frame)
{
	struct chunk_spec spec = spec_of(ingest, batch->knowledge->embedder);
	struct blocks blocks;
	const struct err *err = blocks_read(batch->arena, frame, &blocks);

	if (!err)
		err = chunk_blocks(batch->arena, &blocks, &spec, &ingest->chunks, &ingest->count);
	if (!err)
		err = hash_chunks(ingest, batch->arena);
	if (err) {
		ingest_blame(ingest, batch->arena, err->kind == ERR_NO_MEMORY ? "invalid_file" : "server_error",
			err->kind == ERR_NO_MEMORY ? STR("the text in the file is too large") : err->message);
		return;
	}
	ingest->title = blocks.title;
	ingest->state = INGEST_CUT;
}

struct cut_job {
	struct ingest_batch *batch;
	struct str results;
	bool whole;          /* as many well-formed results as files */
};

/* The batch and its arena are this job's alone while it runs. */
static void
cut(void *arg)
{
	static const struct str faults[PARSE_STATUSES] = {
		[PARSE_TIMED_OUT] = STR_INIT("reading the file took too long"),
		[PARSE_TOO_LARGE] = STR_INIT("the text in the file is too large"),
		[PARSE_CRASHED] = STR_INIT("the file is damaged in a way that the parser did not survive"),
	};
	struct cut_job *job = arg;
	struct ingest_batch *batch = job->batch;
	struct parse_result result;

	for (size_t i = 0; i < batch->count; i++) {
		struct ingest *ingest = &batch->list[i];

		if (ingest->state != INGEST_READ)
			continue;
		if (!parse_result_next(&job->results, &result))
			return;
		if (result.status == PARSE_OK)
			cut_one(batch, ingest, result.body);
		else
			ingest_blame(ingest, batch->arena, "invalid_file",
				result.status == PARSE_BROKEN ? result.body : faults[result.status]);
	}
	job->whole = job->results.len == 0;
}

/* --- the child --- */

static MAY_PARK const struct err *
run_child(struct ingest_batch *batch, struct str files, size_t count, struct str *results)
{
	struct knowledge *k = batch->knowledge;
	struct str timeout_ms = arena_printf(batch->arena, "%lld", (long long)(k->parse_timeout_us / USEC_PER_MS));
	const char *const argv[] = { k->parse_program, "parse", "--timeout-ms", timeout_ms.ptr, NULL };
	struct child_spec spec = { .argv = argv, .input = files, .output_max = PARSE_OUTPUT_MAX, .cpu_max_us = PARSE_CPU_US, .memory_max = PARSE_MEMORY_MAX,
		.timeout_us = k->parse_timeout_us * (int64_t)count + PARSE_SLACK_US };

#ifdef BASE_ASAN
	spec.memory_max = 0; /* the shadow alone is terabytes of address space */
#endif
	return timeout_ms.ptr ? child_run(&spec, batch->arena, results) : &err_no_memory;
}

static MAY_PARK const struct err *
parse_together(struct ingest_batch *batch)
{
	struct cut_job job = { .batch = batch };
	struct buf files;
	size_t count = 0;
	const struct err *err;

	buf_init(&files, batch->arena, SIZE_MAX / 2);
	for (size_t i = 0; i < batch->count; i++) {
		const struct ingest *ingest = &batch->list[i];

		if (ingest->state != INGEST_READ)
			continue;
		parse_file_put(&files, &(struct parse_file){ .type = (enum doc_type)ingest->type, .path = ingest->path, .bytes = ingest->bytes });
		count++;
	}
	if (count == 0)
		return NULL;
	if (buf_err(&files))
		return &err_no_memory;
	err = run_child(batch, buf_str(&files), count, &job.results);
	if (!err)
		err = offload(batch->knowledge->pool, cut, &job);
	if (!err && !job.whole)
		err = err_new(batch->arena, ERR_INVALID, "the parser's answer is malformed");
	return err;
}

/* An error of the child as a whole that has to do with what it was given. */
static bool
is_of_the_files(const struct err *err)
{
	return err->kind == ERR_INVALID || err->kind == ERR_TOO_LARGE || err->kind == ERR_NO_MEMORY || (err->kind == ERR_TIMEOUT && !scope_check());
}

/* Each by itself, after a batch that failed as a whole: now it is clear whose fault it is. */
static MAY_PARK const struct err *
parse_apart(struct ingest_batch *batch)
{
	const struct err *err = NULL;

	for (size_t i = 0; i < batch->count && !err; i++) {
		struct ingest_batch alone = { .knowledge = batch->knowledge, .arena = batch->arena, .list = &batch->list[i], .count = 1 };

		err = parse_together(&alone);
		if (!err || !is_of_the_files(err))
			continue;
		log_warn("the parser failed", LOG_STR("path", batch->list[i].path), LOG_ERR("why", err));
		if (err->kind == ERR_INVALID)
			ingest_blame(&batch->list[i], batch->arena, "server_error", STR("the parser gave no proper answer for this file"));
		else
			ingest_blame(&batch->list[i], batch->arena, "invalid_file",
				err->kind == ERR_TIMEOUT ? STR("reading the file took too long") : STR("the text in the file is too large"));
		err = NULL;
	}
	return err;
}

const struct err *
ingest_parse(struct ingest_batch *batch)
{
	const struct err *err = NULL;

	for (size_t i = 0; i < batch->count && !err; i++)
		if (batch->list[i].state == INGEST_CLAIMED)
			err = read_bytes(batch, &batch->list[i]);
	if (!err)
		err = parse_together(batch);
	return err && is_of_the_files(err) ? parse_apart(batch) : err;
}
