/*
 * embeddings.h - OpenAI's embeddings, made from nothing but the words.
 */
#ifndef MOCK_EMBEDDINGS_H
#define MOCK_EMBEDDINGS_H

#include "reply.h"

enum { EMBEDDING_DIMENSIONS = 1536, EMBEDDING_DIMENSIONS_MAX = 4096, EMBEDDING_INPUTS_MAX = 2048 };

/* The texts, behind each other, stand for the last message, so that directives may be in them. */
void embeddings_take(struct ask *ask, const struct json *json);

/* Answers an embeddings request: fills the reply's body, or makes it an error. */
void embeddings_answer(struct reply *reply, const struct json *json);

/* The vector of a text: `dimensions` numbers, EMBEDDING_DIMENSIONS_MAX at most. */
void embedding_make(float *vector, size_t dimensions, struct str text);

#endif
