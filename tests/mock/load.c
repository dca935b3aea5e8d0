/*
 * load.c - load-gen: POSTs one body over many connections and measures what comes back.
 *
 * Closed loop: each connection sends its next request when the last is answered. Open loop (--rate): requests are due at fixed times
 * whatever the server does, and their latency counts from when they were due, so that a stalled server cannot hide its queue. One
 * thread, one epoll; the result is one line of JSON. A request is an error unless its status is the expected one and its answer
 * complete; a stream is complete with `data: [DONE]`.
 */
#include "figures.h"
#include "response.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	CONNECTIONS_MAX = 20000,
	TIMEOUT_S = 30,
	FRESH_MAX = 1000, /* new connections without a byte of answer: more at once overflow a server's accept queue, and are reset */
};

struct options {
	struct sockaddr_in address;
	char host[64];
	const char *path;
	struct bytes headers;
	struct bytes body;
	long connections;
	double duration_s;
	double warmup_s;
	long requests; /* 0: as many as the duration allows */
	double rate;   /* a second, over all connections; 0: closed loop */
	long status;
	int pid;
	bool stream;
};

struct client {
	int fd; /* -1: not connected */
	bool busy;
	bool first_seen;
	bool fresh;  /* connected, and no answer has begun to come */
	bool reused; /* the connection has answered before, so the server may have closed it meanwhile */
	uint32_t events;
	int64_t due_ns;
	size_t sent;
	struct response response;
};

static struct options options = { .connections = 1, .duration_s = 5, .status = 200, .path = "/" };
static struct bytes request;
static struct client *clients;
static int epoll_fd;
static bool measuring;
static bool stopping; /* no new requests; those under way may end */
static int64_t next_due_ns;
static long started;
static long fresh_count;

static struct {
	struct samples latency;
	struct samples first_chunk;
	uint64_t answered;
	uint64_t events;
	uint64_t body_bytes;
	uint64_t late; /* open loop: no connection was free when the request was due */
	uint64_t error_connect;
	uint64_t error_status;
	uint64_t error_broken;
	uint64_t error_timeout;
	int first_bad_status;
} result;

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void
die(const char *what)
{
	fprintf(stderr, "load-gen: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
client_watch(struct client *client, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = client };

	if (client->events == events)
		return;
	if (epoll_ctl(epoll_fd, client->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, client->fd, &event) < 0)
		die("epoll_ctl");
	client->events = events;
}

static void
client_settle(struct client *client)
{
	fresh_count -= client->fresh;
	client->fresh = false;
}

static void
client_disconnect(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client_settle(client);
	client->fd = -1;
	client->events = 0;
	client->reused = false;
}

static bool
client_connect(struct client *client)
{
	int on = 1;

	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		die("socket");
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	client->fresh = true;
	fresh_count++;
	if (connect(client->fd, (struct sockaddr *)&options.address, sizeof(options.address)) < 0 && errno != EINPROGRESS) {
		client_disconnect(client);
		return false;
	}
	return true;
}

/* The request is over: counted as answered if `error` is NULL. */
static void
client_finish(struct client *client, uint64_t *error)
{
	client->busy = false;
	if (error) {
		client_disconnect(client);
		if (measuring)
			++*error;
		return;
	}
	client->reused = true;
	if (!client->response.keep_alive)
		client_disconnect(client);
	if (!measuring)
		return;
	result.answered++;
	result.events += client->response.events;
	result.body_bytes += client->response.body_bytes;
	samples_add(&result.latency, now_ns() - client->due_ns);
}

static void
client_send(struct client *client)
{
	while (client->sent < request.len) {
		ssize_t sent = send(client->fd, request.ptr + client->sent, request.len - client->sent, MSG_NOSIGNAL);

		if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
			client_watch(client, EPOLLIN | EPOLLOUT);
			return;
		}
		if (sent < 0) {
			client_finish(client, client->response.state == RESPONSE_HEAD ? &result.error_connect : &result.error_broken);
			return;
		}
		client->sent += (size_t)sent;
	}
	client_watch(client, EPOLLIN);
}

