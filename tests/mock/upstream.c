/*
 * upstream.c - mock-upstream: a server that speaks the wires of OpenAI and Anthropic, and breaks them on request.
 *
 * One thread, one epoll. A connection is either reading a request, giving a reply, stalled, or lingering before it is closed. Reading
 * never stops, so that a peer that leaves is seen at once whatever the connection waits for: that is what tests of cancellation
 * measure. Replies are pulled piece by piece, one write each. README.md says what it answers and how to steer it.
 */
#include "journal.h"
#include "route.h"
#include "timers.h"
#include "tokens.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PIECES_PER_TURN = 64,	      /* then other connections have theirs */
	READ_AHEAD_MAX = 1024 * 1024, /* pipelined bytes taken in while a reply is on its way */
	KEPT_BYTES = 4096,
	LINGER_MS = 2000, /* how long a closed connection waits for its peer to close too */
	IDLE_MS = 75000,
};

enum phase { PHASE_READING, PHASE_REPLYING, PHASE_STALLED, PHASE_LINGERING };

struct conn {
	struct timer timer; /* first, so that a timer is its connection */
	int fd;
	enum phase phase;
	uint32_t events; /* what epoll watches */
	uint64_t id;
	struct bytes in;
	struct bytes out;
	size_t out_sent;
	struct http_reader reader;
	int64_t request_start_us; /* 0 until the first byte of a request */
	struct reply reply;
	enum reply_turn ending; /* what follows the last byte of the reply; REPLY_SEND before that is known */
	bool counts;	       /* the exchange is one to a service */
	uint64_t record;       /* of the present or last exchange; 0 if it has none */
	uint64_t reply_bytes;  /* sent of the present reply */
};

static int epoll_fd;
static int listen_fd;
static struct str required_key;
static volatile sig_atomic_t stopped;

static void
die(const char *what)
{
	fprintf(stderr, "mock-upstream: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
conn_watch(struct conn *conn, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = conn };

	if (events == conn->events)
		return;
	conn->events = events;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) < 0)
		die("epoll_ctl");
}

/* The exchange under way, if any, has ended so. */
static void
conn_end_exchange(struct conn *conn, enum exchange_end end)
{
	if (conn->phase != PHASE_REPLYING && conn->phase != PHASE_STALLED)
		return;
	conn->phase = PHASE_READING;
	if (!conn->counts)
		return;
	stats.open_exchanges--;
	journal_end(conn->record, end, conn->reply.pieces, conn->reply_bytes);
}

static void
conn_free(struct conn *conn)
{
	timer_clear(&conn->timer);
	close(conn->fd);
	bytes_free(&conn->in);
	bytes_free(&conn->out);
	reply_free(&conn->reply);
	free(conn);
	stats.open_connections--;
}

/* The peer has gone: `reset` tells how. */
static void
conn_lost(struct conn *conn, bool reset)
{
	conn_end_exchange(conn, reset ? END_PEER_RESET : END_PEER_CLOSED);
	journal_peer_closed(conn->record);
	conn_free(conn);
}

static void
conn_reset(struct conn *conn)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	conn_end_exchange(conn, END_MOCK_RESET);
	setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	conn_free(conn);
}

/* Says goodbye and waits for the peer's: closing at once would reset a connection on which unread bytes arrive. */
static void
conn_linger(struct conn *conn)
{
	conn->phase = PHASE_LINGERING;
	shutdown(conn->fd, SHUT_WR);
	timer_set(&conn->timer, journal_now_us() + LINGER_MS * 1000);
	conn_watch(conn, EPOLLIN | EPOLLRDHUP);
}

/* Writes what is left of `out`. 1: all is written; 0: the socket is full; -1: the connection is lost and freed. */
static int
conn_flush(struct conn *conn)
{
	while (conn->out_sent < conn->out.len) {
		ssize_t sent = send(conn->fd, conn->out.ptr + conn->out_sent, conn->out.len - conn->out_sent, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN) {
			conn_watch(conn, EPOLLIN | EPOLLRDHUP | EPOLLOUT);
			return 0;
		}
		if (sent < 0) {
			conn_lost(conn, true);
			return -1;
		}
		if (conn->reply_bytes == 0)
			journal_first_byte(conn->record);
		conn->out_sent += (size_t)sent;
		conn->reply_bytes += (uint64_t)sent;
		stats.bytes_out += (uint64_t)sent;
	}
	bytes_clear(&conn->out, KEPT_BYTES);
	conn->out_sent = 0;
	return 1;
}

