/*
 * embed_wires.c - see embed_wires.h.
 *
 * Directives may stand in any of the texts; tokens are counted as words. Sources: docs.cohere.com/reference/embed; ai.google.dev/api/embeddings, "models.batchEmbedContents"; cloud.google.com/vertex-ai,
 * "Text embeddings API" and "models.embedContent"; Amazon Bedrock user guide, "Amazon Titan Embeddings Text", "Cohere Embed v3", "Cohere Embed v4". Members and values that the services do
 * not know are their 400.
 */
#include "embed_wires.h"

#include "embeddings.h"

#include <string.h>

enum { COHERE_TEXTS_MAX = 96, COHERE_DIMENSIONS = 1536, GEMINI_REQUESTS_MAX = 100, GEMINI_DIMENSIONS = 3072, VERTEX_TEXTS_MAX = 250, VERTEX_TOKENS_MAX = 20000, VERTEX_DIMENSIONS = 768 };

static void
refuse(struct ask *ask, const char *problem)
{
	if (!ask->problem)
		ask->problem = problem;
}

/* The texts of all, with their directives, behind each other. */
static void
take_text(struct ask *ask, const struct json_node *text)
{
	if (!json_is(text, JSON_STRING))
		return;
	if (ask->message.len)
		bytes_add(&ask->message, STR(" "));
	json_text(text, &ask->message);
	ask->prompt_words = ask_words(bytes_view(&ask->message));
}

static void
add_vector(struct bytes *out, const struct json_node *text, long dimensions)
{
	static float vector[EMBEDDING_DIMENSIONS_MAX];
	struct bytes plain = { 0 };

	json_text(text, &plain);
	embedding_make(vector, (size_t)dimensions, bytes_view(&plain));
	bytes_add(out, STR("["));
	for (long i = 0; i < dimensions; i++)
		bytes_fmt(out, "%s%.9g", i ? "," : "", (double)vector[i]);
	bytes_add(out, STR("]"));
	bytes_free(&plain);
}

static bool
is_one_of(const struct json_node *node, const char *const *names)
{
	for (; *names; names++)
		if (ask_is(node, *names))
			return true;
	return false;
}

/* --- Cohere --- */

void
embed_cohere_ask(struct ask *ask, const struct json *json)
{
	static const char *const members[] = { "model", "texts", "images", "inputs", "input_type", "max_tokens", "output_dimension", "embedding_types", "truncate", "priority", NULL };
	static const char *const uses[] = { "search_document", "search_query", "classification", "clustering", "image", NULL };
	const struct json_node *root = json->nodes, *model = json_get(json, root, "model"), *texts = json_get(json, root, "texts"), *wanted = json_get(json, root, "output_dimension");
	long count = 0;

	ask_clear(ask);
	if (json_is(model, JSON_STRING))
		json_text(model, &ask->model);
	else
		refuse(ask, "invalid request: model: field required");
	if (!json_has_only(json, root, members))
		refuse(ask, "invalid request: unknown field: parameter is not a valid field");
	if (!is_one_of(json_get(json, root, "input_type"), uses))
		refuse(ask, "valid input_type must be provided with the provided model");
	for (const struct json_node *item = json_first(json, texts); item; item = json_after(json, texts, item), count++) {
		if (!json_is(item, JSON_STRING) || item->text.len == 0)
			refuse(ask, "invalid request: texts must be strings that are not empty");
		take_text(ask, item);
	}
	if (count == 0)
		refuse(ask, "invalid request: texts must not be empty");
	if (count > COHERE_TEXTS_MAX)
		refuse(ask, "invalid request: total number of texts must be at most 96");
	if (wanted && ask_long(wanted) != 256 && ask_long(wanted) != 512 && ask_long(wanted) != 1024 && ask_long(wanted) != 1536)
		refuse(ask, "invalid request: output_dimension must be one of 256, 512, 1024, 1536");
}

