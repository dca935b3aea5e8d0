/*
 * provider.c - the list of providers, and which of them speaks.
 */
#include "gateway/openai_completions.h"
#include "gateway/openai_responses.h"
#include "gateway/openai_traits.h"

static const struct provider *const providers[] = { &provider_openai, &provider_azure, &provider_anthropic, &provider_gemini, &provider_vertex,
	&provider_bedrock, &provider_cohere, &provider_extractive };

const struct provider *
provider_find(struct str kind)
{
	for (size_t i = 0; i < COUNT(providers); i++)
		if (str_eq_c(kind, providers[i]->kind))
			return providers[i];
	for (size_t i = 0; i < providers_compatible_count; i++)
		if (str_eq_c(kind, providers_compatible[i].kind))
			return &providers_compatible[i];
	return NULL;
}

const struct provider *
provider_wire(const struct call *call, const struct target *target)
{
	if (call->dialect == DIALECT_OPENAI_COMPLETIONS && openai_completes(call, target))
		return &wire_openai_completions;
	if (call->dialect == DIALECT_OPENAI_RESPONSES && openai_responds(call, target))
		return &wire_openai_responses;
	return target->kind;
}

bool
provider_gets_barred(const struct call *call, const struct target *target)
{
	const struct provider *wire = provider_wire(call, target);

	return wire->openai && wire->dialect == call->dialect && !(wire->traits && wire->traits->functions_only);
}

/* Whether custom tools, whose input is text, are known to it: OpenAI's own wires know them. */
static bool
knows_custom_tools(const struct provider *wire)
{
	return wire->openai && !(wire->traits && wire->traits->functions_only);
}

/* The member of the request in which custom tools, or calls of them, stand; NULL: none. */
static const char *
custom_in(const struct call *call)
{
	for (const struct tool *tool = call->tools; tool; tool = tool->next)
		if (tool->custom)
			return "tools";
	for (const struct message *message = call->messages; message; message = message->next)
		for (const struct part *part = message->parts; part; part = part->next)
			if (part->custom)
				return call->dialect == DIALECT_OPENAI_RESPONSES ? "input" : "messages";
	return NULL;
}

static const struct err *
custom_fit(const struct call *call, const struct provider *wire, struct arena *arena)
{
	const char *member = knows_custom_tools(wire) ? NULL : custom_in(call);

	return member ? err_param(arena, ERR_UNSUPPORTED, member, "unsupported_tool", "%s: custom tools are not known to the %s provider of this model, only functions are", member, wire->kind) : NULL;
}

const struct err *
provider_fit(const struct call *call, const struct provider *wire, struct arena *arena)
{
	const struct err *err = call->foreign && wire != &wire_openai_responses ? call->foreign : custom_fit(call, wire, arena);

	return err ? err : openai_completions_fit(call, wire, arena);
}

/* Members of a chat completion, as the other dialects name them: wires speak of the former in their refusals. */
static const struct {
	const char *chat, *responses, *anthropic;
} members[] = {
	{ "messages", "input", NULL },
	{ "response_format", "text.format", "output_config.format" },
	{ "verbosity", "text.verbosity", NULL },
	{ "reasoning_effort", "reasoning.effort", "output_config.effort" },
	{ "logprobs", "include", NULL },
	{ "max_completion_tokens", "max_output_tokens", "max_tokens" },
	{ "stop", NULL, "stop_sequences" },
	{ "parallel_tool_calls", NULL, "tool_choice.disable_parallel_tool_use" },
};

static struct str
member_name(const struct call *call, struct str chat)
{
	if (call->dialect == DIALECT_OPENAI_RESPONSES && call->top_logprobs && str_eq_c(chat, "logprobs"))
		return STR("top_logprobs");
	if (call->dialect == DIALECT_ANTHROPIC && call->reasoning_tokens && str_eq_c(chat, "reasoning_effort"))
		return STR("thinking");
	for (size_t i = 0; i < COUNT(members); i++) {
		const char *name = call->dialect == DIALECT_ANTHROPIC ? members[i].anthropic : members[i].responses;

		if (name && str_eq_c(chat, members[i].chat))
			return str_of(name);
	}
	return chat;
}

/* The refusal with the member's name in the caller's dialect, which also leads the message: Anthropic's errors have no other place for it. */
static const struct err *
name_member(const struct call *call, struct arena *arena, const struct err *err)
{
	bool other = call->dialect == DIALECT_OPENAI_RESPONSES || call->dialect == DIALECT_ANTHROPIC;
	struct str name = err && err->param.len ? member_name(call, err->param) : STR_EMPTY;
	const char *param, *code;

	if (!other || !name.len || (str_eq(name, err->param) && str_starts(err->message, name)))
		return err;
	param = arena_cstr(arena, name);
	code = arena_cstr(arena, err->code);
	if (!param || !code)
		return &err_no_memory;
	return err_param(arena, err->kind, param, *code ? code : NULL, "%s: %" STR_F, param, STR_A(err->message));
}

const struct err *
provider_request(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out)
{
	const struct provider *wire = provider_wire(call, target);
	const struct err *err = provider_fit(call, wire, arena);

	return err ? err : name_member(call, arena, wire->request(call, target, arena, out));
}
