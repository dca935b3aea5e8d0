/*
 * completions.c - how OpenAI words legacy completions: the whole body and the chunks have the same shape.
 *
 * Source: OpenAI's API reference, "Completions". Each prompt gets `n` choices, in order; their texts are echoes as in a chat. A prompt of tokens reads as "N tokens".
 */
#include "completions.h"

#include <string.h>

enum { STEP_ECHO, STEP_WORDS, STEP_USAGE, STEP_DONE };

static void
add_prompt(struct ask *ask, const struct json *json, const struct json_node *prompt)
{
	size_t before = ask->prompts.len;

	if (json_is(prompt, JSON_STRING)) {
		json_text(prompt, &ask->prompts);
		ask->prompt_words += ask_words((struct str){ ask->prompts.ptr + before, ask->prompts.len - before });
	} else {
		long tokens = 0;

		for (const struct json_node *token = json_first(json, prompt); token; token = json_after(json, prompt, token))
			tokens++;
		ask->prompt_words += tokens;
		bytes_fmt(&ask->prompts, "%ld tokens", tokens);
	}
	bytes_add(&ask->prompts, (struct str){ "", 1 });
	ask->prompt_count++;
}

static void
ask_refuse(struct ask *ask, const char *problem, const char *param)
{
	if (!ask->problem) {
		ask->problem = problem;
		ask->param = param;
	}
}

/* The prompt of this choice becomes what the answer echoes. */
static void
take_prompt(struct ask *ask, long index)
{
	const char *at = ask->prompts.ptr;

	while (index-- > 0)
		at += strlen(at) + 1;
	ask->message.len = 0;
	bytes_add(&ask->message, (struct str){ at, strlen(at) });
}

void
completions_ask(struct ask *ask, const struct json *json)
{
	const struct json_node *root = json->nodes, *options = json_get(json, root, "stream_options"), *prompt = json_get(json, root, "prompt");
	const struct json_node *model = json_get(json, root, "model"), *logprobs = json_get(json, root, "logprobs"), *n = json_get(json, root, "n");

	ask_clear(ask);
	if (json_is(model, JSON_STRING))
		json_text(model, &ask->model);
	else
		ask_refuse(ask, "you must provide a model parameter", NULL);
	ask->stream = json_is(json_get(json, root, "stream"), JSON_TRUE);
	ask->include_usage = json_is(json_get(json, options, "include_usage"), JSON_TRUE);
	ask->echo = json_is(json_get(json, root, "echo"), JSON_TRUE);
	ask->logprobs = json_is(logprobs, JSON_NUMBER);
	ask->max_tokens = ask_long(json_get(json, root, "max_tokens"));
	ask->choices = n && ask_long(n) > 0 ? ask_long(n) : 1;
	if (ask_long(json_get(json, root, "best_of")) > 1 && ask->stream)
		ask_refuse(ask, "You cannot stream with best_of.", "best_of");
	if (json_get(json, root, "messages"))
		ask_refuse(ask, "Unrecognized request argument supplied: messages", NULL);
	if (json_is(prompt, JSON_STRING) || json_is(json_first(json, prompt), JSON_NUMBER))
		add_prompt(ask, json, prompt);
	else
		for (const struct json_node *item = json_first(json, prompt); item; item = json_after(json, prompt, item))
			add_prompt(ask, json, item);
	if (ask->prompt_count > 0)
		take_prompt(ask, 0);
	else
		ask_refuse(ask, "mock: completions want a prompt", "prompt");
}

static void
add_finish(const struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("\""));
	if (reply->plan.finish.ptr)
		bytes_json(out, reply->plan.finish);
	else
		bytes_fmt(out, "%s", reply->answer.cut ? "length" : "stop");
	bytes_add(out, STR("\""));
}

/* `text` is the inside of a JSON string. One token, whatever it is. */
static void
add_choice(const struct reply *reply, struct str text, bool finish, struct bytes *out)
{
	bytes_add(out, STR("{\"text\":\""));
	bytes_add(out, text);
	bytes_fmt(out, "\",\"index\":%ld,\"logprobs\":", reply->block);
	if (reply->ask.logprobs && text.len > 0) {
		bytes_add(out, STR("{\"tokens\":[\""));
		bytes_add(out, text);
		bytes_add(out, STR("\"],\"token_logprobs\":[-0.25],\"top_logprobs\":[{\""));
		bytes_add(out, text);
		bytes_add(out, STR("\":-0.25}],\"text_offset\":[0]}"));
	} else {
		bytes_add(out, STR("null"));
	}
	bytes_add(out, STR(",\"finish_reason\":"));
	if (finish)
		add_finish(reply, out);
	else
		bytes_add(out, STR("null"));
	bytes_add(out, STR("}"));
}

