/*
 * courier.c - a webhook's fiber: it holds the lease, makes messages, delivers them one after the other, and keeps the outbox within its bounds.
 *
 * Every node has a courier for every webhook, and the lease lets one of them work. It is looked for every second: commits that write events wake nobody, so that what happens does
 * not pay for being told. A receiver may see a message again (an answer that was lost, a node that died before it had noted it), with the same id.
 */
#include <stdlib.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "conf/conf.h"
#include "crypto/hash.h"
#include "hook/hook_sql.h"
#include "hook/inside.h"
#include "json/json.h"
#include "net/http_client.h"
#include "rt/fiber.h"
#include "text/utf8.h"

enum { ANSWER_MAX = 64 * 1024, ERROR_MAX = 300 };

#define LEASE_US (30 * USEC_PER_SEC)
#define LOOK_US USEC_PER_SEC
#define KEEP_HOUSE_US (5 * USEC_PER_SEC)
#define CONNECT_US (10 * USEC_PER_SEC)
#define ANSWER_US (20 * USEC_PER_SEC)
#define ATTEMPT_US (20 * USEC_PER_SEC)
#define BACKOFF_US USEC_PER_SEC
#define BACKOFF_MAX_US (3600 * USEC_PER_SEC)

static struct metric deliveries = METRIC_COUNTER("corbel_webhook_deliveries_total", "Attempts to deliver messages, by how they went.", "webhook", "outcome");

/* --- the lease --- */

static bool
is_shared(const struct hooks *hooks)
{
	return store_engine_of(hooks->store) == STORE_POSTGRES;
}

struct lease {
	struct hooks *hooks;
	struct str webhook;
	bool mine; /* out */
};

static MAY_PARK const struct err *
lease_renew(struct tx *tx, void *arg)
{
	struct lease *lease = arg;
	int64_t now_us = clock_wall_us();
	struct rows rows;
	const struct err *err = tx_exec(tx, &stmt_webhook_lease,
		PARAMS(V_TEXT(lease->webhook), V_TEXT(id_str(&lease->hooks->node)), V_INT(now_us + LEASE_US), V_INT(now_us)), &rows);

	lease->mine = !err && rows.count > 0;
	return err;
}

MAY_PARK const struct err *
lease_take(struct hooks *hooks, struct arena *arena, struct str webhook, bool *mine)
{
	struct lease lease = { hooks, webhook, true };
	const struct err *err = is_shared(hooks) ? store_tx(hooks->store, arena, lease_renew, &lease) : NULL;

	*mine = !err && lease.mine;
	return err;
}

MAY_PARK const struct err *
lease_check(struct tx *tx, const struct hooks *hooks, struct str webhook)
{
	struct rows rows;
	const struct err *err;

	if (!is_shared(hooks))
		return NULL;
	err = tx_exec(tx, &stmt_webhook_holder, PARAMS(V_TEXT(webhook)), &rows);
	if (err)
		return err;
	if (rows.count == 0 || !str_eq(rows_text(&rows, 0, 0), id_str(&hooks->node)))
		return err_new(tx_arena(tx), ERR_CONFLICT, "another node delivers to this webhook now");
	return NULL;
}

static MAY_PARK const struct err *
lease_leave(struct tx *tx, void *arg)
{
	const struct lease *lease = arg;

	return tx_exec(tx, &stmt_webhook_leave, PARAMS(V_TEXT(lease->webhook), V_TEXT(id_str(&lease->hooks->node))), NULL);
}

/* --- one delivery --- */

struct delivery {
	struct courier *courier;
	struct str id, body;
	int64_t since_us, attempts;
	/* how it went */
	bool done, dead, gone;
	int64_t status, next_us;
	struct str error;
};

