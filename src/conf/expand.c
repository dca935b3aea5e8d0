/*
 * expand.c - references to the environment. See expand.h.
 */
#include "conf/expand.h"

#include "base/buf.h"

enum { EXPANDED_MAX = 256 * 1024 };

struct str
environment_get(const char *const *environment, struct str name)
{
	for (; environment && *environment; environment++) {
		struct str entry = str_of(*environment);

		if (entry.len > name.len && entry.ptr[name.len] == '=' && str_starts(entry, name))
			return str_slice(entry, name.len + 1, entry.len);
	}
	return (struct str){ NULL, 0 };
}

bool
expand_names(struct str text, struct str prefix)
{
	for (size_t at = str_find(text, STR("${"), 0); at != SIZE_MAX; at = str_find(text, STR("${"), at + 2))
		if (str_starts(str_slice(text, at + 2, text.len), prefix) && (at == 0 || text.ptr[at - 1] != '$'))
			return true;
	return false;
}

static size_t
name_length(struct str text)
{
	size_t i = 0;

	while (i < text.len) {
		char c = text.ptr[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (i > 0 && c >= '0' && c <= '9')))
			break;
		i++;
	}
	return i;
}

/* `body` is what stands between "${" and "}". */
static enum expand_outcome
reference(const char *const *environment, struct str body, struct str *out, struct str *name)
{
	size_t len = name_length(body);
	struct str rest = str_slice(body, len, body.len);

	*name = str_slice(body, 0, len);
	if (len == 0 || (rest.len > 0 && !str_starts(rest, STR(":-"))))
		return EXPAND_MALFORMED;
	*out = environment_get(environment, *name);
	if (rest.len > 0 && out->len == 0)
		*out = str_slice(rest, 2, rest.len);
	return out->ptr ? EXPAND_OK : EXPAND_MISSING;
}

enum expand_outcome
expand(struct arena *arena, const char *const *environment, struct str text, struct str *out, struct str *name)
{
	size_t at = 0, found = str_find(text, STR("${"), 0);
	struct buf copy;

	*out = text;
	if (found == SIZE_MAX)
		return EXPAND_OK;
	buf_init(&copy, arena, EXPANDED_MAX);
	for (; found != SIZE_MAX; found = str_find(text, STR("${"), at)) {
		enum expand_outcome outcome;
		struct str value;
		size_t end;

		if (found > at && text.ptr[found - 1] == '$') {
			buf_add(&copy, str_slice(text, at, found - 1));
			buf_add(&copy, STR("${"));
			at = found + 2;
			continue;
		}
		end = str_find_byte(text, '}', found);
		*name = STR_EMPTY;
		if (end == SIZE_MAX)
			return EXPAND_MALFORMED;
		outcome = reference(environment, str_slice(text, found + 2, end), &value, name);
		if (outcome != EXPAND_OK)
			return outcome;
		buf_add(&copy, str_slice(text, at, found));
		buf_add(&copy, value);
		at = end + 1;
	}
	buf_add(&copy, str_slice(text, at, text.len));
	*out = buf_err(&copy) ? (struct str){ NULL, 0 } : buf_str(&copy);
	return EXPAND_OK;
}
