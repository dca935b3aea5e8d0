/*
 * curl_call.c - one call through libcurl. See curl_client.h and http_client.h.
 *
 * libcurl's callbacks run on the loop: they keep what has come and wake the fiber. The body waits in `coming`; when more than COMING_MAX bytes do, libcurl
 * is paused, and so is, through TCP, the server. A read swaps the two buffers, so a piece is copied once.
 */
#include "net/curl_client.h"

#include <assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "net/response.h"

enum { COMING_MAX = 64 * 1024, BUFFER_KEPT_MAX = 16 * 1024, HEADERS_FIRST = 16 };

void
call_wake(struct curl_call *call)
{
	if (call->waiter)
		wait_wake(call->waiter);
	call->waiter = NULL;
}

/* "HTTP/1.1 200 OK": whatever came before was of an interim answer. */
static bool
begin_headers(struct curl_call *call, struct str line)
{
	size_t blank = str_find_byte(line, ' ', 0);
	int64_t status;

	if (blank == SIZE_MAX || !str_to_i64(str_slice(line, blank + 1, blank + 4), &status) || status < 100)
		return false;
	call->base.status = (int)status;
	call->base.headers.count = 0;
	return true;
}

static bool
add_header(struct curl_call *call, struct str line)
{
	size_t colon = str_find_byte(line, ':', 0);
	struct str copy;

	if (colon == SIZE_MAX)
		return true; /* libcurl has refused what matters */
	if (call->base.headers.count == RESPONSE_HEADERS_MAX)
		return false;
	if (call->base.headers.count == call->header_cap) {
		size_t cap = call->header_cap ? call->header_cap * 2 : HEADERS_FIRST;
		struct http_header *list = arena_alloc(call->base.arena, cap * sizeof(*list));

		if (!list)
			return false;
		if (call->base.headers.count)
			memcpy(list, call->base.headers.list, call->base.headers.count * sizeof(*list));
		call->base.headers.list = list;
		call->header_cap = cap;
	}
	copy = arena_dup(call->base.arena, line);
	if (!copy.ptr)
		return false;
	call->base.headers.list[call->base.headers.count++] =
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
	struct curl_call *call = arg;
	struct str line = str_trim(str_n(bytes, size * count));
	bool ok = true;

	if (call->headers_done) /* trailers */
		return size * count;
	call->header_bytes += size * count;
	if (str_starts(line, STR("HTTP/"))) {
		ok = begin_headers(call, line);
	} else if (line.len > 0) {
		ok = add_header(call, line);
	} else if (call->base.status >= 200) {
		ok = call->headers_done = framing_ok(&call->base.headers);
		call_wake(call);
	}
	if (ok && call->header_bytes <= RESPONSE_HEAD_MAX)
		return size * count;
	return 0;
}

size_t
call_on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct curl_call *call = arg;
	size_t len = size * count;

	if (call->coming.len >= COMING_MAX) {
		call->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	buf_add(&call->coming, str_n(bytes, len));
	if (buf_err(&call->coming))
		return 0;
	call_wake(call);
	return len;
}

