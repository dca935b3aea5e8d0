/*
 * openai_chat_parse.c - a chat completion request to the inner form.
 *
 * Only what the inner form knows is checked here; everything else stays in `source` for the provider that speaks the same dialect.
 */
#include "api/openai_chat.h"
#include "api/openai_shapes.h"

enum { MESSAGES_MAX = 8192, TOOLS_MAX = 512, PARTS_MAX = 4096, N_MAX = ENCODER_CHOICES_MAX, TOKENS_MAX = 1000000000 };

struct parser {
	struct arena *arena;
	struct call *call;
	size_t message; /* index, for messages of errors */
};

static const struct err *
bad_message(struct parser *parser, const char *field, const char *expected)
{
	struct str param = arena_printf(parser->arena, "messages[%zu]%s%s", parser->message, *field ? "." : "", field);

	return err_param(parser->arena, ERR_INVALID, param.ptr, NULL, "%" STR_F ": %s", STR_A(param), expected);
}

static const struct err *
bad_field(struct parser *parser, const char *field, const char *expected)
{
	return err_param(parser->arena, ERR_INVALID, field, NULL, "%s: %s", field, expected);
}

static struct str
text_of(const struct json *json, const char *key)
{
	struct str text = json_get_string(json, key);

	return text.ptr ? text : STR_EMPTY;
}

/* What no provider of another dialect can do; the first such thing is told. */
static void
note_extra(struct parser *parser, struct str what)
{
	if (!parser->call->extra.len && what.ptr)
		parser->call->extra = what;
}

/* The same of a member of the message, where it says something. */
static void
note_message_extra(struct parser *parser, const struct json *json, const char *field)
{
	const struct json *value = json_get(json, field);
	bool nothing = json_type(value) == JSON_NONE || json_type(value) == JSON_NULL || (json_is(value, JSON_STRING) && json_string(value).len == 0);

	if (!nothing)
		note_extra(parser, arena_printf(parser->arena, "messages[%zu].%s", parser->message, field));
}

static struct part *
part_add(struct parser *parser, struct part ***end, enum part_type type)
{
	struct part *part = arena_zalloc(parser->arena, sizeof(*part));

	if (!part)
		return NULL;
	part->type = type;
	**end = part;
	*end = &part->next;
	return part;
}

static const struct err *
parse_text(struct parser *parser, const struct json *json, struct part *part)
{
	bool refusal = part->type == PART_REFUSAL;

	part->text = json_get_string(json, refusal ? "refusal" : "text");
	part->cache = json_get(json, "cache_control"); /* as OpenAI's clients send it to other providers */
	return part->text.ptr ? NULL : bad_message(parser, "content", "a text part needs a string 'text'");
}

static const struct err *
parse_image(struct parser *parser, const struct json *json, struct part *part)
{
	const struct json *image = json_get(json, "image_url");

	part->url = json_is(image, JSON_STRING) ? json_string(image) : json_get_string(image, "url");
	part->detail = json_get_string(image, "detail");
	return part->url.len ? NULL : bad_message(parser, "content", "an image_url part needs an object 'image_url' with a 'url'");
}

static const struct err *
parse_audio(struct parser *parser, const struct json *json, struct part *part)
{
	const struct json *audio = json_get(json, "input_audio");
	struct str data = json_get_string(audio, "data"), format = json_get_string(audio, "format");

	if (!data.len || !format.len)
		return bad_message(parser, "content", "an input_audio part needs an object 'input_audio' with 'data' and 'format'");
	part->media_type = arena_printf(parser->arena, "audio/%" STR_F, STR_A(format));
	part->url = data_url_make(parser->arena, part->media_type, data);
	return part->media_type.ptr && part->url.ptr ? NULL : &err_no_memory;
}

static const struct err *
parse_file(struct parser *parser, const struct json *json, struct part *part)
{
	const struct json *file = json_get(json, "file");

	part->url = json_get_string(file, "file_data");
	part->id = json_get_string(file, "file_id");
	part->name = json_get_string(file, "filename");
	return part->url.len || part->id.len ? NULL : bad_message(parser, "content", "a file part needs an object 'file' with 'file_data' or 'file_id'");
}