static void
client_start(struct client *client, int64_t due_ns)
{
	response_clear(&client->response);
	client->busy = true;
	client->first_seen = false;
	client->due_ns = due_ns;
	client->sent = 0;
	started++;
	if (client->fd < 0 && !client_connect(client))
		client_finish(client, &result.error_connect);
	else
		client_send(client);
}

/* A server may close an idle connection just as we use it; such a request is sent again on a new one, once. */
static bool
client_retry(struct client *client)
{
	if (!client->reused || client->response.state != RESPONSE_HEAD || client->response.status != 0)
		return false;
	client_disconnect(client);
	client->sent = 0;
	if (!client_connect(client))
		return false;
	client_send(client);
	return true;
}

static void
client_check_answer(struct client *client)
{
	const struct response *response = &client->response;

	if (response->status != options.status) {
		if (!result.first_bad_status)
			result.first_bad_status = response->status;
		client_finish(client, &result.error_status);
	} else if (options.stream && !response->done_seen) {
		client_finish(client, &result.error_broken);
	} else {
		client_finish(client, NULL);
	}
}

static void
client_read(struct client *client)
{
	static char buffer[262144];
	struct response *response = &client->response;
	ssize_t got = recv(client->fd, buffer, sizeof(buffer), 0);

	if (got < 0 && errno == EAGAIN)
		return;
	if (!client->busy) {
		client_disconnect(client);
		return;
	}
	if (got <= 0) {
		if (got == 0 && response_at_close(response))
			client_check_answer(client);
		else if (!client_retry(client))
			client_finish(client, response->state == RESPONSE_HEAD ? &result.error_connect : &result.error_broken);
		return;
	}
	client_settle(client);
	response_feed(response, (struct str){ buffer, (size_t)got });
	if (!client->first_seen && response->body_bytes > 0) {
		client->first_seen = true;
		if (measuring)
			samples_add(&result.first_chunk, now_ns() - client->due_ns);
	}
	if (response->state == RESPONSE_BAD)
		client_finish(client, &result.error_broken);
	else if (response->state == RESPONSE_DONE)
		client_check_answer(client);
}

/* True if one more request may begin. */
static bool
load_wants_more(void)
{
	return !stopping && (options.requests == 0 || started < options.requests);
}

static void
load_give_work(struct client *client)
{
	int64_t now = now_ns();

	if (client->busy || !load_wants_more() || (client->fd < 0 && fresh_count >= FRESH_MAX))
		return;
	if (options.rate <= 0) {
		client_start(client, now);
		return;
	}
	if (next_due_ns > now)
		return;
	if (measuring && now - next_due_ns > 1000000)
		result.late++;
	client_start(client, next_due_ns);
	next_due_ns += (int64_t)(1e9 / options.rate);
}

static long
load_busy(void)
{
	long busy = 0;

	for (long i = 0; i < options.connections; i++)
		busy += clients[i].busy;
	return busy;
}

static void
load_give_all(void)
{
	for (long i = 0; i < options.connections; i++)
		load_give_work(&clients[i]);
}

static void
load_expire(void)
{
	int64_t limit = now_ns() - (int64_t)TIMEOUT_S * 1000000000;

	for (long i = 0; i < options.connections; i++) {
		if (clients[i].busy && clients[i].due_ns < limit && !clients[i].first_seen)
			client_finish(&clients[i], &result.error_timeout);
	}
}

/* How long epoll may sleep: to the next due request, or a tick. To the nanosecond: who spun to be on time would keep the mock, which often shares its processor, from answering. */
static struct timespec
load_wait(int64_t until_ns)
{
	int64_t now = now_ns(), wake = until_ns, wait;

	if (options.rate > 0 && load_wants_more() && next_due_ns < wake)
		wake = next_due_ns;
	wait = wake - now > 100000000 ? 100000000 : wake > now ? wake - now : 0;
	return (struct timespec){ .tv_nsec = wait };
}

