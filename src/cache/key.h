/*
 * key.h - what a call's answer is kept under: a hash of all that the answer depends on, and of who may see it.
 *
 * The hash covers the tenant and the scope, the model with what its configuration says of answers, the documents' state, and the call in its inner form, so that requests of
 * different dialects that mean the same have the same key. What of a request the inner form does not carry (members that only its own dialect knows) is hashed as it came,
 * with the dialect; such a call shares with calls of its own dialect alone. How the answer is sent (stream or whole), who the end user is, metadata and hints about
 * prompt caches change no answer and are left out.
 */
#pragma once

#include "conf/models.h"
#include "crypto/hash.h"
#include "gateway/call.h"

/* A collection that the answer is built on, as it is now: the generation moves with every change of what a search in it could find. */
struct cache_source {
	int64_t collection, generation;
};

struct cache_subject {
	int64_t tenant;
	struct str key_id, user;     /* of the caller; hashed where the scope wants them */
	bool local_only;             /* nothing hosted may be asked */
	const struct conf_model *model;
	const struct call *call;
	const struct cache_source *sources;
	size_t source_count;
};

/* Why a call is not cached: a word for the header and the metric ("logprobs"); NULL: it can be. */
const char *cache_unfit(const struct cache_subject *subject);

/* The key of exactly this call. NULL, or err_no_memory. */
const struct err *cache_key(struct arena *arena, const struct cache_subject *subject, unsigned char out[HASH_SHA256_SIZE]);

/*
 * The key of the call without its question (the text of the last message, which is the user's), and the question; text.ptr NULL: it has none that could be compared by its
 * meaning, because the call has tools or anything else than text.
 */
const struct err *cache_near_key(struct arena *arena, const struct cache_subject *subject, unsigned char out[HASH_SHA256_SIZE], struct str *question);
