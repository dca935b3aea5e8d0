/*
 * opening.h - which conversation a call belongs to, for routes that keep a conversation at one target.
 */
#pragma once

#include "conf/models.h"
#include "gateway/call.h"

/*
 * What stays the same through a conversation: the name that the call gives it, else its prompt_cache_key, else a hash of how the conversation began: its instructions and the first thing that
 * the user said. Empty for a model that keeps no conversation together: then nothing is read but the model's settings. ptr NULL: no memory.
 */
struct str opening_conversation(struct arena *arena, const struct call *call, const struct conf *conf, const struct conf_model *model);
