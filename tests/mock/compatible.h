/*
 * compatible.h - servers that speak OpenAI's wire with differences: what the directive `like` makes of the mock.
 */
#ifndef MOCK_COMPATIBLE_H
#define MOCK_COMPATIBLE_H

#include "reply.h"

enum usage_place { USAGE_APART, USAGE_WITH_FINISH, USAGE_IN_X_GROQ, USAGE_ALWAYS };
enum error_shape { ERROR_OBJECT, ERROR_TEXT, ERROR_NUMBER, ERROR_DETAIL };

enum cost_shape { COST_UNSAID, COST_DOLLARS, COST_TICKS, COST_TOTAL };
enum searches_shape { SEARCHES_UNSAID, SEARCHES_XAI, SEARCHES_PERPLEXITY };

struct likeness {
	const char *name;
	const char *known[40];	/* members that it takes; empty: any */
	const char *refused[8]; /* members that it refuses */
	enum usage_place usage;
	enum error_shape errors;
	const char *reasoning;	/* the member that reasoning stands in */
	bool reasoning_apart;	/* completion_tokens leave reasoning out */
	bool parts;		/* reasoning comes as parts of the content */
	bool no_developer;	/* refuses the role */
	bool calls_whole;	/* a stream gives each call of a tool in one event, arguments and all */
	enum cost_shape cost; /* how its usage tells what the call costs */
	enum searches_shape searches; /* how its usage tells of searches in the web */
	unsigned tool_id_len;	/* wants ids of exactly so many letters and digits; 0: any */
};

/* What the plan's `like` names; NULL: nothing, or no such server. */
const struct likeness *likeness_of(const struct plan *plan);

/* Appends why the server refuses the request; false if it does not. */
bool likeness_refuses(const struct likeness *likeness, const struct json *json, struct bytes *why);

/* Appends what the server's usage says of searches in the web, and of what the call costs: members, each behind a comma. */
void likeness_searches(const struct likeness *likeness, const struct plan *plan, struct bytes *out);

/* Appends the body of an error in the server's shape. */
void likeness_error(const struct likeness *likeness, int status, const char *message, struct bytes *out);

#endif
