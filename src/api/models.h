/*
 * models.h - what can be put into "model": for the lists in the shapes of several protocols.
 */
#pragma once

#include "api/api.h"

/* The models there are: those of the configuration, then the built-in ones. False past the last. */
bool model_at(const struct api_request *request, size_t index, struct str *name, struct str *owner);
