/*
 * route.h - from a request to the reply it gets.
 */
#ifndef MOCK_ROUTE_H
#define MOCK_ROUTE_H

#include "reply.h"

/* Makes the canned answers of the fast path; once, at start. */
void route_init(void);

/* True if the request is for the model `mock-fast`: the reply is then ready, and the request is counted but not recorded. */
bool route_canned(const struct request *request, struct reply *reply);

/* True if the request is one to the mock itself (/_mock/…); the reply is then ready. */
bool route_control(const struct request *request, struct reply *reply);

/* Answers a request to one of the services. `key`: what clients must show, an empty view if anything will do. */
void route_service(const struct request *request, struct str key, struct reply *reply);

#endif
