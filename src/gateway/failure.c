/*
 * failure.c - what a provider's refusal means: an error for the client, and a cause for routing.
 *
 * Services agree on statuses and on little else. Codes and phrases below are those of OpenAI, Azure, Anthropic, vLLM and llama.cpp; a provider whose words differ sets the
 * cause in its own file.
 */
#include "base/clock.h"
#include "gateway/provider.h"

static const char *const names[FAILURE_CAUSES] = { "none", "error", "timeout", "rate_limit", "context_window", "content_filter", "credentials", "unsupported", "request",
	"cancelled" };

const char *
failure_cause_name(enum failure_cause cause)
{
	return names[cause];
}

enum { RETRY_AFTER_MAX_S = 1000000 };

/* A provider may ask for any time: it is not forgotten for being too long. */
static int64_t
at_most(int64_t us)
{
	return us < RETRY_AFTER_MAX_S * USEC_PER_SEC ? us : RETRY_AFTER_MAX_S * USEC_PER_SEC;
}

/* Until a date, by the server's own clock where it tells its time: ours may differ. */
static int64_t
until_us(const struct http_headers *headers, struct str date)
{
	int64_t at_us, now_us;

	if (!http_date_parse(date, &at_us))
		return 0;
	if (!http_date_parse(http_header_get(headers, STR("date")), &now_us))
		now_us = clock_wall_us();
	return at_us > now_us ? at_most(at_us - now_us) : 0;
}

int64_t
failure_retry_after_us(const struct http_headers *headers)
{
	struct str ms = http_header_get(headers, STR("retry-after-ms"));
	struct str seconds = http_header_get(headers, STR("retry-after"));
	double value;

	if (ms.ptr && str_to_f64(ms, &value) && value > 0)
		return value < 1e9 ? (int64_t)(value * (double)USEC_PER_MS) : at_most(INT64_MAX);
	if (!seconds.ptr || !str_to_f64(seconds, &value))
		return until_us(headers, seconds);
	if (!(value > 0))
		return 0;
	return value < RETRY_AFTER_MAX_S ? (int64_t)(value * (double)USEC_PER_SEC) : at_most(INT64_MAX);
}

static enum err_kind
kind_of_status(int status)
{
	switch (status) {
	case 401:
	case 403:
		return ERR_UPSTREAM; /* our credentials at the provider: not the caller's fault */
	case 404:
		return ERR_NOT_FOUND;
	case 408:
	case 504:
		return ERR_TIMEOUT;
	case 413:
		return ERR_TOO_LARGE;
	case 429:
		return ERR_RATE_LIMITED;
	case 503:
	case 529: /* Anthropic: overloaded */
		return ERR_UNAVAILABLE;
	default:
		return status >= 400 && status < 500 ? ERR_INVALID : ERR_UPSTREAM;
	}
}

static bool
says_one_of(struct str text, const char *const *list)
{
	for (; *list; list++)
		if (str_find(text, str_of(*list), 0) != SIZE_MAX)
			return true;
	return false;
}

static bool
is_context_window(struct str code, struct str message)
{
	static const char *const codes[] = { "context_length_exceeded", "exceed_context_size_error" };
	static const char *const phrases[] = { "maximum context length", "prompt is too long", "exceed context limit", "exceeds the available context size", NULL };

	return str_in(code, codes, COUNT(codes)) || says_one_of(message, phrases);
}

static bool
is_content_filter(struct str code)
{
	static const char *const codes[] = { "content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation" };

	return str_in(code, codes, COUNT(codes));
}

static enum failure_cause
cause_of_refusal(int status, const struct err *err)
{
	if (is_context_window(err->code, err->message) || status == 413)
		return FAILURE_CONTEXT_WINDOW;
	if (is_content_filter(err->code))
		return FAILURE_CONTENT_FILTER;
	if (status == 401 || status == 402 || status == 403 || status == 404)
		return FAILURE_CREDENTIALS;
	return failure_cause_of(err);
}

enum failure_cause
failure_cause_of(const struct err *err)
{
	if (is_content_filter(err->code))
		return FAILURE_CONTENT_FILTER;
	switch (err->kind) {
	case ERR_CANCELLED:
		return FAILURE_CANCELLED;
	case ERR_TIMEOUT:
		return FAILURE_TIMEOUT;
	case ERR_RATE_LIMITED:
	case ERR_BUSY:
		return FAILURE_RATE_LIMIT;
	case ERR_UNSUPPORTED:
		return FAILURE_UNSUPPORTED;
	case ERR_UPSTREAM:
	case ERR_UNAVAILABLE:
	case ERR_INTERNAL:
	case ERR_IO:
		return FAILURE_ERROR;
	default:
		return FAILURE_REQUEST;
	}
}

void
failure_from_status(struct arena *arena, int status, const struct http_headers *headers, struct str message, struct str code, struct failure *out)
{
	struct err *err = arena_zalloc(arena, sizeof(*err));

	*out = (struct failure){ &err_no_memory, FAILURE_REQUEST };
	if (!err)
		return;
	*err = *err_new(arena, kind_of_status(status), "%s%" STR_F,
		status == 401 || status == 403 ? "the provider refused corbel's credentials (api_key of the provider in the configuration): " : "",
		STR_A(message.len ? message : STR("the provider gave no reason")));
	err->code = code.len ? arena_dup(arena, code) : STR_EMPTY;
	err->detail = arena_printf(arena, "upstream status %d", status);
	err->retry_after_us = failure_retry_after_us(headers);
	out->err = err;
	out->cause = cause_of_refusal(status, err);
	if (out->cause == FAILURE_CONTEXT_WINDOW)
		err->code = STR("context_length_exceeded");
}