void
embed_cohere_answer(struct reply *reply, const struct json *json)
{
	const struct json_node *texts = json_get(json, json->nodes, "texts"), *wanted = json_get(json, json->nodes, "output_dimension");
	struct bytes *out = &reply->body;

	bytes_add(out, STR("{\"id\":\""));
	reply_id(reply, "", 36, out);
	bytes_add(out, STR("\",\"texts\":["));
	for (const struct json_node *item = json_first(json, texts); item; item = json_after(json, texts, item)) {
		bytes_fmt(out, "%s\"", item == json_first(json, texts) ? "" : ",");
		bytes_add(out, item->text); /* as it was written */
		bytes_add(out, STR("\""));
	}
	bytes_add(out, STR("],\"embeddings\":{\"float\":["));
	for (const struct json_node *item = json_first(json, texts); item; item = json_after(json, texts, item)) {
		bytes_fmt(out, "%s", item == json_first(json, texts) ? "" : ",");
		add_vector(out, item, wanted ? ask_long(wanted) : COHERE_DIMENSIONS);
	}
	bytes_add(out, STR("]},\"meta\":{\"api_version\":{\"version\":\"2\"}"));
	if (!reply->plan.no_usage)
		bytes_fmt(out, ",\"billed_units\":{\"input_tokens\":%ld}", reply_prompt_tokens(reply));
	bytes_add(out, STR("},\"response_type\":\"embeddings_by_type\"}"));
	reply_json(reply);
}

/* --- the Gemini API --- */

static const char *const tasks[] = { "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING", "QUESTION_ANSWERING", "FACT_VERIFICATION",
				     "CODE_RETRIEVAL_QUERY", NULL };

static const struct json_node *
text_of(const struct json *json, const struct json_node *request)
{
	return json_get(json, json_first(json, json_get(json, json_get(json, request, "content"), "parts")), "text");
}

void
embed_gemini_ask(struct ask *ask, const struct json *json, struct str model)
{
	static const char *const members[] = { "requests", NULL };
	static const char *const inner[] = { "model", "content", "taskType", "title", "outputDimensionality", NULL };
	const struct json_node *requests = json_get(json, json->nodes, "requests");
	long count = 0;

	ask_clear(ask);
	bytes_add(&ask->model, model);
	if (!json_has_only(json, json->nodes, members))
		refuse(ask, "Invalid JSON payload received. Unknown name: Cannot find field.");
	for (const struct json_node *item = json_first(json, requests); item; item = json_after(json, requests, item), count++) {
		const struct json_node *named = json_get(json, item, "model"), *task = json_get(json, item, "taskType"), *wanted = json_get(json, item, "outputDimensionality");

		if (!json_has_only(json, item, inner))
			refuse(ask, "Invalid JSON payload received. Unknown name at 'requests[0]': Cannot find field.");
		if (!json_is(named, JSON_STRING) || named->text.len != model.len + 7 || memcmp(named->text.ptr, "models/", 7) != 0 || memcmp(named->text.ptr + 7, model.ptr, model.len) != 0)
			refuse(ask, "* BatchEmbedContentsRequest.requests[0].model: model names must match");
		if (!json_is(text_of(json, item), JSON_STRING) || text_of(json, item)->text.len == 0)
			refuse(ask, "* BatchEmbedContentsRequest.requests[0].content: content is empty");
		if (task && !is_one_of(task, tasks))
			refuse(ask, "Invalid value at 'requests[0].task_type' (type.googleapis.com/google.ai.generativelanguage.v1beta.TaskType)");
		if (wanted && (ask_long(wanted) < 1 || ask_long(wanted) > GEMINI_DIMENSIONS))
			refuse(ask, "output_dimensionality must be in the range [1, 3072]");
		take_text(ask, text_of(json, item));
	}
	if (count == 0)
		refuse(ask, "* BatchEmbedContentsRequest.requests: requests is empty");
	if (count > GEMINI_REQUESTS_MAX)
		refuse(ask, "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch");
}

