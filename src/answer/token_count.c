/*
 * token_count.c - see token_count.h. Counting costs nothing and answers nothing, so it leaves no record.
 */
#include "answer/token_count.h"

#include "gateway/anthropic_request.h"
#include "gateway/attempt.h"
#include "gateway/count.h"
#include "gateway/route.h"

enum { ANSWER_MAX = 64 * 1024, REQUEST_ARENA_MAX = 160 * 1024 * 1024 };

static MAY_PARK const struct err *
ask_anthropic(struct arena *arena, const struct conf_target *row, const struct call *call, int64_t *out)
{
	struct target target = { .provider = row->provider, .kind = &provider_anthropic, .model = row->model };
	struct http_call_spec spec = { 0 };
	enum failure_cause cause;
	const struct json *root = NULL;
	struct attempt_answer answer;
	const struct err *err = anthropic_http(call, &target, arena, "/v1/messages/count_tokens", &spec);

	if (!err)
		err = attempt_post(&target, arena, &spec, NULL, ANSWER_MAX, &answer, &cause);
	if (err)
		return err;
	*out = json_parse(arena, answer.body, &root) ? -1 : json_int(json_get(root, "input_tokens"), -1);
	return *out >= 0 ? NULL : err_new(arena, ERR_UPSTREAM, "the provider's answer has no input_tokens");
}

static bool
is_built_in(struct str model)
{
	return str_eq_c(model, "extractive") || str_starts(model, STR("collection/"));
}

/* The one service that counts for others is asked where the model's first target is there, and the conversation may go there at all. */
static bool
can_ask(const struct conf_model *model, const struct call *call, bool local_only)
{
	const struct conf_provider *provider = model && model->target_count ? model->targets[0].provider : NULL;

	return provider && call->dialect == DIALECT_ANTHROPIC && provider_find(conf_provider_kind(provider)) == &provider_anthropic &&
		route_allowed(provider, local_only || model->knowledge.local_only);
}

/* What no target of the model could be asked cannot be counted either: an estimate would leave it out. */
static const struct err *
check_extra(const struct conf_model *model, const struct call *call, struct arena *arena)
{
	bool known = !model || call->dialect != DIALECT_ANTHROPIC || !call->extra.len;
	const char *extra = arena_cstr(arena, call->extra);

	for (size_t i = 0; !known && i < model->target_count; i++)
		known = str_eq_c(conf_provider_kind(model->targets[i].provider), "anthropic");
	if (known || !extra)
		return known ? NULL : &err_no_memory;
	return err_param(arena, ERR_UNSUPPORTED, extra, "unsupported_parameter", "%s is not supported by the provider of this model, and its tokens cannot be counted", extra);
}

MAY_PARK const struct err *
token_count(const struct answer_services *services, struct arena *arena, const struct conf *conf, const struct call *call, bool local_only, int64_t *out)
{
	const struct conf_model *model = conf_model(conf, call->model);
	enum tokens_how how;
	const struct err *err;

	if (call->model.len && (!model || model->type != CONF_MODEL_CHAT) && !is_built_in(call->model))
		return err_param(arena, ERR_NOT_FOUND, "model", "model_not_found", "the model '%" STR_F "' does not exist here; GET /v1/models lists those that do", STR_A(call->model));
	if (can_ask(model, call, local_only)) {
		struct arena *scratch = arena_new_below(arena, REQUEST_ARENA_MAX); /* the request is written once more */

		return scratch ? ask_anthropic(scratch, &model->targets[0], call, out) : &err_no_memory;
	}
	err = check_extra(model, call, arena);
	if (err)
		return err;
	*out = call_tokens(services->tokenizers, arena, call, false, model && model->target_count ? model->targets[0].model : call->model, &how);
	return NULL;
}