static const struct err *
parse_part(struct parser *parser, const struct json *json, struct part ***end)
{
	static const struct {
		const char *name;
		enum part_type type;
		const struct err *(*parse)(struct parser *parser, const struct json *json, struct part *part);
	} types[] = { { "text", PART_TEXT, parse_text }, { "refusal", PART_REFUSAL, parse_text }, { "image_url", PART_IMAGE, parse_image },
		{ "input_audio", PART_AUDIO, parse_audio }, { "file", PART_FILE, parse_file } };
	struct str type = json_get_string(json, "type");

	for (size_t i = 0; i < COUNT(types); i++) {
		struct part *part;

		if (!str_eq_c(type, types[i].name))
			continue;
		part = part_add(parser, end, types[i].type);
		if (!part)
			return &err_no_memory;
		part->raw = json;
		return types[i].parse(parser, json, part);
	}
	return bad_message(parser, "content", "a part's type must be text, image_url, input_audio, file or refusal");
}

static const struct err *
parse_content(struct parser *parser, const struct json *content, struct part ***end)
{
	const struct err *err = NULL;
	struct part *part;

	if (json_is(content, JSON_STRING)) {
		part = part_add(parser, end, PART_TEXT);
		if (!part)
			return &err_no_memory;
		part->text = json_string(content);
		return NULL;
	}
	if (!json_is(content, JSON_ARRAY))
		return bad_message(parser, "content", "expected a string or an array of parts");
	if (json_count(content) > PARTS_MAX)
		return bad_message(parser, "content", "too many parts");
	for (struct json_iter it = json_iter(content); !err && json_next(&it);)
		err = parse_part(parser, it.value, end);
	return err;
}

static const struct err *
parse_tool_calls(struct parser *parser, const struct json *calls, struct part ***end)
{
	for (struct json_iter it = json_iter(calls); json_next(&it);) {
		bool custom = str_eq_c(json_get_string(it.value, "type"), "custom");
		const struct json *function = json_get(it.value, custom ? "custom" : "function");
		struct part *part = part_add(parser, end, PART_TOOL_CALL);

		if (!part)
			return &err_no_memory;
		part->custom = custom;
		part->id = json_get_string(it.value, "id");
		part->name = json_get_string(function, "name");
		part->text = json_get_string(function, custom ? "input" : "arguments");
		part->signature = text_of(json_get(json_get(it.value, "extra_content"), "google"), "thought_signature");
		if (!part->id.len || !part->name.len)
			return bad_message(parser, "tool_calls", "a tool call needs an 'id' and a function, or a custom tool, with a 'name'");
		if (custom && !part->text.ptr)
			return bad_message(parser, "tool_calls", "the call of a custom tool needs an 'input'");
	}
	return NULL;
}

static const struct err *
parse_tool_result(struct parser *parser, const struct json *json, struct message *message)
{
	struct part **end = &message->parts;
	struct message content = { 0 };
	struct part **content_end = &content.parts;
	const struct err *err = parse_content(parser, json_get(json, "content"), &content_end);
	struct part *part = err ? NULL : part_add(parser, &end, PART_TOOL_RESULT);

	if (!part)
		return err ? err : &err_no_memory;
	part->id = json_get_string(json, "tool_call_id");
	part->text = message_text(parser->arena, &content);
	if (!part->text.ptr)
		return &err_no_memory;
	return part->id.len ? NULL : bad_message(parser, "tool_call_id", "a tool message must name the call it answers");
}

/* The result of a legacy function: it names the function, and no call. Only servers of this dialect know it. */
static const struct err *
parse_function_result(struct parser *parser, const struct json *json, struct message *message)
{
	struct part **end = &message->parts;
	struct part *part = part_add(parser, &end, PART_TOOL_RESULT);

	if (!part)
		return &err_no_memory;
	message->role = ROLE_TOOL;
	message->raw = json;
	part->id = part->name = json_get_string(json, "name");
	part->text = text_of(json, "content");
	note_extra(parser, arena_printf(parser->arena, "messages[%zu].role", parser->message));
	return part->id.len ? NULL : bad_message(parser, "name", "a function message must name its function");
}

