/*
 * models.h - what can be put into "model": for the lists in the shapes of several protocols.
 */
#pragma once

#include "api/api.h"

struct model_name {
	struct str name, owner;
};

/* The models that the caller may use: those of the configuration, then the built-in ones. In the request's arena; *out NULL: no memory. */
void models_allowed(const struct api_request *request, struct model_name **out, size_t *count);
