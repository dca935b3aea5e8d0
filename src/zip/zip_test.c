/*
 * zip_test.c - compression there and back, and archives that mean no good.
 */
#include "base/test_arena.h"

#include <stdlib.h>
#include <zip.h>
#include <zlib.h>

#include "base/buf.h"
#include "zip/archive.h"
#include "zip/inflate.h"
#include "zip/pack.h"

static struct str
filled(size_t len, bool random)
{
	char *bytes = arena_alloc(arena, len);

	srand(5);
	for (size_t i = 0; i < len; i++)
		bytes[i] = random ? (char)rand() : 'a';
	return str_n(bytes, len);
}

static void
what_is_packed_comes_back(void **state)
{
	struct str bytes = filled(MIB(1), false), packed, back;

	(void)state;
	assert_null(pack_bytes(arena, bytes, &packed));
	assert_true(packed.len < 1000);
	assert_null(unpack_bytes(arena, packed, bytes.len, &back));
	assert_true(str_eq(bytes, back));
}

static void
what_does_not_shrink_stays_as_it_is(void **state)
{
	struct str bytes = filled(KIB(64), true), small = STR("short"), packed;

	(void)state;
	assert_null(pack_bytes(arena, bytes, &packed));
	assert_ptr_equal(packed.ptr, bytes.ptr);
	assert_null(pack_bytes(arena, small, &packed));
	assert_ptr_equal(packed.ptr, small.ptr);
}

static void
damaged_or_wrongly_sized_frames_are_errors(void **state)
{
	struct str bytes = filled(KIB(64), false), packed, back;

	(void)state;
	assert_null(pack_bytes(arena, bytes, &packed));
	assert_int_equal(unpack_bytes(arena, packed, bytes.len - 1, &back)->kind, ERR_IO);
	assert_int_equal(unpack_bytes(arena, packed, bytes.len + 1, &back)->kind, ERR_IO);
	assert_int_equal(unpack_bytes(arena, str_slice(packed, 0, packed.len - 3), bytes.len, &back)->kind, ERR_IO);
}

/* A zip file with one member. */
static struct str
archive_with(const char *name, struct str bytes)
{
	zip_source_t *target = zip_source_buffer_create(NULL, 0, 0, NULL), *member;
	zip_t *zip;
	zip_stat_t stat;
	char *out;

	assert_non_null(target);
	zip_source_keep(target);
	zip = zip_open_from_source(target, ZIP_TRUNCATE, NULL);
	member = zip_source_buffer(zip, bytes.ptr, bytes.len, 0);
	assert_true(zip_file_add(zip, name, member, 0) >= 0);
	assert_int_equal(zip_close(zip), 0);
	zip_source_open(target);
	zip_source_stat(target, &stat);
	out = arena_alloc(arena, stat.size);
	assert_true(zip_source_read(target, out, stat.size) == (zip_int64_t)stat.size);
	zip_source_free(target);
	return str_n(out, stat.size);
}

static void
members_are_read_by_name(void **state)
{
	struct str zip = archive_with("word/document.xml", STR("<w/>")), bytes;
	struct archive *archive;

	(void)state;
	assert_null(archive_open(arena, zip, &archive));
	assert_null(archive_read(archive, "word/document.xml", 100, &bytes));
	assert_true(str_eq_c(bytes, "<w/>"));
	assert_null(archive_read(archive, "other", 100, &bytes));
	assert_null(bytes.ptr);
}

static void
a_bomb_stops_at_the_limit(void **state)
{
	struct str zip = archive_with("bomb", filled(MIB(64), false)), bytes;
	struct archive *archive;
	size_t held = arena_held(arena);

	(void)state;
	assert_true(zip.len < KIB(128));
	assert_null(archive_open(arena, zip, &archive));
	assert_int_equal(archive_read(archive, "bomb", MIB(1), &bytes)->kind, ERR_TOO_LARGE);
	assert_true(arena_held(arena) - held < MIB(8));
}

static void
damaged_archives_are_refused(void **state)
{
	struct str zip = archive_with("a", filled(KIB(64), true)), bytes;
	struct archive *archive;
	char *broken;

	(void)state;
	assert_int_equal(archive_open(arena, STR("PK\x03\x04 not really"), &archive)->kind, ERR_INVALID);
	assert_int_equal(archive_open(arena, str_slice(zip, 0, zip.len / 2), &archive)->kind, ERR_INVALID);
	broken = arena_cstr(arena, zip);
	broken[KIB(32)] ^= 1;
	assert_null(archive_open(arena, str_n(broken, zip.len), &archive));
	assert_int_equal(archive_read(archive, "a", MIB(1), &bytes)->kind, ERR_INVALID);
}

