/*
 * key.c - see key.h. A new member of struct call that changes answers is to be added to add_call.
 */
#include "cache/key.h"

#include <math.h>

#include "cache/canonical.h"

/* Moves when the meaning of what is hashed, or the form of what is stored, changes. */
#define KEY_VERSION "corbel answer 3"

/* Members of a request that change no answer, or that the inner form carries in full. */
static const char *const hints[] = { "model", "stream", "stream_options", "user", "safety_identifier", "metadata", "store", "service_tier", "prompt_cache_key",
	"prompt_cache_retention", "cache_control", "diagnostics", "speed", NULL };

/* What makes an answer depend on the moment, or carry what only its own frames can say. */
static const char *const unfit_members[] = { "web_search_options", "plugins", "search_parameters", NULL };

static bool
is_among(const struct json *list, const char *text)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (str_eq_c(json_string(it.value), text))
			return true;
	return false;
}

const char *
cache_unfit(const struct cache_subject *subject)
{
	const struct conf_cache *cache = &subject->model->cache;
	const struct call *call = subject->call;

	if (call->logprobs)
		return "logprobs";
	if (call->audio)
		return "audio";
	for (const struct tool *tool = call->tools; tool; tool = tool->next)
		if (tool->hosted)
			return "hosted_tools";
	for (size_t i = 0; unfit_members[i]; i++)
		if (json_get(call->source, unfit_members[i]))
			return "hosted_tools";
	if (call->dialect == DIALECT_OPENAI_RESPONSES && is_among(json_get(call->source, "include"), "reasoning.encrypted_content"))
		return "encrypted_reasoning"; /* bound to the id of its item, which no other answer has */
	if (call->dialect == DIALECT_ANTHROPIC && call->extra.len)
		return "unknown_members"; /* its answer may have blocks that only its own frames can say */
	if (cache->what == CONF_CACHE_DETERMINISTIC && call->temperature != 0 && !call->seed)
		return "not_deterministic";
	if (cache->scope == CONF_CACHE_USER && !subject->user.len)
		return "no_user";
	return NULL;
}

/* --- what the inner form carries --- */

static void
add_parts(struct canonical *c, const struct part *parts, const struct part *left_out)
{
	int64_t count = 0;

	for (const struct part *part = parts; part; part = part->next)
		count++;
	canonical_int(c, count);
	for (const struct part *part = parts; part; part = part->next) {
		canonical_int(c, part->type);
		if (part == left_out)
			continue;
		canonical_text(c, part->text);
		canonical_text(c, part->id);
		canonical_text(c, part->name);
		canonical_text(c, part->url);
		canonical_text(c, part->detail);
		canonical_text(c, part->media_type);
		canonical_text(c, part->signature);
		canonical_int(c, part->failed);
		canonical_int(c, part->custom);
		add_parts(c, part->parts, left_out);
	}
}

static void
add_tools(struct canonical *c, const struct call *call)
{
	int64_t count = 0;

	for (const struct tool *tool = call->tools; tool; tool = tool->next)
		count++;
	canonical_int(c, count);
	for (const struct tool *tool = call->tools; tool; tool = tool->next) {
		canonical_text(c, tool->name);
		canonical_text(c, tool->description);
		canonical_json(c, tool->parameters);
		canonical_int(c, tool->strict);
		canonical_int(c, tool->custom);
		canonical_text(c, tool->syntax);
		canonical_text(c, tool->grammar);
	}
	canonical_int(c, call->tool_choice);
	canonical_text(c, call->tool_named);
	canonical_int(c, call->tool_named_custom);
	canonical_int(c, call->parallel_tools_off);
}

static void
add_sampling(struct canonical *c, const struct call *call)
{
	canonical_int(c, call->stop_count);
	for (unsigned i = 0; i < call->stop_count; i++)
		canonical_text(c, call->stops[i]);
	canonical_real(c, call->temperature);
	canonical_real(c, call->top_p);
	canonical_real(c, call->frequency_penalty);
	canonical_real(c, call->presence_penalty);
	canonical_int(c, call->top_k);
	canonical_json(c, call->seed);
	canonical_int(c, call->tokens_max);
	canonical_text(c, call->reasoning_effort);
	canonical_text(c, call->verbosity);
	canonical_int(c, call->reasoning_tokens);
	canonical_int(c, call->choices ? call->choices : 1);
}

static void
add_format(struct canonical *c, const struct call *call)
{
	canonical_int(c, call->format);
	canonical_json(c, call->schema);
	canonical_text(c, call->schema_name);
	canonical_text(c, call->schema_description);
	canonical_int(c, call->schema_strict);
}

static void
add_search(struct canonical *c, const struct call_search *search)
{
	canonical_int(c, search != NULL);
	if (!search)
		return;
	canonical_int(c, (int64_t)search->count);
	canonical_json(c, search->filter);
	canonical_int(c, search->limit);
	canonical_real(c, search->score_min);
	canonical_real(c, search->vector_weight);
}

static void
add_call(struct canonical *c, const struct call *call, const struct part *left_out)
{
	int64_t count = 0;

	for (const struct message *message = call->messages; message; message = message->next)
		count++;
	canonical_int(c, count);
	for (const struct message *message = call->messages; message; message = message->next) {
		canonical_int(c, message->role);
		add_parts(c, message->parts, left_out);
	}
	add_tools(c, call);
	add_sampling(c, call);
	add_format(c, call);
	add_search(c, call->search);
}

/* --- what it does not carry --- */

/*
 * Whether a message says nothing but text, in members that all dialects know. `role` and `content`, and below that parts of `type` and `text`: whatever else stands there may
 * mean something to a server of the dialect.
 */
