/*
 * gemini.c - the answers of generateContent and streamGenerateContent, and its errors. See gemini.h.
 *
 * Every frame of a stream is a response of its own with the parts that are new; nothing but the end of the transfer ends it. Usage stands in every frame and is cumulative.
 * promptTokenCount includes cached tokens; candidatesTokenCount leaves thoughts out, our output does not. Calls of functions come whole.
 */
#include "gateway/gemini.h"

#include "base/clock.h"
#include "base/random.h"

enum { CHOICES_MAX = 16 };

struct choice {
	unsigned tools;
	bool seen, finished;
};

struct reading {
	struct choice choices[CHOICES_MAX];
	int64_t searches; /* that the answer is grounded in, so far */
};

/* Tokens of sound or pictures in a list of counts by modality. */
static int64_t
tokens_of(const struct json *usage, const char *details, const char *modality)
{
	int64_t tokens = 0;

	for (struct json_iter it = json_iter(json_get(usage, details)); json_next(&it);)
		if (tokens < PROVIDER_COUNT_MAX && str_eq_c(json_get_string(it.value, "modality"), modality))
			tokens += provider_count(json_get(it.value, "tokenCount"), 0);
	return tokens < PROVIDER_COUNT_MAX ? tokens : PROVIDER_COUNT_MAX;
}

/* Those of the prompt and of what tools gave it that were not cached. */
static int64_t
fresh_tokens(const struct json *usage, const char *modality)
{
	return tokens_of(usage, "promptTokensDetails", modality) + tokens_of(usage, "toolUsePromptTokensDetails", modality) - tokens_of(usage, "cacheTokensDetails", modality);
}

/* The figures grow from frame to frame: they count as known once they are final. */
static void
read_usage(struct decoder *decoder, const struct json *usage, bool final)
{
	int64_t thoughts = provider_count(json_get(usage, "thoughtsTokenCount"), 0);
	struct str tier = json_get_string(usage, "serviceTier"); /* Gemini's own API */
	const struct reading *reading = decoder->state;

	decoder->usage.web_searches = reading->searches;
	if (!json_is(usage, JSON_OBJECT))
		return;
	decoder->usage = (struct usage){
		.input = provider_count(json_get(usage, "promptTokenCount"), 0) + provider_count(json_get(usage, "toolUsePromptTokenCount"), 0),
		.cached_input = provider_count(json_get(usage, "cachedContentTokenCount"), 0),
		.output = provider_count(json_get(usage, "candidatesTokenCount"), 0) + thoughts,
		.reasoning = thoughts,
		.audio_input = fresh_tokens(usage, "AUDIO"),
		.image_input = fresh_tokens(usage, "IMAGE"),
		.cached_audio = tokens_of(usage, "cacheTokensDetails", "AUDIO"),
		.audio_output = tokens_of(usage, "candidatesTokensDetails", "AUDIO"),
		.image_output = tokens_of(usage, "candidatesTokensDetails", "IMAGE"),
		.web_searches = reading->searches,
		.tier = usage_tier_of(tier.len ? tier : json_get_string(usage, "trafficType")), /* Vertex AI's */
		.known = final,
	};
	usage_fit(&decoder->usage);
}

/* --- parts --- */

/* A signature with its mark, so that it goes back to where it came from. */
static struct str
marked(const struct decoder *decoder, const char *mark, struct str signature)
{
	return signature.len ? arena_printf(decoder->frame, "%s%" STR_F, mark, STR_A(signature)) : STR_EMPTY;
}

static struct str
call_id(const struct decoder *decoder, const struct json *call)
{
	struct str id = json_get_string(call, "id");
	struct id made;

	if (id.len)
		return id;
	made = id_new();
	return arena_printf(decoder->frame, "call_gemini_%" STR_F, STR_A(str_slice(id_str(&made), 8, ID_LEN))); /* 36 characters: OpenAI takes 40 */
}

static MAY_PARK const struct err *
emit_call(struct decoder *decoder, unsigned index, const struct json *call, struct str signature)
{
	struct reading *reading = decoder->state;
	const struct json *arguments = json_get(call, "args");
	unsigned item = reading->choices[index].tools++;
	struct str mark = marked(decoder, GEMINI_SIGNATURE_CALL, signature), text = arguments ? decoder_json_text(decoder, arguments) : STR("{}");
	const struct err *err = NULL;

	if (!text.ptr || !mark.ptr)
		return &err_no_memory;
	if (mark.len)
		err = decoder_emit(decoder, (struct event){ .type = EVENT_SIGNATURE, .choice = index, .text = mark });
	if (!err)
		err = decoder_emit(decoder, (struct event){
			.type = EVENT_TOOL_CALL, .choice = index, .item = item, .id = call_id(decoder, call), .name = json_get_string(call, "name"), .signature = mark });
	return err ? err : decoder_emit(decoder, (struct event){ .type = EVENT_ARGUMENTS, .choice = index, .item = item, .text = text });
}

