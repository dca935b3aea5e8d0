/*
 * dial.h - a TCP connection to the first of several addresses that takes one (RFC 8305: the next one is tried beside those that have not answered yet).
 */
#pragma once

#include "net/resolve.h"

/*
 * *fd is connected, non-blocking, without Nagle's delay. ERR_FORBIDDEN: `public_only`, and none of the addresses is public; ERR_UNAVAILABLE: none could be reached within timeout_us; ERR_CANCELLED or
 * ERR_TIMEOUT of the scope.
 */
MAY_PARK const struct err *dial(struct arena *arena, const struct resolved *addresses, bool public_only, int64_t timeout_us, int *fd);
