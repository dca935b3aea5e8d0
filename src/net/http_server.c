/*
 * http_server.c - listening, accepting, stopping. See http_server.h.
 *
 * Every loop has a listening socket of its own (SO_REUSEPORT), so accepting needs nothing shared but the count of connections. When there are
 * too many, or no descriptors are left, a loop stops accepting and looks again a little later: clients wait in the kernel's queue meanwhile.
 */
#include "net/connection.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/address.h"
#include "rt/fiber.h"

enum { BACKLOG = 4096, ACCEPTS_MAX = 64 /* in one turn */, DESCRIPTORS_KEPT = 128 /* for files, the store, curl */ };
#define ACCEPT_RETRY_US (20 * USEC_PER_MS)

const struct http_limits http_limits_default = {
	.line_max = KIB(16),
	.header_bytes_max = KIB(64),
	.header_count_max = 128,
	.body_max = MIB(512),
	.header_timeout_us = 10 * USEC_PER_SEC,
	.body_idle_timeout_us = 30 * USEC_PER_SEC,
	.body_rate_min = 256,
	.idle_timeout_us = 75 * USEC_PER_SEC,
	.write_timeout_us = 30 * USEC_PER_SEC,
	.connections_max = 0,
	.pipeline_max = KIB(64),
	.request_arena_max = MIB(16),
};

/* One of those that stopping waits for is done with the server. */
static void
server_release(struct http_server *server)
{
	if (atomic_fetch_sub(&server->holders, 1) == 1)
		wait_wake(server->stopped);
}

/* On its loop, outside any fiber: the last connection is gone. */
static void
server_loop_end(void *arg)
{
	struct server_loop *owner = arg;
	struct http_server *server = owner->server;

	while (owner->arena_count > 0)
		arena_free(owner->arenas[--owner->arena_count]);
	stream_pool_fini(&owner->buffers);
	scope_fini(&owner->scope);
	server_release(server);
}

/* When it stops and nothing is left: ends at the loop's next turn, when the last connection's fiber has ended too. */
static void
server_loop_check(struct server_loop *owner)
{
	if (owner->stopping && !owner->connections)
		loop_post(owner->loop, server_loop_end, owner);
}

void
server_connection_ended(struct server_loop *owner)
{
	atomic_fetch_sub(&owner->server->connections, 1);
	server_loop_check(owner);
}

