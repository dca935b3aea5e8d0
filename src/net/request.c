/*
 * request.c - llhttp behind request.h.
 *
 * llhttp runs strict: none of its lenient flags is set. It is stopped at the end of the head and at each piece of a body, so that nothing is
 * parsed before it is wanted; a new request begins with a new parser, never with what an old one has left. What a head says is checked in
 * request_rules.c.
 */
#include "net/request.h"

#include <llhttp.h>

static int
refuse(struct request *request, int status, const char *message)
{
	if (request->refusal.status == 0)
		request->refusal = (struct request_refusal){ status, message };
	return HPE_USER;
}

static int
on_url(llhttp_t *parser, const char *at, size_t size)
{
	struct request *request = parser->data;

	fields_span(request->fields.message, &request->target_at, &request->target_len, at, size);
	if (request->target_len > request->limits.line_max)
		return refuse(request, 414, "the request target is too long");
	request->line_len = request->target_at + request->target_len;
	return 0;
}

/* What a field that cannot be taken means for the client; 0 for one that can. */
static int
field_result(struct request *request, enum fields_result result)
{
	switch (result) {
	case FIELDS_OK:
		return 0;
	case FIELDS_TOO_MANY:
		return refuse(request, 431, "the request has too many headers");
	case FIELDS_FOLDED:
		return refuse(request, 400, "the request is malformed");
	default:
		return refuse(request, 431, "the request's headers need too much memory");
	}
}

static int
on_header_field(llhttp_t *parser, const char *at, size_t size)
{
	struct request *request = parser->data;

	if (request->head_done) /* a trailer: nobody asks for those */
		return 0;
	return field_result(request, fields_name(&request->fields, at, size));
}

static int
on_header_value(llhttp_t *parser, const char *at, size_t size)
{
	struct request *request = parser->data;

	return request->head_done ? 0 : field_result(request, fields_value(&request->fields, at, size));
}

static int
on_header_value_complete(llhttp_t *parser)
{
	struct request *request = parser->data;

	if (!request->head_done)
		fields_value_end(&request->fields);
	return 0;
}

static int
on_headers_complete(llhttp_t *parser)
{
	struct request *request = parser->data;

	if ((parser->flags & F_CONTENT_LENGTH) && parser->content_length > INT64_MAX)
		return refuse(request, 400, "the request's Content-Length is not acceptable");
	request->head_done = true;
	request->method = str_of(llhttp_method_name((enum llhttp_method)parser->method));
	request->major = parser->http_major;
	request->minor = parser->http_minor;
	request->coded = (parser->flags & F_TRANSFER_ENCODING) != 0;
	request->content_length = (parser->flags & F_CONTENT_LENGTH) ? (int64_t)parser->content_length : -1;
	request->keep_alive = llhttp_should_keep_alive(parser);
	parser->upgrade = 0; /* an offer to upgrade is ignored (RFC 9110, section 7.8) */
	return HPE_PAUSED;
}

static int
on_body(llhttp_t *parser, const char *at, size_t size)
{
	struct request *request = parser->data;

	request->piece = str_n(at, size);
	return HPE_PAUSED;
}

static int
on_message_complete(llhttp_t *parser)
{
	(void)parser;
	return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_header_value_complete = on_header_value_complete,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

bool
request_init(struct request *request, struct request_limits limits, struct arena *arena)
{
	*request = (struct request){ .limits = limits,
		.arena = arena,
		.fields = { .arena = arena, .count_max = limits.header_count_max },
		.parser = arena_alloc(arena, sizeof(llhttp_t)) };
	if (!request->parser)
		return false;
	llhttp_init(request->parser, HTTP_REQUEST, &callbacks);
	request->parser->data = request;
	return true;
}

/* Whether it begins like the name of a method. More is not asked, so that the answer does not depend on how much has come. */
static bool
method_like(struct str message)
{
	size_t at = 0;

	while (at < message.len && (message.ptr[at] == '\r' || message.ptr[at] == '\n'))
		at++;
	return at < message.len && message.ptr[at] >= 'A' && message.ptr[at] <= 'Z';
}

/* What llhttp's complaint means for the client. */
static enum request_step
refused(struct request *request, enum llhttp_errno error, struct str message)
{
	switch (error) {
	case HPE_INVALID_METHOD:
		if (method_like(message))
			refuse(request, 501, "this method is not known");
		break;
	case HPE_INVALID_VERSION:
	case HPE_PAUSED_H2_UPGRADE:
		refuse(request, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
		break;
	case HPE_INVALID_TRANSFER_ENCODING:
		refuse(request, 400, "the request's Transfer-Encoding is not acceptable");
		break;
	case HPE_INVALID_CONTENT_LENGTH:
	case HPE_UNEXPECTED_CONTENT_LENGTH:
		refuse(request, 400, "the request's Content-Length is not acceptable");
		break;
	case HPE_INVALID_CHUNK_SIZE:
		refuse(request, 400, "a chunk size of the request's body is malformed");
		break;
	default:
		break;
	}
	refuse(request, 400, "the request is malformed");
	return REQUEST_BAD;
}

/* Limits that hold while the head is still coming. */
static bool
head_fits(struct request *request, bool done)
{
	if (request->fields.count == 0 && !done) {
		if (request->fed > request->limits.line_max)
			refuse(request, 414, "the request line is too long");
	} else if (request->fed - request->line_len > request->limits.header_bytes_max) {
		refuse(request, 431, "the request's headers are too long");
	}
	return request->refusal.status == 0;
}

enum request_step
request_head(struct request *request, struct str message)
{
	struct str fresh = str_n(message.ptr + request->fed, message.len - request->fed);
	enum llhttp_errno error;

	request->fields.message = message.ptr;
	error = llhttp_execute(request->parser, fresh.ptr, fresh.len);
	if (error == HPE_OK) {
		request->fed = (uint32_t)message.len;
		return head_fits(request, false) ? REQUEST_MORE : REQUEST_BAD;
	}
	if (error != HPE_PAUSED)
		return refused(request, error, message);
	request->fed = (uint32_t)(llhttp_get_error_pos(request->parser) - message.ptr);
	return head_fits(request, true) ? REQUEST_DONE : REQUEST_BAD;
}

enum request_step
request_chunked(struct request *request, struct str input, size_t *used)
{
	enum llhttp_errno error;

	*used = 0;
	request->piece = STR_EMPTY;
	if (llhttp_get_errno(request->parser) == HPE_PAUSED)
		llhttp_resume(request->parser);
	error = llhttp_execute(request->parser, input.ptr, input.len);
	if (error != HPE_OK && error != HPE_PAUSED)
		return refused(request, error, STR_EMPTY);
	*used = error == HPE_OK ? input.len : (size_t)(llhttp_get_error_pos(request->parser) - input.ptr);
	/* Sizes with a million zeros, endless extensions and trailers: nobody needs them. */
	request->overhead += *used - request->piece.len;
	if (request->overhead > request->limits.line_max) {
		refuse(request, 400, "the framing of the request's body is too long");
		return REQUEST_BAD;
	}
	if (request->piece.len > 0) {
		request->overhead = 0;
		return REQUEST_PIECE;
	}
	return error == HPE_PAUSED ? REQUEST_DONE : REQUEST_MORE;
}
