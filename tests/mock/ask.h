/*
 * ask.h - what a request to a model asks for, and the text of the answer. OpenAI's and Anthropic's dialects are read here, others beside their wires.
 */
#ifndef MOCK_ASK_H
#define MOCK_ASK_H

#include "json.h"
#include "plan.h"

enum dialect { DIALECT_OPENAI, DIALECT_ANTHROPIC, DIALECT_GEMINI, DIALECT_BEDROCK, DIALECT_COHERE };

struct ask {
	struct bytes model;
	struct bytes message; /* text of the last user message */
	struct bytes tool;    /* name of the tool to call: the one forced, else the first offered; empty if there are none */
	bool tool_forced;
	bool tool_custom;     /* it takes text, no JSON */
	bool stream;
	bool include_usage;
	bool obfuscate;	   /* OpenAI pads streamed events unless told not to */
	long max_tokens;   /* 0: no limit */
	bool warms;	   /* Anthropic: max_tokens 0 fills the cache and answers nothing */
	bool invokes;	   /* Bedrock: InvokeModel, whose tokens a header tells */
	bool moderated;	   /* Responses: what was found of input and output is in the response */
	long prompt_words; /* words of all messages and the system prompt */

	long choices;	   /* OpenAI's n; of a legacy completion for each prompt */
	bool logprobs;
	long top_logprobs; /* of a chat */

	/* of a legacy completion */
	struct bytes prompts; /* each ends with a zero; tokens stand there as their number */
	long prompt_count;
	bool echo;

	/* why the request is refused, as the service would say it; NULL if it is not */
	const char *problem;
	const char *param;
	const char *code;
};

/* Reads a request; on a mistake sets `problem`. The memory of `ask` is used again. */
void ask_read(struct ask *ask, const struct json *json, enum dialect dialect);
void ask_free(struct ask *ask);

/* For the readers of other dialects: an empty ask that keeps its memory; the text of a content (a string, or a list of parts with a text); a number that fits; what is wrong. */
void ask_clear(struct ask *ask);
void ask_text(const struct json *json, const struct json_node *content, struct bytes *out);
long ask_words(struct str text);
long ask_long(const struct json_node *node);
bool ask_is(const struct json_node *node, const char *text);

/* The text of an answer, word by word: a word carries the space before it, so that joined they give the text. */
struct answer {
	struct bytes text;
	size_t at;
	long words;  /* how many there are in all; LONG_MAX: it never ends */
	long index;  /* of the next one */
	long filler; /* bytes of filler in each word, 0: words of `text` */
	long long_word; /* bytes of filler in the second word; 0: none */
	bool bad_utf8;	/* the second word is not UTF-8 */
	bool cut;	/* max_tokens cut it short */
};

void answer_start(struct answer *answer, const struct ask *ask, const struct plan *plan);

/* Appends the next word, as the inside of a JSON string. False at the end. */
bool answer_next(struct answer *answer, struct bytes *out);
void answer_free(struct answer *answer);

/* Appends `len` bytes of filler text. */
void filler_add(struct bytes *out, size_t len);

#endif
