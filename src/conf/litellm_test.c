/*
 * litellm_test.c - what of LiteLLM's configurations is taken over, what is told of the rest, and that the result is always a configuration.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "conf/conf.h"
#include "conf/litellm.h"
#include "conf/models.h"

static const char *const levels[] = { "debug", "info", NULL };
enum { ADMIN_KEY, LEVEL };
static const struct setting rows[] = {
	[ADMIN_KEY] = { .name = "access.admin_key", .type = SETTING_STRING, .initial = "", .max = "256", .secret = true },
	[LEVEL] = { .name = "log.level", .type = SETTING_CHOICE, .initial = "info", .choices = levels },
};
static const struct setting_table table = SETTING_TABLE(rows);
static const struct setting_table *const tables[] = { &table, NULL };
static const char *const environment[] = { "OPENAI_API_KEY=k-openai", "ANTHROPIC_API_KEY=k-anthropic", "MASTER=k-master-key", "BASE=https://east.example.com/v1/", "AZURE_API_KEY=k-azure",
	"AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=secret", "GROQ_API_KEY=k-groq", NULL };

struct fixture {
	struct arena *arena;
	struct problems problems;
	struct litellm_import made;
	struct conf *conf;
};

static int
fixture_open(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	f->arena = arena_new(MIB(64));
	problems_init(&f->problems, f->arena);
	*state = f;
	return 0;
}

static int
fixture_close(void **state)
{
	struct fixture *f = *state;

	conf_unref(f->conf);
	arena_free(f->arena);
	free(f);
	return 0;
}

/* Imports, and loads what was made: it is a configuration without a mistake. */
static void
import(struct fixture *f, const char *text)
{
	struct conf_spec spec = { .path = STR("made.yaml"), .tables = tables, .environment = environment };

	assert_true(litellm_import(f->arena, STR("config.yaml"), str_of(text), &f->problems, &f->made));
	(void)conf_parse(&spec, f->made.yaml, &f->problems, &f->conf);
	if (f->problems.first)
		print_message("%.*s\n%.*s\n", STR_A(problem_text(f->arena, f->problems.first)), STR_A(f->made.yaml));
	assert_int_equal(f->problems.count, 0);
}

static const struct conf_model *
model(struct fixture *f, const char *name)
{
	const struct conf_model *found = conf_model(f->conf, str_of(name));

	assert_non_null(found);
	return found;
}

/* The note of a setting, whose text has `part`. */
static void
told(struct fixture *f, enum litellm_note_kind kind, unsigned line, const char *setting, const char *part)
{
	for (const struct litellm_note *note = f->made.notes; note; note = note->next)
		if (note->kind == kind && note->line == line && str_eq_c(note->setting, setting) && str_find(note->text, str_of(part), 0) != SIZE_MAX)
			return;
	for (const struct litellm_note *note = f->made.notes; note; note = note->next)
		print_message("%u %.*s: %.*s\n", note->line, STR_A(note->setting), STR_A(note->text));
	fail_msg("no note of line %u, %s: %s", line, setting, part);
}

