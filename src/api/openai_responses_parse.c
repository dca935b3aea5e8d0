/*
 * openai_responses_parse.c - a request of the Responses API to the inner form.
 *
 * What is not known here, and what only a server of this protocol could do, is the call's `foreign`: it is refused unless a target of the model speaks the protocol itself. `head`, what a
 * response object says of its request, is made here too, with the defaults filled in.
 */
#include <math.h>

#include "api/openai_responses_parse.h"
#include "api/openai_shapes.h"
#include "base/clock.h"
#include "gateway/route.h"

enum { INPUT_MAX = 65 * 1024 * 1024, HEAD_MAX = 16 * 1024 * 1024, TOKENS_MAX = 1000000000 };

/* --- members --- */

static const struct err *
check_members(struct responses_parser *parser)
{
	static const char *const known[] = { "background", "conversation", "include", "input", "instructions", "max_output_tokens", "max_tool_calls", "metadata", "model",
		"parallel_tool_calls", "previous_response_id", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store",
		"stream", "stream_options", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user", "frequency_penalty",
		"presence_penalty" };

	if (json_is_given(json_get(parser->json, "prompt")))
		responses_foreign(parser, responses_refuse(parser, "prompt", "stored prompts are not supported here; send instructions and input"));
	for (struct json_iter it = json_iter(parser->json); json_next(&it);) {
		bool found = !json_is_given(it.value) || str_eq_c(it.key, "prompt") || str_in(it.key, known, COUNT(known));

		if (!found && call_member_like(it.key, known, COUNT(known)))
			return responses_bad(parser, call_member_like(it.key, known, COUNT(known)), MEMBER_CASE);
		if (!found)
			responses_foreign(parser,
				err_param(parser->arena, ERR_UNSUPPORTED, arena_cstr(parser->arena, it.key), "unknown_parameter",
					"%" STR_F ": this parameter is not known here; it cannot be passed on, since the model's provider speaks another protocol", STR_A(it.key)));
	}
	return NULL;
}

static const struct err *
get_bool(struct responses_parser *parser, const char *field, bool initial, bool *out)
{
	const struct json *value = json_get(parser->json, field);

	*out = json_bool(value, initial);
	return json_is_given(value) && !json_is(value, JSON_BOOL) ? responses_bad(parser, field, "expected true or false") : NULL;
}

static const struct err *
get_number(struct responses_parser *parser, const char *field, double min, double max, double *out)
{
	const struct json *value = json_get(parser->json, field);

	*out = json_number(value, NAN);
	if (!json_is_given(value))
		return NULL;
	if (isnan(*out) || *out < min || *out > max)
		return err_param(parser->arena, ERR_INVALID, field, NULL, "%s: expected a number from %g to %g", field, min, max);
	return NULL;
}

static const struct err *
get_integer(struct responses_parser *parser, const char *field, int64_t min, int64_t max, int64_t *out)
{
	return dialect_integer_parse(parser->arena, json_get(parser->json, field), field, min, max, 0, out);
}

static const struct err *
get_string(struct responses_parser *parser, const struct json *value, const char *field, struct str *out)
{
	*out = json_is_given(value) ? json_string(value) : STR_EMPTY;
	return out->ptr ? NULL : responses_bad(parser, field, "expected a string");
}

static const struct err *
parse_sampling(struct responses_parser *parser)
{
	struct call *call = parser->call;
	int64_t alternatives;
	const struct err *err = get_number(parser, "temperature", 0, 2, &call->temperature);

	if (!err)
		err = get_number(parser, "top_p", 0, 1, &call->top_p);
	if (!err)
		err = get_number(parser, "frequency_penalty", -2, 2, &call->frequency_penalty);
	if (!err)
		err = get_number(parser, "presence_penalty", -2, 2, &call->presence_penalty);
	if (!err)
		err = get_integer(parser, "max_output_tokens", 1, TOKENS_MAX, &call->tokens_max);
	if (!err)
		err = get_integer(parser, "top_logprobs", 0, 20, &alternatives);
	if (err)
		return err;
	call->top_logprobs = (unsigned)alternatives;
	call->logprobs = call->top_logprobs > 0;
	call->choices = 1;
	return NULL;
}

