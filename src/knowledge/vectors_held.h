/*
 * vectors_held.h - what the search of vectors keeps of the collections that are asked: a copy in memory on SQLite, a count on PostgreSQL. Inside vectors only.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "knowledge/gate.h"
#include "knowledge/vectors.h"
#include "knowledge/vectors_memory.h"

#define VECTORS_TOPIC "search_vectors" /* of change notices */
enum { VECTORS_SLICES_MAX = 16 };

/* A collection's vectors of one model. */
struct held {
	struct str key;
	int64_t collection;
	struct str model;
	struct gate gate;           /* around following: what follows here */
	struct vector_table *table; /* SQLite; NULL until it is loaded */
	int64_t seq, drop_seq;      /* of what it knows */
	atomic_bool stale;          /* something may have changed since it began to follow */
	atomic_bool following;      /* somebody is inside the gate: what he knows already is not there yet */
	atomic_size_t count;        /* PostgreSQL */
	_Atomic int64_t counted_us; /* 0: never */
	_Atomic int64_t generation; /* of the collection, at least, when it was last brought up to date */
	unsigned users;             /* under vectors.lock, as `used_us` */
	int64_t used_us;
};

struct vectors {
	struct store *store;
	struct pool *pool;
	unsigned slices;            /* that a scan is cut into */
	atomic_bool grown;          /* a copy in memory, since somebody looked whether all still fit */
	pthread_mutex_t lock;       /* what follows */
	struct map held;            /* key -> struct held */
};

/* The query's collection, up to date; kept until it is released. */
MAY_PARK const struct err *held_take(struct vectors *vectors, struct arena *arena, const struct vector_query *query, struct held **out);
void held_release(struct vectors *vectors, struct held *held);
