/*
 * local.c - an embedding model in this process: fibers tokenize and queue, one thread runs the model.
 *
 * ONNX Runtime spreads one run over the cores, so a second run at the same time would only be in its way: one thread, and what waits meanwhile is gathered into
 * batches (batch.h) across all callers. Two queues, so that a question goes ahead of an ingest; a batch never mixes them, so a question is not slowed by company.
 *
 * A request lies in the frame of the fiber that waits for it. The thread touches it only under the lock or while one of its texts is in a batch, and `left` counts
 * those texts: a fiber whose scope ends takes back what is still queued and waits for the rest, at most one batch.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "infer/batch.h"
#include "infer/embedder.h"
#include "infer/onnx.h"
#include "infer/places.h"
#include "json/json.h"
#include "rt/fiber.h"
#include "rt/wait.h"
#include "text/wordpiece.h"

enum {
	TOKENS_LIMIT = 1024,     /* of one text, whatever the model's file says */
	DIMENSIONS_LIMIT = 4096,
	QUEUE_TEXTS_MAX = 4096,  /* a class; a request that finds the queue empty is taken whatever its size */
	BATCH_LIMIT = 256,
	YIELD_TEXTS = 32,        /* texts tokenized in one turn of the loop */
	VOCABULARY_BYTES_MAX = 8 << 20,
	CONFIG_BYTES_MAX = 64 << 10,
	CLASSES = 2,
};

static const double batch_bounds[] = { 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 0 };
static struct metric batch_seconds =
	METRIC_HISTOGRAM("corbel_embedding_batch_seconds", "Time inside the model, a batch.", batch_bounds, "model");
static struct metric batch_texts = METRIC_COUNTER("corbel_embedding_texts_total", "Texts embedded.", "model");
static struct metric batch_tokens = METRIC_COUNTER("corbel_embedding_tokens_total", "Tokens embedded; padding apart.", "model", "kind");
static struct metric queue_depth = METRIC_GAUGE("corbel_embedding_queued_texts", "Texts that wait for the model.", "model", "class");

struct item {
	struct item *next, *previous; /* in its class's queue */
	struct request *request;
	const int32_t *ids;
	float *out;
	unsigned len;
};

struct request {
	struct waiter waiter;
	const struct err *err; /* static */
	struct item *items;
	size_t count;
	size_t left;           /* texts queued or in the batch that runs */
};

struct queue {
	struct item *first, *last;
	size_t count;
	struct metric_series *depth;
};

struct local {
	struct embedder base;
	struct onnx *onnx;
	struct wordpiece *wordpiece;
	unsigned batch_max;
	pthread_t thread;
	pthread_mutex_t lock;      /* what follows */
	pthread_cond_t work;
	struct queue queues[CLASSES];
	bool closing;
	int64_t *ids, *mask;       /* the thread's: batch_max * tokens_max each */
	float *vectors;            /* batch_max * dimensions */
	struct item *batch[BATCH_LIMIT];
	struct arena *scratch;     /* of one run's errors */
};

/* ---- queues, under the lock ---- */

static void
queue_add(struct queue *queue, struct item *item)
{
	item->next = NULL;
	item->previous = queue->last;
	if (queue->last)
		queue->last->next = item;
	else
		queue->first = item;
	queue->last = item;
	queue->count++;
}

static void
queue_remove(struct queue *queue, struct item *item)
{
	if (item->previous)
		item->previous->next = item->next;
	else
		queue->first = item->next;
	if (item->next)
		item->next->previous = item->previous;
	else
		queue->last = item->previous;
	item->next = item->previous = NULL;
	queue->count--;
}

static bool
queue_has(const struct queue *queue, const struct item *item)
{
	return item->previous || queue->first == item;
}

/* ---- the thread ---- */