/* Runs until `until_ns`, or until all requested requests have ended. */
static void
load_run(int64_t until_ns)
{
	static struct epoll_event events[1024];
	int64_t next_check_ns = 0;

	load_give_all();
	while (now_ns() < until_ns && (load_wants_more() || load_busy() > 0)) {
		if (options.rate > 0)
			load_give_all();

		struct timespec wait = load_wait(until_ns);
		int count = epoll_pwait2(epoll_fd, events, COUNT(events), &wait, NULL);

		for (int i = 0; i < count; i++) {
			struct client *client = events[i].data.ptr;

			if (events[i].events & EPOLLOUT)
				client_send(client);
			else
				client_read(client);
			if (options.rate <= 0)
				load_give_work(client);
		}
		if (now_ns() < next_check_ns)
			continue;
		/* Also for those that have no event to come: they lost their connection, or wait to make one. */
		next_check_ns = now_ns() + 100000000;
		load_expire();
		load_give_all();
	}
}

static void
result_print(double seconds, long open, const struct usage *before, const struct usage *after)
{
	struct bytes out = { 0 };
	uint64_t errors = result.error_connect + result.error_status + result.error_broken + result.error_timeout;

	bytes_fmt(&out, "{\"requests\":%llu,\"seconds\":%.3f,\"per_second\":%.1f", (unsigned long long)result.answered, seconds,
		  (double)result.answered / seconds);
	bytes_fmt(&out, ",\"errors\":%llu,\"errors_by\":{\"connect\":%llu,\"status\":%llu,\"broken\":%llu,\"timeout\":%llu}", (unsigned long long)errors,
		  (unsigned long long)result.error_connect, (unsigned long long)result.error_status, (unsigned long long)result.error_broken,
		  (unsigned long long)result.error_timeout);
	bytes_fmt(&out, ",\"first_bad_status\":%d,\"late\":%llu,\"open\":%ld,\"events\":%llu,\"body_bytes\":%llu,\"latency_us\":", result.first_bad_status,
		  (unsigned long long)result.late, open, (unsigned long long)result.events, (unsigned long long)result.body_bytes);
	samples_write(&result.latency, &out);
	bytes_add(&out, STR(",\"first_chunk_us\":"));
	samples_write(&result.first_chunk, &out);
	if (options.pid) {
		double user_s = after->user_s - before->user_s, system_s = after->system_s - before->system_s;
		double share = result.answered ? 1e6 / (double)result.answered : 0;

		bytes_fmt(&out, ",\"server\":{\"user_s\":%.2f,\"system_s\":%.2f,\"cpu_us_per_request\":%.2f,\"user_us_per_request\":%.2f,", user_s, system_s,
			  (user_s + system_s) * share, user_s * share);
		bytes_fmt(&out, "\"rss_kb\":%ld,\"pss_kb\":%ld,\"processes\":%ld}", after->rss_kb, after->pss_kb, after->processes);
	}
	bytes_add(&out, STR("}\n"));
	fwrite(out.ptr, 1, out.len, stdout);
	bytes_free(&out);
}

static void
usage_exit(const char *complaint)
{
	fprintf(stderr,
		"load-gen: %s\n"
		"usage: load-gen --url http://IPV4:PORT/PATH [--body FILE | --data TEXT] [--header 'NAME: VALUE']...\n"
		"                [--connections N] [--duration S] [--warmup S] [--requests N] [--rate PER_SECOND]\n"
		"                [--stream] [--status CODE] [--pid PID]\n",
		complaint);
	exit(2);
}

