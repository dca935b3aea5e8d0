/*
 * response_inside.h - what response.c, response_background.c and conversation.c share.
 */
#pragma once

#include "answer/response.h"

/* Days since 1970. */
int64_t response_today(void);

MAY_PARK const struct err *response_body_put(struct tx *tx, int64_t tenant, const unsigned char *hash, int64_t day, struct str body);
MAY_PARK const struct err *response_item_put_row(struct tx *tx, int64_t tenant, struct str owner, int64_t position, const struct response_item *item, const unsigned char *hash);
