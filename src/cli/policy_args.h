/*
 * policy_args.h - what the commands on keys, teams and tenants share: the options that make a policy.
 */
#pragma once

#include "cli/show.h"

/* Rows for a table of options. */
#define POLICY_OPTIONS                                                                                                                                 \
	{ "requests-per-minute", 0, "N", "At most this many calls a minute; none takes the limit away." },                                                \
		{ "tokens-per-minute", 0, "N", "At most this many tokens a minute, read and written; or none." },                                             \
		{ "concurrency", 0, "N", "At most this many calls at once; or none." },                                                                       \
		{ "user-requests-per-minute", 0, "N", "The same for each end user (\"user\" of a request). The three --user options are set together." }, \
		{ "user-tokens-per-minute", 0, "N", "Tokens a minute for each end user." },                                                                   \
		{ "user-concurrency", 0, "N", "Calls at once for each end user." },                                                                           \
		{ "model", 0, "PATTERN,...", "Only these models: names, with * for any run of characters; or none." },                                       \
		{ "network", 0, "CIDR,...", "Only from these addresses: 10.0.0.0/8, 192.0.2.7; or none." },                                                  \
		{ "local-only", 0, "yes|no", "Nothing reaches a hosted provider." },                                                      \
		{ "priority", 0, "batch|none", "All calls take the queue for batch traffic: those that somebody waits for go first." },                                                      \
		{ "tag", 0, "NAME=VALUE,...", "Go to the ledger with each call; or none." }

#define LOCAL_ONLY_NOTE "With --local-only yes, files and documents that are uploaded from now on are marked; what was uploaded before is not: mark its collections."

#define TENANT_OPTION { "tenant", 0, "NAME", "Act for this tenant, by name or number: for an admin key of the first tenant." }

/* The row of a command on one kind of thing: "KIND VERB", with so many arguments, talking to the server in `call_`. */
#define CLIENT_COMMAND(kind_, verb_, arguments_, least_, most_, options_, call_, summary_, help_) \
	const struct command kind_##_##verb_##_command = { \
		.name = #kind_ " " #verb_, \
		.arguments = arguments_, \
		.summary = summary_, \
		.args_min = least_, \
		.args_max = most_, \
		.options = options_, \
		.call = call_, \
		.help = help_, \
	}

/* Writes "policy":{…} when one of the options was given. False: has told what is wrong. */
bool policy_args_put(struct json_out *json, struct args *args);

/* After a key's or a team's `--local-only yes`, says on standard error what that does not hold for. */
void policy_args_note(struct args *args, int exit_code);

/* "12", "12.50", "0.000000001", with `sign` also "-3": exact; false for anything else. */
bool term_dollars_parse(struct str text, bool sign, int64_t *nanos);

/* A day of an option ("2026-11-28") in microseconds; `initial` when it was not given. False: has told what is wrong. */
bool day_option(struct args *args, const char *option, int64_t initial, int64_t *out);

/* A policy in few words, for a table: "60 rpm, models gpt-*". */
struct str policy_words(struct arena *arena, const struct json *policy);

/* The list "a,b,c" as a JSON array under `key`. */
void put_list(struct json_out *json, const char *key, struct str list);
