/*
 * dollars.h - amounts of money for people: one form, rounded in one way, wherever a message, a table or a report names one. What programs read is in whole nanodollars.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

/* "$12.340000", "-$0.000021": 1e-9 US dollar rounded to the nearest millionth, halves away from zero. ptr NULL: no memory. */
struct str dollars_text(struct arena *arena, int64_t nanos);
