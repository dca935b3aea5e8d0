/*
 * response.h - answers that are kept to go on from: responses with what went in and came out, and conversations.
 *
 * A response is written in the commit of its record. It holds its own input and output; what came before is found through `previous`, or in its conversation, so that n turns cost
 * n turns' worth of rows. Bodies are stored once by their hash; a key sees its tenant's only.
 */
#pragma once

#include "crypto/hash.h"
#include "gateway/call.h"
#include "store/store.h"

/* Something said or done: a message, a tool call and its result, reasoning. */
struct response_item {
	struct str id;            /* "msg_…" */
	struct str body;          /* JSON object without the id; ptr NULL: past its retention */
	bool output;              /* made by the model */
	bool reference;           /* in a request: named by its id only, body to be found… */
	struct message **place;   /* …and its message belongs here */
	int64_t position;
	bool stale;               /* its body was last used on an earlier day */
	bool local_only;          /* of response_chain and response_item_get: what it stands in is never to reach a hosted provider */
	unsigned char hash[HASH_SHA256_SIZE];
};

/* What is written of a response. */
struct response_kept {
	int64_t tenant;
	struct str id, status, previous, conversation, request_id;
	int64_t created_us, completed_us;
	bool background;
	bool begun;                            /* its row is there since it began */
	bool local_only;                       /* what goes on from it reaches no hosted provider; so does its conversation from now on */
	struct str head;                       /* JSON: what it repeats of its request */
	struct str error, incomplete, usage;   /* JSON, or empty */
	struct str owner;                      /* of a response that goes on without its client: the process that makes it */
	int64_t lease_until_us;
	const struct response_item *items;     /* input, then output */
	size_t item_count;
	const struct response_item *context;   /* what it goes on from: kept as long as this */
	size_t context_count;
	struct str frames;                     /* of a background response: events from `first` to `last`, for response_events */
	int64_t first, last;
	unsigned char (*hashes)[HASH_SHA256_SIZE], head_hash[HASH_SHA256_SIZE]; /* response_kept_prepare */
	int64_t day;
};

/* Computes what the transaction need not. The arena lives as long as the write. */
const struct err *response_kept_prepare(struct arena *arena, struct response_kept *kept);

/* Writes it within a transaction: the response, its items and, when it has ended well, its conversation's. A background response is written when it begins, without output, and again at its end. */
MAY_PARK const struct err *response_kept_write(struct tx *tx, const struct response_kept *kept);

/* A response as it is stored. */
struct response_stored {
	struct str id, status, previous, conversation, head, error, incomplete, usage, owner;
	int64_t created_us, completed_us, lease_until_us;
	bool background, cancel;
};

/* ERR_NOT_FOUND names it, and `param` as the parameter that is wrong. */
MAY_PARK const struct err *response_get(struct store *store, struct arena *arena, int64_t tenant, struct str id, const char *param, struct response_stored *out);
MAY_PARK const struct err *response_delete(struct store *store, struct arena *arena, int64_t tenant, struct str id);

/* All items of a response or conversation. */
MAY_PARK const struct err *response_items(struct store *store, struct arena *arena, int64_t tenant, struct str owner, struct response_item **out, size_t *count);

/*
 * Everything said up to and with a response, the earliest first. ERR_NOT_FOUND: it or one it goes on from is not there; ERR_CONFLICT: it has not ended, or not well; ERR_TOO_LARGE: over `max`.
 */
MAY_PARK const struct err *response_chain(struct store *store, struct arena *arena, int64_t tenant, struct str id, size_t max, struct response_item **out, size_t *count);

/* One page of items; `after` is an item's id, or empty. `input_only`: of a response, without its output. */
MAY_PARK const struct err *response_item_page(struct store *store, struct arena *arena, int64_t tenant, struct str owner, bool input_only, bool descending, struct str after, unsigned limit,
	struct response_item **out, size_t *count, bool *more);

/* An item by its id, whoever holds it (`owner` empty: with local_only), or of one owner. ERR_NOT_FOUND. */
MAY_PARK const struct err *response_item_get(struct store *store, struct arena *arena, int64_t tenant, struct str owner, struct str id, struct response_item *out);

struct conversation {
	struct str id, metadata; /* metadata: JSON object */
	int64_t created_us;
	bool local_only;         /* something in it is: none of it reaches a hosted provider */
};
MAY_PARK const struct err *conversation_create(struct store *store, struct arena *arena, int64_t tenant, struct str metadata, bool local_only, struct response_item *items,
	size_t count, struct conversation *out);
MAY_PARK const struct err *conversation_get(struct store *store, struct arena *arena, int64_t tenant, struct str id, const char *param, struct conversation *out);
MAY_PARK const struct err *conversation_set(struct store *store, struct arena *arena, int64_t tenant, struct str id, struct str metadata, struct conversation *out);
MAY_PARK const struct err *conversation_delete(struct store *store, struct arena *arena, int64_t tenant, struct str id);
/* `local_only`: of who adds them. */
MAY_PARK const struct err *conversation_add(struct store *store, struct arena *arena, int64_t tenant, struct str id, bool local_only, struct response_item *items, size_t count);
MAY_PARK const struct err *conversation_item_delete(struct store *store, struct arena *arena, int64_t tenant, struct str id, struct str item);

/* Deletes responses older than this, conversations not used since, and bodies nobody has used since, in small steps. */
MAY_PARK const struct err *response_retain(struct store *store, struct arena *arena, int64_t before_us);

/* --- responses in the making --- */

/* Queued or in progress. */
bool response_unfinished(const struct response_stored *stored);

/* What a background response has said since, and that its process is alive. */
struct response_progress {
	int64_t tenant;
	struct str id;
	int64_t lease_until_us;
	struct str frames;         /* as they go over the wire; may be empty */
	int64_t first, last;       /* their sequence numbers */
};

/* Within a transaction. *there: it was not deleted or ended meanwhile; *cancel: somebody wants its end. */
MAY_PARK const struct err *response_progress(struct tx *tx, const struct response_progress *progress, bool *there, bool *cancel);

/* Within a transaction: events with the numbers `first` to `last`, in as many rows as they need; nothing where there are none. */
MAY_PARK const struct err *response_events_put(struct tx *tx, int64_t tenant, struct str id, int64_t first, int64_t last, struct str frames);

/* Runs of frames with events behind number `after`, in order, some at a time; a run may begin before it. None: there are no more now. */
MAY_PARK const struct err *response_events(struct store *store, struct arena *arena, int64_t tenant, struct str id, int64_t after, struct str **out, size_t *count);

/* The last of those runs, and the number of its last event; -1 and nothing: there is none. */
MAY_PARK const struct err *response_events_last(struct store *store, struct arena *arena, int64_t tenant, struct str id, struct str *out, int64_t *number);

/* Asks the process that makes it to end it. */
MAY_PARK const struct err *response_want_cancel(struct store *store, struct arena *arena, int64_t tenant, struct str id);

/* The end of a response that nobody goes on with: what it had said, and its last event. */
struct response_end {
	int64_t tenant;
	struct str id, status, error;
	int64_t completed_us;
	int64_t lease_until_us;    /* as it was found */
	struct response_item *items;
	size_t count;
	struct str frames;
	int64_t sequence;
};

/* No effect on one that has ended meanwhile, or whose lease was renewed. */
MAY_PARK const struct err *response_end(struct store *store, struct arena *arena, struct response_end *end);