/* Decides what to answer. The request's views end with this call. */
static void
conn_begin_reply(struct conn *conn, const struct request *request)
{
	static uint64_t serial;
	struct reply *reply = &conn->reply;

	reply_clear(reply, ++serial, request->keep_alive);
	timer_clear(&conn->timer);
	conn->phase = PHASE_REPLYING;
	conn->ending = REPLY_SEND;
	conn->reply_bytes = 0;
	conn->record = 0;
	conn->counts = true;
	if (route_control(request, reply)) {
		conn->counts = false;
		return;
	}
	stats.requests++;
	if (++stats.open_exchanges > stats.open_exchanges_max)
		stats.open_exchanges_max = stats.open_exchanges;
	if (route_canned(request, reply)) {
		stats.canned++;
		return;
	}
	conn->record = journal_add(request, conn->id, conn->request_start_us);
	route_service(request, required_key, reply);
}

/* Reads the next request out of the buffer. False if there is nothing to go on with: bytes are missing, or the connection ends. */
static bool
conn_next_request(struct conn *conn)
{
	static struct request request; /* large, and used only in here */
	enum http_state state = HTTP_MORE;

	if (conn->in.len > 0) {
		if (!conn->request_start_us)
			conn->request_start_us = journal_now_us();
		state = http_read(&conn->reader, &conn->in, &request);
	}
	if (state == HTTP_REQUEST) {
		conn_begin_reply(conn, &request);
		bytes_drop(&conn->in, request.wire_len);
		if (conn->in.len == 0)
			bytes_clear(&conn->in, KEPT_BYTES);
		conn->request_start_us = 0;
		return true;
	}
	if (state == HTTP_BAD) {
		bytes_add(&conn->out, STR("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
		if (conn_flush(conn) >= 0)
			conn_linger(conn);
		return false;
	}
	if (conn->reader.expects) {
		conn->reader.expects = false;
		bytes_add(&conn->out, STR("HTTP/1.1 100 Continue\r\n\r\n"));
		if (conn_flush(conn) < 0)
			return false;
	}
	timer_set(&conn->timer, journal_now_us() + IDLE_MS * 1000);
	conn_watch(conn, EPOLLIN | EPOLLRDHUP);
	return false;
}

/* Does what comes after the last byte of a reply. False if the connection does not go on. */
static bool
conn_finish_reply(struct conn *conn)
{
	switch (conn->ending) {
	case REPLY_STALL:
		conn->phase = PHASE_STALLED;
		conn_watch(conn, EPOLLIN | EPOLLRDHUP);
		return false;
	case REPLY_RESET:
		conn_reset(conn);
		return false;
	case REPLY_CLOSE:
		conn_end_exchange(conn, END_MOCK_CLOSED);
		conn_linger(conn);
		return false;
	default:
		conn_end_exchange(conn, END_ANSWERED);
		if (!conn->reply.keep_alive)
			conn_linger(conn);
		return conn->reply.keep_alive;
	}
}

/* One step of a connection that has nothing left to write. False if it waits, or is gone. */
static bool
conn_step(struct conn *conn)
{
	long wait_ms = 0;
	enum reply_turn turn;

	if (conn->phase == PHASE_READING)
		return conn_next_request(conn);
	if (conn->phase != PHASE_REPLYING || conn->timer.place)
		return false;
	if (conn->ending != REPLY_SEND)
		return conn_finish_reply(conn);
	turn = reply_next(&conn->reply, &conn->out, &wait_ms);
	if (turn == REPLY_WAIT) {
		timer_set(&conn->timer, journal_now_us() + wait_ms * 1000);
		conn_watch(conn, EPOLLIN | EPOLLRDHUP);
		return false;
	}
	conn->ending = turn;
	return true;
}

static void
conn_drive(struct conn *conn)
{
	for (int i = 0; i < PIECES_PER_TURN; i++) {
		if (conn_flush(conn) <= 0 || !conn_step(conn))
			return;
	}
	/* The socket takes more, but it is the turn of others: epoll brings us back. */
	conn_watch(conn, EPOLLIN | EPOLLRDHUP | EPOLLOUT);
}

static void
conn_readable(struct conn *conn)
{
	static char buffer[65536];
	ssize_t got = recv(conn->fd, buffer, sizeof(buffer), 0);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		conn_lost(conn, got < 0);
		return;
	}
	stats.bytes_in += (uint64_t)got;
	if (conn->phase == PHASE_LINGERING)
		return;
	if (conn->phase != PHASE_READING && conn->in.len > READ_AHEAD_MAX) {
		conn_reset(conn);
		return;
	}
	bytes_add(&conn->in, (struct str){ buffer, (size_t)got });
	conn_drive(conn);
}

static void
conn_expired(struct conn *conn)
{
	timer_clear(&conn->timer);
	if (conn->phase == PHASE_REPLYING)
		conn_drive(conn);
	else if (conn->phase == PHASE_READING)
		conn_linger(conn);
	else
		conn_free(conn);
}

static void
accept_all(void)
{
	int fd, on = 1;

	while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *conn = calloc(1, sizeof(*conn));
		struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = conn };

		if (!conn)
			die("connection");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		conn->fd = fd;
		conn->id = ++stats.connections;
		conn->events = event.events;
		stats.open_connections++;
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
			die("epoll_ctl");
	}
	if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
		die("accept"); /* out of files: a test that runs into this needs to know */
}