/* Compressed by zlib: window_bits 31 is gzip, 15 zlib, -15 bare. */
static struct str
deflated(struct str bytes, int window_bits)
{
	z_stream zlib = { 0 };
	size_t room = bytes.len + 1024;
	char *out = arena_alloc(arena, room);

	assert_int_equal(deflateInit2(&zlib, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	zlib.next_in = (unsigned char *)(uintptr_t)bytes.ptr;
	zlib.avail_in = (unsigned)bytes.len;
	zlib.next_out = (unsigned char *)out;
	zlib.avail_out = (unsigned)room;
	assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
	deflateEnd(&zlib);
	return str_n(out, room - zlib.avail_out);
}

/* Decodes when `in_step` bytes come at a time and `room` are there for what comes out. The last result. */
static enum inflate_result
inflate_all(enum inflate_format format, struct str bytes, size_t in_step, size_t room, struct buf *out, bool *ended)
{
	struct inflater *inflater = inflater_new(format);
	enum inflate_result result = INFLATE_MORE;
	char piece[4096];

	buf_init(out, arena, MIB(16));
	for (size_t at = 0; at < bytes.len && result != INFLATE_BAD; at += in_step) {
		struct str input = str_slice(bytes, at, at + in_step < bytes.len ? at + in_step : bytes.len);

		do {
			size_t len;

			result = inflater_run(inflater, &input, piece, room, &len);
			assert_true(len <= room);
			buf_add(out, str_n(piece, len));
		} while (result == INFLATE_FULL);
		assert_true(result == INFLATE_BAD || input.len == 0);
	}
	*ended = inflater_ended(inflater);
	inflater_free(inflater);
	return result;
}

static void
compressed_bodies_are_decoded_however_they_are_cut(void **state)
{
	static const struct {
		enum inflate_format format;
		int window_bits;
	} kinds[] = { { INFLATE_GZIP, 31 }, { INFLATE_DEFLATE, 15 }, { INFLATE_DEFLATE, -15 } };
	struct str bytes = filled(KIB(100), true);

	(void)state;
	for (size_t kind = 0; kind < COUNT(kinds); kind++) {
		struct str packed = deflated(bytes, kinds[kind].window_bits);

		for (size_t step = 1; step < packed.len * 2; step *= 7) {
			struct buf out;
			bool ended;

			assert_int_equal(inflate_all(kinds[kind].format, packed, step, step % 4096 + 1, &out, &ended), INFLATE_MORE);
			assert_true(ended);
			assert_true(str_eq(buf_str(&out), bytes));
			assert_int_equal(inflate_all(kinds[kind].format, str_slice(packed, 0, packed.len - 1), step, 4096, &out, &ended), INFLATE_MORE);
			assert_false(ended);
		}
	}
}

static void
members_of_gzip_follow_each_other(void **state)
{
	struct str one = deflated(STR("one "), 31), two = deflated(STR("two"), 31);
	struct buf both, out;
	bool ended;

	(void)state;
	buf_init(&both, arena, MIB(1));
	buf_add(&both, one);
	buf_add(&both, two);
	assert_int_equal(inflate_all(INFLATE_GZIP, buf_str(&both), 1000, 100, &out, &ended), INFLATE_MORE);
	assert_true(ended);
	assert_true(str_eq_c(buf_str(&out), "one two"));
}

static void
what_is_not_compressed_or_goes_on_is_refused(void **state)
{
	struct str packed = deflated(STR("text"), 15);
	struct buf longer, out;
	bool ended;

	(void)state;
	assert_int_equal(inflate_all(INFLATE_GZIP, STR("plain text"), 3, 100, &out, &ended), INFLATE_BAD);
	assert_int_equal(inflate_all(INFLATE_DEFLATE, STR("\xff\xff\xff\xff"), 1, 100, &out, &ended), INFLATE_BAD);
	buf_init(&longer, arena, MIB(1));
	buf_add(&longer, packed);
	buf_add(&longer, STR("more"));
	assert_int_equal(inflate_all(INFLATE_DEFLATE, buf_str(&longer), 1000, 100, &out, &ended), INFLATE_BAD);
	assert_true(str_eq_c(buf_str(&out), "text"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_packed_comes_back, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(what_does_not_shrink_stays_as_it_is, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(damaged_or_wrongly_sized_frames_are_errors, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(members_are_read_by_name, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(a_bomb_stops_at_the_limit, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(damaged_archives_are_refused, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(compressed_bodies_are_decoded_however_they_are_cut, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(members_of_gzip_follow_each_other, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(what_is_not_compressed_or_goes_on_is_refused, open_arena, close_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
