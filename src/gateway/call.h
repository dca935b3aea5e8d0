/*
 * call.h - one inner form of a model call. Dialects parse into it, providers write from it: N + M translators, not N x M.
 *
 * What a dialect says and we do not know stays in `source`, the request as it came, for the target that speaks the same dialect.
 */
#pragma once

#include "base/arena.h"
#include "json/json.h"

enum role { ROLE_SYSTEM, ROLE_DEVELOPER, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL };

enum part_type {
	PART_TEXT,
	PART_IMAGE,       /* url (http, https or data:) */
	PART_AUDIO,       /* data, format */
	PART_FILE,        /* raw only */
	PART_TOOL_CALL,   /* id, name, text: the arguments as JSON text */
	PART_TOOL_RESULT, /* id, text */
	PART_REFUSAL,     /* text */
};

struct part {
	struct part *next;
	enum part_type type;
	struct str text, id, name, url;
	struct str detail;           /* of an image: "low", "high", "auto" */
	const struct json *raw;      /* as it came, or NULL */
};

struct message {
	struct message *next;
	enum role role;
	struct part *parts;
	const struct json *raw;      /* as it came, or NULL when a stage made it */
};

struct tool {
	struct tool *next;
	struct str name, description;
	const struct json *parameters; /* JSON Schema, or NULL */
};

enum tool_choice { TOOL_CHOICE_UNSET, TOOL_CHOICE_NONE, TOOL_CHOICE_AUTO, TOOL_CHOICE_REQUIRED, TOOL_CHOICE_NAMED };
enum format { FORMAT_TEXT, FORMAT_JSON_OBJECT, FORMAT_JSON_SCHEMA };

enum dialect { DIALECT_OPENAI_CHAT };

enum { STOPS_MAX = 16 };

struct call {
	struct str model;            /* as asked */
	struct message *messages;
	struct tool *tools;
	enum tool_choice tool_choice;
	struct str tool_named;
	bool parallel_tools_off;
	enum format format;
	struct str stops[STOPS_MAX];
	unsigned stop_count;
	double temperature, top_p;   /* NaN: not said */
	int64_t tokens_max;          /* of the answer; 0: not said */
	unsigned choices;            /* n; at least 1 */
	bool logprobs;
	bool audio;                  /* an audio answer is asked for */
	bool stream;
	bool include_usage;          /* the client wants the usage in the stream */
	struct str user, conversation;

	enum dialect dialect;
	const struct json *source;   /* the request as it came */
	struct str source_text;
	bool changed;                /* a stage changed the messages: source's are stale */

	const struct passage_list *passages; /* retrieved, for a call bound to a collection; NULL: none asked */
};

/* What retrieval found, in the order in which it is numbered for the model ([1], [2], …). */
struct context_passage {
	struct str title, heading_path, path, text, url;
	struct str version_id, document_id;
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

/* The text of a message's text parts, joined; a view when there is one part. */
struct str message_text(struct arena *arena, const struct message *message);

/* A message of one text part; NULL when memory is out. */
struct message *message_new(struct arena *arena, enum role role, struct str text);

/* "system", "user"… as OpenAI writes them. */
struct str role_name(enum role role);
bool role_of(struct str name, enum role *out);

/* A rough count of tokens of a text for when nobody counts: four bytes of ASCII or one and a half other characters a token. */
int64_t tokens_estimate(struct str text);