void
embed_gemini_answer(struct reply *reply, const struct json *json)
{
	const struct json_node *requests = json_get(json, json->nodes, "requests");
	struct bytes *out = &reply->body;

	bytes_add(out, STR("{\n  \"embeddings\": ["));
	for (const struct json_node *item = json_first(json, requests); item; item = json_after(json, requests, item)) {
		const struct json_node *wanted = json_get(json, item, "outputDimensionality");

		bytes_fmt(out, "%s\n    {\n      \"values\": ", item == json_first(json, requests) ? "" : ",");
		add_vector(out, text_of(json, item), wanted ? ask_long(wanted) : GEMINI_DIMENSIONS);
		bytes_add(out, STR("\n    }"));
	}
	bytes_add(out, STR("\n  ]"));
	if (!reply->plan.no_usage)
		bytes_fmt(out, ",\n  \"usageMetadata\": {\n    \"promptTokenCount\": %ld,\n    \"promptTokenDetails\": [\n      {\n        \"modality\": \"TEXT\",\n        \"tokenCount\": %ld\n      }\n    ]\n  }",
			  reply_prompt_tokens(reply), reply_prompt_tokens(reply));
	bytes_add(out, STR("\n}\n"));
	reply_json(reply);
}

/* --- Vertex AI --- */

static bool
begins(struct str text, const char *with)
{
	return text.len >= strlen(with) && memcmp(text.ptr, with, strlen(with)) == 0;
}

static long
vertex_dimensions(const struct ask *ask)
{
	return begins(bytes_view(&ask->model), "gemini") ? GEMINI_DIMENSIONS : VERTEX_DIMENSIONS;
}

static void
refuse_google_s(struct ask *ask, const struct json_node *task, const struct json_node *wanted)
{
	if (task && !is_one_of(task, tasks))
		refuse(ask, "Invalid value for task_type.");
	if (wanted && (ask_long(wanted) < 1 || ask_long(wanted) > vertex_dimensions(ask)))
		refuse(ask, "The output dimensionality must be positive, and at most that of the model.");
}

void
embed_predict_ask(struct ask *ask, const struct json *json, struct str model)
{
	static const char *const members[] = { "instances", "parameters", NULL }, *const inner[] = { "content", "task_type", "title", NULL };
	static const char *const settings[] = { "outputDimensionality", "autoTruncate", NULL };
	const struct json_node *instances = json_get(json, json->nodes, "instances"), *parameters = json_get(json, json->nodes, "parameters");
	long count = 0;

	ask_clear(ask);
	bytes_add(&ask->model, model);
	if (!json_has_only(json, json->nodes, members) || !json_has_only(json, parameters, settings))
		refuse(ask, "Invalid JSON payload received. Unknown name: Cannot find field.");
	for (const struct json_node *item = json_first(json, instances); item; item = json_after(json, instances, item), count++) {
		const struct json_node *content = json_get(json, item, "content");

		if (!json_has_only(json, item, inner) || !json_is(content, JSON_STRING) || content->text.len == 0)
			refuse(ask, "Unable to submit request because the text content is empty, or an instance has members that are not known.");
		refuse_google_s(ask, json_get(json, item, "task_type"), NULL);
		take_text(ask, content);
	}
	refuse_google_s(ask, NULL, json_get(json, parameters, "outputDimensionality"));
	if (begins(model, "gemini-embedding-") && !begins(model, "gemini-embedding-001"))
		refuse(ask, "This model is served by embedContent.");
	if (count == 0 || count > (begins(model, "gemini") ? 1 : VERTEX_TEXTS_MAX))
		refuse(ask, "Unable to submit request because it included too many instances, or none.");
	if (ask->prompt_words > VERTEX_TOKENS_MAX)
		refuse(ask, "Unable to submit request because the input token count is more than 20000.");
}

