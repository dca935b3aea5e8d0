/*
 * wordpiece.c - BERT's tokenizer in one pass, without a normalized copy of the text.
 *
 * The reference works in stages over the whole string: clean, put blanks around Han characters, decompose (NFD), strip marks, lower, split at blanks and
 * punctuation, then cut each word greedily into the longest pieces of the vocabulary. Every stage but the last looks at one character (decomposition also at
 * the order of the marks that follow it), so one scan can feed a single word buffer of bounded size and cut each word as it ends. ASCII takes a table instead
 * of the Unicode stages.
 *
 * The vocabulary is a hash table whose hash is computed byte by byte from a piece's start, so that the hashes of all prefixes of a word cost one pass over it.
 */
#include "text/wordpiece.h"

#include "text/bert_classes.h"
#include "text/unicode.h"
#include "text/utf8.h"

enum { WORD_CHARS_MAX = 100, WORD_BYTES_MAX = WORD_CHARS_MAX * UTF8_SIZE_MAX, PIECE_BYTES_MAX = 255, TOKENS_MAX = 1 << 22 };

/* The tokens that stand for themselves in raw text, before any normalization. */
enum special { PAD, UNK, CLS, SEP, MASK, SPECIALS };
static const struct str special_texts[SPECIALS] = { STR_INIT("[PAD]"), STR_INIT("[UNK]"), STR_INIT("[CLS]"), STR_INIT("[SEP]"), STR_INIT("[MASK]") };

struct slot {
	uint64_t hash;
	uint32_t offset; /* of the piece in `text`, without its "##" */
	int32_t id;      /* -1: free */
	uint8_t len;
};

struct wordpiece {
	struct slot *slots;
	uint64_t mask;
	const char *text;
	size_t piece_max;        /* bytes of the longest piece */
	int32_t special[SPECIALS]; /* -1: not in this vocabulary ([MASK]) */
};

/* Where a piece begins: the beginning of a word, or inside it ("##"). FNV-1a from there. */
static const uint64_t hash_begin = UINT64_C(0xcbf29ce484222325), hash_inside = UINT64_C(0x9ae16a3b2f90404f);

static inline uint64_t
hash_step(uint64_t hash, char byte)
{
	return (hash ^ (unsigned char)byte) * UINT64_C(0x100000001b3);
}

static const struct slot *
slot_find(const struct wordpiece *wordpiece, uint64_t hash, const char *piece, size_t len)
{
	for (uint64_t at = hash ^ hash >> 32;; at++) {
		const struct slot *slot = &wordpiece->slots[at & wordpiece->mask];

		if (slot->id < 0 || (slot->hash == hash && slot->len == len && memcmp(wordpiece->text + slot->offset, piece, len) == 0))
			return slot;
	}
}

/* ---- loading ---- */

static void
add_token(struct wordpiece *wordpiece, struct str token, int32_t id)
{
	bool inside = str_starts(token, STR("##")) && token.len > 2;
	struct str piece = inside ? str_slice(token, 2, token.len) : token;
	uint64_t hash = inside ? hash_inside : hash_begin;
	struct slot *slot;

	for (int i = 0; i < SPECIALS; i++)
		if (str_eq(token, special_texts[i]))
			wordpiece->special[i] = id;
	if (piece.len == 0 || piece.len > PIECE_BYTES_MAX)
		return;
	for (size_t i = 0; i < piece.len; i++)
		hash = hash_step(hash, piece.ptr[i]);
	slot = (struct slot *)slot_find(wordpiece, hash, piece.ptr, piece.len);
	*slot = (struct slot){ hash, (uint32_t)(piece.ptr - wordpiece->text), id, (uint8_t)piece.len };
	if (piece.len > wordpiece->piece_max)
		wordpiece->piece_max = piece.len;
}

