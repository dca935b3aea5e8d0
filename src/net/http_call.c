/*
 * http_call.c - one call to another server. See http_client.h.
 *
 * libcurl's callbacks run on the loop: they keep what has come and wake the fiber. The body waits in `coming`; when more than COMING_MAX bytes do, libcurl
 * is paused, and so is, through TCP, the server. A read swaps the two buffers, so a piece is copied once.
 */
#include "net/client.h"

#include <assert.h>
#include <stdio.h>

#include "base/clock.h"

enum { COMING_MAX = 64 * 1024, BUFFER_KEPT_MAX = 16 * 1024, HEADERS_FIRST = 16, HEADERS_MAX = 256, HEADER_BYTES_MAX = 128 * 1024 };
#define CONNECT_TIMEOUT_US (10 * USEC_PER_SEC)
#define TIMEOUT_US (60 * USEC_PER_SEC)
#define BODY_MAX MIB(64)

void
call_wake(struct http_call *call)
{
	if (call->waiter)
		wait_wake(call->waiter);
	call->waiter = NULL;
}

/* "HTTP/1.1 200 OK": whatever came before was of an interim answer. */
static bool
begin_headers(struct http_call *call, struct str line)
{
	size_t blank = str_find_byte(line, ' ', 0);
	int64_t status;

	if (blank == SIZE_MAX || !str_to_i64(str_slice(line, blank + 1, blank + 4), &status) || status < 100)
		return false;
	call->status = (int)status;
	call->headers.count = 0;
	return true;
}

static bool
add_header(struct http_call *call, struct str line)
{
	size_t colon = str_find_byte(line, ':', 0);
	struct str copy;

	if (colon == SIZE_MAX)
		return true; /* libcurl has refused what matters */
	if (call->headers.count == HEADERS_MAX)
		return false;
	if (call->headers.count == call->header_cap) {
		size_t cap = call->header_cap ? call->header_cap * 2 : HEADERS_FIRST;
		struct http_header *list = arena_alloc(call->arena, cap * sizeof(*list));

		if (!list)
			return false;
		if (call->headers.count)
			memcpy(list, call->headers.list, call->headers.count * sizeof(*list));
		call->headers.list = list;
		call->header_cap = cap;
	}
	copy = arena_dup(call->arena, line);
	if (!copy.ptr)
		return false;
	call->headers.list[call->headers.count++] =
		(struct http_header){ str_slice(copy, 0, colon), str_trim(str_slice(copy, colon + 1, copy.len)) };
	return true;
}

/*
 * Whether the answer says in one way alone where it ends. libcurl lets a server contradict itself, and what comes behind such an answer on a kept
 * connection would be taken for the next one.
 */
static bool
framing_ok(const struct http_headers *headers)
{
	struct str length = http_header_get(headers, STR("content-length"));

	if (!length.ptr)
		return true;
	if (http_header_get(headers, STR("transfer-encoding")).ptr)
		return false;
	for (size_t i = 0; i < headers->count; i++)
		if (str_eq_ci(headers->list[i].name, STR("content-length")) && !str_eq(headers->list[i].value, length))
			return false;
	return true;
}

size_t
call_on_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;
	struct str line = str_trim(str_n(bytes, size * count));
	bool ok = true;

	if (call->headers_done) /* trailers */
		return size * count;
	call->header_bytes += size * count;
	if (str_starts(line, STR("HTTP/"))) {
		ok = begin_headers(call, line);
	} else if (line.len > 0) {
		ok = add_header(call, line);
	} else if (call->status >= 200) {
		ok = call->headers_done = framing_ok(&call->headers);
		call_wake(call);
	}
	if (ok && call->header_bytes <= HEADER_BYTES_MAX)
		return size * count;
	return 0;
}

size_t
call_on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;
	size_t len = size * count;

	if (call->coming.len >= COMING_MAX) {
		call->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (len > call->body_max - call->body_seen) {
		call->too_large = true;
		return 0;
	}
	buf_add(&call->coming, str_n(bytes, len));
	if (buf_err(&call->coming))
		return 0;
	call->body_seen += len;
	call_wake(call);
	return len;
}

static void
call_reset(struct http_call *call, struct arena *arena, const struct http_call_spec *spec)
{
	call->arena = arena;
	call->waiter = NULL;
	call->headers = (struct http_headers){ NULL, 0 };
	call->header_cap = call->header_bytes = 0;
	call->status = 0;
	call->body_max = spec->body_max ? spec->body_max : BODY_MAX;
	call->body_seen = 0;
	call->idle_timeout_us = spec->idle_timeout_us ? spec->idle_timeout_us : TIMEOUT_US;
	call->result = CURLE_OK;
	call->public_only = spec->public_only;
	call->headers_done = call->done = call->paused = false;
	call->refused_address = call->too_large = false;
	call->why[0] = '\0';
}

