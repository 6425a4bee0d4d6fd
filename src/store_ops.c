/* store_ops.c - each operation of store.h on prepared statements, inside a
 * transaction that the writer opened. An operation that returns an error leaves
 * the rest to the writer's rollback; what it changes in the counts goes into
 * the delta. */
#include "store_db.h"

#include <assert.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *const texts[SQL_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_EVENT_INSERT] =
		"INSERT INTO events(source_id, idempotency_key, provider_event_id, type,"
		" entity_kind, entity_id, received_at, occurred_at, origin, remote_addr,"
		" quarantined, payload) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
		" ON CONFLICT(source_id, idempotency_key) DO NOTHING",
	[SQL_EVENT_FIND] = "SELECT id, payload = ?3 FROM events"
			   " WHERE source_id = ?1 AND idempotency_key = ?2",
	[SQL_EVENT_DUPLICATE] = "UPDATE events SET duplicates = duplicates + 1 WHERE id = ?1",
	[SQL_EVENT_CONFLICT] = "UPDATE events SET conflicts = conflicts + 1 WHERE id = ?1",
	[SQL_DELIVERY_INSERT] = "INSERT INTO deliveries(event_id, hook_id, state, due_at)"
				" VALUES(?1, ?2, 'READY', ?3)",
	[SQL_CLAIM_DUE] = "SELECT id FROM deliveries"
			  " WHERE state = 'READY' AND hook_id = ?1 AND due_at <= ?2"
			  " ORDER BY due_at, id LIMIT ?3",
	[SQL_CLAIM_JOB] = "SELECT d.event_id, d.hook_id, d.attempts, d.failures, s.name, e.type,"
			  " e.idempotency_key, h.name, e.payload FROM deliveries d"
			  " JOIN events e ON e.id = d.event_id"
			  " JOIN sources s ON s.id = e.source_id"
			  " JOIN hooks h ON h.id = d.hook_id"
			  " WHERE d.id = ?1 AND d.state = 'READY'",
	[SQL_CLAIM_DELIVERY] =
		"UPDATE deliveries SET state = 'RUNNING', attempts = ?2 WHERE id = ?1",
	[SQL_CLAIM_ATTEMPT] = "INSERT INTO attempts(delivery_id, number, started_at)"
			      " VALUES(?1, ?2, ?3)",
	[SQL_CLAIM_NEXT] = "SELECT due_at FROM deliveries"
			   " WHERE state = 'READY' AND hook_id = ?1 ORDER BY due_at LIMIT 1",
	[SQL_SETTLE_ATTEMPT] = "UPDATE attempts SET ended_at = ?3, result = ?4, exit_code = ?5,"
			       " signal = ?6, message = ?7, output = ?8"
			       " WHERE delivery_id = ?1 AND number = ?2 AND result IS NULL",
	[SQL_SETTLE_DELIVERY] = "UPDATE deliveries SET state = ?3, failures = failures + ?4,"
				" due_at = coalesce(?5, due_at)"
				" WHERE id = ?1 AND attempts = ?2 AND state = 'RUNNING'",
	[SQL_SOURCE_FIND] = "SELECT id FROM sources WHERE name = ?1",
	[SQL_SOURCE_INSERT] = "INSERT INTO sources(name) VALUES(?1)",
	[SQL_HOOK_FIND] = "SELECT id FROM hooks WHERE name = ?1",
	[SQL_HOOK_INSERT] = "INSERT INTO hooks(name) VALUES(?1)",
	[SQL_SHIFT] = "UPDATE deliveries SET due_at = due_at + ?1"
		      " WHERE state = 'READY' AND (?1 < 0 OR attempts > 0)",
	[SQL_ORPHANS] = "SELECT h.id, w.waiting, h.name FROM hooks h,"
			" (SELECT hook_id, count(*) AS waiting FROM deliveries"
			" WHERE state = 'READY' GROUP BY hook_id) w WHERE w.hook_id = h.id",
	[SQL_PRUNE_OLD] = "SELECT id, received_at FROM events"
			  " WHERE (received_at, id) > (?1, ?2) AND received_at < ?3"
			  " ORDER BY received_at, id LIMIT ?4",
	[SQL_PRUNE_STATES] = "SELECT count(*) FILTER (WHERE state IN ('READY', 'RUNNING')),"
			     " count(*) FILTER (WHERE state = 'DEAD')"
			     " FROM deliveries WHERE event_id = ?1",
	[SQL_PRUNE_DELETE] = "DELETE FROM events WHERE id = ?1",
};

