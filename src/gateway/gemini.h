/*
 * gemini.h - Google's generateContent, as the Gemini API and Vertex share it: the request's body, the answer, failures. Where it is and who calls is their own files'.
 */
#pragma once

#include "gateway/provider.h"

/*
 * Signatures of thoughts are opaque and go back unchanged; which part they came with is written in front of them, so that they stand there again. Others' signatures have no
 * such mark, and stay behind.
 */
#define GEMINI_SIGNATURE_CALL "gemini:call:"       /* of the function call behind it */
#define GEMINI_SIGNATURE_TEXT "gemini:text:"       /* of a text, sent behind it */
#define GEMINI_SIGNATURE_THOUGHT "gemini:thought:" /* of the thought itself */

/* True for what may stand in the path as a model's name, with the collection it is in or without: nothing else may get there. */
bool gemini_model_ok(struct str model);

/* Where a method of Vertex AI is for a target: of a model of Google's, or of anything by its path below the location ("publishers/…", "endpoints/123"). ptr NULL: memory. */
struct str vertex_url(const struct target *target, const char *method, struct arena *arena);

/* Method, body and headers that say nothing about who calls. Refuses what the wire cannot say. */
const struct err *gemini_write(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out);

/* The functions of struct provider. */
MAY_PARK const struct err *gemini_frame(struct decoder *decoder, struct str name, struct str data);
MAY_PARK const struct err *gemini_body(struct decoder *decoder, struct str body);
void gemini_failure(struct arena *arena, int status, const struct http_headers *headers, struct str body, struct failure *out);