void
embed_predict_answer(struct reply *reply, const struct json *json)
{
	const struct json_node *instances = json_get(json, json->nodes, "instances"), *wanted = json_get(json, json_get(json, json->nodes, "parameters"), "outputDimensionality");
	struct bytes *out = &reply->body;
	long characters = 0;

	bytes_add(out, STR("{\n  \"predictions\": ["));
	for (const struct json_node *item = json_first(json, instances); item; item = json_after(json, instances, item)) {
		const struct json_node *content = json_get(json, item, "content");
		bool only = json_first(json, instances)->next == instances->next;

		bytes_fmt(out, "%s\n    {\n      \"embeddings\": {\n", item == json_first(json, instances) ? "" : ",");
		if (!reply->plan.no_usage)
			bytes_fmt(out, "        \"statistics\": {\n          \"truncated\": false,\n          \"token_count\": %ld\n        },\n",
				  only ? reply_prompt_tokens(reply) : ask_words(content->text));
		bytes_add(out, STR("        \"values\": "));
		add_vector(out, content, wanted ? ask_long(wanted) : vertex_dimensions(&reply->ask));
		bytes_add(out, STR("\n      }\n    }"));
		characters += (long)content->text.len;
	}
	bytes_fmt(out, "\n  ],\n  \"metadata\": {\n    \"billableCharacterCount\": %ld\n  }\n}\n", characters);
	reply_json(reply);
}

void
embed_content_ask(struct ask *ask, const struct json *json, struct str model)
{
	static const char *const members[] = { "content", "embedContentConfig", NULL }, *const settings[] = { "taskType", "title", "outputDimensionality", "autoTruncate", NULL };
	const struct json_node *config = json_get(json, json->nodes, "embedContentConfig"), *text = text_of(json, json->nodes);

	ask_clear(ask);
	bytes_add(&ask->model, model);
	if (!json_has_only(json, json->nodes, members) || !json_has_only(json, config, settings))
		refuse(ask, "Invalid JSON payload received. Unknown name: Cannot find field.");
	if (!json_is(text, JSON_STRING) || text->text.len == 0)
		refuse(ask, "content is required");
	if (!begins(model, "gemini-embedding-"))
		refuse(ask, "This model is served by predict.");
	refuse_google_s(ask, json_get(json, config, "taskType"), json_get(json, config, "outputDimensionality"));
	take_text(ask, text);
}

void
embed_content_answer(struct reply *reply, const struct json *json)
{
	const struct json_node *wanted = json_get(json, json_get(json, json->nodes, "embedContentConfig"), "outputDimensionality");
	struct bytes *out = &reply->body;

	bytes_add(out, STR("{\n  \"embedding\": {\n    \"values\": "));
	add_vector(out, text_of(json, json->nodes), wanted ? ask_long(wanted) : vertex_dimensions(&reply->ask));
	bytes_add(out, STR("\n  },\n"));
	if (!reply->plan.no_usage)
		bytes_fmt(out, "  \"usageMetadata\": {\n    \"promptTokenCount\": %ld,\n    \"totalTokenCount\": %ld\n  },\n", reply_prompt_tokens(reply), reply_prompt_tokens(reply));
	bytes_add(out, STR("  \"truncated\": false\n}\n"));
	reply_json(reply);
}

/* --- Bedrock --- */

static bool
names(const struct ask *ask, const char *part)
{
	return memmem(ask->model.ptr, ask->model.len, part, strlen(part)) != NULL;
}

static void
titan_ask(struct ask *ask, const struct json *json)
{
	static const char *const second[] = { "inputText", "dimensions", "normalize", "embeddingTypes", NULL }, *const first[] = { "inputText", NULL };
	const struct json_node *text = json_get(json, json->nodes, "inputText"), *wanted = json_get(json, json->nodes, "dimensions");

	if (!json_has_only(json, json->nodes, names(ask, "titan-embed-text-v2") ? second : first))
		refuse(ask, "Malformed input request: #: extraneous key is not permitted, please reformat your input and try again.");
	if (!json_is(text, JSON_STRING) || text->text.len == 0)
		refuse(ask, "Malformed input request: #: required key [inputText] not found, please reformat your input and try again.");
	if (wanted && ask_long(wanted) != 256 && ask_long(wanted) != 512 && ask_long(wanted) != 1024)
		refuse(ask, "Malformed input request: #/dimensions: it is not a valid enum value, please reformat your input and try again.");
	take_text(ask, text);
}

