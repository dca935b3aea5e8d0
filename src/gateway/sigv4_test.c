/*
 * sigv4_test.c - signatures against AWS's published test suite (aws-sig-v4-test-suite) and the example of its documentation.
 */
#include "gateway/test_provider.h"

#include "gateway/sigv4.h"

/* 2015-08-30 12:36:00 UTC, as all of the suite. */
#define SUITE_US (INT64_C(1440938160) * 1000000)

static const struct sigv4 suite = { STR_INIT("us-east-1"), STR_INIT("service"), STR_INIT("AKIDEXAMPLE"), STR_INIT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), STR_INIT(""), SUITE_US };

static void
published_requests_have_the_published_signatures(void **state)
{
	static const struct {
		enum http_method method;
		const char *url, *name, *value, *body, *expected;
	} rows[] = {
		{ HTTP_GET, "https://example.amazonaws.com/", NULL, NULL, "",
			"SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" }, /* get-vanilla */
		{ HTTP_POST, "https://example.amazonaws.com/", NULL, NULL, "",
			"SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" }, /* post-vanilla */
		{ HTTP_GET, "https://example.amazonaws.com/?Param2=value2&Param1=value1", NULL, NULL, "",
			"SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" }, /* get-vanilla-query-order-key-case */
		{ HTTP_GET, "https://example.amazonaws.com/", "My-Header1", " value1", "",
			"SignedHeaders=host;my-header1;x-amz-date, Signature=a4c58a1c4e0fe4595193513136086b2d8e06f36bc916456d65dc0d0406153909" },
		{ HTTP_POST, "https://example.amazonaws.com/", "Content-Type", "application/x-www-form-urlencoded", "Param1=value1",
			"SignedHeaders=content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" }, /* post-x-www-form-urlencoded */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena *arena = arena_new(MIB(1));
		struct http_header header = { str_of(rows[i].name), str_of(rows[i].value) };
		struct http_call_spec spec = { .method = rows[i].method, .url = str_of(rows[i].url), .headers = { &header, rows[i].name != NULL }, .body = str_of(rows[i].body) };
		struct str shown;

		assert_null(sigv4_sign(arena, &suite, &spec));
		shown = http_header_get(&spec.headers, STR("authorization"));
		assert_true(str_starts(shown, STR("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ")));
		assert_string_equal(arena_cstr(arena, str_slice(shown, str_find(shown, STR("Signed"), 0), shown.len)), rows[i].expected);
		arena_free(arena);
	}
}

/* The signature is botocore's (1.44.8) for the same request: a path that is encoded twice, a session's token. */
static void
a_model_s_request_is_signed_as_aws_own_library_does(void **state)
{
	struct http_header header = { STR("content-type"), STR("application/json") };
	struct http_call_spec spec = { .method = HTTP_POST,
		.url = STR("https://bedrock-runtime.eu-central-1.amazonaws.com/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse"),
		.headers = { &header, 1 },
		.body = STR("{}") };
	struct sigv4 sigv4 = suite;
	struct arena *arena = arena_new(MIB(1));
	struct str shown;

	(void)state;
	sigv4.region = STR("eu-central-1");
	sigv4.service = STR("bedrock");
	sigv4.session_token = STR("AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZam"
				  "pKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrynNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/o"
				  "LxBA==");
	assert_null(sigv4_sign(arena, &sigv4, &spec));
	shown = http_header_get(&spec.headers, STR("authorization"));
	assert_true(str_ends(shown, STR("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=f065a96d9ab5dca5c4fe35ef514324247a445aedd2b647e41217a3a7b7c19795")));
	assert_text(&(struct fixture){ .arena = arena }, http_header_get(&spec.headers, STR("x-amz-date")), "20150830T123600Z");
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_requests_have_the_published_signatures),
		cmocka_unit_test(a_model_s_request_is_signed_as_aws_own_library_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
