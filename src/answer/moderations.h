/*
 * moderations.h - whether texts and images are harmful, as a provider sees it: OpenAI's moderations, which Mistral has too.
 */
#pragma once

#include "answer/single.h"

/* For single_run over a struct single. Where results do not say `flagged`, a category that is true says it: call->whole is then written anew. */
extern const struct single_kind moderations_kind;
