/*
 * multipart_test.c - form bodies, whole and in the worst pieces: what comes out does not depend on how they are cut, and no broken one is taken for whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "net/multipart.h"

static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(MIB(512));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* All events as text: "|name(file,type)=data"; or "error: …". */
static const char *
parsed(const char *content_type, struct str body, size_t piece)
{
	struct multipart_event event;
	struct multipart m;
	const struct err *err = multipart_init(&m, arena, str_of(content_type));
	struct buf out;

	buf_init(&out, arena, MIB(1));
	for (size_t at = 0; at < body.len && !err; at += piece) {
		err = multipart_feed(&m, str_slice(body, at, at + piece));
		while (!err && !(err = multipart_next(&m, &event)) && event.kind != MULTIPART_MORE && event.kind != MULTIPART_DONE) {
			if (event.kind == MULTIPART_PART)
				buf_printf(&out, "|%" STR_F "(%" STR_F ",%" STR_F ")=", STR_A(event.name), STR_A(event.filename.ptr ? event.filename : STR("-")),
					STR_A(event.content_type));
			else
				buf_add(&out, event.data);
		}
	}
	if (!err)
		err = multipart_end(&m);
	if (err)
		return arena_cstr(arena, arena_printf(arena, "error: %" STR_F, STR_A(err->message)));
	return arena_cstr(arena, buf_str(&out));
}

#define FORM "multipart/form-data; boundary=XyZ"
#define FIELD "--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n"

static const char two_fields[] = "--XyZ\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n"
				 "--XyZ\r\nCONTENT-disposition: form-data; name=file; filename=\"C:\\\\dir\\\\a \\\"b\\\".md\"\r\nContent-Type: text/markdown\r\n\r\n"
				 "line\r\n--Xy not the boundary\r\n\r\n\r\n--XyZ--\r\nepilogue";

static void
fields_and_files_come_out_whatever_the_pieces_are(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < sizeof(two_fields); piece++)
		assert_string_equal(parsed(FORM, str_of(two_fields), piece),
			"|purpose(-,)=assistants|file(a \"b\".md,text/markdown)=line\r\n--Xy not the boundary\r\n\r\n");
}

static void
an_empty_file_is_a_file(void **state)
{
	(void)state;
	assert_string_equal(parsed("Multipart/Form-Data; charset=utf-8; boundary=\"a b\"",
				    STR("--a b  \r\ncontent-disposition: form-data; name=f; filename=x.txt\r\n\r\n\r\n--a b--"), 7),
		"|f(x.txt,)=");
}

static void
extended_names_are_decoded(void **state)
{
	(void)state;
	assert_string_equal(parsed(FORM,
				    STR("--XyZ\r\nContent-Disposition: form-data; name=\"f\"; filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt\r\n\r\nx\r\n--XyZ--"), 1000),
		"|f(na\xc3\xafve.txt,)=x");
}

static void
malformed_bodies_are_refused_however_they_are_cut(void **state)
{
	static const char *const bodies[] = {
		"", "--XyZ", "--XyZ-", "preamble\r\n" FIELD "\r\nx\r\n--XyZ--", "\r\n" FIELD "\r\nx\r\n--XyZ--", "--XyZ\r\n\r\nno name\r\n--XyZ--", FIELD "\r\nnever ends",
		FIELD "\r\nx\r\n--XyZ", FIELD "no colon\r\n\r\nx\r\n--XyZ--", FIELD " folded: line\r\n\r\nx\r\n--XyZ--", FIELD "\r\nx\r\n--XyZjunk\r\n\r\n--XyZ--",
		"--XyZ\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--XyZ--", "--XyZ\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--XyZ--",
		"--XyZ\nContent-Disposition: form-data; name=\"a\"\n\nx\n--XyZ--\n",
	};
	static const char *const types[] = { "application/json", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"a\\\nb\"",
		"multipart/form-data; boundary=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++)
		for (size_t piece = 1; piece <= strlen(bodies[i]) + 1; piece += 3)
			assert_memory_equal(parsed(FORM, str_of(bodies[i]), piece), "error: ", 7);
	for (size_t i = 0; i < COUNT(types); i++)
		assert_memory_equal(parsed(types[i], str_of(two_fields), 100), "error: ", 7);
}

static void
headers_and_parts_have_limits(void **state)
{
	struct buf body;

	(void)state;
	buf_init(&body, arena, MIB(8));
	buf_add(&body, STR("--XyZ\r\nX: "));
	for (size_t i = 0; i < MULTIPART_HEADERS_MAX; i++)
		buf_add_byte(&body, 'x');
	assert_string_equal(parsed(FORM, buf_str(&body), 1000), "error: the headers of a part are too large");
	buf_clear(&body);
	for (size_t i = 0; i <= MULTIPART_PARTS_MAX; i++)
		buf_add(&body, STR(FIELD "\r\nx\r\n"));
	assert_string_equal(parsed(FORM, buf_str(&body), 1000), "error: a multipart body has at most 64 parts");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fields_and_files_come_out_whatever_the_pieces_are, setup, teardown),
		cmocka_unit_test_setup_teardown(an_empty_file_is_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(extended_names_are_decoded, setup, teardown),
		cmocka_unit_test_setup_teardown(malformed_bodies_are_refused_however_they_are_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(headers_and_parts_have_limits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