/* What an assistant said beside its content: a refusal, and what only servers of this dialect know. */
static const struct err *
parse_assistant(struct parser *parser, const struct json *json, struct part ***end)
{
	struct str refusal = text_of(json, "refusal");
	struct part *part;

	note_message_extra(parser, json, "audio");
	note_message_extra(parser, json, "function_call");
	if (!refusal.len)
		return NULL;
	part = part_add(parser, end, PART_REFUSAL);
	if (!part)
		return &err_no_memory;
	part->text = refusal;
	return NULL;
}

static const struct err *
parse_message(struct parser *parser, const struct json *json, struct message *message)
{
	const struct json *content = json_get(json, "content"), *calls = json_get(json, "tool_calls");
	struct part **end = &message->parts;
	const struct err *err = NULL;

	if (!json_is(json, JSON_OBJECT))
		return bad_message(parser, "", "expected an object");
	if (str_eq_c(json_get_string(json, "role"), "function"))
		return parse_function_result(parser, json, message);
	if (!role_of(json_get_string(json, "role"), &message->role))
		return bad_message(parser, "role", "must be system, developer, user, assistant, tool or function");
	message->raw = json;
	if (message->role == ROLE_TOOL)
		return parse_tool_result(parser, json, message);
	note_message_extra(parser, json, "name");
	if (json_is_given(content))
		err = parse_content(parser, content, &end);
	else if (message->role != ROLE_ASSISTANT)
		return bad_message(parser, "content", "is required");
	if (!err && message->role == ROLE_ASSISTANT)
		err = parse_assistant(parser, json, &end);
	return err ? err : parse_tool_calls(parser, calls, &end);
}

static const struct err *
parse_messages(struct parser *parser, const struct json *messages)
{
	struct message **end = &parser->call->messages;
	const struct err *err = NULL;

	if (!json_is(messages, JSON_ARRAY) || json_count(messages) == 0)
		return bad_field(parser, "messages", "expected an array with at least one message");
	if (json_count(messages) > MESSAGES_MAX)
		return bad_field(parser, "messages", "too many messages");
	for (struct json_iter it = json_iter(messages); !err && json_next(&it); parser->message++) {
		struct message *message = arena_zalloc(parser->arena, sizeof(*message));

		if (!message)
			return &err_no_memory;
		err = parse_message(parser, it.value, message);
		*end = message;
		end = &message->next;
	}
	return err;
}

/* The input of a custom tool: any text, or what a grammar allows. */
static const struct err *
parse_input_format(struct parser *parser, const struct json *format, struct tool *tool)
{
	const struct json *grammar = json_get(format, "grammar");
	struct str type = json_get_string(format, "type");

	if (json_type(format) == JSON_NONE || json_type(format) == JSON_NULL || str_eq_c(type, "text"))
		return NULL;
	if (!str_eq_c(type, "grammar"))
		return bad_field(parser, "tools", "the 'format' of a custom tool must be of the type text or grammar");
	tool->syntax = json_get_string(grammar, "syntax");
	tool->grammar = json_get_string(grammar, "definition");
	return tool->syntax.len && tool->grammar.len ? NULL : bad_field(parser, "tools", "a grammar needs an object 'grammar' with a 'syntax' and a 'definition'");
}

static const struct err *
parse_tool(struct parser *parser, const struct json *json, struct tool *tool)
{
	const struct json *said;

	tool->custom = str_eq_c(json_get_string(json, "type"), "custom");
	said = json_get(json, tool->custom ? "custom" : "function");
	tool->name = json_get_string(said, "name");
	tool->description = json_get_string(said, "description");
	tool->parameters = json_get(said, "parameters");
	tool->strict = json_bool(json_get(said, "strict"), false);
	tool->cache = json_get(json, "cache_control");
	tool->raw = json;
	if (!tool->name.len)
		return bad_field(parser, "tools", tool->custom ? "a custom tool needs an object 'custom' with a 'name'" : "a tool needs a function with a 'name'");
	return tool->custom ? parse_input_format(parser, json_get(said, "format"), tool) : NULL;
}

