/*
 * provider.h - one file per provider with a wire of its own.
 */
#pragma once

#include "gateway/decoder.h"
#include "gateway/figures.h"
#include "net/http_client.h"

/* Where a call goes: a provider of the configuration and the model's name there. */
struct target {
	const struct conf_provider *provider; /* NULL: built in */
	const struct provider *kind;
	struct str model;
	const struct conf_target *row;        /* of the configuration; NULL: built in */
};

/* Why an attempt failed, as far as routing cares: what may follow depends on it. */
enum failure_cause {
	FAILURE_NONE,
	FAILURE_ERROR,               /* not reached, broke off, nonsense, 5xx */
	FAILURE_TIMEOUT,
	FAILURE_RATE_LIMIT,          /* 429, or a queue of ours that is full */
	FAILURE_CONTEXT_WINDOW,      /* the conversation is too long for this model */
	FAILURE_CONTENT_FILTER,      /* the provider's filter refused it */
	FAILURE_CREDENTIALS,         /* our key or the model's name is not known there: never the same target again */
	FAILURE_UNSUPPORTED,         /* this target cannot do what is asked; nothing was sent */
	FAILURE_REQUEST,             /* the request is wrong whoever is asked */
	FAILURE_CANCELLED,           /* the caller left, or its deadline passed */
	FAILURE_CAUSES
};

/* What an error answer of a provider means. */
struct failure {
	const struct err *err;       /* for the client: the provider's own message where it has one, never its key */
	enum failure_cause cause;
};

/* How the answer of a stream is cut into frames. */
enum stream_framing {
	STREAM_SSE,                  /* server-sent events: the frame's event and data */
	STREAM_AWS,                  /* application/vnd.amazon.eventstream: the frame's event or exception type, and its payload */
};

struct embed_wire;

struct provider {
	const char *kind;            /* as the configuration (conf/kinds.h) and gen_ai.provider.name say it */
	enum stream_framing framing;
	bool openai;                 /* it speaks one of OpenAI's wires, that of `dialect` */
	enum dialect dialect;        /* of OpenAI's and Anthropic's wires: whose requests and frames pass through as they are */
	const struct openai_traits *traits; /* of servers that speak OpenAI's API with differences (provider_openai.h); NULL: without any */

	/*
	 * Where an endpoint of OpenAI's ("/completions") is for this target, and the key in its header: `url` and one header more in `out`. NULL: the kind has none of these endpoints.
	 */
	const struct err *(*address)(const struct target *target, const char *endpoint, struct arena *arena, struct http_call_spec *out);

	/* Writes the HTTP request (url, headers, body) from the call; refuses what the target cannot do, before any money is spent. NULL in a built-in model. */
	const struct err *(*request)(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out);

	/*
	 * Adds what proves who calls to a request that is complete but for that: a token that has to be fetched first, a signature. NULL where `request` has done it. Errors
	 * are those of the service that gives out tokens.
	 */
	MAY_PARK const struct err *(*authorize)(const struct target *target, struct arena *arena, struct http_call_spec *spec);

	/*
	 * The provider answered a request that `authorize` has been through with 401. Whether `authorize` would add something else now, so that it is worth asking once more.
	 * NULL: it never would.
	 */
	bool (*renew)(const struct target *target, struct arena *arena, const struct http_call_spec *spec);

	/* One frame of a stream, to events. */
	MAY_PARK const struct err *(*frame)(struct decoder *decoder, struct str event, struct str data);

	/* The stream has ended after a finish: what was read and not said yet, such as usage. NULL: nothing ever is. */
	MAY_PARK const struct err *(*end)(struct decoder *decoder);

	/* A whole answer, to the same events. */
	MAY_PARK const struct err *(*body)(struct decoder *decoder, struct str body);

	/* An answer with an error status. */
	void (*failure)(struct arena *arena, int status, const struct http_headers *headers, struct str body, struct failure *out);

	/* Embeddings on a wire of its own (embed.h); NULL: over OpenAI's, at `address`, or not at all. */
	const struct embed_wire *embed;

	/* A built-in model answers by itself, without HTTP; NULL elsewhere. */
	MAY_PARK const struct err *(*run)(struct decoder *decoder);
};

extern const struct provider provider_openai, provider_azure, provider_anthropic, provider_gemini, provider_vertex, provider_bedrock, provider_cohere,
	provider_extractive;

/* Servers that speak OpenAI's API: rows over provider_openai.c. */
extern const struct provider providers_compatible[];
extern const size_t providers_compatible_count;

/*
 * What speaks with the target for this call: the wire of the call's own dialect where the target serves it (openai_completions.c), else the target's kind. Who calls is proved by the
 * kind in any case.
 */
const struct provider *provider_wire(const struct call *call, const struct target *target);

/* Whether the target gets the tools that the call's choice bars (call.h, `barred`), and so reads and bills them: a server of the call's own dialect that knows such a choice. */
bool provider_gets_barred(const struct call *call, const struct target *target);

/* ERR_UNSUPPORTED when the call asks for what this wire cannot say and its file does not know of: what only the call's own dialect has. */
const struct err *provider_fit(const struct call *call, const struct provider *wire, struct arena *arena);

/* Writes the request on that wire. ERR_UNSUPPORTED names what the target cannot do. */
const struct err *provider_request(const struct call *call, const struct target *target, struct arena *arena, struct http_call_spec *out);

/* By its kind's name; NULL when there is none. */
const struct provider *provider_find(struct str kind);

/*
 * For a provider's `failure`: the error that an HTTP status stands for, with Retry-After read, and its cause, from the status, the code and what the services are known
 * to say. `code` (empty: none) goes to the client; a context that is too long has OpenAI's "context_length_exceeded" wherever it comes from. A provider with words of its
 * own sets out->cause afterwards.
 */
void failure_from_status(struct arena *arena, int status, const struct http_headers *headers, struct str message, struct str code, struct failure *out);

/* The cause of an error that came without an HTTP status: in a stream, or from the connection. */
enum failure_cause failure_cause_of(const struct err *err);

/* Retry-After in seconds or as a date (RFC 9110, 10.2.3), or retry-after-ms; 0: not said. A million seconds (eleven days) is the longest. */
int64_t failure_retry_after_us(const struct http_headers *headers);

/* "error", "timeout", "rate_limit"…: as the configuration, spans and metrics say it. */
const char *failure_cause_name(enum failure_cause cause);
