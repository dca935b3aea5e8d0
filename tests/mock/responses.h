/*
 * responses.h - OpenAI's Responses API.
 */
#ifndef MOCK_RESPONSES_H
#define MOCK_RESPONSES_H

#include "reply.h"

/* Reads a request, and what the service would refuse of one that stores nothing. */
void responses_ask(struct ask *ask, const struct json *json);

#endif
