/*
 * embed_bare.c - what embedding texts takes when nothing else is done: ONNX Runtime, batch after batch, texts of a length together.
 *
 *	embed_bare MODEL_DIR BATCH <texts		texts end with a zero byte
 *
 * All texts are tokenized first and sorted by length, as nobody can who gets them one after the other. Prints one line of JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "infer/onnx.h"
#include "json/json.h"
#include "text/wordpiece.h"

enum { TEXTS_MAX = 1 << 20 };

struct text {
	int32_t *ids;
	size_t len;
};

static struct bare {
	struct arena *arena;
	struct wordpiece *wordpiece;
	struct onnx *onnx;
	size_t dimensions, tokens_max, batch;
	struct text *texts;
	size_t count, tokens, padding;
} bare;

static struct str
read_all(FILE *file)
{
	struct buf bytes;
	char *room;
	size_t got;

	buf_init(&bytes, bare.arena, MIB(512));
	while (file && (room = buf_reserve(&bytes, KIB(64))) && (got = fread(room, 1, KIB(64), file)) > 0)
		bytes.len += got;
	return buf_str(&bytes);
}

static const struct err *
model_open(const char *dir)
{
	struct str about = read_all(fopen(arena_printf(bare.arena, "%s/corbel-model.json", dir).ptr, "rb"));
	struct str vocabulary = read_all(fopen(arena_printf(bare.arena, "%s/vocab.txt", dir).ptr, "rb"));
	struct onnx_spec spec = { .model_path = arena_printf(bare.arena, "%s/model.onnx", dir), .threads = (unsigned)sysconf(_SC_NPROCESSORS_ONLN) };
	const struct json *config;
	const struct err *err = json_parse(bare.arena, about, &config);

	if (!err)
		err = wordpiece_new(bare.arena, vocabulary, &bare.wordpiece);
	if (err)
		return err;
	spec.input_ids = json_get_string(json_get(config, "inputs"), "input_ids");
	spec.attention_mask = json_get_string(json_get(config, "inputs"), "attention_mask");
	spec.output = json_get_string(config, "output");
	bare.dimensions = (size_t)json_int(json_get(config, "dimensions"), 0);
	bare.tokens_max = (size_t)json_int(json_get(config, "max_tokens"), 0);
	return onnx_open(bare.arena, &spec, &bare.onnx);
}

static int
by_length(const void *x, const void *y)
{
	const struct text *a = x, *b = y;

	return a->len < b->len ? -1 : a->len > b->len;
}

static void
texts_take(struct str all)
{
	bare.texts = mem_alloc(TEXTS_MAX * sizeof(*bare.texts));
	for (size_t from = 0; from < all.len && bare.count < TEXTS_MAX; bare.count++) {
		const char *end = memchr(all.ptr + from, 0, all.len - from);
		size_t to = end ? (size_t)(end - all.ptr) : all.len;
		struct text *text = &bare.texts[bare.count];

		text->ids = mem_alloc(bare.tokens_max * sizeof(*text->ids));
		text->len = wordpiece_encode(bare.wordpiece, str_slice(all, from, to), text->ids, bare.tokens_max);
		bare.tokens += text->len;
		from = to + 1;
	}
	qsort(bare.texts, bare.count, sizeof(*bare.texts), by_length);
}

static const struct err *
texts_embed(void)
{
	int64_t *ids = mem_alloc(bare.batch * bare.tokens_max * sizeof(*ids)), *mask = mem_alloc(bare.batch * bare.tokens_max * sizeof(*mask));
	float *out = mem_alloc(bare.batch * bare.dimensions * sizeof(*out));
	const struct err *err = NULL;

	for (size_t from = 0; from < bare.count && !err; from += bare.batch) {
		size_t count = bare.count - from < bare.batch ? bare.count - from : bare.batch, width = bare.texts[from + count - 1].len;

		for (size_t i = 0; i < count; i++)
			for (size_t at = 0; at < width; at++) {
				const struct text *text = &bare.texts[from + i];

				mask[i * width + at] = at < text->len;
				ids[i * width + at] = at < text->len ? text->ids[at] : wordpiece_pad(bare.wordpiece);
				bare.padding += at >= text->len;
			}
		err = onnx_embed(bare.onnx, bare.arena, ids, mask, count, width, out, bare.dimensions);
	}
	free(ids);
	free(mask);
	free(out);
	return err;
}

static double
process_cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	const struct err *err;
	int64_t start;
	double cpu_s;

	if (argc != 3) {
		fprintf(stderr, "usage: embed_bare MODEL_DIR BATCH <texts\n");
		return 2;
	}
	bare.arena = arena_new((size_t)1 << 30);
	bare.batch = strtoul(argv[2], NULL, 10);
	err = model_open(argv[1]);
	if (!err) {
		texts_take(read_all(stdin));
		start = clock_mono_us();
		cpu_s = process_cpu_s();
		err = texts_embed();
		printf("{\"texts\":%zu,\"tokens\":%zu,\"padding\":%zu,\"seconds\":%.3f,\"cpu_s\":%.3f}\n", bare.count, bare.tokens, bare.padding,
			(double)(clock_mono_us() - start) / 1e6, process_cpu_s() - cpu_s);
	}
	if (err)
		fprintf(stderr, "embed_bare: %" STR_F "\n", STR_A(err->message));
	return err != NULL;
}
