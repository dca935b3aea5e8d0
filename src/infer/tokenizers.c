/*
 * tokenizers.c - see tokenizers.h.
 */
#include "infer/tokenizers.h"

#include <pthread.h>
#include <stdlib.h>

#include "infer/places.h"
#include "rt/pool.h"
#include "text/bpe.h"
#include "text/utf8.h"

enum { THREADS = 2, QUEUE_MAX = 256, VOCABULARY_BYTES_MAX = 16 << 20, ENCODING_BYTES_MAX = 64 << 20, COUNTED_BYTES_MAX = 4 << 20 };

enum encoding { CL100K, O200K, ENCODINGS };

static const struct {
	const char *file;
	enum bpe_split split;
} encodings[ENCODINGS] = {
	[CL100K] = { "cl100k_base.tiktoken", BPE_CL100K },
	[O200K] = { "o200k_base.tiktoken", BPE_O200K },
};

/* By the beginning of a model's name, the longer first; as tiktoken's model.py has it. A provider's prefix ("openai/") is not looked at. */
static const struct {
	struct str prefix;
	enum encoding encoding;
} models[] = {
	{ STR_INIT("gpt-4o"), O200K },
	{ STR_INIT("gpt-4.1"), O200K },
	{ STR_INIT("gpt-4.5"), O200K },
	{ STR_INIT("gpt-4"), CL100K },
	{ STR_INIT("gpt-3.5"), CL100K },
	{ STR_INIT("gpt-35"), CL100K }, /* Azure's spelling */
	{ STR_INIT("gpt-5"), O200K },
	{ STR_INIT("gpt-oss"), O200K },
	{ STR_INIT("chatgpt-4o"), O200K },
	{ STR_INIT("o1"), O200K },
	{ STR_INIT("o3"), O200K },
	{ STR_INIT("o4-"), O200K },
	{ STR_INIT("text-embedding-"), CL100K },
	{ STR_INIT("davinci-002"), CL100K },
	{ STR_INIT("babbage-002"), CL100K },
};

/* A vocabulary that is read when somebody wants it; failing is remembered. */
struct loaded {
	pthread_mutex_t lock;
	bool tried;
	struct arena *arena;
	struct bpe *bpe; /* NULL: `why` */
	const struct err *why;
};

struct tokenizers {
	struct pool *pool;
	struct arena *arena;
	struct str dir;
	struct loaded loaded[ENCODINGS];
};

struct tokenizers *
tokenizers_new(struct str dir)
{
	struct tokenizers *tokenizers = mem_zalloc(sizeof(*tokenizers));

	tokenizers->arena = arena_new(KIB(64));
	tokenizers->dir = dir.len ? arena_dup(tokenizers->arena, dir) : place_of_tokenizers(tokenizers->arena);
	tokenizers->pool = pool_new("tokens", THREADS, QUEUE_MAX);
	for (int i = 0; i < ENCODINGS; i++)
		pthread_mutex_init(&tokenizers->loaded[i].lock, NULL);
	return tokenizers;
}

void
tokenizers_free(struct tokenizers *tokenizers)
{
	if (!tokenizers)
		return;
	pool_free(tokenizers->pool);
	for (int i = 0; i < ENCODINGS; i++) {
		arena_free(tokenizers->loaded[i].arena);
		pthread_mutex_destroy(&tokenizers->loaded[i].lock);
	}
	arena_free(tokenizers->arena);
	free(tokenizers);
}

static const struct bpe *
encoding_get(struct tokenizers *tokenizers, enum encoding encoding)
{
	struct loaded *loaded = &tokenizers->loaded[encoding];

	pthread_mutex_lock(&loaded->lock);
	if (!loaded->tried) {
		struct arena *scratch = arena_new(VOCABULARY_BYTES_MAX + KIB(64));
		struct str file;

		loaded->arena = arena_new(ENCODING_BYTES_MAX);
		loaded->why = place_read(scratch, tokenizers->dir, encodings[encoding].file, VOCABULARY_BYTES_MAX, &file);
		if (!loaded->why)
			loaded->why = bpe_new(loaded->arena, encodings[encoding].split, file, &loaded->bpe);
		loaded->why = err_copy(loaded->arena, loaded->why);
		loaded->tried = true;
		arena_free(scratch);
	}
	pthread_mutex_unlock(&loaded->lock);
	return loaded->bpe;
}

struct str
tokenizers_missing(struct tokenizers *tokenizers, struct arena *arena)
{
	struct str why = STR_EMPTY;

	for (int i = 0; i < ENCODINGS; i++) {
		pthread_mutex_lock(&tokenizers->loaded[i].lock);
		if (tokenizers->loaded[i].why)
			why = arena_dup(arena, tokenizers->loaded[i].why->message);
		pthread_mutex_unlock(&tokenizers->loaded[i].lock);
	}
	return why;
}

int64_t
tokens_estimate(struct str text)
{
	const uint64_t tops = UINT64_C(0x8080808080808080);
	int64_t ascii, above = 0, other = 0; /* bytes: from 0x80 on; the first of a longer character, from 0xc0 on */
	size_t i = 0;

	for (uint64_t eight; text.len - i >= sizeof(eight); i += sizeof(eight)) {
		memcpy(&eight, text.ptr + i, sizeof(eight));
		if (!(eight & tops))
			continue;
		above += __builtin_popcountll(eight & tops);
		other += __builtin_popcountll(eight & eight << 1 & tops); /* the two upper bits of a byte */
	}
	for (; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		above += c >= 0x80;
		other += c >= 0xc0;
	}
	ascii = (int64_t)text.len - above;
	return (ascii + 3) / 4 + (other * 2 + 2) / 3;
}

/* ---- counting ---- */

struct job {
	struct tokenizers *tokenizers;
	enum encoding encoding;
	const struct str *texts;
	size_t count;
	bool done; /* false: there is no vocabulary */
	int64_t tokens;
};

static void
job_run(void *arg)
{
	struct job *job = arg;
	const struct bpe *bpe = encoding_get(job->tokenizers, job->encoding);
	size_t counted = 0, left = 0;
	int64_t tokens = 0;

	if (!bpe)
		return;
	for (size_t i = 0; i < job->count; i++) {
		struct str text = utf8_cut(job->texts[i], COUNTED_BYTES_MAX - counted);

		tokens += (int64_t)bpe_count(bpe, text);
		counted += text.len;
		left += job->texts[i].len - text.len;
	}
	if (left)
		tokens += (int64_t)((double)tokens * (double)left / (double)(counted ? counted : 1));
	job->tokens = tokens;
	job->done = true;
}

static enum encoding
encoding_of(struct str model, enum tokens_how *how)
{
	*how = TOKENS_COUNTED;
	for (size_t i = 0; i < COUNT(models); i++)
		if (str_starts(model, models[i].prefix))
			return models[i].encoding;
	*how = TOKENS_APPROXIMATED;
	return O200K;
}

MAY_PARK int64_t
tokenizers_count(struct tokenizers *tokenizers, struct str model, const struct str *texts, size_t count, enum tokens_how *how)
{
	struct job job = { .tokenizers = tokenizers, .encoding = encoding_of(model, how), .texts = texts, .count = count };
	int64_t estimate = 0;

	if (tokenizers && !offload(tokenizers->pool, job_run, &job) && job.done)
		return job.tokens;
	*how = TOKENS_ESTIMATED;
	for (size_t i = 0; i < count; i++)
		estimate += tokens_estimate(texts[i]);
	return estimate;
}