static void
call_reset(struct curl_call *call, struct arena *arena, const struct http_call_spec *spec)
{
	call->base = call_base(&curl_client, arena, spec);
	call->waiter = NULL;
	call->header_cap = call->header_bytes = 0;
	call->result = CURLE_OK;
	call->public_only = spec->public_only;
	call->headers_done = call->done = call->paused = false;
	call->refused_address = false;
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
set_headers(struct curl_call *call, struct arena *arena, const struct http_call_spec *spec)
{
	static char no_expect[] = "Expect:", no_type[] = "Content-Type:";
	struct curl_slist *list = NULL;
	bool typed = false, ok;

	for (size_t i = spec->headers.count; i-- > 0;) {
		const struct http_header *header = &spec->headers.list[i];

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
set_method(struct curl_call *call, const struct http_call_spec *spec)
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
call_prepare(struct curl_call *call, struct arena *arena, const struct http_call_spec *spec)
{
	char *url = arena_cstr(arena, spec->url), *proxy = arena_cstr(arena, spec->proxy);

	call_reset(call, arena, spec);
	if (!url || !proxy)
		return &err_no_memory;
	curl_easy_setopt(call->easy, CURLOPT_URL, url);
	curl_easy_setopt(call->easy, CURLOPT_PROXY, proxy); /* empty: none, whatever the environment says */
	curl_easy_setopt(call->easy, CURLOPT_HTTP_VERSION, (long)(spec->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
	curl_easy_setopt(call->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)((spec->connect_timeout_us + 999) / 1000));
	/* A connection that another call opened may lead where this one must not go. */
	curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, spec->public_only ? 1L : 0L);
	curl_easy_setopt(call->easy, CURLOPT_FORBID_REUSE, spec->public_only ? 1L : 0L);
	set_method(call, spec);
	return set_headers(call, arena, spec);
}

/* Waits until something has come, at most timeout_us. */
MAY_PARK static const struct err *
call_await(struct curl_call *call, int64_t timeout_us)
{
	struct waiter waiter;
	const struct err *err;

	waiter_init(&waiter);
	call->waiter = &waiter;
	err = wait_for_us(&waiter, timeout_us > 0 ? timeout_us : 0);
	call->waiter = NULL;
	return err;
}

/* A proxy that did not let the call through: nothing was sent to the server itself. */
static bool
proxy_refused(const struct curl_call *call)
{
	long status = 0;

	return curl_easy_getinfo(call->easy, CURLINFO_HTTP_CONNECTCODE, &status) == CURLE_OK && status >= 300;
}

/* What libcurl's result means. */
static const struct err *
call_failure(const struct curl_call *call)
{
	const char *why = call->why[0] ? call->why : curl_easy_strerror(call->result);
	const struct err *err;

	if (call->refused_address)
		return err_new(call->base.arena, ERR_FORBIDDEN, "the address of this URL is not public");
	if (proxy_refused(call))
		return err_detail(call->base.arena, err_new(call->base.arena, ERR_UNAVAILABLE, "the proxy refuses to reach the upstream"), "%s", why);
	switch (call->result) {
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		if (call->base.status == 0 && call->result == CURLE_URL_MALFORMAT) {
			err = err_new(call->base.arena, ERR_INVALID, "the URL of a call is malformed");
			break;
		}
		err = err_new(call->base.arena, ERR_UPSTREAM, "the upstream's answer is not HTTP");
		break;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT: /* of connecting: the other times are ours */
		err = err_new(call->base.arena, ERR_UNAVAILABLE, "the upstream cannot be reached");
		break;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return err_new(call->base.arena, ERR_UNAVAILABLE, "no secure connection to the upstream: %s", why);
	default: /* CURLE_OUT_OF_MEMORY too: libcurl says so of a header over its limit */
		err = err_new(call->base.arena, ERR_UPSTREAM,
			call->headers_done ? "the upstream broke off its answer" : "the upstream did not answer properly");
		break;
	}
	return err_detail(call->base.arena, err, "%s", why);
}

/* Empties a buffer of the pool; one that has grown is not kept. */
static void
buffer_reset(struct buf *buffer)
{
	buf_clear(buffer);
	if (buffer->cap > BUFFER_KEPT_MAX)
		buf_fini(buffer);
}

static void
curl_call_close(struct http_call *base)
{
	struct curl_call *call = (struct curl_call *)base;

	curl_abandon(call->owner, call);
	buffer_reset(&call->coming);
	buffer_reset(&call->given);
	curl_give(call->owner, call);
}

MAY_PARK static const struct err *
curl_open(struct arena *arena, const struct http_call_spec *spec, const struct client_url *url, struct http_call **out)
{
	struct curl_loop *owner = curl_here();
	struct curl_call *call = curl_take(owner);
	int64_t until_us = clock_mono_us() + spec->headers_timeout_us;
	const struct err *err;

	(void)url; /* libcurl reads it for itself */
	if (!call)
		return &err_no_memory;
	err = call_prepare(call, arena, spec);
	if (!err && !curl_start(owner, call))
		err = &err_internal;
	while (!err && !call->headers_done && !call->done)
		err = call_await(call, until_us - clock_mono_us());
	if (!err && !call->headers_done)
		err = call_failure(call);
	if (err)
		curl_call_close(&call->base);
	else
		*out = &call->base;
	return err;
}

/* Lets libcurl go on with the body. It may hand over at once what it has kept back. */
static void
call_resume(struct curl_call *call)
{
	if (!call->paused)
		return;
	call->paused = false;
	if (!call->running)
		return;
	call->result = curl_easy_pause(call->easy, CURLPAUSE_CONT);
	if (call->result != CURLE_OK) { /* what we said no to now would be forgotten otherwise */
		curl_abandon(call->owner, call);
		call->done = true;
	}
}

MAY_PARK static const struct err *
curl_read(struct http_call *base, struct str *piece)
{
	struct curl_call *call = (struct curl_call *)base;
	const struct err *err = NULL;

	*piece = STR_EMPTY;
	buf_clear(&call->given);
	while (!err && call->coming.len == 0 && !call->done) {
		call_resume(call);
		if (call->coming.len == 0 && !call->done)
			err = call_await(call, call->base.idle_timeout_us);
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

const struct client_kind curl_client = { .open = curl_open, .read = curl_read, .close = curl_call_close };
