/*
 * arena.c - bump allocation in blocks that double in size up to 64 KiB; what is larger gets a block of its own.
 *
 * Each thread keeps some of the blocks that it frees: a request takes half a dozen of them, of sizes for which malloc has no quick way.
 *
 * Under AddressSanitizer every allocation is followed by a poisoned gap, so that an overrun inside a block is seen too.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef BASE_ASAN
#include <sanitizer/asan_interface.h>
#define ARENA_GAP 16
#define SPARE_MAX 0
#define poison(ptr, size) __asan_poison_memory_region(ptr, size)
#define unpoison(ptr, size) __asan_unpoison_memory_region(ptr, size)
#else
#define ARENA_GAP 0
#define SPARE_MAX ((size_t)1024 * 1024)
#define poison(ptr, size) ((void)0)
#define unpoison(ptr, size) ((void)0)
#endif

enum {
	BLOCK_FIRST = 2048,
	BLOCK_MAX = 64 * 1024,
	BLOCK_SIZES = 6, /* that double from the first to the largest */
	ALIGNMENT = alignof(max_align_t),
	PRINTF_FIRST = 256,
};

struct block {
	struct block *next;
	size_t size; /* of data */
	alignas(max_align_t) char data[];
};

struct cleanup {
	struct cleanup *next;
	void (*fn)(void *);
	void *arg;
};

struct arena {
	struct block *blocks; /* newest first; allocation goes on in the newest of the ordinary ones */
	char *next;           /* where the next allocation begins */
	size_t left;          /* bytes left from there */
	size_t held, cap;
	struct cleanup *cleanups;
};

static void
out_of_memory(void)
{
	fputs("corbel: out of memory\n", stderr);
	abort();
}

void *
mem_alloc(size_t size)
{
	void *memory = malloc(size ? size : 1);

	if (!memory)
		out_of_memory();
	return memory;
}

void *
mem_zalloc(size_t size)
{
	void *memory = calloc(1, size ? size : 1);

	if (!memory)
		out_of_memory();
	return memory;
}

void *
mem_realloc(void *old, size_t size)
{
	void *memory = realloc(old, size ? size : 1);

	if (!memory)
		out_of_memory();
	return memory;
}

struct arena *
arena_new(size_t cap)
{
	struct arena *arena = mem_zalloc(sizeof(*arena));

	arena->cap = cap;
	return arena;
}

static void
run_cleanups(struct arena *arena)
{
	while (arena->cleanups) {
		struct cleanup *cleanup = arena->cleanups;

		arena->cleanups = cleanup->next;
		cleanup->fn(cleanup->arg);
	}
}

/* --- blocks --- */

/* What this thread has freed, by size. Under a sanitizer nothing is kept, so that it sees what is used after it was freed. */
static _Thread_local struct {
	struct block *first[BLOCK_SIZES];
	size_t held;
	bool registered;
} spare;

static pthread_key_t spare_key;
static pthread_once_t spare_once = PTHREAD_ONCE_INIT;

static void
spare_drop(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < BLOCK_SIZES; i++) {
		while (spare.first[i]) {
			struct block *block = spare.first[i];

			spare.first[i] = block->next;
			free(block);
		}
	}
	spare.held = SPARE_MAX; /* other destructors of the thread may free more */
}

static void
spare_make_key(void)
{
	if (pthread_key_create(&spare_key, spare_drop) != 0)
		out_of_memory();
}

/* Which of the sizes this is; BLOCK_SIZES: none. */
static size_t
size_index(size_t size)
{
	size_t index = (size_t)__builtin_ctzll(size / BLOCK_FIRST | 1ULL << BLOCK_SIZES);

	return size == (size_t)BLOCK_FIRST << index ? index : BLOCK_SIZES;
}

static struct block *
block_take(size_t size)
{
	size_t index = size_index(size);
	struct block *block = index < BLOCK_SIZES ? spare.first[index] : NULL;

	if (!block)
		return malloc(sizeof(*block) + size);
	spare.first[index] = block->next;
	spare.held -= size;
	return block;
}

static void
block_free(struct block *block)
{
	size_t index = size_index(block->size);

	unpoison(block->data, block->size);
	if (index == BLOCK_SIZES || spare.held + block->size > SPARE_MAX) {
		free(block);
		return;
	}
	if (!spare.registered) {
		pthread_once(&spare_once, spare_make_key);
		spare.registered = pthread_setspecific(spare_key, &spare) == 0;
	}
	block->next = spare.first[index];
	spare.first[index] = block;
	spare.held += block->size;
}

void
arena_reset(struct arena *arena)
{
	struct block *keep = NULL;

	run_cleanups(arena);
	while (arena->blocks) {
		struct block *block = arena->blocks;

		arena->blocks = block->next;
		if (!keep && block->size <= BLOCK_MAX) { /* the newest ordinary one, and so the largest */
			keep = block;
			unpoison(keep->data, keep->size);
		} else {
			block_free(block);
		}
	}
	arena->blocks = keep;
	if (keep)
		keep->next = NULL;
	arena->next = keep ? keep->data : NULL;
	arena->left = arena->held = keep ? keep->size : 0;
	if (keep)
		poison(keep->data, keep->size);
}

