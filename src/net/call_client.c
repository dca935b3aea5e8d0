/*
 * call_client.c - calls from the command line with the HTTP client, for tests against servers that nobody here wrote.
 *
 *	call_client lane|curl [PROXY=URL] URL...
 *
 * One call after the other, a line each: "STATUS BYTES HASH", of the decoded body; or "error KIND: MESSAGE (DETAIL)". A URL behind "POST:N:" is sent N bytes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/hash.h"
#include "net/http_client.h"
#include "rt/loop.h"

struct run {
	int argc;
	char **argv;
};

static void
print_err(const struct err *err)
{
	printf("error %s: %" STR_F " (%" STR_F ")\n", err_kind_name(err->kind), STR_A(err->message), STR_A(err->detail));
}

static MAY_PARK void
call(struct http_call_spec spec)
{
	struct arena *arena = arena_new(MIB(256));
	unsigned char hash[HASH_SHA256_SIZE];
	struct http_call *call;
	struct str body;
	const struct err *err = http_call_open(arena, &spec, &call);

	if (!err) {
		err = http_call_read_all(call, arena, MIB(64), &body);
		if (!err) {
			hash_sha256(body, hash);
			printf("%d %zu %02x%02x%02x%02x\n", http_call_status(call), body.len, hash[0], hash[1], hash[2], hash[3]);
		}
		http_call_close(call);
	}
	if (err)
		print_err(err);
	fflush(stdout);
	arena_free(arena);
}

static MAY_PARK void
run_calls(void *arg)
{
	struct run *run = arg;
	char *bytes = malloc(MIB(64));
	struct str proxy = STR_EMPTY;

	memset(bytes, 'y', MIB(64));
	for (int i = 2; i < run->argc; i++) {
		struct str url = str_of(run->argv[i]);
		struct http_call_spec spec = { .proxy = proxy, .http2 = str_eq_c(str_of(run->argv[1]), "curl"), .body = STR_EMPTY };
		int64_t size;

		if (str_starts(url, STR("PROXY="))) {
			proxy = str_slice(url, 6, url.len);
			continue;
		}
		if (str_starts(url, STR("POST:"))) {
			size_t colon = str_find_byte(url, ':', 5);

			if (!str_to_i64(str_slice(url, 5, colon), &size) || size < 0 || (size_t)size > MIB(64))
				abort();
			spec.method = HTTP_POST;
			spec.body = str_n(bytes, (size_t)size);
			url = str_slice(url, colon + 1, url.len);
		}
		spec.url = url;
		call(spec);
	}
	free(bytes);
}

int
main(int argc, char **argv)
{
	struct run run = { argc, argv };

	if (argc < 3)
		return 2;
	runtime_run_one(run_calls, &run);
	return 0;
}