/* Under the lock: takes the next batch out of its queue; returns its size. */
static size_t
batch_take(struct local *local)
{
	struct queue *queue = local->queues[EMBED_INTERACTIVE].count > 0 ? &local->queues[EMBED_INTERACTIVE] : &local->queues[EMBED_BATCH];
	struct item *window[BATCH_WINDOW_MAX];
	unsigned lengths[BATCH_WINDOW_MAX];
	uint16_t picked[BATCH_LIMIT];
	size_t waiting = 0, count;

	for (struct item *item = queue->first; item && waiting < BATCH_WINDOW_MAX; item = item->next) {
		window[waiting] = item;
		lengths[waiting++] = item->len;
	}
	count = batch_pick(lengths, waiting, local->batch_max, picked);
	for (size_t i = 0; i < count; i++) {
		local->batch[i] = window[picked[i]];
		queue_remove(queue, local->batch[i]);
	}
	metric_series_set(queue->depth, (double)queue->count);
	return count;
}

static const struct err *
batch_run(struct local *local, size_t count)
{
	struct item *const *batch = local->batch;
	size_t width = 0, tokens = 0;
	int64_t start;
	const struct err *err;

	for (size_t i = 0; i < count; i++) {
		width = batch[i]->len > width ? batch[i]->len : width;
		tokens += batch[i]->len;
	}
	for (size_t i = 0; i < count; i++)
		for (size_t at = 0; at < width; at++) {
			bool there = at < batch[i]->len;

			local->ids[i * width + at] = there ? batch[i]->ids[at] : wordpiece_pad(local->wordpiece);
			local->mask[i * width + at] = there;
		}
	start = clock_mono_us();
	err = onnx_embed(local->onnx, local->scratch, local->ids, local->mask, count, width, local->vectors, local->base.dimensions);
	metric_observe(&batch_seconds, (double)(clock_mono_us() - start) / (double)USEC_PER_SEC, local->base.model);
	metric_add(&batch_texts, (double)count, local->base.model);
	metric_add(&batch_tokens, (double)tokens, local->base.model, STR("text"));
	metric_add(&batch_tokens, (double)(count * width - tokens), local->base.model, STR("padding"));
	return err;
}

/* Under the lock: the batch's requests get their vectors, and those that are complete are woken. */
static void
batch_deliver(struct local *local, size_t count, const struct err *err)
{
	size_t size = local->base.dimensions;

	for (size_t i = 0; i < count; i++) {
		struct item *item = local->batch[i];
		struct request *request = item->request;

		if (err)
			request->err = &err_internal;
		else
			memcpy(item->out, local->vectors + i * size, size * sizeof(float));
		if (--request->left == 0)
			wait_wake(&request->waiter);
	}
}

static void *
local_thread(void *arg)
{
	struct local *local = arg;

	pthread_setname_np(pthread_self(), "embed");
	pthread_mutex_lock(&local->lock);
	for (;;) {
		const struct err *err;
		size_t count;

		while (!local->closing && local->queues[EMBED_INTERACTIVE].count + local->queues[EMBED_BATCH].count == 0)
			pthread_cond_wait(&local->work, &local->lock);
		if (local->closing)
			break;
		count = batch_take(local);
		pthread_mutex_unlock(&local->lock);
		err = batch_run(local, count);
		if (err)
			log_error("embedding failed", LOG_ERR("error", err), LOG_INT("texts", count));
		pthread_mutex_lock(&local->lock);
		batch_deliver(local, count, err);
		arena_reset(local->scratch);
	}
	pthread_mutex_unlock(&local->lock);
	return NULL;
}

/* ---- the fibers' side ---- */

/* Tokenizes into the request's items and one run of ids. */
static MAY_PARK const struct err *
request_fill(struct local *local, struct request *request, const struct str *texts, float *out, int32_t **ids, int64_t *tokens)
{
	size_t used = 0, room = 0;

	for (size_t i = 0; i < request->count; i++) {
		struct item *item = &request->items[i];
		const struct err *err = i % YIELD_TEXTS == YIELD_TEXTS - 1 ? fiber_yield() : NULL;

		if (err)
			return err;
		if (room - used < local->base.tokens_max)
			*ids = mem_realloc(*ids, (room = room * 2 + local->base.tokens_max) * sizeof(**ids));
		item->len = (unsigned)wordpiece_encode(local->wordpiece, texts[i], *ids + used, local->base.tokens_max);
		item->request = request;
		item->out = out + i * local->base.dimensions;
		used += item->len;
	}
	*tokens = (int64_t)used;
	used = 0;
	for (size_t i = 0; i < request->count; i++) { /* only now do the ids stay where they are */
		request->items[i].ids = *ids + used;
		used += request->items[i].len;
	}
	return NULL;
}

