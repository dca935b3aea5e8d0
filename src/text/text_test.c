/*
 * text_test.c - UTF-8, WordPiece and byte pairs on small fixed cases. Equality with the reference tokenizer on hard text is tests/text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "base/buf.h"
#include "text/bpe.h"
#include "text/stem.h"
#include "text/terms.h"
#include "text/unicode.h"
#include "text/utf8.h"
#include "text/wordpiece.h"

/* ---- UTF-8 ---- */

static void
what_is_no_character_is_malformed(void **state)
{
	static const struct str bad[] = {
		STR_INIT("\x80"), STR_INIT("\xc0\x80"), STR_INIT("\xe0\x80\x80"), STR_INIT("\xed\xa0\x80"), STR_INIT("\xf4\x90\x80\x80"),
		STR_INIT("\xf5\x80\x80\x80"), STR_INIT("a\xe2\x82"), STR_INIT("\xff"), STR_INIT("12345678\xc3"), STR_INIT("\xef\xbf"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(utf8_valid(bad[i]));
	assert_true(utf8_valid(STR("")));
	assert_true(utf8_valid(STR("plain ascii, longer than a word")));
	assert_true(utf8_valid(STR("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xed\x9f\xbf \xee\x80\x80 \xf4\x8f\xbf\xbf \xef\xbf\xbd")));
}

static void
every_character_survives_writing_and_reading(void **state)
{
	char bytes[UTF8_SIZE_MAX];

	(void)state;
	for (uint32_t c = 0; c < 0x110000; c++) {
		struct str rest = str_n(bytes, utf8_put(c, bytes));

		assert_int_equal(utf8_next(&rest), c >= 0xd800 && c < 0xe000 ? UTF8_REPLACEMENT : c);
		assert_int_equal(rest.len, 0);
	}
}

static void
repair_replaces_each_maximal_malformed_part_once(void **state)
{
	struct arena *arena = arena_new(KIB(64));
	struct str clean = STR("clean"), fixed = utf8_repair(arena, STR("a\xf0\x9f\x98z\xe2\x82\xff\xed\xa0\x80"));

	(void)state;
	assert_ptr_equal(utf8_repair(arena, clean).ptr, clean.ptr);
	/* F0 9F 98 is one part, E2 82 one, FF one; ED A0 80 is three, since ED cannot be followed by A0 */
	assert_true(str_eq_c(fixed, "a\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"));
	arena_free(arena);
}

static void
a_cut_never_splits_a_character(void **state)
{
	struct str s = STR("a\xf0\x9f\x98\x80z");

	(void)state;
	assert_int_equal(utf8_cut(s, 0).len, 0);
	for (size_t max = 1; max < 5; max++)
		assert_int_equal(utf8_cut(s, max).len, 1);
	assert_int_equal(utf8_cut(s, 5).len, 5);
	assert_int_equal(utf8_cut(s, 99).len, 6);
}

/* ---- WordPiece ---- */

static const char vocabulary[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"
				 "un\n##aff\n##able\nthe\ncafe\n!\n\xe4\xb8\x96\n##s\na\n##b\n[\n]\nsep\n"
				 "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab\n";
enum { ID_UNK = 1, ID_CLS, ID_SEP, ID_MASK, ID_UN, ID_AFF, ID_ABLE, ID_THE, ID_CAFE, ID_BANG, ID_WORLD, ID_S, ID_A, ID_B, ID_OPEN, ID_CLOSE, ID_SEP_WORD, ID_HAN };

static struct wordpiece *
small(struct arena *arena)
{
	struct wordpiece *wordpiece = NULL;

	assert_null(wordpiece_new(arena, str_n(vocabulary, sizeof(vocabulary) - 1), &wordpiece));
	return wordpiece;
}

static void
check(struct str text, const int32_t *wanted, size_t count)
{
	struct arena *arena = arena_new(MIB(1));
	struct wordpiece *wordpiece = small(arena);
	int32_t ids[32];

	assert_int_equal(wordpiece_count(wordpiece, text), count);
	assert_int_equal(wordpiece_encode(wordpiece, text, ids, COUNT(ids)), count + 2);
	assert_int_equal(ids[0], ID_CLS);
	assert_memory_equal(ids + 1, wanted, count * sizeof(*wanted));
	assert_int_equal(ids[count + 1], ID_SEP);
	arena_free(arena);
}
#define CHECK(text, ...) check(STR(text), (const int32_t[]){ __VA_ARGS__ }, COUNT(((const int32_t[]){ __VA_ARGS__ })))

static void
words_become_their_longest_pieces(void **state)
{
	(void)state;
	CHECK("Unaffable THE\tthes", ID_UN, ID_AFF, ID_ABLE, ID_THE, ID_THE, ID_S);
	CHECK("unaffablex the!", ID_UNK, ID_THE, ID_BANG);
	CHECK("the\001\x7f!a", ID_THE, ID_BANG, ID_A);
}

static void
accents_go_and_han_characters_stand_alone(void **state)
{
	(void)state;
	CHECK("Caf\xc3\xa9 cafe\xcc\x81 ca\xe2\x80\x8b"
	      "fe",
		ID_CAFE, ID_CAFE, ID_CAFE);
	CHECK("the\xe4\xb8\x96the", ID_THE, ID_WORLD, ID_THE);
	CHECK("\xed\x95\x9c", ID_HAN);
	CHECK("a\xff!", ID_A, ID_BANG);
}

static void
special_tokens_in_the_text_are_special(void **state)
{
	(void)state;
	CHECK("a[SEP]b[MASK", ID_A, ID_SEP, ID_UNK, ID_OPEN, ID_UNK);
	CHECK("[sep][MASK]", ID_OPEN, ID_SEP_WORD, ID_CLOSE, ID_MASK);
}

static void
a_word_of_more_than_100_characters_is_unknown(void **state)
{
	char text[101];

	(void)state;
	memset(text, 'b', sizeof(text));
	text[0] = 'a';
	int32_t wanted[100];
	for (size_t i = 0; i < 100; i++)
		wanted[i] = ID_B;
	wanted[0] = ID_A;
	struct arena *arena = arena_new(MIB(1));
	struct wordpiece *wordpiece = small(arena);
	int32_t ids[128];

	assert_int_equal(wordpiece_encode(wordpiece, str_n(text, 100), ids, COUNT(ids)), 102);
	assert_memory_equal(ids + 1, wanted, sizeof(wanted));
	assert_int_equal(wordpiece_encode(wordpiece, str_n(text, 101), ids, COUNT(ids)), 3);
	assert_int_equal(ids[1], ID_UNK);
	arena_free(arena);
}

static void
a_longer_text_is_cut_and_still_ends_with_sep(void **state)
{
	struct arena *arena = arena_new(MIB(1));
	struct wordpiece *wordpiece = small(arena);
	int32_t ids[5];

	(void)state;
	for (size_t max = 2; max <= COUNT(ids); max++) {
		assert_int_equal(wordpiece_encode(wordpiece, STR("unaffable the the"), ids, max), max);
		assert_int_equal(ids[max - 1], ID_SEP);
	}
	assert_int_equal(wordpiece_count(wordpiece, STR("unaffable the the")), 5);
	arena_free(arena);
}

static void
a_vocabulary_without_its_special_tokens_is_refused(void **state)
{
	struct arena *arena = arena_new(MIB(1));
	struct wordpiece *wordpiece;

	(void)state;
	assert_int_equal(wordpiece_new(arena, STR("[PAD]\n[UNK]\n[CLS]\nthe\n"), &wordpiece)->kind, ERR_INVALID);
	assert_int_equal(wordpiece_new(arena, STR(""), &wordpiece)->kind, ERR_INVALID);
	arena_free(arena);
}

/* ---- terms ---- */

static void
stems_are_porters(void **state)
{
	static const struct {
		const char *word, *stem;
	} cases[] = { { "indexes", "index" }, { "indexing", "index" }, { "hopping", "hop" }, { "hoping", "hope" }, { "agreed", "agre" }, { "sky", "sky" },
		{ "happy", "happi" }, { "relational", "relat" }, { "sensibiliti", "sensibl" }, { "adoption", "adopt" }, { "controll", "control" }, { "is", "is" },
		{ "replacement", "replac" }, { "generalization", "gener" }, { "oscillators", "oscil" } };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char word[32];
		size_t len = strlen(cases[i].word);

		memcpy(word, cases[i].word, len);
		len = stem(word, len);
		assert_true(str_eq_c(str_n(word, len), cases[i].stem));
	}
}

static void
take_term(void *arg, struct str term, bool part)
{
	struct buf *buf = arg;

	buf_printf(buf, "%s%" STR_F, buf->len ? " " : "", STR_A(term));
	if (part)
		buf_add_byte(buf, '*');
}

static void
terms_are(struct str text, const char *wanted)
{
	struct buf buf;

	buf_init(&buf, NULL, KIB(64));
	terms_each(text, take_term, &buf);
	if (!str_eq_c(buf_str(&buf), wanted))
		print_error("%.*s\n", STR_A(buf_str(&buf)));
	assert_true(str_eq_c(buf_str(&buf), wanted));
	buf_fini(&buf);
}

static void
words_are_folded_and_stemmed(void **state)
{
	(void)state;
	terms_are(STR("Creating INDEXES, don't!"), "creat index don t");
	terms_are(STR("Caf\xc3\xa9 \xc3\x84rger e\xcc\x81t\xc3\xa9"), "cafe arger et");
	terms_are(STR("\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82"), "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82");
	terms_are(STR(" \t.,--"), "");
	terms_are(STR("a\xff" "b"), "a b");
}

static void
a_name_is_one_term_and_its_parts_are_terms_too(void **state)
{
	(void)state;
	terms_are(STR("pg_stat_activity.pid"), "pg_stat_activity pg* stat* activ* pid");
	terms_are(STR("_PG_init()"), "_pg_init pg* init*");
	terms_are(STR("getRows utf8 int4range x1 2024"), "getrow get* row* utf8 utf* int4range int* rang* x1 2024");
	terms_are(STR("__ PostgreSQL"), "postgresql postgr* sql*");
}

static void
scripts_without_blanks_give_pairs(void **state)
{
	(void)state;
	terms_are(STR("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e" "abc\xe4\xb8\x96 \xe7\x95\x8c"),
		"\xe6\x97\xa5\xe6\x9c\xac \xe6\x9c\xac\xe8\xaa\x9e abc \xe4\xb8\x96 \xe7\x95\x8c");
}

static void
an_overlong_word_is_cut(void **state)
{
	char text[1000];
	char wanted[TERM_BYTES_MAX + 1] = { 0 };

	(void)state;
	memset(text, 'x', sizeof(text));
	memset(wanted, 'x', TERM_BYTES_MAX);
	terms_are(str_n(text, sizeof(text)), wanted);
}

/* ---- byte pairs ---- */

/* Each byte is a token of its own rank; above them a few that are joined. */
static struct bpe *
bpe_made(struct arena *arena, const char *more)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct buf file;
	struct bpe *bpe;

	buf_init(&file, arena, KIB(16));
	for (unsigned i = 0; i < 256; i++)
		buf_printf(&file, "%c%c== %u\n", digits[i >> 2], digits[(i & 3) << 4], i);
	buf_add(&file, str_of(more));
	assert_null(bpe_new(arena, BPE_O200K, buf_str(&file), &bpe));
	return bpe;
}

static void
pairs_of_the_lowest_rank_are_joined_first_from_the_left(void **state)
{
	struct arena *arena = arena_new(MIB(1));
	struct bpe *bpe = bpe_made(arena, "YmM= 256\nYWI= 257\neHl6 258\n"); /* "bc", "ab", "xyz" */
	uint32_t ids[8];

	(void)state;
	assert_int_equal(bpe_encode(bpe, STR("abcab"), ids, COUNT(ids)), 3); /* a bc ab: "bc" goes before "ab" */
	assert_int_equal(ids[0], 'a');
	assert_int_equal(ids[1], 256);
	assert_int_equal(ids[2], 257);
	assert_int_equal(bpe_encode(bpe, STR("xyz"), ids, COUNT(ids)), 1); /* a whole piece that is a token needs no joining */
	assert_int_equal(ids[0], 258);
	assert_int_equal(bpe_count(bpe, STR("xyzx")), 4);
	arena_free(arena);
}

static void
long_pieces_are_joined_as_short_ones_are(void **state)
{
	struct arena *arena = arena_new(MIB(4));
	struct bpe *bpe = bpe_made(arena, "YWE= 256\nYWFhYQ== 257\nYmE= 258\n"); /* "aa", "aaaa", "ba" */
	char text[4 * BPE_PIECE_SMALL];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 8 == 7 ? 'b' : 'a'; /* aaaa aa a b: by the time of "ba" no single a follows a b */
	assert_int_equal(bpe_count(bpe, str_n(text, 8)), 4);
	assert_int_equal(bpe_count(bpe, str_n(text, BPE_PIECE_SMALL)), BPE_PIECE_SMALL / 2);
	assert_int_equal(bpe_count(bpe, str_n(text, sizeof(text))), sizeof(text) / 2);
	arena_free(arena);
}

static void
a_vocabulary_must_have_every_byte_and_rising_ranks(void **state)
{
	static const struct str bad[] = { STR_INIT(""), STR_INIT("IQ== 0\n"), STR_INIT("IQ== 1\n"), STR_INIT("IQ==\n"), STR_INIT("?? 0\n"), STR_INIT("IQ== 0\nIQ== 1\n") };
	struct arena *arena = arena_new(MIB(1));
	struct bpe *bpe;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(bpe_new(arena, BPE_CL100K, bad[i], &bpe)->kind, ERR_INVALID);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_character_is_malformed),
		cmocka_unit_test(every_character_survives_writing_and_reading),
		cmocka_unit_test(repair_replaces_each_maximal_malformed_part_once),
		cmocka_unit_test(a_cut_never_splits_a_character),
		cmocka_unit_test(words_become_their_longest_pieces),
		cmocka_unit_test(accents_go_and_han_characters_stand_alone),
		cmocka_unit_test(special_tokens_in_the_text_are_special),
		cmocka_unit_test(a_word_of_more_than_100_characters_is_unknown),
		cmocka_unit_test(a_longer_text_is_cut_and_still_ends_with_sep),
		cmocka_unit_test(a_vocabulary_without_its_special_tokens_is_refused),
		cmocka_unit_test(stems_are_porters),
		cmocka_unit_test(words_are_folded_and_stemmed),
		cmocka_unit_test(a_name_is_one_term_and_its_parts_are_terms_too),
		cmocka_unit_test(scripts_without_blanks_give_pairs),
		cmocka_unit_test(an_overlong_word_is_cut),
		cmocka_unit_test(pairs_of_the_lowest_rank_are_joined_first_from_the_left),
		cmocka_unit_test(long_pieces_are_joined_as_short_ones_are),
		cmocka_unit_test(a_vocabulary_must_have_every_byte_and_rising_ranks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
