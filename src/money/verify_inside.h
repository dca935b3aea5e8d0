/*
 * verify_inside.h - within the room: what verify.c and verify_ledger.c share.
 */
#pragma once

#include "money/inside.h"
#include "money/verify.h"

enum { VERIFY_ID = 16 };

/* One more that is wrong; `id` goes to the examples as it is, or as hex digits when `bytes`. */
void verify_wrong(struct verify_run *run, enum verify_check check, struct str id, bool bytes);

/*
 * Checks a page of a tenant's ledger behind the interaction `after` and up to `last` (16 bytes or fewer), and moves `after` on. *done: there was no more. `prices` keeps price versions that were read, by
 * id, between pages.
 */
MAY_PARK const struct err *verify_page(struct money *money, struct verify_run *run, struct map *prices, int64_t tenant, unsigned char after[VERIFY_ID], struct str last, bool *done);

void verify_prices_drop(struct map *prices);