static const struct err *
parse_include(struct responses_parser *parser, const struct json *include)
{
	/* What the last six would add comes from tools that cannot have run here, or is there anyway. */
	static const char *const known[] = { "message.output_text.logprobs", "file_search_call.results", "reasoning.encrypted_content", "web_search_call.results",
		"web_search_call.action.sources", "message.input_image.image_url", "computer_call_output.output.image_url", "code_interpreter_call.outputs" };

	if (json_is_given(include) && !json_is(include, JSON_ARRAY))
		return responses_bad(parser, "include", "expected an array");
	for (struct json_iter it = json_iter(include); json_next(&it);) {
		size_t i = 0;

		while (i < COUNT(known) && !(json_is(it.value, JSON_STRING) && str_eq_c(json_string(it.value), known[i])))
			i++;
		if (i == COUNT(known) && !json_is(it.value, JSON_STRING))
			return responses_bad(parser, "include", "expected an array of strings");
		if (i == COUNT(known))
			responses_foreign(parser, responses_bad(parser, "include", "names something that is not known here"));
		parser->call->logprobs = parser->call->logprobs || i == 0;
		parser->ask->with_results = parser->ask->with_results || i == 1;
		parser->ask->with_encrypted = parser->ask->with_encrypted || i == 2;
	}
	return NULL;
}

static const struct err *
parse_text(struct responses_parser *parser, const struct json *text)
{
	const struct json *format = json_get(text, "format");
	struct str type = json_get_string(format, "type");
	struct call *call = parser->call;
	const struct err *err;

	if (json_is_given(text) && !json_is(text, JSON_OBJECT))
		return responses_bad(parser, "text", "expected an object");
	err = responses_look_into(parser, RESPONSES_SETTING, text, "text");
	if (!err)
		err = responses_look_into(parser, RESPONSES_FORMAT, format, "text.format");
	if (err)
		return err;
	call->verbosity = json_is_given(json_get(text, "verbosity")) ? json_get_string(text, "verbosity") : STR_EMPTY;
	if (!call->verbosity.ptr)
		return responses_bad(parser, "text.verbosity", "expected low, medium or high");
	if (!json_is_given(format) || str_eq_c(type, "text"))
		return NULL;
	if (str_eq_c(type, "json_object")) {
		call->format = FORMAT_JSON_OBJECT;
		return NULL;
	}
	if (!type.len)
		return responses_bad(parser, "text.format", "needs a 'type': text, json_object or json_schema");
	if (!str_eq_c(type, "json_schema"))
		return responses_foreign(parser, responses_refuse(parser, "text.format.type", "must be text, json_object or json_schema where the provider does not speak this protocol itself"));
	call->format = FORMAT_JSON_SCHEMA;
	call->schema = json_get(format, "schema");
	call->schema_name = json_get_string(format, "name");
	call->schema_description = json_get_string(format, "description");
	call->schema_strict = json_bool(json_get(format, "strict"), false);
	return json_is(call->schema, JSON_OBJECT) && call->schema_name.len ? NULL : responses_bad(parser, "text.format", "a json_schema needs a 'name' and a 'schema'");
}

static const struct err *
parse_reasoning(struct responses_parser *parser, const struct json *reasoning)
{
	const struct err *err;

	if (json_is_given(reasoning) && !json_is(reasoning, JSON_OBJECT))
		return responses_bad(parser, "reasoning", "expected an object");
	parser->ask->summary = json_is(json_get(reasoning, "summary"), JSON_STRING) || json_is(json_get(reasoning, "generate_summary"), JSON_STRING);
	err = responses_look_into(parser, RESPONSES_SETTING, reasoning, "reasoning");
	return err ? err : get_string(parser, json_get(reasoning, "effort"), "reasoning.effort", &parser->call->reasoning_effort);
}

/* --- input --- */

/* Items by reference are looked up later, in the store: here they leave a place. */
static bool
is_reference(const struct json *item)
{
	return str_eq_c(json_get_string(item, "type"), "item_reference") || (!json_get(item, "type") && !json_get(item, "role") && json_get(item, "id"));
}

