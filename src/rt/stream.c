/*
 * stream.c - sockets for fibers. See stream.h.
 *
 * Input: the loop receives straight into the read buffer and only ever appends, so the fiber's views into it stay valid while it waits elsewhere.
 * Only the fiber moves or grows the buffer, in stream_fill. A full buffer stops the reading; the hang-up is still watched for then.
 *
 * Output: a write goes to the kernel at once if nothing is unsent before it; what the kernel does not take is copied up to STREAM_UNSENT_MAX
 * and sent by the loop; beyond that the fiber waits. So the usual answer is one system call and no copy.
 */
#include "rt/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"

enum { POOL_MAX = 256 };

static const struct err stream_gone = { .kind = ERR_CANCELLED, .message = STR_INIT("the peer has closed the connection") };
static const struct err stream_full = { .kind = ERR_TOO_LARGE, .message = STR_INIT("too much input before it could be understood") };

static char *
pool_take(struct stream_pool *pool)
{
	void *buffer = pool->first;

	if (!buffer)
		return mem_alloc(STREAM_BUFFER);
	memcpy(&pool->first, buffer, sizeof(pool->first)); /* a free buffer begins with the pointer to the next */
	pool->count--;
	return buffer;
}

static void
pool_give(struct stream_pool *pool, char *buffer)
{
	if (pool->count >= POOL_MAX) {
		free(buffer);
		return;
	}
	memcpy(buffer, &pool->first, sizeof(pool->first));
	pool->first = buffer;
	pool->count++;
}

void
stream_pool_fini(struct stream_pool *pool)
{
	while (pool->count > 0)
		free(pool_take(pool));
}

static void
input_free(struct stream_input *input, struct stream_pool *pool)
{
	if (input->ptr && input->cap == STREAM_BUFFER)
		pool_give(pool, input->ptr);
	else
		free(input->ptr);
	*input = (struct stream_input){ .ptr = NULL };
}

void
stream_input_release(struct stream_input *input, struct stream_pool *pool)
{
	if (input->start == input->end)
		input_free(input, pool);
}

void
stream_input_grow(struct stream_input *input, struct stream_pool *pool, size_t max)
{
	size_t unread = input->end - input->start, cap = input->cap * 2 < max ? input->cap * 2 : max;
	char *moved;

	if (!input->ptr) {
		*input = (struct stream_input){ .ptr = pool_take(pool), .cap = STREAM_BUFFER };
		return;
	}
	if (input->end < input->cap)
		return;
	if (unread <= input->cap / 2 || cap <= input->cap) {
		memmove(input->ptr, input->ptr + input->start, unread);
		input->start = 0;
		input->end = unread;
		return;
	}
	moved = mem_alloc(cap);
	memcpy(moved, input->ptr + input->start, unread);
	input_free(input, pool);
	*input = (struct stream_input){ .ptr = moved, .end = unread, .cap = cap };
}

static void
wake(struct waiter **waiter)
{
	if (*waiter)
		wait_wake(*waiter);
	*waiter = NULL;
}

static size_t
unsent(const struct stream *stream)
{
	return stream->out_end - stream->out_start;
}

/* Watches for what the state of the stream asks for. */
static void
rewatch(struct stream *stream)
{
	int events = 0;

	if (!stream->ended)
		events |= stream->in.ptr && stream->in.end == stream->in.cap ? FD_HANGUP : FD_READ;
	if ((unsent(stream) > 0 || stream->writer) && !stream->broken)
		events |= FD_WRITE;
	watch_set(stream->watch, events);
}

static void
end_input(struct stream *stream, bool broken)
{
	if (broken) {
		stream->broken = true;
		wake(&stream->writer);
	}
	if (!stream->ended) {
		stream->ended = true;
		wake(&stream->reader);
		stream->left(stream->arg);
	}
}

/* One recv into the room there is. */
static void
receive(struct stream *stream)
{
	struct stream_input *in = &stream->in;
	ssize_t size;

	if (!in->ptr)
		stream_input_grow(in, stream->pool, STREAM_BUFFER);
	if (in->end == in->cap)
		return;
	do
		size = recv(stream->fd, in->ptr + in->end, in->cap - in->end, 0);
	while (size < 0 && errno == EINTR);
	if (size > 0) {
		in->end += (size_t)size;
		wake(&stream->reader);
	} else if (size == 0 || errno != EAGAIN) {
		end_input(stream, size < 0);
	}
	stream_release(stream);
}

/* Sends what it can of the unsent bytes; tells a waiting writer that there was room. */
static void
send_unsent(struct stream *stream)
{
	ssize_t size = 0;

	if (unsent(stream) > 0)
		size = send(stream->fd, stream->out + stream->out_start, unsent(stream), MSG_NOSIGNAL);
	if (size < 0) {
		if (errno != EAGAIN && errno != EINTR)
			end_input(stream, true);
		return;
	}
	stream->out_start += (size_t)size;
	if (unsent(stream) == 0 && stream->out) {
		free(stream->out);
		stream->out = NULL;
		stream->out_start = stream->out_end = stream->out_cap = 0;
	}
	wake(&stream->writer);
}

/* After a reset: what the peer had sent before it is still there to read, as far as there is room. It may say why the peer has given up. */
static void
receive_rest(struct stream *stream)
{
	size_t before;

	do {
		before = stream_unread(stream).len;
		if (!stream->ended)
			receive(stream);
	} while (!stream->ended && stream_unread(stream).len > before);
	end_input(stream, true);
}

