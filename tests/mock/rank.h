/*
 * rank.h - reranking, as Cohere and as Jina word it, and OpenAI's and Mistral's moderations: answered from the words alone.
 */
#ifndef MOCK_RANK_H
#define MOCK_RANK_H

#include "reply.h"

/* What steers such a request: its model, its query or input, and what is wrong with it. */
void rank_ask(struct ask *ask, const struct json *json, bool cohere);
void moderations_ask(struct ask *ask, const struct json *json);

/* Fill the reply's body. */
void rank_answer(struct reply *reply, const struct json *json, bool cohere);
void moderations_answer(struct reply *reply, const struct json *json);

#endif