static const struct err *
parse_items(struct responses_parser *parser, const struct json *input, struct message ***end)
{
	struct responses_ask *ask = parser->ask;
	const struct err *err = NULL;

	if (json_count(input) > RESPONSES_ITEMS_MAX)
		return responses_bad(parser, "input", "too many items");
	ask->items = arena_array(parser->arena, json_count(input) + 1, sizeof(*ask->items));
	if (!ask->items)
		return &err_no_memory;
	for (struct json_iter it = json_iter(input); !err && json_next(&it);) {
		struct response_item *item = &ask->items[ask->item_count++];
		struct str where = arena_printf(parser->arena, "input[%zu]", it.index);

		if (is_reference(it.value)) {
			*item = (struct response_item){ .id = json_get_string(it.value, "id"), .reference = true, .place = *end };
			err = item->id.len ? NULL : responses_bad(parser, where.ptr, "an item_reference needs an 'id'");
			continue;
		}
		err = where.ptr ? responses_item_message(parser->arena, it.value, where.ptr, end, &parser->call->foreign) : &err_no_memory;
		if (!err)
			err = responses_item_keep(parser->arena, it.value, item);
	}
	return err;
}

/* A text alone is one message of the user: the list of items that has it. */
static const struct err *
text_item(struct responses_parser *parser, struct str text, const struct json **out)
{
	struct arena *arena = json_arena(parser->arena, text.len);
	struct json_out json;
	struct buf item;
	const struct err *err;

	if (!arena)
		return &err_no_memory;
	buf_init(&item, NULL, INPUT_MAX);
	json_out_init(&json, &item);
	json_begin_array(&json);
	json_begin_object(&json);
	json_set_string(&json, "role", STR("user"));
	json_set_string(&json, "content", text);
	json_end_object(&json);
	json_end_array(&json);
	err = buf_err(&item);
	if (!err)
		err = json_parse(arena, buf_str(&item), out);
	buf_fini(&item);
	return err;
}

static const struct err *
parse_input(struct responses_parser *parser, bool optional)
{
	struct responses_ask *ask = parser->ask;
	const struct json *input = json_get(parser->json, "input"), *items;
	struct message **end = &parser->call->messages;
	const struct err *err;
	struct str instructions;

	err = get_string(parser, json_get(parser->json, "instructions"), "instructions", &instructions);
	if (err)
		return err;
	if (instructions.len) {
		*end = message_new(parser->arena, ROLE_SYSTEM, instructions);
		if (!*end)
			return &err_no_memory;
		end = &(*end)->next;
	}
	ask->context_end = end;
	if (json_is(input, JSON_ARRAY))
		return parse_items(parser, input, &end);
	if (!json_is_given(input) && (optional || ask->previous.len || ask->conversation.len || json_is_given(json_get(parser->json, "prompt"))))
		return NULL;
	if (!json_is(input, JSON_STRING))
		return responses_bad(parser, "input", "expected a string or an array of items");
	err = text_item(parser, json_string(input), &items);
	return err ? err : parse_items(parser, items, &end);
}

/* --- what the response repeats --- */

static void
put_or(struct json_out *out, const struct json *json, const char *key, const char *initial)
{
	const struct json *value = json_get(json, key);

	if (json_is_given(value))
		json_set(out, key, value);
	else
		json_set_raw(out, key, str_of(initial));
}

static void
put_tools(struct json_out *out, const struct json *tools)
{
	json_set_array(out, "tools");
	for (struct json_iter it = json_iter(tools); json_next(&it);) {
		static const char *const filled[] = { "description", "parameters", "strict" };

		json_begin_object(out);
		for (struct json_iter member = json_iter(it.value); json_next(&member);) {
			json_key(out, member.key);
			json_put(out, member.value);
		}
		for (size_t i = 0; str_eq_c(json_get_string(it.value, "type"), "function") && i < COUNT(filled); i++)
			if (!json_get(it.value, filled[i]))
				json_set_null(out, filled[i]);
		json_end_object(out);
	}
	json_end_array(out);
}