/* By their mode, or by their names. */
static void
models_are_for_what_they_say(void **state)
{
	struct fixture *f = *state;

	import(f, "model_list:\n"
		  "  - model_name: rank\n    litellm_params: {model: cohere/rank-x, api_key: k}\n    model_info: {mode: rerank}\n"
		  "  - model_name: rank-2\n    litellm_params: {model: cohere/rerank-x, api_key: k}\n"
		  "  - model_name: guard\n    litellm_params: {model: openai/omni-moderation-x, api_key: k}\n"
		  "  - model_name: chat\n    litellm_params: {model: openai/rerank-x, api_key: k}\n    model_info: {mode: chat}\n"
		  "  - model_name: none\n    litellm_params: {model: anthropic/x, api_key: k}\n    model_info: {mode: rerank}\n"
		  "  - model_name: embed\n    litellm_params: {model: gemini/gemini-embedding-001, api_key: k}\n    model_info: {mode: embedding}\n"
		  "  - model_name: embed\n    litellm_params: {model: cohere/embed-v4.0, api_key: k, api_base: \"https://api.cohere.com/v2/embed\"}\n    model_info: {mode: embedding}\n"
		  "  - model_name: titan\n    litellm_params: {model: \"bedrock/amazon.titan-embed-text-v2:0\", aws_region_name: us-east-1, aws_access_key_id: a, aws_secret_access_key: s}\n"
		  "    model_info: {mode: embedding}\n"
		  "  - model_name: nova\n    litellm_params: {model: \"bedrock/amazon.nova-2-multimodal-embeddings-v1:0\", aws_region_name: us-east-1, aws_access_key_id: a, aws_secret_access_key: s}\n"
		  "    model_info: {mode: embedding}\n"
		  "  - model_name: images\n    litellm_params: {model: vertex_ai/multimodalembedding, vertex_credentials: /c.json}\n    model_info: {mode: embedding}\n");
	assert_int_equal(model(f, "rank")->type, CONF_MODEL_RERANK);
	assert_int_equal(model(f, "rank-2")->type, CONF_MODEL_RERANK);
	assert_int_equal(model(f, "guard")->type, CONF_MODEL_MODERATIONS);
	assert_int_equal(model(f, "chat")->type, CONF_MODEL_CHAT);
	assert_null(conf_model(f->conf, STR("none")));
	assert_int_equal(model(f, "embed")->type, CONF_MODEL_EMBEDDINGS);
	assert_int_equal(model(f, "embed")->target_count, 2);
	assert_true(str_eq_c(model(f, "embed")->targets[1].provider->base_url, "https://api.cohere.com"));
	assert_true(str_eq_c(model(f, "titan")->targets[0].model, "amazon.titan-embed-text-v2:0"));
	told(f, LITELLM_LEFT_OUT, 25, "litellm_params.model", "Titan's for texts and Cohere's");
	told(f, LITELLM_LEFT_OUT, 28, "litellm_params.model", "only Google's own models");
	told(f, LITELLM_CHANGED, 6, "litellm_params.model", "taken for a model of rerank by its name");
	told(f, LITELLM_LEFT_OUT, 13, "litellm_params.model", "needs a kind of provider that serves this");
}

static void
deployments_of_one_name_are_targets_of_one_model(void **state)
{
	struct fixture *f = *state;
	const struct conf_model *m;

	import(f, "model_list:\n"
		  "  - model_name: gpt\n    litellm_params: {model: openai/gpt-x, api_key: os.environ/OPENAI_API_KEY, weight: 3, max_parallel_requests: 7}\n"
		  "  - model_name: gpt\n    litellm_params: {model: openai/gpt-x, api_base: os.environ/BASE, api_key: sk-literal, timeout: 5, stream_timeout: 0.5}\n"
		  "  - model_name: claude\n    litellm_params: {model: anthropic/claude-x}\n");
	m = model(f, "gpt");
	assert_int_equal(m->target_count, 2);
	assert_true(str_eq_c(m->targets[0].provider->api_key, "k-openai") && str_eq_c(m->targets[0].provider->base_url, "https://api.openai.com/v1"));
	assert_int_equal(m->targets[0].weight, 3);
	assert_int_equal(m->targets[0].concurrency, 7);
	assert_true(str_eq_c(m->targets[1].provider->api_key, "sk-literal") && str_eq_c(m->targets[1].provider->base_url, "https://east.example.com/v1"));
	assert_int_equal(m->targets[1].provider->headers_timeout_us, 5000000);
	assert_int_equal(m->targets[1].provider->idle_timeout_us, 500000);
	m = model(f, "claude");
	assert_true(str_eq_c(conf_provider_kind(m->targets[0].provider), "anthropic") && str_eq_c(m->targets[0].provider->api_key, "k-anthropic"));
	assert_int_equal(f->made.left_out, 0);
}

static void
deployments_that_agree_share_a_provider(void **state)
{
	struct fixture *f = *state;
	size_t count;

	import(f, "model_list:\n"
		  "  - {model_name: a, litellm_params: {model: openai/a}}\n"
		  "  - {model_name: b, litellm_params: {model: gpt-b}}\n"
		  "  - {model_name: c, litellm_params: {model: openai/c, api_key: other-key}}\n"
		  "  - {model_name: a, litellm_params: {model: openai/a}}\n");
	conf_providers(f->conf, &count);
	assert_int_equal(count, 2);
	assert_int_equal(model(f, "a")->target_count, 1);
	assert_int_equal(f->made.changed, 1); /* the two of "a" are one */
}

