/*
 * models_test.c - providers and models: what is read, what is refused, and which models a call may come to.
 */
#include "conf/test_conf.h"
#include "base/clock.h"
#include "json/json.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
