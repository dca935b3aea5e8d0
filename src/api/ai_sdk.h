/*
 * ai_sdk.h - the endpoints of Vercel's AI SDK: its UI message stream (useChat, useCompletion) and its text stream of an object (useObject).
 *
 * A request is a chat completions request, in which UI messages or a prompt stand in place of `messages`; it becomes one, and is read as such (openai_chat.h). What its parts become is in ai_sdk_parse.c.
 */
#pragma once

#include "api/openai_chat.h"

/* What only this protocol says of a request. */
struct ai_sdk_ask {
	struct call *call;
	struct str chat_id;             /* may be empty */
	struct str message_id;          /* of the message to be made: a new one, or that of the assistant's message that is gone on with */
};

/* ERR_INVALID and ERR_UNSUPPORTED name the member ("messages[2].parts[0]"). Everything lies in the arena, or in one below it. */
const struct err *ai_sdk_parse_chat(struct arena *arena, const struct json *json, struct str request_id, struct ai_sdk_ask *out);
const struct err *ai_sdk_parse_object(struct arena *arena, const struct json *json, struct call **out);

struct ui_block;

/* An answer being written as a UI message stream. */
struct ai_sdk_encoder {
	struct encoder base;
	struct api_request *request;
	const struct ai_sdk_ask *ask;
	struct sse_writer *stream;      /* NULL until the first event */
	struct buf tail;                /* chunks of the end, for one write */
	bool tail_ended;
	enum { UI_NOTHING, UI_TEXT, UI_REASONING } open;
	unsigned blocks;                /* begun so far, texts and reasonings */
	struct ui_tool *tools, **tools_end;
	unsigned sources;
	struct str urls[64];            /* of sources, each of which is told once */
	enum finish finish;
};
const struct err *ai_sdk_encoder_init(struct ai_sdk_encoder *encoder, struct api_request *request, const struct ai_sdk_ask *ask);

/* The events of a UI message stream that ends for this reason. */
void ai_sdk_put_error(struct buf *out, const struct err *err);

/* The header by which the protocol is known. */
bool ai_sdk_put_header(struct http_exchange *http);

/* An answer being written as bare text, as it comes. */
struct ai_sdk_text_encoder {
	struct encoder base;
	struct api_request *request;
	bool begun;
	struct buf text;                /* waits for a flush */
	struct buf tail;
};
const struct err *ai_sdk_text_encoder_init(struct ai_sdk_text_encoder *encoder, struct api_request *request);
