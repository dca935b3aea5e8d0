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

/* Whether custom tools, whose input is text, are known to it: OpenAI's own wires know them. */
static bool
knows_custom_tools(const struct provider *wire)
{
	return wire == &wire_openai_responses || (wire->address && !(wire->traits && wire->traits->functions_only));
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

const struct err *
provider_request(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out)
{
	const struct provider *wire = provider_wire(call, target);
	const struct err *err = provider_fit(call, wire, arena);

	return err ? err : wire->request(call, target, arena, out);
}
