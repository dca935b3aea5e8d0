/*
 * key_scope.c - the names of what a key allows, and the check. See access.h.
 */
#include "access/inside.h"

static const char *const names[SCOPES] = {
	[SCOPE_NONE] = "none",
	[SCOPE_ADMIN] = "admin",
	[SCOPE_MODEL_USE] = "model.use",
	[SCOPE_KNOWLEDGE_READ] = "knowledge.read",
	[SCOPE_KNOWLEDGE_WRITE] = "knowledge.write",
	[SCOPE_TRACE_READ] = "trace.read",
	[SCOPE_METRICS_READ] = "metrics.read",
};

const char *
key_scope_name(enum key_scope scope)
{
	return names[scope];
}

bool
key_scope_parse(struct str name, enum key_scope *out)
{
	for (unsigned i = SCOPE_NONE + 1; i < SCOPES; i++) {
		if (!str_eq_c(name, names[i]))
			continue;
		*out = (enum key_scope)i;
		return true;
	}
	return false;
}

unsigned
key_scopes_parse(struct str text)
{
	unsigned scopes = 0;
	struct str piece;

	while (str_split(&text, ' ', &piece)) {
		enum key_scope scope;

		if (key_scope_parse(piece, &scope)) /* a scope of a newer program means nothing here */
			scopes |= 1u << scope;
	}
	return scopes;
}

struct str
key_scopes_text(struct arena *arena, unsigned scopes)
{
	struct str text = STR_EMPTY;

	for (unsigned i = SCOPE_NONE + 1; i < SCOPES; i++)
		if (scopes & 1u << i)
			text = arena_printf(arena, "%" STR_F "%s%s", STR_A(text), text.len ? " " : "", names[i]);
	return text;
}

const struct err *
access_require(const struct identity *identity, enum key_scope scope, struct arena *arena)
{
	if (scope == SCOPE_NONE || identity->scopes & (1u << scope | 1u << SCOPE_ADMIN))
		return NULL;
	return err_param(arena, ERR_FORBIDDEN, NULL, "insufficient_scope", "this key does not have the scope \"%s\", which this needs",
		names[scope]);
}
