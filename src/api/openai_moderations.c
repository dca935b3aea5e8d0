/*
 * openai_moderations.c - POST /v1/moderations.
 *
 * Protocol: OpenAI's API reference, "Moderations". The request goes to the provider as it came. Without `model`, which may be missing there, it is the first moderation model of the
 * configuration.
 */
#include "answer/moderations.h"
#include "api/single.h"
#include "infer/tokenizers.h"

enum { INPUTS_MAX = 2048, IMAGE_TOKENS = 765 };

static const struct err *
bad_input(struct api_request *request, const char *what)
{
	return err_param(request->arena, ERR_INVALID, "input", NULL, "input: %s", what);
}

/* A text, a part with a text, or one with an image; counts what it may use. */
static bool
is_input(const struct json *input, struct usage *expected)
{
	struct str type = json_get_string(input, "type"), text = json_is(input, JSON_STRING) ? json_string(input) : json_get_string(input, "text");

	if (json_is(input, JSON_OBJECT) && str_eq_c(type, "image_url")) {
		expected->input += IMAGE_TOKENS;
		return json_get_string(json_get(input, "image_url"), "url").len > 0;
	}
	if (!text.ptr || (json_is(input, JSON_OBJECT) && !str_eq_c(type, "text")))
		return false;
	expected->input += tokens_estimate(text);
	return true;
}

static const struct err *
parse_input(struct api_request *request, struct usage *expected)
{
	const struct json *input = json_get(request->json, "input");

	if (json_is(input, JSON_STRING))
		return is_input(input, expected) ? NULL : &err_internal;
	if (!json_is(input, JSON_ARRAY) || json_count(input) == 0 || json_count(input) > INPUTS_MAX)
		return bad_input(request, "expected a text, or an array of 1 to 2048 texts or parts");
	for (struct json_iter it = json_iter(input); json_next(&it);)
		if (!is_input(it.value, expected))
			return bad_input(request, "each must be a text, {\"type\":\"text\",\"text\"} or {\"type\":\"image_url\",\"image_url\":{\"url\"}}");
	return NULL;
}

static struct str
first_model(const struct conf *conf)
{
	size_t count;
	const struct conf_model *models = conf_models(conf, &count);

	for (size_t i = 0; i < count; i++)
		if (models[i].type == CONF_MODEL_MODERATIONS)
			return models[i].name;
	return STR_EMPTY;
}

static MAY_PARK const struct err *
moderations(struct api_request *request)
{
	struct single call;
	const struct err *err;

	single_begin(&call, request, &moderations_kind, span_open(request->trace, SPAN_SERVER, STR("POST /v1/moderations")));
	err = parse_input(request, &call.expected);
	if (err)
		return err;
	if (!json_get(request->json, "model"))
		call.model = first_model(request->conf);
	err = single_answer(&call, request);
	return err ? err : http_answer(request->http, 200, STR("application/json"), call.whole);
}

static const struct route routes[] = {
	{ .method = HTTP_POST, .path = "/v1/moderations", .name = "moderations", .scope = SCOPE_MODEL_USE, .errors = &openai_errors, .body = BODY_JSON,
		.body_bytes_max = MIB(64), .handler = moderations, .asks = "ModerationRequest", .answer = "Moderation", .summary = "Tell whether texts and images are harmful" },
};
const struct route_table openai_moderations_routes = { routes, COUNT(routes) };
