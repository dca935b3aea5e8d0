/*
 * batch.h - which waiting texts go through the model together.
 *
 * A batch is as wide as its longest text, and shorter ones are padded: what is padded is computed for nothing. So texts of like length go together, but the
 * oldest of those that wait always goes first, so that none starves.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Of the padded width of a batch, at most this share is padding. */
#define BATCH_WASTE_MAX 0.2

/*
 * lengths[0..count): the waiting texts, oldest first. Writes the places of those that make the next batch to picked (room for min(count, batch_max)), among them 0,
 * and returns how many. count is 1..BATCH_WINDOW_MAX.
 */
enum { BATCH_WINDOW_MAX = 512 };
size_t batch_pick(const unsigned *lengths, size_t count, size_t batch_max, uint16_t *picked);