static const struct err *
request_queue(struct local *local, struct request *request, enum embed_class class)
{
	struct queue *queue = &local->queues[class];
	bool full;

	pthread_mutex_lock(&local->lock);
	full = queue->count > 0 && queue->count + request->count > QUEUE_TEXTS_MAX;
	for (size_t i = 0; !full && i < request->count; i++)
		queue_add(queue, &request->items[i]);
	metric_series_set(queue->depth, (double)queue->count);
	pthread_cond_signal(&local->work);
	pthread_mutex_unlock(&local->lock);
	return full ? &err_busy : NULL;
}

/* Takes back what no batch has yet. False when nothing is left for the thread, and it has not woken the waiter either: nobody will. */
static bool
request_take_back(struct local *local, struct request *request, enum embed_class class)
{
	struct queue *queue = &local->queues[class];
	bool wake_comes;

	pthread_mutex_lock(&local->lock);
	wake_comes = request->left == 0;
	for (size_t i = 0; i < request->count; i++)
		if (queue_has(queue, &request->items[i])) {
			queue_remove(queue, &request->items[i]);
			request->left--;
		}
	wake_comes = wake_comes || request->left > 0;
	metric_series_set(queue->depth, (double)queue->count);
	pthread_mutex_unlock(&local->lock);
	return wake_comes;
}

static MAY_PARK const struct err *
local_embed(struct embedder *embedder, struct arena *arena, enum embed_class class, const struct str *texts, size_t count, float *out, int64_t *tokens)
{
	struct local *local = (struct local *)embedder;
	struct request request = { .count = count, .left = count };
	int32_t *ids = NULL;
	const struct err *err;

	(void)arena;
	request.items = mem_zalloc(count * sizeof(*request.items));
	waiter_init(&request.waiter);
	err = request_fill(local, &request, texts, out, &ids, tokens);
	if (!err)
		err = request_queue(local, &request, class);
	if (!err) {
		err = wait_for(&request.waiter);
		if (err && request_take_back(local, &request, class))
			wait_end(&request.waiter);
		err = err ? err : request.err;
	}
	free(request.items);
	free(ids);
	return err;
}

static size_t
local_tokens(const struct embedder *embedder, struct str text)
{
	return wordpiece_count(((const struct local *)embedder)->wordpiece, text);
}

/* ---- opening and closing ---- */

static void
local_free(struct local *local)
{
	if (local->onnx)
		onnx_close(local->onnx);
	arena_free(local->scratch);
	free(local->ids);
	free(local->mask);
	free(local->vectors);
	pthread_cond_destroy(&local->work);
	pthread_mutex_destroy(&local->lock);
	arena_free(local->base.arena); /* holds `local` itself */
}

static void
local_close(struct embedder *embedder)
{
	struct local *local = (struct local *)embedder;

	pthread_mutex_lock(&local->lock);
	local->closing = true;
	pthread_cond_signal(&local->work);
	pthread_mutex_unlock(&local->lock);
	pthread_join(local->thread, NULL);
	local_free(local);
}

static const struct embedder_kind local_kind = { local_embed, NULL, local_tokens, local_close };