/* Puts one header line in front of a libcurl list that lies in the arena. */
static bool
push_line(struct arena *arena, struct curl_slist **list, char *line)
{
	struct curl_slist *item = arena_alloc(arena, sizeof(*item));

	if (!item || !line)
		return false;
	*item = (struct curl_slist){ .data = line, .next = *list };
	*list = item;
	return true;
}

/* "Name: value"; libcurl wants an empty value written as "Name;". */
static char *
header_line(struct arena *arena, const struct http_header *header)
{
	size_t size = header->name.len + header->value.len + 3;
	char *line = arena_alloc(arena, size);

	if (line && header->value.len > 0)
		snprintf(line, size, "%" STR_F ": %" STR_F, STR_A(header->name), STR_A(header->value));
	else if (line)
		snprintf(line, size, "%" STR_F ";", STR_A(header->name));
	return line;
}

static const struct err *
set_headers(struct http_call *call, struct arena *arena, const struct http_call_spec *spec)
{
	static char no_expect[] = "Expect:", no_type[] = "Content-Type:";
	struct curl_slist *list = NULL;
	bool typed = false, ok;

	for (size_t i = spec->headers.count; i-- > 0;) {
		const struct http_header *header = &spec->headers.list[i];

		if (!http_token_ok(header->name) || !http_value_ok(header->value) || str_find_byte(header->value, '\0', 0) != SIZE_MAX)
			return err_new(
				arena, ERR_INVALID, "the header \"%" STR_F "\" has a value that cannot be sent", STR_A(header->name));
		typed = typed || str_eq_ci(header->name, STR("content-type"));
		if (!push_line(arena, &list, header_line(arena, header)))
			return &err_no_memory;
	}
	ok = push_line(arena, &list, no_expect); /* libcurl's own ideas: waiting for 100-continue, a form's type */
	if (ok && !typed)
		ok = push_line(arena, &list, no_type);
	if (!ok)
		return &err_no_memory;
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, list);
	return NULL;
}

static void
set_method(struct http_call *call, const struct http_call_spec *spec)
{
	bool has_body = spec->body.len > 0 || spec->method == HTTP_POST || spec->method == HTTP_PUT || spec->method == HTTP_PATCH;

	curl_easy_setopt(call->easy, CURLOPT_NOBODY, spec->method == HTTP_HEAD ? 1L : 0L);
	if (has_body) {
		curl_easy_setopt(call->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)spec->body.len);
		curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, spec->body.len > 0 ? spec->body.ptr : "");
	} else if (spec->method != HTTP_HEAD) {
		curl_easy_setopt(call->easy, CURLOPT_HTTPGET, 1L);
	}
	curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST,
		spec->method == HTTP_GET || spec->method == HTTP_POST || spec->method == HTTP_HEAD ? NULL : http_method_name(spec->method));
}

static const struct err *
call_prepare(struct http_call *call, struct arena *arena, const struct http_call_spec *spec)
{
	int64_t connect_us = spec->connect_timeout_us ? spec->connect_timeout_us : CONNECT_TIMEOUT_US;
	char *url = arena_cstr(arena, spec->url);

	if (!url)
		return &err_no_memory;
	if (!(str_starts(spec->url, STR("http://")) || str_starts(spec->url, STR("https://"))) || strlen(url) != spec->url.len ||
		spec->method == HTTP_OTHER)
		return err_new(arena, ERR_INVALID, "the URL of a call must begin with http:// or https://");
	call_reset(call, arena, spec);
	curl_easy_setopt(call->easy, CURLOPT_URL, url);
	curl_easy_setopt(call->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)((connect_us + 999) / 1000));
	/* A connection that another call opened may lead where this one must not go. */
	curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, spec->public_only ? 1L : 0L);
	curl_easy_setopt(call->easy, CURLOPT_FORBID_REUSE, spec->public_only ? 1L : 0L);
	set_method(call, spec);
	return set_headers(call, arena, spec);
}

/* Waits until something has come, at most timeout_us. */
MAY_PARK static const struct err *
call_await(struct http_call *call, int64_t timeout_us)
{
	struct waiter waiter;
	const struct err *err;

	waiter_init(&waiter);
	call->waiter = &waiter;
	err = wait_for_us(&waiter, timeout_us > 0 ? timeout_us : 0);
	call->waiter = NULL;
	return err;
}

