/*
 * conf_test.c - what a configuration says, what overrides what, and how mistakes are told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "conf/expand.h"
#include "conf/models.h"
#include "conf/nearest.h"
#include "conf/value.h"
#include "conf/yaml.h"
#include "json/json.h"

static const char *const colours[] = { "red", "green", NULL };

enum { LISTEN, TIMEOUT, BODY, LOUD, RATIO, COLOUR, KEY, FIXED };
static const struct setting rows[] = {
	[LISTEN] = { .name = "server.listen", .type = SETTING_STRING, .initial = "127.0.0.1:8321", .env = "T_LISTEN", .reloadable = true },
	[TIMEOUT] = { .name = "server.timeout", .type = SETTING_DURATION, .initial = "60s", .min = "1s", .max = "1h", .reloadable = true },
	[BODY] = { .name = "server.limits.body", .type = SETTING_BYTES, .initial = "8MiB", .max = "1GiB", .reloadable = true },
	[LOUD] = { .name = "loud", .type = SETTING_BOOL, .initial = "false", .reloadable = true },
	[RATIO] = { .name = "ratio", .type = SETTING_FLOAT, .initial = "0.5", .min = "0", .max = "1", .reloadable = true },
	[COLOUR] = { .name = "colour", .type = SETTING_CHOICE, .initial = "red", .choices = colours, .reloadable = true },
	[KEY] = { .name = "access.admin_key",
		.type = SETTING_STRING,
		.initial = "",
		.min = "0",
		.max = "8",
		.secret = true,
		.reloadable = true },
	[FIXED] = { .name = "store.url", .type = SETTING_STRING, .initial = "sqlite" },
};
static const struct setting_table table = SETTING_TABLE(rows);
static const struct setting_table *const tables[] = { &table, NULL };

static const char *const environment[] = { "HOST=example.org", "EMPTY=", "HOSTNAME=wrong", NULL };

struct fixture {
	struct arena *arena;
	struct problems problems;
	struct conf *conf;
};

static int
fixture_open(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	f->arena = arena_new(MIB(8));
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

static const struct err *
parse(struct fixture *f, const char *text)
{
	struct conf_spec spec = { .path = STR("c.yaml"), .tables = tables, .environment = environment };

	return conf_parse(&spec, str_of(text), &f->problems, &f->conf);
}

/* All problems, a line each. */
static const char *
told(struct fixture *f)
{
	struct buf all;

	buf_init(&all, f->arena, MIB(1));
	for (const struct problem *p = f->problems.first; p; p = p->next) {
		buf_add(&all, problem_text(f->arena, p));
		buf_add_byte(&all, '\n');
	}
	buf_add_byte(&all, '\0');
	return all.ptr;
}

static void
an_empty_file_gives_every_default(void **state)
{
	struct fixture *f = *state;

	assert_null(parse(f, "# nothing\n"));
	assert_true(str_eq_c(conf_str(f->conf, &rows[LISTEN]), "127.0.0.1:8321"));
	assert_int_equal(conf_int(f->conf, &rows[TIMEOUT]), 60 * USEC_PER_SEC);
	assert_int_equal(conf_int(f->conf, &rows[BODY]), MIB(8));
	assert_false(conf_bool(f->conf, &rows[LOUD]));
	assert_true(conf_float(f->conf, &rows[RATIO]) == 0.5);
	assert_int_equal(conf_source(f->conf, &rows[LISTEN]), CONF_DEFAULT);
}

static void
values_of_every_type_are_read(void **state)
{
	struct fixture *f = *state;

	assert_null(parse(f, "server:\n  listen: ${HOST}:${PORT:-80}\n  timeout: 1.5m\n  limits: {body: 64KiB}\nloud: true\nratio: "
			     "1e-1\ncolour: green\n"));
	assert_true(str_eq_c(conf_str(f->conf, &rows[LISTEN]), "example.org:80"));
	assert_int_equal(conf_int(f->conf, &rows[TIMEOUT]), 90 * USEC_PER_SEC);
	assert_int_equal(conf_int(f->conf, &rows[BODY]), KIB(64));
	assert_true(conf_bool(f->conf, &rows[LOUD]));
	assert_true(conf_float(f->conf, &rows[RATIO]) == 0.1);
	assert_int_equal(conf_int(f->conf, &rows[COLOUR]), 1);
}

static void
flags_override_the_environment_which_overrides_the_file(void **state)
{
	struct fixture *f = *state;
	const char *const env[] = { "T_LISTEN=env:1", NULL };
	const struct conf_flag flag = { "server.listen", STR_INIT("flag:1"), "--listen" };
	struct conf_spec spec = { .path = STR("c.yaml"), .tables = tables, .environment = env };

	assert_null(conf_parse(&spec, STR("server: {listen: file:1}"), &f->problems, &f->conf));
	assert_true(str_eq_c(conf_str(f->conf, &rows[LISTEN]), "env:1"));
	assert_int_equal(conf_source(f->conf, &rows[LISTEN]), CONF_ENVIRONMENT);
	conf_unref(f->conf);
	spec.flags = &flag;
	spec.flag_count = 1;
	assert_null(conf_parse(&spec, STR("server: {listen: file:1}"), &f->problems, &f->conf));
	assert_true(str_eq_c(conf_str(f->conf, &rows[LISTEN]), "flag:1"));
	assert_int_equal(conf_source(f->conf, &rows[LISTEN]), CONF_FLAG);
}