void
arena_free(struct arena *arena)
{
	if (!arena)
		return;
	run_cleanups(arena);
	while (arena->blocks) {
		struct block *block = arena->blocks;

		arena->blocks = block->next;
		block_free(block);
	}
	free(arena);
}

/* A block of `size` bytes of data within the cap, or NULL. */
static struct block *
block_new(struct arena *arena, size_t size)
{
	struct block *block;

	if (size > arena->cap || arena->held > arena->cap - size)
		return NULL;
	block = block_take(size);
	if (!block)
		return NULL;
	block->size = size;
	arena->held += size;
	poison(block->data, size);
	return block;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	struct block *block;
	size_t need, block_size = BLOCK_FIRST;
	char *memory;

	if (size > SIZE_MAX / 2)
		return NULL;
	need = (size + ARENA_GAP + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (need == 0)
		need = ALIGNMENT;
	if (need > arena->left) {
		if (need > BLOCK_MAX / 4) { /* its own block, placed behind the current one, which stays in use */
			block = block_new(arena, need);
			if (!block)
				return NULL;
			block->next = arena->blocks ? arena->blocks->next : NULL;
			if (arena->blocks)
				arena->blocks->next = block;
			else
				arena->blocks = block;
			unpoison(block->data, size);
			return block->data;
		}
		while (block_size < BLOCK_MAX && (block_size < arena->held || block_size < need))
			block_size *= 2;
		block = block_new(arena, block_size);
		if (!block)
			block = block_new(arena, need); /* near the cap: exactly what is asked */
		if (!block)
			return NULL;
		block->next = arena->blocks;
		arena->blocks = block;
		arena->next = block->data;
		arena->left = block->size;
	}
	memory = arena->next;
	arena->next += need;
	arena->left -= need;
	unpoison(memory, size);
	return memory;
}

void *
arena_zalloc(struct arena *arena, size_t size)
{
	void *memory = arena_alloc(arena, size);

	return memory ? memset(memory, 0, size) : NULL;
}

void *
arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;

	return __builtin_mul_overflow(count, size, &total) ? NULL : arena_zalloc(arena, total);
}

char *
arena_cstr(struct arena *arena, struct str s)
{
	char *copy = s.len < SIZE_MAX ? arena_alloc(arena, s.len + 1) : NULL;

	if (!copy)
		return NULL;
	if (s.len)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

struct str
arena_dup(struct arena *arena, struct str s)
{
	char *copy;

	if (!s.len)
		return STR("");
	copy = arena_cstr(arena, s);
	return str_n(copy, copy ? s.len : 0);
}

struct str
arena_join(struct arena *arena, const struct str *parts, size_t count)
{
	size_t len = 0, at = 0;
	char *text;

	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	text = arena_alloc(arena, len + 1);
	if (!text)
		return str_n(NULL, 0);
	for (size_t i = 0; i < count; at += parts[i++].len)
		if (parts[i].len)
			memcpy(text + at, parts[i].ptr, parts[i].len);
	text[len] = '\0';
	return str_n(text, len);
}

static void
free_arena(void *arg)
{
	arena_free(arg);
}

struct arena *
arena_new_below(struct arena *parent, size_t cap)
{
	struct arena *arena = arena_new(cap);

	if (arena_on_free(parent, free_arena, arena))
		return arena;
	arena_free(arena);
	return NULL;
}

void *
arena_alloc_large(struct arena *arena, size_t size)
{
	void *memory;

	if (size <= BLOCK_MAX)
		return arena_alloc(arena, size);
	memory = malloc(size);
	if (memory && arena_on_free(arena, free, memory))
		return memory;
	free(memory);
	return NULL;
}

struct str
arena_dup_large(struct arena *arena, struct str s)
{
	char *copy;

	if (!s.len)
		return STR("");
	copy = s.len < SIZE_MAX ? arena_alloc_large(arena, s.len + 1) : NULL;
	if (!copy)
		return str_n(NULL, 0);
	memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return str_n(copy, s.len);
}

struct str
arena_printf(struct arena *arena, const char *format, ...)
{
	char first[PRINTF_FIRST], *text;
	va_list args;
	int len;

	/* Only what is long is formatted twice. */
	va_start(args, format);
	len = vsnprintf(first, sizeof(first), format, args);
	va_end(args);
	if (len >= 0 && (size_t)len < sizeof(first))
		return arena_dup(arena, str_n(first, (size_t)len));
	text = len >= 0 ? arena_alloc(arena, (size_t)len + 1) : NULL;
	if (!text)
		return str_n(NULL, 0);
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return str_n(text, (size_t)len);
}

bool
arena_on_free(struct arena *arena, void (*fn)(void *arg), void *arg)
{
	struct cleanup *cleanup = arena_alloc(arena, sizeof(*cleanup));

	if (!cleanup)
		return false;
	*cleanup = (struct cleanup){ arena->cleanups, fn, arg };
	arena->cleanups = cleanup;
	return true;
}

size_t
arena_held(const struct arena *arena)
{
	return arena->held;
}
