/*
 * call.h - one inner form of a model call. Dialects parse into it, providers write from it: N + M translators, not N x M.
 *
 * What a dialect says and we do not know stays in `source`, the request as it came, for the target that speaks the same dialect.
 */
#pragma once

#include "base/arena.h"
#include "json/json.h"
#include "net/http.h"

enum role { ROLE_SYSTEM, ROLE_DEVELOPER, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL };

enum part_type {
	PART_TEXT,
	PART_IMAGE,       /* url (http, https or data:) */
	PART_AUDIO,       /* url (data:), media_type */
	PART_FILE,        /* url (data:, http or https) or id (at the provider), name, media_type */
	PART_TOOL_CALL,   /* id, name, text: the arguments as JSON text, or, where `custom`, the input as it is */
	PART_TOOL_RESULT, /* id, text; parts when it is more than text */
	PART_REFUSAL,     /* text */
	PART_REASONING,   /* text, signature; redacted: the signature alone, text.ptr NULL */
};

struct part {
	struct part *next;
	enum part_type type;
	struct str text, id, name, url;
	struct str detail;           /* of an image: "low", "high", "auto" */
	struct str media_type;       /* "application/pdf", "audio/wav"; empty: not said */
	struct str signature;        /* of reasoning or a tool call: opaque, goes back to its provider unchanged */
	struct part *parts;          /* of a tool result: its content when that is more than text; `text` has the texts joined */
	bool failed;                 /* a tool result that reports a failure */
	bool custom;                 /* a call, or the result, of a tool whose input is text and no JSON */
	const struct json *cache;    /* a mark for the provider's prompt cache (Anthropic's cache_control), or NULL */
	const struct json *raw;      /* as it came in the caller's dialect, or NULL */
};

struct message {
	struct message *next;
	enum role role;
	struct part *parts;
	const struct json *raw;      /* as it came in the caller's dialect, or NULL when a stage made it */
	struct str id;               /* of a stored item that it was, whose raw has none; empty: none */
};

struct tool {
	struct tool *next;
	struct str name, description;
	const struct json *parameters; /* JSON Schema, or NULL */
	bool strict;
	bool custom;                   /* its input is text: any, or by a grammar */
	struct str syntax, grammar;    /* of a custom tool's input: "lark" or "regex" and the definition; empty: any text */
	bool hosted;                   /* run by the provider itself (web search and the like): `raw` is all there is */
	const struct json *cache;      /* as in struct part */
	const struct json *raw;        /* as it came in the caller's dialect */
};

enum tool_choice { TOOL_CHOICE_UNSET, TOOL_CHOICE_NONE, TOOL_CHOICE_AUTO, TOOL_CHOICE_REQUIRED, TOOL_CHOICE_NAMED };
enum format { FORMAT_TEXT, FORMAT_JSON_OBJECT, FORMAT_JSON_SCHEMA };

enum dialect { DIALECT_OPENAI_CHAT, DIALECT_OPENAI_RESPONSES, DIALECT_ANTHROPIC, DIALECT_OPENAI_COMPLETIONS };

enum { STOPS_MAX = 16 };

struct call {
	struct str model;            /* as asked */
	struct message *messages;
	struct tool *tools;
	struct tool *barred;         /* that tool_choice does not allow: no part of the call, but sent along to a server that gets the request as it came */
	enum tool_choice tool_choice;
	struct str tool_named;
	bool tool_named_custom;
	bool parallel_tools_off;
	enum format format;
	const struct json *schema;   /* FORMAT_JSON_SCHEMA */
	struct str schema_name, schema_description;
	bool schema_strict;
	struct str stops[STOPS_MAX];
	unsigned stop_count;
	double temperature, top_p;   /* NaN: not said */
	double frequency_penalty, presence_penalty; /* NaN: not said */
	int64_t top_k;               /* 0: not said */
	const struct json *seed;     /* a whole number, or NULL */
	int64_t tokens_max;          /* of the answer; 0: not said */
	struct str reasoning_effort; /* "none", "minimal", "low", "medium", "high", …; empty: not said */
	struct str verbosity;        /* "low", "medium", "high"; empty: not said */
	int64_t reasoning_tokens;    /* a budget for reasoning; 0: not said */
	bool reasoning_hidden;       /* the answer shows that there was reasoning, and not what it said */
	unsigned choices;            /* n; at least 1 */
	bool logprobs;
	unsigned top_logprobs;       /* alternatives for each token; 0: none */
	bool audio;                  /* an audio answer is asked for */
	bool stream;
	bool include_usage;          /* the client wants the usage in the stream */
	struct str user, conversation;
	int64_t prompt_tokens;       /* of prompts that came as tokens: no message has their text */
	bool local_only;             /* it has what never reaches a hosted provider: an answer or a file that was kept from those */
	bool batch;                  /* nobody waits for it: interactive calls go first */