static void
every_mistake_is_told_with_its_place(void **state)
{
	struct fixture *f = *state;

	assert_non_null(parse(f,
		"servr:\n  listen: x\nserver:\n  timout: 5s\n  timeout: 2h\n  limits: 3\nloud: yes\nratio: 2\ncolour: gren\nlisten: y\n"));
	assert_null(f->conf);
	assert_string_equal(told(f),
		"c.yaml:1:1: servr: unknown key; did you mean \"server\"?\n"
		"c.yaml:4:3: server.timout: unknown key; did you mean \"timeout\"?\n"
		"c.yaml:5:12: server.timeout: expected a duration from 1s to 1h, such as 250ms, 60s, 5m, 1h or 30d, found \"2h\"\n"
		"c.yaml:6:11: server.limits: expected a map of settings, found \"3\"\n"
		"c.yaml:7:7: loud: expected true or false, found \"yes\"\n"
		"c.yaml:8:8: ratio: expected a number from 0 to 1, found \"2\"\n"
		"c.yaml:9:9: colour: expected one of red, green, found \"gren\"; did you mean \"green\"?\n"
		"c.yaml:10:1: listen: unknown key; did you mean \"server.listen\"?\n");
}

static void
a_wrong_secret_is_not_repeated(void **state)
{
	struct fixture *f = *state;

	assert_non_null(
		parse(f, "access: {admin_key: hunter2hunter2}\nproviders:\n  - {name: a, kind: openai, api_key: \"sec\\x01ret\"}\n"));
	assert_null(strstr(told(f), "hunter2"));
	assert_null(strstr(told(f), "ret\""));
	assert_int_equal(f->problems.count, 2);
}

static void
a_missing_variable_is_named(void **state)
{
	struct fixture *f = *state;

	assert_non_null(parse(f, "server:\n  listen: ${NOT_THERE}\ncolour: ${EMPTY:-green}\nloud: ${\n"));
	assert_non_null(strstr(told(f), "c.yaml:2:11: server.listen: the environment variable NOT_THERE is not set"));
	assert_non_null(strstr(told(f), "c.yaml:4:7: loud: expected ${NAME}"));
	assert_int_equal(f->problems.count, 2);
}

static void
a_literal_reference_can_be_written(void **state)
{
	struct str out, name;
	struct fixture *f = *state;

	assert_int_equal(expand(f->arena, environment, STR("a$${HOST}b$c ${HOST}"), &out, &name), EXPAND_OK);
	assert_true(str_eq_c(out, "a${HOST}b$c example.org"));
}

/* Books are proved by it: what a price is has to be read from it again. */
static void
a_price_of_many_digits_is_whole_in_its_version(void **state)
{
	struct fixture *f = *state;
	const struct json *list;
	const struct conf_price *price;
	struct str text;

	assert_null(parse(f, "models:\n"
			     "  - name: m\n"
			     "    targets:\n"
			     "      - {provider: p, model: m, price: {input: 1.2345678901234567e-05, cached_input: 2.2345678901234567e-05, cache_write: 3.2345678901234567e-05, output: 4.2345678901234567e-05,\n"
			     "          search: 5.2345678901234567e-05, audio_input: 6.2345678901234567e-05, audio_output: 7.2345678901234567e-05, image_input: 8.2345678901234567e-05,\n"
			     "          image_output: 1.3345678901234567e-05, cached_audio: 1.4345678901234567e-05, web_search: 1.5345678901234567e-05, cache_write_1h: 1.6345678901234567e-05}}\n"
			     "providers:\n"
			     "  - {name: p, kind: openai}\n"));
	price = &conf_model(f->conf, STR("m"))->targets[0].price;
	text = price->version;
	assert_true(str_starts(text, STR("config:")));
	assert_null(json_parse(f->arena, str_slice(text, strlen("config:"), text.len), &list));
	assert_int_equal(json_count(list), CONF_PRICES);
	for (struct json_iter it = json_iter(list); json_next(&it);)
		assert_true(it.index > 0 || json_number(it.value, 0) == price->input);
}

