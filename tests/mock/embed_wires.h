/*
 * embed_wires.h - embeddings in the words of Google, AWS and Cohere.
 */
#ifndef MOCK_EMBED_WIRES_H
#define MOCK_EMBED_WIRES_H

#include "reply.h"

/* Each pair: reads a request, and on a mistake sets `problem`; answers it. */
void embed_cohere_ask(struct ask *ask, const struct json *json);
void embed_cohere_answer(struct reply *reply, const struct json *json);

void embed_gemini_ask(struct ask *ask, const struct json *json, struct str model);
void embed_gemini_answer(struct reply *reply, const struct json *json);

/* Vertex AI's predict and embedContent. */
void embed_predict_ask(struct ask *ask, const struct json *json, struct str model);
void embed_predict_answer(struct reply *reply, const struct json *json);
void embed_content_ask(struct ask *ask, const struct json *json, struct str model);
void embed_content_answer(struct reply *reply, const struct json *json);

/* Bedrock's InvokeModel: Titan's and Cohere's models. */
void embed_bedrock_ask(struct ask *ask, const struct json *json, struct str model);
void embed_bedrock_answer(struct reply *reply, const struct json *json);

#endif
