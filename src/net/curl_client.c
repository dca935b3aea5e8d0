/*
 * curl_client.c - libcurl's multi handle on a loop. See curl_client.h.
 *
 * libcurl says which sockets to watch and when it wants to be called; the loop calls curl_multi_socket_action, always on its own stack, never on a
 * fiber's. A kept connection stays watched between two calls: taking it out of the loop's set and putting it back would cost
 * three system calls a request. Sockets are opened and closed through us, so a watch never outlives its descriptor.
 */
#include "net/curl_client.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/address.h"
#include "rt/loop_timer.h"
#include "rt/watch.h"

enum { CALLS_KEPT = 256, CONNECTIONS_KEPT = 1024, RECEIVE_BUFFER = 16 * 1024, BODY_BUFFER_MAX = 1024 * 1024 };

struct client_socket {
	struct curl_loop *owner;
	struct watch *watch;
	curl_socket_t fd;
	bool ours; /* opened by socket_open */
	bool kept; /* no call uses it now */
};

struct curl_loop {
	CURLM *multi;
	struct loop_timer *timer;
	struct client_socket **sockets; /* by descriptor */
	size_t socket_cap;
	struct curl_call *free;
	unsigned free_count;
};

static _Thread_local struct curl_loop *this_curl;

/* What has ended: the call is told, and its connection is free for another. */
static void
take_results(struct curl_loop *owner)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(owner->multi, &left))) {
		struct curl_call *call = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		call->result = message->data.result; /* the message is gone after the removal */
		call->done = true;
		call->running = false;
		curl_multi_remove_handle(owner->multi, call->easy);
		call_wake(call);
	}
}

static void
on_timer(void *arg)
{
	struct curl_loop *owner = arg;
	int running;

	curl_multi_socket_action(owner->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	take_results(owner);
}

/* libcurl: call me in so many milliseconds. */
static int
timer_wanted(CURLM *multi, long ms, void *arg)
{
	struct curl_loop *owner = arg;

	(void)multi;
	if (ms < 0)
		loop_timer_stop(owner->timer);
	else
		loop_timer_start(owner->timer, ms * INT64_C(1000));
	return 0;
}

static void
on_socket(void *arg, int events)
{
	struct client_socket *socket = arg;
	struct curl_loop *owner = socket->owner;
	int mask = 0, running;

	if (socket->kept) { /* the server has closed a connection that nobody uses: libcurl sees that when it looks for one */
		watch_set(socket->watch, 0);
		return;
	}
	if (events & FD_HANGUP) /* an error: the watch is over, libcurl is to find out */
		mask |= CURL_CSELECT_ERR;
	if (events & FD_READ)
		mask |= CURL_CSELECT_IN;
	if (events & FD_WRITE)
		mask |= CURL_CSELECT_OUT;
	curl_multi_socket_action(owner->multi, socket->fd, mask, &running);
	take_results(owner);
}

static void
socket_drop(struct curl_loop *owner, curl_socket_t fd)
{
	struct client_socket *socket = (size_t)fd < owner->socket_cap ? owner->sockets[fd] : NULL;

	if (!socket)
		return;
	watch_free(socket->watch);
	free(socket);
	owner->sockets[fd] = NULL;
}

static struct client_socket *
socket_add(struct curl_loop *owner, curl_socket_t fd, bool ours)
{
	struct client_socket *socket;
	size_t index = (size_t)fd, cap = owner->socket_cap;

	if (index >= cap) {
		cap = index + 1 > cap * 2 ? index + 1 : cap * 2;
		owner->sockets = mem_realloc(owner->sockets, cap * sizeof(struct client_socket *));
		memset(owner->sockets + owner->socket_cap, 0, (cap - owner->socket_cap) * sizeof(struct client_socket *));
		owner->socket_cap = cap;
	}
	socket_drop(owner, fd); /* of a descriptor that libcurl has closed without telling */
	socket = mem_zalloc(sizeof(*socket));
	socket->owner = owner;
	socket->fd = fd;
	socket->ours = ours;
	owner->sockets[index] = socket;
	return socket;
}

/* libcurl closes a socket that has not connected by itself, so a watch must not outlive its last wish. */
static bool
is_connected(curl_socket_t fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
}

/* libcurl: watch this socket so, or no more. Some are libcurl's own, as the resolver's pair. */
static int
socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct curl_loop *owner = arg;
	struct client_socket *socket = (size_t)fd < owner->socket_cap ? owner->sockets[fd] : NULL;

	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		if (socket && socket->ours && is_connected(fd))
			socket->kept = true;
		else
			socket_drop(owner, fd);
		return 0;
	}
	if (!socket)
		socket = socket_add(owner, fd, false);
	if (!socket->watch)
		socket->watch = watch_new(fd, on_socket, socket);
	if (!socket->watch)
		return -1;
	socket->kept = false;
	watch_set(socket->watch, (what & CURL_POLL_IN ? FD_READ : 0) | (what & CURL_POLL_OUT ? FD_WRITE : 0));
	return 0;
}