const struct err *
wordpiece_new(struct arena *arena, struct str vocabulary, struct wordpiece **out)
{
	struct str rest = arena_dup(arena, vocabulary), token;
	struct wordpiece *wordpiece = arena_zalloc(arena, sizeof(*wordpiece));
	size_t lines = 1, capacity = 64;
	int32_t id = 0;

	if (!rest.ptr || !wordpiece)
		return &err_no_memory;
	for (size_t i = 0; i < rest.len; i++)
		lines += rest.ptr[i] == '\n';
	if (lines > TOKENS_MAX || rest.len > UINT32_MAX)
		return err_new(arena, ERR_INVALID, "the vocabulary has more than %d tokens", TOKENS_MAX);
	while (capacity < lines * 2)
		capacity *= 2;
	wordpiece->slots = arena_array(arena, capacity, sizeof(*wordpiece->slots));
	if (!wordpiece->slots)
		return &err_no_memory;
	for (size_t i = 0; i < capacity; i++)
		wordpiece->slots[i].id = -1;
	for (int i = 0; i < SPECIALS; i++)
		wordpiece->special[i] = -1;
	wordpiece->mask = capacity - 1;
	wordpiece->text = rest.ptr;
	for (; str_split(&rest, '\n', &token); id++)
		add_token(wordpiece, str_ends(token, STR("\r")) ? str_slice(token, 0, token.len - 1) : token, id);
	for (int i = 0; i < MASK; i++)
		if (wordpiece->special[i] < 0)
			return err_new(arena, ERR_INVALID, "the vocabulary lacks the token %" STR_F, STR_A(special_texts[i]));
	*out = wordpiece;
	return NULL;
}

int32_t
wordpiece_pad(const struct wordpiece *wordpiece)
{
	return wordpiece->special[PAD];
}

/* ---- tokenizing ---- */

struct scan {
	const struct wordpiece *wordpiece;
	int32_t *ids;  /* NULL: only count */
	size_t count, max;
	size_t len;    /* of the word so far, in bytes */
	size_t run;    /* where, in the word, the marks that may still change places begin */
	unsigned chars;
	bool too_long;
	char word[WORD_BYTES_MAX];
};

static void
emit(struct scan *scan, int32_t id)
{
	if (scan->count == scan->max)
		return;
	if (scan->ids)
		scan->ids[scan->count] = id;
	scan->count++;
}

/* The longest piece of the vocabulary at the front of `rest`, or NULL. */
static const struct slot *
longest_piece(const struct wordpiece *wordpiece, struct str rest, bool inside)
{
	uint64_t hashes[PIECE_BYTES_MAX], hash = inside ? hash_inside : hash_begin;
	size_t len = rest.len < wordpiece->piece_max ? rest.len : wordpiece->piece_max;

	for (size_t i = 0; i < len; i++)
		hashes[i] = hash = hash_step(hash, rest.ptr[i]);
	for (; len > 0; len--) {
		const struct slot *slot = slot_find(wordpiece, hashes[len - 1], rest.ptr, len);

		if (slot->id >= 0)
			return slot;
	}
	return NULL;
}

/* Cuts the word into pieces; a word with a part that has none is unknown as a whole. */
static void
word_end(struct scan *scan)
{
	struct str rest = str_n(scan->word, scan->len);
	int32_t pieces[WORD_CHARS_MAX];
	unsigned count = 0;
	bool unknown = scan->too_long;

	scan->len = scan->run = scan->chars = 0;
	scan->too_long = false;
	while (!unknown && rest.len > 0) {
		const struct slot *slot = longest_piece(scan->wordpiece, rest, count > 0);

		if (!slot) {
			unknown = true;
			break;
		}
		pieces[count++] = slot->id;
		rest = str_n(rest.ptr + slot->len, rest.len - slot->len);
	}
	if (unknown)
		emit(scan, scan->wordpiece->special[UNK]);
	for (unsigned i = 0; !unknown && i < count; i++)
		emit(scan, pieces[i]);
}

/* Where in the run of marks at the word's end a mark of this combining class belongs: behind those of its class and lower ones. */
static size_t
mark_place(const struct scan *scan, unsigned class)
{
	struct str rest = str_n(scan->word + scan->run, scan->len - scan->run);

	while (rest.len > 0) {
		const char *at = rest.ptr;

		if (unicode_combining_class(utf8_next(&rest)) > class)
			return (size_t)(at - scan->word);
	}
	return scan->len;
}

static void
word_add(struct scan *scan, uint32_t character, unsigned class)
{
	char bytes[UTF8_SIZE_MAX];
	size_t size, place;

	if (scan->chars == WORD_CHARS_MAX) {
		scan->too_long = true;
		return;
	}
	size = utf8_put(character, bytes);
	place = class ? mark_place(scan, class) : scan->len;
	memmove(scan->word + place + size, scan->word + place, scan->len - place);
	memcpy(scan->word + place, bytes, size);
	scan->len += size;
	scan->chars++;
	if (class == 0)
		scan->run = scan->len;
}