int store_ops_prepare(struct store *st)
{
	for (int i = 0; i < SQL_COUNT; i++) {
		int rc = sqlite3_prepare_v3(
			st->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &st->sql[i], NULL);
		if (rc != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

void store_ops_finalize(struct store *st)
{
	for (int i = 0; i < SQL_COUNT; i++)
		(void)sqlite3_finalize(st->sql[i]);
}

void store_reset(struct sqlite3_stmt *s)
{
	(void)sqlite3_reset(s); /* repeats the error of the step */
	(void)sqlite3_clear_bindings(s);
}

int store_step(struct sqlite3_stmt *s, int rc)
{
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	store_reset(s);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

void store_bind_int(struct sqlite3_stmt *s, int column, int64_t value, int *rc)
{
	if (*rc == SQLITE_OK)
		*rc = sqlite3_bind_int64(s, column, value);
}

static void bind_text(sqlite3_stmt *s, int column, const char *text, int *rc)
{
	if (*rc == SQLITE_OK)
		*rc = sqlite3_bind_text(s, column, text, -1, SQLITE_STATIC);
}

static void bind_blob(sqlite3_stmt *s, int column, const void *bytes, size_t len, int *rc)
{
	/* A null pointer would be NULL, not an empty blob. */
	if (*rc == SQLITE_OK)
		*rc = sqlite3_bind_blob64(s, column, len > 0 ? bytes : "", len, SQLITE_STATIC);
}

static int put_event(struct store *st, const struct event *ev, bool *inserted)
{
	sqlite3_stmt *s = st->sql[SQL_EVENT_INSERT];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, ev->source_id, &rc);
	bind_text(s, 2, ev->idempotency_key, &rc);
	bind_text(s, 3, ev->provider_event_id, &rc);
	bind_text(s, 4, ev->type, &rc);
	bind_text(s, 5, ev->entity_kind, &rc);
	bind_text(s, 6, ev->entity_id, &rc);
	store_bind_int(s, 7, ev->received_at, &rc);
	if (ev->occurred_at != 0)
		store_bind_int(s, 8, ev->occurred_at, &rc);
	bind_text(s, 9, ev->origin, &rc);
	bind_text(s, 10, ev->remote, &rc);
	bind_text(s, 11, ev->quarantined, &rc);
	bind_blob(s, 12, ev->payload, ev->payload_len, &rc);
	rc = store_step(s, rc);
	*inserted = rc == SQLITE_OK && sqlite3_changes(st->db) == 1;
	return rc;
}

static int put_deliveries(struct store *st, struct store_put *p, struct store_delta *delta)
{
	sqlite3_stmt *s = st->sql[SQL_DELIVERY_INSERT];

	for (size_t i = 0; i < p->hook_count; i++) {
		int rc = SQLITE_OK;
		store_bind_int(s, 1, p->event_id, &rc);
		store_bind_int(s, 2, p->hooks[i], &rc);
		store_bind_int(s, 3, p->event->received_at, &rc);
		rc = store_step(s, rc);
		if (rc != SQLITE_OK)
			return rc;
		delta->waiting++;
		delta->ready = true;
	}
	return SQLITE_OK;
}

/* Finds the event that has the key. Not found: *event is 0. */
static int find_event(struct store *st, const struct event *ev, int64_t *event, bool *equal)
{
	sqlite3_stmt *s = st->sql[SQL_EVENT_FIND];
	int rc = SQLITE_OK;

	*event = 0;
	*equal = false;
	store_bind_int(s, 1, ev->source_id, &rc);
	bind_text(s, 2, ev->idempotency_key, &rc);
	bind_blob(s, 3, ev->payload, ev->payload_len, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		*event = sqlite3_column_int64(s, 0);
		*equal = sqlite3_column_int(s, 1) == 1;
	}
	store_reset(s);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int put(struct store *st, struct store_put *p, struct store_delta *delta)
{
	int64_t after = st->counts.waiting + delta->waiting + (int64_t)p->hook_count;
	bool full = p->hook_count > 0 && after > (int64_t)st->group_backlog;
	bool inserted = false;
	bool equal;

	int rc = full ? SQLITE_OK : put_event(st, p->event, &inserted);
	if (rc != SQLITE_OK)
		return rc;
	if (inserted) {
		p->op.result = STORE_OK;
		p->event_id = sqlite3_last_insert_rowid(st->db);
		delta->stored++;
		delta->quarantined += p->event->quarantined != NULL;
		return put_deliveries(st, p, delta);
	}
	/* Also with a full backlog: what is stored already needs no room. */
	rc = find_event(st, p->event, &p->event_id, &equal);
	if (rc != SQLITE_OK)
		return rc;
	if (p->event_id == 0) {
		p->op.result = STORE_FULL;
		return SQLITE_OK;
	}
	p->op.result = STORE_DUPLICATE;
	p->conflict = !equal;
	delta->duplicates++;
	sqlite3_stmt *s = st->sql[equal ? SQL_EVENT_DUPLICATE : SQL_EVENT_CONFLICT];
	store_bind_int(s, 1, p->event_id, &rc);
	return store_step(s, rc);
}

static void bind_outcome(sqlite3_stmt *s, const struct attempt_outcome *outcome, int *rc)
{
	bind_text(s, 4, store_attempt_text(outcome->result), rc);
	if (outcome->exit_code >= 0)
		store_bind_int(s, 5, outcome->exit_code, rc);
	if (outcome->signal != 0)
		store_bind_int(s, 6, outcome->signal, rc);
	if (outcome->message[0] != '\0')
		bind_text(s, 7, outcome->message, rc);
	if (outcome->output_len > 0)
		bind_blob(s, 8, outcome->output, outcome->output_len, rc);
}

static int settle(struct store *st, struct store_settle *p, struct store_delta *delta)
{
	sqlite3_stmt *s = st->sql[SQL_SETTLE_ATTEMPT];
	enum attempt_result result = p->outcome->result;
	int rc = SQLITE_OK;

	assert(p->state == DELIVERY_READY || p->state == DELIVERY_DONE ||
		p->state == DELIVERY_DEAD);
	store_bind_int(s, 1, p->delivery, &rc);
	store_bind_int(s, 2, p->attempt, &rc);
	store_bind_int(s, 3, p->ended_at, &rc);
	bind_outcome(s, p->outcome, &rc);
	rc = store_step(s, rc);
	/* Settled before: the caller was told of an error but it had gone in. */
	if (rc != SQLITE_OK || sqlite3_changes(st->db) == 0)
		return rc;
	s = st->sql[SQL_SETTLE_DELIVERY];
	store_bind_int(s, 1, p->delivery, &rc);
	store_bind_int(s, 2, p->attempt, &rc);
	bind_text(s, 3, store_state_text(p->state), &rc);
	store_bind_int(s, 4, result == ATTEMPT_TEMPFAIL || result == ATTEMPT_PERMFAIL, &rc);
	if (p->state == DELIVERY_READY)
		store_bind_int(s, 5, p->due_at, &rc);
	rc = store_step(s, rc);
	if (rc != SQLITE_OK || sqlite3_changes(st->db) == 0)
		return rc;
	delta->ready = delta->ready || p->state == DELIVERY_READY;
	delta->waiting -= p->state != DELIVERY_READY;
	delta->dead += p->state == DELIVERY_DEAD;
	return SQLITE_OK;
}

static int name(struct store *st, struct store_name *p)
{
	bool source = p->name_kind == STORE_NAME_SOURCE;
	sqlite3_stmt *s = st->sql[source ? SQL_SOURCE_FIND : SQL_HOOK_FIND];
	int rc = SQLITE_OK;

	bind_text(s, 1, p->name, &rc);
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
	bind_text(s, 1, p->name, &rc);
	rc = store_step(s, rc);
	if (rc == SQLITE_OK)
		p->id = sqlite3_last_insert_rowid(st->db);
	return rc;
}

static int shift(struct store *st, const struct store_shift *p, struct store_delta *delta)
{
	sqlite3_stmt *s = st->sql[SQL_SHIFT];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, p->delta, &rc);
	rc = store_step(s, rc);
	if (rc == SQLITE_OK && sqlite3_changes(st->db) > 0)
		delta->ready = true;
	return rc;
}

static int orphans(struct store *st, struct store_orphans *p)
{
	sqlite3_stmt *s = st->sql[SQL_ORPHANS];
	int rc;

	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
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
		break;
	}
}

int store_op_run(struct store *st, struct store_op *op, struct store_delta *delta)
{
	switch (op->kind) {
	case STORE_OP_PUT:
		return put(st, (struct store_put *)op, delta);
	case STORE_OP_CLAIM:
		return store_claim_run(st, (struct store_claim *)op);
	case STORE_OP_SETTLE:
		return settle(st, (struct store_settle *)op, delta);
	case STORE_OP_NAME:
		return name(st, (struct store_name *)op);
	case STORE_OP_SHIFT:
		return shift(st, (struct store_shift *)op, delta);
	case STORE_OP_ORPHANS:
		return orphans(st, (struct store_orphans *)op);
	case STORE_OP_PING:
		break;
	}
	return SQLITE_OK;
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
