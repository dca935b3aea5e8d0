/*
 * cached.h - an answer's way through the cache: found there, followed in flight, or made and kept. The parts are in src/cache.
 *
 * A model without a cache pays one comparison for all of this.
 */
#pragma once

#include "answer/answer.h"
#include "answer/recorder.h"

/*
 * The stage "cache". Answers the call from a kept answer or an identical call in flight, and sets answer->answered; or makes this call the one that others may follow, which
 * cached_attempt makes. What goes wrong with the cache itself is a miss.
 */
MAY_PARK const struct err *cached_answer(const struct answer_services *services, struct answer *answer, struct recorder *recorder);

/* The stage "attempt" of a model that has a cache: as gateway_call. */
MAY_PARK const struct err *cached_attempt(const struct answer_services *services, struct answer *answer, struct recorder *recorder);

/* Once the record is filled in: makes what cached_store_in needs, if the answer is one to be kept. */
void cached_prepare(const struct answer_services *services, struct answer *answer);

/* Within the record's transaction. */
MAY_PARK const struct err *cached_store_in(struct tx *tx, const struct answer *answer);

/* After the commit (`err`: that it failed): nobody gets on any more, and who waits for what was never begun asks for himself. */
void cached_end(struct answer *answer, const struct err *err);
