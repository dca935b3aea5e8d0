/*
 * shadow.h - copies of calls to another target, whose answers go on record and nowhere else.
 *
 * A shadow begins when the client has its answer, runs in the background on the same loop, and can neither delay nor fail anything: what finds no room is dropped and counted. Its record
 * has the operation "shadow", the trace of the call that cast it, and no key: nobody is charged for it.
 */
#pragma once

#include "answer/answer.h"

struct runtime;

struct shadows *shadows_new(struct runtime *runtime, const struct answer_services *services); /* copied; what it points to outlives the shadows */

/* Ends what runs, on every loop; no call may cast any more. From a fiber of any loop. */
MAY_PARK void shadows_stop(struct shadows *shadows);
void shadows_free(struct shadows *shadows); /* NULL is allowed */

/* After an answer that was asked for: casts its shadow when its model has one and the draw says so. `conf` is held by the caller now, and by the shadow as long as it runs. */
MAY_PARK void shadow_cast(struct shadows *shadows, const struct conf *conf, const struct answer *answer);
