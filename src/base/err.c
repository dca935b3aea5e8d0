/*
 * err.c - errors as values. See err.h.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"

enum { SECRET_MIN = 8 };

const struct err err_no_memory = { .kind = ERR_NO_MEMORY, .retryable = true, .message = STR_INIT("the memory limit of this request is reached") };
const struct err err_cancelled = { .kind = ERR_CANCELLED, .message = STR_INIT("the request was cancelled") };
const struct err err_timeout = { .kind = ERR_TIMEOUT, .retryable = true, .message = STR_INIT("the time limit was reached") };
const struct err err_busy = { .kind = ERR_BUSY, .retryable = true, .message = STR_INIT("the server is busy; try again") };
const struct err err_internal = { .kind = ERR_INTERNAL, .message = STR_INIT("an internal error occurred") };

static const struct {
	const char *name;
	int status;
	bool retryable;
} kinds[ERR_KINDS] = {
	[ERR_INVALID] = { "invalid", 400, false },
	[ERR_UNAUTHENTICATED] = { "unauthenticated", 401, false },
	[ERR_QUOTA] = { "quota", 402, false },
	[ERR_FORBIDDEN] = { "forbidden", 403, false },
	[ERR_NOT_FOUND] = { "not_found", 404, false },
	[ERR_METHOD] = { "method_not_allowed", 405, false },
	[ERR_CONFLICT] = { "conflict", 409, false },
	[ERR_PRECONDITION] = { "precondition_failed", 412, false },
	[ERR_TOO_LARGE] = { "too_large", 413, false },
	[ERR_UNSUPPORTED] = { "unsupported", 400, false },
	[ERR_RATE_LIMITED] = { "rate_limited", 429, true },
	[ERR_CANCELLED] = { "cancelled", 503, false },
	[ERR_INTERNAL] = { "internal", 500, false },
	[ERR_UPSTREAM] = { "upstream", 502, true },
	[ERR_BUSY] = { "busy", 503, true },
	[ERR_UNAVAILABLE] = { "unavailable", 503, true },
	[ERR_TIMEOUT] = { "timeout", 504, true },
	[ERR_NO_MEMORY] = { "no_memory", 503, true },
	[ERR_IO] = { "io", 500, false },
	[ERR_UNKNOWN_OUTCOME] = { "unknown_outcome", 500, false },
};

static struct err *
err_alloc(struct arena *arena, enum err_kind kind, const char *format, va_list args)
{
	struct err *err = arena_zalloc(arena, sizeof(*err));
	char text[1024];
	int len;

	if (!err)
		return NULL;
	len = vsnprintf(text, sizeof(text), format, args);
	if (len < 0)
		len = 0;
	if ((size_t)len >= sizeof(text))
		len = (int)sizeof(text) - 1;
	err->kind = kind;
	err->retryable = kinds[kind].retryable;
	err->message = arena_dup(arena, str_n(text, (size_t)len));
	return err->message.ptr ? err : NULL;
}

const struct err *
err_new(struct arena *arena, enum err_kind kind, const char *format, ...)
{
	va_list args;
	struct err *err;

	va_start(args, format);
	err = err_alloc(arena, kind, format, args);
	va_end(args);
	return err ? err : &err_no_memory;
}

const struct err *
err_param(struct arena *arena, enum err_kind kind, const char *param, const char *code, const char *format, ...)
{
	va_list args;
	struct err *err;

	va_start(args, format);
	err = err_alloc(arena, kind, format, args);
	va_end(args);
	if (!err)
		return &err_no_memory;
	err->param = arena_dup(arena, str_of(param));
	err->code = arena_dup(arena, str_of(code));
	return err->param.ptr && err->code.ptr ? err : &err_no_memory;
}

const struct err *
err_detail(struct arena *arena, const struct err *err, const char *format, ...)
{
	va_list args;
	struct err *detail, *copy;

	va_start(args, format);
	detail = err_alloc(arena, err->kind, format, args);
	va_end(args);
	copy = detail ? arena_alloc(arena, sizeof(*copy)) : NULL;
	if (!copy)
		return err;
	*copy = *err;
	copy->detail = detail->message;
	return copy;
}

const struct err *
err_wrap(struct arena *arena, const struct err *cause, const char *format, ...)
{
	va_list args;
	struct err *err;

	va_start(args, format);
	err = err_alloc(arena, cause->kind, format, args);
	va_end(args);
	if (!err)
		return cause;
	err->retryable = cause->retryable;
	err->retry_after_us = cause->retry_after_us;
	err->cause = cause;
	return err;
}

const struct err *
err_copy(struct arena *arena, const struct err *err)
{
	struct err *copy;

	if (!err)
		return NULL;
	copy = arena_alloc(arena, sizeof(*copy));
	if (!copy)
		return &err_no_memory;
	*copy = *err;
	copy->message = arena_dup(arena, err->message);
	copy->detail = arena_dup(arena, err->detail);
	copy->param = arena_dup(arena, err->param);
	copy->code = arena_dup(arena, err->code);
	copy->cause = err_copy(arena, err->cause);
	return copy->message.ptr && copy->detail.ptr && copy->param.ptr && copy->code.ptr ? copy : &err_no_memory;
}

/* How much of the secret the text ends with: a text that was cut may have lost the rest. */
static size_t
secret_begun(struct str text, struct str secret)
{
	size_t len = text.len < secret.len - 1 ? text.len : secret.len - 1;

	while (len >= SECRET_MIN && !str_ends(text, str_slice(secret, 0, len)))
		len--;
	return len >= SECRET_MIN ? len : 0;
}

/* False: no memory. */
static bool
hide(struct arena *arena, struct str *text, struct str secret)
{
	size_t at = str_find(*text, secret, 0), begun = secret_begun(*text, secret);
	struct str rest = *text;
	struct buf out;

	if (at == SIZE_MAX && !begun)
		return true;
	buf_init(&out, arena, 2 * text->len + KIB(1)); /* the mark is as long as the shortest secret */
	for (; at != SIZE_MAX; at = str_find(rest, secret, 0)) {
		buf_add(&out, str_slice(rest, 0, at));
		buf_add(&out, STR("(hidden)"));
		rest = str_slice(rest, at + secret.len, rest.len);
	}
	begun = secret_begun(rest, secret);
	buf_add(&out, str_slice(rest, 0, rest.len - begun));
	if (begun)
		buf_add(&out, STR("(hidden)"));
	*text = buf_str(&out);
	return !out.failed;
}

static bool
has_secret(const struct err *err, struct str secret)
{
	const struct str texts[] = { err->message, err->detail, err->param, err->code };

	for (size_t i = 0; i < COUNT(texts); i++)
		if (str_find(texts[i], secret, 0) != SIZE_MAX || secret_begun(texts[i], secret))
			return true;
	return err->cause && has_secret(err->cause, secret);
}

const struct err *
err_without(struct arena *arena, const struct err *err, struct str secret)
{
	struct err *copy;

	if (secret.len < SECRET_MIN || !has_secret(err, secret))
		return err;
	copy = arena_alloc(arena, sizeof(*copy));
	if (!copy)
		return &err_no_memory;
	*copy = *err;
	if (!hide(arena, &copy->message, secret) || !hide(arena, &copy->detail, secret) || !hide(arena, &copy->param, secret) || !hide(arena, &copy->code, secret))
		return &err_no_memory;
	copy->cause = err->cause ? err_without(arena, err->cause, secret) : NULL;
	return copy;
}

const char *
err_kind_name(enum err_kind kind)
{
	return kinds[kind].name;
}

int
err_http_status(const struct err *err)
{
	return kinds[err->kind].status;
}