static void
bedrock_cohere_ask(struct ask *ask, const struct json *json)
{
	static const char *const fourth[] = { "texts", "images", "inputs", "input_type", "truncate", "embedding_types", "output_dimension", "max_tokens", NULL };
	static const char *const third[] = { "texts", "images", "input_type", "truncate", "embedding_types", NULL };
	static const char *const uses[] = { "search_document", "search_query", "classification", "clustering", NULL };
	const struct json_node *texts = json_get(json, json->nodes, "texts");
	bool new = names(ask, "cohere.embed-v4");
	long count = 0;

	if (!json_has_only(json, json->nodes, new ? fourth : third))
		refuse(ask, "Malformed input request: #: extraneous key is not permitted, please reformat your input and try again.");
	if (!is_one_of(json_get(json, json->nodes, "input_type"), uses))
		refuse(ask, "Malformed input request: #/input_type: it is not a valid enum value, please reformat your input and try again.");
	for (const struct json_node *item = json_first(json, texts); item; item = json_after(json, texts, item), count++) {
		if (!new && item->text.len > 2048)
			refuse(ask, "Malformed input request: #/texts/0: expected maxLength: 2048, please reformat your input and try again.");
		take_text(ask, item);
	}
	if (count == 0 || count > COHERE_TEXTS_MAX)
		refuse(ask, "Malformed input request: #/texts: expected maxItems: 96, please reformat your input and try again.");
}

void
embed_bedrock_ask(struct ask *ask, const struct json *json, struct str model)
{
	ask_clear(ask);
	bytes_add(&ask->model, model);
	ask->invokes = true;
	if (names(ask, "amazon.titan-embed-"))
		titan_ask(ask, json);
	else if (names(ask, "cohere.embed-"))
		bedrock_cohere_ask(ask, json);
	else
		refuse(ask, "The provided model identifier is invalid.");
}

static void
titan_answer(struct reply *reply, const struct json *json)
{
	const struct json_node *text = json_get(json, json->nodes, "inputText"), *wanted = json_get(json, json->nodes, "dimensions");
	bool second = names(&reply->ask, "titan-embed-text-v2");
	long dimensions = wanted ? ask_long(wanted) : second ? 1024 : 1536;
	struct bytes *out = &reply->body;

	bytes_add(out, STR("{\"embedding\":"));
	add_vector(out, text, dimensions);
	if (second) {
		bytes_add(out, STR(",\"embeddingsByType\":{\"float\":"));
		add_vector(out, text, dimensions);
		bytes_add(out, STR("}"));
	}
	if (!reply->plan.no_usage)
		bytes_fmt(out, ",\"inputTextTokenCount\":%ld", reply_prompt_tokens(reply));
	bytes_add(out, STR("}"));
}

void
embed_bedrock_answer(struct reply *reply, const struct json *json)
{
	const struct json_node *texts = json_get(json, json->nodes, "texts"), *wanted = json_get(json, json->nodes, "output_dimension");
	bool types = json_get(json, json->nodes, "embedding_types") != NULL;
	struct bytes *out = &reply->body;

	if (names(&reply->ask, "amazon.titan-embed-")) {
		titan_answer(reply, json);
		reply_json(reply);
		return;
	}
	bytes_add(out, STR("{\"id\":\""));
	reply_id(reply, "", 36, out);
	bytes_fmt(out, "\",\"embeddings\":%s[", types ? "{\"float\":" : "");
	for (const struct json_node *item = json_first(json, texts); item; item = json_after(json, texts, item)) {
		bytes_fmt(out, "%s", item == json_first(json, texts) ? "" : ",");
		add_vector(out, item, wanted ? ask_long(wanted) : names(&reply->ask, "cohere.embed-v4") ? COHERE_DIMENSIONS : 1024);
	}
	bytes_fmt(out, "]%s,\"response_type\":\"%s\",\"texts\":[", types ? "}" : "", types ? "embeddings_by_type" : "embeddings_floats");
	for (const struct json_node *item = json_first(json, texts); item; item = json_after(json, texts, item)) {
		bytes_fmt(out, "%s\"", item == json_first(json, texts) ? "" : ",");
		bytes_add(out, item->text);
		bytes_add(out, STR("\""));
	}
	bytes_add(out, STR("]}"));
	reply_json(reply);
}
