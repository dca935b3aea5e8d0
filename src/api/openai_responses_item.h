/*
 * openai_responses_item.h - items of an answer in the making, and how they are written.
 */
#pragma once

#include "api/openai_responses.h"

enum responses_part_kind { PART_OUTPUT_TEXT, PART_OUTPUT_REFUSAL, PART_REASONING_TEXT, PART_SUMMARY_TEXT };

struct responses_part {
	struct responses_part *next;
	enum responses_part_kind kind;
	unsigned index;                 /* in its item */
	struct buf text;
	struct buf annotations, logprobs; /* JSON values, comma between */
	unsigned annotation_count;
	int64_t characters;             /* of the text */
	int64_t text_before;            /* characters of all texts of the answer before this one */
};

enum responses_item_kind { ITEM_MESSAGE, ITEM_REASONING, ITEM_CALL, ITEM_SEARCH, ITEM_NATIVE };

struct responses_item {
	struct responses_item *next;
	enum responses_item_kind kind;
	unsigned index;                 /* in the output */
	struct str id, status;
	struct responses_part *parts, *open;
	unsigned item;                  /* of a call: as its events say */
	struct str call_id, name;
	bool custom;                    /* a call of a custom tool: */
	struct buf arguments;           /* its input, else JSON text */
	struct str signature;           /* of reasoning */
	const struct json *native;      /* as a server of this protocol made it */
};

/* NULL when memory is out. */
struct responses_item *responses_item_new(struct arena *arena, enum responses_item_kind kind);
struct responses_part *responses_part_add(struct arena *arena, struct responses_item *item, enum responses_part_kind kind); /* and opens it */

/* A piece more, with the logprobs of its tokens (a JSON array, or empty). A failure sticks in its buffers. */
void responses_part_grow(struct responses_part *part, struct str text, struct str logprobs);

/* The logprobs of a whole part as a JSON array; empty when memory is out. */
struct str responses_logprobs(struct arena *arena, const struct responses_part *part);

/* Whether a call's arguments are a whole JSON value, so that nothing more is to come. Of a custom tool's input nobody knows. */
bool responses_arguments_whole(struct arena *arena, const struct responses_item *call);

void responses_part_put(struct json_out *out, const struct responses_part *part, bool whole);

/* An item as a client sees it, or as it begins: without what comes in pieces. */
void responses_item_put(struct json_out *out, const struct responses_ask *ask, const struct responses_item *item, bool whole);

/* A url_citation, or a file_citation for what file_search found. Positions count from the begin of the part. */
void responses_annotation_put(struct json_out *out, const struct citation *citation, int64_t text_before);

struct str responses_usage_json(struct arena *arena, const struct usage *usage);

/* Whether events are sent, and one event: begun with its type and sequence number, then sent (or put among the last). */
bool responses_is_live(const struct responses_encoder *encoder);
void responses_event_begin(struct responses_encoder *encoder, struct json_out *out, const char *name);
MAY_PARK const struct err *responses_event_send(struct responses_encoder *encoder, struct json_out *out, const char *name, bool last);

/* The same for an event about an item, which names it. */
void responses_item_event_begin(struct responses_encoder *encoder, struct json_out *out, const char *name, const struct responses_item *item);

/* Events about an item, whole or as it begins: it, a part of it, its arguments; a piece or the whole of a text, under `key`; how a search is. Nothing where no events are sent. */
MAY_PARK const struct err *responses_emit_item(struct responses_encoder *encoder, const char *name, const struct responses_item *item, bool whole, bool last);
MAY_PARK const struct err *responses_emit_part(struct responses_encoder *encoder, const char *name, const struct responses_item *item, const struct responses_part *part, bool whole,
	bool last);
MAY_PARK const struct err *responses_emit_text(struct responses_encoder *encoder, const char *name, const struct responses_item *item, const struct responses_part *part, const char *key,
	struct str text, struct str logprobs, bool last);
MAY_PARK const struct err *responses_emit_arguments(struct responses_encoder *encoder, const struct responses_item *item, bool whole, struct str text, bool last);
MAY_PARK const struct err *responses_emit_search(struct responses_encoder *encoder, const char *name, const struct responses_item *item, bool last);

/* An event of a target that speaks this protocol itself, but its start and its usage. */
MAY_PARK const struct err *responses_native_event(struct responses_encoder *encoder, const struct event *event);

/* Fills encoder->kept with what is to be stored. */
const struct err *responses_keep(struct responses_encoder *encoder);

/* tx_fn of the encoder's answer_keep. */
MAY_PARK const struct err *responses_kept_write(struct tx *tx, void *arg);
