/*
 * plan.c - see plan.h. Each directive is one row: its name, the member it sets, what that member is without it, and what the bare name
 * stands for.
 */
#include "plan.h"

#include <string.h>

#define NO_BARE (-3) /* the directive makes no sense without a number */
#define NUMBER(directive, member, initial, bare) { directive, offsetof(struct plan, member), initial, bare }
#define FLAG(directive, member) NUMBER(directive, member, 0, 1)
#define PLACE(directive, member, bare) NUMBER(directive, member, PLAN_OFF, bare)

static const struct number_row {
	const char *name;
	size_t offset;
	long initial;
	long bare;
} number_rows[] = {
	NUMBER("status", status, PLAN_OFF, NO_BARE),
	NUMBER("retry-after", retry_after_s, PLAN_OFF, NO_BARE),
	FLAG("retry-date", retry_date),
	FLAG("no-retry-after", no_retry_after),
	NUMBER("times", times, PLAN_OFF, 1),
	NUMBER("slow-headers", slow_headers_ms, 0, 1000),
	NUMBER("pace", pace_ms, 0, 10),
	PLACE("stall", stall_at, PLAN_HEAD),
	PLACE("close", close_at, PLAN_HEAD),
	PLACE("reset", reset_at, PLAN_HEAD),
	PLACE("end", end_at, 3),
	PLACE("truncate", truncate_at, 3),
	PLACE("error-event", error_at, 3),
	PLACE("garbage", garbage_at, 2),
	NUMBER("chunks", chunks, PLAN_OFF, NO_BARE),
	NUMBER("huge", huge_mb, 0, 16),
	FLAG("endless", endless),
	NUMBER("long-line", long_line_kb, 0, 1024),
	FLAG("bad-utf8", bad_utf8),
	FLAG("tool-call", tool_calls),
	FLAG("thinking", thinking),
	FLAG("filter-prompt", filter_prompt),
	FLAG("redacted", redacted),
	FLAG("cite", cite),
	FLAG("server-tool", server_tool),
	FLAG("interleave", interleave),
	FLAG("no-usage", no_usage),
	FLAG("other-way", other_way),
	FLAG("no-done", no_done),
	FLAG("crlf", crlf),
	FLAG("comments", comments),
	NUMBER("prompt-tokens", prompt_tokens, PLAN_OFF, NO_BARE),
	NUMBER("completion-tokens", completion_tokens, PLAN_OFF, NO_BARE),
	NUMBER("cached-tokens", cached_tokens, 0, NO_BARE),
	NUMBER("cache-write-tokens", cache_write_tokens, 0, NO_BARE),
	NUMBER("audio-tokens", audio_tokens, 0, NO_BARE),
	NUMBER("image-tokens", image_tokens, 0, NO_BARE),
	NUMBER("cached-audio-tokens", cached_audio_tokens, PLAN_OFF, NO_BARE),
	NUMBER("audio-output-tokens", audio_output_tokens, 0, NO_BARE),
	NUMBER("image-output-tokens", image_output_tokens, 0, NO_BARE),
	NUMBER("web-searches", web_searches, 0, NO_BARE),
	NUMBER("cache-write-1h-tokens", cache_write_1h_tokens, 0, NO_BARE),
	NUMBER("citation-tokens", citation_tokens, 0, NO_BARE),
	NUMBER("reported-cost", reported_cost, PLAN_OFF, NO_BARE),
	NUMBER("research-tokens", research_tokens, 0, NO_BARE),
	FLAG("gzip", gzip),
	FLAG("http10", http10),
	FLAG("bytewise", bytewise),
	FLAG("chunked", chunked),
	FLAG("connection-close", connection_close),
	NUMBER("length-over", length_over, 0, 10),
	NUMBER("length-under", length_under, 0, 10),
	NUMBER("headers", headers, 0, 100),
};

static const struct text_row {
	const char *name;
	size_t offset;
} text_rows[] = {
	{ "say", offsetof(struct plan, say) },
	{ "args", offsetof(struct plan, args) },
	{ "finish", offsetof(struct plan, finish) },
	{ "like", offsetof(struct plan, like) },
	{ "stop-sequence", offsetof(struct plan, stop_sequence) },
	{ "tier", offsetof(struct plan, tier) },
	{ "search-size", offsetof(struct plan, search_size) },
	{ "content-type", offsetof(struct plan, content_type) },
};

/* How often each set of directives with `times` was met. */
static struct {
	struct bytes source;
	long met;
} counts[256];

static size_t counts_used;

static long *
plan_number(struct plan *plan, const struct number_row *row)
{
	return (long *)(void *)((char *)plan + row->offset);
}

void
plan_clear(struct plan *plan)
{
	struct bytes source = plan->source;

	bytes_clear(&source, 4096);
	*plan = (struct plan){ .source = source };
	for (size_t i = 0; i < COUNT(number_rows); i++)
		*plan_number(plan, &number_rows[i]) = number_rows[i].initial;
}

void
plan_free(struct plan *plan)
{
	bytes_free(&plan->source);
}

static bool
name_is(struct str name, const char *wanted)
{
	return str_equal(name, (struct str){ wanted, strlen(wanted) });
}

