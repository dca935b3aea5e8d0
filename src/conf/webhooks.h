/*
 * webhooks.h - servers that are told what happened: the list `webhooks` of the configuration.
 */
#pragma once

#include "base/str.h"

struct conf;

/* What can be told. Stored as a number in webhook_event and as a bit in webhook: new ones go to the end. */
enum conf_event {
	CONF_EVENT_USAGE,            /* entries of the ledger */
	CONF_EVENT_BUDGET_THRESHOLD,
	CONF_EVENT_BUDGET_SPENT,
	CONF_EVENT_KEY_CREATED,
	CONF_EVENT_KEY_UPDATED,
	CONF_EVENT_KEY_REVOKED,
	CONF_EVENT_WEBHOOK_GAP,      /* events were lost to this webhook; told to all of them, whatever they asked for */
	CONF_EVENTS
};

struct conf_webhook {
	struct str name, url;
	struct str secret, previous_secret; /* bytes; the previous one may be empty */
	unsigned events;                    /* bits 1 << enum conf_event */
	int64_t give_up_us, retention_us, events_max;
	bool allow_private;                 /* may be at an address that is not public, and without TLS */
};

/* In the order of the file. */
const struct conf_webhook *conf_webhooks(const struct conf *conf, size_t *count);

/* "usage", "budget.threshold"…; false for another name. */
const char *conf_event_name(enum conf_event event);
bool conf_event_parse(struct str name, enum conf_event *out);
