/*
 * vectors_memory.c - blocks of vectors, each a run of bytes that the scan reads from front to back.
 *
 * A dropped vector's version becomes 0, and it is skipped; when most are dropped, the rest moves together.
 */
#include "knowledge/vectors_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "knowledge/dot.h"

enum { BLOCK_ROWS = 4096, STRIP_ROWS = 256, HUGE_PAGE_BYTES = 2 << 20 };

struct block {
	int8_t *codes;           /* BLOCK_ROWS * stride, aligned */
	float scales[BLOCK_ROWS];
	int64_t chunks[BLOCK_ROWS], versions[BLOCK_ROWS];
	size_t rows;
};

struct vector_table {
	pthread_rwlock_t lock;   /* all below */
	unsigned dimensions;
	struct block **blocks;
	size_t block_count, block_room;
	size_t rows, dropped;
};

struct vector_table *
vector_table_new(unsigned dimensions)
{
	struct vector_table *table = mem_zalloc(sizeof(*table));

	pthread_rwlock_init(&table->lock, NULL);
	table->dimensions = dimensions;
	return table;
}

static void
blocks_free(struct block **blocks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(blocks[i]->codes);
		free(blocks[i]);
	}
	free(blocks);
}

void
vector_table_free(struct vector_table *table)
{
	if (!table)
		return;
	blocks_free(table->blocks, table->block_count);
	pthread_rwlock_destroy(&table->lock);
	free(table);
}

void
vector_table_clear(struct vector_table *table)
{
	pthread_rwlock_wrlock(&table->lock);
	blocks_free(table->blocks, table->block_count);
	table->blocks = NULL;
	table->block_count = table->block_room = table->rows = table->dropped = 0;
	pthread_rwlock_unlock(&table->lock);
}

/* In huge pages where the system has them: looking up small ones costs the scan a tenth. */
static void *
codes_alloc(size_t bytes)
{
	size_t room = (bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
	void *codes = aligned_alloc(HUGE_PAGE_BYTES, room);

	if (!codes)
		abort(); /* as mem_alloc does */
	madvise(codes, room, MADV_HUGEPAGE);
	return codes;
}

/* A free row, in a new block when the last one is full. */
static struct block *
row_take(struct vector_table *table, size_t *row)
{
	size_t bytes = BLOCK_ROWS * dot_stride(table->dimensions);
	struct block *block = table->block_count ? table->blocks[table->block_count - 1] : NULL;

	if (!block || block->rows == BLOCK_ROWS) {
		if (table->block_count == table->block_room) {
			table->block_room = table->block_room * 2 + 4;
			table->blocks = mem_realloc(table->blocks, table->block_room * sizeof(struct block *));
		}
		block = mem_zalloc(sizeof(*block));
		block->codes = codes_alloc(bytes);
		table->blocks[table->block_count++] = block;
	}
	*row = block->rows++;
	table->rows++;
	return block;
}

void
vector_table_add(struct vector_table *table, const int64_t *chunks, const int64_t *versions, const float *const *vectors, size_t count)
{
	size_t stride = dot_stride(table->dimensions), row;

	pthread_rwlock_wrlock(&table->lock);
	for (size_t i = 0; i < count; i++) {
		struct block *block = row_take(table, &row);

		dot_encode(vectors[i], table->dimensions, block->codes + row * stride, &block->scales[row]);
		block->chunks[row] = chunks[i];
		block->versions[row] = versions[i];
	}
	pthread_rwlock_unlock(&table->lock);
}

/* Under the lock. */
static void
compact(struct vector_table *table)
{
	struct block **old = table->blocks;
	size_t count = table->block_count, stride = dot_stride(table->dimensions), row;

	table->blocks = NULL;
	table->block_count = table->block_room = table->rows = table->dropped = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t from = 0; from < old[i]->rows; from++) {
			if (old[i]->versions[from] == 0)
				continue;
			struct block *block = row_take(table, &row);
			memcpy(block->codes + row * stride, old[i]->codes + from * stride, stride);
			block->scales[row] = old[i]->scales[from];
			block->chunks[row] = old[i]->chunks[from];
			block->versions[row] = old[i]->versions[from];
		}
	blocks_free(old, count);
}

void
vector_table_drop(struct vector_table *table, const struct id_set *versions)
{
	pthread_rwlock_wrlock(&table->lock);
	for (size_t i = 0; i < table->block_count; i++) {
		struct block *block = table->blocks[i];

		for (size_t row = 0; row < block->rows; row++)
			if (block->versions[row] != 0 && id_allowed(versions, block->versions[row])) {
				block->versions[row] = 0;
				table->dropped++;
			}
	}
	if (table->dropped > table->rows / 2)
		compact(table);
	pthread_rwlock_unlock(&table->lock);
}

size_t
vector_table_count(struct vector_table *table)
{
	size_t count;

	pthread_rwlock_rdlock(&table->lock);
	count = table->rows - table->dropped;
	pthread_rwlock_unlock(&table->lock);
	return count;
}

size_t
vector_table_bytes(struct vector_table *table)
{
	size_t bytes;

	pthread_rwlock_rdlock(&table->lock);
	bytes = table->block_count * (BLOCK_ROWS * dot_stride(table->dimensions) + sizeof(struct block));
	pthread_rwlock_unlock(&table->lock);
	return bytes;
}

/* A query as the scan wants it. */
struct query_codes {
	int8_t *codes; /* aligned */
	float scale;
	size_t stride;
};

static void
query_encode(struct query_codes *query, const float *vector, unsigned dimensions)
{
	query->stride = dot_stride(dimensions);
	query->codes = aligned_alloc(DOT_ALIGN, query->stride);
	if (!query->codes)
		abort(); /* as mem_alloc does */
	dot_encode(vector, dimensions, query->codes, &query->scale);
}

static void
strip_scan(const struct block *block, size_t from, size_t count, const struct query_codes *query, const struct id_set *versions, struct top *top)
{
	int32_t products[STRIP_ROWS];

	dot_rows(query->codes, block->codes + from * query->stride, count, query->stride, products);
	for (size_t i = 0; i < count; i++) {
		size_t row = from + i;
		struct scored scored = { block->chunks[row], (double)products[i] * (double)block->scales[row] * (double)query->scale };

		if (top_wants(top, &scored) && block->versions[row] != 0 && id_allowed(versions, block->versions[row]))
			top_add(top, scored);
	}
}

void
vector_table_scan(struct vector_table *table, const float *vector, const struct id_set *versions, unsigned slice, unsigned slices, struct top *top)
{
	struct query_codes query;

	query_encode(&query, vector, table->dimensions);
	pthread_rwlock_rdlock(&table->lock);
	for (size_t i = slice; i < table->block_count; i += slices) {
		const struct block *block = table->blocks[i];

		for (size_t from = 0; from < block->rows; from += STRIP_ROWS)
			strip_scan(block, from, block->rows - from < STRIP_ROWS ? block->rows - from : STRIP_ROWS, &query, versions, top);
	}
	pthread_rwlock_unlock(&table->lock);
	free(query.codes);
}