/* "v1," and base64 of the HMAC over id, time and body, as Standard Webhooks has it. */
static void
sign(struct buf *out, struct arena *arena, struct str secret, const struct delivery *delivery, struct str seconds)
{
	unsigned char mac[HASH_SHA256_SIZE];
	struct buf content;

	buf_init(&content, arena, delivery->body.len + 256);
	buf_add(&content, delivery->id);
	buf_add_byte(&content, '.');
	buf_add(&content, seconds);
	buf_add_byte(&content, '.');
	buf_add(&content, delivery->body);
	hash_hmac_sha256(secret, buf_str(&content), mac);
	buf_add(out, out->len ? STR(" v1,") : STR("v1,"));
	base64_encode(out, str_n((const char *)mac, sizeof(mac)));
	out->failed = out->failed || content.failed;
}

/* The seconds of a Retry-After, or 0: a date is not waited for. */
static int64_t
retry_after_us(const struct http_call *call)
{
	struct str text = http_header_get(http_call_headers(call), STR("retry-after"));
	int64_t seconds = 0;

	if (!text.ptr || !str_to_i64(text, &seconds) || seconds < 0)
		return 0;
	return seconds > 86400 ? 86400 * USEC_PER_SEC : seconds * USEC_PER_SEC;
}

/* Sends it once; *wait_us is what the receiver asks to wait. */
static MAY_PARK const struct err *
send_once(struct delivery *delivery, struct arena *arena, int64_t *wait_us)
{
	const struct conf_webhook *webhook = delivery->courier->webhook;
	struct str seconds = arena_printf(arena, "%lld", (long long)(clock_wall_us() / USEC_PER_SEC)), rest;
	struct http_call *call;
	struct buf signature;
	const struct err *err;

	buf_init(&signature, arena, 256);
	sign(&signature, arena, webhook->secret, delivery, seconds);
	if (webhook->previous_secret.len)
		sign(&signature, arena, webhook->previous_secret, delivery, seconds);
	if (signature.failed || !seconds.ptr)
		return &err_no_memory;
	{
		struct http_header headers[] = { { STR("content-type"), STR("application/json") }, { STR("user-agent"), STR("corbel") }, { STR("webhook-id"), delivery->id },
			{ STR("webhook-timestamp"), seconds }, { STR("webhook-signature"), buf_str(&signature) } };
		const struct http_call_spec spec = { .method = HTTP_POST,
			.url = webhook->url,
			.headers = { headers, COUNT(headers) },
			.body = delivery->body,
			.body_max = ANSWER_MAX,
			.connect_timeout_us = CONNECT_US,
			.headers_timeout_us = ANSWER_US,
			.idle_timeout_us = ANSWER_US,
			.public_only = !webhook->allow_private };

		err = http_call_open(arena, &spec, &call);
		if (err)
			return err;
	}
	delivery->status = http_call_status(call);
	*wait_us = retry_after_us(call);
	(void)http_call_read_all(call, arena, ANSWER_MAX, &rest); /* for the connection's sake: the status has said it all */
	http_call_close(call);
	return NULL;
}

static int64_t
backoff_us(int64_t attempts)
{
	int64_t wait = attempts < 12 ? BACKOFF_US << attempts : BACKOFF_MAX_US;

	wait = wait < BACKOFF_MAX_US ? wait : BACKOFF_MAX_US;
	return wait - (int64_t)(random_u64() % (uint64_t)(wait / 5));
}

static MAY_PARK const struct err *
attempt(struct delivery *delivery, struct arena *arena)
{
	int64_t wait_us = 0, now_us;
	struct scope scope;
	const struct err *err;

	delivery->status = 0;
	scope_open(&scope, ATTEMPT_US); /* so that the lease holds when it ends */
	err = send_once(delivery, arena, &wait_us);
	scope_close(&scope);
	if (err && err->kind == ERR_CANCELLED)
		return err;
	now_us = clock_wall_us();
	delivery->done = !err && delivery->status >= 200 && delivery->status < 300;
	delivery->gone = delivery->status == 410;
	delivery->dead = !delivery->done && (delivery->gone || now_us - delivery->since_us >= delivery->courier->webhook->give_up_us);
	delivery->next_us = now_us + backoff_us(delivery->attempts);
	if (now_us + wait_us > delivery->next_us)
		delivery->next_us = now_us + wait_us;
	delivery->error = delivery->done ? STR_EMPTY
			  : err	     ? utf8_cut(err->message, ERROR_MAX)
				     : arena_printf(arena, "it answered with the status %lld", (long long)delivery->status);
	return NULL;
}

