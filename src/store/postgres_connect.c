/*
 * postgres_connect.c - a new connection, on a fiber of its own, without blocking the loop.
 *
 * Names are looked up on a thread, since libpq would do it here; all addresses of all hosts are given to libpq, which tries them in turn. What fails is
 * tried once more at once: the server may have ended this one session only. After that nobody tries before a pause that doubles from 50 ms to
 * 0.5 s, so that requests fail at once while the server is gone, and the first one after the pause brings the connection back.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "rt/fiber.h"
#include "store/postgres.h"

enum { HOSTS_MAX = 16, LIST_SIZE = 2048, ATTEMPTS = 2 };
#define CONNECT_MAX_US (5 * USEC_PER_SEC)
#define PAUSE_FIRST_US (50 * USEC_PER_MS)
#define PAUSE_MAX_US (500 * USEC_PER_MS)

/* What a session of ours relies on, whatever the server's own settings are. */
static const char session[] = "set statement_timeout = 30000; set idle_in_transaction_session_timeout = 60000; set bytea_output = hex; set "
			      "client_min_messages = error;"
			      "set standard_conforming_strings = on";

/* Hosts, their addresses and their ports, one of each per address. */
struct addresses {
	const struct pg_options *options;
	char hosts[LIST_SIZE], hostaddrs[LIST_SIZE], ports[LIST_SIZE];
	unsigned count;
	int failure; /* of getaddrinfo; 0: none */
};

struct connect {
	struct pg_conn *conn;
	struct addresses addresses;
	struct pg_options options;
	PGconn *pg;
};

bool
pg_connect_due(const struct pg_loop *loop)
{
	return loop->failures == 0 || clock_mono_us() >= loop->retry_at_us;
}

const struct err *
pg_unavailable(const struct pg_loop *loop, struct arena *arena)
{
	const struct err *err =
		err_detail(arena, err_new(arena, ERR_UNAVAILABLE, "the database cannot be reached now; try again"), "%s", loop->failure);
	struct err *copy = err == &err_no_memory ? NULL : arena_alloc(arena, sizeof(*copy));

	if (!copy)
		return err;
	*copy = *err;
	copy->retry_after_us = PAUSE_MAX_US;
	return copy;
}

static const char *
option(const struct pg_options *options, const char *keyword)
{
	for (size_t i = 0; options->keywords[i]; i++) {
		if (strcmp(options->keywords[i], keyword) == 0)
			return options->values[i];
	}
	return NULL;
}

static void
append(char list[LIST_SIZE], unsigned count, struct str text)
{
	size_t len = strlen(list);

	snprintf(list + len, LIST_SIZE - len, "%s%" STR_F, count ? "," : "", STR_A(text));
}

static void
add_address(struct addresses *out, struct str host, const char *hostaddr, struct str port)
{
	if (out->count == HOSTS_MAX)
		return;
	append(out->hosts, out->count, host);
	append(out->hostaddrs, out->count, str_of(hostaddr));
	append(out->ports, out->count, port);
	out->count++;
}

static void
resolve_host(struct addresses *out, struct str host, struct str port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char name[256], address[128];

	if (host.len == 0 || host.ptr[0] == '/' || host.ptr[0] == '@') { /* a socket in the file system */
		add_address(out, host, "", port);
		return;
	}
	snprintf(name, sizeof(name), "%" STR_F, STR_A(host));
	out->failure = getaddrinfo(name, NULL, &hints, &found);
	for (struct addrinfo *at = found; at && out->failure == 0; at = at->ai_next) {
		if (getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof(address), NULL, 0, NI_NUMERICHOST) == 0)
			add_address(out, host, address, port);
	}
	if (found)
		freeaddrinfo(found);
}

/* The next piece of a list that may also be a single value for all. */
static struct str
next_port(struct str *rest, struct str before)
{
	struct str piece;

	return str_split(rest, ',', &piece) ? piece : before;
}

static void
resolve(void *arg)
{
	struct addresses *out = arg;
	const char *given = option(out->options, "host");
	struct str hosts = str_of(given ? given : getenv("PGHOST")), ports = str_of(option(out->options, "port")), host, port = STR_EMPTY;

	while (str_split(&hosts, ',', &host)) {
		port = next_port(&ports, port);
		resolve_host(out, host, port);
	}
}

