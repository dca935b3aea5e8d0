/*
 * limits.c - see limits.h. The names and forms of the headers: OpenAI's "Rate limits in headers", Anthropic's "Response headers".
 */
#include "api/limits.h"

#include "base/clock.h"

struct str
limits_duration(struct arena *arena, int64_t us)
{
	long long ms = (long long)((us > 0 ? us : 0) + USEC_PER_MS - 1) / USEC_PER_MS, seconds = ms / 1000;

	if (ms < 1000)
		return arena_printf(arena, "%lldms", ms);
	if (seconds < 60)
		return ms % 1000 ? arena_printf(arena, "%lld.%03llds", seconds, ms % 1000) : arena_printf(arena, "%llds", seconds);
	if (seconds < 3600)
		return arena_printf(arena, "%lldm%llds", seconds / 60, seconds % 60);
	return arena_printf(arena, "%lldh%lldm%llds", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

/* An instant as RFC 3339, to the second, rounded up. */
static struct str
instant(struct arena *arena, int64_t wall_us)
{
	char text[CLOCK_TEXT_SIZE];

	clock_text(wall_us + USEC_PER_SEC - 1, text);
	return arena_printf(arena, "%.19sZ", text);
}

static void
put(struct api_request *request, enum limit_headers headers, const char *kind, const struct limit_figures *figures)
{
	struct arena *arena = request->arena;
	struct str limit, left, of = str_of(kind);
	char limit_room[STR_I64_MAX], left_room[STR_I64_MAX];

	if (figures->limit == 0)
		return;
	limit = arena_dup(arena, str_of_i64(figures->limit, limit_room));
	left = arena_dup(arena, str_of_i64(figures->remaining, left_room));
	if (headers == LIMIT_HEADERS_ANTHROPIC) {
		http_answer_header(request->http, arena_concat(arena, STR("anthropic-ratelimit-"), of, STR("-limit")), limit);
		http_answer_header(request->http, arena_concat(arena, STR("anthropic-ratelimit-"), of, STR("-remaining")), left);
		http_answer_header(request->http, arena_concat(arena, STR("anthropic-ratelimit-"), of, STR("-reset")), instant(arena, clock_wall_us() + figures->reset_us));
		return;
	}
	http_answer_header(request->http, arena_concat(arena, STR("x-ratelimit-limit-"), of), limit);
	http_answer_header(request->http, arena_concat(arena, STR("x-ratelimit-remaining-"), of), left);
	http_answer_header(request->http, arena_concat(arena, STR("x-ratelimit-reset-"), of), limits_duration(arena, figures->reset_us));
}

void
limits_put_headers(struct api_request *request, enum limit_headers headers, const struct limit_claim *claim)
{
	put(request, headers, "requests", &claim->requests_left);
	put(request, headers, "tokens", &claim->tokens_left);
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