static void
models_and_providers_are_read_and_joined(void **state)
{
	struct fixture *f = *state;
	const struct conf_provider *providers;
	const struct conf_model *model;
	size_t count;

	assert_null(parse(f,
		"models:\n"
		"  - {name: gpt-x, targets: [{provider: main, model: gpt-x, price: {input: 0.15, output: 0.6}}], capture: usage}\n"
		"  - {name: docs, targets: [{provider: main, model: gpt-x}, {provider: b, model: c, weight: 3}], knowledge: {collection: "
		"manual, top_k: 4}}\n"
		"  - {name: quotes, knowledge: {collection: manual}}\n"
		"providers:\n"
		"  - {name: main, kind: openai, base_url: \"http://127.0.0.1:9100/v1/\", api_key: \"${HOST}\", headers: {X-Team: a}}\n"
		"  - {name: b, kind: anthropic, idle_timeout: 5s, proxy: \"socks5h://u:p@127.0.0.1:1080\", http2: true}\n"));
	providers = conf_providers(f->conf, &count);
	assert_int_equal(count, 2);
	assert_true(str_eq_c(providers[0].base_url, "http://127.0.0.1:9100/v1"));
	assert_true(str_eq_c(providers[0].api_key, "example.org"));
	assert_true(str_eq_c(providers[0].headers[0].name, "X-Team"));
	assert_true(str_eq_c(conf_provider_kind(&providers[1]), "anthropic"));
	assert_true(str_eq_c(providers[1].base_url, "https://api.anthropic.com"));
	assert_int_equal(providers[1].idle_timeout_us, 5 * USEC_PER_SEC);
	assert_true(str_eq_c(providers[1].proxy, "socks5h://u:p@127.0.0.1:1080"));
	assert_true(providers[1].http2);
	assert_true(providers[0].proxy.len == 0 && !providers[0].http2);
	model = conf_model(f->conf, STR("docs"));
	assert_ptr_equal(model->targets[1].provider, &providers[1]);
	assert_int_equal(model->targets[1].weight, 3);
	assert_int_equal(model->knowledge.top_k, 4);
	assert_int_equal(model->knowledge.max_context_tokens, 3000);
	assert_int_equal(model->capture, CONF_CAPTURE_FULL);
	model = conf_model(f->conf, STR("gpt-x"));
	assert_false(model->knowledge.given);
	assert_true(model->targets[0].price.given && model->targets[0].price.output == 0.6);
	assert_int_equal(model->capture, CONF_CAPTURE_USAGE);
	assert_int_equal(conf_model(f->conf, STR("quotes"))->target_count, 0);
	assert_null(conf_model(f->conf, STR("gpt-y")));
}

static void
without_models_docs_answers_from_docs(void **state)
{
	struct fixture *f = *state;

	assert_null(parse(f, ""));
	assert_true(str_eq_c(conf_model(f->conf, STR("docs"))->knowledge.collection, "docs"));
	assert_int_equal(conf_model(f->conf, STR("docs"))->knowledge.top_k, 8);
}

static void
dangling_and_double_names_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_non_null(parse(f,
		"providers:\n  - {name: main, kind: openai}\n  - {name: main, kind: openai}\n  - {kind: opnai}\n"
		"models:\n  - {name: a, targets: [{provider: mian, model: x}]}\n  - {name: a, knowledge: {top_k: 3}}\n  - {name: b}\n"
		"  - {name: c, targets: [{model: x}]}\n  - x\n"));
	assert_string_equal(told(f),
		"c.yaml:3:5: providers: a second provider is named \"main\"\n"
		"c.yaml:4:5: providers[2]: \"name\" is missing: How targets refer to it.\n"
		"c.yaml:4:12: providers[2].kind: expected one of openai, anthropic, azure, gemini, vertex, bedrock, cohere, mistral, groq, deepseek, xai, together, fireworks, openrouter, perplexity, ollama, vllm, tgi, llamacpp, lmstudio, found \"opnai\"; did you mean \"openai\"?\n"
		"c.yaml:6:36: models[0].targets[0].provider: there is no provider \"mian\"; did you mean \"main\"?\n"
		"c.yaml:7:5: models: a second model is named \"a\"\n"
		"c.yaml:7:26: models[1].knowledge: \"collection\" is missing: The name of the collection it answers from.\n"
		"c.yaml:8:5: models: \"b\" needs targets or knowledge\n"
		"c.yaml:9:25: models[3].targets: \"provider\" is missing: a name from providers\n"
		"c.yaml:10:5: models[4]: expected a map, found \"x\"\n");
}

static void
a_provider_that_lacks_what_its_kind_needs_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_non_null(parse(f,
		"providers:\n  - {name: a, kind: azure, api_key: k}\n  - {name: b, kind: azure, base_url: \"https://r.openai.azure.com\", tenant_id: t, client_id: c}\n"
		"  - {name: c, kind: mistral}\n  - {name: d, kind: openai, tenant_id: t}\n"
		"  - {name: e, kind: azure, base_url: \"https://r.openai.azure.com\", api_key: k, tenant_id: t, client_id: c, client_secret: s}\n"
		"embeddings: {provider: a, model: x}\n"));
	assert_string_equal(told(f),
		"c.yaml:2:5: providers: \"a\": a provider of kind azure needs \"base_url\"\n"
		"c.yaml:3:5: providers: \"b\": a provider of kind azure needs either \"api_key\" or \"tenant_id\", \"client_id\" and \"client_secret\"\n"
		"c.yaml:4:5: providers: \"c\": a provider of kind mistral needs \"api_key\"\n"
		"c.yaml:5:5: providers: \"d\": a provider of kind openai has no \"tenant_id\"\n"
		"c.yaml:6:5: providers: \"e\": a provider of kind azure needs either \"api_key\" or \"tenant_id\", \"client_id\" and \"client_secret\"\n"
		"c.yaml:7:13: embeddings: documents are embedded over OpenAI's own wire: name a provider of kind openai with the base_url https://RESOURCE.openai.azure.com/openai/v1\n");
}

static void
documents_are_embedded_over_openai_s_wire_alone(void **state)
{
	struct fixture *f = *state;

	assert_non_null(parse(f, "providers: [{name: c, kind: cohere, api_key: k}]\nembeddings: {provider: c, model: embed-v4.0}\n"));
	assert_string_equal(told(f), "c.yaml:2:13: embeddings: a provider of kind cohere has no OpenAI-compatible embeddings\n");
}

