/*
 * ask.c - see ask.h. Both dialects have messages of the same shape (role; content as text or as parts with a text), so one reader
 * serves both; what differs is where system prompt, tools and limits stand.
 */
#include "ask.h"

#include <limits.h>
#include <string.h>

enum { FILLER_WORD_BYTES = 16 * 1024, CHOICES_MAX = 128, TOP_LOGPROBS_MAX = 20 };

long
ask_words(struct str text)
{
	long words = 0;
	bool inside = false;

	for (size_t i = 0; i < text.len; i++) {
		bool space = memchr(" \t\r\n", text.ptr[i], 4) != NULL;

		words += !space && !inside;
		inside = !space;
	}
	return words;
}

bool
ask_is(const struct json_node *node, const char *text)
{
	return json_is(node, JSON_STRING) && str_equal(node->text, (struct str){ text, strlen(text) });
}

/* Appends the text of a content: a string, or the text parts of a list. */
void
ask_text(const struct json *json, const struct json_node *content, struct bytes *out)
{
	if (json_is(content, JSON_STRING)) {
		json_text(content, out);
		return;
	}
	if (!json_is(content, JSON_ARRAY))
		return;
	for (const struct json_node *part = json_first(json, content); part; part = json_after(json, content, part)) {
		const struct json_node *text = json_get(json, part, "text");

		if (text)
			json_text(text, out);
	}
}

static void
ask_messages(struct ask *ask, const struct json *json, const struct json_node *messages)
{
	struct bytes text = { 0 };

	for (const struct json_node *item = json_first(json, messages); item; item = json_after(json, messages, item)) {
		bytes_clear(&text, SIZE_MAX);
		ask_text(json, json_get(json, item, "content"), &text);
		ask->prompt_words += ask_words(bytes_view(&text));
		if (ask_is(json_get(json, item, "role"), "user") && text.len > 0) {
			ask->message.len = 0;
			bytes_add(&ask->message, bytes_view(&text));
		}
	}
	bytes_free(&text);
}

long
ask_long(const struct json_node *node)
{
	int64_t value = 0;

	return json_is(node, JSON_NUMBER) && str_number(node->text, &value) && value <= INT32_MAX ? (long)value : 0;
}

/* What a tool, or the choice of one, of OpenAI's chat says of it: below "function", or below "custom". */
static const struct json_node *
openai_tool(const struct json *json, const struct json_node *tool, bool *custom)
{
	*custom = ask_is(json_get(json, tool, "type"), "custom");
	return json_get(json, tool, *custom ? "custom" : "function");
}

static const struct json_node *
openai_choice(struct ask *ask, const struct json *json, const struct json_node *choice)
{
	const struct json_node *allowed = json_get(json, choice, "allowed_tools"), *named;
	bool custom;

	ask->tool_forced = ask_is(choice, "required") || ask_is(json_get(json, allowed, "mode"), "required");
	named = openai_tool(json, allowed ? json_first(json, json_get(json, allowed, "tools")) : choice, &custom);
	ask->tool_forced = ask->tool_forced || (named && !allowed);
	if (named)
		ask->tool_custom = custom;
	return named;
}

/* The tool to call: the one named in `tool_choice`, or the first. */
static void
ask_tools(struct ask *ask, const struct json *json, enum dialect dialect)
{
	const struct json_node *choice = json_get(json, json->nodes, "tool_choice");
	const struct json_node *first = json_first(json, json_get(json, json->nodes, "tools"));
	const struct json_node *named = choice;

	if (!json_is(first, JSON_OBJECT))
		return;
	if (dialect == DIALECT_OPENAI) {
		first = openai_tool(json, first, &ask->tool_custom);
		named = openai_choice(ask, json, choice);
	} else {
		const struct json_node *type = json_get(json, choice, "type");

		ask->tool_forced = ask_is(type, "tool") || ask_is(type, "any");
	}
	named = json_get(json, named, "name");
	if (!named)
		named = json_get(json, first, "name");
	if (named)
		json_text(named, &ask->tool);
}

