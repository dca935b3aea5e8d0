/*
 * gemini.h - the requests of Google's generateContent.
 */
#ifndef MOCK_GEMINI_H
#define MOCK_GEMINI_H

#include "reply.h"

struct gemini_path {
	struct str model;
	bool stream;
	bool vertex;
};

/* True for the path of generateContent or streamGenerateContent, of the Gemini API or of Vertex AI. */
bool gemini_path(struct str path, struct gemini_path *out);

/* Reads a request; on a mistake sets `problem`. */
void gemini_ask(struct ask *ask, const struct json *json, const struct gemini_path *path);

#endif
