/*
 * openai_responses_refuse.c - what a request of the Responses API is refused for: at once, or only when it would go to a server that does not speak this protocol itself.
 */
#include "api/openai_responses_parse.h"

const struct err *
responses_bad(struct responses_parser *parser, const char *field, const char *expected)
{
	return err_param(parser->arena, ERR_INVALID, field, NULL, "%s: %s", field, expected);
}

const struct err *
responses_refuse(struct responses_parser *parser, const char *field, const char *why)
{
	return err_param(parser->arena, ERR_UNSUPPORTED, field, "unsupported_parameter", "%s: %s", field, why);
}

const struct err *
responses_foreign(struct responses_parser *parser, const struct err *err)
{
	if (err == &err_no_memory)
		return err;
	if (!parser->call->foreign)
		parser->call->foreign = err;
	return NULL;
}

const struct err *
responses_look_into(struct responses_parser *parser, enum responses_object kind, const struct json *object, const char *where)
{
	struct str type = kind == RESPONSES_SETTING ? str_of(where) : json_get_string(object, "type");
	const struct err *err = responses_members_foreign(parser->arena, kind, type, object, where);

	return err ? responses_foreign(parser, err) : NULL;
}
