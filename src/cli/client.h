/*
 * client.h - what the commands that talk to a server share: where it is, which key to send, one call and its errors.
 */
#pragma once

#include "cli/cli.h"
#include "json/json.h"
#include "net/http_client.h"

struct client {
	struct arena *arena; /* of the command */
	struct str url;      /* without a slash at its end */
	struct str key;
	const char *key_missing; /* why there is none, when there is none */
	bool json;               /* print what the server gave */
	int status;              /* of the last answer; 0: there was none */
};

/* Runs a command's `call` on a fiber. Returns its exit code. */
int client_run(struct args *args);

struct client_request {
	enum http_method method;
	struct str path;         /* "/v1/models", encoded; see client_path */
	struct str content_type; /* of the body; empty: no body */
	struct str body;
	struct http_header extra; /* one more header; name empty: none */
	int64_t timeout_us;       /* until the answer begins; 0: 60 s */
};

/* Sends and waits for the answer's headers. An answer of 400 and above is an error with the server's message. The call must be closed on success. */
MAY_PARK const struct err *client_open(
	struct client *client, struct arena *arena, const struct client_request *request, struct http_call **out);

/* The whole exchange: *answer is the parsed body (NULL for an empty one). With --json, *text is what to print. */
MAY_PARK const struct err *client_call(
	struct client *client, struct arena *arena, const struct client_request *request, const struct json **answer, struct str *text);

/* As client_call without a body, for a path made with printf. */
MAY_PARK const struct err *client_get(struct client *client, const struct json **answer, struct str *text, const char *format, ...)
	PRINTF_LIKE(4, 5);

/* A view encoded for a path segment or a query value. */
struct str client_encode(struct arena *arena, struct str text);

/* Prints the error and gives the exit code that says what kind it is. */
int client_fail(struct client *client, const struct err *err);

/* Prints the answer as it came, for --json. */
int client_print(struct str text);
