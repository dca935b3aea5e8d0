/*
 * durable.h - streams that go on when their client leaves, and are taken up again by it, on any node, also after this process was killed.
 *
 * A stream is begun with the commit of its row, which has a lease. Its events, each with a number, go to a feed in memory (rt/feed.h), which clients of this node follow, and from there, a few times a
 * second and for all streams of the node together, to rows, which all other nodes read. The end is stored in the commit of the answer's record. A row whose lease is over before that was made by a
 * process that is gone: whoever reads it ends it.
 *
 * Bounds: what a stream may have said, all of them together, how many go on without a client at once, and for how long. Past one of these a stream ends as any other does.
 */
#pragma once

#include "access/access.h"
#include "answer/response.h"
#include "net/sse.h"
#include "rt/feed.h"

struct durables;
struct durable;

/* What it is a stream of. DURABLE_RESPONSE has its row in `response` (response.h), the others in `answer_stream`. */
enum durable_kind { DURABLE_NONE, DURABLE_CHAT, DURABLE_MESSAGES, DURABLE_UI, DURABLE_RESPONSE };

/* How long the events of a stream are there to be read, from its begin on, and while it is in progress. Those of a stored response are there as long as it is. */
#define DURABLE_KEPT_US (3600 * USEC_PER_SEC)

struct durable_bounds {
	size_t bytes_max, all_bytes_max; /* of what one stream has said, and all of them */
	unsigned left_max;               /* streams without a client */
	int64_t alone_us;                /* how long one of them goes on */
};
extern const struct durable_bounds durable_bounds_default; /* docs/streams.md */

/* For a process: its fiber runs on the calling loop. `stopping`: streams whose client has left end once it is true. ERR_BUSY: no fiber is to be had. */
const struct err *durables_start(struct store *store, const struct durable_bounds *bounds, const atomic_bool *stopping, struct durables **out);
MAY_PARK void durables_stop(struct durables *durables); /* all streams have ended */

/* The name of this process in rows. */
struct str durables_owner(const struct durables *durables);

/* The lease of a row that is written now. */
int64_t durable_lease_us(void);

struct durable_spec {
	enum durable_kind kind;
	int64_t tenant;
	struct str id, alias, key_id;
	const struct response_kept *response; /* DURABLE_RESPONSE: its row as it begins */
	struct http_exchange *http;
};

/*
 * Stores the stream and makes it the exchange's keeper. The running fiber is then in a scope that the client's leaving does not end, until durable_close. An error: it could not be stored.
 */
MAY_PARK const struct err *durable_open(struct durables *durables, struct arena *arena, const struct durable_spec *spec, struct durable **out);

/* The client has left. */
bool durable_left(const struct durable *durable);

/* The bound that it has met; what it said from there on is lost for those who take it up. NULL: none, all of it is kept. */
const struct err *durable_cut(const struct durable *durable);

/* The answer's id as the client sees it. The first that is given counts. */
void durable_alias(struct durable *durable, struct str alias);

/* The events of the end, for durable_store_in; in the arena. */
const struct err *durable_seal(struct durable *durable, struct arena *arena, struct str events);

/* tx_fn, within the commit of the record: what is not stored yet, and the end. */
MAY_PARK const struct err *durable_store_in(struct tx *tx, void *durable);

/* Ends it for its followers, who get what was sealed if that is committed, and else wait for what the row says. */
void durable_finish(struct durable *durable, bool committed);

/* Leaves its scope; the exchange has no keeper any more. On the fiber that opened it. */
void durable_close(struct durable *durable);

/* --- taking one up --- */

/* The stream of this id or alias and this key (empty: of any) that is made here, the newest if there are several; held once. NULL: none. */
struct durable *durable_find(struct durables *durables, int64_t tenant, enum durable_kind kind, struct str id, struct str key_id);
void durable_unref(struct durable *durable); /* NULL is allowed */
struct feed *durable_feed(const struct durable *durable);
bool durable_finished(const struct durable *durable); /* the feed, which has ended, has the end of the stream */
struct str durable_id(const struct durable *durable);

/* Ends it: somebody wants that. */
void durable_stop(struct durable *durable);

/* A stream as it is stored. */
struct durable_stored {
	struct str id, alias, key_id, owner;
	int64_t created_us, ended_us, lease_until_us;
	bool seen;                 /* a client has had its end */
};

/* By id or alias, and key (empty: any), the newest. *found false: there is none. */
MAY_PARK const struct err *durable_get(
	struct store *store, struct arena *arena, int64_t tenant, enum durable_kind kind, struct str id, struct str key_id, struct durable_stored *out, bool *found);

/* Whether nobody goes on with it: its lease is over, or its process was the only one of this database and is gone. */
bool durable_abandoned(const struct durables *durables, struct str owner, int64_t lease_until_us);

/* Ends one that is abandoned, with these events, which have the numbers `first` to `last`. No effect on one that has ended, or whose lease was renewed since `stored` was read. */
MAY_PARK const struct err *durable_end(struct store *store, struct arena *arena, int64_t tenant, const struct durable_stored *stored, struct str events, int64_t first, int64_t last);

/* A client has had the end. */
MAY_PARK const struct err *durable_seen(struct store *store, struct arena *arena, int64_t tenant, struct str id);

/* Asks the process that makes it to end it, in well under a second. */
MAY_PARK const struct err *durable_want_cancel(struct store *store, struct arena *arena, int64_t tenant, struct str id);

/* The number of an event with an "id:" line; -1: it has none. And whole events, one after the other. */
int64_t durable_number(struct str event);
bool durable_next_event(struct str *rest, struct str *event);