/* Notes how it went. */
static MAY_PARK const struct err *
note(struct tx *tx, void *arg)
{
	const struct delivery *delivery = arg;
	struct value webhook = V_TEXT(delivery->courier->webhook->name), id = V_TEXT(delivery->id);
	int64_t now_us = clock_wall_us();
	const struct err *err = lease_check(tx, delivery->courier->hooks, delivery->courier->webhook->name);

	if (!err && (delivery->done || delivery->dead))
		err = tx_exec(tx, &stmt_webhook_message_end,
			PARAMS(webhook, id, V_TEXT(delivery->done ? STR("delivered") : STR("dead")), V_INT(now_us), V_INT(delivery->status), V_TEXT(delivery->error)), NULL);
	else if (!err)
		err = tx_exec(tx, &stmt_webhook_message_later, PARAMS(webhook, id, V_INT(delivery->next_us), V_INT(delivery->status), V_TEXT(delivery->error)), NULL);
	if (!err && delivery->done)
		err = tx_exec(tx, &stmt_webhook_delivered, PARAMS(webhook, V_INT(now_us)), NULL);
	else if (!err)
		err = tx_exec(tx, &stmt_webhook_failed, PARAMS(webhook, V_INT(now_us), V_TEXT(delivery->error)), NULL);
	if (err || !delivery->gone)
		return err;
	err = tx_exec(tx, &stmt_webhook_gone, PARAMS(webhook, V_INT(now_us)), NULL);
	return err ? err : tx_notify(tx, HOOK_TOPIC);
}

/* Delivers the next message when its time has come. *wait_us: until there may be something to do. */
static MAY_PARK const struct err *
deliver_next(struct courier *courier, struct arena *arena, bool *found, int64_t *wait_us)
{
	struct delivery delivery = { .courier = courier };
	struct str name = courier->webhook->name;
	struct rows rows;
	const struct err *err = store_query(courier->hooks->store, arena, &stmt_webhook_message_next, PARAMS(V_TEXT(name)), &rows);

	*found = !err && rows.count > 0;
	if (!*found)
		return err;
	*wait_us = rows_int(&rows, 0, 3) - clock_wall_us();
	if (*wait_us > 0)
		return NULL;
	*wait_us = 0;
	delivery.id = rows_text(&rows, 0, 0);
	delivery.since_us = rows_int(&rows, 0, 1);
	delivery.attempts = rows_int(&rows, 0, 2);
	delivery.body = rows_text(&rows, 0, 5);
	err = attempt(&delivery, arena);
	if (err)
		return err;
	metric_add(&deliveries, 1, name, delivery.done ? STR("delivered") : delivery.dead ? STR("dead") : STR("failed"));
	if (!delivery.done)
		log_warn(delivery.dead ? "a message to a webhook is dead" : "a message to a webhook was not delivered", LOG_STR("webhook", name), LOG_STR("message", delivery.id),
			LOG_STR("error", delivery.error), LOG_INT("attempts", delivery.attempts + 1));
	return store_tx(courier->hooks->store, arena, note, &delivery);
}

/* --- bounds --- */

struct fullness {
	struct courier *courier;
	bool full, room;
};

static MAY_PARK const struct err *
note_fullness(struct tx *tx, void *arg)
{
	const struct fullness *work = arg;
	struct value name = V_TEXT(work->courier->webhook->name);
	int64_t now_us = clock_wall_us(), since_us;
	struct id id = id_new();
	struct rows rows;
	struct str data;
	const struct err *err;

	if (work->full)
		return tx_exec(tx, &stmt_webhook_full, PARAMS(name, V_INT(now_us)), NULL);
	err = tx_exec(tx, &stmt_webhook_full_since, PARAMS(name), &rows);
	since_us = err || rows.count == 0 ? 0 : rows_int(&rows, 0, 0);
	if (err || !since_us)
		return err;
	data = arena_printf(tx_arena(tx), "{\"from_us\":%lld,\"to_us\":%lld}", (long long)since_us, (long long)now_us);
	err = tx_exec(tx, &stmt_webhook_event_put_one, PARAMS(name, V_TEXT(id_str(&id)), V_INT(CONF_EVENT_WEBHOOK_GAP), V_INT(now_us), V_TEXT(data)), NULL);
	return err ? err : tx_exec(tx, &stmt_webhook_not_full, PARAMS(name), NULL);
}

