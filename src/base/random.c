/*
 * random.c - see random.h. Bytes are drawn from the kernel in blocks per thread: an identifier costs no system call of its own.
 */
#define _GNU_SOURCE
#include "base/random.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"

static void
draw(void *out, size_t size)
{
	char *next = out;

	while (size) {
		ssize_t got = getrandom(next, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			perror("corbel: getrandom");
			abort();
		}
		next += got;
		size -= (size_t)got;
	}
}

static _Thread_local unsigned char pool[512];
static _Thread_local size_t left; /* bytes of the pool that nobody has had */

/* A forked child must not repeat its parent's bytes. It has one thread: the one that forked. */
static void
forget_pool(void)
{
	left = 0;
}

static void
watch_forks(void)
{
	if (pthread_atfork(NULL, NULL, forget_pool) != 0) {
		fputs("corbel: out of memory\n", stderr);
		abort();
	}
}

static void
fill_pool(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_forks);
	draw(pool, sizeof(pool));
	left = sizeof(pool);
}

void
random_bytes(void *out, size_t size)
{
	if (size > sizeof(pool)) {
		draw(out, size);
		return;
	}
	if (size > left)
		fill_pool();
	left -= size;
	memcpy(out, pool + left, size);
	memset(pool + left, 0, size);
}

uint64_t
random_u64(void)
{
	uint64_t value;

	random_bytes(&value, sizeof(value));
	return value;
}

void
hex_encode(const void *bytes, size_t size, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *in = bytes;

	for (size_t i = 0; i < size; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
}

/* A digit's value and one; 0: not a digit. */
static const unsigned char hex_digit[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
	['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

bool
hex_decode(struct str s, void *out)
{
	unsigned char *bytes = out;

	if (s.len % 2)
		return false;
	for (size_t i = 0; i < s.len; i += 2) {
		unsigned high = hex_digit[(unsigned char)s.ptr[i]], low = hex_digit[(unsigned char)s.ptr[i + 1]];

		if (!high || !low)
			return false;
		bytes[i / 2] = (unsigned char)((high - 1) << 4 | (low - 1));
	}
	return true;
}

struct id
id_new(void)
{
	static _Thread_local int64_t last_ms;
	static _Thread_local unsigned count;
	unsigned char bytes[16];
	struct id id;
	int64_t ms = clock_wall_us() / 1000;

	random_bytes(bytes, sizeof(bytes));
	if (ms > last_ms) {
		last_ms = ms;
		count = bytes[6] & 7u; /* begins low, so that it rarely runs over */
	} else if (++count > 0xfff) {
		last_ms++;
		count = 0;
	}
	for (int i = 0; i < 6; i++)
		bytes[i] = (unsigned char)(last_ms >> (40 - 8 * i));
	bytes[6] = (unsigned char)(0x70 | count >> 8);
	bytes[7] = (unsigned char)count;
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	hex_encode(bytes, sizeof(bytes), id.hex);
	id.hex[ID_LEN] = '\0';
	return id;
}
