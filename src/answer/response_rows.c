/*
 * response_rows.c - the rows that responses, those in the making, and conversations write alike: bodies, each once and with the day of its last use, and items in their order.
 */
#include "answer/answer_sql.h"
#include "answer/response_inside.h"
#include "base/clock.h"

int64_t
response_today(void)
{
	return clock_wall_us() / (86400 * USEC_PER_SEC);
}

MAY_PARK const struct err *
response_body_put(struct tx *tx, int64_t tenant, const unsigned char *hash, int64_t day, struct str body)
{
	return tx_exec(tx, &stmt_item_body_put, PARAMS(V_INT(tenant), V_BLOB(str_n((const char *)hash, HASH_SHA256_SIZE)), V_INT(day), V_BLOB(body)), NULL);
}

MAY_PARK const struct err *
response_item_put_row(struct tx *tx, int64_t tenant, struct str owner, int64_t position, const struct response_item *item, const unsigned char *hash)
{
	return tx_exec(tx, &stmt_item_insert,
		PARAMS(V_INT(tenant), V_TEXT(owner), V_INT(position), V_INT(item->output), V_TEXT(item->id), V_BLOB(str_n((const char *)hash, HASH_SHA256_SIZE))), NULL);
}
