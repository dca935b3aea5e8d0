/*
 * openai_shapes.h - what the list, metadata and deletion endpoints of the OpenAI API have in common.
 */
#pragma once

#include "api/api.h"
#include "knowledge/knowledge.h"

/*
 * The page that a request's query asks for: limit (1..max), order (asc, desc; the newest first unless it says so), after, before. A larger limit than a page holds is taken for that,
 * since callers go on while has_more is true.
 */
const struct err *openai_page_parse(struct api_request *request, int64_t limit_initial, int64_t limit_max, struct page_spec *out);

/* {"object":"list","data":[ … ],"first_id","last_id","has_more"}; the ids of an empty list are null. */
void openai_list_begin(struct json_out *out);
void openai_list_end(struct json_out *out, struct str first_id, struct str last_id, bool more);

/* {"id","object","deleted":true} */
MAY_PARK const struct err *openai_answer_deleted(struct api_request *request, struct str id, const char *object);

/*
 * Metadata as OpenAI takes it, or attributes (`texts` false: their values have been checked): ERR_INVALID, in `name` or the member that is wrong, over 16 members, for a key of no or more
 * than 64 characters, and for a value that is no text or has more than 512. Missing and null are good.
 */
const struct err *openai_map_check(struct arena *arena, const struct json *map, const char *name, bool texts);

/*
 * Attributes or metadata: an object whose schema has been checked, as JSON text in the arena. ERR_INVALID over 16 members or for a key of no or more than 64 characters. NULL and null give "{}".
 */
const struct err *openai_map_parse(struct api_request *request, const struct json *map, const char *name, struct str *out);

/* ERR_INVALID for a name that the database or a terminal could not take: not UTF-8, or control characters in it. */
const struct err *openai_name_check(struct api_request *request, struct str name, const char *param);

/* Schemas of members that several bodies have. */
#define SCHEMA_ATTRIBUTES                                                                                                                  \
	"{\"type\":[\"object\",\"null\"],\"additionalProperties\":{\"type\":[\"string\",\"number\",\"boolean\"],\"maxLength\":512}}"
#define SCHEMA_METADATA "{\"type\":[\"object\",\"null\"],\"additionalProperties\":{\"type\":\"string\",\"maxLength\":512}}"
#define SCHEMA_CHUNKING                                                                                                                    \
	"{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":{\"enum\":[\"auto\",\"static\"]},\"static\":{\"type\":"     \
	"\"object\","                                                                                                                      \
	"\"required\":[\"max_chunk_size_tokens\",\"chunk_overlap_tokens\"],\"properties\":{"                                               \
	"\"max_chunk_size_tokens\":{\"type\":\"integer\",\"minimum\":100,\"maximum\":4096},\"chunk_overlap_tokens\":{\"type\":"            \
	"\"integer\",\"minimum\":0,\"maximum\":2048}}}}}"