static void
stream_ready(void *arg, int events)
{
	struct stream *stream = arg;

	if (watch_events(stream->watch) == 0) /* the watch has given up: a reset */
		receive_rest(stream);
	if ((events & FD_READ) && !stream->ended)
		receive(stream);
	else if (events & FD_HANGUP)
		end_input(stream, false);
	if ((events & FD_WRITE) && !stream->broken)
		send_unsent(stream);
	rewatch(stream);
}

bool
stream_open(struct stream *stream, int fd, struct stream_pool *pool, void (*left)(void *arg), void *arg)
{
	*stream = (struct stream){ .fd = fd, .pool = pool, .left = left, .arg = arg };
	stream->watch = watch_new(fd, stream_ready, stream);
	if (!stream->watch) {
		close(fd);
		return false;
	}
	rewatch(stream);
	return true;
}

void
stream_close(struct stream *stream)
{
	assert(!stream->reader && !stream->writer);
	watch_free(stream->watch);
	close(stream->fd);
	stream->fd = -1;
	input_free(&stream->in, stream->pool);
	free(stream->out);
	stream->out = NULL;
}

void
stream_release(struct stream *stream)
{
	stream_input_release(&stream->in, stream->pool);
}

MAY_PARK const struct err *
stream_fill(struct stream *stream, size_t max, int64_t timeout_us)
{
	const struct err *err = NULL;
	struct waiter waiter;

	if (stream_unread(stream).len >= max)
		return &stream_full;
	if (stream->ended)
		return NULL;
	if (stream->in.ptr)
		stream_input_grow(&stream->in, stream->pool, max);
	rewatch(stream);
	waiter_init(&waiter);
	stream->reader = &waiter;
	err = wait_for_us(&waiter, timeout_us);
	stream->reader = NULL;
	return err;
}

MAY_PARK const struct err *
stream_await(struct stream *stream, size_t max, int64_t timeout_us)
{
	struct waiter waiter;
	const struct err *err;

	if (stream->ended || stream->broken)
		return NULL;
	if (stream->in.ptr)
		stream_input_grow(&stream->in, stream->pool, max);
	waiter_init(&waiter);
	stream->reader = stream->writer = &waiter; /* whichever comes first; a second wake does nothing */
	rewatch(stream);
	err = wait_for_us(&waiter, timeout_us);
	stream->reader = stream->writer = NULL;
	return err;
}

MAY_PARK static const struct err *
wait_writable(struct stream *stream, int64_t timeout_us)
{
	struct waiter waiter;
	const struct err *err;

	waiter_init(&waiter);
	stream->writer = &waiter;
	rewatch(stream);
	err = wait_for_us(&waiter, timeout_us);
	stream->writer = NULL;
	return err ? err : stream->broken ? &stream_gone : NULL;
}

/* Takes `size` sent bytes off the front of the vector; returns how many entries are used up. */
static int
iov_advance(struct iovec *iov, int count, size_t size)
{
	int done = 0;

	while (done < count && size >= iov[done].iov_len)
		size -= iov[done++].iov_len;
	if (done < count) {
		iov[done].iov_base = (char *)iov[done].iov_base + size;
		iov[done].iov_len -= size;
	}
	return done;
}

static size_t
iov_size(const struct iovec *iov, int count)
{
	size_t size = 0;

	for (int i = 0; i < count; i++)
		size += iov[i].iov_len;
	return size;
}

/* Copies the vector behind the unsent bytes. */
static void
keep_unsent(struct stream *stream, const struct iovec *iov, int count, size_t size)
{
	if (stream->out_cap - stream->out_end < size) {
		size_t waiting = unsent(stream), cap = stream->out_cap ? stream->out_cap : 4096;
		char *moved;

		while (cap < waiting + size)
			cap *= 2;
		moved = mem_alloc(cap);
		if (waiting > 0)
			memcpy(moved, stream->out + stream->out_start, waiting);
		free(stream->out);
		stream->out = moved;
		stream->out_cap = cap;
		stream->out_start = 0;
		stream->out_end = waiting;
	}
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > 0)
			memcpy(stream->out + stream->out_end, iov[i].iov_base, iov[i].iov_len);
		stream->out_end += iov[i].iov_len;
	}
}

bool
stream_push(struct stream *stream, struct iovec **iov, int *count)
{
	size_t left = iov_size(*iov, *count);
	ssize_t size = 0;
	int done;

	if (left > 0 && unsent(stream) == 0 && !stream->broken) {
		struct msghdr message = { .msg_iov = *iov, .msg_iovlen = (size_t)*count };

		size = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
		if (size < 0 && errno != EAGAIN && errno != EINTR)
			stream->broken = true;
		size = size < 0 ? 0 : size;
	}
	left -= (size_t)size;
	if (left == 0 || stream->broken)
		return true;
	done = iov_advance(*iov, *count, (size_t)size);
	*iov += done;
	*count -= done;
	if (left > STREAM_UNSENT_MAX - unsent(stream))
		return false;
	keep_unsent(stream, *iov, *count, left);
	rewatch(stream);
	return true;
}

MAY_PARK const struct err *
stream_write(struct stream *stream, struct iovec *iov, int count, int64_t timeout_us)
{
	const struct err *err = NULL;

	while (!err && !stream_push(stream, &iov, &count))
		err = wait_writable(stream, timeout_us);
	return stream->broken ? &stream_gone : err;
}

MAY_PARK const struct err *
stream_flush(struct stream *stream, int64_t timeout_us)
{
	const struct err *err = NULL;

	while (!err && unsent(stream) > 0)
		err = stream->broken ? &stream_gone : wait_writable(stream, timeout_us);
	return err;
}

void
stream_shutdown(struct stream *stream)
{
	if (!stream->broken)
		shutdown(stream->fd, SHUT_WR);
}

void
stream_reset(struct stream *stream)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}
