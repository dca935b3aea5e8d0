/*
 * err.h - what went wrong, as a value. NULL is success.
 *
 * An error lives in the arena of the request it belongs to; the static ones serve where memory is out or nothing needs to be said. A missing
 * row is a result, not an error. Libraries below api pass errors on and never log; the last stage logs once.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

enum err_kind {
	ERR_INVALID,         /* the caller's input is wrong: 400 */
	ERR_UNAUTHENTICATED, /* no key, or not a valid one: 401 */
	ERR_QUOTA,           /* a budget is spent: 402 */
	ERR_FORBIDDEN,       /* a valid key without the scope: 403 */
	ERR_NOT_FOUND,       /* 404 */
	ERR_METHOD,          /* the path is there, not this method: 405 */
	ERR_CONFLICT,        /* 409 */
	ERR_PRECONDITION,    /* what If-Match or If-None-Match asks for does not hold: 412 */
	ERR_TOO_LARGE,       /* over a declared limit: 413 */
	ERR_UNSUPPORTED,     /* understood, but this target or build cannot do it: 400 (415 for a media type) */
	ERR_RATE_LIMITED,    /* 429 */
	ERR_CANCELLED,       /* the client left or the server stops: 499 in logs, 503 if anyone still listens */
	ERR_INTERNAL,        /* our fault: 500 */
	ERR_UPSTREAM,        /* a provider failed or spoke nonsense: 502 */
	ERR_BUSY,            /* a bounded queue is full: 503 */
	ERR_UNAVAILABLE,     /* the store, a model or a provider cannot be had now: 503 */
	ERR_TIMEOUT,         /* a deadline passed: 504 */
	ERR_NO_MEMORY,       /* an arena's cap: 503 */
	ERR_IO,              /* disk or socket: 500 */
	ERR_UNKNOWN_OUTCOME, /* a commit was sent and the answer lost: 500, never guessed */
	ERR_KINDS
};

struct err {
	enum err_kind kind;
	bool retryable;
	int64_t retry_after_us;  /* 0: not said */
	struct str message;      /* for the caller: what is wrong and what to do. No secret, no internals */
	struct str detail;       /* for our log only */
	struct str param;        /* the field of the input that is wrong, or empty */
	struct str code;         /* a machine-readable code of the protocol ("model_not_found"), or empty */
	const struct err *cause; /* what lies below, or NULL */
};

/* A new error in the arena; err_no_memory when the arena is full. `retryable` follows from the kind. */
const struct err *err_new(struct arena *arena, enum err_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* As err_new, with the field that is wrong and a protocol code (either may be NULL). */
const struct err *err_param(struct arena *arena, enum err_kind kind, const char *param, const char *code, const char *format, ...)
	PRINTF_LIKE(5, 6);

/* The same error with a private detail for the log. */
const struct err *err_detail(struct arena *arena, const struct err *err, const char *format, ...) PRINTF_LIKE(3, 4);

/* A new error over `cause`, whose kind, retryability and retry-after it takes. */
const struct err *err_wrap(struct arena *arena, const struct err *cause, const char *format, ...) PRINTF_LIKE(3, 4);

/* A copy into another arena, causes included: an error that is to outlive its request. */
const struct err *err_copy(struct arena *arena, const struct err *err);

/*
 * The error with "(hidden)" wherever one of its texts has the secret, those of its causes too, and where a text that was cut ends with the secret's first part. Itself where none has; a secret under 8 bytes
 * would be found in any text, and is not looked for.
 */
const struct err *err_without(struct arena *arena, const struct err *err, struct str secret);

/* "timeout", "not_found"…: for logs, metrics and traces. */
const char *err_kind_name(enum err_kind kind);

/* The HTTP status of an error's kind. */
int err_http_status(const struct err *err);

extern const struct err err_no_memory, err_cancelled, err_timeout, err_busy, err_internal;