static void
a_proxy_is_a_host_and_a_port(void **state)
{
	static const char *const right[] = { "http://proxy", "http://u:p@proxy.example:3128", "https://u:p@x@10.0.0.1:1", "socks5h://[::1]:1080", "socks4://[fe80::1%eth0]" };
	static const char *const wrong[] = { "http://", "ftp://proxy", "http://u:p@", "http://:3128", "http://proxy:", "http://proxy:0", "http://proxy:65536", "http://proxy:+80", "http://[::1", "http://[::1]x",
		"http://proxy/way", "http://user:secret", "http://user:secret.proxy:3128" };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(right) + COUNT(wrong); i++) {
		const char *proxy = i < COUNT(right) ? right[i] : wrong[i - COUNT(right)];
		const struct err *err;

		problems_init(&f->problems, f->arena);
		conf_unref(f->conf);
		err = parse(f, arena_printf(f->arena, "providers: [{name: a, kind: openai, proxy: \"%s\"}]\n", proxy).ptr);
		assert_int_equal(err == NULL, i < COUNT(right));
		assert_true(!err || (strstr(told(f), "a URL of a proxy") && !strstr(told(f), "secret"))); /* a password whose host was forgotten is not told */
	}
}

static void
what_a_provider_serves_follows_its_kind_unless_it_is_said(void **state)
{
	struct fixture *f = *state;
	const struct conf_provider *providers;
	size_t count;

	assert_null(parse(f,
		"providers:\n  - {name: a, kind: mistral, api_key: k}\n  - {name: b, kind: mistral, api_key: k, apis: [completions]}\n  - {name: c, kind: openai}\n"
		"  - {name: d, kind: openai, base_url: \"http://127.0.0.1:1/v1\", apis: []}\n"));
	providers = conf_providers(f->conf, &count);
	assert_int_equal(count, 4);
	assert_true(conf_provider_has(&providers[0], CONF_API_MODERATIONS) && !conf_provider_has(&providers[0], CONF_API_COMPLETIONS));
	assert_true(conf_provider_has(&providers[1], CONF_API_COMPLETIONS) && !conf_provider_has(&providers[1], CONF_API_EMBEDDINGS));
	assert_true(providers[2].public && !providers[3].public);
	assert_true(conf_provider_has(&providers[2], CONF_API_RESPONSES) && !conf_provider_has(&providers[0], CONF_API_RESPONSES));
	assert_int_equal(providers[3].apis, 0);
	conf_unref(f->conf);
	assert_non_null(parse(f,
		"providers:\n  - {name: a, kind: anthropic, apis: [completions]}\n  - {name: b, kind: cohere, api_key: k, apis: [rerank, moderations]}\n"
		"  - {name: c, kind: openai, apis: [chat]}\n"));
	assert_string_equal(told(f),
		"c.yaml:2:5: providers: \"a\": \"apis\": corbel does not speak completions with a provider of kind anthropic\n"
		"c.yaml:3:5: providers: \"b\": \"apis\": corbel does not speak moderations with a provider of kind cohere\n"
		"c.yaml:4:36: providers[2].apis: expected one of embeddings, completions, moderations, rerank, responses, found \"chat\"\n");
}

static void
credentials_that_are_none_are_refused_and_not_shown(void **state)
{
	struct fixture *f = *state;

	assert_non_null(parse(f,
		"providers:\n  - {name: a, kind: vertex, credentials: /no/such/file}\n  - {name: b, kind: vertex, credentials: '{\"type\": \"user\"'}\n"
		"  - {name: c, kind: vertex, credentials: '{\"type\": \"authorized_user\", \"client_email\": \"x\"}'}\n"
		"  - {name: d, kind: vertex, credentials: '{\"type\": \"service_account\", \"client_email\": \"x\", \"token_uri\": \"https://t\", \"private_key\": \"hidden\"}'}\n"
		"  - {name: e, kind: bedrock, region: eu-central-1, access_key_id: AKID}\n  - {name: f, kind: bedrock, api_key: k}\n  - {name: g, kind: vertex}\n"));
	assert_string_equal(told(f),
		"c.yaml:2:5: providers: \"a\": credentials: the key file cannot be read: No such file or directory\n"
		"c.yaml:3:5: providers: \"b\": credentials: neither the path of a key file nor its JSON text\n"
		"c.yaml:4:5: providers: \"c\": credentials: not the key of a service account (\"type\", \"client_email\")\n"
		"c.yaml:4:5: providers: \"c\": credentials: no \"project_id\" in it, so the provider needs \"project\"\n"
		"c.yaml:5:5: providers: \"d\": credentials: \"private_key\" is not the PEM text of an RSA key of at least 2,048 bits\n"
		"c.yaml:5:5: providers: \"d\": credentials: no \"project_id\" in it, so the provider needs \"project\"\n"
		"c.yaml:6:5: providers: \"e\": a provider of kind bedrock needs either \"access_key_id\" and \"secret_access_key\" or \"api_key\"\n"
		"c.yaml:7:5: providers: \"f\": a provider of kind bedrock needs \"region\"\n"
		"c.yaml:8:5: providers: \"g\": a provider of kind vertex needs \"credentials\": a service account's key file, or its JSON text\n");
}