static void
add_head(const struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("{\"id\":\""));
	reply_id(reply, "cmpl-", 29, out);
	bytes_fmt(out, "\",\"object\":\"text_completion\",\"created\":%lld,\"choices\":[", (long long)reply->created);
}

static void
add_usage(const struct reply *reply, struct bytes *out)
{
	long prompt = reply_prompt_tokens(reply), completion = reply_completion_tokens(reply);

	bytes_fmt(out, "{\"prompt_tokens\":%ld,\"completion_tokens\":%ld,\"total_tokens\":%ld}", prompt, completion, prompt + completion);
}

static void
add_model(const struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("],\"model\":\""));
	bytes_json(out, bytes_view(&reply->ask.model));
	bytes_add(out, STR("\""));
}

static void
add_chunk(const struct reply *reply, struct str text, bool finish, struct bytes *out)
{
	bytes_add(out, STR("data: "));
	add_head(reply, out);
	add_choice(reply, text, finish, out);
	add_model(reply, out);
	bytes_fmt(out, "%s}\n\n", reply->ask.include_usage ? ",\"usage\":null" : "");
}

/* On to the next choice; false behind the last. */
static bool
next_choice(struct reply *reply)
{
	if (++reply->block == reply->ask.prompt_count * reply->ask.choices)
		return false;
	reply->tokens_before += reply->answer.index;
	take_prompt(&reply->ask, reply->block / reply->ask.choices);
	answer_start(&reply->answer, &reply->ask, &reply->plan);
	return true;
}

static void
escaped(struct str text, struct bytes *out)
{
	bytes_clear(out, 65536);
	bytes_json(out, text);
}

static bool
completions_event(struct reply *reply, struct bytes *out)
{
	static struct bytes text; /* used again; emptied each time */

	if (reply->step == STEP_ECHO) {
		reply->step = STEP_WORDS;
		if (reply->ask.echo) {
			escaped(bytes_view(&reply->ask.message), &text);
			add_chunk(reply, bytes_view(&text), false, out);
			return true;
		}
	}
	bytes_clear(&text, 65536);
	if (reply->step == STEP_WORDS && answer_next(&reply->answer, &text)) {
		add_chunk(reply, bytes_view(&text), false, out);
		return true;
	}
	if (reply->step == STEP_WORDS) {
		add_chunk(reply, STR(""), true, out);
		reply->step = next_choice(reply) ? STEP_ECHO : reply->ask.include_usage && !reply->plan.no_usage ? STEP_USAGE : STEP_DONE;
		return true;
	}
	if (reply->step == STEP_USAGE) {
		bytes_add(out, STR("data: "));
		add_head(reply, out);
		add_model(reply, out);
		bytes_add(out, STR(",\"usage\":"));
		add_usage(reply, out);
		bytes_add(out, STR("}\n\n"));
		reply->step = STEP_DONE;
		return true;
	}
	reply->over = true;
	if (reply->plan.no_done)
		return false;
	bytes_add(out, STR("data: [DONE]\n\n"));
	return true;
}

static void
completions_whole(struct reply *reply, struct bytes *out)
{
	static struct bytes text;
	bool more = true;

	add_head(reply, out);
	while (more) {
		bytes_clear(&text, 65536);
		if (reply->ask.echo)
			bytes_json(&text, bytes_view(&reply->ask.message));
		while (answer_next(&reply->answer, &text))
			continue;
		bytes_fmt(out, "%s", reply->block ? "," : "");
		add_choice(reply, bytes_view(&text), true, out);
		more = next_choice(reply);
	}
	reply->fill_at = out->len;
	add_model(reply, out);
	if (!reply->plan.no_usage) {
		bytes_add(out, STR(",\"usage\":"));
		add_usage(reply, out);
	}
	bytes_add(out, STR("}"));
}

static void
completions_error(const struct reply *reply, int status, const char *message, const char *param, const char *code, struct bytes *out)
{
	wire_openai.error(reply, status, message, param, code, out);
}

static void
completions_error_event(const struct reply *reply, struct bytes *out)
{
	wire_openai.error_event(reply, out);
}

static void
completions_headers(const struct reply *reply, struct bytes *out)
{
	wire_openai.headers(reply, out);
}

const struct wire wire_completions = {
	.dialect = DIALECT_OPENAI,
	.request_id_header = "x-request-id",
	.event = completions_event,
	.whole = completions_whole,
	.error = completions_error,
	.error_event = completions_error_event,
	.headers = completions_headers,
};
