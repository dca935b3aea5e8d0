/*
 * feed.c - see feed.h.
 *
 * Entries lie in blocks that never move: a head, then the bytes. The writer publishes an entry by moving the block's `used` on, and a block by linking it, both with release; so followers read without a
 * lock. The lock is for the line of those who wait. A wake is given under it, and whoever leaves the line takes it too: a waiter is counted, since the loop's mailbox may hold one whose wait was cancelled.
 */
#include "rt/feed.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"

enum { BLOCK_MIN = 4 * 1024 - 64, BLOCK_MAX = 64 * 1024 };

struct head {
	int64_t mark;
	uint64_t length;
};

struct feed_block {
	_Atomic(struct feed_block *) next;
	atomic_size_t used;
	size_t size;
	char bytes[];
};

/* A follower in the line. */
struct follower {
	struct follower *next, **link;
	struct waiter *waiter;
};

struct feed {
	atomic_int refs;
	atomic_bool ended;
	atomic_size_t bytes;
	size_t bytes_max;
	_Atomic(struct feed_block *) first;
	struct feed_block *last; /* the writer's */
	pthread_mutex_t lock;
	struct follower *line;
};

static const struct err feed_full = { .kind = ERR_TOO_LARGE, .message = STR_INIT("the answer is longer than may be kept for those who follow it") };

struct feed *
feed_new(size_t bytes_max)
{
	struct feed *feed = mem_zalloc(sizeof(*feed));

	atomic_init(&feed->refs, 1);
	feed->bytes_max = bytes_max;
	pthread_mutex_init(&feed->lock, NULL);
	return feed;
}

struct feed *
feed_ref(struct feed *feed)
{
	atomic_fetch_add_explicit(&feed->refs, 1, memory_order_relaxed);
	return feed;
}

void
feed_unref(struct feed *feed)
{
	struct feed_block *block, *next;

	if (!feed || atomic_fetch_sub_explicit(&feed->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (block = atomic_load(&feed->first); block; block = next) {
		next = atomic_load(&block->next);
		free(block);
	}
	pthread_mutex_destroy(&feed->lock);
	free(feed);
}

/* Everyone in the line may look again. */
static void
wake_all(struct feed *feed)
{
	pthread_mutex_lock(&feed->lock);
	for (struct follower *follower = feed->line; follower; follower = follower->next)
		wait_wake(follower->waiter);
	pthread_mutex_unlock(&feed->lock);
}

/* A block with room for `size` bytes behind the last one. Each is twice the one before, so that a short answer takes little. */
static struct feed_block *
add_block(struct feed *feed, size_t size)
{
	size_t room = feed->last ? 2 * feed->last->size : BLOCK_MIN;
	struct feed_block *block;

	room = room > BLOCK_MAX ? BLOCK_MAX : room;
	room = room < size ? size : room;
	block = mem_alloc(sizeof(*block) + room);
	atomic_init(&block->next, NULL);
	atomic_init(&block->used, 0);
	block->size = room;
	return block;
}

const struct err *
feed_append(struct feed *feed, int64_t mark, struct str entry)
{
	size_t size = sizeof(struct head) + entry.len, bytes = atomic_load_explicit(&feed->bytes, memory_order_relaxed);
	struct feed_block *block = feed->last;
	const struct head head = { mark, entry.len };
	size_t used = block ? atomic_load_explicit(&block->used, memory_order_relaxed) : 0;
	bool fresh = !block || block->size - used < size;

	if (size > feed->bytes_max || bytes > feed->bytes_max - size)
		return &feed_full;
	if (fresh) {
		block = add_block(feed, size);
		used = 0;
	}
	memcpy(block->bytes + used, &head, sizeof(head));
	if (entry.len)
		memcpy(block->bytes + used + sizeof(head), entry.ptr, entry.len);
	atomic_store_explicit(&block->used, used + size, memory_order_release);
	if (fresh) {
		atomic_store_explicit(feed->last ? &feed->last->next : &feed->first, block, memory_order_release);
		feed->last = block;
	}
	atomic_store_explicit(&feed->bytes, bytes + size, memory_order_relaxed);
	wake_all(feed);
	return NULL;
}

void
feed_end(struct feed *feed)
{
	if (!atomic_exchange(&feed->ended, true))
		wake_all(feed);
}

bool
feed_ended(struct feed *feed)
{
	return atomic_load(&feed->ended);
}

size_t
feed_bytes(struct feed *feed)
{
	return atomic_load_explicit(&feed->bytes, memory_order_relaxed);
}

/* Moves the place to where its next entry lies. False: there is none. */
static bool
find(struct feed *feed, struct feed_place *place)
{
	struct feed_block *next;

	if (!place->block) {
		place->block = atomic_load_explicit(&feed->first, memory_order_acquire);
		place->at = 0;
	}
	while (place->block && place->at == atomic_load_explicit(&place->block->used, memory_order_acquire)) {
		next = atomic_load_explicit(&place->block->next, memory_order_acquire);
		if (!next)
			return false;
		/* The writer links a block once it will put no more into this one: what was put meanwhile is seen now. */
		if (place->at != atomic_load_explicit(&place->block->used, memory_order_acquire))
			return true;
		*place = (struct feed_place){ next, 0 };
	}
	return place->block;
}

bool
feed_next(struct feed *feed, struct feed_place *place, struct str *entry, int64_t *mark)
{
	struct head head;

	if (!find(feed, place))
		return false;
	memcpy(&head, place->block->bytes + place->at, sizeof(head));
	*entry = str_n(place->block->bytes + place->at + sizeof(head), head.length);
	*mark = head.mark;
	place->at += sizeof(head) + head.length;
	return true;
}

static bool
has_news(struct feed *feed, const struct feed_place *place)
{
	struct feed_place copy = *place;

	return find(feed, &copy) || feed_ended(feed);
}

MAY_PARK const struct err *
feed_wait(struct feed *feed, const struct feed_place *place, int64_t timeout_us)
{
	struct follower self = { .link = &feed->line, .waiter = waiter_new() };
	const struct err *err = NULL;
	bool news;

	pthread_mutex_lock(&feed->lock);
	news = has_news(feed, place); /* what comes from now on wakes us */
	if (!news) {
		self.next = feed->line;
		if (self.next)
			self.next->link = &self.next;
		feed->line = &self;
	}
	pthread_mutex_unlock(&feed->lock);
	if (!news) {
		err = wait_for_us(self.waiter, timeout_us);
		pthread_mutex_lock(&feed->lock);
		*self.link = self.next;
		if (self.next)
			self.next->link = self.link;
		pthread_mutex_unlock(&feed->lock);
	}
	waiter_unref(self.waiter);
	return err;
}
