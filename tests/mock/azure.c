/*
 * azure.c - how Azure OpenAI words chat completions, and the token endpoint of Entra.
 *
 * The answers are OpenAI's with the content filter's results; a stream begins with an event about the prompt that has no id. Errors have a code that is text.
 * Source: Azure OpenAI REST API reference (data plane, 2024-10-21) and "Content filtering"; Microsoft identity platform, "Client credentials flow".
 */
#include "azure.h"

#include <stdio.h>
#include <string.h>

#define SAFE "{\"filtered\":false,\"severity\":\"safe\"}"
#define RESULTS "{\"hate\":" SAFE ",\"self_harm\":" SAFE ",\"sexual\":" SAFE ",\"violence\":" SAFE "}"

const struct str azure_results = { "\"content_filter_results\":" RESULTS ",", sizeof("\"content_filter_results\":" RESULTS ",") - 1 };
const struct str azure_prompt_results = { "\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":" RESULTS "}]",
					  sizeof("\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":" RESULTS "}]") - 1 };

static bool
azure_event(struct reply *reply, struct bytes *out)
{
	if (reply->preface_given)
		return wire_openai.event(reply, out);
	reply->preface_given = true;
	bytes_add(out, STR("data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\","));
	bytes_add(out, azure_prompt_results);
	bytes_add(out, STR("}\n\n"));
	return true;
}

static void
azure_whole(struct reply *reply, struct bytes *out)
{
	wire_openai.whole(reply, out);
}

/* The refused prompt's error says which category it was. */
static void
azure_error(const struct reply *reply, int status, const char *message, const char *param, const char *code, struct bytes *out)
{
	(void)reply;
	bytes_add(out, STR("{\"error\":{"));
	if (code && strcmp(code, "content_filter") == 0)
		bytes_add(out, STR("\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\",\"content_filter_result\":{\"hate\":" SAFE
				   ",\"jailbreak\":{\"filtered\":false,\"detected\":false},\"self_harm\":" SAFE ",\"sexual\":" SAFE
				   ",\"violence\":{\"filtered\":true,\"severity\":\"medium\"}}},"));
	bytes_fmt(out, "\"code\":\"");
	if (code)
		bytes_fmt(out, "%s", code);
	else
		bytes_fmt(out, "%d", status);
	bytes_add(out, STR("\",\"message\":\""));
	bytes_json(out, (struct str){ message, strlen(message) });
	bytes_add(out, STR("\""));
	if (param) {
		bytes_add(out, STR(",\"param\":\""));
		bytes_json(out, (struct str){ param, strlen(param) });
		bytes_add(out, STR("\""));
	}
	if (code && strcmp(code, "content_filter") == 0)
		bytes_add(out, STR(",\"status\":400,\"type\":null"));
	bytes_add(out, STR("}}"));
}

static void
azure_headers(const struct reply *reply, struct bytes *out)
{
	bytes_add(out, STR("x-ms-region: Mock\r\nx-ms-client-request-id: Not-Set\r\napim-request-id: "));
	reply_id(reply, "", 24, out);
	bytes_fmt(out, "\r\nx-ratelimit-remaining-requests: %d\r\nx-ratelimit-remaining-tokens: 999000\r\n", reply->status == 429 ? 0 : 999);
}

static void
azure_error_event(const struct reply *reply, struct bytes *out)
{
	wire_openai.error_event(reply, out);
}

const struct wire wire_azure = {
	.dialect = DIALECT_OPENAI,
	.request_id_header = "x-request-id",
	.event = azure_event,
	.whole = azure_whole,
	.error = azure_error,
	.error_event = azure_error_event,
	.headers = azure_headers,
};

bool
azure_path(struct str path, const char *endpoint, struct str *deployment)
{
	static const char begin[] = "/openai/deployments/";
	size_t begin_len = sizeof(begin) - 1, end_len = strlen(endpoint);

	if (path.len <= begin_len + end_len || memcmp(path.ptr, begin, begin_len) != 0 || memcmp(path.ptr + path.len - end_len, endpoint, end_len) != 0)
		return false;
	*deployment = (struct str){ path.ptr + begin_len, path.len - begin_len - end_len };
	return memchr(deployment->ptr, '/', deployment->len) == NULL;
}
