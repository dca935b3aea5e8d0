/*
 * openai_traits.h - how servers that speak OpenAI's API differ from it.
 */
#pragma once

#include "gateway/provider.h"

enum { TRAIT_NAMES_MAX = 20 };

/* How a server differs. All zero: not at all. */
struct openai_traits {
	/*
	 * Members of the request that it refuses, or leaves unread, and that change the answer: a call that uses one is refused here, before money is spent. "n" counts from 2 on. With
	 * "functions" and "audio" go the messages that have come of them.
	 */
	const char *refuses[TRAIT_NAMES_MAX];

	/* Mere hints that it refuses: they are left out. With "prompt_cache_options" go the marks of that cache in messages. */
	const char *drops[TRAIT_NAMES_MAX];

	/* Members that it has under another name. */
	struct {
		const char *from, *to;
	} renames[4];

	/* Of the legacy completions: members that it refuses beside the others, and the prompts that it takes. */
	const char *completion_refuses[TRAIT_NAMES_MAX];
	enum { PROMPTS_ANY, PROMPTS_TEXTS, PROMPTS_ONE_TEXT } prompts;

	/* Of embeddings: members that it refuses, or leaves unread, beside the others; and whether it takes texts alone, and no tokens. */
	const char *embedding_refuses[TRAIT_NAMES_MAX];
	bool embeds_texts;

	bool stream_options_unknown; /* usage comes in a stream without being asked for */
	bool developer_unknown;      /* messages of the role developer are sent as system's */
	bool functions_only;         /* knows no custom tools, and no choice among allowed tools: that is carried over */
	bool names_unknown;          /* refuses messages[].name */
	bool schema_unknown;         /* knows response_format json_object, and no json_schema */
	unsigned tool_id_len;        /* ids of tool calls are exactly so many letters and digits; 0: any text */
	bool reasoning_apart;        /* completion_tokens leave out the reasoning tokens */
	enum { COST_UNSAID, COST_DOLLARS, COST_TICKS, COST_TOTAL } cost; /* how usage says what the call costs: `cost`, xAI's `cost_in_usd_ticks`, Perplexity's `cost.total_cost` */
	bool searches;               /* searches the web for every answer, and says what that took as Perplexity does */
};

/* Reads a body (of a chat, a legacy completion, embeddings) again by the differences of a row, and refuses what its server cannot do. */
const struct err *openai_traits_apply(const struct provider *kind, struct str *body, struct arena *arena);
