/*
 * litellm_providers.c - where a deployment's calls go: LiteLLM's prefixes of models and parameters of deployments, as providers of ours.
 *
 * A deployment there has address, key and timeouts of its own; here they belong to a provider. Deployments that agree in all of them share one: its settings, written as the
 * lines they will be, are the key it is found by.
 */
#include "conf/litellm_inside.h"

#include "conf/kinds.h"
#include "conf/models.h"
#include "json/json.h"

enum { SETTINGS_MAX = 64 * 1024 };

/* A prefix of theirs, our kind, the address where it is not the kind's own, and the variable that has the key when the file says none. */
static const struct prefix {
	const char *name, *kind, *base_url, *key;
} prefixes[] = {
	{ "openai", "openai", NULL, "OPENAI_API_KEY" },
	{ "custom_openai", "openai", NULL, "OPENAI_API_KEY" },
	{ "openai_like", "openai", NULL, "OPENAI_LIKE_API_KEY" },
	{ "aiohttp_openai", "openai", NULL, "OPENAI_API_KEY" },
	{ "text-completion-openai", "openai", NULL, "OPENAI_API_KEY" },
	{ "litellm_proxy", "openai", "", "LITELLM_PROXY_API_KEY" },
	{ "anthropic", "anthropic", NULL, "ANTHROPIC_API_KEY" },
	{ "azure", "azure", NULL, "AZURE_API_KEY" },
	{ "gemini", "gemini", NULL, "GEMINI_API_KEY" },
	{ "vertex_ai", "vertex", NULL, NULL },
	{ "vertex_ai_beta", "vertex", NULL, NULL },
	{ "bedrock", "bedrock", NULL, NULL },
	{ "bedrock_converse", "bedrock", NULL, NULL },
	{ "cohere", "cohere", NULL, "COHERE_API_KEY" },
	{ "cohere_chat", "cohere", NULL, "COHERE_API_KEY" },
	{ "mistral", "mistral", NULL, "MISTRAL_API_KEY" },
	{ "groq", "groq", NULL, "GROQ_API_KEY" },
	{ "deepseek", "deepseek", NULL, "DEEPSEEK_API_KEY" },
	{ "xai", "xai", NULL, "XAI_API_KEY" },
	{ "together_ai", "together", NULL, "TOGETHERAI_API_KEY" },
	{ "fireworks_ai", "fireworks", NULL, "FIREWORKS_API_KEY" },
	{ "openrouter", "openrouter", NULL, "OPENROUTER_API_KEY" },
	{ "perplexity", "perplexity", NULL, "PERPLEXITYAI_API_KEY" },
	{ "ollama", "ollama", NULL, NULL },
	{ "ollama_chat", "ollama", NULL, NULL },
	{ "vllm", "vllm", NULL, NULL },
	{ "hosted_vllm", "vllm", "", NULL },
	{ "lm_studio", "lmstudio", NULL, NULL },
	{ "llamafile", "llamacpp", NULL, NULL },
	{ "deepinfra", "openai", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY" },
	{ "nvidia_nim", "openai", "https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY" },
	{ "cerebras", "openai", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY" },
	{ "sambanova", "openai", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY" },
	{ "nebius", "openai", "https://api.studio.nebius.ai/v1", "NEBIUS_API_KEY" },
	{ "novita", "openai", "https://api.novita.ai/v3/openai", "NOVITA_API_KEY" },
	{ "moonshot", "openai", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY" },
	{ "dashscope", "openai", "https://dashscope.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY" },
	{ "hyperbolic", "openai", "https://api.hyperbolic.xyz/v1", "HYPERBOLIC_API_KEY" },
	{ "nscale", "openai", "https://inference.api.nscale.com/v1", "NSCALE_API_KEY" },
	{ "lambda_ai", "openai", "https://api.lambda.ai/v1", "LAMBDA_API_KEY" },
	{ "meta_llama", "openai", "https://api.llama.com/compat/v1", "LLAMA_API_KEY" },
	{ "baseten", "openai", "https://inference.baseten.co/v1", "BASETEN_API_KEY" },
	{ "volcengine", "openai", "https://ark.cn-beijing.volces.com/api/v3", "VOLCENGINE_API_KEY" },
};

/* Names without a prefix that say by themselves whose they are. */
static const struct {
	const char *begins, *prefix;
} bare_names[] = { { "gpt-", "openai" }, { "chatgpt-", "openai" }, { "o1", "openai" }, { "o3", "openai" }, { "o4", "openai" }, { "text-embedding-", "openai" },
	{ "ft:gpt-", "openai" }, { "claude-", "anthropic" }, { "gemini-", "vertex_ai" }, { "command-", "cohere" },
	{ "embed-", "cohere" } };

/* A prefix that has another way to be reached. */
static const struct litellm_key elsewhere[] = {
	{ "azure_ai", "use kind openai with base_url https://RESOURCE.services.ai.azure.com/openai/v1" },
	{ "azure_text", "legacy deployments of Azure are not served" },
	{ "huggingface", "use kind tgi with the base_url of the endpoint, or kind openai with https://router.huggingface.co/v1" },
	{ "sagemaker*", "there is no kind for SageMaker" },
	{ "watsonx*", "there is no kind for watsonx" },
	{ "databricks", "use kind openai with base_url https://WORKSPACE/serving-endpoints" },
	{ "github", "use kind openai with the service's base_url" },
	{ "auto_router", "routers that choose a model by the prompt are not here: split, fallbacks and strategy choose by other things" },
};

struct reading {
	struct litellm *it;
	const struct yaml *params, *credential, *model_node;
	const struct prefix *prefix;
	const struct conf_kind *kind;
	struct str region;      /* that the model's name gives; AWS alone */
	struct str api_version; /* that the address gives; Azure alone */
	struct buf settings;
	bool failed;
};

/* A parameter of the deployment, or of the credential it names. */
static const struct yaml *
param(const struct reading *reading, const char *name)
{
	const struct yaml *own = litellm_child(reading->params, name);

	return own ? own : litellm_child(reading->credential, name);
}

static struct str
param_text(const struct reading *reading, const char *name)
{
	return litellm_text(reading->it, param(reading, name), "litellm_params");
}

static const struct prefix *
prefix_named(struct str name)
{
	for (size_t i = 0; i < COUNT(prefixes); i++)
		if (str_eq_c(name, prefixes[i].name))
			return &prefixes[i];
	return NULL;
}

static const struct conf_kind *
kind_named(const char *name)
{
	size_t i = 0;

	while (strcmp(conf_kind_names[i], name) != 0)
		i++;
	return conf_kind_at(i);
}

/* Cuts the prefix off *model. NULL after a note. */
static const struct prefix *
prefix_cut(struct reading *reading, struct str *model)
{
	const struct yaml *custom = param(reading, "custom_llm_provider");
	size_t slash = str_find_byte(*model, '/', 0);
	struct str first = slash == SIZE_MAX ? STR_EMPTY : str_slice(*model, 0, slash);
	const struct prefix *prefix = custom && custom->kind == YAML_SCALAR ? prefix_named(custom->text) : NULL;

	if (prefix) {
		if (str_eq_c(first, prefix->name))
			*model = str_slice(*model, slash + 1, model->len);
		return prefix;
	}
	prefix = first.len ? prefix_named(first) : NULL;
	if (prefix) {
		*model = str_slice(*model, slash + 1, model->len);
		return prefix;
	}
	for (size_t i = 0; i < COUNT(bare_names) && !first.len && !custom; i++)
		if (str_starts(*model, str_of(bare_names[i].begins)))
			return prefix_named(str_of(bare_names[i].prefix));
	for (size_t i = 0; i < COUNT(elsewhere); i++) {
		struct str known = str_of(elsewhere[i].key);
		bool open = str_ends(known, STR("*"));

		if (open ? str_starts(first, str_slice(known, 0, known.len - 1)) : str_eq(first, known)) {
			litellm_note(reading->it, LITELLM_LEFT_OUT, reading->model_node, "litellm_params", "%s", elsewhere[i].advice);
			return NULL;
		}
	}
	litellm_note(reading->it, LITELLM_LEFT_OUT, reading->model_node, "litellm_params",
		"there is no kind of provider for it; a server that speaks OpenAI's API is kind openai with its base_url");
	return NULL;
}

static void
put(struct reading *reading, const char *name, struct str value)
{
	if (!value.ptr || value.len == 0)
		return;
	buf_printf(&reading->settings, "    %s: ", name);
	json_quote(&reading->settings, value);
	buf_add_byte(&reading->settings, '\n');
}

/* --- addresses --- */

static bool
address_ok(struct str url)
{
	size_t at = str_find(url, STR("://"), 0);
	struct str rest = at == SIZE_MAX ? STR_EMPTY : str_slice(url, at + 3, url.len);

	if (str_starts(url, STR("${")))
		return true; /* the check of the result tells */
	if (!str_starts(url, STR("http://")) && !str_starts(url, STR("https://")))
		return false;
	for (size_t i = 0; i < url.len; i++)
		if ((unsigned char)url.ptr[i] <= ' ' || url.ptr[i] == 0x7f || strchr("?#@", url.ptr[i]))
			return false;
	return url.len <= 2000 && rest.len > 0 && rest.ptr[0] != '/' && rest.ptr[0] != ':';
}

/* What stands at the end there is the endpoint's own here. Azure's portal shows addresses with the version of the API behind them. */
static struct str
address_cut(struct reading *reading, struct str url)
{
	static const struct str version = STR_INIT("?api-version=");
	static const char *const ends[] = { "/", "/chat/completions", "/v1/messages", "/v1/chat", "/v2/chat", "/v2/embed", "/embeddings" };
	size_t openai = str_find(url, STR("/openai/"), 0), query = str_find(url, version, 0);

	if (strcmp(reading->kind->name, "azure") == 0 && query != SIZE_MAX) {
		reading->api_version = str_slice(url, query + version.len, url.len);
		url.len = query;
	}
	for (size_t i = 0; i < COUNT(ends); i++)
		if (str_ends(url, str_of(ends[i])))
			url.len -= strlen(ends[i]);
	if (strcmp(reading->kind->name, "azure") == 0 && openai != SIZE_MAX && openai < url.len)
		url.len = openai;
	if (strcmp(reading->kind->name, "ollama") == 0 && !str_ends(url, STR("/v1")))
		return arena_printf(reading->it->arena, "%" STR_F "/v1", STR_A(url));
	return url;
}

static void
address_read(struct reading *reading)
{
	const struct yaml *node = param(reading, "api_base");
	bool bedrock = strcmp(reading->kind->name, "bedrock") == 0;
	struct str url;

	if (!node)
		node = param(reading, bedrock ? "aws_bedrock_runtime_endpoint" : "base_url");
	url = litellm_text(reading->it, node, "litellm_params");
	if (!url.ptr && reading->prefix->base_url)
		url = str_of(reading->prefix->base_url);
	if (!url.ptr && strcmp(reading->kind->name, "azure") == 0)
		url = litellm_reference(reading->it, STR("AZURE_API_BASE"), NULL);
	if (!url.ptr)
		return;
	url = address_cut(reading, url);
	if (address_ok(url)) {
		put(reading, "base_url", url);
		return;
	}
	litellm_note(reading->it, LITELLM_LEFT_OUT, node ? node : reading->model_node, "litellm_params",
		"the deployment needs an api_base that is a URL without user, query or fragment");
	reading->failed = true;
}

/* --- who calls --- */

/* Goes into a header. */
static bool
key_ok(struct str key)
{
	for (size_t i = 0; i < key.len; i++)
		if ((unsigned char)key.ptr[i] < ' ' || key.ptr[i] == 0x7f)
			return false;
	return key.len <= 8000;
}

static void
lacking(struct reading *reading, const char *what)
{
	litellm_note(reading->it, LITELLM_LEFT_OUT, reading->model_node, "litellm_params", "the deployment was left out: it needs %s", what);
	reading->failed = true;
}

static void
key_read(struct reading *reading)
{
	const struct yaml *node = param(reading, "api_key");
	struct str key = litellm_text(reading->it, node, "litellm_params");
	bool must = reading->kind->auth != CONF_AUTH_KEY_IF_ANY, elsewhere_at = param(reading, "api_base") != NULL;

	if (!key.ptr && reading->prefix->key)
		key = litellm_reference(reading->it, str_of(reading->prefix->key), !must && elsewhere_at ? "" : NULL);
	if (key.ptr && !key_ok(key))
		lacking(reading, "an api_key without control characters");
	else if (must && key.len == 0)
		lacking(reading, "an api_key");
	else
		put(reading, "api_key", key);
}

/* Literals that the kind's settings would not take. */
static bool
piece_ok(struct str text)
{
	if (str_starts(text, STR("${")))
		return true;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
			return false;
	}
	return text.len > 0 && text.len <= 64;
}

/* False after a note: the setting is no such piece. */
static bool
put_piece(struct reading *reading, const char *name, struct str value)
{
	if (!value.ptr || piece_ok(value)) {
		put(reading, name, value);
		return true;
	}
	lacking(reading, "letters, digits and - _ . alone in its region, version, project or tenant");
	return false;
}

static void
azure_read(struct reading *reading)
{
	static const char *const entra[] = { "client_id", "client_secret" };
	const struct yaml *tenant = param(reading, "tenant_id");
	struct str version = param_text(reading, "api_version");

	put_piece(reading, "api_version", version.ptr ? version : reading->api_version);
	if (!tenant || param(reading, "api_key")) {
		key_read(reading);
		return;
	}
	put_piece(reading, "tenant_id", param_text(reading, "tenant_id"));
	for (size_t i = 0; i < COUNT(entra); i++) {
		struct str value = param_text(reading, entra[i]);

		if (value.len == 0 || value.len > (i ? 8000 : 128))
			lacking(reading, "tenant_id, client_id and client_secret together, or an api_key");
		put(reading, entra[i], value);
	}
}

static void
google_read(struct reading *reading)
{
	const struct yaml *node = param(reading, "vertex_credentials");
	struct str credentials = litellm_text(reading->it, node, "litellm_params");

	put_piece(reading, "project", param_text(reading, "vertex_project"));
	put_piece(reading, "location", param_text(reading, "vertex_location"));
	if (!credentials.ptr)
		credentials = litellm_reference(reading->it, STR("GOOGLE_APPLICATION_CREDENTIALS"), NULL);
	put(reading, "credentials", credentials);
}

static void
aws_read(struct reading *reading)
{
	static const char *const settings[][3] = { { "aws_access_key_id", "access_key_id", "AWS_ACCESS_KEY_ID" },
		{ "aws_secret_access_key", "secret_access_key", "AWS_SECRET_ACCESS_KEY" } };
	struct str region = param_text(reading, param(reading, "aws_region_name") ? "aws_region_name" : "region_name");

	if (!region.len)
		region = reading->region;
	put_piece(reading, "region", region.len ? region : litellm_reference(reading->it, STR("AWS_REGION_NAME"), "us-west-2"));
	if (param(reading, "api_key")) {
		key_read(reading);
		return;
	}
	for (size_t i = 0; i < COUNT(settings); i++) {
		struct str value = param_text(reading, settings[i][0]);

		put(reading, settings[i][1], value.len ? value : litellm_reference(reading->it, str_of(settings[i][2]), NULL));
	}
	put(reading, "session_token", param_text(reading, "aws_session_token"));
}

/* --- what is common to all kinds --- */

static void
put_header(struct reading *reading, struct buf *lines, struct str name, const struct yaml *node)
{
	struct str value = litellm_text(reading->it, node, "litellm_params.extra_headers");

	if (!value.ptr || !key_ok(value)) {
		litellm_note(reading->it, LITELLM_LEFT_OUT, node, "litellm_params.extra_headers", "not a text of one line");
		return;
	}
	buf_printf(lines, "      ");
	json_quote(lines, name);
	buf_printf(lines, ": ");
	json_quote(lines, value);
	buf_add_byte(lines, '\n');
}

static bool
header_name_ok(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return name.len > 0;
}

static void
headers_read(struct reading *reading)
{
	static const struct str organization_name = STR_INIT("OpenAI-Organization");
	const struct yaml *organization = param(reading, "organization"), *list = param(reading, "extra_headers");
	struct buf lines;

	if (!list)
		list = param(reading, "headers");
	buf_init(&lines, reading->it->arena, SETTINGS_MAX);
	if (organization)
		put_header(reading, &lines, organization_name, organization);
	for (const struct yaml *child = list && list->kind == YAML_MAP ? list->first : NULL; child; child = child->next) {
		if (header_name_ok(child->key) && !(organization && str_eq_ci(child->key, organization_name)))
			put_header(reading, &lines, child->key, child);
		else
			litellm_note(reading->it, LITELLM_LEFT_OUT, child, "litellm_params.extra_headers", "not the name of a header, or one that stands there already");
	}
	if (lines.len > 0)
		buf_printf(&reading->settings, "    headers:\n%" STR_F, STR_A(buf_str(&lines)));
	reading->failed = reading->failed || buf_err(&lines);
}

static struct str
duration(struct litellm *it, double seconds, double least_s, double most_s)
{
	double within = seconds < least_s ? least_s : seconds > most_s ? most_s : seconds;

	return arena_printf(it->arena, "%lldms", (long long)(within * 1000 + 0.5));
}

/* Theirs is the longest wait for the next bytes, from the first on; ours are two settings. */
static void
times_read(struct reading *reading, struct litellm_provider *provider)
{
	double timeout = litellm_number(reading->it, param(reading, "timeout"), "litellm_params");
	double stream = litellm_number(reading->it, param(reading, "stream_timeout"), "litellm_params");
	double cooldown = litellm_number(reading->it, param(reading, "cooldown_time"), "litellm_params");

	if (timeout > 0) {
		put(reading, "headers_timeout", duration(reading->it, timeout, 0.01, 3600));
		provider->has_timeout = true;
	}
	if (stream > 0 || timeout > 0) {
		put(reading, "idle_timeout", duration(reading->it, stream > 0 ? stream : timeout, 0.01, 3600));
		provider->has_idle_timeout = true;
	}
	if (cooldown > 0 && !reading->it->no_cooldowns) {
		buf_printf(&reading->settings, "    breaker: {open: %" STR_F "%s}\n", STR_A(duration(reading->it, cooldown, 0.1, 3600)),
			reading->it->allowed_fails >= 0 ? arena_printf(reading->it->arena, ", failures: %lld, ratio: 0, window: 1m", (long long)reading->it->allowed_fails + 1).ptr : "");
		provider->has_open = true;
	}
}

/* The provider with these settings; made and named on the first call. */
static struct litellm_provider *
provider_take(struct reading *reading, struct litellm_provider *fresh)
{
	struct litellm *it = reading->it;
	const char *base = reading->prefix->base_url && reading->prefix->base_url[0] ? reading->prefix->name : reading->kind->name;
	struct str key = arena_printf(it->arena, "%s\n%" STR_F, base, STR_A(buf_str(&reading->settings)));
	struct litellm_provider *known = key.ptr ? map_get(&it->providers_by_settings, key) : NULL;

	if (known || !key.ptr)
		return known;
	fresh->kind = reading->kind->name;
	fresh->settings = buf_str(&reading->settings);
	fresh->name = str_of(base);
	for (unsigned n = 2; map_get(&it->providers_by_name, fresh->name); n++)
		fresh->name = arena_printf(it->arena, "%s-%u", base, n);
	if (!fresh->name.ptr)
		return NULL;
	map_put(&it->providers_by_name, fresh->name, fresh);
	map_put(&it->providers_by_settings, key, fresh);
	*it->providers_tail = fresh;
	it->providers_tail = &fresh->next;
	it->out->providers++;
	return fresh;
}

/* A region of AWS: us-east-1, ap-northeast-1, us-gov-west-1. */
static bool
is_region(struct str word)
{
	size_t dashes = 0;

	for (size_t i = 0; i < word.len; i++) {
		char c = word.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
		dashes += c == '-';
	}
	return dashes >= 2 && word.ptr[word.len - 1] >= '0' && word.ptr[word.len - 1] <= '9';
}

/* bedrock/REGION/MODEL, and arn:aws:bedrock:REGION:ACCOUNT:..., which stays the model's name. A deployment's own aws_region_name comes before either. */
static struct str
region_cut(struct reading *reading, struct str model)
{
	struct str rest = model, front, word = STR_EMPTY;

	if (str_split(&rest, '/', &front) && rest.len && is_region(front)) {
		reading->region = front;
		return rest;
	}
	rest = model;
	for (int i = 0; i < 4 && str_starts(model, STR("arn:")); i++)
		if (!str_split(&rest, ':', &word))
			break;
	if (is_region(word))
		reading->region = word;
	return model;
}

static bool
begins_with_one_of(struct str model, const char *const *names)
{
	for (; *names; names++)
		if (str_starts(model, str_of(*names)))
			return true;
	return false;
}

/* Google's own, and their embedding models that answer as we ask. */
static bool
is_google_s(struct str model, unsigned api)
{
	static const char *const all[] = { "gemini", "publishers/google/", NULL }, *const embeds[] = { "text-embedding-", "text-multilingual-embedding-", "textembedding-gecko", NULL };

	return begins_with_one_of(model, all) || (api == CONF_API_EMBEDDINGS && begins_with_one_of(model, embeds));
}

/* Of Bedrock's embedding models, those whose words are spoken here (gateway/embed_bedrock.c). */
static bool
bedrock_embeds(struct str model)
{
	static const char *const parts[] = { "amazon.titan-embed-text-", "amazon.titan-embed-g1-text", "cohere.embed-" };

	for (size_t i = 0; i < COUNT(parts); i++)
		if (str_find(model, str_of(parts[i]), 0) != SIZE_MAX)
			return true;
	return false;
}

/* What precedes the model's own name there: a route of their code, or a region. */
static struct str
model_cut(struct reading *reading, struct str model, unsigned api)
{
	static const char *const routes[] = { "converse/", "invoke/", "responses/", "chat/" };

	for (size_t i = 0; i < COUNT(routes); i++)
		if (str_starts(model, str_of(routes[i])))
			model = str_slice(model, strlen(routes[i]), model.len);
	if (reading->kind->auth == CONF_AUTH_AWS)
		model = region_cut(reading, model);
	if (reading->kind->auth == CONF_AUTH_AWS && api == CONF_API_EMBEDDINGS && !bedrock_embeds(model)) {
		litellm_note(reading->it, LITELLM_LEFT_OUT, reading->model_node, "litellm_params",
			"the deployment was left out: of Bedrock's embedding models, Titan's for texts and Cohere's are asked here, by a name that says which it is");
		reading->failed = true;
	}
	if (strcmp(reading->kind->name, "vertex") == 0 && !is_google_s(model, api) && str_find(model, STR("*"), 0) == SIZE_MAX) {
		litellm_note(reading->it, LITELLM_LEFT_OUT, reading->model_node, "litellm_params", "only Google's own models are reached on Vertex AI; take this one from its maker, or from bedrock");
		reading->failed = true;
	}
	return model;
}

struct litellm_provider *
litellm_provider_of(struct litellm *it, const struct yaml *params, const struct yaml *credential, unsigned api, struct str *model)
{
	struct reading reading = { .it = it, .params = params, .credential = credential, .model_node = litellm_child(params, "model") };
	struct litellm_provider *fresh = arena_zalloc(it->arena, sizeof(*fresh));

	reading.prefix = prefix_cut(&reading, model);
	if (!reading.prefix || !fresh)
		return NULL;
	reading.kind = kind_named(reading.prefix->kind);
	*model = model_cut(&reading, *model, api);
	if (api && !(reading.kind->apis & api) && !reading.failed)
		lacking(&reading, "a kind of provider that serves this (docs/providers.md)");
	buf_init(&reading.settings, it->arena, SETTINGS_MAX);
	address_read(&reading);
	if (reading.kind->auth == CONF_AUTH_AZURE)
		azure_read(&reading);
	else if (reading.kind->auth == CONF_AUTH_GOOGLE)
		google_read(&reading);
	else if (reading.kind->auth == CONF_AUTH_AWS)
		aws_read(&reading);
	else
		key_read(&reading);
	headers_read(&reading);
	times_read(&reading, fresh);
	if (reading.failed || buf_err(&reading.settings))
		return NULL;
	return provider_take(&reading, fresh);
}
