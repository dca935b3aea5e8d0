/*
 * anthropic_parse.h - what the two files that parse message requests share.
 */
#pragma once

#include "api/anthropic.h"

enum { ANTHROPIC_PARTS_MAX = 4096 };

struct anthropic_parser {
	struct arena *arena;
	struct call *call;
	size_t message, block;     /* indexes, for messages of errors */
};

/* ERR_INVALID: "FIELD: EXPECTED". */
const struct err *anthropic_bad_field(struct anthropic_parser *parser, const char *field, const char *expected);

/* Notes what only Anthropic can do, in the call's `extra`: the first such thing; later ones change nothing. */
void anthropic_note_extra(struct anthropic_parser *parser, struct str what);

/* Notes so what an object says that only Anthropic knows; `type`: its own, or its name where it has none. `where`: its path. */
enum anthropic_object { ANTHROPIC_BLOCK, ANTHROPIC_TOOL, ANTHROPIC_OTHER };
void anthropic_note_members(struct anthropic_parser *parser, enum anthropic_object kind, struct str type, const struct json *object, struct str where);

/* A member's text; empty when it is not there or no string. */
struct str anthropic_text(const struct json *object, const char *key);

/* One text block, which must be one; a message's content: a string, or an array of blocks of any kind. */
const struct err *anthropic_parse_text(struct anthropic_parser *parser, const struct json *json, struct part ***end);
const struct err *anthropic_parse_content(struct anthropic_parser *parser, const struct json *content, struct message *message);
