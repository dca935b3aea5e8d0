/*
 * attempt.h - one target asked once.
 */
#pragma once

#include "gateway/provider.h"
#include "telemetry/trace.h"

/*
 * Asks decoder->target, and sends what it says to decoder->sink. A cancelled scope closes the upstream connection at once. An upstream that breaks off or ends without a finish is
 * ERR_UPSTREAM, never a clean end. *cause is FAILURE_NONE when it went well. The error lies in the decoder's arena. The span's id goes upstream as traceparent.
 */
MAY_PARK const struct err *attempt_run(struct decoder *decoder, const struct span *span, enum failure_cause *cause);

/* As attempt_run, with the request written already by the provider's `request`; what it points to is kept by the caller. Of the decoder's call, no messages are needed. */
MAY_PARK const struct err *attempt_send(struct decoder *decoder, struct http_call_spec *request, const struct span *span, enum failure_cause *cause);

/* An answer that is read whole, and by no decoder. */
struct attempt_answer {
	struct str body;
	struct http_headers headers; /* a copy */
	bool read;                   /* with an error too: the provider has read the request, or may have, and will bill it; as decoder_was_read */
};

/*
 * A request that is answered whole, by at most `answer_max` bytes. What proves who calls, and what an error answer means, is the target's kind's. *cause is as of attempt_run. `span` NULL: of no trace.
 */
MAY_PARK const struct err *attempt_post(const struct target *target, struct arena *arena, struct http_call_spec *request, const struct span *span, size_t answer_max,
	struct attempt_answer *out, enum failure_cause *cause);
