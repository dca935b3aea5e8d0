/*
 * http.c - see http.h. The head is parsed once it is complete; a chunked body is joined in place behind it as it arrives, so that a
 * large body costs one pass.
 */
#include "http.h"

#include <stdlib.h>
#include <string.h>

static struct str
str_trim(struct str text)
{
	while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
		text = (struct str){ text.ptr + 1, text.len - 1 };
	while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* Takes the text before `c` off the front of `*rest`; false if `c` is not there. */
static bool
str_cut(struct str *rest, char c, struct str *before)
{
	const char *at = rest->len ? memchr(rest->ptr, c, rest->len) : NULL;

	if (!at)
		return false;
	*before = (struct str){ rest->ptr, (size_t)(at - rest->ptr) };
	*rest = (struct str){ at + 1, rest->len - before->len - 1 };
	return true;
}

/* Takes a line that ends in CRLF off the front of `*rest`. */
static bool
str_line(struct str *rest, struct str *line)
{
	if (!str_cut(rest, '\n', line) || line->len == 0 || line->ptr[line->len - 1] != '\r')
		return false;
	line->len--;
	return true;
}

struct str
http_header(const struct request *request, const char *name)
{
	struct str wanted = { name, strlen(name) };

	for (size_t i = 0; i < request->header_count; i++) {
		if (str_equal_nocase(request->headers[i].name, wanted))
			return request->headers[i].value;
	}
	return (struct str){ 0 };
}

static bool
head_parse(struct str head, struct request *out)
{
	struct str line, target;
	bool http11;

	if (!str_line(&head, &line) || !str_cut(&line, ' ', &out->method) || !str_cut(&line, ' ', &target))
		return false;
	http11 = str_equal(line, STR("HTTP/1.1"));
	if (!http11 && !str_equal(line, STR("HTTP/1.0")))
		return false;
	out->query = target;
	if (!str_cut(&out->query, '?', &out->path)) {
		out->path = target;
		out->query = (struct str){ 0 };
	}
	out->header_count = 0;
	while (str_line(&head, &line) && line.len > 0) {
		struct header *header = &out->headers[out->header_count];

		if (out->header_count == HTTP_HEADERS_MAX || !str_cut(&line, ':', &header->name))
			return false;
		header->value = str_trim(line);
		out->header_count++;
	}

	struct str connection = http_header(out, "connection");

	out->keep_alive = http11 ? !str_equal_nocase(connection, STR("close")) : str_equal_nocase(connection, STR("keep-alive"));
	return true;
}

/* Finds the end of the head and learns how the body is framed. */
static enum http_state
reader_head(struct http_reader *reader, struct bytes *in, struct request *request)
{
	size_t from = reader->raw_at > 3 ? reader->raw_at - 3 : 0;
	char *end = in->len > from ? memmem(in->ptr + from, in->len - from, "\r\n\r\n", 4) : NULL;

	reader->raw_at = in->len;
	if (!end)
		return in->len > HTTP_HEAD_MAX ? HTTP_BAD : HTTP_MORE;
	reader->head_len = (size_t)(end - in->ptr) + 4;
	reader->raw_at = reader->body_end = reader->head_len;
	if (!head_parse((struct str){ in->ptr, reader->head_len }, request))
		return HTTP_BAD;

	struct str length = http_header(request, "content-length"), coding = http_header(request, "transfer-encoding");

	if (coding.len > 0) {
		reader->length = -1;
		if (length.len > 0 || !str_equal_nocase(coding, STR("chunked")))
			return HTTP_BAD;
	} else if (length.len > 0 && (!str_number(length, &reader->length) || reader->length > HTTP_BODY_MAX)) {
		return HTTP_BAD;
	}
	reader->expects = str_equal_nocase(http_header(request, "expect"), STR("100-continue"));
	return HTTP_REQUEST;
}

/* Joins the chunks that have arrived whole. HTTP_REQUEST once the last one and the trailer's end are there. */
static enum http_state
reader_chunks(struct http_reader *reader, struct bytes *in)
{
	for (;;) {
		struct str rest = { in->ptr + reader->raw_at, in->len - reader->raw_at }, line;

		if (!rest.len || !memchr(rest.ptr, '\n', rest.len))
			return rest.len > 1024 ? HTTP_BAD : HTTP_MORE;
		if (!str_line(&rest, &line))
			return HTTP_BAD;

		char *end;
		unsigned long size = strtoul(line.ptr, &end, 16);

		if (end == line.ptr || size > HTTP_BODY_MAX || reader->body_end - reader->head_len + size > HTTP_BODY_MAX)
			return HTTP_BAD;
		if (rest.len < size + 2)
			return HTTP_MORE;
		if (memcmp(rest.ptr + size, "\r\n", 2) != 0)
			return HTTP_BAD; /* no client of ours sends trailers */
		memmove(in->ptr + reader->body_end, rest.ptr, size);
		reader->body_end += size;
		reader->raw_at = (size_t)(rest.ptr - in->ptr) + size + 2;
		if (size == 0)
			return HTTP_REQUEST;
	}
}

enum http_state
http_read(struct http_reader *reader, struct bytes *in, struct request *out)
{
	enum http_state state = HTTP_REQUEST;

	if (reader->head_len == 0)
		state = reader_head(reader, in, out);
	if (state != HTTP_REQUEST)
		return state;
	if (reader->length < 0) {
		state = reader_chunks(reader, in);
		if (state != HTTP_REQUEST)
			return state;
		out->wire_len = reader->raw_at;
	} else {
		reader->body_end = out->wire_len = reader->head_len + (size_t)reader->length;
		if (in->len < out->wire_len)
			return HTTP_MORE;
	}
	/* Again, since the buffer may have moved while the body arrived. */
	if (!head_parse((struct str){ in->ptr, reader->head_len }, out))
		return HTTP_BAD;
	out->body = (struct str){ in->ptr + reader->head_len, reader->body_end - reader->head_len };
	*reader = (struct http_reader){ 0 };
	return HTTP_REQUEST;
}

const char *
http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 402, "Payment Required" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 413, "Payload Too Large" },
		{ 422, "Unprocessable Entity" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 529, "Overloaded" },
	};

	for (size_t i = 0; i < COUNT(reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Status";
}
