/*
 * embeddings.h - OpenAI's embeddings, made from nothing but the words.
 */
#ifndef MOCK_EMBEDDINGS_H
#define MOCK_EMBEDDINGS_H

#include "reply.h"

enum { EMBEDDING_DIMENSIONS = 1536, EMBEDDING_DIMENSIONS_MAX = 4096, EMBEDDING_INPUTS_MAX = 2048 };

/* Answers an embeddings request: fills the reply's body, or makes it an error. */
void embeddings_answer(struct reply *reply, const struct json *json);

#endif
