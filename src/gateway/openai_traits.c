/*
 * openai_traits.c - a body of a chat completion, read again by how its server differs.
 *
 * It is written as for OpenAI first, so that the differences stand in one place whichever dialect a call came in. What a server would refuse and what would change the answer is refused
 * here; a hint it does not know is left out.
 */
#include "gateway/openai_traits.h"

#include "base/random.h"
#include "crypto/hash.h"
#include "gateway/request.h"

struct rewriting {
	const struct openai_traits *traits;
	const char *kind;
	struct arena *arena;
	struct json_out *out;
	bool completion;             /* a legacy one */
	bool embedding;
};

static const struct err *
refuse(const struct rewriting *rewriting, const char *param, const char *what)
{
	return err_param(rewriting->arena, ERR_UNSUPPORTED, param, "unsupported_parameter", "%s is not supported by the %s provider of this model", what, rewriting->kind);
}

static bool
is_text_alone(const struct json *modalities)
{
	for (struct json_iter it = json_iter(modalities); json_next(&it);)
		if (!str_eq_c(json_string(it.value), "text"))
			return false;
	return true;
}

/* A value that says what not saying it would: clients send them without meaning anything. */
static bool
says_nothing(struct str name, const struct json *value)
{
	switch (json_type(value)) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return json_bool(value, false) == str_eq_c(name, "parallel_tool_calls"); /* true is the default of this one */
	case JSON_INT:
	case JSON_REAL:
		return str_eq_c(name, "n") || str_eq_c(name, "best_of") ? json_number(value, 0) == 1 : json_number(value, 1) == 0 && !str_eq_c(name, "seed");
	case JSON_STRING:
		return json_string(value).len == 0;
	case JSON_ARRAY:
		return json_count(value) == 0 || (str_eq_c(name, "modalities") && is_text_alone(value));
	case JSON_OBJECT:
		return json_count(value) == 0;
	case JSON_NONE:
		break;
	}
	return true;
}

/* An id of exactly so many letters and digits: itself when it is one, else made from it, so that call and result still agree. */
static struct str
tool_id(const struct rewriting *rewriting, struct str id)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	unsigned len = rewriting->traits->tool_id_len;
	unsigned char hash[HASH_SHA256_SIZE];
	bool good = id.len == len;
	char made[HASH_SHA256_SIZE];

	for (size_t i = 0; i < id.len && good; i++)
		good = memchr(digits, id.ptr[i], sizeof(digits) - 1) != NULL;
	if (len == 0 || good)
		return id;
	hash_sha256(id, hash);
	for (unsigned i = 0; i < len && i < sizeof(made); i++)
		made[i] = digits[hash[i] % (sizeof(digits) - 1)];
	return arena_dup(rewriting->arena, str_n(made, len));
}

static void
put_tool_calls(const struct rewriting *rewriting, const struct json *calls)
{
	json_begin_array(rewriting->out);
	for (struct json_iter it = json_iter(calls); json_next(&it);) {
		json_begin_object(rewriting->out);
		for (struct json_iter member = json_iter(it.value); json_next(&member);) {
			json_key(rewriting->out, member.key);
			if (str_eq_c(member.key, "id"))
				json_put_string(rewriting->out, tool_id(rewriting, json_string(member.value)));
			else
				json_put(rewriting->out, member.value);
		}
		json_end_object(rewriting->out);
	}
	json_end_array(rewriting->out);
}

/* The content's parts without the marks of a prompt cache that the server does not have. */
static void
put_unmarked(const struct rewriting *rewriting, const struct json *content)
{
	struct json_out *out = rewriting->out;

	if (!json_is(content, JSON_ARRAY) || !str_in(STR("prompt_cache_options"), rewriting->traits->drops, TRAIT_NAMES_MAX)) {
		json_put(out, content);
		return;
	}
	json_begin_array(out);
	for (struct json_iter it = json_iter(content); json_next(&it);) {
		json_begin_object(out);
		for (struct json_iter member = json_iter(it.value); json_next(&member);) {
			if (str_eq_c(member.key, "prompt_cache_breakpoint"))
				continue;
			json_key(out, member.key);
			json_put(out, member.value);
		}
		json_end_object(out);
	}
	json_end_array(out);
}

