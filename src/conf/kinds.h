/*
 * kinds.h - the kinds of providers: where each is, and which settings it needs and takes.
 *
 * A kind's name is also the name of its file's `struct provider` (gateway/provider.h, provider_find).
 */
#pragma once

#include "base/str.h"

struct conf_provider;
struct reader;
struct yaml;

/* How a kind proves who calls. */
enum conf_auth {
	CONF_AUTH_KEY_IF_ANY, /* api_key, or nothing */
	CONF_AUTH_KEY,        /* api_key */
	CONF_AUTH_AZURE,      /* api_key, or tenant_id, client_id and client_secret */
	CONF_AUTH_AWS,        /* access_key_id and secret_access_key, or api_key */
	CONF_AUTH_GOOGLE,     /* credentials */
};

struct conf_kind {
	const char *name;
	const char *base_url;     /* of the public service, may hold {region} or {location}; NULL: must be given */
	enum conf_auth auth;
	const char *takes[8];     /* settings of providers that only some kinds take; ends with NULL */
	const char *needs[2];     /* those of them that must be given, beside `auth` */
	unsigned apis;            /* CONF_API_…: what it serves beside chat */
	unsigned may;             /* …and what a provider's `apis` may say that it serves: the endpoints we can speak with this kind */
};

/* By the index that the configuration's `kind` is read as. */
const struct conf_kind *conf_kind_at(size_t index);

/* The names, for the row of `kind`; ends with NULL. */
extern const char *const conf_kind_names[];

/* The names of what a kind may serve beside chat, by the bits of CONF_API_…; ends with NULL. */
extern const char *const conf_api_names[];

/* Completes a provider that was read (base_url, what its credentials hold), and notes what its kind lacks or does not take. */
void conf_kind_finish(struct reader *reader, const struct yaml *node, struct conf_provider *provider);