static void
a_price_a_token_is_one_of_a_million(void **state)
{
	struct fixture *f = *state;
	const struct conf_price *price;

	import(f, "model_list:\n"
		  "  - model_name: a\n    litellm_params: {model: openai/a, input_cost_per_token: 0.000003, output_cost_per_token: 1.5e-05}\n"
		  "    model_info: {cache_read_input_token_cost: 3e-07}\n"
		  "  - model_name: b\n    litellm_params: {model: openai/b, input_cost_per_token: 0.000003, output_cost_per_token: 1.5e-05, input_cost_per_audio_token: 4e-05}\n"
		  "  - model_name: c\n    litellm_params: {model: openai/rerank-c, input_cost_per_query: 0.002}\n    model_info: {mode: rerank}\n");
	price = &model(f, "b")->targets[0].price;
	assert_true(price->audio_input > 39.9999 && price->audio_input < 40.0001 && price->audio_output == price->output && price->image_input == price->input);
	price = &model(f, "c")->targets[0].price;
	assert_true(price->given && price->search > 1.99999 && price->search < 2.00001 && price->input == 0);
	price = &model(f, "a")->targets[0].price;
	assert_true(price->given && price->input > 2.999999 && price->input < 3.000001 && price->output > 14.99999 && price->output < 15.00001);
	assert_true(price->cached_input > 0.2999999 && price->cached_input < 0.3000001 && price->cache_write > 2.999999 && price->cache_write < 3.000001);
}

static void
rates_become_shares_and_the_limits_are_told(void **state)
{
	struct fixture *f = *state;

	import(f, "model_list:\n"
		  "  - {model_name: a, litellm_params: {model: openai/a, rpm: 900}}\n"
		  "  - {model_name: a, litellm_params: {model: azure/b, api_base: \"https://r.openai.azure.com/\", rpm: 1_00}}\n");
	assert_int_equal(model(f, "a")->targets[0].weight, 900);
	assert_int_equal(model(f, "a")->targets[1].weight, 100);
	assert_true(str_eq_c(model(f, "a")->targets[1].provider->base_url, "https://r.openai.azure.com"));
	told(f, LITELLM_CHANGED, 1, "model_list", "not limits");
}

static void
an_order_is_a_list_that_is_gone_through(void **state)
{
	struct fixture *f = *state;

	import(f, "model_list:\n"
		  "  - {model_name: a, litellm_params: {model: openai/second, order: 2}}\n"
		  "  - {model_name: a, litellm_params: {model: openai/first, order: 1}}\n");
	assert_int_equal(model(f, "a")->route.strategy, CONF_PRIORITY);
	assert_true(str_eq_c(model(f, "a")->targets[0].model, "first"));
}