static void
kinds_know_where_they_are(void **state)
{
	struct fixture *f = *state;
	const struct conf_provider *providers;
	size_t count;

	assert_null(parse(f,
		"providers:\n  - {name: a, kind: groq, api_key: k}\n  - {name: b, kind: ollama}\n"
		"  - {name: c, kind: azure, base_url: \"https://r.openai.azure.com\", api_key: k}\n"));
	providers = conf_providers(f->conf, &count);
	assert_true(str_eq_c(providers[0].base_url, "https://api.groq.com/openai/v1"));
	assert_true(str_eq_c(providers[1].base_url, "http://127.0.0.1:11434/v1"));
	assert_true(str_eq_c(providers[2].api_version, "2024-10-21"));
	assert_true(str_eq_c(conf_provider_kind(&providers[2]), "azure"));
}

static void
ways_of_calls_are_read(void **state)
{
	struct fixture *f = *state;
	const struct conf_route *route;
	const struct conf_model *model;

	assert_null(parse(f,
		"providers:\n"
		"  - {name: a, kind: openai, base_url: \"http://127.0.0.1:1/v1\", hosted: false, max_concurrency: 8, breaker: {failures: 3, refuse: true}}\n"
		"models:\n"
		"  - {name: m, sticky: user, on_broken_stream: continue, targets: [{provider: a, model: x}, {provider: a, model: y, fallback_on: [timeout, context_window]}],\n"
		"     retry: {max: 2}, fallbacks: [{on: rate_limit, model: n}, {model: n}], shadow: {provider: a, model: s, share: 0.1}}\n"
		"  - {name: n, targets: [{provider: a, model: x}]}\n"
		"  - {name: ab, split: [{model: m, weight: 9}, {model: n}]}\n"));
	model = conf_model(f->conf, STR("m"));
	route = &model->route;
	assert_int_equal(route->strategy, CONF_WEIGHTED);
	assert_int_equal(route->sticky, CONF_STICKY_USER);
	assert_int_equal(route->on_broken_stream, CONF_BROKEN_CONTINUE);
	assert_int_equal(model->targets[1].fallback_on, CONF_ON_TIMEOUT | CONF_ON_CONTEXT_WINDOW);
	assert_int_equal(route->retry.max, 2);
	assert_int_equal(route->retry.backoff_us, 250 * USEC_PER_MS);
	assert_int_equal(route->fallbacks[0].on, CONF_ON_RATE_LIMIT);
	assert_int_equal(route->fallbacks[1].on, CONF_ON_ANY);
	assert_ptr_equal(route->fallbacks[1].model, conf_model(f->conf, STR("n")));
	assert_true(str_eq_c(route->shadow.target->model, "s") && route->shadow.share == 0.1);
	assert_false(model->targets[0].provider->hosted);
	assert_int_equal(model->targets[0].provider->breaker.failures, 3);
	assert_true(model->targets[0].provider->breaker.refuse);
	assert_int_equal(model->targets[0].provider->queue.concurrency, 8);
	route = &conf_model(f->conf, STR("ab"))->route;
	assert_int_equal(route->split_count, 2);
	assert_ptr_equal(route->split[0].model, model);
	assert_int_equal(conf_model(f->conf, STR("n"))->route.retry.max, 0);
}

/* Who reads a tree makes room for a key once. */
static void
a_key_that_stands_twice_is_told_and_left_out(void **state)
{
	struct problems problems;
	struct yaml *root = NULL;
	struct arena *arena = arena_new(MIB(1));

	(void)state;
	problems_init(&problems, arena);
	yaml_parse(arena, STR("c.yaml"), STR("a: 1\nb: {c: [2], d: 3, c: [4, {e: 5}], f: 6}\na: {g: 7}\nh: 8\n"), &problems, &root);
	assert_non_null(root);
	assert_int_equal(problems.count, 2);
	assert_true(str_eq_c(root->first->text, "1"));
	assert_true(str_eq_c(root->first->next->key, "b"));
	assert_true(str_eq_c(root->first->next->next->key, "h"));
	assert_null(root->first->next->next->next);
	assert_true(str_eq_c(root->first->next->first->next->key, "d"));
	assert_true(str_eq_c(root->first->next->first->next->next->key, "f"));
	arena_free(arena);
}