/* What corbel-model.json says of the model. */
static const struct err *
read_config(struct local *local, struct arena *arena, struct str dir, struct onnx_spec *onnx)
{
	const struct json *config = NULL, *inputs;
	struct str text;
	const struct err *err = place_read(arena, dir, "corbel-model.json", CONFIG_BYTES_MAX, &text);
	int64_t dimensions, tokens_max;

	if (!err)
		err = json_parse(arena, text, &config);
	if (err)
		return err_wrap(arena, err, "the embedding model's description cannot be read");
	inputs = json_get(config, "inputs");
	onnx->input_ids = json_get_string(inputs, "input_ids");
	onnx->attention_mask = json_get_string(inputs, "attention_mask");
	onnx->output = json_get_string(config, "output");
	local->base.model = arena_dup(local->base.arena, json_get_string(config, "name"));
	dimensions = json_int(json_get(config, "dimensions"), 0);
	tokens_max = json_int(json_get(config, "max_tokens"), 0);
	if (!onnx->input_ids.ptr || !onnx->attention_mask.ptr || !onnx->output.ptr || local->base.model.len == 0 || dimensions < 1 ||
		dimensions > DIMENSIONS_LIMIT || tokens_max < 3 || tokens_max > TOKENS_LIMIT)
		return err_new(arena, ERR_UNAVAILABLE, "the embedding model's corbel-model.json lacks a name, inputs, output, dimensions or max_tokens");
	if (!json_bool(json_get(config, "lowercase"), false) || !json_bool(json_get(config, "normalized"), false))
		return err_new(arena, ERR_UNAVAILABLE, "only uncased models with normalized output can be used for embeddings");
	local->base.dimensions = (unsigned)dimensions;
	local->base.tokens_max = (unsigned)tokens_max;
	return NULL;
}

static const struct err *
local_load(struct local *local, struct arena *arena, const struct embed_local_spec *spec)
{
	struct onnx_spec onnx = { .runtime_lib = spec->runtime_lib };
	struct str vocabulary;
	struct str dir = spec->model_dir.len ? spec->model_dir : place_of_model(arena);
	const struct err *err = read_config(local, arena, dir, &onnx);

	if (!err)
		err = place_read(arena, dir, "vocab.txt", VOCABULARY_BYTES_MAX, &vocabulary);
	if (!err)
		err = wordpiece_new(local->base.arena, vocabulary, &local->wordpiece);
	if (err)
		return err;
	onnx.model_path = arena_printf(arena, "%" STR_F "/model.onnx", STR_A(dir));
	onnx.threads = spec->threads ? spec->threads : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	return onnx.model_path.ptr ? onnx_open(arena, &onnx, &local->onnx) : &err_no_memory;
}

static void
local_prepare(struct local *local, const struct embed_local_spec *spec)
{
	size_t tokens;

	local->base.kind = &local_kind;
	local->batch_max = spec->batch_max ? spec->batch_max : 32;
	if (local->batch_max > BATCH_LIMIT)
		local->batch_max = BATCH_LIMIT;
	tokens = (size_t)local->batch_max * local->base.tokens_max;
	local->ids = mem_alloc(tokens * sizeof(*local->ids));
	local->mask = mem_alloc(tokens * sizeof(*local->mask));
	local->vectors = mem_alloc((size_t)local->batch_max * local->base.dimensions * sizeof(float));
	local->queues[EMBED_INTERACTIVE].depth = metric_series(&queue_depth, local->base.model, STR("interactive"));
	local->queues[EMBED_BATCH].depth = metric_series(&queue_depth, local->base.model, STR("batch"));
}

const struct err *
embedder_open_local(const struct embed_local_spec *spec, struct arena *arena, struct embedder **out)
{
	struct arena *own = arena_new(MIB(64)), *scratch = arena_new(MIB(32));
	struct local *local = arena_zalloc(own, sizeof(*local));
	const struct err *err;

	local->base.arena = own;
	local->scratch = arena_new(KIB(64));
	pthread_mutex_init(&local->lock, NULL);
	pthread_cond_init(&local->work, NULL);
	err = local_load(local, scratch, spec);
	if (!err) {
		local_prepare(local, spec);
		if (pthread_create(&local->thread, NULL, local_thread, local) != 0)
			err = err_new(scratch, ERR_UNAVAILABLE, "no thread could be started for the embedding model");
	}
	if (err) {
		err = err_copy(arena, err);
		local_free(local);
	} else {
		*out = &local->base;
	}
	arena_free(scratch);
	return err;
}
