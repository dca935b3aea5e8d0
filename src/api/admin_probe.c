/*
 * admin_probe.c - a provider tried with one small call, for whoever has just set it up.
 */
#include "api/api.h"
#include "conf/models.h"
#include "gateway/probe.h"

static const struct conf_provider *
provider_named(const struct conf *conf, struct str name)
{
	size_t count;
	const struct conf_provider *providers = conf_providers(conf, &count);

	for (size_t i = 0; i < count; i++)
		if (str_eq(providers[i].name, name))
			return &providers[i];
	return NULL;
}

/* A chat model that some target has at this provider; ptr NULL: none. */
static struct str
model_at_provider(const struct conf *conf, const struct conf_provider *provider)
{
	size_t count;
	const struct conf_model *models = conf_models(conf, &count);

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; models[i].type == CONF_MODEL_CHAT && j < models[i].target_count; j++)
			if (models[i].targets[j].provider == provider)
				return models[i].targets[j].model;
	return (struct str){ NULL, 0 };
}

static void
put_outcome(struct json_out *json, const struct conf_provider *provider, struct str model, const struct probe *probe)
{
	json_begin_object(json);
	json_set_string(json, "object", STR("provider.test"));
	json_set_string(json, "provider", provider->name);
	json_set_string(json, "kind", conf_provider_kind(provider));
	json_set_string(json, "base_url", provider->base_url);
	json_set_string(json, "model", model);
	json_set_bool(json, "ok", !probe->err);
	json_set_int(json, "duration_us", probe->whole_us);
	json_set_int(json, "first_us", probe->first_us);
	if (probe->err) {
		json_set_object(json, "error");
		json_set_string(json, "cause", str_of(failure_cause_name(probe->cause)));
		json_set_string(json, "message", probe->err->message);
		json_set_string(json, "advice", str_of(probe->advice));
		json_end_object(json);
	} else {
		json_set_string(json, "answer", probe->text);
		json_set_int(json, "input_tokens", probe->usage.input);
		json_set_int(json, "output_tokens", probe->usage.output);
	}
	json_end_object(json);
}

static MAY_PARK const struct err *
providers_test(struct api_request *request)
{
	struct str name = json_get_string(request->json, "provider"), model = json_get_string(request->json, "model");
	const struct conf_provider *provider = provider_named(request->conf, name);
	struct probe probe = { 0 };
	struct json_out json;
	struct buf body;
	const struct err *err = api_require_operator(request);

	if (err)
		return err;
	if (!provider)
		return err_param(request->arena, ERR_NOT_FOUND, "provider", "entry_not_found", "there is no provider \"%" STR_F "\"", STR_A(name));
	if (!model.ptr)
		model = model_at_provider(request->conf, provider);
	if (!model.ptr)
		return err_param(request->arena, ERR_INVALID, "model", NULL, "model: no model has a target at \"%" STR_F "\" yet: name one that the provider has", STR_A(name));
	probe_run(provider, model, request->trace, request->arena, &probe);
	buf_init(&body, request->arena, KIB(64));
	json_out_init(&json, &body);
	put_outcome(&json, provider, model, &probe);
	return api_answer_json(request, 200, &json);
}

#define TEST_SCHEMA                                                                                                            \
	"{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"provider\"],\"properties\":{\"provider\":{\"type\":\"string\"},"   \
	"\"model\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":256}}}"

static const struct route routes[] = {
	{ .method = HTTP_POST, .path = "/admin/v1/providers/test", .name = "admin.providers.test", .scope = SCOPE_ADMIN, .errors = &openai_errors, .body = BODY_JSON,
		.body_bytes_max = KIB(16), .request_schema = TEST_SCHEMA, .handler = providers_test, .answer = "ProviderTest", .summary = "Try a provider with one small call, and say what to do if it fails" },
};
const struct route_table admin_probe_routes = { routes, COUNT(routes) };
