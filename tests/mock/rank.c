/*
 * rank.c - see rank.h.
 *
 * A document's score is the share of the query's words that stand in it; of equals the first comes first. A text is violent that has the word "kill". Sources: docs.cohere.com/reference/rerank; Jina's
 * "Reranker API"; docs.vllm.ai, "Re-rank API"; docs.fireworks.ai, "Rerank documents" (its results are `data`); OpenAI's API reference, "Moderations"; docs.mistral.ai, "Classifiers".
 */
#include "rank.h"

#include <ctype.h>
#include <string.h>

enum { DOCUMENTS_MAX = 1000 };

static bool
is_word_byte(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* Whether `word` stands in the text as a whole word, in any case. */
static bool
has_word(struct str text, struct str word)
{
	for (size_t i = 0; i + word.len <= text.len; i++) {
		bool begins = i == 0 || !is_word_byte(text.ptr[i - 1]), ends = i + word.len == text.len || !is_word_byte(text.ptr[i + word.len]);

		if (begins && ends && str_equal_nocase((struct str){ text.ptr + i, word.len }, word))
			return true;
	}
	return false;
}

static double
score(struct str query, struct str text)
{
	long words = 0, found = 0;

	for (size_t i = 0; i < query.len;) {
		size_t from = i;

		while (i < query.len && is_word_byte(query.ptr[i]))
			i++;
		if (i > from) {
			words++;
			found += has_word(text, (struct str){ query.ptr + from, i - from });
		}
		i += i == from;
	}
	return words ? (double)found / (double)words : 0;
}

/* A text, or the text of an object. */
static void
document_text(const struct json *json, const struct json_node *document, struct bytes *out)
{
	const struct json_node *text = json_is(document, JSON_OBJECT) ? json_get(json, document, "text") : document;

	bytes_clear(out, 65536);
	if (json_is(text, JSON_STRING))
		json_text(text, out);
}

static void
refuse(struct ask *ask, const char *problem)
{
	if (!ask->problem)
		ask->problem = problem;
}

void
rank_ask(struct ask *ask, const struct json *json, bool cohere)
{
	const struct json_node *root = json->nodes, *model = json_get(json, root, "model"), *query = json_get(json, root, "query"), *documents = json_get(json, root, "documents");
	const struct json_node *top = json_get(json, root, "top_n");
	long count = 0;

	ask_clear(ask);
	if (json_is(model, JSON_STRING))
		json_text(model, &ask->model);
	else
		refuse(ask, "model: field required");
	if (json_is(query, JSON_STRING))
		json_text(query, &ask->message);
	else
		refuse(ask, "query: field required");
	for (const struct json_node *item = json_first(json, documents); item; item = json_after(json, documents, item), count++)
		if (cohere && !json_is(item, JSON_STRING))
			refuse(ask, "invalid request: list of documents must be strings");
	if (count == 0 || count > DOCUMENTS_MAX)
		refuse(ask, "invalid request: list of documents must not be empty");
	if (top && ask_long(top) < 1)
		refuse(ask, "invalid request: top_n must be at least 1");
	if (cohere && json_get(json, root, "return_documents"))
		refuse(ask, "unknown field: parameter 'return_documents' is not a valid field");
}

struct ranked {
	long index;
	double score;
};

/* Scores all documents, the best first; counts their words with the query's. */
static long
rank(const struct json *json, struct str query, struct ranked *list, long *tokens)
{
	static struct bytes text; /* used again */
	const struct json_node *documents = json_get(json, json->nodes, "documents");
	long count = 0;

	for (const struct json_node *item = json_first(json, documents); item; item = json_after(json, documents, item), count++) {
		struct ranked one = { .index = count };
		long at = count;

		document_text(json, item, &text);
		*tokens += ask_words(query) + ask_words(bytes_view(&text));
		one.score = score(query, bytes_view(&text));
		for (; at > 0 && list[at - 1].score < one.score; at--)
			list[at] = list[at - 1];
		list[at] = one;
	}
	return count;
}

static const struct json_node *
document_at(const struct json *json, long index)
{
	const struct json_node *documents = json_get(json, json->nodes, "documents"), *item = json_first(json, documents);

	while (index-- > 0)
		item = json_after(json, documents, item);
	return item;
}

static void
add_result(struct reply *reply, const struct json *json, const struct ranked *ranked, bool document)
{
	static struct bytes text;

	bytes_fmt(&reply->body, "{\"index\":%ld,", ranked->index);
	if (document) {
		document_text(json, document_at(json, ranked->index), &text);
		bytes_add(&reply->body, STR("\"document\":{\"text\":\""));
		bytes_json(&reply->body, bytes_view(&text));
		bytes_add(&reply->body, STR("\"},"));
	}
	bytes_fmt(&reply->body, "\"relevance_score\":%.6g}", ranked->score);
}

void
rank_answer(struct reply *reply, const struct json *json, bool cohere)
{
	static struct ranked list[DOCUMENTS_MAX];
	const struct json_node *root = json->nodes, *top = json_get(json, root, "top_n");
	bool documents = !cohere && !json_is(json_get(json, root, "return_documents"), JSON_FALSE), data = str_equal(reply->plan.like, STR("fireworks"));
	long tokens = 0, count = rank(json, bytes_view(&reply->ask.message), list, &tokens), wanted = top && ask_long(top) < count ? ask_long(top) : count;

	bytes_add(&reply->body, STR("{\"id\":\""));
	reply_id(reply, cohere ? "" : "rerank-", 24, &reply->body);
	if (!cohere) {
		bytes_add(&reply->body, STR("\",\"model\":\""));
		bytes_json(&reply->body, bytes_view(&reply->ask.model));
	}
	bytes_fmt(&reply->body, "\",\"%s\":[", data ? "data" : "results");
	for (long i = 0; i < wanted; i++) {
		bytes_fmt(&reply->body, "%s", i ? "," : "");
		add_result(reply, json, &list[i], documents);
	}
	bytes_add(&reply->body, STR("]"));
	if (cohere)
		bytes_add(&reply->body, STR(",\"meta\":{\"api_version\":{\"version\":\"2\"}"));
	if (cohere && !reply->plan.no_usage)
		bytes_fmt(&reply->body, ",\"billed_units\":{\"search_units\":%ld}", (count + 99) / 100);
	if (cohere)
		bytes_add(&reply->body, STR("}"));
	else if (!reply->plan.no_usage)
		bytes_fmt(&reply->body, ",\"usage\":{\"prompt_tokens\":%ld,\"total_tokens\":%ld}", tokens, tokens);
	bytes_add(&reply->body, STR("}"));
	reply_json(reply);
}

/* --- moderations --- */

static const char *const openai_categories[] = { "hate", "hate/threatening", "harassment", "harassment/threatening", "illicit", "illicit/violent", "self-harm", "self-harm/intent",
	"self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic" };
static const char *const mistral_categories[] = { "sexual", "hate_and_discrimination", "violence_and_threats", "dangerous_and_criminal_content", "selfharm", "health", "financial", "law", "pii" };

/* The text of an input: a text, or a part with one. */
static void
input_text(const struct json *json, const struct json_node *input, struct bytes *out)
{
	const struct json_node *text = json_is(input, JSON_OBJECT) ? json_get(json, input, "text") : input;

	if (out->len)
		bytes_add(out, STR(" "));
	if (json_is(text, JSON_STRING))
		json_text(text, out);
}

void
moderations_ask(struct ask *ask, const struct json *json)
{
	const struct json_node *root = json->nodes, *model = json_get(json, root, "model"), *input = json_get(json, root, "input");

	ask_clear(ask);
	if (json_is(model, JSON_STRING))
		json_text(model, &ask->model);
	if (json_is(input, JSON_STRING))
		json_text(input, &ask->message);
	else
		for (const struct json_node *item = json_first(json, input); item; item = json_after(json, input, item))
			input_text(json, item, &ask->message);
	ask->prompt_words = ask_words(bytes_view(&ask->message));
	if (!input)
		refuse(ask, "Missing required parameter: 'input'.");
}

static void
add_result_for(struct reply *reply, struct str text, bool mistral)
{
	const char *const *names = mistral ? mistral_categories : openai_categories;
	size_t count = mistral ? COUNT(mistral_categories) : COUNT(openai_categories);
	bool violent = has_word(text, STR("kill"));

	bytes_add(&reply->body, STR("{"));
	if (!mistral)
		bytes_fmt(&reply->body, "\"flagged\":%s,", violent ? "true" : "false");
	bytes_add(&reply->body, STR("\"categories\":{"));
	for (size_t i = 0; i < count; i++)
		bytes_fmt(&reply->body, "%s\"%s\":%s", i ? "," : "", names[i], violent && strncmp(names[i], "violence", 8) == 0 ? "true" : "false");
	bytes_add(&reply->body, STR("},\"category_scores\":{"));
	for (size_t i = 0; i < count; i++)
		bytes_fmt(&reply->body, "%s\"%s\":%s", i ? "," : "", names[i], violent && strncmp(names[i], "violence", 8) == 0 ? "0.98" : "0.0001");
	bytes_add(&reply->body, STR("}"));
	if (!mistral) {
		bytes_add(&reply->body, STR(",\"category_applied_input_types\":{"));
		for (size_t i = 0; i < count; i++)
			bytes_fmt(&reply->body, "%s\"%s\":[\"text\"]", i ? "," : "", names[i]);
		bytes_add(&reply->body, STR("}"));
	}
	bytes_add(&reply->body, STR("}"));
}

void
moderations_answer(struct reply *reply, const struct json *json)
{
	static struct bytes text;
	const struct json_node *input = json_get(json, json->nodes, "input"), *first = json_first(json, input);
	bool mistral = str_equal(reply->plan.like, STR("mistral")), each = json_is(first, JSON_STRING);
	long index = 0;

	bytes_add(&reply->body, STR("{\"id\":\""));
	reply_id(reply, mistral ? "" : "modr-", 24, &reply->body);
	bytes_add(&reply->body, STR("\",\"model\":\""));
	bytes_json(&reply->body, bytes_view(&reply->ask.model));
	bytes_add(&reply->body, STR("\",\"results\":["));
	if (!each)
		add_result_for(reply, bytes_view(&reply->ask.message), mistral);
	for (const struct json_node *item = each ? first : NULL; item; item = json_after(json, input, item)) {
		bytes_clear(&text, 65536);
		input_text(json, item, &text);
		bytes_fmt(&reply->body, "%s", index++ ? "," : "");
		add_result_for(reply, bytes_view(&text), mistral);
	}
	bytes_add(&reply->body, STR("]"));
	if (mistral && !reply->plan.no_usage)
		bytes_fmt(&reply->body, ",\"usage\":{\"prompt_tokens\":%ld,\"completion_tokens\":0,\"total_tokens\":%ld}", reply_prompt_tokens(reply), reply_prompt_tokens(reply));
	bytes_add(&reply->body, STR("}"));
	reply_json(reply);
}