static MAY_PARK const struct err *
emit_part(struct decoder *decoder, unsigned index, const struct json *part)
{
	struct str text = json_get_string(part, "text"), signature = json_get_string(part, "thoughtSignature");
	bool thought = json_bool(json_get(part, "thought"), false);
	const struct json *call = json_get(part, "functionCall");
	const struct err *err = NULL;

	if (call)
		return emit_call(decoder, index, call, signature);
	if (json_get(part, "inlineData"))
		return err_new(decoder->arena, ERR_UNSUPPORTED, "the model answered with an image or audio, which corbel does not pass on");
	if (text.len)
		err = decoder_emit(decoder, (struct event){ .type = thought ? EVENT_REASONING : EVENT_TEXT, .choice = index, .text = text });
	if (!err && signature.len)
		err = decoder_emit(decoder, (struct event){
			.type = EVENT_SIGNATURE, .choice = index, .text = marked(decoder, thought ? GEMINI_SIGNATURE_THOUGHT : GEMINI_SIGNATURE_TEXT, signature) });
	return err;
}

/* --- ends --- */

/* The model broke off: not an answer, whatever it is called. */
static bool
is_broken(struct str reason)
{
	static const char *const broken[] = { "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE" };

	return str_in(reason, broken, COUNT(broken));
}

static enum finish
finish_of(struct str reason, bool called)
{
	static const char *const filtered[] = { "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
		"IMAGE_RECITATION", "MODEL_ARMOR" };

	if (str_eq_c(reason, "MAX_TOKENS"))
		return FINISH_LENGTH;
	if (str_in(reason, filtered, COUNT(filtered)))
		return FINISH_CONTENT_FILTER;
	return called ? FINISH_TOOL_CALLS : FINISH_STOP;
}

static MAY_PARK const struct err *
emit_finish(struct decoder *decoder, unsigned index, struct str reason)
{
	struct reading *reading = decoder->state;
	struct choice *choice = &reading->choices[index];

	if (choice->finished) /* a later frame may repeat it */
		return NULL;
	choice->finished = true;
	decoder->finished = true;
	for (unsigned i = 0; i < CHOICES_MAX; i++)
		decoder->finished = decoder->finished && (!reading->choices[i].seen || reading->choices[i].finished);
	return decoder_emit(decoder, (struct event){ .type = EVENT_FINISH, .choice = index, .finish = finish_of(reason, choice->tools > 0), .finish_text = reason });
}

static MAY_PARK const struct err *
emit_candidate(struct decoder *decoder, const struct json *candidate)
{
	int64_t index = json_int(json_get(candidate, "index"), 0);
	struct str reason = json_get_string(candidate, "finishReason");
	const struct err *err = NULL;

	if (index < 0 || index >= CHOICES_MAX)
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider sent more choices than were asked for");
	if (is_broken(reason))
		return err_new(decoder->arena, ERR_UPSTREAM, "the model broke off its answer (%" STR_F ")", STR_A(reason));
	for (struct json_iter it = json_iter(json_get(json_get(candidate, "content"), "parts")); !err && json_next(&it);)
		err = emit_part(decoder, (unsigned)index, it.value);
	return err || !reason.len ? err : emit_finish(decoder, (unsigned)index, reason);
}

/* Errors inside an answer that began with status 200. */
static const struct err *
answer_error(struct decoder *decoder, const struct json *root)
{
	const struct json *error = json_get(root, "error");
	struct str blocked = json_get_string(json_get(root, "promptFeedback"), "blockReason");
	struct str message = json_get_string(error, "message");

	if (error)
		return err_new(decoder->arena, str_eq_c(json_get_string(error, "status"), "UNAVAILABLE") ? ERR_UNAVAILABLE : ERR_UPSTREAM, "the provider reported an error: %" STR_F,
			STR_A(message.len ? message : STR("no reason given")));
	if (blocked.len && json_count(json_get(root, "candidates")) == 0)
		return err_param(decoder->arena, ERR_INVALID, "messages", "content_filter", "the provider's filter refused the prompt (%" STR_F ")", STR_A(blocked));
	return NULL;
}

/* Searches in the web that a candidate is grounded in; of an empty text there was none. */
static int64_t
queries_of(const struct json *grounding)
{
	const struct json *queries = json_get(grounding, "webSearchQueries");
	int64_t count = 0;

	for (struct json_iter it = json_iter(json_is(queries, JSON_ARRAY) ? queries : NULL); json_next(&it);)
		count += json_string(it.value).len > 0;
	return count;
}

