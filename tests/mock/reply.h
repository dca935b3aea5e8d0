/*
 * reply.h - one answer on its way out: what it says comes from a wire, how it is sent and where it breaks from the plan.
 *
 * A reply is pulled: the connection asks for the next bytes when it has sent the last, so an endless answer costs no memory and a slow
 * reader slows it down.
 */
#ifndef MOCK_REPLY_H
#define MOCK_REPLY_H

#include "ask.h"
#include "http.h"

#include <time.h>

struct reply;

/* A wire: how one service words its answers. Events and bodies are without HTTP framing. */
struct wire {
	enum dialect dialect;
	const char *request_id_header;
	bool no_retry_after;	    /* the service says when to come again in the error's body */
	const char *stream_type;    /* content type of a stream; NULL: text/event-stream */

	/* Appends the next event of a stream; false when there is none left. */
	bool (*event)(struct reply *reply, struct bytes *out);

	/* Appends the whole body of an answer, and sets `fill_at` to where the text ends. */
	void (*whole)(struct reply *reply, struct bytes *out);

	/* Appends the body of an error; `param` and `code` may be NULL. */
	void (*error)(const struct reply *reply, int status, const char *message, const char *param, const char *code, struct bytes *out);

	/* Appends an error in the middle of a stream. */
	void (*error_event)(const struct reply *reply, struct bytes *out);

	/* Appends the service's own headers. */
	void (*headers)(const struct reply *reply, struct bytes *out);
};

extern const struct wire wire_openai;
extern const struct wire wire_completions;
extern const struct wire wire_responses;
extern const struct wire wire_anthropic;
extern const struct wire wire_azure;
extern const struct wire wire_gemini;
extern const struct wire wire_bedrock;
extern const struct wire wire_cohere;
extern const struct wire wire_tokens;

enum framing { FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

struct reply {
	const struct wire *wire;
	struct plan plan;
	struct ask ask;
	struct answer answer;
	uint64_t serial; /* number of the request; all ids of the answer come from it */
	time_t created;

	int status;
	const char *exception; /* of an error whose name the status does not tell; NULL: it does */
	bool keep_alive; /* the connection may go on after this reply */
	bool stream;
	const char *content_type;
	enum framing framing;

	/* a whole body: `body`, with `fill_left` bytes of filler put in at `fill_at` */
	struct bytes body;
	size_t body_at;
	size_t fill_at;
	int64_t fill_left;

	/* a stream: the wire's own place in it */
	int step;
	bool over; /* the wire has given its last event */
	bool preface_given; /* an event that stands before all others */
	long block; /* index of the content block, tool call or choice under way */
	long tokens_before; /* of the choices before it */
	struct bytes args; /* arguments of the tool call */
	size_t args_at;

	/* a canned answer, already framed; NULL for all others */
	const struct str *canned;
	size_t canned_count;

	long pieces; /* given so far */
	bool head_given;
	bool waited;
	uint32_t crc; /* gzip: of the contents so far */
	uint32_t plain_len;
	struct bytes piece;
};

/* What the connection does once it has sent what was appended: ask again; wait, then ask again; or, at the end, go on to the next
 * request, close, reset or fall silent. */
enum reply_turn { REPLY_SEND, REPLY_WAIT, REPLY_DONE, REPLY_CLOSE, REPLY_RESET, REPLY_STALL };

/* Makes `reply` ready for a request; its memory is used again. */
void reply_clear(struct reply *reply, uint64_t serial, bool keep_alive);

/* Answers with an error of the wire. */
void reply_error(struct reply *reply, int status, const char *message, const char *param, const char *code);

/* Answers what `ask` asks, as `plan` says. */
void reply_answer(struct reply *reply);

/* Answers 200 with the JSON body already in `reply->body`. */
void reply_json(struct reply *reply);

/* Appends the next bytes to send. For REPLY_WAIT, `*wait_ms` says how long. */
enum reply_turn reply_next(struct reply *reply, struct bytes *out, long *wait_ms);
void reply_free(struct reply *reply);

/* For wires. */
bool reply_calls_tool(const struct reply *reply);
struct str reply_tool_name(const struct reply *reply);
void reply_args_start(struct reply *reply);

/* The next fragment of the tool call's arguments; false at the end. */
bool reply_args_next(struct reply *reply, struct str *out);
long reply_prompt_tokens(const struct reply *reply);
long reply_completion_tokens(const struct reply *reply);

/* Appends `prefix` and `len` letters and digits made from the reply's serial. */
void reply_id(const struct reply *reply, const char *prefix, size_t len, struct bytes *out);

#endif
