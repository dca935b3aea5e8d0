/*
 * cohere.h - the requests of Cohere's chat, version 2.
 */
#ifndef MOCK_COHERE_H
#define MOCK_COHERE_H

#include "reply.h"

/* Reads a request; on a mistake sets `problem`. */
void cohere_ask(struct ask *ask, const struct json *json);

#endif
