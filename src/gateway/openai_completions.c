/*
 * openai_completions.c - legacy completions to targets that serve them: the request goes out as it came, and so do the frames of the answer.
 *
 * Wire: OpenAI's API reference, "Completions". Everywhere else a completion is a chat of one message by the user, which any provider's file writes; what a chat cannot say is refused
 * here, for all of them.
 */
#include "gateway/openai_completions.h"

#include "gateway/provider_openai.h"

/* What OpenAI itself serves at this endpoint ("Models", "Deprecations"): its other models answer there with 404. */
static bool
is_legacy_model(struct str model)
{
	static const char *const names[] = { "gpt-3.5-turbo-instruct", "davinci-002", "babbage-002" };
	bool found = false;

	if (str_starts(model, STR("ft:")))
		model = str_slice(model, 3, model.len);
	for (size_t i = 0; i < COUNT(names); i++)
		found = found || str_starts(model, str_of(names[i]));
	return found;
}

bool
openai_completes(const struct call *call, const struct target *target)
{
	const struct conf_provider *provider = target->provider;

	if (!provider || call->passages || !target->kind->address || !conf_provider_has(provider, CONF_API_COMPLETIONS))
		return false;
	return !str_eq_c(conf_provider_kind(provider), "openai") || !provider->public || is_legacy_model(target->model);
}

const struct err *
openai_completions_fit(const struct call *call, const struct provider *wire, struct arena *arena)
{
	bool prompt = str_eq_c(call->extra, "prompt");

	if (call->dialect != DIALECT_OPENAI_COMPLETIONS || wire->dialect == DIALECT_OPENAI_COMPLETIONS || !call->extra.len)
		return NULL;
	return err_param(arena, ERR_UNSUPPORTED, arena_cstr(arena, call->extra), "unsupported_parameter",
		"%" STR_F "%s: this model is asked as a chat of one message, where that cannot be said; leave it out, or ask a model whose provider serves completions", STR_A(call->extra),
		prompt ? " (tokens, or several prompts)" : "");
}

/* A prompt that goes on from the text so far cannot be echoed a second time, and one of tokens has no end to write on. */
static const struct err *
check_continuation(const struct call *call, struct arena *arena)
{
	if (!call->changed || (!call->prompt_tokens && !json_bool(json_get(call->source, "echo"), false)))
		return NULL;
	return err_param(arena, ERR_UNSUPPORTED, "prompt", "unsupported_parameter", "a completion of tokens, or with echo, that broke off cannot be continued");
}

static const struct err *
completions_request(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out)
{
	const struct err *err = check_continuation(call, arena);

	if (!err)
		err = openai_write(call, target, DIALECT_OPENAI_COMPLETIONS, arena, out);
	return err ? err : target->kind->address(target, "/completions", arena, out);
}

const struct provider wire_openai_completions = {
	.kind = "openai",
	.openai = true,
	.dialect = DIALECT_OPENAI_COMPLETIONS,
	.request = completions_request,
	.frame = openai_frame,
	.end = openai_end,
	.body = openai_body,
	.failure = openai_failure,
};
