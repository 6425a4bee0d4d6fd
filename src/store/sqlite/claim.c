/* store/sqlite/claim.c - claims due deliveries: picks them in turns over the hooks, makes them
 * RUNNING, and copies what their actions need. */
#include "base/clock.h"
#include "damage.h"
#include "db.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* To claim n deliveries at most n * CANDIDATE_FACTOR + CANDIDATE_EXTRA are read, so that a claim
 * does not keep the writer from incoming events. */
#define CANDIDATE_FACTOR 4
#define CANDIDATE_EXTRA  64

/* What a claim has picked so far. */
struct picks {
	int64_t now;
	unsigned width;      /* the most that one want gets */
	int64_t *ids;        /* `width` places for each want */
	size_t *counts;      /* places used by each want */
	int64_t *candidates; /* of the current want */
	size_t total;
};

static char *text_copy(sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return strdup(text != NULL ? text : "");
}

/* A copy with a NUL after it. */
static char *blob_copy(sqlite3_stmt *s, int column, size_t *len)
{
	const void *bytes = sqlite3_column_blob(s, column);

	*len = (size_t)sqlite3_column_bytes(s, column);
	if (bytes == NULL && *len > 0)
		return NULL;
	char *copy = malloc(*len + 1);
	if (copy == NULL)
		return NULL;
	if (*len > 0)
		memcpy(copy, bytes, *len);
	copy[*len] = '\0';
	return copy;
}

static struct delivery_job *job_from_row(sqlite3_stmt *s, int64_t delivery, int64_t now)
{
	struct delivery_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	unsigned attempts = (unsigned)sqlite3_column_int(s, 2);
	job->delivery = delivery;
	job->event = sqlite3_column_int64(s, 0);
	job->hook = sqlite3_column_int64(s, 1);
	job->attempt = attempts + 1;
	job->failures = (unsigned)sqlite3_column_int(s, 3);
	job->interrupted = attempts - job->failures;
	job->received_at = sqlite3_column_int64(s, 7);
	job->started_at = now;
	job->source = text_copy(s, 4);
	job->type = text_copy(s, 5);
	job->idempotency_key = text_copy(s, 6);
	job->payload = blob_copy(s, 8, &job->payload_len);
	job->damaged = store_is_damaged(s, 8, 10);
	if (job->source != NULL && job->type != NULL && job->idempotency_key != NULL &&
		job->payload != NULL)
		return job;
	delivery_job_free(job);
	return NULL;
}

static struct delivery_failure *failure_from_row(sqlite3_stmt *s, int64_t delivery)
{
	struct delivery_failure *failure = calloc(1, sizeof(*failure));

	if (failure == NULL)
		return NULL;
	failure->delivery = delivery;
	failure->hook = text_copy(s, 0);
	failure->attempts = sqlite3_column_int64(s, 1);
	failure->reason = text_copy(s, 2);
	failure->output = blob_copy(s, 3, &failure->output_len);
	if (failure->hook != NULL && failure->reason != NULL && failure->output != NULL)
		return failure;
	delivery_failure_free(failure);
	return NULL;
}

static int failure_read(struct store_db *db, int64_t delivery, struct delivery_failure **out)
{
	sqlite3_stmt *s = db->sql[SQL_CLAIM_FAILURE];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, delivery, &rc);
	store_bind_int(s, 2, -DELIVERY_FAILURE_OUTPUT, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		*out = failure_from_row(s, delivery);
		rc = *out != NULL ? SQLITE_OK : SQLITE_NOMEM;
	}
	store_reset(s);
	return rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
}

/* *out is NULL when the delivery is not READY: two wants may name one hook. */
static int claim_read(struct store_db *db, int64_t delivery, int64_t now, struct delivery_job **out)
{
	sqlite3_stmt *s = db->sql[SQL_CLAIM_JOB];
	int64_t failed = 0;
	int rc = SQLITE_OK;

	*out = NULL;
	store_bind_int(s, 1, delivery, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		failed = sqlite3_column_int64(s, 9);
		*out = job_from_row(s, delivery, now);
		rc = *out != NULL ? SQLITE_OK : SQLITE_NOMEM;
	}
	store_reset(s);
	if (rc == SQLITE_OK && failed != 0)
		rc = failure_read(db, failed, &(*out)->failure);
	if (rc == SQLITE_OK || rc == SQLITE_DONE)
		return SQLITE_OK;
	delivery_job_free(*out);
	*out = NULL;
	return rc;
}

static int claim_write(struct store_db *db, const struct delivery_job *job)
{
	sqlite3_stmt *s = db->sql[SQL_CLAIM_DELIVERY];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, job->delivery, &rc);
	store_bind_int(s, 2, job->attempt, &rc);
	rc = store_step(s, rc);
	s = db->sql[SQL_CLAIM_ATTEMPT];
	store_bind_int(s, 1, job->delivery, &rc);
	store_bind_int(s, 2, job->attempt, &rc);
	store_bind_int(s, 3, job->started_at, &rc);
	return store_step(s, rc);
}

static int claim_due(
	struct store_db *db, int64_t hook, int64_t now, size_t limit, int64_t *ids, size_t *count)
{
	sqlite3_stmt *s = db->sql[SQL_CLAIM_DUE];
	int rc = SQLITE_OK;

