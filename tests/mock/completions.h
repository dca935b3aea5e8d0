/*
 * completions.h - OpenAI's legacy completions.
 */
#ifndef MOCK_COMPLETIONS_H
#define MOCK_COMPLETIONS_H

#include "reply.h"

/* Reads a request: its prompts, and what the service would refuse. */
void completions_ask(struct ask *ask, const struct json *json);

#endif
