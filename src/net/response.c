/*
 * response.c - llhttp behind response.h.
 *
 * llhttp runs strict: none of its lenient flags is set. It is stopped at the end of the head, so that the body is parsed as it is wanted; every answer begins with a new parser, never
 * with what an old one has left. Chunks that came together are handed over together: a body's bytes are moved over the framing between them, so that a stream's reader is asked once for
 * what the socket gave once.
 */
#include "net/response.h"

#include <llhttp.h>
#include <stdlib.h>

enum { OVERHEAD_MAX = 16 * 1024 };

static int
refuse(struct response *response, const char *mistake)
{
	if (!response->mistake)
		response->mistake = mistake;
	return HPE_USER;
}

static int
field_result(struct response *response, enum fields_result result)
{
	switch (result) {
	case FIELDS_OK:
		return 0;
	case FIELDS_TOO_MANY:
		return refuse(response, "its answer has too many headers");
	case FIELDS_FOLDED:
		return refuse(response, "a header of its answer goes on in another line");
	default:
		return refuse(response, "its answer's headers need too much memory");
	}
}

static int
on_header_field(llhttp_t *parser, const char *at, size_t size)
{
	struct response *response = parser->data;

	if (response->head_done) /* a trailer: nobody asks for those */
		return 0;
	return field_result(response, fields_name(&response->fields, at, size));
}

static int
on_header_value(llhttp_t *parser, const char *at, size_t size)
{
	struct response *response = parser->data;

	return response->head_done ? 0 : field_result(response, fields_value(&response->fields, at, size));
}

static int
on_header_value_complete(llhttp_t *parser)
{
	struct response *response = parser->data;

	if (!response->head_done)
		fields_value_end(&response->fields);
	return 0;
}

static int
on_headers_complete(llhttp_t *parser)
{
	struct response *response = parser->data;

	if (parser->http_major != 1 || parser->http_minor > 1)
		return refuse(response, "its answer is not HTTP/1.1");
	if ((parser->flags & F_CONTENT_LENGTH) && parser->content_length > INT64_MAX)
		return refuse(response, "the Content-Length of its answer is not acceptable");
	response->status = parser->status_code;
	if (response->status < 100 || response->status == 101)
		return refuse(response, "the status of its answer is not acceptable");
	response->head_done = true;
	response->old = parser->http_minor == 0;
	response->done = response->status >= 200 && (response->to_head || response->status == 204 || response->status == 304);
	if (response->done)
		parser->flags |= F_SKIPBODY;
	response->until_end = llhttp_message_needs_eof(parser);
	response->keep_alive = llhttp_should_keep_alive(parser);
	parser->upgrade = 0; /* an offer to upgrade is ignored (RFC 9110, section 7.8) */
	return HPE_PAUSED;
}

static int
on_body(llhttp_t *parser, const char *at, size_t size)
{
	struct response *response = parser->data;
	struct str *piece = &response->piece;

	if (piece->len == 0) {
		*piece = str_n(at, size);
		return 0;
	}
	memmove((char *)(uintptr_t)piece->ptr + piece->len, at, size); /* in response_body's input, behind the parser */
	piece->len += size;
	return 0;
}

static int
on_message_complete(llhttp_t *parser)
{
	struct response *response = parser->data;

	response->done = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_header_value_complete = on_header_value_complete,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

void
response_init(struct response *response)
{
	*response = (struct response){ .parser = mem_alloc(sizeof(llhttp_t)) };
}

void
response_fini(struct response *response)
{
	free(response->parser);
	response->parser = NULL;
}

/* Ready for the next head on the wire, which may be an interim one. */
static void
head_begin(struct response *response)
{
	llhttp_init(response->parser, HTTP_RESPONSE, &callbacks);
	response->parser->data = response;
	response->fields.count = 0;
	response->fed = 0;
	response->head_done = response->done = false;
}

void
response_begin(struct response *response, struct arena *arena, bool to_head)
{
	*response = (struct response){ .parser = response->parser,
		.fields = { .arena = arena, .count_max = RESPONSE_HEADERS_MAX },
		.to_head = to_head };
	head_begin(response);
}

/* What llhttp's complaint means. */
static enum response_step
refused(struct response *response, enum llhttp_errno error)
{
	switch (error) {
	case HPE_INVALID_TRANSFER_ENCODING:
		refuse(response, "the Transfer-Encoding of its answer is not acceptable");
		break;
	case HPE_INVALID_CONTENT_LENGTH:
	case HPE_UNEXPECTED_CONTENT_LENGTH:
		refuse(response, "the Content-Length of its answer is not acceptable");
		break;
	case HPE_INVALID_CHUNK_SIZE:
		refuse(response, "a chunk of its answer is malformed");
		break;
	case HPE_INVALID_CONSTANT:
	case HPE_INVALID_VERSION:
		refuse(response, "its answer is not HTTP/1.1");
		break;
	default:
		refuse(response, "its answer is malformed");
		break;
	}
	return RESPONSE_BAD;
}

enum response_step
response_head(struct response *response, struct str message)
{
	enum llhttp_errno error;

	if (response->head_done) /* of an interim answer */
		head_begin(response);
	response->fields.message = message.ptr;
	error = llhttp_execute(response->parser, message.ptr + response->fed, message.len - response->fed);
	if (error != HPE_OK && error != HPE_PAUSED)
		return refused(response, error);
	response->fed = (uint32_t)(error == HPE_OK ? message.len : (size_t)(llhttp_get_error_pos(response->parser) - message.ptr));
	if (response->head_bytes + response->fed > RESPONSE_HEAD_MAX) {
		refuse(response, "its answer's headers are too long");
		return RESPONSE_BAD;
	}
	if (error == HPE_OK)
		return RESPONSE_MORE;
	response->head_bytes += response->fed;
	return response->status < 200 ? RESPONSE_INTERIM : RESPONSE_DONE;
}

enum response_step
response_body(struct response *response, char *input, size_t size, size_t *used)
{
	enum llhttp_errno error;

	*used = 0;
	response->piece = STR_EMPTY;
	if (response->mistake)
		return RESPONSE_BAD;
	if (response->done)
		return RESPONSE_DONE;
	if (llhttp_get_errno(response->parser) == HPE_PAUSED)
		llhttp_resume(response->parser);
	error = llhttp_execute(response->parser, input, size);
	if (error != HPE_OK && error != HPE_PAUSED) {
		refused(response, error);
		*used = size;
		return response->piece.len > 0 ? RESPONSE_PIECE : RESPONSE_BAD; /* what came before the mistake is good */
	}
	*used = error == HPE_OK ? size : (size_t)(llhttp_get_error_pos(response->parser) - input);
	if (response->piece.len > 0) {
		response->overhead = 0;
		return RESPONSE_PIECE;
	}
	/* Sizes with a million zeros, endless extensions and trailers: nobody needs them. */
	response->overhead += (uint32_t)*used;
	if (response->overhead > OVERHEAD_MAX) {
		refuse(response, "the framing of its answer is too long");
		return RESPONSE_BAD;
	}
	return response->done ? RESPONSE_DONE : RESPONSE_MORE;
}

bool
response_may_end(const struct response *response)
{
	return response->head_done && (response->done || response->until_end) && !response->mistake;
}