static void
ways_that_cannot_work_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_non_null(parse(f,
		"providers:\n  - {name: a, kind: openai}\n  - {name: p, kind: openai, hosted: false}\n"
		"models:\n"
		"  - {name: one, targets: [{provider: a, model: x}], fallbacks: [{model: two}, {model: one}]}\n"
		"  - {name: two, targets: [{provider: a, model: x}, {provider: a, model: x}], fallbacks: [{on: [timeout, erorr], model: three}]}\n"
		"  - {name: three, targets: [{provider: a, model: x, fallback_on: any}], fallbacks: [{model: one}, {model: fuor}], strategy: cheapest}\n"
		"  - {name: four, split: [{model: one, weight: 0}], targets: [{provider: a, model: x}]}\n"
		"  - {name: five, targets: [{provider: a, model: x}], knowledge: {collection: c, local_only: true}, strategy: priority, sticky: user}\n"
		"  - {name: six, split: [{model: one}, {model: seven}]}\n"
		"  - {name: seven, split: [{model: six}]}\n"));
	assert_string_equal(told(f),
		"c.yaml:3:5: providers: \"p\" is the public service, which is hosted\n"
		"c.yaml:5:5: models: fallbacks: \"one\" falls back to itself; its own targets are tried before, and again by retry\n"
		"c.yaml:6:52: models[1].targets: the same provider and model a second time; give the first one more weight instead\n"
		"c.yaml:6:105: models[1].fallbacks[0].on: expected one of any, error, timeout, rate_limit, context_window, content_filter, found \"erorr\"; did you mean "
		"\"error\"?\n"
		"c.yaml:7:5: models: fallbacks: there is no model \"fuor\"; did you mean \"four\"?\n"
		"c.yaml:7:5: models: \"three\": the strategy cheapest needs a price on every target\n"
		"c.yaml:7:28: models[2].targets: at least one target must be without fallback_on\n"
		"c.yaml:8:5: models: \"four\" is split onto other models: targets, knowledge, fallbacks and shadow belong to those\n"
		"c.yaml:8:25: models[3].split: at least one arm needs a weight above 0\n"
		"c.yaml:9:5: models: \"five\": sticky needs the strategy weighted\n"
		"c.yaml:9:5: models: \"five\": knowledge.local_only leaves no target; say \"hosted: false\" on a provider that runs on machines of your own\n"
		"c.yaml:10:5: models: splits go round in a circle: six -> seven -> six\n");
}

enum { LINKS = 3000 };

/* Models that are split onto the next one each; `last` is the last of them. */
static const char *
chain(struct fixture *f, const char *last)
{
	struct buf text;

	buf_init(&text, f->arena, MIB(1));
	buf_printf(&text, "providers: [{name: p, kind: openai}]\nmodels:\n");
	for (int i = 0; i < LINKS; i++)
		buf_printf(&text, "  - {name: m%d, split: [{model: m%d}]}\n", i, i + 1);
	buf_printf(&text, "  - {name: m%d, %s}\n", LINKS, last);
	buf_add_byte(&text, '\0');
	return text.ptr;
}

static void
a_long_chain_of_splits_is_no_circle_until_it_is_closed(void **state)
{
	struct fixture *f = *state;

	assert_null(parse(f, chain(f, "targets: [{provider: p, model: x}]")));
	conf_unref(f->conf);
	assert_non_null(parse(f, chain(f, "split: [{model: m0}]")));
	assert_non_null(strstr(told(f), "splits go round in a circle: m0 -> m1 -> "));
}

static size_t
reached(struct fixture *f, const char *name, unsigned steps)
{
	size_t count = 0;

	for (const struct conf_reached *at = conf_reach(f->conf, f->arena, conf_model(f->conf, str_of(name)), steps); at; at = at->next)
		count++;
	return count;
}

static void
fallbacks_may_go_round_and_each_model_is_reached_once(void **state)
{
	struct fixture *f = *state;
	struct buf text;

	buf_init(&text, f->arena, MIB(1));
	buf_printf(&text, "providers: [{name: p, kind: openai}]\nmodels:\n");
	for (int i = 0; i < LINKS; i++)
		buf_printf(&text, "  - {name: m%d, targets: [{provider: p, model: x}], fallbacks: [{model: m%d}]}\n", i, (i + 1) % LINKS);
	buf_printf(&text, "  - {name: all, split: [{model: a}, {model: b}, {model: m0}]}\n");
	for (char name = 'a'; name <= 'c'; name++)
		buf_printf(&text, "  - {name: %c, targets: [{provider: p, model: x}], fallbacks: [{model: %c}, {model: %c}]}\n", name, name == 'a' ? 'b' : 'a', name == 'c' ? 'b' : 'c');
	buf_add_byte(&text, '\0');
	assert_null(parse(f, text.ptr));
	assert_int_equal(reached(f, "m7", 0), 1);
	assert_int_equal(reached(f, "m7", 4), 5);
	assert_int_equal(reached(f, "m7", UINT_MAX), LINKS);
	assert_int_equal(reached(f, "a", UINT_MAX), 3);
	assert_int_equal(reached(f, "all", 1), 4);
	assert_int_equal(reached(f, "all", UINT_MAX), 1 + 3 + LINKS);
	assert_true(str_eq_c(conf_reach(f->conf, f->arena, conf_model(f->conf, STR("b")), 1)->next->model->name, "a"));
}

static void
a_header_cannot_be_smuggled_in(void **state)
{
	struct fixture *f = *state;

	assert_non_null(parse(f, "providers:\n  - {name: a, kind: openai, headers: {\"X: b\": c, Y: \"1\\r\\nZ: 2\"}}\n"));
	assert_int_equal(f->problems.count, 2);
}

static void
yaml_that_could_grow_or_hide_is_refused(void **state)
{
	static const char *const texts[] = {
		"a: &x [1]\nloud: *x",
		"loud: !!bool true",
		"loud: *x",
		"models: &x [*x]",
		"models: &x [[*x]]",
		"*x: 1",
		"&x loud: true\n*x : false",
		"<<: loud",
		"<<: [loud]",
		"<<: {loud: true}\n<<: {loud: false}",
		"loud: true\n---\nloud: true",
		"loud: true\nloud: true",
		"? [a]\n: b",
		"loud: [",
		"\tloud: true",
		"loud: \"\\xff\\0\"",
		"[]",
		"x",
		"{{{{{{{{{{{{{{{{{{{{{{{{{{{{",
		"loud: \xff\xfe",
		"loud: \"tru\\u0000e\"",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(texts); i++) {
		problems_init(&f->problems, f->arena);
		if (!parse(f, texts[i]))
			fail_msg("accepted: %s", texts[i]);
	}
}