static void
routes_are_those_of_every_model(void **state)
{
	struct fixture *f = *state;
	const struct conf_route *route;

	import(f, "model_list:\n"
		  "  - {model_name: a, litellm_params: {model: openai/a}}\n"
		  "  - {model_name: a, litellm_params: {model: groq/a}}\n"
		  "  - {model_name: b, litellm_params: {model: openai/b}}\n"
		  "  - {model_name: c, litellm_params: {model: openai/c, num_retries: 1}}\n"
		  "router_settings:\n"
		  "  routing_strategy: latency-based-routing\n"
		  "  num_retries: 3\n  retry_after: 2\n  timeout: 30\n  allowed_fails: 4\n  cooldown_time: 60\n"
		  "  model_group_alias: {gpt-4: a, hidden-one: {model: b, hidden: true}}\n"
		  "  fallbacks: [{gpt-4: [b]}, {b: [a]}, {c: [c]}]\n"
		  "litellm_settings:\n"
		  "  context_window_fallbacks: [{a: [c]}]\n"
		  "  content_policy_fallbacks: [{a: [c]}]\n"
		  "  default_fallbacks: [c]\n");
	route = &model(f, "a")->route;
	assert_int_equal(route->strategy, CONF_LEAST_LATENCY);
	assert_int_equal(route->retry.max, 3);
	assert_int_equal(route->retry.backoff_us, 2000000);
	assert_int_equal(route->fallback_count, 4);
	assert_int_equal(route->fallbacks[0].on, CONF_ON_CONTEXT_WINDOW);
	assert_int_equal(route->fallbacks[1].on, CONF_ON_CONTENT_FILTER);
	assert_int_equal(route->fallbacks[2].on, CONF_ON_ANY);
	assert_true(str_eq_c(route->fallbacks[2].name, "b") && str_eq_c(route->fallbacks[3].name, "c"));
	assert_int_equal(model(f, "c")->route.retry.max, 1);
	assert_int_equal(model(f, "gpt-4")->route.split_count, 1);
	assert_int_equal(model(f, "a")->targets[0].provider->headers_timeout_us, 30000000);
	assert_int_equal(model(f, "a")->targets[0].provider->breaker.failures, 5);
	assert_int_equal(model(f, "a")->targets[0].provider->breaker.open_us, 60000000);
	route = &model(f, "b")->route;
	assert_int_equal(route->fallback_count, 2);
	assert_true(str_eq_c(route->fallbacks[0].name, "a") && str_eq_c(route->fallbacks[1].name, "c"));
	told(f, LITELLM_LEFT_OUT, 14, "router_settings.fallbacks", "from \"c\" to \"c\"");
	told(f, LITELLM_CHANGED, 13, "model_group_alias.hidden-one", "not hidden");
}

static void
what_has_no_counterpart_is_named_with_its_line(void **state)
{
	struct fixture *f = *state;

	import(f, "model_list:\n"
		  "  - model_name: openai/*\n    litellm_params: {model: openai/*}\n"
		  "  - model_name: a\n    litellm_params:\n      model: openai/a\n      temperature: 0.2\n      tags: [x]\n      unheard_of: 1\n"
		  "  - model_name: b\n    litellm_params: {model: sagemaker/b}\n"
		  "  - model_name: c\n    litellm_params: {model: openai/whisper-1}\n"
		  "litellm_settings:\n  cache: false\n  success_callback: [langfuse]\n"
		  "general_settings:\n  master_key: sk-1234\n  database_url: postgresql://u:secret@h/d\n"
		  "guardrails: []\n");
	told(f, LITELLM_LEFT_OUT, 2, "model_list.model_name", "wildcards");
	told(f, LITELLM_LEFT_OUT, 7, "litellm_params.temperature", "clients say it");
	told(f, LITELLM_LEFT_OUT, 8, "litellm_params.tags", "corbel key create");
	told(f, LITELLM_LEFT_OUT, 9, "litellm_params.unheard_of", "no counterpart");
	told(f, LITELLM_LEFT_OUT, 11, "litellm_params.model", "SageMaker");
	told(f, LITELLM_LEFT_OUT, 13, "litellm_params.model", "makes or reads images or sound");
	told(f, LITELLM_LEFT_OUT, 16, "litellm_settings.success_callback", "corbel trace");
	told(f, LITELLM_LEFT_OUT, 18, "general_settings.master_key", "8 characters");
	told(f, LITELLM_LEFT_OUT, 19, "general_settings.database_url", "store:");
	told(f, LITELLM_LEFT_OUT, 20, "guardrails", "no guardrails");
	assert_true(str_find(f->made.yaml, STR("config.yaml:7 litellm_params.temperature: "), 0) != SIZE_MAX); /* as a comment */
	assert_true(str_find(f->made.yaml, STR("secret"), 0) == SIZE_MAX);
	assert_int_equal(f->made.models, 1);
}

