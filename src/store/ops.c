/* store/ops.c - the operations of store/store.h, inside a transaction that the writer
 * opened. One that returns an error leaves the rest to the writer's rollback; what
 * it changes in the counts goes into the delta. Those of an event's way have files
 * of their own: store/sqlite/put.c, store/sqlite/claim.c, store/sqlite/settle.c. */
#include "store/sqlite/db.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static int name(struct store *st, struct store_name *p)
{
	bool source = p->name_kind == STORE_NAME_SOURCE;
	sqlite3_stmt *s = st->sql[source ? SQL_SOURCE_FIND : SQL_HOOK_FIND];
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
	s = st->sql[source ? SQL_SOURCE_INSERT : SQL_HOOK_INSERT];
	store_bind_text(s, 1, p->name, &rc);
	rc = store_step(s, rc);
	if (rc == SQLITE_OK)
		p->id = sqlite3_last_insert_rowid(st->db);
	return rc;
}

static int shift(struct store *st, const struct store_shift *p, struct store_delta *delta)
{
	static const enum store_sql parts[] = {SQL_SHIFT, SQL_SHIFT_HELD};
	int rc = SQLITE_OK;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && rc == SQLITE_OK; i++) {
		sqlite3_stmt *s = st->sql[parts[i]];
		store_bind_int(s, 1, p->delta, &rc);
		rc = store_step(s, rc);
		if (rc == SQLITE_OK && sqlite3_changes(st->db) > 0)
			delta->ready = true;
	}
	return rc;
}

static int orphans(struct store *st, struct store_orphans *p)
{
	sqlite3_stmt *s = st->sql[SQL_ORPHANS];
	int rc;

	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (sqlite3_column_int64(s, 1) == 0)
			continue;
		struct store_waiting *rows =
			reallocarray(p->rows, p->count + 1, sizeof(struct store_waiting));
		const char *name_text = (const char *)sqlite3_column_text(s, 2);
		char *text = name_text != NULL ? strdup(name_text) : NULL;
		if (rows != NULL)
			p->rows = rows;
		if (rows == NULL || text == NULL) {
			free(text);
			rc = SQLITE_NOMEM;
			break;
		}
		rows[p->count++] = (struct store_waiting){
			.hook = sqlite3_column_int64(s, 0),
			.waiting = sqlite3_column_int64(s, 1),
			.name = text,
		};
	}
	(void)sqlite3_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

void store_orphans_free(struct store_orphans *o)
{
	for (size_t i = 0; i < o->count; i++)
		free(o->rows[i].name);
	free(o->rows);
	o->rows = NULL;
	o->count = 0;
}

static int refresh(struct store *st, struct store_delta *delta)
{
	int64_t waiting, dead;

	store_order_forget(st); /* what is new has no place yet */
	int rc = store_pause_read(st);
	if (rc == SQLITE_OK)
		rc = store_count(st, &waiting, &dead);
	if (rc != SQLITE_OK)
		return rc;
	/* What the transaction did before this is in them. */
	delta->waiting = waiting - st->counts.waiting;
	delta->dead = dead - st->counts.dead;
	delta->ready = true;
	return SQLITE_OK;
}

/* Each request begins with its operation. */
_Static_assert(
	offsetof(struct store_put, op) == 0 && offsetof(struct store_claim, op) == 0 &&
		offsetof(struct store_settle, op) == 0 && offsetof(struct store_name, op) == 0 &&
		offsetof(struct store_shift, op) == 0 && offsetof(struct store_orphans, op) == 0,
	"a request is found by its operation's address");

void store_op_start(struct store_op *op)
{
	op->result = STORE_OK;
	switch (op->kind) {
	case STORE_OP_PUT:
		((struct store_put *)op)->event_id = 0;
		((struct store_put *)op)->conflict = false;
		((struct store_put *)op)->mended = false;
		break;
	case STORE_OP_CLAIM:
		store_claim_start((struct store_claim *)op);
		break;
	case STORE_OP_NAME:
		((struct store_name *)op)->id = 0;
		break;
	case STORE_OP_ORPHANS:
		((struct store_orphans *)op)->rows = NULL;
		((struct store_orphans *)op)->count = 0;
		break;
	case STORE_OP_SETTLE:
	case STORE_OP_SHIFT:
	case STORE_OP_PING:
	case STORE_OP_REFRESH:
		break;
	}
}

static int run(struct store *st, struct store_op *op, struct store_delta *delta)
{
	switch (op->kind) {
	case STORE_OP_CLAIM:
		return store_claim_run(st, (struct store_claim *)op, delta);
	case STORE_OP_SETTLE:
		return store_settle_run(st, (struct store_settle *)op, delta);
	case STORE_OP_NAME:
		return name(st, (struct store_name *)op);
	case STORE_OP_SHIFT:
		return shift(st, (struct store_shift *)op, delta);
	case STORE_OP_ORPHANS:
		return orphans(st, (struct store_orphans *)op);
	case STORE_OP_REFRESH:
		return refresh(st, delta);
	case STORE_OP_PUT: /* store_put_run's */
	case STORE_OP_PING:
		break;
	}
	return SQLITE_OK;
}

int store_ops_run(struct store *st, struct store_op *group, struct store_delta *delta)
{
	int rc = SQLITE_OK;

	for (struct store_op *op = group; op != NULL && rc == SQLITE_OK;) {
		if (op->kind == STORE_OP_PUT) {
			rc = store_put_run(st, op, &op, delta);
		} else {
			rc = run(st, op, delta);
			op = op->next;
		}
	}
	return rc;
}

void store_op_undo(struct store_op *op)
{
	if (op->kind == STORE_OP_CLAIM)
		store_claim_undo((struct store_claim *)op);
	else if (op->kind == STORE_OP_ORPHANS)
		store_orphans_free((struct store_orphans *)op);
	store_op_start(op);
	op->result = STORE_ERROR;
}
