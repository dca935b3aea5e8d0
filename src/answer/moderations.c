/*
 * moderations.c - see moderations.h.
 *
 * Wires: OpenAI's API reference, "Moderations"; Mistral's, "Classifiers", whose input is texts alone, and whose results have categories of its own and no `flagged`.
 */
#include "answer/moderations.h"

enum { ANSWER_MAX = 64 * 1024 * 1024 };

/* Parts of an input that are no text. */
static bool
has_images(const struct json *input)
{
	for (struct json_iter it = json_iter(json_is(input, JSON_ARRAY) ? input : NULL); json_next(&it);)
		if (json_is(it.value, JSON_OBJECT) && !str_eq_c(json_get_string(it.value, "type"), "text"))
			return true;
	return false;
}

static const struct err *
write_request(struct single *call, const struct target *target, struct http_call_spec *out)
{
	if (str_eq_c(conf_provider_kind(target->provider), "mistral") && has_images(json_get(call->source, "input")))
		return err_param(call->arena, ERR_UNSUPPORTED, "input", "unsupported_parameter", "images are not supported by the mistral provider of this model");
	return single_pass_on(call, target, "/moderations", out);
}

static bool
any_true(const struct json *categories)
{
	for (struct json_iter it = json_iter(categories); json_next(&it);)
		if (json_bool(it.value, false))
			return true;
	return false;
}

static void
put_result(struct json_out *out, const struct json *result)
{
	json_begin_object(out);
	if (!json_get(result, "flagged"))
		json_set_bool(out, "flagged", any_true(json_get(result, "categories")));
	for (struct json_iter it = json_iter(result); json_next(&it);) {
		json_key(out, it.key);
		json_put(out, it.value);
	}
	json_end_object(out);
}

/* The answer with `flagged` in every result. */
static const struct err *
add_flagged(struct single *call, const struct json *root)
{
	struct buf *text = arena_alloc(call->arena, sizeof(*text));
	struct json_out out;

	if (!text || !buf_init_held(text, call->arena, ANSWER_MAX))
		return &err_no_memory;
	json_out_init(&out, text);
	json_begin_object(&out);
	for (struct json_iter it = json_iter(root); json_next(&it);) {
		json_key(&out, it.key);
		if (!str_eq_c(it.key, "results")) {
			json_put(&out, it.value);
			continue;
		}
		json_begin_array(&out);
		for (struct json_iter result = json_iter(it.value); json_next(&result);)
			put_result(&out, result.value);
		json_end_array(&out);
	}
	json_end_object(&out);
	call->whole = buf_str(text);
	return buf_err(text);
}

static const struct err *
read_answer(struct single *call, const struct target *target, const struct json *root)
{
	const struct json *results = json_get(root, "results"), *tokens = json_get(json_get(root, "usage"), "prompt_tokens");
	struct str id = json_get_string(root, "id");
	bool lacking = false;

	(void)target;
	if (!json_is(results, JSON_ARRAY))
		return err_new(call->arena, ERR_UPSTREAM, "the provider's answer has no results");
	for (struct json_iter it = json_iter(results); json_next(&it);) {
		if (!json_is(json_get(it.value, "categories"), JSON_OBJECT))
			return err_new(call->arena, ERR_UPSTREAM, "a result of the provider's answer has no categories");
		lacking = lacking || !json_get(it.value, "flagged");
	}
	call->response_id = id.ptr ? id : STR_EMPTY;
	call->usage = (struct usage){ .input = provider_count(tokens, 0), .known = provider_count(tokens, -1) >= 0 };
	return lacking ? add_flagged(call, root) : NULL;
}

const struct single_kind moderations_kind = {
	.operation = "moderations",
	.noun = "moderation model",
	.type = CONF_MODEL_MODERATIONS,
	.api = CONF_API_MODERATIONS,
	.request = write_request,
	.read = read_answer,
};
