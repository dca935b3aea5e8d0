/*
 * limits.c - see limits.h. The names and forms of the headers: OpenAI's "Rate limits in headers", Anthropic's "Response headers".
 */
#include "api/limits.h"

#include "base/clock.h"

enum { DURATION_MAX = 64 };

static void
add_number(struct buf *out, long long number, const char *unit)
{
	char room[STR_I64_MAX];

	buf_add(out, str_of_i64(number, room));
	buf_add(out, str_of(unit));
}

/* A duration as OpenAI writes it: "12ms", "1.5s", "6m0s", "1h0m0s". */
static void
add_duration(struct buf *out, int64_t us)
{
	long long ms = (long long)((us > 0 ? us : 0) + USEC_PER_MS - 1) / USEC_PER_MS, seconds = ms / 1000;

	if (ms < 1000) {
		add_number(out, ms, "ms");
		return;
	}
	if (seconds >= 3600)
		add_number(out, seconds / 3600, "h");
	if (seconds >= 60)
		add_number(out, seconds / 60 % 60, "m");
	if (seconds < 60 && ms % 1000)
		buf_printf(out, "%lld.%03llds", seconds, ms % 1000);
	else
		add_number(out, seconds % 60, "s");
}

/* An instant as RFC 3339, to the second, rounded up. */
static void
add_instant(struct buf *out, int64_t wall_us)
{
	char text[CLOCK_TEXT_SIZE];

	clock_text(wall_us + USEC_PER_SEC - 1, text);
	buf_add(out, str_n(text, strlen("2026-01-01T00:00:00")));
	buf_add(out, STR("Z"));
}

enum limited { REQUESTS, TOKENS };

/* limit, remaining, reset */
static const struct str names[][2][3] = {
	[LIMIT_HEADERS_OPENAI] = {
		[REQUESTS] = { STR_INIT("x-ratelimit-limit-requests"), STR_INIT("x-ratelimit-remaining-requests"), STR_INIT("x-ratelimit-reset-requests") },
		[TOKENS] = { STR_INIT("x-ratelimit-limit-tokens"), STR_INIT("x-ratelimit-remaining-tokens"), STR_INIT("x-ratelimit-reset-tokens") },
	},
	[LIMIT_HEADERS_ANTHROPIC] = {
		[REQUESTS] = { STR_INIT("anthropic-ratelimit-requests-limit"), STR_INIT("anthropic-ratelimit-requests-remaining"), STR_INIT("anthropic-ratelimit-requests-reset") },
		[TOKENS] = { STR_INIT("anthropic-ratelimit-tokens-limit"), STR_INIT("anthropic-ratelimit-tokens-remaining"), STR_INIT("anthropic-ratelimit-tokens-reset") },
	},
};

static void
put(struct api_request *request, enum limit_headers headers, enum limited kind, const struct limit_figures *figures)
{
	const struct str *name = names[headers][kind];
	char room[STR_I64_MAX];
	struct buf reset;

	if (figures->limit == 0)
		return;
	http_answer_header(request->http, name[0], str_of_i64(figures->limit, room));
	http_answer_header(request->http, name[1], str_of_i64(figures->remaining, room));
	buf_init(&reset, request->arena, DURATION_MAX);
	if (headers == LIMIT_HEADERS_ANTHROPIC)
		add_instant(&reset, clock_wall_us() + figures->reset_us);
	else
		add_duration(&reset, figures->reset_us);
	http_answer_header(request->http, name[2], buf_str(&reset));
}

void
limits_put_headers(struct api_request *request, enum limit_headers headers, const struct limit_claim *claim)
{
	put(request, headers, REQUESTS, &claim->requests_left);
	put(request, headers, TOKENS, &claim->tokens_left);
}

MAY_PARK const struct err *
limits_enter(struct api_request *request, enum limit_headers headers, struct str model, struct str user, int64_t tokens, struct limit_claim **out)
{
	struct str id = access_user_id(request->arena, user);
	const struct err *err = id.ptr ? limit_model(request->identity, request->arena, model) : &err_no_memory;

	*out = NULL;
	if (err)
		return err;
	err = limit_admit(request->app->access, request->arena, request->identity, id, tokens, out);
	if (*out)
		limits_put_headers(request, headers, *out);
	return err;
}