/* Milliseconds until the earliest timer, rounded up; -1 for none. */
static int
loop_wait_ms(void)
{
	struct timer *first = timer_first();
	int64_t left_us = first ? first->at_us - journal_now_us() : 0;

	return !first ? -1 : left_us <= 0 ? 0 : (int)((left_us + 999) / 1000);
}

static void
loop_run(void)
{
	struct epoll_event events[256];
	struct timer *timer;
	sigset_t none;

	sigemptyset(&none);
	while (!stopped) {
		/* Signals come in here alone, so that none is lost between the look at `stopped` and the wait. */
		int count = epoll_pwait(epoll_fd, events, COUNT(events), loop_wait_ms(), &none);

		for (int i = 0; i < count; i++) {
			if (!events[i].data.ptr)
				accept_all();
			else if (events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
				conn_readable(events[i].data.ptr);
			else
				conn_drive(events[i].data.ptr);
		}
		while ((timer = timer_first()) && timer->at_us <= journal_now_us())
			conn_expired((struct conn *)(void *)timer);
	}
}

static void
listen_on(const char *where)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	struct epoll_event event = { .events = EPOLLIN };
	char host[64];
	int port, on = 1;

	if (sscanf(where, "%63[0-9.]:%d", host, &port) != 2 || inet_pton(AF_INET, host, &address.sin_addr) != 1 || port < 0 || port > 65535) {
		fprintf(stderr, "mock-upstream: --listen wants IPV4:PORT, not '%s'\n", where);
		exit(2);
	}
	address.sin_port = htons((uint16_t)port);
	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listen_fd, (struct sockaddr *)&address, len) < 0 || listen(listen_fd, 4096) < 0)
		die(where);
	getsockname(listen_fd, (struct sockaddr *)&address, &len);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event) < 0)
		die("epoll");
	printf("mock ready on http://%s:%d\n", host, ntohs(address.sin_port));
	fflush(stdout);
}

static void
stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

int
main(int argc, char **argv)
{
	const char *where = "127.0.0.1:0";
	struct sigaction action = { .sa_handler = stop };
	struct rlimit files;
	sigset_t stopping;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 < argc && strcmp(argv[i], "--listen") == 0) {
			where = argv[i + 1];
		} else if (i + 1 < argc && strcmp(argv[i], "--key") == 0) {
			required_key = (struct str){ argv[i + 1], strlen(argv[i + 1]) };
		} else if (i + 1 < argc && strcmp(argv[i], "--token-seconds") == 0) {
			tokens_seconds = atol(argv[i + 1]);
		} else {
			fprintf(stderr, "usage: mock-upstream [--listen IPV4:PORT] [--key KEY] [--token-seconds N]\n");
			return 2;
		}
	}
	sigemptyset(&stopping);
	sigaddset(&stopping, SIGTERM);
	sigaddset(&stopping, SIGINT);
	sigprocmask(SIG_BLOCK, &stopping, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	journal_init();
	route_init();
	listen_on(where);
	loop_run();
	return 0;
}
