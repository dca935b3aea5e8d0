/*
 * gemini.h - the requests of Google's generateContent.
 */
#ifndef MOCK_GEMINI_H
#define MOCK_GEMINI_H

#include "reply.h"

enum gemini_method { GEMINI_GENERATE, GEMINI_BATCH_EMBED, GEMINI_PREDICT, GEMINI_EMBED };

struct gemini_path {
	struct str model;
	enum gemini_method method;
	bool stream;
	bool vertex;
};

/* True for the path of generateContent or streamGenerateContent, of the Gemini API or of Vertex AI; of the former's batchEmbedContents; of the latter's predict and embedContent. */
bool gemini_path(struct str path, struct gemini_path *out);

/* Reads a request; on a mistake sets `problem`. */
void gemini_ask(struct ask *ask, const struct json *json, const struct gemini_path *path);

#endif