static void
ask_refuse(struct ask *ask, const char *problem, const char *param, const char *code)
{
	ask->problem = problem;
	ask->param = param;
	ask->code = code;
}

/* What OpenAI says of n and of chances. */
static void
ask_check_choices(struct ask *ask, const struct json *json)
{
	const struct json_node *root = json->nodes, *n = json_get(json, root, "n"), *top = json_get(json, root, "top_logprobs");

	if (json_is(n, JSON_NUMBER) && ask->choices < 1)
		ask_refuse(ask, "Invalid 'n': integer below minimum value. Expected a value >= 1.", "n", "integer_below_min_value");
	else if (ask->choices > CHOICES_MAX)
		ask_refuse(ask, "Invalid 'n': integer above maximum value. Expected a value <= 128.", "n", "integer_above_max_value");
	else if (json_is(top, JSON_NUMBER) && !ask->logprobs)
		ask_refuse(ask, "The 'logprobs' parameter must be enabled when 'top_logprobs' is used.", "top_logprobs", "invalid_value");
	else if (ask->top_logprobs > TOP_LOGPROBS_MAX)
		ask_refuse(ask, "Invalid 'top_logprobs': integer above maximum value. Expected a value <= 20.", "top_logprobs", "integer_above_max_value");
}

/* The mistakes that the services name; in their order. */
static void
ask_check(struct ask *ask, const struct json *json, enum dialect dialect)
{
	const struct json_node *root = json->nodes, *messages = json_get(json, root, "messages");
	bool openai = dialect == DIALECT_OPENAI;

	if (!json_is(root, JSON_OBJECT))
		ask_refuse(ask, "The body must be a JSON object.", NULL, NULL);
	else if (!json_is(json_get(json, root, "model"), JSON_STRING))
		ask_refuse(ask, openai ? "you must provide a model parameter" : "model: Field required", NULL, NULL);
	else if (!json_is(messages, JSON_ARRAY))
		ask_refuse(ask, openai ? "Missing required parameter: 'messages'." : "messages: Field required", "messages",
			   "missing_required_parameter");
	else if (!json_first(json, messages))
		ask_refuse(ask, openai ? "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead." :
					 "messages: at least one message is required",
			   "messages", "empty_array");
	else if (!openai && json_get(json, root, "thread"))
		ask_refuse(ask, "thread: the mock holds no threads; send the full conversation", NULL, "thread_unsupported_request");
	else if (!openai && !json_is(json_get(json, root, "max_tokens"), JSON_NUMBER))
		ask_refuse(ask, "max_tokens: Field required", NULL, NULL);
	else if (openai)
		ask_check_choices(ask, json);
}

void
ask_clear(struct ask *ask)
{
	struct ask kept = { .model = ask->model, .message = ask->message, .tool = ask->tool, .prompts = ask->prompts };

	bytes_clear(&kept.model, 4096);
	bytes_clear(&kept.message, 4096);
	bytes_clear(&kept.tool, 4096);
	bytes_clear(&kept.prompts, 4096);
	*ask = kept;
}

void
ask_read(struct ask *ask, const struct json *json, enum dialect dialect)
{
	const struct json_node *root = json->nodes, *options = json_get(json, root, "stream_options");
	const struct json_node *model = json_get(json, root, "model"), *limit = json_get(json, root, "max_completion_tokens");

	ask_clear(ask);
	if (model)
		json_text(model, &ask->model);
	ask->stream = json_is(json_get(json, root, "stream"), JSON_TRUE);
	ask->include_usage = json_is(json_get(json, options, "include_usage"), JSON_TRUE);
	ask->obfuscate = !json_is(json_get(json, options, "include_obfuscation"), JSON_FALSE);
	ask->max_tokens = ask_long(limit ? limit : json_get(json, root, "max_tokens"));
	ask->choices = dialect == DIALECT_OPENAI && json_is(json_get(json, root, "n"), JSON_NUMBER) ? ask_long(json_get(json, root, "n")) : 1;
	ask->logprobs = dialect == DIALECT_OPENAI && json_is(json_get(json, root, "logprobs"), JSON_TRUE);
	ask->top_logprobs = ask_long(json_get(json, root, "top_logprobs"));
	ask_messages(ask, json, json_get(json, root, "messages"));
	if (dialect == DIALECT_ANTHROPIC) {
		struct bytes system = { 0 };

		ask_text(json, json_get(json, root, "system"), &system);
		ask->prompt_words += ask_words(bytes_view(&system));
		bytes_free(&system);
	}
	ask->warms = dialect == DIALECT_ANTHROPIC && ask->max_tokens == 0;
	ask_tools(ask, json, dialect);
	ask_check(ask, json, dialect);
}

