/*
 * links.h - links to passages that a reader can open: signed, so that a citation opens in a browser without a key and opens nothing else.
 *
 * The signature is HMAC-SHA-256 over the tenant, the version's id and the passage's number, with a secret that all nodes on the database share, cut
 * to 16 bytes.
 */
#pragma once

#include "api/api.h"
#include "gateway/call.h"

struct context_passage;

/* Fills passage->url: BASE/documents/VERSION?from=N&count=1&tenant=T&sig=HEX#cited. `arg` is the api_request. */
const struct err *link_passage(void *arg, struct arena *arena, struct context_passage *passage);

/* True when the request's query has a valid signature for this version and passage; then *tenant is whose it is. */
bool link_check(struct api_request *request, struct str version_id, int64_t from, int64_t *tenant);

/* "http://127.0.0.1:8321": where clients reach this server, by the configuration or else by the request's own Host. */
struct str link_base(struct api_request *request);

extern const struct setting_table link_settings;