static const struct err *
parse_tools(struct parser *parser, const struct json *tools)
{
	struct tool **end = &parser->call->tools;

	if (json_count(tools) > TOOLS_MAX)
		return bad_field(parser, "tools", "too many tools");
	for (struct json_iter it = json_iter(tools); json_next(&it);) {
		struct str type = json_get_string(it.value, "type");
		struct tool *tool = arena_zalloc(parser->arena, sizeof(*tool));
		const struct err *err;

		if (!tool)
			return &err_no_memory;
		if (type.len && !str_eq_c(type, "function") && !str_eq_c(type, "custom"))
			return err_param(parser->arena, ERR_UNSUPPORTED, "tools", "unsupported_parameter", "tools[%zu]: tools of type '%.*s' are not supported, only functions and custom tools are", it.index,
				(int)(type.len < 64 ? type.len : 64), type.ptr);
		err = parse_tool(parser, it.value, tool);
		if (err)
			return err;
		*end = tool;
		end = &tool->next;
	}
	return NULL;
}

/* Only the tools that are named stay; the choice is between them. To a server of this dialect the request goes as it came. */
static const struct err *
parse_allowed(struct parser *parser, const struct json *allowed)
{
	struct str mode = json_get_string(allowed, "mode");

	for (struct tool **link = &parser->call->tools; *link;) {
		const char *kind = (*link)->custom ? "custom" : "function";
		bool stays = false;

		for (struct json_iter it = json_iter(json_get(allowed, "tools")); json_next(&it);)
			stays = stays || str_eq(json_get_string(json_get(it.value, kind), "name"), (*link)->name);
		if (stays)
			link = &(*link)->next;
		else
			call_bar(parser->call, link);
	}
	if (!parser->call->tools)
		return bad_field(parser, "tool_choice", "allows none of the tools");
	parser->call->tool_choice = str_eq_c(mode, "required") ? TOOL_CHOICE_REQUIRED : TOOL_CHOICE_AUTO;
	return str_eq_c(mode, "required") || str_eq_c(mode, "auto") ? NULL : bad_field(parser, "tool_choice", "'allowed_tools' needs a 'mode' of auto or required");
}

static const struct err *
parse_tool_choice(struct parser *parser, const struct json *choice)
{
	static const struct {
		const char *text;
		enum tool_choice choice;
	} names[] = { { "none", TOOL_CHOICE_NONE }, { "auto", TOOL_CHOICE_AUTO }, { "required", TOOL_CHOICE_REQUIRED } };
	struct str text = json_string(choice);

	if (json_type(choice) == JSON_NONE || json_type(choice) == JSON_NULL)
		return NULL;
	for (size_t i = 0; i < COUNT(names); i++) {
		if (text.ptr && str_eq_c(text, names[i].text)) {
			parser->call->tool_choice = names[i].choice;
			return NULL;
		}
	}
	if (str_eq_c(json_get_string(choice, "type"), "allowed_tools"))
		return parse_allowed(parser, json_get(choice, "allowed_tools"));
	parser->call->tool_named_custom = str_eq_c(json_get_string(choice, "type"), "custom");
	parser->call->tool_named = json_get_string(json_get(choice, parser->call->tool_named_custom ? "custom" : "function"), "name");
	parser->call->tool_choice = TOOL_CHOICE_NAMED;
	return parser->call->tool_named.len ? NULL : bad_field(parser, "tool_choice", "must be none, auto, required, or name a function, a custom tool or allowed_tools");
}

