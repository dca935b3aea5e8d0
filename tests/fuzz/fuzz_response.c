/*
 * fuzz_response.c - answers out of a server's bytes.
 *
 * The first byte says in what pieces the rest comes, and its highest bit whether HEAD was asked. However it is cut, the outcome must be the same as when it comes at once: refused, or understood in
 * the same way, to the last byte of the body; and what may be used again is the same.
 */
#include <stdlib.h>

#include "net/http.h"
#include "net/response.h"

enum { BODY_MAX = 1 << 20 };

struct outcome {
	bool bad, described, complete, keep_alive, until_end;
	int status;
	struct http_headers headers;
	struct buf body;
	size_t used;
};

static void
must(bool truth)
{
	if (!truth)
		abort();
}

/* The body behind a head of out->used bytes, when `step` more bytes come at a time, in a buffer of its own as a stream's. */
static void
read_body(struct response *response, struct arena *arena, struct str input, size_t step, struct outcome *out)
{
	struct str copy = arena_dup(arena, input);
	size_t at = out->used, end = at;
	enum response_step result;

	do {
		size_t used;

		if (end == at)
			end = end + step < input.len ? end + step : input.len;
		result = response_body(response, (char *)(uintptr_t)copy.ptr + at, end - at, &used);
		must(used <= end - at);
		if (result == RESPONSE_PIECE) {
			const char *begin = copy.ptr + at;

			must(response->piece.len > 0 && response->piece.len <= used);
			must(response->piece.ptr >= begin && response->piece.ptr + response->piece.len <= begin + used);
			buf_add(&out->body, response->piece);
		}
		at += used;
	} while (result == RESPONSE_PIECE || (result == RESPONSE_MORE && at < input.len));
	out->used = at;
	out->bad = result == RESPONSE_BAD;
	must(out->bad == (response->mistake != NULL));
	out->complete = result == RESPONSE_DONE;
}

static struct outcome
read_response(struct arena *arena, struct str input, size_t step, bool to_head)
{
	struct outcome out = { 0 };
	struct response response;
	enum response_step result = RESPONSE_MORE;
	struct str message = STR_EMPTY;
	size_t begin = 0, end = 0;

	buf_init(&out.body, NULL, BODY_MAX);
	response_init(&response);
	response_begin(&response, arena, to_head);
	while ((result == RESPONSE_MORE && end < input.len) || result == RESPONSE_INTERIM) {
		if (result == RESPONSE_MORE)
			end = end + step < input.len ? end + step : input.len;
		message = arena_dup(arena, str_slice(input, begin, end)); /* it moves as it grows */
		must(message.ptr != NULL);
		result = response_head(&response, message);
		must(response.fed <= message.len);
		if (result == RESPONSE_INTERIM)
			begin += response.fed;
	}
	out.bad = result == RESPONSE_BAD;
	if (result == RESPONSE_DONE) {
		out.described = response_describe(&response, message, &out.headers);
		out.bad = !out.described;
		out.status = response.status;
		out.used = begin + response.fed;
		out.keep_alive = response.keep_alive;
		out.until_end = response.until_end;
		must(out.status >= 200 && out.status <= 999 && out.headers.count <= RESPONSE_HEADERS_MAX);
		if (out.described)
			read_body(&response, arena, input, step, &out);
		must(!to_head || out.body.len == 0);
	}
	must(!out.bad || response.mistake);
	response_fini(&response);
	return out;
}

static void
must_equal(const struct outcome *a, const struct outcome *b)
{
	must(a->bad == b->bad && a->complete == b->complete && a->described == b->described);
	must(str_eq(buf_str(&a->body), buf_str(&b->body)));
	if (!a->described)
		return;
	must(a->status == b->status && a->keep_alive == b->keep_alive && a->until_end == b->until_end);
	must(a->bad || a->used == b->used);
	must(a->headers.count == b->headers.count);
	for (size_t i = 0; i < a->headers.count; i++) {
		must(str_eq(a->headers.list[i].name, b->headers.list[i].name));
		must(str_eq(a->headers.list[i].value, b->headers.list[i].value));
		must(http_token_ok(a->headers.list[i].name) && http_value_ok(a->headers.list[i].value));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena;
	struct str input;
	struct outcome whole, cut;
	size_t step;

	if (size < 1 || size > 8 * 1024)
		return 0;
	arena = arena_new(MIB(512));
	input = str_n((const char *)data + 1, size - 1);
	step = (data[0] & 127) + (size_t)1;
	if (size > 2048 && step < 32)
		step = 32;
	whole = read_response(arena, input, input.len + 1, data[0] & 128);
	cut = read_response(arena, input, step, data[0] & 128);
	must_equal(&whole, &cut);
	buf_fini(&whole.body);
	buf_fini(&cut.body);
	arena_free(arena);
	return 0;
}
