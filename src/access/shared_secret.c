/*
 * shared_secret.c - see shared_secret.h.
 *
 * It lies in the database as it is. Who can read the database can read all that these secrets protect, so that sealing them there would add nothing.
 */
#include "access/shared_secret.h"

#include "access/access_sql.h"
#include "base/clock.h"
#include "base/random.h"
#include "store/store.h"

struct wanted {
	struct str name;
	unsigned char *out;
};

/* Of two nodes that insert at once, one does nothing, and both read what is there. */
static MAY_PARK const struct err *
get_or_make(struct tx *tx, void *arg)
{
	const struct wanted *wanted = arg;
	unsigned char fresh[SHARED_SECRET_LEN];
	const struct err *err;
	struct rows rows;

	random_bytes(fresh, sizeof(fresh));
	err = tx_exec(tx, &stmt_shared_secret_add,
		PARAMS(V_TEXT(wanted->name), V_BLOB(str_n((const char *)fresh, sizeof(fresh))), V_INT(clock_wall_us())), NULL);
	if (!err)
		err = tx_exec(tx, &stmt_shared_secret_get, PARAMS(V_TEXT(wanted->name)), &rows);
	if (err)
		return err;
	if (rows.count != 1 || rows_text(&rows, 0, 0).len != SHARED_SECRET_LEN)
		return &err_internal;
	memcpy(wanted->out, rows_text(&rows, 0, 0).ptr, SHARED_SECRET_LEN);
	return NULL;
}

MAY_PARK const struct err *
shared_secret_get(struct store *store, struct arena *arena, struct str name, unsigned char out[SHARED_SECRET_LEN])
{
	struct wanted wanted = { .name = name, .out = out };

	return store_tx(store, arena, get_or_make, &wanted);
}
