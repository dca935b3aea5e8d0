/*
 * token.c - see token.h.
 *
 * Entries live until token_end: there are as many as providers with such credentials, and an entry of a configuration that is gone costs its bytes. The lock is never held across
 * a wait. Whoever waits stands in the entry's line with a counted waiter, since the fiber that fetches may be on another loop.
 */
#include "gateway/token.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "gateway/provider.h"
#include "json/json.h"
#include "net/http_client.h"
#include "rt/fiber.h"
#include "rt/wait.h"

enum { ENTRIES_MAX = 256, ENTRY_ARENA_MAX = 128 * 1024, TOKEN_MAX = 32 * 1024, FETCH_ARENA_MAX = 1024 * 1024, ANSWER_MAX = 64 * 1024 };
#define FETCH_US (30 * USEC_PER_SEC)
#define RETRY_US USEC_PER_SEC         /* after a failure… */
#define RETRY_MAX_US (3600 * USEC_PER_SEC) /* …and where the service says when, this at most */
#define REFUSED_US (60 * USEC_PER_SEC) /* between two tokens of a source that are thrown away because somebody refused them */
#define MARGIN_US (30 * USEC_PER_SEC) /* a token that expires sooner is not given out */
#define RENEW_US (300 * USEC_PER_SEC) /* one that expires sooner is renewed behind its users */

/* A caller that waits, in its own frame; in the line only under the lock. */
struct place {
	struct place *next;
	struct waiter *waiter;
};