static void
option_set(struct pg_options *options, const char *keyword, const char *value)
{
	size_t at = 0;

	while (options->keywords[at] && strcmp(options->keywords[at], keyword) != 0)
		at++;
	if (at < PG_OPTIONS_MAX - 1) {
		options->keywords[at] = keyword;
		options->values[at] = value;
	}
}

static MAY_PARK bool
look_up(struct connect *connect)
{
	struct addresses *addresses = &connect->addresses;
	struct pg_loop *loop = connect->conn->loop;

	connect->options = connect->conn->store->options;
	addresses->options = &connect->options;
	if (option(&connect->options, "hostaddr"))
		return true;
	if (offload(connect->conn->store->resolver, resolve, addresses)) {
		snprintf(loop->failure, sizeof(loop->failure), "looking up the server's name took too long");
		return false;
	}
	if (addresses->failure && addresses->count == 0) {
		snprintf(loop->failure, sizeof(loop->failure), "looking up the server's name: %s", gai_strerror(addresses->failure));
		return false;
	}
	if (addresses->count) {
		option_set(&connect->options, "host", addresses->hosts);
		option_set(&connect->options, "hostaddr", addresses->hostaddrs);
		option_set(&connect->options, "port", addresses->ports);
	}
	return true;
}

static MAY_PARK bool
handshake(PGconn *pg)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	int ready;

	while (PQstatus(pg) != CONNECTION_BAD) {
		if (status == PGRES_POLLING_OK)
			return true;
		if (status == PGRES_POLLING_FAILED || fd_wait(PQsocket(pg), status == PGRES_POLLING_READING ? FD_READ : FD_WRITE, &ready))
			return false;
		status = PQconnectPoll(pg);
	}
	return false;
}

/* Runs plain statements, before the pipeline begins. */
static MAY_PARK bool
run_plain(PGconn *pg, const char *sql)
{
	PGresult *result;
	bool good = PQsendQuery(pg, sql) == 1;
	int ready;

	while (good) {
		if (PQflush(pg) < 0)
			return false;
		if (PQisBusy(pg)) {
			good = !fd_wait(PQsocket(pg), FD_READ, &ready) && PQconsumeInput(pg) == 1;
			continue;
		}
		result = PQgetResult(pg);
		if (!result)
			return true;
		good = PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
	}
	return false;
}

static void
ignore_notice(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

/* On success connect->pg is in pipeline mode. */
static MAY_PARK bool
establish(struct connect *connect)
{
	struct pg_loop *loop = connect->conn->loop;
	PGconn *pg;
	bool good;

	pg = connect->pg = PQconnectStartParams(connect->options.keywords, connect->options.values, 0);
	if (!pg)
		return false;
	PQsetNoticeProcessor(pg, ignore_notice, NULL);
	PQsetnonblocking(pg, 1);
	good = handshake(pg) && run_plain(pg, session) && (!connect->conn->listens || run_plain(pg, "listen corbel")) &&
	       PQenterPipelineMode(pg) == 1;
	if (good)
		return true;
	snprintf(loop->failure, sizeof(loop->failure), "%s", *PQerrorMessage(pg) ? PQerrorMessage(pg) : "connecting took too long");
	PQfinish(pg);
	return false;
}

static void
connect_main(void *arg)
{
	struct connect *connect = arg;
	struct pg_conn *conn = connect->conn;
	struct pg_loop *loop = conn->loop;
	struct scope scope;
	int64_t pause_us;
	bool good = false;

	scope_open_shielded(&scope, CONNECT_MAX_US); /* a settlement may need it while the program stops */
	if (look_up(connect)) {
		for (int attempt = 0; attempt < ATTEMPTS && !good; attempt++)
			good = establish(connect);
	}
	scope_close(&scope);
	if (good) {
		loop->failures = 0;
	} else {
		pause_us = PAUSE_FIRST_US << (loop->failures < 6 ? loop->failures : 6);
		loop->retry_at_us = clock_mono_us() + (pause_us < PAUSE_MAX_US ? pause_us : PAUSE_MAX_US);
		loop->failures++;
	}
	loop->connecting--;
	pg_conn_connected(conn, good ? connect->pg : NULL);
	free(connect);
}

void
pg_connect_start(struct pg_conn *conn)
{
	struct connect *connect = mem_zalloc(sizeof(*connect));

	connect->conn = conn;
	/* A TLS handshake goes deep. */
	if (fiber_go_stack("store.connect", FIBER_STACK_LARGE, NULL, connect_main, connect)) {
		free(connect);
		conn->state = PG_CLOSED;
		return;
	}
	conn->loop->connecting++;
}
