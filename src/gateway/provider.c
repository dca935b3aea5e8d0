/*
 * provider.c - the list of providers, and what their files share.
 */
#include "gateway/provider.h"

#include "base/clock.h"

static const struct provider *const providers[] = { &provider_openai, &provider_anthropic, &provider_extractive };

const struct provider *
provider_find(struct str kind)
{
	for (size_t i = 0; i < COUNT(providers); i++)
		if (str_eq_c(kind, providers[i]->kind))
			return providers[i];
	return NULL;
}

struct str
provider_url(struct arena *arena, struct str base_url, const char *path)
{
	size_t query = str_find_byte(base_url, '?', 0);
	struct str base = str_slice(base_url, 0, query);

	while (base.len && base.ptr[base.len - 1] == '/')
		base.len--;
	return arena_printf(arena, "%" STR_F "%s%" STR_F, STR_A(base), path, STR_A(str_slice(base_url, query, base_url.len)));
}

/* Retry-After in seconds, or retry-after-ms; dates are not read: providers send numbers. */
static int64_t
retry_after_us(const struct http_headers *headers)
{
	struct str ms = http_header_get(headers, STR("retry-after-ms"));
	struct str seconds = http_header_get(headers, STR("retry-after"));
	double value;

	if (ms.ptr && str_to_f64(ms, &value) && value > 0 && value < 1e9)
		return (int64_t)(value * (double)USEC_PER_MS);
	if (seconds.ptr && str_to_f64(seconds, &value) && value > 0 && value < 1e6)
		return (int64_t)(value * (double)USEC_PER_SEC);
	return 0;
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

const struct err *
failure_from_status(struct arena *arena, int status, const struct http_headers *headers, struct str message, struct str code)
{
	struct err *err = arena_zalloc(arena, sizeof(*err));

	if (!err)
		return &err_no_memory;
	*err = *err_new(arena, kind_of_status(status), "%s%" STR_F,
		status == 401 || status == 403 ? "the provider refused corbel's credentials (api_key of the provider in the configuration): " : "",
		STR_A(message.len ? message : STR("the provider gave no reason")));
	err->code = code.len ? arena_dup(arena, code) : STR_EMPTY;
	err->detail = arena_printf(arena, "upstream status %d", status);
	err->retry_after_us = retry_after_us(headers);
	return err;
}