static const struct err *
parse_stop(struct parser *parser, const struct json *stop)
{
	struct call *call = parser->call;

	if (json_is(stop, JSON_STRING))
		call->stops[call->stop_count++] = json_string(stop);
	for (struct json_iter it = json_iter(json_is(stop, JSON_ARRAY) ? stop : NULL); json_next(&it);) {
		if (!json_is(it.value, JSON_STRING) || call->stop_count == STOPS_MAX)
			return bad_field(parser, "stop", "expected a string or an array of at most 16 strings");
		call->stops[call->stop_count++] = json_string(it.value);
	}
	return NULL;
}

static const struct err *
parse_sampling(struct parser *parser, int64_t tokens_min)
{
	struct call *call = parser->call;
	const struct json *source = call->source, *seed = json_get(source, "seed");
	int64_t tokens, older = -1, choices, ignored;
	const struct err *err = dialect_number_parse(parser->arena, parser->call, "temperature", 0, 2, &call->temperature);

	if (!err)
		err = dialect_number_parse(parser->arena, parser->call, "top_p", 0, 1, &call->top_p);
	if (!err)
		err = dialect_integer_parse(parser->arena, json_get(source, "max_completion_tokens"), "max_completion_tokens", 1, TOKENS_MAX, -1, &tokens);
	if (!err)
		err = dialect_integer_parse(parser->arena, json_get(source, "max_tokens"), "max_tokens", tokens_min, TOKENS_MAX, -1, &older);
	if (!err && tokens >= 0 && older >= 0 && tokens != older)
		err = bad_field(parser, "max_tokens", "says something else than max_completion_tokens, and servers differ in which of the two they read: send one of them");
	if (!err)
		call->tokens_max = tokens >= 0 ? tokens : older >= 0 ? older : 0;
	if (!err)
		err = dialect_integer_parse(parser->arena, json_get(source, "n"), "n", 1, N_MAX, 1, &choices);
	if (!err)
		call->choices = (unsigned)choices;
	if (!err)
		err = dialect_number_parse(parser->arena, parser->call, "frequency_penalty", -2, 2, &call->frequency_penalty);
	if (!err)
		err = dialect_number_parse(parser->arena, parser->call, "presence_penalty", -2, 2, &call->presence_penalty);
	if (!err) /* these two are other providers', but OpenAI's clients send them to those */
		err = dialect_integer_parse(parser->arena, json_get(source, "top_k"), "top_k", -1, TOKENS_MAX, 0, &call->top_k);
	if (!err)
		err = dialect_integer_parse(parser->arena, json_get(json_get(source, "thinking"), "budget_tokens"), "thinking.budget_tokens", 0, TOKENS_MAX, 0, &call->reasoning_tokens);
	if (!err)
		err = dialect_integer_parse(parser->arena, seed, "seed", INT64_MIN + 1, INT64_MAX, 0, &ignored);
	if (!err && json_type(seed) != JSON_NULL)
		call->seed = seed;
	return err ? err : parse_stop(parser, json_get(source, "stop"));
}

const struct err *
openai_sampling_parse(struct arena *arena, struct call *call, int64_t tokens_min)
{
	struct parser parser = { .arena = arena, .call = call };

	return parse_sampling(&parser, tokens_min);
}

static const struct err *
parse_format(struct parser *parser)
{
	const struct json *format = json_get(parser->call->source, "response_format"), *schema = json_get(format, "json_schema");
	struct str type = json_get_string(format, "type");
	struct call *call = parser->call;

	if (str_eq_c(type, "json_object"))
		call->format = FORMAT_JSON_OBJECT;
	else if (!str_eq_c(type, "json_schema") && !str_eq_c(type, "text") && json_is_given(format))
		note_extra(parser, STR("response_format"));
	if (!str_eq_c(type, "json_schema"))
		return NULL;
	call->format = FORMAT_JSON_SCHEMA;
	call->schema = json_get(schema, "schema");
	call->schema_name = json_get_string(schema, "name");
	call->schema_description = json_get_string(schema, "description");
	call->schema_strict = json_bool(json_get(schema, "strict"), false);
	return json_is(call->schema, JSON_OBJECT) ? NULL : bad_field(parser, "response_format", "needs an object 'json_schema' with a 'schema'");
}

