/* store_claim.c - hands due deliveries out: picks them fairly over the hooks,
 * makes them RUNNING, and copies all that their actions need. */
#include "clock.h"
#include "store_db.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void store_job_free(struct store_job *job)
{
	if (job == NULL)
		return;
	free(job->source);
	free(job->type);
	free(job->idempotency_key);
	free(job->payload);
	free(job);
}

static char *text_copy(sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return strdup(text != NULL ? text : "");
}

static struct store_job *job_from_row(sqlite3_stmt *s, int64_t delivery, int64_t now)
{
	struct store_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	unsigned attempts = (unsigned)sqlite3_column_int(s, 2);
	job->delivery = delivery;
	job->event = sqlite3_column_int64(s, 0);
	job->hook = sqlite3_column_int64(s, 1);
	job->attempt = attempts + 1;
	job->failures = (unsigned)sqlite3_column_int(s, 3);
	job->interrupted = attempts - job->failures;
	job->started_at = now;
	job->source = text_copy(s, 4);
	job->type = text_copy(s, 5);
	const char *key = (const char *)sqlite3_column_text(s, 6);
	const char *hook = (const char *)sqlite3_column_text(s, 7);
	if (job->source == NULL || job->type == NULL || key == NULL || hook == NULL)
		goto fail;
	if (asprintf(&job->idempotency_key, "%s/%s/%s", job->source, key, hook) < 0) {
		job->idempotency_key = NULL;
		goto fail;
	}
	const void *payload = sqlite3_column_blob(s, 8);
	job->payload_len = (size_t)sqlite3_column_bytes(s, 8);
	if (payload == NULL && job->payload_len > 0)
		goto fail;
	job->payload = malloc(job->payload_len + 1);
	if (job->payload == NULL)
		goto fail;
	if (job->payload_len > 0)
		memcpy(job->payload, payload, job->payload_len);
	((char *)job->payload)[job->payload_len] = '\0';
	return job;
fail:
	store_job_free(job);
	return NULL;
}

/* *out is NULL when the delivery is not READY: two wants may name one hook. */
static int claim_read(struct store *st, int64_t delivery, int64_t now, struct store_job **out)
{
	sqlite3_stmt *s = st->sql[SQL_CLAIM_JOB];
	int rc = SQLITE_OK;

	*out = NULL;
	store_bind_int(s, 1, delivery, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		*out = job_from_row(s, delivery, now);
		rc = *out != NULL ? SQLITE_OK : SQLITE_NOMEM;
	}
	store_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int claim_write(struct store *st, const struct store_job *job)
{
	sqlite3_stmt *s = st->sql[SQL_CLAIM_DELIVERY];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, job->delivery, &rc);
	store_bind_int(s, 2, job->attempt, &rc);
	rc = store_step(s, rc);
	s = st->sql[SQL_CLAIM_ATTEMPT];
	store_bind_int(s, 1, job->delivery, &rc);
	store_bind_int(s, 2, job->attempt, &rc);
	store_bind_int(s, 3, job->started_at, &rc);
	return store_step(s, rc);
}

static int claim_due(
	struct store *st, int64_t hook, int64_t now, unsigned limit, int64_t *ids, unsigned *count)
{
	sqlite3_stmt *s = st->sql[SQL_CLAIM_DUE];
	int rc = SQLITE_OK;

	*count = 0;
	store_bind_int(s, 1, hook, &rc);
	store_bind_int(s, 2, now, &rc);
	store_bind_int(s, 3, limit, &rc);
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

/* After the taking, so that the first READY one left is the next. */
static int claim_next(struct store *st, struct store_claim *c)
{
	sqlite3_stmt *s = st->sql[SQL_CLAIM_NEXT];

	for (size_t i = 0; i < c->want_count; i++) {
		int rc = SQLITE_OK;
		store_bind_int(s, 1, c->wants[i].hook, &rc);
		if (rc == SQLITE_OK)
			rc = sqlite3_step(s);
		int64_t due = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : INT64_MAX;
		store_reset(s);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return rc;
		if (due < c->next_due)
			c->next_due = due;
	}
	return SQLITE_OK;
}

static unsigned claim_limit(const struct store_claim *c, size_t want)
{
	return c->wants[want].max < c->total ? c->wants[want].max : c->total;
}

static int claim_rounds(struct store *st, struct store_claim *c, int64_t now, const int64_t *ids,
	const unsigned *counts, unsigned width)
{
	for (unsigned round = 0; round < width; round++) {
		for (size_t i = 0; i < c->want_count; i++) {
			if (c->job_count == c->total)
				return SQLITE_OK;
			if (round >= counts[i])
				continue;
			struct store_job *job;
			int rc = claim_read(st, ids[i * width + round], now, &job);
			if (rc != SQLITE_OK)
				return rc;
			if (job == NULL)
				continue;
			c->jobs[c->job_count++] = job;
			rc = claim_write(st, job);
			if (rc != SQLITE_OK)
				return rc;
		}
	}
	return SQLITE_OK;
}

int store_claim_run(struct store *st, struct store_claim *c)
{
	int64_t now = clock_wall();
	unsigned width = 0; /* ids kept per want */
	size_t found = 0;
	int64_t *ids = NULL;
	unsigned *counts = NULL;
	int rc = SQLITE_OK;

	for (size_t i = 0; i < c->want_count; i++) {
		if (claim_limit(c, i) > width)
			width = claim_limit(c, i);
	}
	if (width > 0) {
		ids = calloc(c->want_count, width * sizeof(*ids));
		counts = calloc(c->want_count, sizeof(*counts));
		if (ids == NULL || counts == NULL) {
			rc = SQLITE_NOMEM;
			goto out;
		}
		for (size_t i = 0; i < c->want_count && rc == SQLITE_OK; i++) {
			rc = claim_due(st, c->wants[i].hook, now, claim_limit(c, i),
				ids + i * width, &counts[i]);
			found += counts[i];
		}
	}
	if (rc == SQLITE_OK && found > 0) {
		c->jobs = calloc(found, sizeof(struct store_job *));
		if (c->jobs == NULL)
			rc = SQLITE_NOMEM;
		else
			rc = claim_rounds(st, c, now, ids, counts, width);
	}
	if (rc == SQLITE_OK)
		rc = claim_next(st, c);
out:
	free(ids);
	free(counts);
	return rc;
}

void store_claim_start(struct store_claim *c)
{
	c->jobs = NULL;
	c->job_count = 0;
	c->next_due = INT64_MAX;
}

void store_claim_undo(struct store_claim *c)
{
	for (size_t i = 0; i < c->job_count; i++)
		store_job_free(c->jobs[i]);
	free(c->jobs);
}