/* What a tree says, without keys' places: {a:1,b:[2]}. */
static void
put_tree(struct buf *out, const struct yaml *node)
{
	if (node->kind == YAML_SCALAR) {
		buf_add(out, node->text);
		return;
	}
	buf_add_byte(out, node->kind == YAML_MAP ? '{' : '[');
	for (const struct yaml *child = node->first; child; child = child->next) {
		buf_printf(out, "%s%" STR_F "%s", child == node->first ? "" : ",", STR_A(child->key), node->kind == YAML_MAP ? ":" : "");
		put_tree(out, child);
	}
	buf_add_byte(out, node->kind == YAML_MAP ? '}' : ']');
}

static const char *
tree_of(struct fixture *f, const char *text)
{
	struct yaml *root = NULL;
	struct buf out;

	problems_init(&f->problems, f->arena);
	yaml_parse(f->arena, STR("c.yaml"), str_of(text), &f->problems, &root);
	if (f->problems.count)
		return told(f);
	buf_init(&out, f->arena, KIB(4));
	put_tree(&out, root);
	buf_add_byte(&out, '\0');
	return out.ptr;
}

/* The examples of YAML's merge type (yaml.org/type/merge.html), and what is ours: that the first map of a list is the one that counts. */
static void
aliases_and_merges_stand_for_what_they_name(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(tree_of(f, "a: &x {b: [1, {c: 2}]}\nd: *x\ne: [*x, *x]\n"), "{a:{b:[1,{c:2}]},d:{b:[1,{c:2}]},e:[{b:[1,{c:2}]},{b:[1,{c:2}]}]}");
	assert_string_equal(tree_of(f, "a: &x one\nb: &x two\nc: *x\n"), "{a:one,b:two,c:two}");
	assert_string_equal(tree_of(f, "- &CENTER {x: 1, y: 2}\n- &LEFT {x: 0, y: 2}\n- &BIG {r: 10}\n- &SMALL {r: 1}\n- {<<: *CENTER, r: 10, label: c}\n- {<<: [*CENTER, *BIG], label: c}\n"
				       "- {<<: [*BIG, *LEFT, *SMALL], x: 1, label: c}\n"),
		"[{x:1,y:2},{x:0,y:2},{r:10},{r:1},{r:10,label:c,x:1,y:2},{label:c,x:1,y:2,r:10},{x:1,label:c,r:10,y:2}]");
	assert_string_equal(tree_of(f, "a: &x {<<: {b: 1}}\nc: {<<: *x, d: 2}\n"), "{a:{b:1},c:{d:2,b:1}}");
	assert_string_equal(tree_of(f, "a: &x [1]\nb: *y\n"), "c.yaml:2:5: there is no anchor \"&y\" before this\n");
	assert_string_equal(tree_of(f, "a: &x {b: *x}\n"), "c.yaml:1:12: this alias stands inside of what it names\n");
	assert_string_equal(tree_of(f, "a: &x 1\nb: {<<: *x}\n"), "c.yaml:1:7: expected a map or a list of maps to merge\n");
	/* A mistake in what is repeated is told at its place. */
	assert_non_null(parse(f, "providers:\n  - &x {name: a, kind: opnai}\n  - {<<: *x, name: b}\n"));
	assert_non_null(strstr(told(f), "c.yaml:2:"));
}

