/*
 * sigv4.c - see sigv4.h.
 */
#define _GNU_SOURCE
#include "gateway/sigv4.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "gateway/provider.h"
#include "gateway/request.h"

enum { CANONICAL_MAX = 128 * 1024, SIGNED_MAX = 64, PAIRS_MAX = 64, STAMP_LEN = 16, DAY_LEN = 8 };

#define ALGORITHM "AWS4-HMAC-SHA256"

/* "20150830T123600Z"; its first eight digits are the day. */
static struct str
stamp_of(struct arena *arena, int64_t at_us)
{
	time_t seconds = (time_t)(at_us / USEC_PER_SEC);
	char text[STAMP_LEN + 1];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &tm) != STAMP_LEN)
		return str_n(NULL, 0);
	return arena_dup(arena, str_n(text, STAMP_LEN));
}

/* --- the canonical request --- */

struct place {
	struct str host, path, query;
};

static void
split_url(struct str url, struct place *out)
{
	size_t scheme = str_find(url, STR("://"), 0), path, query;
	struct str rest = str_slice(url, scheme == SIZE_MAX ? 0 : scheme + 3, url.len);

	query = str_find_byte(rest, '?', 0);
	out->query = query == SIZE_MAX ? STR_EMPTY : str_slice(rest, query + 1, rest.len);
	rest = str_slice(rest, 0, query);
	path = str_find_byte(rest, '/', 0);
	out->host = str_slice(rest, 0, path);
	out->path = path == SIZE_MAX ? STR("/") : str_slice(rest, path, rest.len);
}

/* Each byte of the path as it is sent is encoded once more, but for slashes. */
static void
add_path(struct buf *out, struct str path)
{
	struct str piece;
	size_t at = 0;

	while (at <= path.len) {
		size_t slash = str_find_byte(path, '/', at);

		piece = str_slice(path, at, slash);
		url_encode(out, piece);
		if (slash == SIZE_MAX)
			return;
		buf_add_byte(out, '/');
		at = slash + 1;
	}
}

static int
by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Parameters in the order of their bytes; one without a value has an empty one. */
static const struct err *
add_query(struct buf *out, struct str query, struct arena *arena)
{
	struct str pairs[PAIRS_MAX], pair;
	size_t count = 0;

	while (str_split(&query, '&', &pair)) {
		if (count == PAIRS_MAX)
			return err_new(arena, ERR_INVALID, "the URL has too many parameters to be signed");
		pairs[count++] = str_find_byte(pair, '=', 0) == SIZE_MAX ? arena_printf(arena, "%" STR_F "=", STR_A(pair)) : pair;
	}
	qsort(pairs, count, sizeof(*pairs), by_text);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_byte(out, '&');
		buf_add(out, pairs[i]);
	}
	return NULL;
}

struct signed_header {
	struct str name, value; /* name first: they are sorted by it */
};

static struct str
lower(struct arena *arena, struct str text)
{
	char *copy = arena_alloc(arena, text.len);

	for (size_t i = 0; copy && i < text.len; i++)
		copy[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + ('a' - 'A') : text.ptr[i]);
	return str_n(copy, copy ? text.len : 0);
}

static bool
is_signed(struct str name)
{
	static const char *const unsigned_names[] = { "accept", "accept-encoding", "user-agent", "traceparent", "tracestate", "authorization", "connection" };

	for (size_t i = 0; i < COUNT(unsigned_names); i++)
		if (str_eq_ci(name, str_of(unsigned_names[i])))
			return false;
	return true;
}

/* Blanks in a row count as one. */
static void
add_value(struct buf *out, struct str value)
{
	value = str_trim(value);
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] != ' ' || value.ptr[i - 1] != ' ') /* trimmed: the first is none */
			buf_add_byte(out, value.ptr[i]);
}

/* The headers' lines, and their names for the signature: "content-type;host;x-amz-date". */
static const struct err *
add_headers(struct buf *out, struct buf *names, const struct http_headers *headers, struct str host, struct arena *arena)
{
	struct signed_header list[SIGNED_MAX];
	size_t count = 0;

	list[count++] = (struct signed_header){ STR("host"), host };
	for (size_t i = 0; i < headers->count; i++) {
		if (!is_signed(headers->list[i].name))
			continue;
		if (count == SIGNED_MAX)
			return err_new(arena, ERR_INVALID, "the request has too many headers to be signed");
		list[count++] = (struct signed_header){ lower(arena, headers->list[i].name), headers->list[i].value };
	}
	qsort(list, count, sizeof(*list), by_text);
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, "%" STR_F ":", STR_A(list[i].name));
		add_value(out, list[i].value);
		buf_add_byte(out, '\n');
		buf_printf(names, "%s%" STR_F, i ? ";" : "", STR_A(list[i].name));
	}
	return NULL;
}

