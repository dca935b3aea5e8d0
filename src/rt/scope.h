/*
 * scope.h - a scope bounds everything below it: a deadline, a cancel flag, a parent.
 *
 * A scope lies in its opener's frame and is closed there. A client that hangs up cancels its connection's scope; every wait below it
 * then returns ERR_CANCELLED. Scopes belong to their loop: other threads post to it. A shielded scope does not see its parents' cancellation
 * and has a deadline of its own: settling and cleaning up run in one.
 */
#pragma once

#include "base/err.h"
#include "rt/timer.h"

struct fiber;
struct loop;
struct waiter;

struct scope {
	struct loop *loop;
	struct scope *parent;
	struct scope *children, *next, **link; /* siblings, so that cancelling finds what is below */
	struct fiber *waiting;                 /* fibers parked directly in this scope */
	unsigned fibers;                       /* started under this scope and not ended */
	struct waiter *drained;                /* whoever waits for the last of them to end */
	struct timer timer;                    /* set when the deadline is its own, not a parent's: parks need none */
	int64_t deadline_us;                   /* monotonic; INT64_MAX: none. Already the earliest of this and the parents', up to a shield */
	const struct err *cancelled;           /* why, or NULL */
	bool shielded;
};

/* Opens a scope below the running fiber's and makes it the fiber's. timeout_us counts from now; INT64_MAX: no deadline of its own. */
void scope_open(struct scope *scope, int64_t timeout_us);
void scope_open_shielded(struct scope *scope, int64_t timeout_us);

/* Closes the fiber's innermost scope, which must be this one; its children, scopes and fibers, have ended. */
void scope_close(struct scope *scope);

/*
 * A scope that belongs to no fiber (a connection, a server), below `parent` or none, on the calling loop. End it with scope_fini, or scope_stop if it
 * has fibers. One without a parent is for fibers that work in the background as long as the program runs: shutdown does not cancel it with the loop's
 * root scope, so that whoever started them stops them, before what they use is freed.
 */
void scope_init(struct scope *scope, struct scope *parent, int64_t timeout_us);
void scope_fini(struct scope *scope);

/* Waits until the last of the scope's own fibers has ended, whatever happens to the caller's scope; fibers may still be started meanwhile. One waiter at a time. */
MAY_PARK void scope_drain(struct scope *scope);

/*
 * Cancels the scope and all below it, shielded ones excepted. `why` is what their waits return: of the kind ERR_CANCELLED or ERR_TIMEOUT, and it
 * outlives them (static, as a rule). On the scope's own loop. Again: no effect.
 */
void scope_cancel(struct scope *scope, const struct err *why);

/* scope_cancel with err_cancelled, scope_drain, scope_fini. By a fiber that is not below the scope. */
MAY_PARK void scope_stop(struct scope *scope);

/* The running fiber's innermost scope. */
struct scope *scope_current(void);

/* NULL, or why the current scope is over: ERR_CANCELLED or ERR_TIMEOUT. Reads the clock: for long computations between waits. */
const struct err *scope_check(void);

/* Microseconds left until the current scope's deadline; INT64_MAX: none; 0: passed. */
int64_t scope_left_us(void);