static MAY_PARK const struct err *
forget_some(struct tx *tx, void *arg)
{
	const struct courier *courier = arg;

	return tx_exec(tx, &stmt_webhook_message_forget,
		PARAMS(V_TEXT(courier->webhook->name), V_INT(clock_wall_us() - courier->webhook->retention_us), V_INT(HOOK_STEP)), NULL);
}

static MAY_PARK const struct err *
keep_house(struct courier *courier, struct arena *arena)
{
	const struct conf_webhook *webhook = courier->webhook;
	struct fullness work = { .courier = courier };
	struct rows rows, since;
	const struct err *err = store_query(courier->hooks->store, arena, &stmt_webhook_events_count, PARAMS(V_TEXT(webhook->name), V_INT(webhook->events_max + 1)), &rows);

	if (!err)
		err = store_query(courier->hooks->store, arena, &stmt_webhook_full_since, PARAMS(V_TEXT(webhook->name)), &since);
	if (err)
		return err;
	work.full = rows_int(&rows, 0, 0) > webhook->events_max;
	work.room = since.count && rows_int(&since, 0, 0) && rows_int(&rows, 0, 0) <= webhook->events_max / 2;
	if (work.full || work.room)
		err = store_tx(courier->hooks->store, arena, note_fullness, &work);
	if (work.full && !err && since.count && !rows_int(&since, 0, 0))
		log_error("too many events wait for a webhook: new ones are left out", LOG_STR("webhook", webhook->name), LOG_INT("events", webhook->events_max));
	return err ? err : store_tx(courier->hooks->store, arena, forget_some, courier);
}

/* --- the fiber --- */

/* One turn; *wait_us: how long until the next. */
static MAY_PARK const struct err *
turn(struct courier *courier, struct arena *arena, int64_t *house_us, int64_t *wait_us)
{
	bool mine, found = false, made = false;
	const struct err *err = lease_take(courier->hooks, arena, courier->webhook->name, &mine);

	*wait_us = LOOK_US;
	if (err || !mine)
		return err;
	if (clock_mono_us() >= *house_us) {
		*house_us = clock_mono_us() + KEEP_HOUSE_US;
		err = keep_house(courier, arena);
	}
	if (!err)
		err = deliver_next(courier, arena, &found, wait_us);
	if (!err && !found)
		err = message_make(courier->hooks, arena, courier->webhook->name, &made);
	if (made)
		*wait_us = 0;
	if (*wait_us > LOOK_US)
		*wait_us = LOOK_US; /* a replay may come in between */
	return err;
}

MAY_PARK void
courier_run(void *arg)
{
	struct courier *courier = arg;
	struct arena *arena = arena_new(MIB(8));
	struct lease lease = { courier->hooks, courier->webhook->name, false };
	int64_t house_us = 0, wait_us = 0;
	const struct err *err = NULL;
	struct scope scope;

	while (!err || err->kind != ERR_CANCELLED) {
		err = turn(courier, arena, &house_us, &wait_us);
		if (err && err->kind != ERR_CANCELLED && err->kind != ERR_CONFLICT)
			log_warn("a webhook cannot be delivered to", LOG_STR("webhook", courier->webhook->name), LOG_ERR("error", err));
		if (!err || err->kind != ERR_CANCELLED)
			err = wait_us > 0 || err ? fiber_sleep_us(wait_us > 0 ? wait_us : LOOK_US) : fiber_yield();
		arena_reset(arena);
	}
	scope_open_shielded(&scope, 5 * USEC_PER_SEC);
	if (is_shared(courier->hooks))
		(void)store_tx(courier->hooks->store, arena, lease_leave, &lease); /* else it runs out */
	scope_close(&scope);
	arena_free(arena);
	conf_unref(courier->conf);
	free(courier);
}
