/*
 * single.h - what the endpoints of embeddings, rerank and moderations have in common: limits, and the way to answer/single.h.
 */
#pragma once

#include "answer/single.h"
#include "api/api.h"

/* Fills what every such request has, but its model, its source and what it expects to use; "user" comes from the body. */
void single_begin(struct single *call, struct api_request *request, const struct single_kind *kind, struct span *root);

/* Checks the model against the caller's policies, counts the call against the limits, and runs it. */
MAY_PARK const struct err *single_answer(struct single *call, struct api_request *request);