static void
accept_one(struct server_loop *owner, int fd, const struct address *peer)
{
	char text[ADDRESS_TEXT_SIZE];
	int on = 1;

	if (peer->any.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	atomic_fetch_add(&owner->server->connections, 1);
	if (!connection_start(owner, fd, address_text(peer, text)))
		atomic_fetch_sub(&owner->server->connections, 1);
}

/* Accepts what waits. False: there is no room for more now. */
static bool
accept_waiting(struct server_loop *owner)
{
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		struct address peer = { .len = sizeof(struct sockaddr_un) };
		int fd;

		if (atomic_load(&owner->server->connections) >= owner->server->spec.limits.connections_max)
			return false;
		fd = accept4(owner->fd, &peer.any, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			accept_one(owner, fd, &peer);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			return false;
		else if (errno == EAGAIN)
			return true;
		/* other errors are of the one connection */
	}
	return true;
}

static void
on_listener(void *arg, int events)
{
	struct server_loop *owner = arg;

	(void)events;
	if (!accept_waiting(owner)) {
		watch_set(owner->listener, 0);
		loop_timer_start(owner->retry, ACCEPT_RETRY_US);
	}
}

static void
on_retry(void *arg)
{
	struct server_loop *owner = arg;

	watch_set(owner->listener, FD_READ);
}

/* On its loop. */
static void
server_loop_begin(void *arg)
{
	struct server_loop *owner = arg;

	scope_init(&owner->scope, NULL, INT64_MAX);
	owner->retry = loop_timer_new(on_retry, owner);
	owner->listener = watch_new(owner->fd, on_listener, owner);
	assert(owner->listener); /* a listening socket can be watched */
	watch_set(owner->listener, FD_READ);
}

/* On its loop: accepts no more, and closes what is idle. */
static void
server_loop_stop(void *arg)
{
	struct server_loop *owner = arg;

	watch_free(owner->listener);
	loop_timer_free(owner->retry);
	close(owner->fd);
	owner->stopping = true;
	for (struct connection *connection = owner->connections; connection; connection = connection->next)
		if (connection->idle)
			scope_cancel(&connection->scope, &err_cancelled);
	server_loop_check(owner);
}

/* On its loop, which may have ended already: the time of grace is over. */
static void
server_loop_cancel(void *arg)
{
	struct server_loop *owner = arg;

	if (owner->connections)
		scope_cancel(&owner->scope, &err_cancelled);
	server_release(owner->server);
}

/* A bound, listening socket, or -1 with errno. */
static int
listen_on(const struct address *address, bool share)
{
	int on = 1, saved, fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (address->any.sa_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (share)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, &address->any, address->len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Removes a Unix socket that a server left behind: one that refuses connections. */
static void
remove_stale(const struct address *address)
{
	struct stat status;
	int fd;

	if (stat(address->local.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, &address->any, address->len) != 0 && errno == ECONNREFUSED)
		unlink(address->local.sun_path);
	close(fd);
}

/*
 * A socket per loop; false with errno. With SO_REUSEPORT a second server of the same user could take the port and get half of the connections,
 * so the port is first tried without.
 */
static bool
server_listen(struct http_server *server, struct address *address)
{
	bool local = address->any.sa_family == AF_UNIX, share = !local && server->loop_count > 1;
	unsigned opened = 0;
	int probe, saved;

	if (local)
		remove_stale(address);
	if (share && address->v4.sin_port != 0) {
		probe = listen_on(address, false);
		if (probe < 0)
			return false;
		close(probe);
	}
	for (; opened < server->loop_count; opened++) {
		int fd = local && opened > 0 ? fcntl(server->loops[0].fd, F_DUPFD_CLOEXEC, 0) : listen_on(address, share);

		if (fd < 0)
			break;
		server->loops[opened].fd = fd;
		if (opened == 0) {
			address->len = sizeof(address->local);
			getsockname(fd, &address->any, &address->len); /* the port that was picked */
		}
	}
	saved = errno;
	for (unsigned i = 0; opened < server->loop_count && i < opened; i++)
		close(server->loops[i].fd);
	errno = saved;
	return opened == server->loop_count;
}

/* As many connections as descriptors allow, when each may need a second one for an upstream. */
static unsigned
connections_default(void)
{
	struct rlimit limit = { .rlim_cur = 1024 };
	rlim_t files;

	getrlimit(RLIMIT_NOFILE, &limit);
	files = limit.rlim_cur < 2000000 ? limit.rlim_cur : 2000000;
	return files > 4 * DESCRIPTORS_KEPT ? (unsigned)(files - DESCRIPTORS_KEPT) / 2 : (unsigned)files / 4 + 1;
}

static struct http_server *
server_new(struct runtime *runtime, const struct http_server_spec *spec)
{
	unsigned count = runtime_loop_count(runtime);
	struct http_server *server = mem_zalloc(sizeof(*server) + count * sizeof(server->loops[0]));
	const struct http_limits *limits = &spec->limits;

	server->arena = arena_new(KIB(16));
	server->spec = *spec;
	if (limits->connections_max == 0)
		server->spec.limits.connections_max = connections_default();
	server->request_limits =
		(struct request_limits){ (uint32_t)limits->line_max, (uint32_t)limits->header_bytes_max, limits->header_count_max };
	if (spec->server_name.len > 0)
		server->server_header = arena_printf(server->arena, "Server: %" STR_F "\r\n", STR_A(spec->server_name));
	else
		server->server_header = STR_EMPTY;
	server->loop_count = count;
	for (unsigned i = 0; i < count; i++) {
		server->loops[i].server = server;
		server->loops[i].loop = runtime_loop(runtime, i);
	}
	return server;
}

static void
server_free(struct http_server *server)
{
	arena_free(server->arena);
	free(server);
}

const struct err *
http_server_start(struct runtime *runtime, const struct http_server_spec *spec, struct arena *arena, struct http_server **out)
{
	struct address address;
	char text[ADDRESS_TEXT_SIZE];
	struct http_server *server;
	const struct err *err;

	*out = NULL;
	if (!address_parse(spec->listen, &address))
		return err_new(arena, ERR_INVALID, "cannot listen on \"%" STR_F "\": expected HOST:PORT, [IPV6]:PORT or unix:/PATH",
			STR_A(spec->listen));
	if (spec->server_name.len > 128 || !http_value_ok(spec->server_name))
		return err_new(arena, ERR_INVALID, "the server's name cannot be sent in a header");
	server = server_new(runtime, spec);
	if (!server_listen(server, &address)) {
		err = err_new(arena, ERR_UNAVAILABLE, "cannot listen on %" STR_F ": %s", STR_A(spec->listen), strerror(errno));
		server_free(server);
		return err;
	}
	server->address = arena_dup(server->arena, address_text(&address, text));
	for (unsigned i = 0; i < server->loop_count; i++)
		loop_post(server->loops[i].loop, server_loop_begin, &server->loops[i]);
	*out = server;
	return NULL;
}

struct str
http_server_address(const struct http_server *server)
{
	return server->address;
}

unsigned
http_server_connections(const struct http_server *server)
{
	return atomic_load(&server->connections);
}

unsigned
http_server_exchanges(const struct http_server *server)
{
	unsigned count = 0;

	for (unsigned i = 0; i < server->loop_count; i++)
		count += atomic_load_explicit(&server->loops[i].exchanges, memory_order_relaxed);
	return count;
}

MAY_PARK void
http_server_stop(struct http_server *server, int64_t grace_us)
{
	struct waiter stopped;

	waiter_init(&stopped);
	server->stopped = &stopped;
	atomic_store(&server->holders, server->loop_count);
	for (unsigned i = 0; i < server->loop_count; i++)
		loop_post(server->loops[i].loop, server_loop_stop, &server->loops[i]);
	if (wait_for_us(&stopped, grace_us)) {
		/* What is posted now holds the server too; unless the last loop has just ended. */
		if (atomic_fetch_add(&server->holders, server->loop_count) > 0)
			for (unsigned i = 0; i < server->loop_count; i++)
				loop_post(server->loops[i].loop, server_loop_cancel, &server->loops[i]);
		wait_end(&stopped);
	}
	if (str_starts(server->address, STR("unix:")))
		unlink(str_slice(server->address, 5, server->address.len).ptr); /* zero-terminated by arena_dup */
	server_free(server);
}
