/*
 * response_rules.c - what a well-formed head of an answer may say about its body. See response.h.
 *
 * The head is copied into the arena in one piece, and all views look into that copy, so that the read buffer is free for what follows.
 */
#include "net/http.h"
#include "net/response.h"

static bool
refuse(struct response *response, const char *mistake)
{
	response->mistake = mistake;
	return false;
}

/* A length or a coding, each at most once, and not both; the one coding is chunked, which HTTP/1.0 does not have. */
static bool
framing_ok(struct response *response, const struct http_headers *headers)
{
	unsigned lengths = 0, codings = 0;

	for (size_t i = 0; i < headers->count; i++) {
		const struct http_header *header = &headers->list[i];

		if (header->name.len == 14 && str_eq_ci(header->name, STR("content-length"))) {
			lengths++;
			if (header->value.len == 0 || lengths > 1)
				return refuse(response, "the Content-Length of its answer is not acceptable");
		} else if (header->name.len == 17 && str_eq_ci(header->name, STR("transfer-encoding"))) {
			codings++;
			if (codings > 1 || response->old || !str_eq_ci(header->value, STR("chunked")))
				return refuse(response, "the Transfer-Encoding of its answer is not acceptable");
		}
	}
	if (lengths > 0 && codings > 0)
		return refuse(response, "its answer has a Content-Length beside a Transfer-Encoding");
	return true;
}

bool
response_describe(struct response *response, struct str message, struct http_headers *out)
{
	struct str head = arena_dup(response->fields.arena, str_n(message.ptr, response->fed));

	if (!head.ptr || !fields_list(&response->fields, head, out))
		return refuse(response, "its answer's headers need too much memory");
	return framing_ok(response, out);
}
