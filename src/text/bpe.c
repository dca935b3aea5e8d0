/*
 * bpe.c - byte-pair encoding. See bpe.h.
 *
 * A piece that is a token itself, as most words are, costs one look-up. Any other one is merged: its bytes are parts in a list, and of all neighbours whose bytes together
 * are a token, those with the lowest rank become one part, the leftmost first, until there are none. A rank is a token's id, so what is left are the ids.
 *
 * Small pieces look for the lowest rank one after the other. In long ones that would take quadratic time, which a stranger could ask for; there a heap has the pairs. Both give the same result.
 *
 * The vocabulary is a table of ranks by hash; the bytes of all tokens lie one after the other, in the order of the ranks. Most look-ups while merging find nothing, and tables of this size do not fit
 * into a cache: so a slot has its token's hash, and the bytes are compared only where it is the same. What two bytes make is in a table of its own, since every merge begins with those.
 */
#include "text/bpe.h"

#include <stdlib.h>

#include "text/bpe_split.h"

enum { TOKENS_MAX = 1 << 20, TOKEN_BYTES_MAX = 1024 };
#define NO_RANK UINT32_MAX

struct slot {
	uint32_t hash, taken; /* rank + 1; 0: free */
};

struct bpe {
	enum bpe_split split;
	struct slot *slots;
	uint32_t mask;
	uint32_t singles[256]; /* ranks of a byte, */
	uint32_t *doubles;     /* and of two: the first one's place times 256 and the second */
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
static struct slot *
slot_of(const struct bpe *bpe, const char *bytes, size_t len, uint32_t hash)
{
	for (uint32_t at = hash;; at++) {
		struct slot *slot = &bpe->slots[at & bpe->mask];
		uint32_t from, to;

		if (slot->taken == 0)
			return slot;
		if (slot->hash != hash)
			continue;
		from = bpe->offsets[slot->taken - 1];
		to = bpe->offsets[slot->taken];
		if (to - from == len && memcmp(bpe->bytes + from, bytes, len) == 0)
			return slot;
	}
}

static uint32_t
rank_of(const struct bpe *bpe, const char *bytes, size_t len)
{
	return len > bpe->token_max ? NO_RANK : slot_of(bpe, bytes, len, hash_of(bytes, len))->taken - 1;
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
	uint32_t offset = bpe->offsets[bpe->count], hash;
	struct slot *slot;
	int64_t rank;

	if (blank == SIZE_MAX || blank > TOKEN_BYTES_MAX || !str_to_i64(str_slice(line, blank + 1, line.len), &rank) || rank != bpe->count)
		return false;
	len = base64_read(str_slice(line, 0, blank), bytes + offset);
	if (len == 0)
		return false;
	hash = hash_of(bytes + offset, len);
	slot = slot_of(bpe, bytes + offset, len, hash);
	if (slot->taken)
		return false;
	bpe->offsets[++bpe->count] = offset + (uint32_t)len;
	*slot = (struct slot){ hash, bpe->count };
	if (len > bpe->token_max)
		bpe->token_max = len;
	return true;
}

/* The ranks of what is short. A byte without one: there must be none, since then every text can be encoded. */
static const struct err *
tabulate(struct bpe *bpe, struct arena *arena)
{
	for (int byte = 0; byte < 256; byte++) {
		bpe->singles[byte] = rank_of(bpe, &(char){ (char)byte }, 1);
		if (bpe->singles[byte] == NO_RANK)
			return err_new(arena, ERR_INVALID, "the vocabulary has no token for the byte %d", byte);
	}
	bpe->doubles = arena_array(arena, 256 * 256, sizeof(*bpe->doubles));
	if (!bpe->doubles)
		return &err_no_memory;
	for (int pair = 0; pair < 256 * 256; pair++)
		bpe->doubles[pair] = rank_of(bpe, (char[]){ (char)(pair >> 8), (char)pair }, 2);
	return NULL;
}

const struct err *
bpe_new(struct arena *arena, enum bpe_split split, struct str file, struct bpe **out)
{
	struct bpe *bpe = arena_zalloc(arena, sizeof(*bpe));
	struct str rest = file, line;
	size_t lines = 1, capacity = 1024;
	char *bytes = arena_alloc(arena, file.len + 1); /* base64 is longer than what it stands for */
	const struct err *err;

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
	err = tabulate(bpe, arena);
	*out = err ? NULL : bpe;
	return err;
}

/* ---- merging ---- */

struct output {
	uint32_t *ids;
	size_t count, max;
};

static uint32_t
double_rank(const struct bpe *bpe, const char *bytes)
{
	return bpe->doubles[(unsigned char)bytes[0] * 256 + (unsigned char)bytes[1]];
}

static void
emit(uint32_t id, struct output *out)
{
	if (out->count < out->max)
		out->ids[out->count] = id;
	out->count++;
}

/* --- of a small piece: arrays without gaps, in which the lowest rank is found fast --- */

static uint32_t
lowest_of(const uint32_t *ranks, uint32_t count)
{
	uint32_t lowest = NO_RANK, at = 0;

	for (uint32_t i = 0; i < count; i++)
		lowest = ranks[i] < lowest ? ranks[i] : lowest;
	while (at < count && ranks[at] != lowest)
		at++;
	return at;
}

static void
take_out(uint32_t *list, uint32_t at, uint32_t count)
{
	memmove(list + at, list + at + 1, (count - at - 1) * sizeof(*list));
}

static void
encode_small(const struct bpe *bpe, struct str piece, struct output *out)
{
	/* of each part: where it begins, its id, and the rank of it and the next together */
	uint32_t from[BPE_PIECE_SMALL + 1], ids[BPE_PIECE_SMALL], ranks[BPE_PIECE_SMALL], count = (uint32_t)piece.len;

	for (uint32_t i = 0; i < count; i++) {
		from[i] = i;
		ids[i] = bpe->singles[(unsigned char)piece.ptr[i]];
		ranks[i] = i + 1 < count ? double_rank(bpe, piece.ptr + i) : NO_RANK;
	}
	from[count] = count;
	for (;;) {
		uint32_t at = lowest_of(ranks, count);

		if (at == count || ranks[at] == NO_RANK)
			break;
		ids[at] = ranks[at];
		take_out(from, at + 1, count + 1);
		take_out(ids, at + 1, count);
		take_out(ranks, at + 1, count);
		count--;
		ranks[at] = at + 1 < count ? rank_of(bpe, piece.ptr + from[at], from[at + 2] - from[at]) : NO_RANK;
		if (at > 0)
			ranks[at - 1] = rank_of(bpe, piece.ptr + from[at - 1], from[at + 1] - from[at - 1]);
	}
	for (uint32_t i = 0; i < count; i++)
		emit(ids[i], out);
}

/* --- of a long piece: a list, and a heap of the pairs --- */

/* A part of a piece, that begins at the byte of its own place and ends where the next one begins. */
struct part {
	uint32_t id, rank;       /* its own, and that of this part and the next together */
	uint32_t previous, next; /* places of parts; the last one's next is the end */
};

static uint32_t
pair_rank(const struct bpe *bpe, struct str piece, const struct part *parts, uint32_t at)
{
	uint32_t next = parts[at].next;

	if (next == piece.len)
		return NO_RANK;
	return rank_of(bpe, piece.ptr + at, parts[next].next - at);
}

/* One part a byte, and one for the end. */
static void
parts_begin(const struct bpe *bpe, struct str piece, struct part *parts)
{
	uint32_t len = (uint32_t)piece.len;

	for (uint32_t i = 0; i < len; i++)
		parts[i] = (struct part){ .id = bpe->singles[(unsigned char)piece.ptr[i]],
			.rank = i + 1 < len ? double_rank(bpe, piece.ptr + i) : NO_RANK,
			.previous = i - 1,
			.next = i + 1 };
	parts[len] = (struct part){ .previous = len - 1, .rank = NO_RANK };
}

/* Joins a part with the next one. The ranks of its pairs are new then. */
static void
parts_join(const struct bpe *bpe, struct str piece, struct part *parts, uint32_t at)
{
	uint32_t gone = parts[at].next;

	parts[at].id = parts[at].rank;
	parts[at].next = parts[gone].next;
	parts[parts[at].next].previous = at;
	parts[gone].rank = NO_RANK;
	parts[at].rank = pair_rank(bpe, piece, parts, at);
	if (at > 0)
		parts[parts[at].previous].rank = pair_rank(bpe, piece, parts, parts[at].previous);
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
encode_long(const struct bpe *bpe, struct str piece, struct output *out)
{
	struct part *parts = mem_alloc((piece.len + 1) * sizeof(*parts));

	parts_begin(bpe, piece, parts);
	merge_long(bpe, piece, parts);
	for (uint32_t at = 0; at < piece.len; at = parts[at].next)
		emit(parts[at].id, out);
	free(parts);
}

static void
encode_piece(const struct bpe *bpe, struct str piece, struct output *out)
{
	uint32_t whole = rank_of(bpe, piece.ptr, piece.len);

	if (whole != NO_RANK)
		emit(whole, out);
	else if (piece.len <= BPE_PIECE_SMALL)
		encode_small(bpe, piece, out);
	else
		encode_long(bpe, piece, out);
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
