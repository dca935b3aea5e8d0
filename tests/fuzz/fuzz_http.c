/*
 * fuzz_http.c - requests out of a stranger's bytes.
 *
 * The first byte says in what pieces the rest comes. However it is cut, the outcome must be the same as when it comes at once: refused with the
 * same status, or understood in the same way, to the last byte of the body.
 */
#include <stdlib.h>

#include "net/http_server.h"
#include "net/request.h"

enum { BODY_MAX = 1 << 20, LINE_MAX_BYTES = 1024, HEADERS_MAX_BYTES = 4096 };

struct outcome {
	int status; /* of a refusal; 0: understood; -1: not complete */
	struct http_exchange exchange;
	struct buf body;
	size_t used;
	bool complete; /* the body too */
};

static void
must(bool truth)
{
	if (!truth)
		abort();
}

static void
inside(struct str view, struct str whole)
{
	must(view.len == 0 || (view.ptr >= whole.ptr && view.ptr + view.len <= whole.ptr + whole.len));
}

/* Reads the chunked body of a request whose head is `head` bytes long, when `step` more bytes come at a time. */
static void
read_body(struct request *request, struct str input, size_t step, struct outcome *out)
{
	size_t at = out->used, end = at;

	while (at < input.len || end < input.len) {
		struct str piece;
		enum request_step result;
		size_t used;

		if (end == at)
			end = end + step < input.len ? end + step : input.len;
		result = request_chunked(request, str_slice(input, at, end), &used);
		must(used <= end - at);
		if (result == REQUEST_BAD) {
			must(request->refusal.status == 400);
			out->status = request->refusal.status;
			return;
		}
		piece = request->piece;
		inside(piece, input);
		if (result == REQUEST_PIECE)
			buf_add(&out->body, piece);
		at += used;
		out->used = at;
		out->complete = result == REQUEST_DONE;
		if (out->complete)
			return;
		must(result == REQUEST_PIECE || at == end); /* what is not used now would never be */
	}
}

static struct outcome
read_request(struct arena *arena, struct str input, size_t step)
{
	static const struct request_limits limits = { LINE_MAX_BYTES, HEADERS_MAX_BYTES, 32 };
	struct outcome out = { .status = -1 };
	enum request_step result = REQUEST_MORE;
	struct request request;
	struct str message = STR_EMPTY;

	buf_init(&out.body, NULL, BODY_MAX);
	must(request_init(&request, limits, arena));
	for (size_t end = 0; result == REQUEST_MORE && end < input.len;) {
		end = end + step < input.len ? end + step : input.len;
		message = arena_dup(arena, str_slice(input, 0, end)); /* it moves as it grows */
		must(message.ptr != NULL);
		result = request_head(&request, message);
	}
	must(request.fed <= input.len);
	if (result == REQUEST_DONE)
		result = request_describe(&request, message, &out.exchange);
	if (result == REQUEST_BAD) {
		must(request.refusal.status >= 400 && request.refusal.status <= 505);
		out.status = request.refusal.status;
	} else if (result == REQUEST_DONE) {
		out.status = 0;
		out.used = request.fed;
		must(out.exchange.headers.count <= limits.header_count_max && out.exchange.target.len <= limits.line_max);
		must(!request.chunked || out.exchange.content_length == -1);
		if (request.chunked)
			read_body(&request, input, step, &out);
	}
	return out;
}

static void
must_equal(const struct outcome *a, const struct outcome *b)
{
	must(a->status == b->status && a->complete == b->complete);
	must(str_eq(buf_str(&a->body), buf_str(&b->body)));
	if (a->status != 0)
		return;
	must(a->used == b->used && a->exchange.method == b->exchange.method && a->exchange.content_length == b->exchange.content_length);
	must(str_eq(a->exchange.path, b->exchange.path) && str_eq(a->exchange.query, b->exchange.query));
	must(a->exchange.headers.count == b->exchange.headers.count);
	for (size_t i = 0; i < a->exchange.headers.count; i++) {
		must(str_eq(a->exchange.headers.list[i].name, b->exchange.headers.list[i].name));
		must(str_eq(a->exchange.headers.list[i].value, b->exchange.headers.list[i].value));
		must(http_token_ok(a->exchange.headers.list[i].name) && http_value_ok(a->exchange.headers.list[i].value));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena;
	struct str input;
	struct outcome whole, cut;

	if (size < 1 || size > 16 * 1024)
		return 0;
	arena = arena_new(MIB(512));
	input = str_n((const char *)data + 1, size - 1);
	whole = read_request(arena, input, input.len + 1);
	cut = read_request(arena, input, size > 4096 && data[0] < 64 ? 64 : data[0] + (size_t)1);
	if (whole.status != 414 && whole.status != 431 && cut.status != 414 && cut.status != 431) /* a limit may be met before a mistake */
		must_equal(&whole, &cut);
	buf_fini(&whole.body);
	buf_fini(&cut.body);
	arena_free(arena);
	return 0;
}
