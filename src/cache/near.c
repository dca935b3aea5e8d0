/*
 * near.c - see near.h.
 */
#include "cache/near.h"

#include "base/buf.h"
#include "infer/embed.h"
#include "knowledge/dot.h"

enum { DIMENSIONS_MAX = 8192 };

/* The scale as four bytes, then a byte for each dimension. */
static struct str
encode(struct arena *arena, const float *vector, unsigned dimensions)
{
	int8_t *codes = arena_alloc(arena, dot_stride(dimensions));
	char *bytes = arena_alloc(arena, sizeof(float) + dimensions);
	float scale;

	if (!codes || !bytes)
		return str_n(NULL, 0);
	dot_encode(vector, dimensions, codes, &scale);
	memcpy(bytes, &scale, sizeof(scale));
	memcpy(bytes + sizeof(scale), codes, dimensions);
	return str_n(bytes, sizeof(scale) + dimensions);
}

static MAY_PARK const struct err *
embed_question(struct embedder *embedder, struct arena *arena, struct str question, struct near *out)
{
	const struct err *err = embedder_prepare(embedder, arena);
	unsigned dimensions = embedder_dimensions(embedder);
	float *vector;

	if (err || dimensions == 0 || dimensions > DIMENSIONS_MAX || embedder_tokens(embedder, question) > embedder_tokens_max(embedder))
		return err;
	vector = arena_array(arena, dimensions, sizeof(*vector));
	if (!vector)
		return &err_no_memory;
	err = embed(embedder, arena, EMBED_INTERACTIVE, &question, 1, vector, NULL);
	if (err)
		return err;
	out->vector = encode(arena, vector, dimensions);
	out->dimensions = dimensions;
	out->embedder = embedder_model(embedder);
	return out->vector.ptr ? NULL : &err_no_memory;
}

MAY_PARK const struct err *
near_make(struct embedder *embedder, struct arena *arena, const unsigned char *key, struct str question, struct near *out)
{
	const struct err *err;

	*out = (struct near){ .embedder = STR_EMPTY };
	if (!embedder || !question.len)
		return NULL;
	memcpy(out->key, key, sizeof(out->key));
	err = embed_question(embedder, arena, question, out);
	if (err)
		out->embedder = STR_EMPTY;
	return err && (err->kind == ERR_CANCELLED || err->kind == ERR_NO_MEMORY) ? err : NULL;
}

/* --- comparing --- */

struct codes {
	int8_t *query, *rows;
	float *scales;
	int32_t *products;
	size_t stride;
};

static int8_t *
aligned(struct arena *arena, size_t size)
{
	char *room = arena_alloc(arena, size + DOT_ALIGN);

	return room ? (int8_t *)(room + (DOT_ALIGN - (uintptr_t)room % DOT_ALIGN) % DOT_ALIGN) : NULL;
}

static bool
make_codes(struct arena *arena, const struct near *near, size_t count, struct codes *out)
{
	out->stride = dot_stride(near->dimensions);
	out->query = aligned(arena, out->stride);
	out->rows = aligned(arena, count * out->stride);
	out->scales = arena_array(arena, count, sizeof(*out->scales));
	out->products = arena_array(arena, count, sizeof(*out->products));
	return out->query && out->rows && out->scales && out->products;
}

/* Codes to an aligned row, the rest of it zero. A vector of another length gives a row of zeros, which is near nothing. */
static void
put_row(const struct near *near, struct str vector, size_t stride, int8_t *row, float *scale)
{
	memset(row, 0, stride);
	*scale = 0;
	if (vector.len != sizeof(*scale) + near->dimensions)
		return;
	memcpy(scale, vector.ptr, sizeof(*scale));
	memcpy(row, vector.ptr + sizeof(*scale), near->dimensions);
}

/* The nearest of the rows; its cosine. */
static double
nearest(const struct near *near, const struct rows *rows, struct codes *codes, size_t *best)
{
	double most = -1;
	float scale;

	put_row(near, near->vector, codes->stride, codes->query, &scale);
	for (size_t i = 0; i < rows->count; i++)
		put_row(near, rows_text(rows, i, 1), codes->stride, codes->rows + i * codes->stride, &codes->scales[i]);
	dot_rows(codes->query, codes->rows, rows->count, codes->stride, codes->products);
	for (size_t i = 0; i < rows->count; i++) {
		double cosine = (double)codes->products[i] * (double)scale * (double)codes->scales[i];

		if (cosine > most) {
			most = cosine;
			*best = i;
		}
	}
	return most < 1 ? most : 1;
}

MAY_PARK const struct err *
near_find(struct store *store, struct arena *arena, int64_t tenant, const struct near *near, const struct conf_semantic *semantic, int64_t after_us, struct cache_entry *out,
	double *similarity, bool *found)
{
	struct arena *scratch = arena_new_below(arena, (size_t)semantic->candidates * 4 * (DIMENSIONS_MAX + 64));
	struct codes codes;
	struct rows rows;
	size_t best = 0;
	const struct err *err;

	*found = false;
	if (!scratch)
		return &err_no_memory;
	err = entry_near(store, scratch, tenant, near->key, near->embedder, after_us, semantic->candidates, &rows);
	if (err || rows.count == 0)
		return err;
	if (!make_codes(scratch, near, rows.count, &codes))
		return &err_no_memory;
	*similarity = nearest(near, &rows, &codes, &best);
	return *similarity >= semantic->threshold ? entry_get(store, arena, tenant, rows_int(&rows, best, 0), out, found) : NULL;
}