	/*
	 * The first member of the request that the inner form does not carry and that would change the answer; empty: none. Mere hints (metadata, a cache key) do not count. A
	 * provider of another dialect refuses the call by it: nothing is dropped in silence.
	 */
	struct str extra;

	/* Why a provider of another dialect refuses the call, where it says more than `extra`: a tool, an item or a member that only the dialect's own servers know. NULL: nothing. */
	const struct err *foreign;

	enum dialect dialect;
	struct http_headers headers; /* of the request, for a provider of the same dialect: versions and betas */
	const struct json *source;   /* the request as it came */
	struct str source_text;
	bool changed;                /* a stage changed the messages: source's are stale */

	const struct call_search *search; /* collections that the caller wants searched first; NULL: none */
	const struct passage_list *passages; /* retrieved, for a call bound to a collection; NULL: none asked */
};

enum { SEARCH_COLLECTIONS_MAX = 10 };

/* A search that the caller asks for with the call: passages are found with the resolved question, and the model is told of them. */
struct call_search {
	struct str collections[SEARCH_COLLECTIONS_MAX]; /* ids or names */
	size_t count;
	const struct json *filter;   /* OpenAI's filter grammar over attributes, or NULL */
	unsigned limit;              /* passages: 1..50 */
	double score_min;            /* 0..1 */
	double vector_weight;        /* 0..1, or NaN: by the kind of query */
};

/* What retrieval found, in the order in which it is numbered for the model ([1], [2], …). */
struct context_passage {
	struct str title, heading_path, path, text, url;
	struct str version_id, document_id, file_id, attributes; /* file_id: of the document where it has no file; attributes: JSON object */
	bool searched;               /* found by a search that the caller asked for */
	int64_t chunk;
	unsigned ordinal, page;
	double score;
	int64_t byte_from, byte_to;
};

struct passage_list {
	struct context_passage *list;
	size_t count;
	struct str question;         /* what was searched for: the last question, resolved against the conversation */
	bool words_only;
};

/* The tool at the link is barred; the next one is there then. */
void call_bar(struct call *call, struct tool **link);

/* The text of a message's text parts, joined; a view when there is one part. ptr NULL: no memory. */
struct str message_text(struct arena *arena, const struct message *message);

/* A message of one text part; NULL when memory is out. */
struct message *message_new(struct arena *arena, enum role role, struct str text);

/*
 * The one of `known` that a member's name equals but for the case of its letters; NULL: none. Servers whose JSON reader tells no case apart (Go's, which also takes the Kelvin sign for a k and the
 * long s for an s) would read a member here that has not been looked at, so such a request is refused.
 */
const char *call_member_like(struct str name, const char *const *known, size_t count);
#define MEMBER_CASE "must be written in lower-case letters: some servers read it in any case, others not at all"

/* "chat" or "text_completion", as OpenTelemetry names it. */
struct str call_operation(const struct call *call);

/* "system", "user"… as OpenAI writes them. */
struct str role_name(enum role role);
bool role_of(struct str name, enum role *out);

/* "data:MEDIA_TYPE;base64,DATA": put together (outside the arena's cap; ptr NULL: no memory), and taken apart (false: it is none). */
struct str data_url_make(struct arena *arena, struct str media_type, struct str data);
bool data_url_split(struct str url, struct str *media_type, struct str *data);
