/*
 * ingest_parse.c - a version's bytes to chunks: parsed in a child process, cut on a worker thread.
 *
 * What the child gives back is checked byte by byte (blocks.h) before anything else looks at it. Whatever ends the child (its own complaint, a signal, a limit)
 * is a fault of the file, and the file's alone.
 */
#include "knowledge/ingest.h"

#include "crypto/hash.h"
#include "infer/embed.h"
#include "knowledge/type.h"
#include "rt/child.h"

#define PARSE_BYTES_MAX MIB(64)
#define PARSE_OUTPUT_MAX (BLOCKS_TEXT_MAX + MIB(64))
#define PARSE_CPU_US (20 * USEC_PER_SEC)
#define PARSE_MEMORY_MAX MIB(1536)

enum { TOKENS_SPECIAL = 2, WINDOW_DEFAULT = 256, WINDOW_MAX = 512, WORDS_ONLY_BYTES_A_TOKEN = 4 };

static size_t
count_tokens(void *embedder, struct str text)
{
	return embedder ? embedder_tokens(embedder, text) : text.len / WORDS_ONLY_BYTES_A_TOKEN;
}

/* The window is the model's; a collection may ask for less. Long windows are not filled: a passage that says one thing is found better than one that says ten. */
static struct chunk_spec
spec_of(const struct ingest *ingest)
{
	struct embedder *embedder = ingest->knowledge->embedder;
	unsigned window = embedder ? embedder_tokens_max(embedder) : WINDOW_DEFAULT;
	unsigned wanted = ingest->chunk_tokens_max ? ingest->chunk_tokens_max : WINDOW_MAX;
	struct chunk_spec spec = { .count = count_tokens, .arg = embedder };

	window = window < wanted ? window : wanted;
	spec.tokens_max = window > CHUNK_TOKENS_MIN + TOKENS_SPECIAL ? window - TOKENS_SPECIAL : CHUNK_TOKENS_MIN;
	spec.tokens_target = spec.tokens_max * 7 / 10;
	spec.tokens_overlap = ingest->chunk_tokens_max ? ingest->chunk_tokens_overlap : spec.tokens_max / 10;
	return spec;
}

struct cut_job {
	struct ingest *ingest;
	struct str frame;
	const struct err *err;
};

static const struct err *
hash_chunks(struct ingest *ingest)
{
	unsigned char sha256[HASH_SHA256_SIZE];

	ingest->hashes = arena_array(ingest->arena, ingest->count, sizeof(*ingest->hashes));
	if (!ingest->hashes)
		return &err_no_memory;
	for (size_t i = 0; i < ingest->count; i++) {
		struct str whole = chunk_embedded_text(ingest->arena, ingest->chunks[i].heading_path, ingest->chunks[i].text);

		if (!whole.ptr)
			return &err_no_memory;
		hash_sha256(whole, sha256);
		memcpy(ingest->hashes[i], sha256, sizeof(ingest->hashes[i]));
	}
	return NULL;
}

/* On a worker thread; the arena is this job's alone meanwhile. */
static void
cut(void *arg)
{
	struct cut_job *job = arg;
	struct ingest *ingest = job->ingest;
	struct chunk_spec spec = spec_of(ingest);
	struct blocks blocks;

	job->err = blocks_read(ingest->arena, job->frame, &blocks);
	if (!job->err)
		job->err = chunk_blocks(ingest->arena, &blocks, &spec, &ingest->chunks, &ingest->count);
	if (!job->err)
		job->err = hash_chunks(ingest);
	ingest->title = job->err ? STR_EMPTY : blocks.title;
}

static MAY_PARK const struct err *
run_child(struct ingest *ingest, enum doc_type type, struct str bytes, struct str *frame)
{
	const char *path = arena_cstr(ingest->arena, ingest->path);
	const char *const argv[] = { ingest->knowledge->parse_program, "parse", "--type", doc_type_name(type), "--path", path, NULL };
	struct child_spec spec = { .argv = argv, .input = bytes, .output_max = PARSE_OUTPUT_MAX, .timeout_us = ingest->knowledge->parse_timeout_us,
		.cpu_max_us = PARSE_CPU_US, .memory_max = PARSE_MEMORY_MAX };

#ifdef __SANITIZE_ADDRESS__
	spec.memory_max = 0; /* the shadow alone is terabytes of address space */
#endif
	return path ? child_run(&spec, ingest->arena, frame) : &err_no_memory;
}

static struct ingest_fault
fault_of(struct arena *arena, const struct err *err)
{
	struct str message;

	if (err->kind == ERR_TIMEOUT)
		message = STR("reading the file took too long");
	else if (err->kind == ERR_TOO_LARGE || err->kind == ERR_NO_MEMORY)
		message = STR("the file, or the text in it, is too large");
	else if (err->detail.len) /* the parser's own words */
		message = arena_dup(arena, err->detail);
	else
		message = STR("the file is damaged: it cannot be read");
	return (struct ingest_fault){ "invalid_file", message.ptr ? message : STR_EMPTY };
}

const struct err *
ingest_parse(struct ingest *ingest, struct ingest_fault *fault)
{
	struct cut_job job = { .ingest = ingest };
	enum doc_type type;
	struct str bytes;
	const struct err *err = content_read(ingest->knowledge, ingest->arena, ingest->content, PARSE_BYTES_MAX, &bytes);

	*fault = (struct ingest_fault){ 0 };
	if (err && err->kind == ERR_TOO_LARGE)
		*fault = fault_of(ingest->arena, err);
	if (err)
		return fault->code ? NULL : err;
	type = doc_type_of(ingest->path, bytes);
	ingest->content_type = doc_content_type(type);
	if (type == DOC_UNSUPPORTED) {
		*fault = (struct ingest_fault){ "unsupported_file", STR("this kind of file cannot be read") };
		return NULL;
	}
	err = run_child(ingest, type, bytes, &job.frame);
	if (!err)
		err = offload(ingest->knowledge->pool, cut, &job);
	if (!err)
		err = job.err;
	if (err && (err->kind == ERR_INVALID || err->kind == ERR_TOO_LARGE || err->kind == ERR_NO_MEMORY || (err->kind == ERR_TIMEOUT && !scope_check()))) {
		*fault = fault_of(ingest->arena, err);
		return NULL;
	}
	return err;
}