static void
keys_come_from_the_environment_or_a_credential(void **state)
{
	struct fixture *f = *state;

	import(f, "credential_list:\n  - credential_name: shared\n    credential_values: {api_key: \"pay${me}\", api_base: \"http://127.0.0.1:9/v1\"}\n"
		  "model_list:\n"
		  "  - {model_name: a, litellm_params: {model: openai/a, litellm_credential_name: shared}}\n"
		  "  - {model_name: b, litellm_params: {model: bedrock/converse/eu.anthropic.claude, aws_region_name: eu-central-1}}\n"
		  "  - {model_name: c, litellm_params: {model: bedrock/us-gov-west-1/anthropic.claude-v2}}\n"
		  "  - {model_name: d, litellm_params: {model: \"bedrock/arn:aws:bedrock:ap-northeast-1:1:application-inference-profile/p\"}}\n"
		  "  - {model_name: e, litellm_params: {model: bedrock/us-east-1/anthropic.claude-v2, aws_region_name: us-west-1}}\n"
		  "general_settings: {master_key: os.environ/MASTER}\n");
	assert_true(str_eq_c(model(f, "a")->targets[0].provider->api_key, "pay${me}")); /* a literal stays one */
	assert_true(str_eq_c(model(f, "b")->targets[0].provider->region, "eu-central-1") && str_eq_c(model(f, "b")->targets[0].provider->access_key_id, "id"));
	assert_true(str_eq_c(model(f, "b")->targets[0].model, "eu.anthropic.claude"));
	assert_true(str_eq_c(model(f, "c")->targets[0].provider->region, "us-gov-west-1") && str_eq_c(model(f, "c")->targets[0].model, "anthropic.claude-v2"));
	assert_true(str_eq_c(model(f, "d")->targets[0].provider->region, "ap-northeast-1"));
	assert_true(str_eq_c(model(f, "d")->targets[0].model, "arn:aws:bedrock:ap-northeast-1:1:application-inference-profile/p"));
	assert_true(str_eq_c(model(f, "e")->targets[0].provider->region, "us-west-1"));
	assert_true(str_eq_c(conf_str(f->conf, &rows[ADMIN_KEY]), "k-master-key"));
}

static void
a_silent_model_is_a_shadow(void **state)
{
	struct fixture *f = *state;

	import(f, "model_list:\n"
		  "  - {model_name: a, litellm_params: {model: openai/a, silent_model: b}}\n"
		  "  - {model_name: b, litellm_params: {model: anthropic/b-1}}\n"
		  "  - {model_name: c, litellm_params: {model: openai/c, silent_model: nobody}}\n");
	assert_true(str_eq_c(model(f, "a")->route.shadow.target->model, "b-1") && str_eq_c(model(f, "a")->route.shadow.target->provider->name, "anthropic"));
	assert_null(model(f, "b")->route.shadow.target);
	told(f, LITELLM_LEFT_OUT, 4, "litellm_params.silent_model", "no chat model");
}

static void
addresses_lose_what_is_the_endpoints_own(void **state)
{
	struct fixture *f = *state;

	import(f, "model_list:\n"
		  "  - {model_name: a, litellm_params: {model: ollama/llama, api_base: \"http://localhost:11434\"}}\n"
		  "  - {model_name: b, litellm_params: {model: anthropic/b, api_base: \"http://h/v1/messages\"}}\n"
		  "  - {model_name: c, litellm_params: {model: azure/c, api_base: \"https://r.openai.azure.com/openai/deployments/c/\", api_version: 2025-01-01-preview}}\n"
		  "  - {model_name: d, litellm_params: {model: openai/d, api_base: \"ftp://h\"}}\n");
	assert_true(str_eq_c(model(f, "a")->targets[0].provider->base_url, "http://localhost:11434/v1"));
	assert_true(str_eq_c(model(f, "b")->targets[0].provider->base_url, "http://h"));
	assert_true(str_eq_c(model(f, "c")->targets[0].provider->base_url, "https://r.openai.azure.com"));
	told(f, LITELLM_LEFT_OUT, 5, "litellm_params.api_base", "a URL");
	assert_null(conf_model(f->conf, STR("d")));
}

