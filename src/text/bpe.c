/*
 * bpe.c - byte-pair encoding. See bpe.h.
 *
 * A piece that is a token itself, as most words are, costs one look-up. Any other one is merged: its bytes are parts in a list, and of all neighbours whose bytes together
 * are a token, those with the lowest rank become one part, the leftmost first, until there are none. A rank is a token's id, so what is left are the ids.
 *
 * Small pieces look for the lowest rank one after the other. In long ones that would take quadratic time, which a stranger could ask for; there a heap has the pairs. Both
 * work on the same parts and give the same result.
 *
 * The vocabulary is a table of ranks by hash; the bytes of all tokens lie one after the other, in the order of the ranks.
 */
#include "text/bpe.h"

#include <stdlib.h>

#include "text/bpe_split.h"

enum { TOKENS_MAX = 1 << 20, TOKEN_BYTES_MAX = 1024 };
#define NO_RANK UINT32_MAX

struct bpe {
	enum bpe_split split;
	uint32_t *slots;   /* rank + 1; 0: free */
	uint32_t mask;
	uint32_t *offsets; /* of each rank in `bytes`, and the end of the last */
	const char *bytes;
	uint32_t count;
	size_t token_max;  /* bytes of the longest token */
};

static uint32_t
hash_of(const char *bytes, size_t len)
{
	uint64_t hash = len * UINT64_C(0x9e3779b97f4a7c15), word;

	for (; len >= sizeof(word); bytes += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0xd6e8feb86659fd93);
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, bytes, len);
	hash = (hash ^ word) * UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(hash ^ hash >> 29);
}

/* Where these bytes are, or would be. */
static uint32_t *
slot_of(const struct bpe *bpe, const char *bytes, size_t len)
{
	for (uint32_t at = hash_of(bytes, len);; at++) {
		uint32_t *slot = &bpe->slots[at & bpe->mask];
		uint32_t from, to;

		if (*slot == 0)
			return slot;
		from = bpe->offsets[*slot - 1];
		to = bpe->offsets[*slot];
		if (to - from == len && memcmp(bpe->bytes + from, bytes, len) == 0)
			return slot;
	}
}

static uint32_t
rank_of(const struct bpe *bpe, const char *bytes, size_t len)
{
	return len > bpe->token_max ? NO_RANK : *slot_of(bpe, bytes, len) - 1;
}

/* ---- loading ---- */

static int
base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *digit = c ? strchr(digits, c) : NULL;

	return digit ? (int)(digit - digits) : -1;
}

/* Returns the number of bytes, or 0 when it is no base64 of at least one. */
static size_t
base64_read(struct str text, char *out)
{
	size_t len = 0;
	uint32_t bits = 0;
	unsigned held = 0;

	while (text.len > 0 && text.ptr[text.len - 1] == '=')
		text.len--;
	for (size_t i = 0; i < text.len; i++) {
		int digit = base64_digit(text.ptr[i]);

		if (digit < 0)
			return 0;
		bits = bits << 6 | (uint32_t)digit;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[len++] = (char)(bits >> held & 0xff);
		}
	}
	return len;
}

static bool
add_token(struct bpe *bpe, char *bytes, struct str line)
{
	size_t blank = str_find_byte(line, ' ', 0), len;
	uint32_t offset = bpe->offsets[bpe->count], *slot;
	int64_t rank;

	if (blank == SIZE_MAX || blank > TOKEN_BYTES_MAX || !str_to_i64(str_slice(line, blank + 1, line.len), &rank) || rank != bpe->count)
		return false;
	len = base64_read(str_slice(line, 0, blank), bytes + offset);
	if (len == 0)
		return false;
	slot = slot_of(bpe, bytes + offset, len);
	if (*slot)
		return false;
	bpe->offsets[++bpe->count] = offset + (uint32_t)len;
	*slot = bpe->count;
	if (len > bpe->token_max)
		bpe->token_max = len;
	return true;
}

const struct err *
bpe_new(struct arena *arena, enum bpe_split split, struct str file, struct bpe **out)
{
	struct bpe *bpe = arena_zalloc(arena, sizeof(*bpe));
	struct str rest = file, line;
	size_t lines = 1, capacity = 1024;
	char *bytes = arena_alloc(arena, file.len + 1); /* base64 is longer than what it stands for */

	for (size_t i = 0; i < file.len; i++)
		lines += file.ptr[i] == '\n';
	if (lines > TOKENS_MAX || file.len > UINT32_MAX / 2)
		return err_new(arena, ERR_INVALID, "the vocabulary has more than %d tokens", TOKENS_MAX);
	while (capacity < lines * 2)
		capacity *= 2;
	if (!bpe || !bytes)
		return &err_no_memory;
	*bpe = (struct bpe){ .split = split, .mask = (uint32_t)capacity - 1, .bytes = bytes };
	bpe->slots = arena_array(arena, capacity, sizeof(*bpe->slots));
	bpe->offsets = arena_array(arena, lines + 1, sizeof(*bpe->offsets));
	if (!bpe->slots || !bpe->offsets)
		return &err_no_memory;
	while (str_split(&rest, '\n', &line))
		if (line.len > 0 && !add_token(bpe, bytes, line))
			return err_new(arena, ERR_INVALID, "line %u of the vocabulary is not a token's bytes in base64 and its rank", bpe->count + 1);
	for (int byte = 0; byte < 256; byte++)
		if (rank_of(bpe, &(char){ (char)byte }, 1) == NO_RANK)
			return err_new(arena, ERR_INVALID, "the vocabulary has no token for the byte %d", byte);
	*out = bpe;
	return NULL;
}

/* ---- merging ---- */

