/*
 * openai_responses_parse.h - what the files that parse a request of the Responses API share.
 */
#pragma once

#include "api/openai_responses.h"

struct responses_parser {
	struct arena *arena;
	struct responses_ask *ask;
	struct call *call;
	const struct json *json;
};

/* ERR_INVALID: "FIELD: EXPECTED". ERR_UNSUPPORTED: "FIELD: WHY". */
const struct err *responses_bad(struct responses_parser *parser, const char *field, const char *expected);
const struct err *responses_refuse(struct responses_parser *parser, const char *field, const char *why);

/* Notes what only a server of this protocol knows: refused unless the call goes to one. The first counts. NULL, or err_no_memory. */
const struct err *responses_foreign(struct responses_parser *parser, const struct err *err);

/* Notes what an object inside the request says that only such a server knows (responses_members_foreign). NULL, or err_no_memory. */
const struct err *responses_look_into(struct responses_parser *parser, enum responses_object kind, const struct json *object, const char *where);


/* `tools`, and then `tool_choice`, to the call. */
const struct err *responses_parse_tools(struct responses_parser *parser, const struct json *tools);
const struct err *responses_parse_tool_choice(struct responses_parser *parser, const struct json *choice);