/* What a frame's candidates say together, before any of them is passed on. False: one of them is broken. */
static bool
look_ahead(struct decoder *decoder, const struct json *candidates)
{
	struct reading *reading = decoder->state;
	int64_t searches = 0;
	bool whole = true;

	for (struct json_iter it = json_iter(candidates); json_next(&it);) {
		struct str reason = json_get_string(it.value, "finishReason");
		int64_t index = json_int(json_get(it.value, "index"), 0);

		decoder->last = decoder->last || reason.len > 0;
		whole = whole && !is_broken(reason);
		if (index >= 0 && index < CHOICES_MAX)
			reading->choices[index].seen = true;
		searches += queries_of(json_get(it.value, "groundingMetadata"));
	}
	if (searches > reading->searches) /* a later frame repeats what an earlier one has said */
		reading->searches = searches;
	return whole;
}

static MAY_PARK const struct err *
emit_response(struct decoder *decoder, const struct json *root)
{
	const struct json *candidates = json_get(root, "candidates");
	bool whole = look_ahead(decoder, candidates);
	const struct err *err = answer_error(decoder, root);

	read_usage(decoder, json_get(root, "usageMetadata"), decoder->last || json_count(candidates) == 0);
	if (!err && !decoder->started && json_count(candidates) > 0 && whole) {
		decoder->started = true;
		err = decoder_emit(decoder, (struct event){ .type = EVENT_START,
			.id = json_get_string(root, "responseId"),
			.model = json_get_string(root, "modelVersion"),
			.created_us = clock_wall_us() });
	}
	for (struct json_iter it = json_iter(candidates); !err && json_next(&it);)
		err = emit_candidate(decoder, it.value);
	return err;
}

MAY_PARK const struct err *
gemini_frame(struct decoder *decoder, struct str name, struct str data)
{
	const struct json *root;
	const struct err *err;

	(void)name;
	err = decoder_read_frame(decoder, sizeof(struct reading), data, &root);
	return err ? err : emit_response(decoder, root);
}

MAY_PARK const struct err *
gemini_body(struct decoder *decoder, struct str body)
{
	const struct json *root;
	const struct err *err = decoder_read(decoder, sizeof(struct reading), body, &root);

	if (err)
		return err;
	if (!json_is(root, JSON_OBJECT))
		return err_new(decoder->arena, ERR_UPSTREAM, "the provider's answer is not a JSON object");
	decoder->last = true;
	err = emit_response(decoder, root);
	if (!err && !decoder->finished)
		err = err_new(decoder->arena, ERR_UPSTREAM, "the provider's answer has no candidate that is complete");
	decoder->done = true;
	return err ? err : decoder_emit_usage(decoder);
}

/* --- errors --- */

/* The member of the error's details that has this type ("…google.rpc.RetryInfo"). */
static const struct json *
detail_of(const struct json *error, const char *type)
{
	for (struct json_iter it = json_iter(json_get(error, "details")); json_next(&it);)
		if (str_ends(json_get_string(it.value, "@type"), str_of(type)))
			return it.value;
	return NULL;
}

/* "34s", "1.5s" */
static int64_t
delay_us(struct str text)
{
	double seconds;

	if (!str_ends(text, STR("s")) || !str_to_f64(str_slice(text, 0, text.len - 1), &seconds) || seconds <= 0 || seconds > 1e6)
		return 0;
	return (int64_t)(seconds * (double)USEC_PER_SEC);
}

static bool
is_context_window(struct str message)
{
	return str_find(message, STR("input token count"), 0) != SIZE_MAX && str_find(message, STR("exceeds the maximum"), 0) != SIZE_MAX;
}

void
gemini_failure(struct arena *arena, int status, const struct http_headers *headers, struct str body, struct failure *out)
{
	const struct json *root = NULL, *error;
	bool bad_key;
	struct err *err;

	if (json_parse(arena, body, &root))
		root = NULL;
	if (json_is(root, JSON_ARRAY)) { /* a stream that was refused, as the wire words it without alt=sse */
		struct json_iter it = json_iter(root);

		root = json_next(&it) ? it.value : NULL;
	}
	error = json_get(root, "error");
	bad_key = str_eq_c(json_get_string(detail_of(error, "google.rpc.ErrorInfo"), "reason"), "API_KEY_INVALID");
	failure_from_status(arena, bad_key ? 401 : status, headers, json_get_string(error, "message"),
		is_context_window(json_get_string(error, "message")) ? STR("context_length_exceeded") : STR_EMPTY, out);
	err = arena_alloc(arena, sizeof(*err));
	if (!err || out->err == &err_no_memory || out->err->retry_after_us)
		return;
	*err = *out->err;
	err->retry_after_us = delay_us(json_get_string(detail_of(error, "google.rpc.RetryInfo"), "retryDelay"));
	out->err = err;
}