void
ask_free(struct ask *ask)
{
	bytes_free(&ask->model);
	bytes_free(&ask->message);
	bytes_free(&ask->tool);
	bytes_free(&ask->prompts);
}

void
answer_start(struct answer *answer, const struct ask *ask, const struct plan *plan)
{
	struct bytes text = answer->text;

	bytes_clear(&text, 4096);
	*answer = (struct answer){ .text = text, .long_word = plan->long_line_kb * 1024, .bad_utf8 = plan->bad_utf8 };
	if (plan->say.ptr) {
		bytes_add(&answer->text, plan->say);
	} else {
		bytes_add(&answer->text, STR("You said: "));
		bytes_add(&answer->text, bytes_view(&ask->message));
	}
	answer->words = plan->chunks != PLAN_OFF ? plan->chunks : ask_words(bytes_view(&answer->text));
	if (plan->huge_mb > 0 || plan->endless) {
		answer->filler = FILLER_WORD_BYTES;
		answer->words = plan->endless ? LONG_MAX : plan->huge_mb * (1024 * 1024 / FILLER_WORD_BYTES);
	} else if (ask->warms) {
		answer->words = 0;
		answer->cut = true;
	} else if (ask->max_tokens > 0 && ask->max_tokens < answer->words) {
		answer->words = ask->max_tokens;
		answer->cut = true;
	}
}

/* The next word of the text with the space before it; behind the end the text begins again. */
static struct str
answer_word(struct answer *answer, bool *again)
{
	struct str text = bytes_view(&answer->text);
	size_t start, end;

	*again = answer->at >= text.len;
	if (*again)
		answer->at = 0;
	start = end = answer->at;
	while (end < text.len && memchr(" \t\r\n", text.ptr[end], 4))
		end++;
	while (end < text.len && !memchr(" \t\r\n", text.ptr[end], 4))
		end++;
	answer->at = end;
	while (answer->at < text.len && memchr(" \t\r\n", text.ptr[answer->at], 4))
		answer->at++;
	if (answer->at == text.len)
		end = text.len; /* trailing space goes with the last word */
	else
		answer->at = end;
	return (struct str){ text.ptr + start, end - start };
}

bool
answer_next(struct answer *answer, struct bytes *out)
{
	bool again = false;
	long index = answer->index;

	if (index >= answer->words)
		return false;
	answer->index++;
	if (answer->filler > 0) {
		filler_add(out, (size_t)answer->filler);
		return true;
	}

	struct str word = answer_word(answer, &again);

	if (again)
		bytes_add(out, STR(" "));
	bytes_json(out, word);
	if (index == 1 && answer->bad_utf8)
		bytes_add(out, STR("\xff\xfe\xc3("));
	if (index == 1 && answer->long_word > 0)
		filler_add(out, (size_t)answer->long_word);
	return true;
}

void
answer_free(struct answer *answer)
{
	bytes_free(&answer->text);
}

void
filler_add(struct bytes *out, size_t len)
{
	static const char text[] = " the mock goes on";
	char *to = bytes_reserve(out, len);

	for (size_t i = 0; i < len; i++)
		to[i] = text[i % (sizeof(text) - 1)];
	out->len += len;
}