/* Ten aliases of ten aliases and so on: a billion values from a kilobyte, were they written out. And what is as deep as it may be cannot be put into what is deep. */
static void
aliases_count_as_if_they_were_written_out(void **state)
{
	struct fixture *f = *state;
	struct arena *arena = arena_new(MIB(64));
	struct yaml *root = NULL;
	struct buf text;

	buf_init(&text, f->arena, KIB(16));
	buf_printf(&text, "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
	for (int i = 1; i < 9; i++) {
		buf_printf(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			buf_printf(&text, "%s*a%d", j ? ", " : "", i - 1);
		buf_printf(&text, "]\n");
	}
	yaml_parse(arena, STR("c.yaml"), buf_str(&text), &f->problems, &root);
	arena_free(arena);
	assert_null(root);
	assert_non_null(strstr(told(f), "too many values for a configuration"));
	assert_string_equal(tree_of(f, "a: &x [[[[[[[[[[[[[[1]]]]]]]]]]]]]]\nb: [*x]\n"), "{a:[[[[[[[[[[[[[[1]]]]]]]]]]]]]],b:[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}");
	assert_non_null(strstr(tree_of(f, "a: &x [[[[[[[[[[[[[[1]]]]]]]]]]]]]]\nb: [[*x]]\n"), "nested too deeply"));
}

static void
a_file_too_large_is_refused(void **state)
{
	struct fixture *f = *state;
	struct conf_spec spec = { .path = STR("c.yaml"), .tables = tables };
	char *text = mem_alloc(MIB(1) + 2);

	memset(text, '#', MIB(1) + 1);
	assert_non_null(conf_parse(&spec, str_n(text, MIB(1) + 1), &f->problems, &f->conf));
	assert_null(conf_parse(&spec, str_n(text, MIB(1)), &f->problems, &f->conf) ? f->conf : NULL);
	free(text);
}

static void
a_file_that_is_not_there_is_a_problem_not_a_default(void **state)
{
	struct fixture *f = *state;
	struct conf_spec spec = { .path = STR("/nonexistent/corbel.yaml"), .tables = tables };

	assert_non_null(conf_load(&spec, &f->problems, &f->conf));
	assert_string_equal(told(f), "/nonexistent/corbel.yaml: cannot be read: No such file or directory\n");
}

static void
a_reload_keeps_what_needs_a_restart(void **state)
{
	struct fixture *f = *state;
	const struct setting *changed[4];
	struct conf *next;

	assert_null(parse(f, "store: {url: one}\nloud: false"));
	next = f->conf;
	assert_null(parse(f, "store: {url: two}\nloud: true"));
	assert_int_equal(conf_keep_fixed(f->conf, next, changed, 4), 1);
	conf_unref(next);
	assert_ptr_equal(changed[0], &rows[FIXED]);
	assert_true(str_eq_c(conf_str(f->conf, &rows[FIXED]), "one"));
	assert_true(conf_bool(f->conf, &rows[LOUD]));
}

static void
many_mistakes_are_counted_and_the_list_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct buf text;

	buf_init(&text, f->arena, MIB(1));
	for (int i = 0; i < 900; i++)
		buf_printf(&text, "k%d: 1\n", i);
	buf_add_byte(&text, '\0');
	assert_non_null(parse(f, text.ptr));
	assert_int_equal(f->problems.count, 900);
}

static void
the_nearest_word_is_found(void **state)
{
	struct nearest nearest;

	(void)state;
	nearest_init(&nearest, STR("provdiers"));
	nearest_offer(&nearest, STR("models"));
	nearest_offer(&nearest, STR("providers"));
	assert_true(str_eq_c(nearest.best, "providers"));
	nearest_init(&nearest, STR("zebra"));
	nearest_offer(&nearest, STR("models"));
	assert_null(nearest.best.ptr);
}

static void
sizes_and_durations_need_units_they_know(void **state)
{
	struct setting_value value;

	(void)state;
	assert_true(value_parse(&rows[BODY], STR("1024"), &value) && value.integer == 1024);
	assert_true(value_parse(&rows[BODY], STR("1 KiB"), &value) && value.integer == 1024);
	assert_false(value_parse(&rows[BODY], STR("1kb"), &value));
	assert_false(value_parse(&rows[BODY], STR("-1"), &value));
	assert_false(value_parse(&rows[BODY], STR("99999999999999999999"), &value));
	assert_false(value_parse(&rows[BODY], STR(""), &value));
	assert_false(value_parse(&rows[TIMEOUT], STR("60"), &value));
	assert_false(value_parse(&rows[TIMEOUT], STR("999ms"), &value));
	assert_true(value_parse(&rows[TIMEOUT], STR("1000ms"), &value) && value.integer == USEC_PER_SEC);
	assert_false(value_parse(&rows[TIMEOUT], STR("1s2"), &value));
	assert_false(value_parse(&rows[TIMEOUT], STR("1.2.3s"), &value));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_file_gives_every_default),
		TEST(values_of_every_type_are_read),
		TEST(flags_override_the_environment_which_overrides_the_file),
		TEST(every_mistake_is_told_with_its_place),
		TEST(a_wrong_secret_is_not_repeated),
		TEST(a_missing_variable_is_named),
		TEST(a_literal_reference_can_be_written),
		TEST(models_and_providers_are_read_and_joined),
		TEST(a_price_of_many_digits_is_whole_in_its_version),
		TEST(without_models_docs_answers_from_docs),
		TEST(dangling_and_double_names_are_refused),
		TEST(a_provider_that_lacks_what_its_kind_needs_is_refused),
		TEST(documents_are_embedded_over_openai_s_wire_alone),
		TEST(a_proxy_is_a_host_and_a_port),
		TEST(what_a_provider_serves_follows_its_kind_unless_it_is_said),
		TEST(credentials_that_are_none_are_refused_and_not_shown),
		TEST(kinds_know_where_they_are),
		TEST(ways_of_calls_are_read),
		TEST(ways_that_cannot_work_are_refused),
		TEST(a_long_chain_of_splits_is_no_circle_until_it_is_closed),
		TEST(fallbacks_may_go_round_and_each_model_is_reached_once),
		TEST(a_header_cannot_be_smuggled_in),
		TEST(yaml_that_could_grow_or_hide_is_refused),
		TEST(aliases_and_merges_stand_for_what_they_name),
		TEST(aliases_count_as_if_they_were_written_out),
		TEST(a_file_too_large_is_refused),
		TEST(a_key_that_stands_twice_is_told_and_left_out),
		TEST(a_file_that_is_not_there_is_a_problem_not_a_default),
		TEST(a_reload_keeps_what_needs_a_restart),
		TEST(many_mistakes_are_counted_and_the_list_is_bounded),
		TEST(the_nearest_word_is_found),
		TEST(sizes_and_durations_need_units_they_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
