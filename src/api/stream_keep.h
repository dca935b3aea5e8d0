/*
 * stream_keep.h - streams that go on when their client leaves: which do, and what is kept of them with the answer's record. See answer/durable.h, and stream_resume.h for how they are taken up again.
 */
#pragma once

#include "api/dialect.h"

struct stream_keep;

/*
 * Before the answer is made: where its model says `on_disconnect: continue` and the dialect has such streams, stores one, puts what keeps it into `answer`, and gives the client its id in the header x-corbel-stream.
 * *out is NULL for any other answer. An error: it could not be stored, and no answer is to be made.
 */
MAY_PARK const struct err *stream_keep_begin(struct api_request *request, struct answer *answer, struct encoder *encoder, struct stream_keep **out);

/* The record is committed, or could not be: those who follow the stream get its end. NULL is allowed. */
void stream_keep_settled(struct stream_keep *keep);

/* The answer is over. `err`: how, for the client; returns it, or NULL when it has left before. `keep` NULL is allowed. */
const struct err *stream_keep_end(struct stream_keep *keep, const struct err *err);
