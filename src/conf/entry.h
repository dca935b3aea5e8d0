/*
 * entry.h - providers and models that are kept in the store, over those of the file: each by its name, as JSON with the members that the file has.
 *
 * An entry never changes; a change of the configuration puts another in its place. All that are kept at one version are `struct entries`, in the order of kind and name.
 * Both are counted, and snapshots made from them (conf_merge) hold them.
 */
#pragma once

#include "base/snapshot.h"
#include "conf/problem.h"
#include "conf/yaml.h"
#include "crypto/hash.h"

struct json;
struct secrets;

enum entry_kind { ENTRY_PROVIDER, ENTRY_MODEL, ENTRY_KINDS };
enum { ENTRY_BODY_MAX = 256 * 1024, ENTRY_NAME_MAX = 128, ENTRIES_MAX = 20000 };

/* "provider", "model". */
const char *entry_kind_name(enum entry_kind kind);
bool entry_kind_parse(struct str name, enum entry_kind *out);

struct entry {
	atomic_uint refs;
	struct arena *arena;
	enum entry_kind kind;
	struct str name, title;      /* title: "model gpt-x", for messages */
	struct str body;             /* as it is kept: secrets are {"$sealed": "…"} */
	int64_t version;             /* that put it there */
	struct yaml *tree;           /* what the body says, secrets opened; NULL: see problems */
	struct problems problems;    /* with the body itself: no JSON, a secret that does not open */
	unsigned char digest[HASH_SHA256_SIZE]; /* of kind, name and body */
};

/* Reads a body. Whatever is wrong is among its problems. Takes no longer than parsing does, but may open secrets. */
struct entry *entry_new(enum entry_kind kind, struct str name, int64_t version, struct str body, struct secrets *secrets);
struct entry *entry_ref(struct entry *entry);
void entry_unref(struct entry *entry); /* NULL is allowed */

struct entries {
	struct snapshot base;
	int64_t version;             /* the last change's; 0: there never was one */
	struct entry **list;
	size_t count;
};

struct entries *entries_new(void);
void entries_unref(struct entries *entries);

/* By kind and name, or NULL. */
struct entry *entries_find(const struct entries *entries, enum entry_kind kind, struct str name);

/* What happens to one name. */
struct entry_change {
	enum entry_kind kind;
	struct str name;
	struct entry *entry;         /* to be put there; NULL: removed */
};

/* The same with changes, at a version; takes its own references. Of two changes of one name the last counts. */
struct entries *entries_with(const struct entries *entries, const struct entry_change *changes, size_t count, int64_t version);

/* What tells one content from another, whenever it was reached: hex digits of a SHA-256 over all entries. */
void entries_hash(const struct entries *entries, char out[HASH_SHA256_HEX]);

/* What the API takes as an entry, as it is kept: its name first, secrets sealed or kept from `before` (NULL: none). `file` has the file's own, or NULL. Notes what cannot be kept. */
struct entry_request {
	enum entry_kind kind;
	struct str name;
	const struct json *json;
	const struct entry *before;
	const struct yaml *file;     /* the entry of that name in the file */
	struct secrets *secrets;
	struct problems *problems;   /* with the title of the entry as source */
};
struct str entry_body(struct arena *arena, const struct entry_request *request);

/* What stands for a secret that is not shown, and in a request for the one that is there already. */
#define ENTRY_HIDDEN "(hidden)"

/* Where a value stands in a body ("headers.x-team", "targets[0]"), and what a secret there is sealed about. */
struct str entry_path(struct arena *arena, struct str path, struct str key);
struct str entry_path_at(struct arena *arena, struct str path, size_t index);
struct str entry_seal_about(struct arena *arena, struct str title, struct str path);

/* Whether a value of a body is {"$sealed": "…"}, and which text. */
bool entry_seal_is(const struct json *json, struct str *sealed);

/* True for a secret's text that may be shown and kept as it is: nothing but a reference to the environment, perhaps behind a scheme ("Bearer ${TOKEN}"). */
bool entry_is_reference(struct str text);
