/*
 * arena.h - memory that is given back all at once.
 *
 * An arena belongs to one thread at a time. It is capped: past its cap arena_alloc returns NULL, and the caller answers with
 * err_no_memory (413 or 503 to a client), so that no request can take the process down. Process > loop > connection > request > stage.
 */
#pragma once

#include "base/str.h"

struct arena;

/* A new arena that may hold up to `cap` bytes of blocks. Never NULL: the process ends when not even this can be had. */
struct arena *arena_new(size_t cap);

/* One that is freed with `parent`, whose cap does not count for it; NULL when the parent is full. Not freed by hand. */
struct arena *arena_new_below(struct arena *parent, size_t cap);

/* Runs the cleanups in reverse order and frees everything. NULL is allowed. */
void arena_free(struct arena *arena);

/* As arena_free, but keeps the arena and its largest ordinary block (at most 64 KiB) for the next use. */
void arena_reset(struct arena *arena);

/* Memory aligned for any type, not zeroed; NULL past the cap. A size of 0 gives a valid, unusable pointer. */
__attribute__((malloc, alloc_size(2))) void *arena_alloc(struct arena *arena, size_t size);
__attribute__((malloc, alloc_size(2))) void *arena_zalloc(struct arena *arena, size_t size);

/* As arena_alloc, but what is over 64 KiB lies on the heap, outside the cap, and is freed with the arena: for bytes whose bound is another. */
__attribute__((malloc, alloc_size(2))) void *arena_alloc_large(struct arena *arena, size_t size);

/* `count * size` bytes, zeroed; NULL past the cap or when the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* Copies into the arena, followed by a zero byte that is not counted; ptr is NULL past the cap. */
struct str arena_dup(struct arena *arena, struct str s);
/* As arena_dup, by arena_alloc_large. */
struct str arena_dup_large(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

/* Texts one after the other, as arena_dup: arena_concat(arena, STR("Bearer "), key). */
#define arena_concat(arena, ...) \
	arena_join(arena, (const struct str[]){ __VA_ARGS__ }, sizeof((const struct str[]){ __VA_ARGS__ }) / sizeof(struct str))
struct str arena_join(struct arena *arena, const struct str *parts, size_t count);

/* A zero-terminated copy, for libraries that want one; NULL past the cap. */
char *arena_cstr(struct arena *arena, struct str s);

/* fn(arg) runs when the arena is freed or reset. False past the cap: then it is not registered. */
bool arena_on_free(struct arena *arena, void (*fn)(void *arg), void *arg);

/* Bytes of blocks held now, for metrics and tests. */
size_t arena_held(const struct arena *arena);

/* malloc, calloc and realloc for the runtime's own small objects; they end the process with a message when memory is out. */
__attribute__((malloc, alloc_size(1), returns_nonnull)) void *mem_alloc(size_t size);
__attribute__((malloc, alloc_size(1), returns_nonnull)) void *mem_zalloc(size_t size);
__attribute__((returns_nonnull)) void *mem_realloc(void *old, size_t size);