static bool
in_ranges(const struct bert_range *ranges, size_t count, uint32_t character)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (character > ranges[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && character >= ranges[low].first;
}

/* The White_Space property beyond ASCII. U+0085 has it too, but goes as a control character first. */
static bool
blank_character(uint32_t c)
{
	return c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* "Chinese characters" as the reference has them: the blocks that the first BERT knew. */
static bool
han_character(uint32_t c)
{
	return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b81f) ||
		(c >= 0x2b920 && c <= 0x2ceaf) || (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

enum ascii_kind { ASCII_REMOVED, ASCII_BLANK, ASCII_PUNCTUATION, ASCII_WORD };

static enum ascii_kind
ascii_kind(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return ASCII_WORD;
	if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
		return ASCII_BLANK;
	return c < ' ' || c == 0x7f ? ASCII_REMOVED : ASCII_PUNCTUATION;
}

static void
punctuation(struct scan *scan, uint32_t character)
{
	word_end(scan);
	word_add(scan, character, 0);
	word_end(scan);
}

/* One character of the decomposed text. */
static void
decomposed(struct scan *scan, uint32_t character)
{
	unsigned class = character < 0x80 ? 0 : unicode_combining_class(character);

	if (character < 0x80 ? ascii_kind((unsigned char)character) == ASCII_PUNCTUATION :
			       in_ranges(bert_punctuation, COUNT(bert_punctuation), character)) {
		punctuation(scan, character);
	} else if (!in_ranges(bert_marks, COUNT(bert_marks), character)) {
		word_add(scan, unicode_lower(character), class);
	} else if (class == 0) {
		scan->run = scan->len; /* it goes, but the marks before it keep their places */
	}
}

static void
beyond_ascii(struct scan *scan, uint32_t character)
{
	uint32_t parts[UNICODE_DECOMPOSED_MAX];
	unsigned count;
	bool han = han_character(character);

	if (in_ranges(bert_removed, COUNT(bert_removed), character))
		return;
	if (han || blank_character(character))
		word_end(scan);
	if (blank_character(character))
		return;
	count = unicode_decompose(character, parts);
	for (unsigned i = 0; i < count; i++)
		decomposed(scan, parts[i]);
	if (han)
		word_end(scan);
}

/* A special token written out at the front of the text is that token, whatever stands around it. */
static bool
special_token(struct scan *scan, struct str *rest)
{
	for (int i = 0; i < SPECIALS; i++) {
		if (scan->wordpiece->special[i] < 0 || !str_starts(*rest, special_texts[i]))
			continue;
		word_end(scan);
		emit(scan, scan->wordpiece->special[i]);
		*rest = str_slice(*rest, special_texts[i].len, rest->len);
		return true;
	}
	return false;
}

static void
tokenize(struct scan *scan, struct str text)
{
	while (text.len > 0 && scan->count < scan->max) {
		unsigned char c = (unsigned char)text.ptr[0];

		if (c >= 0x80) {
			beyond_ascii(scan, utf8_next(&text));
			continue;
		}
		if (c == '[' && special_token(scan, &text))
			continue;
		text = str_n(text.ptr + 1, text.len - 1);
		switch (ascii_kind(c)) {
		case ASCII_WORD:
			word_add(scan, c >= 'A' && c <= 'Z' ? c | 0x20U : c, 0);
			break;
		case ASCII_BLANK:
			word_end(scan);
			break;
		case ASCII_PUNCTUATION:
			punctuation(scan, c);
			break;
		case ASCII_REMOVED:
			break;
		}
	}
	word_end(scan);
}

size_t
wordpiece_encode(const struct wordpiece *wordpiece, struct str text, int32_t *ids, size_t max)
{
	struct scan scan = { .wordpiece = wordpiece, .ids = ids, .max = max - 1 };

	emit(&scan, wordpiece->special[CLS]);
	tokenize(&scan, text);
	scan.max = max;
	emit(&scan, wordpiece->special[SEP]);
	return scan.count;
}

size_t
wordpiece_count(const struct wordpiece *wordpiece, struct str text)
{
	struct scan scan = { .wordpiece = wordpiece, .max = SIZE_MAX };

	tokenize(&scan, text);
	return scan.count;
}
