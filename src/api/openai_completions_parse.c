/*
 * openai_completions_parse.c - a legacy completion to the inner form: each prompt becomes a message of the user.
 *
 * What a chat could not say is noted as the call's `extra`: a target that serves completions gets the request as it came, any other refuses it by that name.
 */
#include "api/openai_completions.h"
#include "api/openai_shapes.h"

struct parser {
	struct arena *arena;
	struct call *call;
	struct message **end;
	size_t prompts;
};

static const struct err *
bad(struct parser *parser, const char *field, const char *expected)
{
	return err_param(parser->arena, ERR_INVALID, field, NULL, "%s: %s", field, expected);
}

/* A text, or tokens: then the message has no text, and their number is counted. */
static const struct err *
add_prompt(struct parser *parser, const struct json *prompt)
{
	struct message *message = message_new(parser->arena, ROLE_USER, json_is(prompt, JSON_STRING) ? json_string(prompt) : STR_EMPTY);

	if (!message)
		return &err_no_memory;
	parser->prompts++;
	*parser->end = message;
	parser->end = &message->next;
	if (json_is(prompt, JSON_STRING))
		return NULL;
	message->raw = prompt;
	parser->call->prompt_tokens += (int64_t)json_count(prompt);
	for (struct json_iter it = json_iter(prompt); json_next(&it);)
		if (json_int(it.value, -1) < 0)
			return bad(parser, "prompt", "tokens are whole numbers from 0 on");
	return NULL;
}

static const struct err *
parse_prompt(struct parser *parser)
{
	static const char expected[] = "expected a string, an array of strings, an array of tokens, or an array of such arrays";
	const struct json *prompt = json_get(parser->call->source, "prompt");
	struct json_iter it = json_iter(prompt);
	enum json_type of = JSON_NONE;
	const struct err *err = NULL;

	if (json_is(prompt, JSON_STRING))
		return add_prompt(parser, prompt);
	if (!json_is(prompt, JSON_ARRAY) || json_count(prompt) == 0)
		return bad(parser, "prompt", expected);
	while (!err && json_next(&it)) {
		of = it.index ? of : json_type(it.value);
		if (json_type(it.value) != of || (of == JSON_ARRAY && json_count(it.value) == 0))
			return bad(parser, "prompt", expected);
		if (of == JSON_INT)
			return add_prompt(parser, prompt);
		if (of != JSON_STRING && of != JSON_ARRAY)
			return bad(parser, "prompt", expected);
		if (parser->prompts == COMPLETION_PROMPTS_MAX)
			return bad(parser, "prompt", "at most 2048 prompts");
		err = add_prompt(parser, it.value);
	}
	return err;
}

/* A value that says what not saying it would. */
static bool
says_nothing(struct str name, const struct json *value)
{
	switch (json_type(value)) {
	case JSON_BOOL:
		return !json_bool(value, true);
	case JSON_INT:
		return str_eq_c(name, "best_of") && json_int(value, 0) == 1;
	case JSON_STRING:
		return json_string(value).len == 0;
	case JSON_OBJECT:
		return json_count(value) == 0;
	case JSON_NULL:
		return true;
	case JSON_NONE:
	case JSON_REAL:
	case JSON_ARRAY:
		break;
	}
	return false;
}

/* The first that no chat could say; hints do not count. */
static const struct err *
find_extra(struct parser *parser)
{
	static const char *const known[] = { "model", "prompt", "stream", "stream_options", "temperature", "top_p", "n", "stop", "max_tokens", "frequency_penalty",
		"presence_penalty", "seed", "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "top_k" };
	struct call *call = parser->call;

	if (json_int(json_get(call->source, "max_tokens"), 1) == 0)
		call->extra = STR("max_tokens");
	if (call->prompt_tokens || parser->prompts > 1)
		call->extra = STR("prompt");
	for (struct json_iter it = json_iter(call->source); json_next(&it);) {
		bool is_known = says_nothing(it.key, it.value);

		for (size_t i = 0; i < COUNT(known) && !is_known; i++)
			is_known = str_eq_c(it.key, known[i]);
		if (!is_known && call_member_like(it.key, known, COUNT(known)))
			return bad(parser, call_member_like(it.key, known, COUNT(known)), MEMBER_CASE);
		if (!is_known && !call->extra.len)
			call->extra = it.key;
	}
	return NULL;
}

/* Each prompt gets n answers, and best_of are made of each of these: as many may have to be paid. */
static const struct err *
count_choices(struct parser *parser)
{
	const struct json *best = json_get(parser->call->source, "best_of");
	int64_t best_of;
	const struct err *err = dialect_integer_parse(parser->arena, best, "best_of", 0, 20, 1, &best_of);

	if (err)
		return err;
	if (best_of > (int64_t)parser->call->choices)
		parser->call->choices = (unsigned)best_of;
	parser->call->choices *= (unsigned)parser->prompts;
	return NULL;
}

static const struct err *
parse_switches(struct parser *parser)
{
	struct call *call = parser->call;
	const struct json *stream = json_get(call->source, "stream"), *echo = json_get(call->source, "echo");

	if (json_is_given(stream) && !json_is(stream, JSON_BOOL))
		return bad(parser, "stream", "expected true or false");
	if (json_is_given(echo) && !json_is(echo, JSON_BOOL))
		return bad(parser, "echo", "expected true or false");
	call->stream = json_bool(stream, false);
	call->include_usage = json_bool(json_get(json_get(call->source, "stream_options"), "include_usage"), false);
	call->user = json_get_string(call->source, "safety_identifier");
	if (!call->user.len)
		call->user = json_get_string(call->source, "user");
	call->conversation = json_get_string(json_get(call->source, "metadata"), "conversation_id");
	return find_extra(parser);
}

const struct err *
openai_completion_parse(struct arena *arena, const struct json *json, struct str text, struct call **out)
{
	struct call *call = arena_zalloc(arena, sizeof(*call));
	struct parser parser = { .arena = arena, .call = call };
	const struct err *err;

	*out = call;
	if (!call)
		return &err_no_memory;
	parser.end = &call->messages;
	call->dialect = DIALECT_OPENAI_COMPLETIONS;
	call->source = json;
	call->source_text = text;
	call->model = json_get_string(json, "model");
	if (!call->model.len)
		return bad(&parser, "model", "expected the name of a model");
	err = parse_prompt(&parser);
	if (!err)
		err = openai_sampling_parse(arena, call, 0);
	if (!err)
		err = openai_map_check(arena, json_get(json, "metadata"), "metadata", true);
	if (!err)
		err = count_choices(&parser);
	return err ? err : parse_switches(&parser);
}