struct entry {
	struct entry *next;
	struct arena *arena;          /* holds the entry and its source */
	struct token_source source;
	struct buf token;             /* on the heap; empty: none yet */
	int64_t ends_us, renew_us;    /* monotonic: not given out from then on; renewed from then on */
	bool fetching;
	struct arena *failure_arena;  /* of the last fetch's error */
	const struct err *failure;
	int64_t failed_until_us, refused_until_us;
	struct place *places;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *entries;

static bool
same_source(const struct token_source *a, const struct token_source *b)
{
	return a->fetch == b->fetch && str_eq(a->url, b->url) && str_eq(a->id, b->id) && str_eq(a->secret, b->secret) && str_eq(a->key_id, b->key_id) &&
		str_eq(a->scope, b->scope) && str_eq(a->proxy, b->proxy);
}

static struct entry *
entry_new(const struct token_source *source)
{
	struct arena *arena = arena_new(ENTRY_ARENA_MAX);
	struct entry *entry = arena_zalloc(arena, sizeof(*entry));
	struct token_source copy = { source->fetch, arena_dup(arena, source->url), arena_dup(arena, source->id), arena_dup(arena, source->secret),
		arena_dup(arena, source->key_id), arena_dup(arena, source->scope), arena_dup(arena, source->proxy),
		source->connect_timeout_us, source->headers_timeout_us, source->idle_timeout_us };

	if (!entry || !copy.url.ptr || !copy.id.ptr || !copy.secret.ptr || !copy.key_id.ptr || !copy.scope.ptr || !copy.proxy.ptr) {
		arena_free(arena);
		return NULL;
	}
	entry->arena = arena;
	entry->source = copy;
	buf_init(&entry->token, NULL, TOKEN_MAX);
	entry->next = entries;
	return entries = entry;
}

/* Under the lock. NULL: too many. */
static struct entry *
entry_of(const struct token_source *source)
{
	size_t count = 0;

	for (struct entry *entry = entries; entry; entry = entry->next, count++)
		if (same_source(&entry->source, source))
			return entry;
	return count < ENTRIES_MAX ? entry_new(source) : NULL;
}

static int64_t
at_most(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Under the lock: what the fetch came to, and everyone who waits is woken. */
static void
entry_settle(struct entry *entry, const struct token_grant *grant, const struct err *err)
{
	int64_t now_us = clock_mono_us();

	arena_free(entry->failure_arena);
	entry->failure_arena = NULL;
	entry->failure = NULL;
	entry->fetching = false;
	if (err) {
		entry->failure_arena = arena_new(KIB(16));
		entry->failure = err_copy(entry->failure_arena, err);
		entry->failed_until_us = now_us + (err->retry_after_us > RETRY_US ? at_most(err->retry_after_us, RETRY_MAX_US) : RETRY_US);
	} else {
		buf_clear(&entry->token);
		buf_add(&entry->token, grant->token);
		entry->ends_us = now_us + grant->expires_in_us - at_most(MARGIN_US, grant->expires_in_us / 4);
		entry->renew_us = now_us + grant->expires_in_us - at_most(RENEW_US, grant->expires_in_us / 2);
	}
	for (struct place *place = entry->places; place; place = place->next)
		wait_wake(place->waiter);
	entry->places = NULL;
}

static MAY_PARK void
fetch_fiber(void *arg)
{
	struct entry *entry = arg;
	struct arena *arena = arena_new(FETCH_ARENA_MAX);
	struct token_grant grant = { STR_EMPTY, 0 };
	const struct err *err;
	struct scope scope;

	scope_open(&scope, FETCH_US);
	err = entry->source.fetch(&entry->source, arena, &grant);
	scope_close(&scope);
	if (!err && (grant.token.len == 0 || grant.token.len > TOKEN_MAX))
		err = err_new(arena, ERR_UNAVAILABLE, "the token service gave out no token that can be used");
	pthread_mutex_lock(&lock);
	entry_settle(entry, &grant, err);
	pthread_mutex_unlock(&lock);
	arena_free(arena);
}

/* Under the lock. What is returned is static. */
static const struct err *
start_fetch(struct entry *entry)
{
	const struct err *err = fiber_go("token", NULL, fetch_fiber, entry);

	entry->fetching = !err;
	return err;
}

/* Under the lock: the last fetch's error, with the time that is left where the service said one. */
static const struct err *
failure_now(struct arena *arena, const struct entry *entry, int64_t now_us)
{
	struct err *copy = arena_alloc(arena, sizeof(*copy));
	const struct err *err = err_copy(arena, entry->failure);

	if (!copy)
		return &err_no_memory;
	*copy = *err;
	if (copy->retry_after_us > 0)
		copy->retry_after_us = entry->failed_until_us - now_us;
	return copy;
}

enum state { STATE_READY, STATE_WAIT, STATE_FAILED };

/* Under the lock: what a caller does now, with a fetch started where one is due. */
static enum state
look(struct entry *entry, struct arena *arena, struct str *out, const struct err **err)
{
	int64_t now_us = clock_mono_us();
	bool failed = entry->failure && now_us < entry->failed_until_us;

	*err = NULL;
	if (entry->token.len > 0 && now_us < entry->ends_us) {
		if (now_us >= entry->renew_us && !entry->fetching && !failed)
			(void)start_fetch(entry); /* no fiber to be had: the next caller tries again, this one has its token */
		*out = arena_dup(arena, buf_str(&entry->token));
		*err = out->ptr ? NULL : &err_no_memory;
		return *err ? STATE_FAILED : STATE_READY;
	}
	if (failed) {
		*err = failure_now(arena, entry, now_us);
		return STATE_FAILED;
	}
	if (!entry->fetching)
		*err = start_fetch(entry);
	return *err ? STATE_FAILED : STATE_WAIT;
}

static void
leave_line(struct entry *entry, const struct place *place)
{
	struct place **link = &entry->places;

	while (*link && *link != place)
		link = &(*link)->next;
	if (*link)
		*link = place->next;
}

MAY_PARK const struct err *
token_get(const struct token_source *source, struct arena *arena, struct str *out)
{
	const struct err *err = NULL;
	enum state state = STATE_WAIT;

	while (state == STATE_WAIT && !err) {
		struct place place = { NULL, NULL };
		struct entry *entry;

		pthread_mutex_lock(&lock);
		entry = entry_of(source);
		if (!entry)
			err = &err_busy;
		else
			state = look(entry, arena, out, &err);
		if (!err && state == STATE_WAIT) {
			place = (struct place){ entry->places, waiter_new() };
			entry->places = &place;
		}
		pthread_mutex_unlock(&lock);
		if (!place.waiter)
			continue;
		err = wait_for(place.waiter);
		pthread_mutex_lock(&lock);
		leave_line(entry, &place);
		pthread_mutex_unlock(&lock);
		waiter_unref(place.waiter);
	}
	return err;
}

bool
token_refused(const struct token_source *source, struct str token)
{
	int64_t now_us = clock_mono_us();
	bool again = true; /* another one may be there already */
	struct entry *entry;

	pthread_mutex_lock(&lock);
	entry = entry_of(source);
	if (entry && str_eq(buf_str(&entry->token), token)) {
		again = now_us >= entry->refused_until_us;
		if (again) {
			entry->ends_us = 0;
			entry->refused_until_us = now_us + REFUSED_US;
		}
	}
	pthread_mutex_unlock(&lock);
	return entry && again;
}

/* "error" and "error_description" of RFC 6749; Google and Entra write both. */
static const struct err *
refusal(struct arena *arena, const struct json *root, struct http_call *call, const char *who)
{
	struct str code = json_get_string(root, "error"), text = json_get_string(root, "error_description");
	int status = http_call_status(call);
	bool busy = status == 408 || status == 429 || status >= 500;
	const struct err *err = err_new(arena, busy ? ERR_UNAVAILABLE : ERR_UPSTREAM, "%s gave out no token for the provider's credentials in the configuration (status %d, %" STR_F ")",
		who, status, STR_A(code.len ? str_slice(code, 0, 100) : STR("no reason given")));
	struct err *copy = arena_alloc(arena, sizeof(*copy));

	if (!copy)
		return &err_no_memory;
	*copy = *err;
	copy->retry_after_us = busy ? failure_retry_after_us(http_call_headers(call)) : 0;
	return err_detail(arena, copy, "%" STR_F, STR_A(str_slice(text, 0, 1000)));
}

/* Whatever keeps a token service from answering, it is not there for us now: nobody's request is wrong, and none has been sent. */
static const struct err *
unanswered(struct arena *arena, const struct err *err, const char *who)
{
	if (err->kind == ERR_CANCELLED)
		return err;
	return err_new(arena, ERR_UNAVAILABLE, "%s cannot be asked for a token: %" STR_F, who, STR_A(err->message));
}

MAY_PARK const struct err *
token_request(const struct token_source *source, struct arena *arena, struct str form, const char *who, struct token_grant *out)
{
	struct http_header header = { STR("content-type"), STR("application/x-www-form-urlencoded") };
	const struct http_call_spec spec = {
		.method = HTTP_POST, .url = source->url, .headers = { &header, 1 }, .body = form, .body_max = ANSWER_MAX, .proxy = source->proxy,
		.connect_timeout_us = source->connect_timeout_us, .headers_timeout_us = source->headers_timeout_us, .idle_timeout_us = source->idle_timeout_us };
	const struct json *root = NULL, *expires;
	struct http_call *call;
	struct str body;
	const struct err *err = http_call_open(arena, &spec, &call);
	int64_t seconds = 0;

	if (err)
		return unanswered(arena, err, who);
	err = http_call_read_all(call, arena, ANSWER_MAX, &body);
	if (err)
		err = unanswered(arena, err, who);
	else if (json_parse(arena, body, &root))
		root = NULL;
	if (!err && http_call_status(call) != 200)
		err = refusal(arena, root, call, who);
	http_call_close(call);
	if (err)
		return err;
	expires = json_get(root, "expires_in"); /* a number; a text in the first version of Entra's endpoint */
	if (!str_to_i64(json_is(expires, JSON_STRING) ? json_string(expires) : STR_EMPTY, &seconds))
		seconds = json_int(expires, 0);
	out->token = json_get_string(root, "access_token");
	if (out->token.len == 0 || !http_value_ok(out->token) || seconds <= 0 || seconds > 365 * 86400)
		return err_new(arena, ERR_UNAVAILABLE, "%s answered without a token and its time", who);
	out->expires_in_us = seconds * USEC_PER_SEC;
	return NULL;
}

void
token_end(void)
{
	pthread_mutex_lock(&lock);
	while (entries) {
		struct entry *entry = entries;

		entries = entry->next;
		arena_free(entry->failure_arena);
		buf_fini(&entry->token);
		arena_free(entry->arena);
	}
	pthread_mutex_unlock(&lock);
}