/* Sets the member that `name` stands for; `given` tells whether there is a value. */
static bool
plan_set(struct plan *plan, struct str name, struct str value, bool given)
{
	for (size_t i = 0; i < COUNT(text_rows); i++) {
		if (name_is(name, text_rows[i].name)) {
			*(struct str *)(void *)((char *)plan + text_rows[i].offset) = value;
			return given;
		}
	}
	for (size_t i = 0; i < COUNT(number_rows); i++) {
		int64_t number = number_rows[i].bare;

		if (!name_is(name, number_rows[i].name))
			continue;
		if (given ? !str_number(value, &number) || number > INT32_MAX : number == NO_BARE)
			return false;
		*plan_number(plan, &number_rows[i]) = (long)number;
		return true;
	}
	return false;
}

/* `name-digits` is `name=digits`. */
static bool
item_split_digits(struct str item, struct str *name, struct str *value)
{
	size_t digits = 0;

	while (digits < item.len && item.ptr[item.len - 1 - digits] >= '0' && item.ptr[item.len - 1 - digits] <= '9')
		digits++;
	if (digits == 0 || item.len < digits + 2 || item.ptr[item.len - 1 - digits] != '-')
		return false;
	*name = (struct str){ item.ptr, item.len - digits - 1 };
	*value = (struct str){ item.ptr + item.len - digits, digits };
	return true;
}

static bool
is_separator(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == ',' || c == ';' || c == '+';
}

/* Takes the next directive off the front of `*rest`. */
static bool
plan_item(struct plan *plan, struct str *rest, struct str *item)
{
	size_t end = 0, equals = 0;
	char quote = 0;
	struct str name, value = { 0 };

	for (; end < rest->len && (quote || !is_separator(rest->ptr[end])); end++) {
		char c = rest->ptr[end];

		if (!equals && c == '=')
			equals = end;
		if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? 0 : c;
	}
	*item = name = (struct str){ rest->ptr, end };
	*rest = (struct str){ rest->ptr + end, rest->len - end };
	if (quote)
		return false;
	if (!equals) {
		bool given = item_split_digits(*item, &name, &value);

		return plan_set(plan, name, value, given);
	}
	name.len = equals;
	value = (struct str){ item->ptr + equals + 1, item->len - equals - 1 };
	if (value.len >= 2 && (value.ptr[0] == '"' || value.ptr[0] == '\''))
		value = (struct str){ value.ptr + 1, value.len - 2 };
	return plan_set(plan, name, value, true);
}

/* The directives inside the first `[mock …]` of a message; a closing bracket inside quotes does not end them. */
static struct str
message_directives(struct str message)
{
	static const char open[] = "[mock ";
	const char *at = message.len ? memmem(message.ptr, message.len, open, sizeof(open) - 1) : NULL;
	char quote = 0;

	if (!at)
		return (struct str){ 0 };
	at += sizeof(open) - 1;
	for (const char *end = at; end < message.ptr + message.len; end++) {
		if (!quote && *end == ']')
			return (struct str){ at, (size_t)(end - at) };
		if (quote ? *end == quote : *end == '"' || *end == '\'')
			quote = quote ? 0 : *end;
	}
	return (struct str){ 0 };
}

static struct str
model_directives(struct str model)
{
	static const char prefix[] = "mock-fault-";
	size_t len = sizeof(prefix) - 1;

	if (model.len <= len || memcmp(model.ptr, prefix, len) != 0)
		return (struct str){ 0 };
	return (struct str){ model.ptr + len, model.len - len };
}

bool
plan_read(struct plan *plan, struct str header, struct str model, struct str message, struct str *culprit)
{
	struct str places[] = { header, model_directives(model), message_directives(message) };
	struct str rest;

	for (size_t i = 0; i < COUNT(places); i++) {
		bytes_add(&plan->source, places[i]);
		bytes_add(&plan->source, STR(" "));
	}
	rest = bytes_view(&plan->source);
	while (rest.len > 0) {
		if (is_separator(rest.ptr[0]))
			rest = (struct str){ rest.ptr + 1, rest.len - 1 };
		else if (!plan_item(plan, &rest, culprit))
			return false;
	}
	if (plan->status == 429 && plan->retry_after_s == PLAN_OFF && !plan->no_retry_after)
		plan->retry_after_s = 1;
	return true;
}

bool
plan_is_spent(const struct plan *plan)
{
	size_t i = 0;

	if (plan->times == PLAN_OFF)
		return false;
	while (i < counts_used && !str_equal(bytes_view(&counts[i].source), bytes_view(&plan->source)))
		i++;
	if (i == counts_used) {
		if (counts_used == COUNT(counts))
			plan_reset(); /* a test that counts resets the mock first, so these are left over */
		i = counts_used++;
		bytes_add(&counts[i].source, bytes_view(&plan->source));
	}
	return ++counts[i].met > plan->times;
}

void
plan_reset(void)
{
	for (size_t i = 0; i < counts_used; i++) {
		bytes_free(&counts[i].source);
		counts[i].met = 0;
	}
	counts_used = 0;
}