/* What the inner form does not carry and what is no mere hint: a provider of another dialect cannot do it. */
static const struct err *
find_extra(struct parser *parser)
{
	struct call *call = parser->call;
	static const char *const known[] = { "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "stream", "stream_options", "temperature", "top_p", "n", "stop",
		"max_tokens", "max_completion_tokens", "frequency_penalty", "presence_penalty", "seed", "response_format", "logprobs", "top_logprobs", "audio", "modalities",
		"reasoning_effort", "verbosity", "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "prediction",
		"top_k", "thinking" };

	for (struct json_iter it = json_iter(call->source); json_next(&it);) {
		bool is_known = json_is(it.value, JSON_NULL);

		for (size_t i = 0; i < COUNT(known) && !is_known; i++)
			is_known = str_eq_c(it.key, known[i]);
		if (!is_known && call_member_like(it.key, known, COUNT(known)))
			return bad_field(parser, call_member_like(it.key, known, COUNT(known)), MEMBER_CASE);
		if (!is_known)
			note_extra(parser, it.key);
	}
	return NULL;
}

/* Whether the answer is to be sound: `audio` says how it is to sound, `modalities` that it is asked for. */
static bool
wants_audio(const struct json *source)
{
	for (struct json_iter it = json_iter(json_get(source, "modalities")); json_next(&it);)
		if (str_eq_c(json_string(it.value), "audio"))
			return true;
	return json_is(json_get(source, "audio"), JSON_OBJECT);
}

static const struct err *
parse_switches(struct parser *parser)
{
	struct call *call = parser->call;
	const struct json *json = call->source, *stream = json_get(json, "stream");
	int64_t alternatives;
	const struct err *err = find_extra(parser);

	if (!err)
		err = dialect_integer_parse(parser->arena, json_get(json, "top_logprobs"), "top_logprobs", 0, TOKENS_MAX, 0, &alternatives);
	if (!err)
		err = openai_map_check(parser->arena, json_get(json, "metadata"), "metadata", true);
	if (err)
		return err;
	call->top_logprobs = (unsigned)alternatives;
	if (json_is_given(stream) && !json_is(stream, JSON_BOOL))
		return bad_field(parser, "stream", "expected true or false");
	call->stream = json_bool(stream, false);
	call->include_usage = json_bool(json_get(json_get(json, "stream_options"), "include_usage"), false);
	call->logprobs = json_bool(json_get(json, "logprobs"), false);
	call->reasoning_effort = text_of(json, "reasoning_effort");
	call->verbosity = text_of(json, "verbosity");
	call->audio = wants_audio(json);
	call->parallel_tools_off = !json_bool(json_get(json, "parallel_tool_calls"), true);
	call->user = json_get_string(json, "safety_identifier"); /* the name that takes the place of "user" */
	if (!call->user.len)
		call->user = json_get_string(json, "user");
	call->conversation = json_get_string(json_get(json, "metadata"), "conversation_id");
	return parse_format(parser);
}

const struct err *
openai_chat_parse(struct arena *arena, const struct json *json, struct str text, struct call **out)
{
	struct call *call = arena_zalloc(arena, sizeof(*call));
	struct parser parser = { .arena = arena, .call = call };
	const struct err *err;

	*out = call;
	if (!call)
		return &err_no_memory;
	call->dialect = DIALECT_OPENAI_CHAT;
	call->source = json;
	call->source_text = text;
	call->model = json_get_string(json, "model");
	if (!call->model.len)
		return bad_field(&parser, "model", "expected the name of a model");
	err = parse_messages(&parser, json_get(json, "messages"));
	if (!err)
		err = parse_tools(&parser, json_get(json, "tools"));
	if (!err)
		err = parse_tool_choice(&parser, json_get(json, "tool_choice"));
	if (!err)
		err = parse_sampling(&parser, 1);
	return err ? err : parse_switches(&parser);
}
