/*
 * call.c - small helpers over the inner form. See call.h, event.h.
 */
#include "gateway/call.h"

#include "gateway/event.h"

static const struct str roles[] = {
	[ROLE_SYSTEM] = STR_INIT("system"),
	[ROLE_DEVELOPER] = STR_INIT("developer"),
	[ROLE_USER] = STR_INIT("user"),
	[ROLE_ASSISTANT] = STR_INIT("assistant"),
	[ROLE_TOOL] = STR_INIT("tool"),
};

static const struct str finishes[] = {
	[FINISH_STOP] = STR_INIT("stop"),
	[FINISH_LENGTH] = STR_INIT("length"),
	[FINISH_TOOL_CALLS] = STR_INIT("tool_calls"),
	[FINISH_CONTENT_FILTER] = STR_INIT("content_filter"),
};

struct str
role_name(enum role role)
{
	return roles[role];
}

bool
role_of(struct str name, enum role *out)
{
	for (unsigned i = 0; i < COUNT(roles); i++) {
		if (str_eq(name, roles[i])) {
			*out = (enum role)i;
			return true;
		}
	}
	return false;
}

struct str
finish_name(enum finish finish)
{
	return finishes[finish];
}

struct str
message_text(struct arena *arena, const struct message *message)
{
	const struct part *only = NULL;
	size_t len = 0, count = 0;
	char *joined;

	for (const struct part *part = message->parts; part; part = part->next) {
		if (part->type != PART_TEXT || !part->text.ptr) /* one of a kind that is not known has none */
			continue;
		only = part;
		count++;
		len += part->text.len + 1;
	}
	if (count <= 1)
		return only ? only->text : STR_EMPTY;
	joined = arena_alloc_large(arena, len);
	if (!joined)
		return str_n(NULL, 0);
	len = 0;
	for (const struct part *part = message->parts; part; part = part->next) {
		if (part->type != PART_TEXT || !part->text.ptr)
			continue;
		if (len)
			joined[len++] = '\n';
		memcpy(joined + len, part->text.ptr, part->text.len);
		len += part->text.len;
	}
	return str_n(joined, len);
}

struct message *
message_new(struct arena *arena, enum role role, struct str text)
{
	struct message *message = arena_zalloc(arena, sizeof(*message));
	struct part *part = arena_zalloc(arena, sizeof(*part));

	if (!message || !part)
		return NULL;
	part->type = PART_TEXT;
	part->text = text;
	message->role = role;
	message->parts = part;
	return message;
}

struct str
data_url_make(struct arena *arena, struct str media_type, struct str data)
{
	struct buf *url = arena_alloc(arena, sizeof(*url));

	if (!url || !buf_init_held(url, arena, data.len + media_type.len + 16))
		return str_n(NULL, 0);
	buf_add(url, STR("data:"));
	buf_add(url, media_type);
	buf_add(url, STR(";base64,"));
	buf_add(url, data);
	return url->failed ? str_n(NULL, 0) : buf_str(url);
}

bool
data_url_split(struct str url, struct str *media_type, struct str *data)
{
	size_t comma = str_find(str_slice(url, 0, 256), STR(";base64,"), 0);

	if (!str_starts(url, STR("data:")) || comma == SIZE_MAX)
		return false;
	*media_type = str_slice(url, 5, comma);
	*data = str_slice(url, comma + 8, url.len);
	return true;
}

/* The next letter of a name, folded; *at moves behind it. */
static int
folded(struct str name, size_t *at)
{
	struct str rest = str_slice(name, *at, name.len);
	bool long_s = str_starts(rest, STR("\xc5\xbf")), kelvin = str_starts(rest, STR("\xe2\x84\xaa"));
	char c = rest.ptr[0];

	*at += long_s ? 2 : kelvin ? 3 : 1;
	if (long_s || kelvin)
		return long_s ? 's' : 'k';
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

const char *
call_member_like(struct str name, const char *const *known, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *letter = known[i];
		size_t at = 0;

		while (at < name.len && *letter && folded(name, &at) == (unsigned char)*letter)
			letter++;
		if (at == name.len && !*letter)
			return known[i];
	}
	return NULL;
}

void
call_bar(struct call *call, struct tool **link)
{
	struct tool *tool = *link;

	*link = tool->next;
	tool->next = call->barred;
	call->barred = tool;
}

struct str
call_operation(const struct call *call)
{
	return call->dialect == DIALECT_OPENAI_COMPLETIONS ? STR("text_completion") : STR("chat");
}