static void
put_head(struct json_out *out, const struct json *json, const struct responses_ask *ask)
{
	const struct json *text = json_get(json, "text"), *reasoning = json_get(json, "reasoning");

	json_begin_object(out);
	put_or(out, json, "instructions", "null");
	put_or(out, json, "max_output_tokens", "null");
	put_or(out, json, "max_tool_calls", "null");
	put_or(out, json, "parallel_tool_calls", "true");
	put_or(out, json, "prompt_cache_key", "null");
	json_set_object(out, "reasoning");
	put_or(out, reasoning, "effort", "null");
	put_or(out, reasoning, "summary", "null");
	json_end_object(out);
	put_or(out, json, "safety_identifier", "null");
	put_or(out, json, "service_tier", "\"default\"");
	json_set_bool(out, "store", ask->store);
	put_or(out, json, "temperature", "1");
	json_set_object(out, "text");
	put_or(out, text, "format", "{\"type\":\"text\"}");
	put_or(out, text, "verbosity", "\"medium\"");
	json_end_object(out);
	put_or(out, json, "tool_choice", "\"auto\"");
	put_tools(out, json_get(json, "tools"));
	put_or(out, json, "top_logprobs", "0");
	put_or(out, json, "top_p", "1");
	put_or(out, json, "frequency_penalty", "0");
	put_or(out, json, "presence_penalty", "0");
	put_or(out, json, "truncation", "\"disabled\"");
	put_or(out, json, "user", "null");
	put_or(out, json, "metadata", "{}");
	json_set(out, "model", json_get(json, "model"));
	json_end_object(out);
}

static const struct err *
make_head(struct responses_parser *parser)
{
	struct json_out json;
	struct buf *text = arena_alloc(parser->arena, sizeof(*text));
	struct arena *arena;

	if (!text || !buf_init_held(text, parser->arena, HEAD_MAX))
		return &err_no_memory;
	json_out_init(&json, text);
	put_head(&json, parser->json, parser->ask);
	parser->ask->head_text = buf_str(text);
	arena = json_arena(parser->arena, text->len);
	if (!arena)
		return &err_no_memory;
	if (text->failed)
		return err_param(parser->arena, ERR_TOO_LARGE, "instructions", NULL,
			"instructions: a response repeats what was asked; all of the request but its input has at most %d MiB together. Send long texts as items of the input", HEAD_MAX / 1024 / 1024);
	return json_parse(arena, parser->ask->head_text, &parser->ask->head);
}

/* --- the whole --- */

static const struct err *
parse_state(struct responses_parser *parser)
{
	struct responses_ask *ask = parser->ask;
	const struct json *conversation = json_get(parser->json, "conversation");
	const struct err *err = get_bool(parser, "store", true, &ask->store);

	if (!err)
		err = get_bool(parser, "background", false, &ask->background);
	if (!err)
		err = get_bool(parser, "stream", false, &parser->call->stream);
	if (!err)
		err = get_string(parser, json_get(parser->json, "previous_response_id"), "previous_response_id", &ask->previous);
	if (!err)
		err = get_string(parser, json_is(conversation, JSON_OBJECT) ? json_get(conversation, "id") : conversation, "conversation", &ask->conversation);
	if (err)
		return err;
	if (ask->previous.len && ask->conversation.len)
		return responses_bad(parser, "previous_response_id", "cannot be given together with 'conversation'");
	if (ask->background && !ask->store)
		return responses_bad(parser, "background", "needs 'store': a background response is read from where it is stored");
	return NULL;
}

/* Members that pass to a provider over OpenAI's wire, or say nothing to others; the last is the name that takes the place of "user". */
static const struct err *
parse_hints(struct responses_parser *parser)
{
	static const char *const names[] = { "service_tier", "prompt_cache_key", "prompt_cache_retention", "user", "safety_identifier" };
	struct str text, truncation = STR_EMPTY;
	int64_t calls;
	const struct err *err = get_integer(parser, "max_tool_calls", 1, TOKENS_MAX, &calls);

	for (size_t i = 0; !err && i < COUNT(names); i++) {
		err = get_string(parser, json_get(parser->json, names[i]), names[i], &text);
		if (!err && text.len && i >= 3)
			parser->call->user = text;
	}
	for (size_t i = 0; !err && i < 2; i++) {
		const char *name = i == 0 ? "stream_options" : "prompt_cache_options";
		const struct json *value = json_get(parser->json, name);

		err = json_is_given(value) && !json_is(value, JSON_OBJECT) ? responses_bad(parser, name, "expected an object") : responses_look_into(parser, RESPONSES_SETTING, value, name);
	}
	if (!err)
		err = get_string(parser, json_get(parser->json, "truncation"), "truncation", &truncation);
	if (!err && truncation.len && !str_eq_c(truncation, "disabled"))
		err = responses_foreign(parser, responses_refuse(parser, "truncation", "must be disabled where the provider does not speak this protocol itself: send a shorter conversation"));
	return err;
}

