/*
 * policy.h - what a tenant, a team or a key may use, and how fast: limits, models, networks, tags. One JSON object in the database, the API and the command line.
 *
 * A policy that is in force is immutable and counted; a change makes a new one. An absent member means no limit of that kind.
 */
#pragma once

#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"

struct json;
struct json_out;

/* How fast; 0: no limit. */
struct limits {
	int64_t requests_per_minute, tokens_per_minute, concurrency;
};

struct network {
	unsigned char address[16]; /* IPv6; IPv4 as ::ffff:a.b.c.d */
	unsigned bits;             /* of the prefix, from 0 to 128 */
};

struct tag {
	struct str name, value;
};

struct policy {
	atomic_uint refs;
	struct arena *arena;
	struct limits limits; /* of all calls together */
	struct limits user;   /* of each end user ("user" of a request) */
	struct str *models;   /* patterns, "*" for any run of characters; none: all models */
	size_t model_count;
	struct network *networks; /* where calls may come from; none: anywhere */
	size_t network_count;
	struct tag *tags;     /* go to the ledger with each call */
	size_t tag_count;
	bool local_only;      /* never reaches a hosted provider */
	bool batch;           /* its calls wait behind those that somebody waits for */
	struct str text;      /* as JSON, in one form */
};

enum { POLICY_TEXT_MAX = 32 * 1024 };

/*
 * From JSON text: ERR_INVALID names the member and what is expected, in `arena`; nothing unknown passes. `text` {} is a policy without limits. *out is held once.
 */
const struct err *policy_parse(struct arena *arena, struct str text, struct policy **out);

/* The text of `base` changed by the members of `change`: null takes a member away. Unchecked; see policy_parse. */
struct str policy_merge(struct arena *arena, struct str base, const struct json *change);

struct policy *policy_ref(struct policy *policy);
void policy_unref(struct policy *policy); /* NULL is allowed */

/* Whether a model's name is allowed. */
bool policy_allows_model(const struct policy *policy, struct str model);

/* Whether a peer ("127.0.0.1:54321", "[::1]:1234") may call; a Unix socket is this machine, 127.0.0.1. */
bool policy_allows_peer(const struct policy *policy, struct str peer);

/* "*" stands for any run of characters, everything else for itself. Linear in pattern times text at worst; both are bounded. */
bool pattern_matches(struct str pattern, struct str text);

/* "10.0.0.0/8", "2001:db8::/32", "192.0.2.7": false when it is none of these, or has bits set behind its prefix. */
bool network_parse(struct str text, struct network *out);