	*count = 0;
	store_bind_int(s, 1, hook, &rc);
	store_bind_int(s, 2, now, &rc);
	store_bind_int(s, 3, (int64_t)limit, &rc);
	while (rc == SQLITE_OK && *count < limit) {
		rc = sqlite3_step(s);
		if (rc != SQLITE_ROW)
			break;
		ids[(*count)++] = sqlite3_column_int64(s, 0);
		rc = SQLITE_OK;
	}
	store_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Called after the jobs are taken, so that the first READY delivery is the next one. */
static int read_next_due(struct store_db *db, struct store_claim *c)
{
	sqlite3_stmt *s = db->sql[SQL_CLAIM_NEXT];

	for (size_t i = 0; i < c->want_count; i++) {
		int rc = SQLITE_OK;
		c->wants[i].next_due = INT64_MAX;
		if (store_pause_has(db, c->wants[i].hook))
			continue;
		store_bind_int(s, 1, c->wants[i].hook, &rc);
		if (rc == SQLITE_OK)
			rc = sqlite3_step(s);
		int64_t due = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : INT64_MAX;
		store_reset(s);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return rc;
		c->wants[i].next_due = due;
		if (due < c->next_due)
			c->next_due = due;
	}
	return SQLITE_OK;
}

static unsigned claim_limit(const struct store_claim *c, size_t want)
{
	return c->wants[want].max < c->total ? c->wants[want].max : c->total;
}

static size_t candidate_limit(unsigned limit)
{
	return (size_t)limit * CANDIDATE_FACTOR + CANDIDATE_EXTRA;
}

/* Makes a delivery SKIPPED if it was overtaken, and releases those that it blocks. */
static int claim_skip(struct store_db *db, struct store_claim *c,
	const struct lifecycle_state *states, int64_t delivery, int64_t now, bool *skipped)
{
	struct store_skip skip;

	int rc = store_order_skip(db, states, delivery, now, &skip, skipped);
	if (rc != SQLITE_OK || !*skipped)
		return rc;
	struct store_skip *more = reallocarray(c->skips, c->skip_count + 1, sizeof(*more));
	if (more == NULL)
		return SQLITE_NOMEM;
	c->skips = more;
	c->skips[c->skip_count++] = skip;
	db->delta->waiting--;
	return store_order_release(db, delivery);
}

static int pick_want(struct store_db *db, struct store_claim *c, size_t i, struct picks *p)
{
	const struct store_want *want = &c->wants[i];
	unsigned limit = claim_limit(c, i);
	int64_t *ids = p->ids + i * p->width;
	size_t found = 0;

	int rc = store_order_want(db, want->hook, want->ordered);
	if (rc != SQLITE_OK || store_pause_has(db, want->hook))
		return rc;
	if (!want->ordered && !want->skip_stale)
		return claim_due(db, want->hook, p->now, limit, ids, &p->counts[i]);
	rc = claim_due(db, want->hook, p->now, candidate_limit(limit), p->candidates, &found);
	for (size_t k = 0; k < found && p->counts[i] < limit && rc == SQLITE_OK; k++) {
		bool out = false;
		if (want->ordered)
			rc = store_order_block(db, p->candidates[k], &out);
		if (rc == SQLITE_OK && !out && want->skip_stale)
			rc = claim_skip(db, c, want->skip_stale, p->candidates[k], p->now, &out);
		if (rc == SQLITE_OK && !out)
			ids[p->counts[i]++] = p->candidates[k];
	}
	return rc;
}

static int pick_all(struct store_db *db, struct store_claim *c, struct picks *p)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < c->want_count; i++) {
		if (claim_limit(c, i) > p->width)
			p->width = claim_limit(c, i);
	}
	if (p->width == 0)
		return SQLITE_OK;
	p->ids = calloc(c->want_count, p->width * sizeof(*p->ids));
	p->counts = calloc(c->want_count, sizeof(*p->counts));
	p->candidates = calloc(candidate_limit(p->width), sizeof(*p->candidates));
	if (p->ids == NULL || p->counts == NULL || p->candidates == NULL)
		return SQLITE_NOMEM;
	for (size_t i = 0; i < c->want_count && rc == SQLITE_OK; i++) {
		rc = pick_want(db, c, i, p);
		p->total += p->counts[i];
	}
	return rc;
}

static int take_job(struct store_db *db, struct store_claim *c, int64_t delivery, int64_t now)
{
	struct delivery_job *job;

	int rc = claim_read(db, delivery, now, &job);
	if (rc != SQLITE_OK || job == NULL)
		return rc;
	c->jobs[c->job_count++] = job;
	return claim_write(db, job);
}

static int take_jobs(struct store_db *db, struct store_claim *c, const struct picks *p)
{
	int rc = SQLITE_OK;

	if (p->total == 0)
		return SQLITE_OK;
	c->jobs = calloc(p->total, sizeof(struct delivery_job *));
	if (c->jobs == NULL)
		return SQLITE_NOMEM;
	for (unsigned round = 0; round < p->width; round++) {
		for (size_t i = 0; i < c->want_count && rc == SQLITE_OK; i++) {
			if (c->job_count == c->total)
				return SQLITE_OK;
			if (round < p->counts[i])
				rc = take_job(db, c, p->ids[i * p->width + round], p->now);
		}
	}
	return rc;
}

/* The clock by which the due times were set. */
static int64_t due_clock(const struct store_claim *c)
{
	int64_t now = clock_wall();
	int64_t known = clock_steady() + c->offset;

	return c->offset == 0 || llabs(now - known) <= CLOCK_STEP ? now : known;
}

int store_claim_run(struct store_db *db, struct store_claim *c)
{
	struct picks p = {.now = due_clock(c)};

	int rc = pick_all(db, c, &p);
	if (rc == SQLITE_OK)
		rc = take_jobs(db, c, &p);
	if (rc == SQLITE_OK)
		rc = read_next_due(db, c);
	free(p.ids);
	free(p.counts);
	free(p.candidates);
	return rc;
}
