/*
 * balance.h - in which order the targets of a model are tried. Pure: figures in, an order out.
 */
#pragma once

#include <stddef.h>

#include "conf/routing.h"

/* One target as balancing sees it. */
struct choice {
	uint64_t hash;      /* stable: of what it is */
	int64_t weight;     /* 0: after all others */
	double price;       /* cheapest */
	double latency_us;  /* least_latency; 0: not known yet, which is worth finding out */
	unsigned busy;      /* calls in flight */
	size_t index;       /* of the target in the configuration's list: the result */
	double rank;        /* balance_order's own */
};

/*
 * Sorts the best first. By weight it is a rendezvous: each choice's place depends on the key and on itself alone, so that taking one away moves only what was its own, and
 * every node comes to the same order. Where figures are equal, the rendezvous decides too.
 */
void balance_order(enum conf_strategy strategy, uint64_t key, struct choice *choices, size_t count);

/* The arm of a split for a key, by weight. NULL when there is none. */
const struct conf_arm *balance_arm(const struct conf_arm *arms, size_t count, uint64_t key);

/* The key that a text stands for; the same everywhere and for good. `salt` keeps two decisions about one text apart. */
uint64_t balance_key(struct str text, uint64_t salt);

/* A number from 0 to below 1 that a key stands for. */
double balance_share(uint64_t key);
