/*
 * litellm.h - a configuration of LiteLLM's proxy, read and written again as one of ours.
 *
 * What has a counterpart here is taken over; what has none, or only one that behaves otherwise, is a note that names its line and says what to do instead. Nothing is dropped
 * in silence, and what is written passes `corbel check` once the environment has the names it refers to, unless a value stood there that no server could use: check names it.
 * Bounded as conf/yaml.h is.
 */
#pragma once

#include "base/arena.h"
#include "conf/problem.h"

enum litellm_note_kind {
	LITELLM_CHANGED,  /* taken over, and not quite the same */
	LITELLM_LEFT_OUT, /* not taken over */
};

struct litellm_note {
	struct litellm_note *next;
	enum litellm_note_kind kind;
	unsigned line;      /* of the file that was read */
	struct str setting; /* "router_settings.redis_host" */
	struct str text;    /* what became of it, and what to do; never a value of the file, which may be a secret */
};

/* A name that the result takes from the environment. */
struct litellm_name {
	struct litellm_name *next;
	struct str name;
	bool optional; /* written with a default everywhere */
};

struct litellm_import {
	struct str yaml; /* the configuration; may hold keys that stood in the file */
	size_t providers, models, targets;
	const struct litellm_note *notes; /* by line */
	size_t changed, left_out;
	const struct litellm_name *environment; /* in the order of use */
};

/* Reads `text` (of `source`, for messages). False after a problem: then the file was not understood at all, and `out` is empty. All of it lies in the arena. */
bool litellm_import(struct arena *arena, struct str source, struct str text, struct problems *problems, struct litellm_import *out);