/* What came of a legacy function, or of an audio answer, at a server that knows neither. */
static const struct err *
check_message(const struct rewriting *rewriting, const struct json *message)
{
	bool function = !says_nothing(STR_EMPTY, json_get(message, "function_call")) || str_eq_c(json_get_string(message, "role"), "function");

	if (function && str_in(STR("functions"), rewriting->traits->refuses, TRAIT_NAMES_MAX))
		return refuse(rewriting, "messages", "a call of a legacy function, or its result,");
	if (!says_nothing(STR_EMPTY, json_get(message, "audio")) && str_in(STR("audio"), rewriting->traits->refuses, TRAIT_NAMES_MAX))
		return refuse(rewriting, "messages", "an earlier audio answer");
	return NULL;
}

static const struct err *
put_message(const struct rewriting *rewriting, const struct json *message)
{
	struct json_out *out = rewriting->out;
	const struct err *err = check_message(rewriting, message);
	bool function = str_eq_c(json_get_string(message, "role"), "function"); /* whose name is the function's */

	if (err)
		return err;
	json_begin_object(out);
	for (struct json_iter it = json_iter(message); json_next(&it);) {
		if (str_eq_c(it.key, "name") && rewriting->traits->names_unknown && !function) {
			if (json_string(it.value).len > 0)
				return refuse(rewriting, "messages", "the name of a message's author");
			continue;
		}
		json_key(out, it.key);
		if (str_eq_c(it.key, "role") && rewriting->traits->developer_unknown && str_eq_c(json_string(it.value), "developer"))
			json_put_string(out, STR("system"));
		else if (str_eq_c(it.key, "tool_call_id"))
			json_put_string(out, tool_id(rewriting, json_string(it.value)));
		else if (str_eq_c(it.key, "tool_calls") && json_is(it.value, JSON_ARRAY))
			put_tool_calls(rewriting, it.value);
		else if (str_eq_c(it.key, "content"))
			put_unmarked(rewriting, it.value);
		else
			json_put(out, it.value);
	}
	json_end_object(out);
	return NULL;
}

static const struct err *
put_messages(const struct rewriting *rewriting, const struct json *messages)
{
	const struct err *err = NULL;

	json_begin_array(rewriting->out);
	for (struct json_iter it = json_iter(messages); !err && json_next(&it);)
		err = put_message(rewriting, it.value);
	if (!err)
		json_end_array(rewriting->out);
	return err;
}

static bool
is_allowed_choice(const struct json *choice)
{
	return str_eq_c(json_get_string(choice, "type"), "allowed_tools");
}

/* A choice of tools that says what its server does anyway: each is offered, and the model chooses. */
static bool
is_rule(const struct json *body, struct str name, const struct json *value)
{
	struct str mode = is_allowed_choice(value) ? json_get_string(json_get(value, "allowed_tools"), "mode") : json_string(value);

	return str_eq_c(name, "tool_choice") && (str_eq_c(mode, "auto") || (str_eq_c(mode, "none") && json_count(json_get(body, "tools")) == 0));
}

/* A choice among allowed tools, for a server that does not know it: only they are offered, and the choice is among all that is offered. */
static void
put_allowed_tools(const struct rewriting *rewriting, const struct json *tools, const struct json *choice)
{
	json_begin_array(rewriting->out);
	for (struct json_iter it = json_iter(tools); json_next(&it);) {
		bool allowed = false;

		for (struct json_iter each = json_iter(json_get(json_get(choice, "allowed_tools"), "tools")); json_next(&each);)
			allowed = allowed || str_eq(json_get_string(json_get(each.value, "function"), "name"), json_get_string(json_get(it.value, "function"), "name"));
		if (allowed)
			json_put(rewriting->out, it.value);
	}
	json_end_array(rewriting->out);
}

/* The name a member has at this server; ptr NULL: the server has it under a name that the body has too. */
static struct str
renamed(const struct rewriting *rewriting, const struct json *body, struct str name)
{
	for (size_t i = 0; i < COUNT(rewriting->traits->renames) && rewriting->traits->renames[i].from; i++)
		if (str_eq_c(name, rewriting->traits->renames[i].to) && json_get(body, rewriting->traits->renames[i].from))
			return str_n(NULL, 0);
		else if (str_eq_c(name, rewriting->traits->renames[i].from))
			return str_of(rewriting->traits->renames[i].to);
	return name;
}

/* None of these servers pads its chunks, so that there is nothing to switch on or off. */
static void
put_stream_options(const struct rewriting *rewriting, const struct json *options)
{
	json_begin_object(rewriting->out);
	for (struct json_iter it = json_iter(options); json_next(&it);) {
		if (str_eq_c(it.key, "include_obfuscation"))
			continue;
		json_key(rewriting->out, it.key);
		json_put(rewriting->out, it.value);
	}
	json_end_object(rewriting->out);
}