/* Opens a socket to an address that libcurl has resolved: the place to refuse what a stranger's URL may not reach. */
static curl_socket_t
socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct curl_call *call = arg;
	int fd;

	(void)purpose;
	if (call->public_only && !address_is_public(&address->addr)) {
		call->refused_address = true;
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	socket_add(call->owner, fd, true);
	return fd;
}

static int
socket_close(void *arg, curl_socket_t fd)
{
	socket_drop(arg, fd);
	return close(fd);
}

/* What crypto/tls_client.h trusts: the environment's variables are OpenSSL's own, but libcurl passes them over. */
static void
trust(CURL *easy)
{
	const char *file = getenv("SSL_CERT_FILE"), *folder = getenv("SSL_CERT_DIR");

	if (file && file[0])
		curl_easy_setopt(easy, CURLOPT_CAINFO, file);
	if (folder && folder[0])
		curl_easy_setopt(easy, CURLOPT_CAPATH, folder);
}

/* What is the same for every call. */
static CURL *
easy_new(struct curl_loop *owner, struct curl_call *call)
{
	CURL *easy = curl_easy_init();

	if (!easy)
		return NULL;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	trust(easy);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->why);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, call_on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, call_on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, socket_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, socket_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, owner); /* a connection outlives the call that opened it */
	return easy;
}

static void
call_free(struct curl_call *call)
{
	curl_easy_cleanup(call->easy);
	buf_fini(&call->coming);
	buf_fini(&call->given);
	free(call);
}

struct curl_call *
curl_take(struct curl_loop *owner)
{
	struct curl_call *call = owner->free;

	if (call) {
		owner->free = call->next;
		owner->free_count--;
		return call;
	}
	call = mem_zalloc(sizeof(*call));
	call->owner = owner;
	buf_init(&call->coming, NULL, BODY_BUFFER_MAX);
	buf_init(&call->given, NULL, BODY_BUFFER_MAX);
	call->easy = easy_new(owner, call);
	if (!call->easy) {
		free(call);
		return NULL;
	}
	return call;
}

void
curl_give(struct curl_loop *owner, struct curl_call *call)
{
	if (owner->free_count == CALLS_KEPT) {
		call_free(call);
		return;
	}
	call->next = owner->free;
	owner->free = call;
	owner->free_count++;
}

bool
curl_start(struct curl_loop *owner, struct curl_call *call)
{
	call->running = curl_multi_add_handle(owner->multi, call->easy) == CURLM_OK;
	return call->running;
}

void
curl_abandon(struct curl_loop *owner, struct curl_call *call)
{
	if (call->running)
		curl_multi_remove_handle(owner->multi, call->easy);
	call->running = false;
}

static void
curl_init(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
}

static void
curl_end(void *unused)
{
	struct curl_loop *owner = this_curl;

	(void)unused;
	if (!owner)
		return;
	while (owner->free) {
		struct curl_call *call = owner->free;

		owner->free = call->next;
		call_free(call);
	}
	curl_multi_cleanup(owner->multi); /* closes the kept connections */
	loop_timer_free(owner->timer);
	free(owner->sockets);
	free(owner);
	this_curl = NULL;
}

struct curl_loop *
curl_here(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct curl_loop *owner = this_curl;

	if (owner)
		return owner;
	pthread_once(&once, curl_init);
	owner = mem_zalloc(sizeof(*owner));
	owner->multi = curl_multi_init();
	if (!owner->multi)
		abort();
	owner->timer = loop_timer_new(on_timer, owner);
	curl_multi_setopt(owner->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl_multi_setopt(owner->multi, CURLMOPT_SOCKETDATA, owner);
	curl_multi_setopt(owner->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	curl_multi_setopt(owner->multi, CURLMOPT_TIMERDATA, owner);
	curl_multi_setopt(owner->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX); /* HTTP/2's streams */
	curl_multi_setopt(owner->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
	loop_at_end(loop_current(), curl_end, NULL);
	this_curl = owner;
	return owner;
}
