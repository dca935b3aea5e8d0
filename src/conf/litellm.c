/*
 * litellm.c - see litellm.h: the entry.
 *
 * The shape of the file that is read is LiteLLM's published one: model_list, router_settings, litellm_settings, general_settings, credential_list. Other sections are named
 * in notes.
 */
#include "conf/litellm_inside.h"

/* By line, those of one line as they were made: a merge sort of the list, which is in reverse. */
static struct litellm_note *
notes_sorted(struct litellm_note *list, size_t count)
{
	struct litellm_note *halves[2], *sorted = NULL, **tail = &sorted, *at = list;

	if (count < 2)
		return list;
	for (size_t i = 1; i < count / 2; i++)
		at = at->next;
	halves[1] = at->next;
	at->next = NULL;
	halves[0] = notes_sorted(list, count / 2);
	halves[1] = notes_sorted(halves[1], count - count / 2);
	while (halves[0] || halves[1]) {
		int from = !halves[0] || (halves[1] && halves[1]->line <= halves[0]->line);

		*tail = halves[from];
		halves[from] = halves[from]->next;
		tail = &(*tail)->next;
	}
	*tail = NULL;
	return sorted;
}

#define ENVIRONMENT_ADVICE "set these in the environment that corbel starts in; ${NAME} in the configuration takes them from there"

/* Sections. */
static const struct litellm_key sections[] = {
	{ "model_list", NULL },
	{ "router_settings", NULL },
	{ "litellm_settings", NULL },
	{ "general_settings", NULL },
	{ "credential_list", NULL },
	{ "environment_variables", ENVIRONMENT_ADVICE },
	{ "include", "import each of these files by itself, and put the providers and models together" },
	{ "guardrails", "there are no guardrails here yet" },
	{ "prompts", "there is no management of prompts here yet" },
	{ "mcp_servers", "there is no MCP gateway here yet" },
	{ "mcp_tools", "there is no MCP gateway here yet" },
	{ "vector_store_registry", "documents and vector stores are kept here: corbel ingest, or the Vector Stores API" },
	{ "vector_store_settings", "documents and vector stores are kept here: corbel ingest, or the Vector Stores API" },
	{ "files_settings", "files are kept here: the Files API needs no setting" },
	{ "finetune_settings", "fine-tuning is not passed on here" },
	{ "assistant_settings", "the Assistants API is not served: use the Responses API" },
	{ "callback_settings", "records and metrics are built in: corbel trace, corbel usage report, GET /metrics" },
};

bool
litellm_import(struct arena *arena, struct str source, struct str text, struct problems *problems, struct litellm_import *out)
{
	struct litellm it = { .arena = arena, .out = out, .timeout_s = -1, .stream_timeout_s = -1, .request_timeout_s = -1, .retry_after_s = -1, .cooldown_s = -1, .cache_ttl_s = -1, .retries = -1,
		.allowed_fails = -1 };
	struct yaml *root;

	*out = (struct litellm_import){ 0 };
	it.names_tail = &it.names;
	it.providers_tail = &it.providers;
	it.models_tail = &it.models;
	yaml_parse(arena, source, text, problems, &root);
	if (problems->count)
		return false;
	if (!root || root->kind != YAML_MAP) {
		problems_add(problems, source, root ? root->line : 1, root ? root->column : 1, "expected a configuration of LiteLLM's proxy: a map with a model_list");
		return false;
	}
	it.root = root;
	litellm_keys(&it, root, "", sections, COUNT(sections), false);
	litellm_settings_read(&it);
	litellm_models_read(&it);
	litellm_routes_read(&it);
	out->notes = it.notes = notes_sorted(it.notes, out->changed + out->left_out);
	out->yaml = litellm_write(&it, source);
	out->environment = it.names;
	map_fini(&it.names_known);
	map_fini(&it.providers_by_settings);
	map_fini(&it.providers_by_name);
	map_fini(&it.models_by_name);
	map_fini(&it.models_by_id);
	if (out->yaml.ptr)
		return true;
	problems_add(problems, source, 1, 1, "no memory to write it");
	return false;
}