/* One text in a list is that text. */
static const struct err *
put_prompt(const struct rewriting *rewriting, const struct json *prompt)
{
	struct json_iter it = json_iter(json_is(prompt, JSON_ARRAY) ? prompt : NULL);
	bool texts = json_is(prompt, JSON_STRING) || json_is(prompt, JSON_ARRAY), one = json_is(prompt, JSON_STRING) || json_count(prompt) == 1;
	const struct json *first = NULL;

	while (json_next(&it)) {
		first = first ? first : it.value;
		texts = texts && json_is(it.value, JSON_STRING);
	}
	if (rewriting->traits->prompts != PROMPTS_ANY && !texts)
		return refuse(rewriting, "prompt", "a prompt of tokens");
	if (rewriting->traits->prompts == PROMPTS_ONE_TEXT && !one)
		return refuse(rewriting, "prompt", "a list of prompts");
	json_put(rewriting->out, rewriting->traits->prompts == PROMPTS_ONE_TEXT && first ? first : prompt);
	return NULL;
}

static bool
has_tokens(const struct json *input)
{
	for (struct json_iter it = json_iter(json_is(input, JSON_ARRAY) ? input : NULL); json_next(&it);)
		if (json_is(it.value, JSON_INT) || json_is(it.value, JSON_ARRAY))
			return true;
	return false;
}

static const struct err *
put_member(const struct rewriting *rewriting, const struct json *body, struct str name, const struct json *value)
{
	const struct openai_traits *traits = rewriting->traits;
	struct str there = renamed(rewriting, body, name);
	bool refused = str_in(name, traits->refuses, TRAIT_NAMES_MAX) || (rewriting->completion && str_in(name, traits->completion_refuses, TRAIT_NAMES_MAX)) || (rewriting->embedding && str_in(name, traits->embedding_refuses, TRAIT_NAMES_MAX));

	if (refused && !says_nothing(name, value) && !is_rule(body, name, value)) {
		const char *param = arena_cstr(rewriting->arena, name);

		return param ? refuse(rewriting, param, param) : &err_no_memory;
	}
	if (!there.ptr || refused || str_in(name, traits->drops, TRAIT_NAMES_MAX) || (traits->stream_options_unknown && str_eq_c(name, "stream_options")))
		return NULL;
	if (rewriting->embedding && traits->embeds_texts && str_eq_c(name, "input") && has_tokens(value))
		return refuse(rewriting, "input", "an input of tokens");
	if (str_eq_c(name, "response_format") && traits->schema_unknown && str_eq_c(json_get_string(value, "type"), "json_schema"))
		return refuse(rewriting, "response_format", "a JSON schema as response_format");
	json_key(rewriting->out, there);
	if (str_eq_c(name, "messages"))
		return put_messages(rewriting, value);
	if (traits->functions_only && str_eq_c(name, "tools") && is_allowed_choice(json_get(body, "tool_choice"))) {
		put_allowed_tools(rewriting, value, json_get(body, "tool_choice"));
		return NULL;
	}
	if (traits->functions_only && str_eq_c(name, "tool_choice") && is_allowed_choice(value)) {
		json_put_string(rewriting->out, json_get_string(json_get(value, "allowed_tools"), "mode"));
		return NULL;
	}
	if (rewriting->completion && str_eq_c(name, "prompt"))
		return put_prompt(rewriting, value);
	if (str_eq_c(name, "stream_options") && json_is(value, JSON_OBJECT)) {
		put_stream_options(rewriting, value);
		return NULL;
	}
	json_put(rewriting->out, value);
	return NULL;
}

const struct err *
openai_traits_apply(const struct provider *kind, struct str *body, struct arena *arena)
{
	struct arena *tree = json_arena(arena, body->len);
	struct rewriting rewriting = { .traits = kind->traits, .kind = kind->kind, .arena = arena };
	const struct json *root;
	struct json_out out;
	struct buf *text = request_body_new(arena);
	const struct err *err = tree && text ? json_parse(tree, *body, &root) : &err_no_memory;

	if (err)
		return err;
	buf_reserve(text, body->len + 64);
	json_out_init(&out, text);
	rewriting.out = &out;
	rewriting.completion = json_get(root, "prompt") && !json_get(root, "messages");
	rewriting.embedding = json_get(root, "input") && !json_get(root, "messages");
	json_begin_object(&out);
	for (struct json_iter it = json_iter(root); !err && json_next(&it);)
		err = put_member(&rewriting, root, it.key, it.value);
	if (err)
		return err;
	json_end_object(&out);
	return request_body_done(arena, text, body);
}
