/* store/sqlite/once.c - which hooks have acted on which entities, for those that act once on each.
 * A row of `acted` is added in the transaction that makes a delivery DONE. A claim reads it:
 * deliveries of one entity run one at a time (order.c), so none that could act starts while
 * another one that may have acted is unfinished. The row outlives its delivery.
 *
 * What a hook did before it was told to act once is found by its DONE deliveries. */
#include "db.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>

#define KEPT INT64_C(31622400000) /* ms that a row is kept beyond retention: 366 days */

#define OLD_MAX 1000 /* rows removed in one transaction */

struct acted {
	int64_t by;    /* the delivery; 0: the hook has not acted on the entity */
	int64_t again; /* a delivery that may act nevertheless; 0: none */
};

static int read_row(struct store_db *db, int64_t delivery, struct acted *acted)
{
	sqlite3_stmt *s = db->sql[SQL_ONCE_FIND];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, delivery, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*acted = (struct acted){sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1)};
	store_reset(s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int read_done(struct store_db *db, int64_t delivery, struct acted *acted)
{
	sqlite3_stmt *s = db->sql[SQL_ONCE_DONE];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, delivery, &rc);
	store_bind_int(s, 2, STORE_STALE_EVENTS, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		acted->by = sqlite3_column_int64(s, 0);
	store_reset(s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Has the delivery's hook acted on the entity of the delivery's event? */
static int find_acted(struct store_db *db, int64_t delivery, struct acted *acted)
{
	*acted = (struct acted){0};
	int rc = read_row(db, delivery, acted);
	if (rc == SQLITE_OK && acted->by == 0)
		rc = read_done(db, delivery, acted);
	return rc;
}

/* Of a delivery that another one makes needless. */
static int fill_skip(struct store_db *db, int64_t delivery, int64_t by, struct store_skip *skip)
{
	sqlite3_stmt *s = db->sql[SQL_ONCE_OF];
	int rc = SQLITE_OK;

	*skip = (struct store_skip){.delivery = delivery};
	(void)snprintf(
		skip->reason, sizeof(skip->reason), "acted already by delivery %" PRId64, by);
	store_bind_int(s, 1, delivery, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		skip->event = sqlite3_column_int64(s, 0);
		skip->hook = sqlite3_column_int64(s, 1);
	}
	store_reset(s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int store_once_skip(
	struct store_db *db, int64_t delivery, int64_t now, struct store_skip *skip, bool *skipped)
{
	struct acted acted;

	int rc = find_acted(db, delivery, &acted);
	*skipped = rc == SQLITE_OK && acted.by != 0 && acted.again != delivery;
	if (!*skipped)
		return rc;
	rc = fill_skip(db, delivery, acted.by, skip);
	return rc == SQLITE_OK ? store_order_end_skipped(db, skip, now) : rc;
}

int store_once_acted(struct store_db *db, int64_t delivery, int64_t now)
{
	sqlite3_stmt *s = db->sql[SQL_ONCE_ACTED];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, delivery, &rc);
	store_bind_int(s, 2, now, &rc);
	return store_step(s, rc);
}

int store_once_lift(struct store_db *db, int64_t delivery, int64_t replay, int64_t now)
{
	sqlite3_stmt *s = db->sql[SQL_ONCE_LIFT];
	struct acted acted;

	int rc = find_acted(db, delivery, &acted);
	if (rc != SQLITE_OK || acted.by == 0)
		return rc;
	store_bind_int(s, 1, delivery, &rc);
	store_bind_int(s, 2, acted.by, &rc);
	store_bind_int(s, 3, now, &rc);
	store_bind_int(s, 4, replay, &rc);
	return store_step(s, rc);
}

int store_once_remove(struct store_db *db, int64_t before)
{
	sqlite3_stmt *s = db->sql[SQL_ONCE_OLD];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, before - KEPT, &rc);
	store_bind_int(s, 2, OLD_MAX, &rc);
	return store_step(s, rc);
}