static void
option_url(const char *url)
{
	int port = 80, taken = 0;

	if (sscanf(url, "http://%63[0-9.]:%d%n", options.host, &port, &taken) < 2 ||
	    inet_pton(AF_INET, options.host, &options.address.sin_addr) != 1)
		usage_exit("--url wants http://IPV4:PORT/PATH");
	options.address.sin_family = AF_INET;
	options.address.sin_port = htons((uint16_t)port);
	if (url[taken] == '/')
		options.path = url + taken;
}

static void
option_body_file(const char *path)
{
	FILE *file = fopen(path, "r");
	size_t got;

	if (!file)
		die(path);
	do {
		got = fread(bytes_reserve(&options.body, 65536), 1, 65536, file);
		options.body.len += got;
	} while (got > 0);
	fclose(file);
}

static void
option_set(const char *name, const char *value)
{
	if (!value)
		usage_exit("an option lacks its value");
	else if (strcmp(name, "--url") == 0)
		option_url(value);
	else if (strcmp(name, "--body") == 0)
		option_body_file(value);
	else if (strcmp(name, "--data") == 0)
		bytes_add(&options.body, (struct str){ value, strlen(value) });
	else if (strcmp(name, "--header") == 0)
		bytes_fmt(&options.headers, "%s\r\n", value);
	else if (strcmp(name, "--connections") == 0)
		options.connections = atol(value);
	else if (strcmp(name, "--duration") == 0)
		options.duration_s = atof(value);
	else if (strcmp(name, "--warmup") == 0)
		options.warmup_s = atof(value);
	else if (strcmp(name, "--requests") == 0)
		options.requests = atol(value);
	else if (strcmp(name, "--rate") == 0)
		options.rate = atof(value);
	else if (strcmp(name, "--status") == 0)
		options.status = atol(value);
	else if (strcmp(name, "--pid") == 0)
		options.pid = atoi(value);
	else
		usage_exit(name);
}

static void
options_read(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--stream") == 0) {
			options.stream = true;
		} else {
			option_set(argv[i], i + 1 < argc ? argv[i + 1] : NULL);
			i++;
		}
	}
	if (!options.address.sin_port)
		usage_exit("--url is missing");
	if (options.connections < 1 || options.connections > CONNECTIONS_MAX)
		usage_exit("--connections wants 1 to 20000");
	bytes_fmt(&request, "POST %s HTTP/1.1\r\nhost: %s:%d\r\ncontent-type: application/json\r\n", options.path, options.host,
		  ntohs(options.address.sin_port));
	bytes_add(&request, bytes_view(&options.headers));
	bytes_fmt(&request, "content-length: %zu\r\n\r\n", options.body.len);
	bytes_add(&request, bytes_view(&options.body));
}

int
main(int argc, char **argv)
{
	struct rlimit files;
	struct usage before = { 0 }, after = { 0 };
	int64_t start_ns;

	options_read(argc, argv);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	prctl(PR_SET_TIMERSLACK, 1000UL); /* ns; sleeps end up to 50,000 late otherwise */
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	clients = calloc((size_t)options.connections, sizeof(*clients));
	if (!clients || epoll_fd < 0)
		die("start");
	for (long i = 0; i < options.connections; i++)
		clients[i].fd = -1;
	next_due_ns = now_ns();
	if (options.warmup_s > 0)
		load_run(now_ns() + (int64_t)(options.warmup_s * 1e9));
	measuring = true;
	started = 0;
	if (options.pid && !usage_read(options.pid, &before))
		usage_exit("--pid: no such process");
	start_ns = now_ns();
	next_due_ns = start_ns;
	load_run(start_ns + (int64_t)(options.duration_s * 1e9));

	double seconds = (double)(now_ns() - start_ns) / 1e9;

	if (options.pid)
		usage_read(options.pid, &after);
	result_print(seconds, load_busy(), &before, &after);
	return result.error_connect + result.error_status + result.error_broken + result.error_timeout > 0;
}
