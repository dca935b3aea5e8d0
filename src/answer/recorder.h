/*
 * recorder.h - the sink between a provider and the client: it remembers what the record needs, and holds back the end of the answer until the record is committed.
 */
#pragma once

#include "gateway/event.h"
#include "infer/tokenizers.h"

enum { RECORDER_CHOICES_MAX = 16, RECORDER_TEXT_MAX = 64 * 1024 * 1024, RECORDER_HELD_MAX = 4096 };

struct recorded_tool;

/* One choice, as far as it came. */
struct recorded_choice {
	struct buf text, message;   /* message: recorder_message */
	struct recorded_tool *tools;
};

struct recorder {
	struct sink sink;           /* give this to the gateway */
	struct sink *out;
	MAY_PARK const struct err *(*began)(void *arg, const struct recorder *recorder); /* called with the first event, before it goes on; or NULL */
	void *began_arg;
	struct arena *arena;
	struct recorded_choice *choices[RECORDER_CHOICES_MAX]; /* NULL: nothing has come of it */
	int64_t reasoning;          /* tokens of it so far, as we estimate them; its text is not kept */
	int64_t first_us;           /* monotonic, of the first event with content; 0: none */
	struct str response_id, served_model, finish_reason; /* finish_reason: the first choice's */
	struct held *held, **held_end;
	unsigned held_count;
};

/* NULL, or err_no_memory. */
const struct err *recorder_init(struct recorder *recorder, struct arena *arena, struct sink *out);

/* The first choice's text so far. */
struct str recorder_text(const struct recorder *recorder);

/* Output tokens of what came, counted or estimated by us: for an answer that was cut. */
MAY_PARK int64_t recorder_tokens(const struct recorder *recorder, struct tokenizers *tokenizers, struct str model);

/*
 * A choice as a message: {"role":"assistant","content":…}, valid as long as the recorder's arena and until it is asked for again. ptr NULL: nothing has come of this choice; the first one is then an empty
 * message.
 */
const struct err *recorder_message(struct recorder *recorder, unsigned choice, struct str *out);

/* Sends what was held back, citations first. */
MAY_PARK const struct err *recorder_release(struct recorder *recorder, const struct citation *citations, size_t count);