static const struct err *
canonical(const struct http_call_spec *spec, struct arena *arena, struct buf *out, struct buf *names)
{
	char hash[HASH_SHA256_HEX];
	const struct err *err;
	struct place place;

	split_url(spec->url, &place);
	buf_printf(out, "%s\n", http_method_name(spec->method));
	add_path(out, place.path);
	buf_add_byte(out, '\n');
	err = add_query(out, place.query, arena);
	buf_add_byte(out, '\n');
	if (!err)
		err = add_headers(out, names, &spec->headers, place.host, arena);
	hash_sha256_hex(spec->body, hash);
	buf_printf(out, "\n%" STR_F "\n%" STR_F, STR_A(buf_str(names)), STR_A(str_n(hash, sizeof(hash))));
	if (!err && (out->failed || names->failed))
		err = &err_no_memory;
	return err;
}

/* --- the signature --- */

static struct str
hmac(struct str key, struct str data, unsigned char out[HASH_SHA256_SIZE])
{
	hash_hmac_sha256(key, data, out);
	return str_n((const char *)out, HASH_SHA256_SIZE);
}

/* A key that is good for a day, a region and a service signs the text. */
static void
signature_of(const struct sigv4 *sigv4, struct str day, struct str text, char out[HASH_SHA256_HEX])
{
	unsigned char a[HASH_SHA256_SIZE], b[HASH_SHA256_SIZE];
	struct buf secret;

	buf_init(&secret, NULL, KIB(16));
	buf_add(&secret, STR("AWS4"));
	buf_add(&secret, sigv4->secret_access_key);
	hmac(buf_str(&secret), day, a);
	hmac(str_n((char *)a, sizeof(a)), sigv4->region, b);
	hmac(str_n((char *)b, sizeof(b)), sigv4->service, a);
	hmac(str_n((char *)a, sizeof(a)), STR("aws4_request"), b);
	hmac(str_n((char *)b, sizeof(b)), text, a);
	hex_encode(a, sizeof(a), out);
	buf_fini(&secret);
}

const struct err *
sigv4_sign(struct arena *arena, const struct sigv4 *sigv4, struct http_call_spec *spec)
{
	struct str stamp = stamp_of(arena, sigv4->at_us), day = str_slice(stamp, 0, DAY_LEN), scope, text;
	char hash[HASH_SHA256_HEX], signature[HASH_SHA256_HEX];
	const struct err *err = request_header(arena, spec, STR("x-amz-date"), stamp);
	struct buf request, names;

	if (!err && sigv4->session_token.len)
		err = request_header(arena, spec, STR("x-amz-security-token"), sigv4->session_token);
	buf_init(&request, arena, CANONICAL_MAX);
	buf_init(&names, arena, KIB(16));
	if (!err)
		err = canonical(spec, arena, &request, &names);
	if (err)
		return err;
	hash_sha256_hex(buf_str(&request), hash);
	scope = arena_printf(arena, "%" STR_F "/%" STR_F "/%" STR_F "/aws4_request", STR_A(day), STR_A(sigv4->region), STR_A(sigv4->service));
	text = arena_printf(arena, ALGORITHM "\n%" STR_F "\n%" STR_F "\n%" STR_F, STR_A(stamp), STR_A(scope), STR_A(str_n(hash, sizeof(hash))));
	if (!scope.ptr || !text.ptr)
		return &err_no_memory;
	signature_of(sigv4, day, text, signature);
	return request_header(arena, spec, STR("authorization"),
		arena_printf(arena, ALGORITHM " Credential=%" STR_F "/%" STR_F ", SignedHeaders=%" STR_F ", Signature=%" STR_F, STR_A(sigv4->access_key_id), STR_A(scope),
			STR_A(buf_str(&names)), STR_A(str_n(signature, sizeof(signature)))));
}
