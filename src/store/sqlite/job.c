/* store/sqlite/job.c - reads what the action of a claimed delivery needs. */
#include "damage.h"
#include "db.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

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

/* Reads the event's payload straight into its copy: by a statement a large one would be in memory
 * twice. */
static int payload_read(struct store_db *db, struct delivery_job *job, size_t len)
{
	sqlite3_blob *blob = NULL;

	job->payload = malloc(len + 1);
	if (job->payload == NULL)
		return SQLITE_NOMEM;
	job->payload_len = len;
	((char *)job->payload)[len] = '\0';
	int rc = sqlite3_blob_open(db->sqlite, "main", "events", "payload", job->event, 0, &blob);
	if (rc == SQLITE_OK)
		rc = sqlite3_blob_read(blob, job->payload, (int)len, 0);
	int closed = sqlite3_blob_close(blob);
	return rc == SQLITE_OK ? closed : rc;
}

/* All but the payload. */
static struct delivery_job *job_from_row(sqlite3_stmt *s, int64_t delivery)
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
	job->received_at = sqlite3_column_int64(s, 7);
	job->replay_of = sqlite3_column_int64(s, 12);
	job->source = text_copy(s, 4);
	job->type = text_copy(s, 5);
	job->idempotency_key = text_copy(s, 6);
	job->origin = text_copy(s, 13);
	job->occurred_at = sqlite3_column_int64(s, 14);
	if (job->source != NULL && job->type != NULL && job->idempotency_key != NULL &&
		job->origin != NULL)
		return job;
	delivery_job_free(job);
	return NULL;
}

/* Of the row's job, if it can be read. */
static int job_finish(
	struct store_db *db, sqlite3_stmt *s, unsigned unreadable, struct delivery_job *job)
{
	size_t len = (size_t)sqlite3_column_int64(s, 8);
	int rc = SQLITE_OK;

	job->unreadable = (unreadable & (UNREADABLE_PAYLOAD | UNREADABLE_EVENT)) != 0;
	if (len > STORE_SMALL_PAYLOAD && !job->unreadable)
		rc = payload_read(db, job, len);
	else if ((job->payload = blob_copy(s, 9, &job->payload_len)) == NULL)
		rc = SQLITE_NOMEM;
	if (rc == SQLITE_OK && !job->unreadable)
		job->damaged = store_bytes_are_damaged(s, 11, job->payload, job->payload_len);
	return rc;
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

/* If nothing of it can be read, it is reported all the same. */
static struct delivery_failure *unreadable_failure(int64_t delivery)
{
	struct delivery_failure *failure = calloc(1, sizeof(*failure));

	if (failure == NULL)
		return NULL;
	failure->delivery = delivery;
	failure->hook = strdup("");
	failure->reason = strdup("the store cannot read it");
	failure->output = strdup("");
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

/* What the job is to report, if it is an on_failure hook's. */
static int failure_add(
	struct store_db *db, unsigned unreadable, int64_t failed, struct delivery_job *job)
{
	if (failed == 0)
		return SQLITE_OK;
	if ((unreadable & UNREADABLE_FAILURE) == 0)
		return store_reading(db, ROW_DELIVERY, job->delivery, UNREADABLE_FAILURE,
			failure_read(db, failed, &job->failure));
	job->failure = unreadable_failure(failed);
	return job->failure != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

/* Counts the attempts at the end during which hookd was killed or crashed: recover.c has closed
 * them without a time. */
static int crashes_read(struct store_db *db, struct delivery_job *job)
{
	sqlite3_stmt *s = db->sql[SQL_CLAIM_CRASHES];
	int rc = SQLITE_OK;

	if (job->attempt - 1 == job->failures)
		return SQLITE_OK;
	store_bind_int(s, 1, job->delivery, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		job->crashes = (unsigned)sqlite3_column_int(s, 0);
	store_reset(s);
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* *out is NULL if the row's payload is larger than it may be. */
static int row_read(struct store_db *db, sqlite3_stmt *s, unsigned unreadable, int64_t delivery,
	struct store_job_limit *limit, struct delivery_job **out)
{
	int64_t len = sqlite3_column_int64(s, 8);

	if (len > STORE_SMALL_PAYLOAD && len > limit->room && !limit->alone &&
		(unreadable & UNREADABLE_PAYLOAD) == 0) {
		limit->needed = len;
		return SQLITE_OK;
	}
	*out = job_from_row(s, delivery);
	return *out != NULL ? job_finish(db, s, unreadable, *out) : SQLITE_NOMEM;
}

/* What is left out next if the row cannot be read. */
static unsigned part_after(unsigned unreadable)
{
	if ((unreadable & UNREADABLE_EVENT) != 0)
		return UNREADABLE_ALL;
	return (unreadable & UNREADABLE_PAYLOAD) != 0 ? UNREADABLE_EVENT : UNREADABLE_PAYLOAD;
}

static int job_read(struct store_db *db, int64_t delivery, struct store_job_limit *limit,
	struct delivery_job **out)
{
	unsigned unreadable = store_unreadable_parts(db, ROW_DELIVERY, delivery);
	bool bare = (unreadable & UNREADABLE_EVENT) != 0;
	sqlite3_stmt *s = db->sql[bare ? SQL_CLAIM_BARE : SQL_CLAIM_JOB];
	int64_t failed = 0;
	int rc = SQLITE_OK;

	store_bind_int(s, 1, delivery, &rc);
	if (!bare)
		store_bind_int(s, 2,
			(unreadable & UNREADABLE_PAYLOAD) != 0 ? -1 : STORE_SMALL_PAYLOAD, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		failed = sqlite3_column_int64(s, 10);
		rc = row_read(db, s, unreadable, delivery, limit, out);
	}
	rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
	store_reset(s);
	rc = store_reading(db, ROW_DELIVERY, delivery, part_after(unreadable), rc);
	if (rc == SQLITE_OK && *out != NULL)
		rc = crashes_read(db, *out);
	if (rc == SQLITE_OK && *out != NULL)
		rc = failure_add(db, unreadable, failed, *out);
	return rc;
}

int store_job_read(struct store_db *db, int64_t delivery, int64_t now,
	struct store_job_limit *limit, struct delivery_job **out)
{
	*out = NULL;
	limit->needed = 0;
	int rc = store_reading(
		db, ROW_DELIVERY, delivery, UNREADABLE_ALL, job_read(db, delivery, limit, out));
	if (rc == SQLITE_OK && *out != NULL)
		(*out)->started_at = now;
	if (rc == SQLITE_OK)
		return rc;
	delivery_job_free(*out);
	*out = NULL;
	return rc;
}