/* What libcurl's result means. */
static const struct err *
call_failure(const struct http_call *call)
{
	const char *why = call->why[0] ? call->why : curl_easy_strerror(call->result);
	const struct err *err;

	if (call->refused_address)
		return err_new(call->arena, ERR_FORBIDDEN, "the address of this URL is not public");
	if (call->too_large)
		return err_new(call->arena, ERR_TOO_LARGE, "the upstream's answer is larger than %zu bytes", call->body_max);
	switch (call->result) {
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		if (call->status == 0 && call->result == CURLE_URL_MALFORMAT) {
			err = err_new(call->arena, ERR_INVALID, "the URL of a call is malformed");
			break;
		}
		err = err_new(call->arena, ERR_UPSTREAM, "the upstream's answer is not HTTP");
		break;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT: /* of connecting: the other times are ours */
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		err = err_new(call->arena, ERR_UNAVAILABLE, "the upstream cannot be reached");
		break;
	default: /* CURLE_OUT_OF_MEMORY too: libcurl says so of a header over its limit */
		err = err_new(call->arena, ERR_UPSTREAM,
			call->headers_done ? "the upstream broke off its answer" : "the upstream did not answer properly");
		break;
	}
	return err_detail(call->arena, err, "%s", why);
}

const struct err *
http_call_open(struct arena *arena, const struct http_call_spec *spec, struct http_call **out)
{
	struct http_client *client = http_client_of();
	struct http_call *call = client_take(client);
	int64_t until_us = clock_mono_us() + (spec->headers_timeout_us ? spec->headers_timeout_us : TIMEOUT_US);
	const struct err *err;

	*out = NULL;
	if (!call)
		return &err_no_memory;
	err = call_prepare(call, arena, spec);
	if (!err && !client_start(client, call))
		err = &err_internal;
	while (!err && !call->headers_done && !call->done)
		err = call_await(call, until_us - clock_mono_us());
	if (!err && !call->headers_done)
		err = call_failure(call);
	if (err)
		http_call_close(call);
	else
		*out = call;
	return err;
}

int
http_call_status(const struct http_call *call)
{
	return call->status;
}

const struct http_headers *
http_call_headers(const struct http_call *call)
{
	return &call->headers;
}

/* Lets libcurl go on with the body. It may hand over at once what it has kept back. */
static void
call_resume(struct http_call *call)
{
	if (!call->paused)
		return;
	call->paused = false;
	if (!call->running)
		return;
	call->result = curl_easy_pause(call->easy, CURLPAUSE_CONT);
	if (call->result != CURLE_OK) { /* what we said no to now would be forgotten otherwise */
		client_abandon(call->client, call);
		call->done = true;
	}
}

MAY_PARK const struct err *
http_call_read(struct http_call *call, struct str *piece)
{
	const struct err *err = NULL;

	*piece = STR_EMPTY;
	buf_clear(&call->given);
	while (!err && call->coming.len == 0 && !call->done) {
		call_resume(call);
		if (call->coming.len == 0 && !call->done)
			err = call_await(call, call->idle_timeout_us);
	}
	if (err)
		return err;
	if (call->coming.len > 0) {
		struct buf given = call->given;

		call->given = call->coming;
		call->coming = given;
		*piece = buf_str(&call->given);
		return NULL;
	}
	return call->result == CURLE_OK ? NULL : call_failure(call);
}

MAY_PARK const struct err *
http_call_read_all(struct http_call *call, struct arena *arena, size_t max, struct str *body)
{
	const struct err *err;
	struct str piece;
	struct buf all;

	*body = STR_EMPTY;
	buf_init(&all, arena, max);
	do {
		err = http_call_read(call, &piece);
		if (!err)
			buf_add(&all, piece);
	} while (!err && piece.len > 0 && !all.failed);
	if (!err && all.failed)
		err = err_new(arena, ERR_TOO_LARGE, "the upstream's answer is larger than %zu bytes", max);
	if (!err)
		*body = buf_str(&all);
	return err;
}

/* Empties a buffer of the pool; one that has grown is not kept. */
static void
buffer_reset(struct buf *buffer)
{
	buf_clear(buffer);
	if (buffer->cap > BUFFER_KEPT_MAX)
		buf_fini(buffer);
}

void
http_call_close(struct http_call *call)
{
	client_abandon(call->client, call);
	call->arena = NULL;
	buffer_reset(&call->coming);
	buffer_reset(&call->given);
	client_give(call->client, call);
}
