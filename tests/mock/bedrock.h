/*
 * bedrock.h - the requests of Bedrock's Converse, and how AWS checks who sent them.
 */
#ifndef MOCK_BEDROCK_H
#define MOCK_BEDROCK_H

#include "reply.h"

struct bedrock_path {
	struct bytes model; /* decoded */
	bool stream;
	bool invoke;
};

/* True for the path of converse, converse-stream or invoke. The memory of `out` is used again. */
bool bedrock_path(struct str path, struct bedrock_path *out);

/* Reads a request; on a mistake sets `problem`. */
void bedrock_ask(struct ask *ask, const struct json *json, const struct bedrock_path *path);

/* The exception with which a request is refused that is not signed by access key AKIDMOCK with the secret `key`, or does not show `key` as a token; NULL: it is good. `*message` tells why. */
const char *bedrock_refusal(const struct request *request, struct str key, const char **message);

#endif
