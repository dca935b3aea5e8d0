/*
 * stream_settle.h - answers that went on without their clients and whose server was killed get their record and their bill: what they had said is read from their events (answer/pending.h).
 */
#pragma once

#include "api/api.h"

/* All that there are. True: there will be no others in this process's life, since on a database of its own nobody else is killed. */
MAY_PARK bool stream_settle_lost(struct app *app);

/* Those of one stream or response that seems to be abandoned, before anybody is told of its end. */
MAY_PARK const struct err *stream_settle(struct app *app, int64_t tenant, struct str id);
