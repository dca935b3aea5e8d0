/*
 * response.c - see response.h. Bytes are looked at once, in runs: a run of a body costs a search for its line ends.
 */
#include "response.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Appends what fits to a terminated buffer. */
static void
line_add(char *line, size_t *line_len, size_t size, struct str text)
{
	size_t room = size - 1 - *line_len;
	size_t len = text.len < room ? text.len : room;

	memcpy(line + *line_len, text.ptr, len);
	*line_len += len;
	line[*line_len] = 0;
}

static void
line_clear(char *line, size_t *line_len)
{
	line[0] = 0;
	*line_len = 0;
}

static void
response_body(struct response *response, struct str data)
{
	response->body_bytes += data.len;
	while (data.len > 0) {
		const char *end = memchr(data.ptr, '\n', data.len);
		size_t len = end ? (size_t)(end - data.ptr) : data.len;

		line_add(response->text, &response->text_len, sizeof(response->text), (struct str){ data.ptr, len });
		if (!end)
			return;
		if (strncmp(response->text, "data:", 5) == 0) {
			response->events++;
			response->done_seen |= strncmp(response->text, "data: [DONE]", 12) == 0;
		}
		line_clear(response->text, &response->text_len);
		data = (struct str){ end + 1, data.len - len - 1 };
	}
}

/* The end of the head: what follows. */
static enum response_state
response_after_head(struct response *response)
{
	if (response->status < 200) {
		response_clear(response); /* an interim response; the real one follows */
		return RESPONSE_HEAD;
	}
	if (response->chunked)
		return RESPONSE_CHUNK_SIZE;
	if (response->left < 0)
		return RESPONSE_TO_CLOSE;
	return response->left == 0 ? RESPONSE_DONE : RESPONSE_LENGTH;
}

/* A whole line of the head, in `line`, without its line end. */
static enum response_state
response_head_line(struct response *response)
{
	const char *line = response->line;

	if (response->status == 0) {
		response->status = strncmp(line, "HTTP/1.", 7) == 0 && line[7] && line[8] ? atoi(line + 9) : 0;
		response->keep_alive = line[7] == '1';
		response->left = -1;
		return response->status >= 100 && response->status < 600 ? RESPONSE_HEAD : RESPONSE_BAD;
	}
	if (line[0] == 0)
		return response_after_head(response);
	if (strncasecmp(line, "content-length:", 15) == 0)
		response->left = strtoll(line + 15, NULL, 10);
	else if (strncasecmp(line, "transfer-encoding:", 18) == 0)
		response->chunked = strcasestr(line + 18, "chunked") != NULL;
	else if (strncasecmp(line, "connection:", 11) == 0)
		response->keep_alive = strcasestr(line + 11, "close") == NULL;
	return RESPONSE_HEAD;
}

static enum response_state
response_line(struct response *response)
{
	char *end;

	switch (response->state) {
	case RESPONSE_HEAD:
		return response_head_line(response);
	case RESPONSE_CHUNK_SIZE:
		response->left = strtoll(response->line, &end, 16);
		if (end == response->line || response->left < 0)
			return RESPONSE_BAD;
		return response->left > 0 ? RESPONSE_CHUNK_DATA : RESPONSE_TRAILER;
	case RESPONSE_CHUNK_END:
		return response->line[0] == 0 ? RESPONSE_CHUNK_SIZE : RESPONSE_BAD;
	default:
		return response->line[0] == 0 ? RESPONSE_DONE : RESPONSE_TRAILER;
	}
}

/* Takes bytes up to the end of a line of head or framing, and acts on it; returns how many. */
static size_t
response_take_line(struct response *response, struct str data)
{
	const char *end = memchr(data.ptr, '\n', data.len);
	size_t len = end ? (size_t)(end - data.ptr) : data.len;

	line_add(response->line, &response->line_len, sizeof(response->line), (struct str){ data.ptr, len });
	if (!end)
		return data.len;
	if (response->line_len > 0 && response->line[response->line_len - 1] == '\r')
		response->line[--response->line_len] = 0;
	response->state = response_line(response);
	line_clear(response->line, &response->line_len);
	return len + 1;
}

static size_t
response_take_body(struct response *response, struct str data)
{
	bool counted = response->state != RESPONSE_TO_CLOSE;
	size_t len = counted && (int64_t)data.len > response->left ? (size_t)response->left : data.len;

	response_body(response, (struct str){ data.ptr, len });
	if (counted && (response->left -= (int64_t)len) == 0)
		response->state = response->state == RESPONSE_LENGTH ? RESPONSE_DONE : RESPONSE_CHUNK_END;
	return len;
}

size_t
response_feed(struct response *response, struct str data)
{
	size_t at = 0;

	while (at < data.len && response->state != RESPONSE_DONE && response->state != RESPONSE_BAD) {
		struct str rest = { data.ptr + at, data.len - at };
		bool body = response->state == RESPONSE_LENGTH || response->state == RESPONSE_TO_CLOSE ||
			    response->state == RESPONSE_CHUNK_DATA;

		at += body ? response_take_body(response, rest) : response_take_line(response, rest);
	}
	return at;
}

bool
response_at_close(struct response *response)
{
	return response->state == RESPONSE_TO_CLOSE;
}

void
response_clear(struct response *response)
{
	/* Not the line buffers: they are terminated where they matter, and large. */
	memset(response, 0, offsetof(struct response, line));
	response->line[0] = 0;
}
