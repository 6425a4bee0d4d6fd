/* store/sqlite/operations.c - runs the operations of store/store.h, a group in one transaction.
 * An operation that returns an error leaves the rest to the rollback; what it changes in the
 * counts goes into db->delta. Putting, claiming and settling have their own files. */
#include "db.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static int find_or_insert_name(struct store_db *db, struct store_name *p)
{
	bool source = p->name_kind == STORE_NAME_SOURCE;
	sqlite3_stmt *s = db->sql[source ? SQL_SOURCE_FIND : SQL_HOOK_FIND];
	int rc = SQLITE_OK;

	store_bind_text(s, 1, p->name, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	bool known = rc == SQLITE_ROW;
	if (known)
		p->id = sqlite3_column_int64(s, 0);
	store_reset(s);
	if (known)
		return SQLITE_OK;
	if (rc != SQLITE_DONE)
		return rc;
	rc = SQLITE_OK;
	s = db->sql[source ? SQL_SOURCE_INSERT : SQL_HOOK_INSERT];
	store_bind_text(s, 1, p->name, &rc);
	rc = store_step(s, rc);
	if (rc == SQLITE_OK)
		p->id = sqlite3_last_insert_rowid(db->sqlite);
	return rc;
}

static int shift_due_times(struct store_db *db, const struct store_shift *p)
{
	static const enum store_sql parts[] = {SQL_SHIFT, SQL_SHIFT_BLOCKED};
	int rc = SQLITE_OK;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && rc == SQLITE_OK; i++) {
		sqlite3_stmt *s = db->sql[parts[i]];
		store_bind_int(s, 1, p->delta, &rc);
		rc = store_step(s, rc);
		if (rc == SQLITE_OK && sqlite3_changes(db->sqlite) > 0)
			db->delta->ready = true;
	}
	return rc;
}

static int add_waiting(struct store_orphans *p, sqlite3_stmt *s)
{
	const char *name = (const char *)sqlite3_column_text(s, 2);
	char *copy = name != NULL ? strdup(name) : NULL;
	struct store_waiting *rows = reallocarray(p->rows, p->count + 1, sizeof(*rows));

	if (rows != NULL)
		p->rows = rows;
	if (rows == NULL || copy == NULL) {
		free(copy);
		return SQLITE_NOMEM;
	}
	rows[p->count++] = (struct store_waiting){
		.hook = sqlite3_column_int64(s, 0),
		.waiting = sqlite3_column_int64(s, 1),
		.name = copy,
	};
	return SQLITE_OK;
}

static int count_orphans(struct store_db *db, struct store_orphans *p)
{
	sqlite3_stmt *s = db->sql[SQL_ORPHANS];
	int rc;

	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (sqlite3_column_int64(s, 1) == 0)
			continue;
		rc = add_waiting(p, s);
		if (rc != SQLITE_OK)
			break;
	}
	(void)sqlite3_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int refresh_counts(struct store_db *db)
{
	int64_t waiting, dead;

	store_order_forget(db); /* new deliveries have no ordering key yet */
	int rc = store_pause_read(db);
	if (rc == SQLITE_OK)
		rc = store_count(db, &waiting, &dead);
	if (rc != SQLITE_OK)
		return rc;
	/* These include what the transaction has changed so far. */
	db->delta->waiting = waiting - db->group->waiting;
	db->delta->dead = dead - db->group->dead;
	db->delta->ready = true;
	return SQLITE_OK;
}

static int operation_run(struct store_db *db, struct store_op *op)
{
	switch (op->kind) {
	case STORE_OP_CLAIM:
		return store_claim_run(db, (struct store_claim *)op);
	case STORE_OP_SETTLE:
		return store_settle_run(db, (struct store_settle *)op);
	case STORE_OP_NAME:
		return find_or_insert_name(db, (struct store_name *)op);
	case STORE_OP_SHIFT:
		return shift_due_times(db, (struct store_shift *)op);
	case STORE_OP_ORPHANS:
		return count_orphans(db, (struct store_orphans *)op);
	case STORE_OP_REFRESH:
		return refresh_counts(db);
	case STORE_OP_PUT: /* run by store_put_run */
	case STORE_OP_PING:
		break;
	}
	return SQLITE_OK;
}

static int group_run(struct store_db *db, struct store_op *first)
{
	int rc = SQLITE_OK;

	for (struct store_op *op = first; op != NULL && rc == SQLITE_OK;) {
		if (op->kind == STORE_OP_PUT) {
			rc = store_put_run(db, op, &op);
		} else {
			rc = operation_run(db, op);
			op = op->next;
		}
	}
	return rc;
}

/* Is one operation at fault, so that the others of its group can go in without it? */
static bool is_bad_operation(int rc)
{
	int primary = rc & 0xff;

	return primary == SQLITE_CONSTRAINT || primary == SQLITE_MISMATCH ||
	       primary == SQLITE_TOOBIG || primary == SQLITE_RANGE || primary == SQLITE_NOMEM;
}

enum store_commit store_group_write(
	struct store_db *db, const struct store_group *group, struct store_delta *delta)
{
	int changes = sqlite3_total_changes(db->sqlite);

	db->group = group;
	db->delta = delta;
	int rc = store_begin(db);
	if (rc == SQLITE_OK)
		rc = group_run(db, group->first);
	rc = store_end(db, rc);
	if (rc != SQLITE_OK) {
		store_order_forget(db);
		return is_bad_operation(rc) ? STORE_COMMIT_BAD_OPERATION : STORE_COMMIT_FAILED;
	}
	if (db->failing && changes != sqlite3_total_changes(db->sqlite)) {
		db->failing = false;
		log_info("store can write again", log_text("file", db->path));
	}
	return STORE_COMMITTED;
}