static bool
is_plain_message(const struct json *message)
{
	for (struct json_iter it = json_iter(message); json_next(&it);)
		if (!str_eq_c(it.key, "role") && !str_eq_c(it.key, "content"))
			return false;
	for (struct json_iter parts = json_iter(json_get(message, "content")); json_next(&parts);)
		for (struct json_iter it = json_iter(parts.value); json_next(&it);)
			if (!str_eq_c(it.key, "type") && !str_eq_c(it.key, "text") && !str_eq_c(it.key, "cache_control"))
				return false;
	return true;
}

static bool
is_text_alone(const struct call *call)
{
	for (const struct message *message = call->messages; message; message = message->next)
		for (const struct part *part = message->parts; part; part = part->next)
			if (part->type != PART_TEXT || part->parts || part->signature.len)
				return false;
	return !call->tools;
}

/* Members of a Responses request that a provider which speaks the API gets as they came, and that say more than the inner form takes from them. */
static const char *const passed_on[] = { "reasoning", "text", "truncation", "max_tool_calls" };

static bool
is_passed_on(const struct conf_model *model, const struct call *call)
{
	bool speaks = false, says = false;

	for (size_t i = 0; i < model->target_count; i++)
		speaks = speaks || conf_provider_has(model->targets[i].provider, CONF_API_RESPONSES);
	for (size_t i = 0; i < COUNT(passed_on); i++)
		says = says || json_get(call->source, passed_on[i]);
	return speaks && says;
}

/*
 * Whether the inner form carries the whole request. Of Responses it does, unless they are passed on: what it does not know of them at all is `foreign`, and such a call is not cached.
 */
static bool
is_plain(const struct conf_model *model, const struct call *call)
{
	static const char *const deep[] = { "thinking", "prediction", "output_config", "output_format", "response_format", "modalities" };

	if (call->dialect == DIALECT_OPENAI_RESPONSES)
		return !is_passed_on(model, call);
	if (call->dialect == DIALECT_OPENAI_COMPLETIONS || call->extra.len || !is_text_alone(call))
		return false;
	for (size_t i = 0; i < COUNT(deep); i++)
		if (json_get(call->source, deep[i]))
			return false; /* may hold more than the inner form takes from it */
	for (struct json_iter it = json_iter(json_get(call->source, "messages")); json_next(&it);)
		if (!is_plain_message(it.value))
			return false;
	return true;
}

/* The header may come in several lines, and all of them are passed on. */
static bool
is_beta(const struct http_header *header)
{
	return str_eq_ci(header->name, STR("anthropic-beta")) && header->value.len;
}

static int64_t
count_betas(const struct call *call)
{
	int64_t count = 0;

	for (size_t i = 0; call->dialect == DIALECT_ANTHROPIC && i < call->headers.count; i++)
		count += is_beta(&call->headers.list[i]);
	return count;
}

static void
add_betas(struct canonical *c, const struct call *call)
{
	int64_t count = count_betas(call);

	canonical_int(c, count);
	for (size_t i = 0; count && i < call->headers.count; i++)
		if (is_beta(&call->headers.list[i]))
			canonical_text(c, call->headers.list[i].value);
}

static void
add_rest(struct canonical *c, const struct conf_model *model, const struct call *call)
{
	bool plain = is_plain(model, call) && !count_betas(call);

	canonical_int(c, plain);
	if (plain)
		return;
	canonical_int(c, call->dialect);
	add_betas(c, call);
	if (call->dialect == DIALECT_OPENAI_RESPONSES) {
		for (size_t i = 0; i < COUNT(passed_on); i++)
			canonical_json(c, json_get(call->source, passed_on[i]));
		return;
	}
	canonical_json_without(c, call->source, hints);
}

/* --- the keys --- */

static void
add_subject(struct canonical *c, const struct cache_subject *subject)
{
	const struct conf_cache *cache = &subject->model->cache;

	canonical_text(c, STR(KEY_VERSION));
	canonical_int(c, subject->tenant);
	canonical_int(c, cache->scope);
	if (cache->scope == CONF_CACHE_KEY)
		canonical_text(c, subject->key_id);
	if (cache->scope == CONF_CACHE_USER)
		canonical_text(c, subject->user);
	canonical_int(c, subject->local_only);
	canonical_text(c, str_n((const char *)cache->answers, sizeof(cache->answers)));
	canonical_int(c, (int64_t)subject->source_count);
	for (size_t i = 0; i < subject->source_count; i++) {
		canonical_int(c, subject->sources[i].collection);
		canonical_int(c, subject->sources[i].generation);
	}
}

const struct err *
cache_key(struct arena *arena, const struct cache_subject *subject, unsigned char out[HASH_SHA256_SIZE])
{
	struct canonical c;

	canonical_begin(&c, arena);
	add_subject(&c, subject);
	add_call(&c, subject->call, NULL);
	add_rest(&c, subject->model, subject->call);
	return canonical_end(&c, out);
}

const struct err *
cache_near_key(struct arena *arena, const struct cache_subject *subject, unsigned char out[HASH_SHA256_SIZE], struct str *question)
{
	const struct message *last = subject->call->messages;
	struct canonical c;

	*question = str_n(NULL, 0);
	while (last && last->next)
		last = last->next;
	if (!last || last->role != ROLE_USER || !last->parts || last->parts->next || !is_plain(subject->model, subject->call) || count_betas(subject->call) ||
		!is_text_alone(subject->call))
		return NULL;
	*question = last->parts->text;
	canonical_begin(&c, arena);
	canonical_text(&c, STR("near"));
	add_subject(&c, subject);
	add_call(&c, subject->call, last->parts);
	return canonical_end(&c, out);
}