static void
addresses_give_the_version_of_azures_api(void **state)
{
	struct fixture *f = *state;

	import(f, "model_list:\n"
		  "  - {model_name: a, litellm_params: {model: azure/a, api_key: k, api_base: \"https://r.openai.azure.com/openai/deployments/a/chat/completions?api-version=2025-01-01-preview\"}}\n"
		  "  - {model_name: b, litellm_params: {model: azure/b, api_key: k, api_base: \"https://r.openai.azure.com/?api-version=2025-01-01-preview\", api_version: 2024-10-21}}\n"
		  "  - {model_name: c, litellm_params: {model: openai/c, api_key: k, api_base: \"http://h/v1?api-version=1\"}}\n");
	assert_true(str_eq_c(model(f, "a")->targets[0].provider->base_url, "https://r.openai.azure.com"));
	assert_true(str_eq_c(model(f, "a")->targets[0].provider->api_version, "2025-01-01-preview"));
	assert_true(str_eq_c(model(f, "b")->targets[0].provider->api_version, "2024-10-21"));
	told(f, LITELLM_LEFT_OUT, 4, "litellm_params.api_base", "a URL");
}

/* LiteLLM takes the id of a deployment wherever it takes a model's name. */
static void
fallbacks_may_name_a_deployment(void **state)
{
	struct fixture *f = *state;
	const struct conf_model *from;

	import(f, "model_list:\n"
		  "  - {model_name: a, litellm_params: {model: openai/a, api_key: k}, model_info: {id: one}}\n"
		  "  - {model_name: b, litellm_params: {model: openai/b, api_key: k}, model_info: {id: two}}\n"
		  "  - {model_name: b, litellm_params: {model: openai/b, api_key: l}, model_info: {id: three}}\n"
		  "  - {model_name: c, litellm_params: {model: openai/c, api_key: k}}\n"
		  "router_settings:\n"
		  "  fallbacks: [{c: [one, three]}]\n");
	from = model(f, "c");
	assert_int_equal(from->route.fallback_count, 2);
	assert_ptr_equal(from->route.fallbacks[0].model, model(f, "a"));
	assert_ptr_equal(from->route.fallbacks[1].model, model(f, "b"));
	told(f, LITELLM_CHANGED, 7, "router_settings.fallbacks", "all deployments of \"b\"");
}

static void
a_cache_is_one_of_each_model(void **state)
{
	struct fixture *f = *state;

	import(f, "model_list:\n  - {model_name: a, litellm_params: {model: openai/a}}\n"
		  "litellm_settings:\n  cache: true\n  cache_params: {type: redis-semantic, host: h, ttl: 600, mode: default_off}\n");
	assert_true(model(f, "a")->cache.given && model(f, "a")->cache.ttl_us == 600000000);
	assert_true(str_find(f->made.yaml, STR("use: asked"), 0) != SIZE_MAX);
	told(f, LITELLM_LEFT_OUT, 5, "cache_params.host", "own database");
	told(f, LITELLM_CHANGED, 5, "cache_params.type", "equal calls alone");
}

static void
what_is_no_such_configuration_is_a_problem(void **state)
{
	struct fixture *f = *state;

	assert_false(litellm_import(f->arena, STR("c.yaml"), STR("- a\n"), &f->problems, &f->made));
	assert_int_equal(f->problems.count, 1);
	assert_false(litellm_import(f->arena, STR("c.yaml"), STR("a: [\n"), &f->problems, &f->made));
}

int
main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
	const struct CMUnitTest tests[] = {
		FACT(models_are_for_what_they_say),
		FACT(deployments_of_one_name_are_targets_of_one_model),
		FACT(deployments_that_agree_share_a_provider),
		FACT(a_price_a_token_is_one_of_a_million),
		FACT(rates_become_shares_and_the_limits_are_told),
		FACT(an_order_is_a_list_that_is_gone_through),
		FACT(routes_are_those_of_every_model),
		FACT(what_has_no_counterpart_is_named_with_its_line),
		FACT(keys_come_from_the_environment_or_a_credential),
		FACT(a_silent_model_is_a_shadow),
		FACT(addresses_lose_what_is_the_endpoints_own),
		FACT(addresses_give_the_version_of_azures_api),
		FACT(fallbacks_may_name_a_deployment),
		FACT(a_cache_is_one_of_each_model),
		FACT(what_is_no_such_configuration_is_a_problem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
