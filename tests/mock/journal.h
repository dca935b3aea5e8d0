/*
 * journal.h - what the mock was asked, and how each exchange ended, for tests to read.
 *
 * The journal is a ring: it keeps the last 4,096 requests and at most 256 MiB of their text. A record is named by its id, so that one
 * which has fallen out is simply no longer updated.
 */
#ifndef MOCK_JOURNAL_H
#define MOCK_JOURNAL_H

#include "http.h"

enum exchange_end {
	END_OPEN,	 /* still under way */
	END_ANSWERED,	 /* the whole answer was handed to the kernel */
	END_PEER_CLOSED, /* the peer closed the connection before that */
	END_PEER_RESET,	 /* the peer reset it before that */
	END_MOCK_CLOSED, /* the mock closed it, as the plan said */
	END_MOCK_RESET,	 /* the mock reset it, as the plan said */
};

struct stats {
	uint64_t connections;
	uint64_t requests; /* to the services; control requests are not counted */
	uint64_t canned;   /* of these, answered by the fast path, which keeps no record */
	uint64_t answered;
	uint64_t peer_closed;
	uint64_t peer_reset;
	uint64_t mock_closed;
	uint64_t mock_reset;
	uint64_t bytes_in;
	uint64_t bytes_out;
	int64_t open_connections; /* these two are states, and survive a reset */
	int64_t open_exchanges;
	int64_t open_exchanges_max; /* the highest since the last reset */
};

extern struct stats stats;

/* Microseconds of CLOCK_MONOTONIC since the mock started. */
int64_t journal_now_us(void);
void journal_init(void);

/* Begins the record of a request whose first byte came at `start_us`; returns its id. */
uint64_t journal_add(const struct request *request, uint64_t connection, int64_t start_us);

/* The first byte of the answer is on its way. */
void journal_first_byte(uint64_t id);

/* The exchange is over: `pieces` of its body and `bytes` in all were sent. */
void journal_end(uint64_t id, enum exchange_end end, long pieces, uint64_t bytes);

/* The peer closed the connection on which this was the last exchange. */
void journal_peer_closed(uint64_t id);

/* Forgets all records and counts. */
void journal_reset(void);

/* Append the JSON of the control endpoints. Records with ids above `after` only. */
void journal_write_requests(struct bytes *out, uint64_t after);
void journal_write_stats(struct bytes *out);

#endif
