/*
 * openai_encode.h - what the encoders of OpenAI's two dialects for models, chat and legacy completions, have in common: the frames of a stream, its end, the whole answer.
 */
#pragma once

#include "api/dialect.h"
#include "net/sse.h"

enum { ENCODER_CHOICES_MAX = 16, ENCODER_BYTES_MAX = 64 * 1024 * 1024 };

struct openai_encoder;

/* In what one of them differs. */
struct openai_form {
	const char *id_prefix;        /* of an answer that came without an id */
	const char *whole;            /* the "object" of a whole answer */
	enum durable_kind kind;       /* of its streams */

	/* The chunk of an event that did not come in this dialect; nothing for one that has none. */
	void (*put_chunk)(struct openai_encoder *encoder, struct json_out *out, const struct event *event);

	/* Frames ahead of the first one of the end, or NULL: there are none. */
	void (*add_ahead)(struct openai_encoder *encoder, struct buf *out);

	/* Takes an event of a whole answer. ERR_UPSTREAM, err_no_memory. */
	const struct err *(*gather)(struct openai_encoder *encoder, const struct event *event);

	/* What was gathered, as members of the array "choices". */
	void (*put_choices)(struct openai_encoder *encoder, struct json_out *out);
};

/* An answer being written: as a stream, or gathered and written whole. The first member of each dialect's own. */
struct openai_encoder {
	struct encoder base;
	const struct openai_form *form;
	struct api_request *request;
	const struct call *call;
	struct sse_writer *stream;      /* NULL until the first event, and for a whole answer */
	struct str id, model;
	int64_t created;
	struct buf tail;                /* frames of the end, for one write */
	struct str whole;               /* the upstream's answer, when it can go out as it is */
	struct usage usage;
	bool usage_known;
};

/* NULL, or err_no_memory. */
const struct err *openai_encoder_init(struct openai_encoder *encoder, const struct openai_form *form, struct api_request *request, const struct call *call);

/* The sink's event: what a form does not take for itself. */
MAY_PARK const struct err *openai_encoder_event(struct sink *sink, const struct event *event);

/* ERR_UPSTREAM for an event of a choice beyond ENCODER_CHOICES_MAX. */
const struct err *openai_choice_check(const struct openai_encoder *encoder, const struct event *event);

/* An answer or chunk up to and with the bracket that opens "choices"; the member "usage"; and "finish_reason", null where `finish` is empty. */
void openai_answer_begin(const struct openai_encoder *encoder, struct json_out *out, const char *object);
void openai_usage_put(struct json_out *out, const struct usage *usage);
void openai_finish_put(struct json_out *out, struct str finish);
