/*
 * parse_wire.h - what goes through the pipes between the server and `corbel parse`: files in, results out, each behind a fixed head of little-endian numbers.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "knowledge/type.h"

enum parse_status {
	PARSE_OK,        /* the body is a frame of blocks.h */
	PARSE_BROKEN,    /* the body says why, for a person */
	PARSE_TIMED_OUT, /* it took too long, or too much CPU time */
	PARSE_TOO_LARGE, /* the text in it is too large, or the memory it takes */
	PARSE_CRASHED,   /* the parser died of it */
	PARSE_STATUSES
};

struct parse_file {
	enum doc_type type;
	struct str path, bytes;
};

struct parse_result {
	enum parse_status status;
	struct str body;
};

void parse_file_put(struct buf *out, const struct parse_file *file);
void parse_result_put(struct buf *out, const struct parse_result *result);

/* Takes the next one off *rest; views into it. False at the end, and for anything malformed: then *rest is not empty. */
bool parse_file_next(struct str *rest, struct parse_file *out);
bool parse_result_next(struct str *rest, struct parse_result *out);
