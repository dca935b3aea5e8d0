/*
 * anthropic_errors.c - errors as Anthropic words them. Its types and statuses belong together, and differ from ours in two places: what is overloaded is 529, and every failure behind the
 * API is 500.
 */
#include "api/anthropic.h"

struct kind {
	const char *type;
	int status;
};

static struct kind
kind_of(const struct err *err)
{
	switch (err->kind) {
	case ERR_UNAUTHENTICATED:
		return (struct kind){ "authentication_error", 401 };
	case ERR_QUOTA:
		return (struct kind){ "billing_error", 402 };
	case ERR_FORBIDDEN:
		return (struct kind){ "permission_error", 403 };
	case ERR_NOT_FOUND:
		return (struct kind){ "not_found_error", 404 };
	case ERR_TOO_LARGE:
		return (struct kind){ "request_too_large", 413 };
	case ERR_RATE_LIMITED:
		return (struct kind){ "rate_limit_error", 429 };
	case ERR_TIMEOUT:
		return (struct kind){ "timeout_error", 504 };
	case ERR_BUSY:
	case ERR_UNAVAILABLE:
	case ERR_NO_MEMORY:
	case ERR_CANCELLED:
		return (struct kind){ "overloaded_error", 529 };
	case ERR_INVALID:
	case ERR_UNSUPPORTED:
	case ERR_METHOD:
	case ERR_CONFLICT:
	case ERR_PRECONDITION:
		return (struct kind){ "invalid_request_error", err_http_status(err) };
	default:
		return (struct kind){ "api_error", 500 };
	}
}

/*
 * What a program may branch on. A conversation that the server is to hold (a "thread") is refused by all that do not hold it with the code at which clients go on without.
 */
static struct str
error_code(const struct err *err)
{
	return err->kind == ERR_UNSUPPORTED && str_eq_c(err->param, "thread") ? STR("thread_unsupported_request") : err->code;
}

static void
write_anthropic(struct json_out *out, const struct err *err, struct str request_id)
{
	json_begin_object(out);
	json_set_string(out, "type", STR("error"));
	json_set_object(out, "error");
	json_set_string(out, "type", str_of(kind_of(err).type));
	json_set_string(out, "message", err->message);
	if (error_code(err).len) {
		json_set_object(out, "details");
		json_set_string(out, "error_code", error_code(err));
		json_end_object(out);
	}
	json_end_object(out);
	json_set_string(out, "request_id", request_id);
	json_end_object(out);
}

static int
status_anthropic(const struct err *err)
{
	return kind_of(err).status;
}

const struct error_shape anthropic_errors = { write_anthropic, status_anthropic, "AnthropicError" };