/* A part of a piece: it ends where the next one begins. `rank` is that of this part and the next together. */
struct part {
	uint32_t from, rank;
	uint32_t previous, next; /* places of parts; the last one's next is the end */
};

struct output {
	uint32_t *ids;
	size_t count, max;
};

static void
emit(const struct bpe *bpe, struct str token, struct output *out)
{
	if (out->count < out->max)
		out->ids[out->count] = rank_of(bpe, token.ptr, token.len);
	out->count++;
}

static uint32_t
pair_rank(const struct bpe *bpe, struct str piece, const struct part *parts, uint32_t at)
{
	uint32_t next = parts[at].next;

	if (next == piece.len)
		return NO_RANK;
	return rank_of(bpe, piece.ptr + parts[at].from, parts[parts[next].next].from - parts[at].from);
}

/* One part a byte, and one for the end. */
static void
parts_begin(const struct bpe *bpe, struct str piece, struct part *parts)
{
	uint32_t len = (uint32_t)piece.len;

	for (uint32_t i = 0; i <= len; i++)
		parts[i] = (struct part){ .from = i, .previous = i - 1, .next = i + 1, .rank = NO_RANK };
	for (uint32_t i = 0; i < len; i++)
		parts[i].rank = pair_rank(bpe, piece, parts, i);
}

/* Joins a part with the next one. The ranks of its pairs are new then. */
static void
parts_join(const struct bpe *bpe, struct str piece, struct part *parts, uint32_t at)
{
	uint32_t gone = parts[at].next;

	parts[at].next = parts[gone].next;
	parts[parts[at].next].previous = at;
	parts[gone].rank = NO_RANK;
	parts[at].rank = pair_rank(bpe, piece, parts, at);
	if (at > 0)
		parts[parts[at].previous].rank = pair_rank(bpe, piece, parts, parts[at].previous);
}

static void
merge_small(const struct bpe *bpe, struct str piece, struct part *parts)
{
	for (;;) {
		uint32_t best = 0;

		for (uint32_t i = parts[0].next; i < piece.len; i = parts[i].next)
			if (parts[i].rank < parts[best].rank)
				best = i;
		if (parts[best].rank == NO_RANK)
			return;
		parts_join(bpe, piece, parts, best);
	}
}

/* Pairs by rank, then by place; a heap in an array. One whose rank is no longer its part's is stale. */
struct heap {
	struct pair {
		uint32_t rank, at;
	} *pairs;
	size_t count;
};

static bool
before(struct pair a, struct pair b)
{
	return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void
heap_add(struct heap *heap, struct pair pair)
{
	size_t at = heap->count;

	if (pair.rank == NO_RANK)
		return;
	heap->count++;
	for (; at > 0 && before(pair, heap->pairs[(at - 1) / 2]); at = (at - 1) / 2)
		heap->pairs[at] = heap->pairs[(at - 1) / 2];
	heap->pairs[at] = pair;
}

static struct pair
heap_take(struct heap *heap)
{
	struct pair top = heap->pairs[0], last = heap->pairs[--heap->count];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < heap->count) {
		if (child + 1 < heap->count && before(heap->pairs[child + 1], heap->pairs[child]))
			child++;
		if (!before(heap->pairs[child], last))
			break;
		heap->pairs[at] = heap->pairs[child];
		at = child;
	}
	heap->pairs[at] = last;
	return top;
}

static void
merge_long(const struct bpe *bpe, struct str piece, struct part *parts)
{
	/* each join takes one part away and adds two pairs at most */
	struct heap heap = { .pairs = mem_alloc(3 * piece.len * sizeof(struct pair)) };

	for (uint32_t i = 0; i < piece.len; i++)
		heap_add(&heap, (struct pair){ parts[i].rank, i });
	while (heap.count > 0) {
		struct pair pair = heap_take(&heap);
		uint32_t previous = parts[pair.at].previous;

		if (parts[pair.at].rank != pair.rank)
			continue;
		parts_join(bpe, piece, parts, pair.at);
		heap_add(&heap, (struct pair){ parts[pair.at].rank, pair.at });
		if (pair.at > 0)
			heap_add(&heap, (struct pair){ parts[previous].rank, previous });
	}
	free(heap.pairs);
}

static void
encode_piece(const struct bpe *bpe, struct str piece, struct output *out)
{
	struct part small[BPE_PIECE_SMALL + 1], *parts = small;

	if (rank_of(bpe, piece.ptr, piece.len) != NO_RANK) {
		emit(bpe, piece, out);
		return;
	}
	if (piece.len > BPE_PIECE_SMALL)
		parts = mem_alloc((piece.len + 1) * sizeof(*parts));
	parts_begin(bpe, piece, parts);
	if (parts == small)
		merge_small(bpe, piece, parts);
	else
		merge_long(bpe, piece, parts);
	for (uint32_t at = 0; at < piece.len; at = parts[at].next)
		emit(bpe, str_n(piece.ptr + parts[at].from, parts[parts[at].next].from - parts[at].from), out);
	if (parts != small)
		free(parts);
}

size_t
bpe_encode(const struct bpe *bpe, struct str text, uint32_t *ids, size_t max)
{
	struct output out = { .ids = ids, .max = max };

	while (text.len > 0) {
		struct str piece = bpe_split_next(bpe->split, &text);

		for (; piece.len > BPE_PIECE_MAX; piece = str_slice(piece, BPE_PIECE_MAX, piece.len))
			encode_piece(bpe, str_slice(piece, 0, BPE_PIECE_MAX), &out);
		encode_piece(bpe, piece, &out);
	}
	return out.count;
}

size_t
bpe_count(const struct bpe *bpe, struct str text)
{
	return bpe_encode(bpe, text, NULL, 0);
}
