/*
 * caching.h - what is kept of a model's answers, to be given again.
 *
 * Read out of the file by conf/caching.c, used by src/cache. Part of the snapshot, like all of models.h.
 */
#pragma once

#include "base/str.h"

enum { CONF_ANSWERS_HASH = 32 };

/* Who shares an answer. Tenants never do. */
enum conf_cache_scope { CONF_CACHE_TENANT, CONF_CACHE_KEY, CONF_CACHE_USER };
enum conf_cache_what { CONF_CACHE_ALL, CONF_CACHE_DETERMINISTIC };
enum conf_cache_use { CONF_CACHE_ALWAYS, CONF_CACHE_ASKED };

/* Answers to questions that mean the same. */
struct conf_semantic {
	bool given;
	double threshold;   /* cosine */
	int64_t candidates; /* stored questions that are compared, the newest ones */
};

struct conf_cache {
	bool given;
	int64_t ttl_us;
	int64_t entry_bytes_max;
	enum conf_cache_scope scope;
	enum conf_cache_what what;
	enum conf_cache_use use;
	bool single_flight; /* identical calls in flight share one upstream call */
	struct conf_semantic semantic;

	/* Of all of the model's configuration that an answer depends on: targets, knowledge. Another hash, other answers. */
	unsigned char answers[CONF_ANSWERS_HASH];
};
