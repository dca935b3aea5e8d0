/*
 * embeddings.c - see embeddings.h.
 *
 * A vector is the normalised sum of its words' vectors, and a word's vector is eight signed places drawn from its hash. So equal texts
 * have equal vectors on every machine, texts that share words are near, and others are almost orthogonal: enough for a search to be
 * tested against.
 */
#include "embeddings.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void
vector_add_word(float *vector, size_t dimensions, uint64_t hash)
{
	for (int i = 0; i < 8; i++) {
		hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9u;
		hash = (hash ^ hash >> 32) * 0x94d049bb133111ebu;
		vector[(hash >> 8) % dimensions] += hash & 1 ? 1.0f : -1.0f;
	}
}

void
embedding_make(float *vector, size_t dimensions, struct str text)
{
	uint64_t hash = 0;
	double norm = 0;

	memset(vector, 0, dimensions * sizeof(*vector));
	for (size_t i = 0; i <= text.len; i++) {
		int c = i < text.len ? (unsigned char)text.ptr[i] : ' ';

		if (isalnum(c) || c >= 0x80 || c == '_') {
			hash = (hash ? hash : 0xcbf29ce484222325u) ^ (uint64_t)tolower(c);
			hash *= 0x100000001b3u;
		} else if (hash) {
			vector_add_word(vector, dimensions, hash);
			hash = 0;
		}
	}
	for (size_t i = 0; i < dimensions; i++)
		norm += (double)vector[i] * (double)vector[i];
	if (norm == 0)
		vector[0] = 1.0f;
	for (size_t i = 0; i < dimensions && norm > 0; i++)
		vector[i] = (float)((double)vector[i] / sqrt(norm));
}

static void
add_vector(const float *vector, size_t dimensions, bool base64, struct bytes *out)
{
	if (base64) {
		/* Little-endian floats, as this machine has them. */
		bytes_add(out, STR("\""));
		bytes_base64(out, (struct str){ (const char *)vector, dimensions * sizeof(*vector) });
		bytes_add(out, STR("\""));
		return;
	}
	bytes_add(out, STR("[\n"));
	for (size_t i = 0; i < dimensions; i++)
		bytes_fmt(out, "        %.9g%s\n", (double)vector[i], i + 1 < dimensions ? "," : "");
	bytes_add(out, STR("      ]"));
}

/* Words of the text, or as many tokens as a list of tokens has; their text stands for them. */
static long
input_tokens(const struct json *json, const struct json_node *input, struct str text)
{
	long tokens = 0;
	bool inside = false;

	if (json_is(input, JSON_ARRAY)) {
		for (const struct json_node *token = json_first(json, input); token; token = json_after(json, input, token))
			tokens++;
		return tokens;
	}
	for (size_t i = 0; i < text.len; i++) {
		bool space = isspace((unsigned char)text.ptr[i]) != 0;

		tokens += !space && !inside;
		inside = !space;
	}
	return tokens;
}

static long
add_embedding(const struct json *json, const struct json_node *input, long index, size_t dimensions, bool base64, struct bytes *out)
{
	static float vector[EMBEDDING_DIMENSIONS_MAX];
	struct bytes text = { 0 };
	long tokens;

	json_text(input, &text);
	tokens = input_tokens(json, input, bytes_view(&text));
	embedding_make(vector, dimensions, bytes_view(&text));
	bytes_fmt(out, "%s    {\n      \"object\": \"embedding\",\n      \"index\": %ld,\n      \"embedding\": ", index ? ",\n" : "", index);
	add_vector(vector, dimensions, base64, out);
	bytes_add(out, STR("\n    }"));
	bytes_free(&text);
	return tokens;
}

/* A list of texts or of token lists; a bare text or a list of tokens is one input. */
static bool
input_is_list(const struct json *json, const struct json_node *input)
{
	return json_is(input, JSON_ARRAY) && !json_is(json_first(json, input), JSON_NUMBER);
}

static bool
input_is_valid(const struct json *json, const struct json_node *input)
{
	long count = 0;

	if (json_is(input, JSON_STRING))
		return input->text.len > 0;
	if (!json_is(input, JSON_ARRAY) || !json_first(json, input))
		return false;
	if (!input_is_list(json, input))
		return true;
	for (const struct json_node *item = json_first(json, input); item; item = json_after(json, input, item)) {
		if (++count > EMBEDDING_INPUTS_MAX || !(json_is(item, JSON_STRING) ? item->text.len > 0 : json_is(item, JSON_ARRAY)))
			return false;
	}
	return true;
}

void
embeddings_take(struct ask *ask, const struct json *json)
{
	const struct json_node *input = json_get(json, json->nodes, "input");

	if (json_is(input, JSON_STRING))
		json_text(input, &ask->message);
	for (const struct json_node *item = input_is_list(json, input) ? json_first(json, input) : NULL; item; item = json_after(json, input, item)) {
		bytes_add(&ask->message, STR(" "));
		json_text(item, &ask->message);
	}
}

void
embeddings_answer(struct reply *reply, const struct json *json)
{
	const struct json_node *root = json->nodes, *input = json_get(json, root, "input"), *format = json_get(json, root, "encoding_format");
	const struct json_node *wanted = json_get(json, root, "dimensions");
	bool base64 = json_is(format, JSON_STRING) && str_equal(format->text, STR("base64"));
	int64_t dimensions = EMBEDDING_DIMENSIONS;
	long tokens = 0, count = 0;

	if (!input_is_valid(json, input)) {
		reply_error(reply, 400, "'$.input' is invalid. Please check the API reference.", NULL, NULL);
		return;
	}
	if (wanted && (!str_number(wanted->text, &dimensions) || dimensions < 1 || dimensions > EMBEDDING_DIMENSIONS_MAX)) {
		reply_error(reply, 400, "Invalid value for 'dimensions'.", "dimensions", "invalid_value");
		return;
	}
	bytes_add(&reply->body, STR("{\n  \"object\": \"list\",\n  \"data\": [\n"));
	if (!input_is_list(json, input)) {
		tokens = add_embedding(json, input, 0, (size_t)dimensions, base64, &reply->body);
	} else {
		for (const struct json_node *item = json_first(json, input); item; item = json_after(json, input, item))
			tokens += add_embedding(json, item, count++, (size_t)dimensions, base64, &reply->body);
	}
	bytes_add(&reply->body, STR("\n  ],\n  \"model\": \""));
	bytes_json(&reply->body, bytes_view(&reply->ask.model));
	bytes_fmt(&reply->body, "\",\n  \"usage\": {\n    \"prompt_tokens\": %ld,\n    \"total_tokens\": %ld\n  }\n}\n", tokens, tokens);
	reply_json(reply);
}
