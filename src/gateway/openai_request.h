/*
 * openai_request.h - the body of a chat completion, or parts of it, from the inner form.
 */
#pragma once

#include "gateway/provider.h"

/* The body for a call that came in another dialect. ERR_UNSUPPORTED names what this wire cannot say. What has been written by then is of no use. */
const struct err *openai_body_put(struct json_out *out, const struct call *call, const struct target *target, struct arena *arena);

/* One message of a list of them; a message with tool results is several. */
const struct err *openai_message_put(struct json_out *out, const struct message *message, struct arena *arena);

/* The member "tool_calls" of a message that has any. */
void openai_tool_calls_put(struct json_out *out, const struct message *message);

/* The prompt of a legacy completion whose messages have changed: the texts of all of them, joined. ptr NULL: no memory. */
struct str openai_prompt(const struct call *call, struct arena *arena);
