/*
 * http_client.c - calls to other servers, as they are asked for: what is the same however they are made. See http_client.h and client.h.
 */
#include "net/client.h"

#include <pthread.h>

#include "base/clock.h"
#include "rt/pool.h"

enum { POOL_THREADS = 4, POOL_QUEUE_MAX = 1024 };
#define CONNECT_TIMEOUT_US (10 * USEC_PER_SEC)
#define TIMEOUT_US (60 * USEC_PER_SEC)
#define BODY_MAX MIB(64)

static struct pool *pool;

static void
start_pool(void)
{
	pool = pool_new("calls", POOL_THREADS, POOL_QUEUE_MAX);
}

struct pool *
client_pool(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, start_pool);
	return pool;
}

/* A name or an IPv4 address. */
static bool
name_ok(struct str host)
{
	for (size_t i = 0; i < host.len; i++) {
		char c = host.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!letter && c != '-' && c != '.' && c != '_')
			return false;
	}
	return host.len > 0;
}

/* What stands between brackets. */
static bool
address_ok(struct str host)
{
	for (size_t i = 0; i < host.len; i++) {
		char c = host.ptr[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.'))
			return false;
	}
	return host.len > 0;
}

static bool
take_port(struct str text, struct client_url *out)
{
	int64_t port;

	if (text.len == 0)
		return true;
	if (text.ptr[0] != ':' || text.len > 6 || !str_to_i64(str_slice(text, 1, text.len), &port) || port < 1 || port > UINT16_MAX)
		return false;
	out->port = (uint16_t)port;
	return true;
}

static bool
take_authority(struct client_url *out)
{
	struct str text = out->authority;
	size_t end;

	if (text.len > 0 && text.ptr[0] == '[') {
		end = str_find_byte(text, ']', 0);
		if (end == SIZE_MAX)
			return false;
		out->host = str_slice(text, 1, end);
		return address_ok(out->host) && take_port(str_slice(text, end + 1, text.len), out);
	}
	end = str_find_byte(text, ':', 0);
	end = end == SIZE_MAX ? text.len : end;
	out->host = str_slice(text, 0, end);
	return name_ok(out->host) && take_port(str_slice(text, end, text.len), out);
}

bool
client_url_parse(struct str text, struct client_url *out)
{
	size_t begin, end;

	*out = (struct client_url){ .secure = str_starts(text, STR("https://")) };
	if (!out->secure && !str_starts(text, STR("http://")))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
			return false;
	text = str_slice(text, 0, str_find_byte(text, '#', 0)); /* a fragment is not sent */
	begin = out->secure ? 8 : 7;
	for (end = begin; end < text.len && text.ptr[end] != '/' && text.ptr[end] != '?';)
		end++;
	out->port = out->secure ? 443 : 80;
	out->origin = str_slice(text, 0, end);
	out->authority = str_slice(text, begin, end);
	out->target = str_slice(text, end, text.len);
	return take_authority(out);
}

/* What says how a message is framed, or how long the connection lives, is the client's own. */
static bool
header_is_ours(struct str name)
{
	static const struct str ours[] = { STR_INIT("content-length"), STR_INIT("transfer-encoding"), STR_INIT("connection"), STR_INIT("upgrade"),
		STR_INIT("expect"), STR_INIT("te"), STR_INIT("trailer") };

	for (size_t i = 0; i < COUNT(ours); i++)
		if (name.len == ours[i].len && str_eq_ci(name, ours[i]))
			return true;
	return false;
}

static const struct err *
check_headers(struct arena *arena, const struct http_headers *headers)
{
	for (size_t i = 0; i < headers->count; i++) {
		const struct http_header *header = &headers->list[i];

		if (!http_token_ok(header->name) || !http_value_ok(header->value) || str_find_byte(header->value, '\0', 0) != SIZE_MAX)
			return err_new(
				arena, ERR_INVALID, "the header \"%" STR_F "\" has a value that cannot be sent", STR_A(header->name));
		if (header_is_ours(header->name))
			return err_new(arena, ERR_INVALID, "the header \"%" STR_F "\" cannot be set: the connection decides it", STR_A(header->name));
	}
	return NULL;
}

static const struct err *
check(struct arena *arena, const struct http_call_spec *spec, struct client_url *url)
{
	if (!client_url_parse(spec->url, url))
		return err_new(arena, ERR_INVALID, "the URL of a call must begin with http:// or https:// and name a host, and no user");
	if (spec->method == HTTP_OTHER)
		return err_new(arena, ERR_INVALID, "the method of a call is not known");
	if (spec->proxy.len > 0 && spec->public_only)
		return err_new(arena, ERR_INVALID, "through a proxy it cannot be known which address a call reaches");
	return check_headers(arena, &spec->headers);
}

MAY_PARK const struct err *
http_call_open(struct arena *arena, const struct http_call_spec *spec, struct http_call **out)
{
	struct http_call_spec full = *spec;
	struct client_url url;
	const struct err *err = check(arena, spec, &url);

	*out = NULL;
	if (err)
		return err;
	full.connect_timeout_us = spec->connect_timeout_us ? spec->connect_timeout_us : CONNECT_TIMEOUT_US;
	full.headers_timeout_us = spec->headers_timeout_us ? spec->headers_timeout_us : TIMEOUT_US;
	full.idle_timeout_us = spec->idle_timeout_us ? spec->idle_timeout_us : TIMEOUT_US;
	full.body_max = spec->body_max ? spec->body_max : BODY_MAX;
	return (spec->proxy.len > 0 || spec->http2 ? &curl_client : &lane_client)->open(arena, &full, &url, out);
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

MAY_PARK const struct err *
http_call_read(struct http_call *call, struct str *piece)
{
	const struct err *err = call->kind->read(call, piece);

	if (!err && piece->len > call->body_max - call->body_seen)
		err = err_new(call->arena, ERR_TOO_LARGE, "the upstream's answer is larger than %zu bytes", call->body_max);
	if (err)
		*piece = STR_EMPTY;
	else
		call->body_seen += piece->len;
	return err;
}

MAY_PARK const struct err *
http_call_read_all(struct http_call *call, struct arena *arena, size_t max, struct str *body)
{
	struct buf *all = arena_alloc(arena, sizeof(*all));
	const struct err *err;
	struct str piece;

	*body = STR_EMPTY;
	if (!all || !buf_init_held(all, arena, max))
		return &err_no_memory;
	do {
		err = http_call_read(call, &piece);
		if (!err)
			buf_add(all, piece);
	} while (!err && piece.len > 0 && !all->failed);
	if (!err && all->failed)
		err = err_new(arena, ERR_TOO_LARGE, "the upstream's answer is larger than %zu bytes", max);
	if (!err)
		*body = buf_str(all);
	return err;
}

void
http_call_close(struct http_call *call)
{
	call->kind->close(call);
}
