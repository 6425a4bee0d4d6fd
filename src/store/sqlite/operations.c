/* store/sqlite/operations.c - runs the operations of store/store.h, a group in one transaction.
 * An operation that returns an error leaves the rest to the rollback; what it changes in the
 * counts goes into db->delta. Putting, claiming and settling have their own files, and so has what
 * a person asks for: act.h. */
#include "act.h"
#include "store/catchup.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static int find_or_insert_name(struct store_db *db, const struct store_name *p)
{
	bool source = p->kind == STORE_NAME_SOURCE;
	sqlite3_stmt *s = db->sql[source ? SQL_SOURCE_FIND : SQL_HOOK_FIND];
	int rc = SQLITE_OK;

	store_bind_text(s, 1, p->name, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	bool known = rc == SQLITE_ROW;
	if (known)
		*p->id = sqlite3_column_int64(s, 0);
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
		*p->id = sqlite3_last_insert_rowid(db->sqlite);
	return rc;
}

static int find_or_insert_names(struct store_db *db, const struct store_names *p)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < p->count && rc == SQLITE_OK; i++)
		rc = find_or_insert_name(db, &p->list[i]);
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

static int set_catchup(struct store_db *db, const struct store_catchup *p)
{
	const struct store_catchup_state *state = p->state;
	const int64_t numbers[] = {p->source, state->begun_at, state->read_to, state->read_at,
		state->filled, state->filled_at, state->upper, state->page, state->found,
		state->failed_at, state->denied, state->webhook_id, state->webhook_at,
		state->webhook_bad_at, state->webhook_good_at, state->reenabled_at};
	const int count = sizeof(numbers) / sizeof(numbers[0]);
	sqlite3_stmt *s = db->sql[SQL_CATCHUP];
	int rc = SQLITE_OK;

	for (int i = 0; i < count; i++)
		store_bind_int(s, i + 1, numbers[i], &rc);
	store_bind_text(s, count + 1, state->failure, &rc);
	store_bind_text(s, count + 2, state->webhook, &rc);
	store_bind_text(s, count + 3, state->webhook_text, &rc);
	return store_step(s, rc);
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

static int operation_run(struct store_db *db, struct store_op *op)
{
	switch (op->kind) {
	case STORE_OP_CLAIM:
		return store_claim_run(db, (struct store_claim *)op);
	case STORE_OP_SETTLE:
		return store_settle_run(db, (struct store_settle *)op);
	case STORE_OP_NAMES:
		return find_or_insert_names(db, (struct store_names *)op);
	case STORE_OP_SHIFT:
		return shift_due_times(db, (struct store_shift *)op);
	case STORE_OP_CATCHUP:
		return set_catchup(db, (struct store_catchup *)op);
	case STORE_OP_ORPHANS:
		return count_orphans(db, (struct store_orphans *)op);
	case STORE_OP_CHANGE:
		return store_change_run(db, (struct store_change *)op);
	case STORE_OP_PAUSE:
		return store_pause_run(db, (struct store_pause *)op);
	case STORE_OP_RELEASE:
		return store_release_run(db, (struct store_release *)op);
	case STORE_OP_DROP:
		return store_drop_run(db, (struct store_drop *)op);
	case STORE_OP_IMPORT:
		return store_import_run(db, (struct store_import *)op);
	case STORE_OP_PRUNE:
		return store_prune_run(db, (struct store_prune *)op);
	case STORE_OP_VACUUM:
		return store_vacuum_run(db, (struct store_vacuum *)op);
	case STORE_OP_AUDIT:
		return store_note_run(db, (struct store_note *)op);
	case STORE_OP_REFUSED:
		return store_keep_run(db, (struct store_keep *)op);
	case STORE_OP_PUT:    /* run by store_put_run */
	case STORE_OP_BACKUP: /* run by copy_write */
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
	       primary == SQLITE_TOOBIG || primary == SQLITE_RANGE || primary == SQLITE_NOMEM ||
	       store_is_read_error(rc);
}

static void explain(struct store_op *first, int rc)
{
	bool no_memory = (rc & 0xff) == SQLITE_NOMEM;

	first->at_fault = first->next == NULL && is_bad_operation(rc) && !no_memory;
	for (struct store_op *op = first; op != NULL; op = op->next)
		op->why = sqlite3_errstr(rc);
}

/* SQLite copies no page while its connection is in a write transaction. */
static enum store_commit copy_write(struct store_db *db, struct store_op *op)
{
	int rc = store_backup_run(db, (struct store_backup *)op);

	db->full = false; /* one that failed has ended: it must not be run again */
	if (rc != SQLITE_OK && op->why == NULL)
		explain(op, rc);
	return rc == SQLITE_OK ? STORE_COMMITTED : STORE_COMMIT_FAILED;
}

/* What acknowledges, or starts something. The rest records what has happened already. */
static bool needs_place(const struct store_op *op)
{
	return op->kind == STORE_OP_PUT || op->kind == STORE_OP_CLAIM || store_op_is_slice(op);
}

static bool group_needs_place(const struct store_op *first)
{
	while (first != NULL && !needs_place(first))
		first = first->next;
	return first != NULL;
}

/* Of a group, those that need no place can go in without the others. */
static enum store_commit refuse_misplaced(struct store_db *db, struct store_op *first)
{
	db->full = false;
	for (struct store_op *op = first; op != NULL; op = op->next)
		op->why = "the store's files are not at their place";
	return first->next != NULL ? STORE_COMMIT_BAD_OPERATION : STORE_COMMIT_FAILED;
}

/* After the commit: what was put into a file that has just been removed is not acknowledged. */
static void check_puts(struct store_db *db, struct store_op *first)
{
	if (!group_needs_place(first) || store_place_check(db))
		return;
	for (struct store_op *op = first; op != NULL; op = op->next)
		if (op->kind == STORE_OP_PUT)
			op->result = STORE_ERROR;
}

enum store_commit store_group_write(
	struct store_db *db, const struct store_group *group, struct store_delta *delta)
{
	int changes = sqlite3_total_changes(db->sqlite);

	if (!store_is_stopped(db) && group_needs_place(group->first) && !store_place_check(db))
		return refuse_misplaced(db, group->first);
	if (group->first->kind == STORE_OP_BACKUP)
		return copy_write(db, group->first);
	db->group = group;
	db->delta = delta;
	if (store_op_is_slice(group->first))
		store_slice_start(db);
	int rc = store_begin(db);
	if (rc == SQLITE_OK)
		rc = group_run(db, group->first);
	bool again = rc != SQLITE_OK && store_unreadable_note(db, rc);
	if (again)
		store_roll_back(db);
	else
		rc = store_end(db, rc);
	store_audit_end(db, rc == SQLITE_OK);
	store_pause_end(db, rc == SQLITE_OK);
	store_order_end(db, rc == SQLITE_OK);
	if (again)
		return STORE_COMMIT_AGAIN;
	if (rc != SQLITE_OK) {
		explain(group->first, rc);
		return is_bad_operation(rc) ? STORE_COMMIT_BAD_OPERATION : STORE_COMMIT_FAILED;
	}
	db->again = 0;
	if (db->failing && changes != sqlite3_total_changes(db->sqlite)) {
		db->failing = false;
		log_info("store can write again", log_text("file", db->path));
	}
	if (store_op_is_slice(group->first))
		store_slice_committed(db);
	check_puts(db, group->first);
	return STORE_COMMITTED;
}