static const struct err *
parse_switches(struct responses_parser *parser)
{
	const struct json *json = parser->json, *metadata = json_get(json, "metadata");
	struct call *call = parser->call;
	bool parallel;
	const struct err *err = get_bool(parser, "parallel_tool_calls", true, &parallel);

	call->parallel_tools_off = !parallel;
	if (!err)
		err = parse_hints(parser);
	if (!err)
		err = openai_map_check(parser->arena, metadata, "metadata", true);
	call->include_usage = true;
	call->conversation = parser->ask->conversation.len ? parser->ask->conversation : json_get_string(metadata, "conversation_id");
	return err;
}

static const struct err *
parse(struct responses_parser *parser, bool count_only)
{
	const struct json *json = parser->json;
	const struct err *err = check_members(parser);

	if (!err)
		err = get_string(parser, json_get(json, "model"), "model", &parser->call->model);
	if (!err && !parser->call->model.len && !count_only)
		err = responses_bad(parser, "model", "expected the name of a model");
	if (!err)
		err = parse_state(parser);
	if (!err)
		err = parse_sampling(parser);
	if (!err)
		err = parse_include(parser, json_get(json, "include"));
	if (!err)
		err = parse_text(parser, json_get(json, "text"));
	if (!err)
		err = parse_reasoning(parser, json_get(json, "reasoning"));
	if (!err)
		err = responses_parse_tools(parser, json_get(json, "tools"));
	if (!err)
		err = parse_switches(parser);
	if (!err)
		err = parse_input(parser, count_only);
	if (!err) /* items may bring tools too */
		err = responses_parse_tool_choice(parser, json_get(json, "tool_choice"));
	return err || count_only ? err : make_head(parser);
}

/* Whether a target of these models speaks the protocol itself. */
static bool
any_responds(const struct conf_reached *reached)
{
	bool found = false;

	for (; reached && !found; reached = reached->next)
		for (size_t i = 0; i < reached->model->target_count && !found; i++)
			found = conf_provider_has(reached->model->targets[i].provider, CONF_API_RESPONSES);
	return found;
}

/* What no target can do is refused at once. */
static const struct err *
check_foreign(const struct api_request *request, struct arena *arena, const struct call *call)
{
	const struct conf_model *model = call->foreign && request->conf ? conf_model(request->conf, call->model) : NULL;

	return model && any_responds(conf_reach(request->conf, arena, model, ROUTE_MODELS_MAX - 1)) ? NULL : call->foreign;
}

static const struct err *
begin(struct api_request *request, struct arena *arena, struct responses_ask **out, bool count_only)
{
	struct responses_ask *ask = arena_zalloc(arena, sizeof(*ask));
	struct call *call = arena_zalloc(arena, sizeof(*call));
	struct responses_parser parser = { .arena = arena, .ask = ask, .call = call, .json = request->json };
	const struct err *err;

	*out = ask;
	if (!ask || !call)
		return &err_no_memory;
	call->dialect = DIALECT_OPENAI_RESPONSES;
	call->source = request->json;
	call->source_text = request->body;
	*ask = (struct responses_ask){ .arena = arena, .request = request, .call = call, .id = responses_id_new(arena, "resp"), .created_us = clock_wall_us() };
	err = ask->id.ptr ? parse(&parser, count_only) : &err_no_memory;
	return err ? err : check_foreign(request, arena, call);
}

const struct err *
responses_parse(struct api_request *request, struct arena *arena, struct responses_ask **out)
{
	return begin(request, arena, out, false);
}

const struct err *
responses_parse_count(struct api_request *request, struct arena *arena, struct responses_ask **out)
{
	return begin(request, arena, out, true);
}
