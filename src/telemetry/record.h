/*
 * record.h - the record of an interaction: what was asked, what answered, from which sources, at what price; committed before the last byte of the answer.
 *
 * One transaction writes the spans, the interaction, its messages (each body stored once by its hash), its retrieved passages and its usage. A room above may put more
 * into the same commit through record_write.
 */
#pragma once

#include "base/arena.h"
#include "conf/models.h"
#include "store/store.h"
#include "telemetry/price.h"
#include "telemetry/trace.h"
#include "telemetry/usage.h"

enum outcome { OUTCOME_OK, OUTCOME_ERROR, OUTCOME_CANCELLED };

struct record_message {
	struct record_message *next;
	bool output;            /* from the model */
	struct str role;
	struct str body;        /* the message as JSON, or plain text of an answer */
};

struct record_source {
	struct record_source *next;
	struct str version_id, document_id, path;
	int64_t chunk;          /* row id */
	unsigned ordinal, rank;
	double score;
	bool cited;
};

/* What one target has used and cost, of a call that several answered in turn. */
struct record_part {
	struct record_part *next;
	struct str provider_kind, model, price_version;
	struct usage usage;
	int64_t cost_nanos;
};

struct record {
	struct trace *trace;
	struct span *root;             /* of the request: its id is the interaction's */
	int64_t tenant;
	struct str request_id;         /* what x-request-id said: 32 hex digits, as of id_new */
	struct str response_id;        /* id of the answer, as the client saw it */
	struct str operation;          /* "chat", "text_completion", "embeddings", "rerank", "moderations" */
	struct str key_id, conversation;
	struct str team, user, tags;   /* for the ledger; may be empty */
	struct str provider_kind;      /* whose prices count */
	struct str model;              /* as asked */
	struct str provider, target_model, served_model; /* who was called; what it says it is */
	struct str route;              /* the model of the configuration whose target was called: `model`, an arm of its split, or a fallback */
	unsigned attempts;             /* calls to targets */
	struct str config_version;     /* of the route and prompt that were in force */
	struct str parameters;         /* JSON object: temperature and so on */
	enum conf_capture capture;     /* none: figures only; usage: and parameters; full: and messages */
	bool stream;
	struct record_message *messages, **messages_end;
	struct record_source *sources, **sources_end;
	struct usage usage;
	struct record_part *parts, **parts_end; /* what usage and cost are the sums of; none: they are one target's */
	struct str price_version;      /* empty: no price known */
	int64_t cost_nanos;            /* price in 1e-9 of the currency (US dollar); exact sum of the usage kinds */
	struct str cache;              /* how the answer came from the cache: "hit", "semantic", "shared"; empty: it did not, and what follows is 0 */
	double cache_similarity;       /* of the question to the one that was answered then: 1 but for "semantic" */
	int64_t saved_input, saved_output, saved_nanos; /* what it would have taken upstream */
	struct str finish_reason;
	enum outcome outcome;
	const struct err *err;
	int status;                    /* HTTP */
	MAY_PARK tx_fn *also;                   /* what a room above writes in the same transaction, or NULL */
	void *also_arg;
	int64_t started_us, duration_us, first_chunk_us; /* wall; durations; first_chunk 0: no chunk */
};

void record_init(struct record *record, struct trace *trace);
void record_message_add(struct record *record, bool output, struct str role, struct str body); /* views kept */
void record_part_add(struct record *record, const struct record_part *part); /* copied, but for its texts */
struct record_source *record_source_add(struct record *record); /* NULL: memory */

/* Writes it all within a transaction. */
MAY_PARK const struct err *record_write(struct tx *tx, const struct record *record);

/* record_write in a transaction of its own, using a slot reserved with store_reserve. */
MAY_PARK const struct err *record_commit(struct store *store, struct arena *arena, const struct record *record);

/* Moves the metrics of a finished interaction: tokens, cost, durations, errors. */
void record_count(const struct record *record);

/* Reading records back. */
struct trace_summary {
	struct str trace_id, request_id, response_id, operation, model, provider, target_model, outcome, error_type, finish_reason, key_id;
	int64_t started_us, duration_us, first_chunk_us, input_tokens, output_tokens, cost_nanos;
	bool estimated;
	int status;
};
/* Newest first; `before`: a request id that is not included any more, or empty. */
MAY_PARK const struct err *record_list(struct store *store, struct arena *arena, int64_t tenant, struct str before, unsigned limit, struct trace_summary **out, size_t *count);

/* Bytes of messages that record_show shows at most: of one that goes over, its length alone is told. */
enum { RECORD_BODIES_MAX = 8 * 1024 * 1024 };

/*
 * One interaction whole with the spans of its trace, as JSON (the shape is in docs/api.md); `id`: request, response or trace id (its newest interaction). ERR_NOT_FOUND. Takes twice as
 * much as the messages have of the arena, and of `out` up to six times, if they are nothing but control characters.
 */
MAY_PARK const struct err *record_show(struct store *store, struct arena *arena, int64_t tenant, struct str id, struct buf *out);
