/* store/sqlite/refused.c - keeps refused requests, of each source the newest ones, and takes those
 * for events that were found authentic. */
#include "act.h"
#include "store/refusals.h"

#include <sqlite3.h>

enum {
	PAGE = 16384,
	ROW_MORE = 256,       /* bytes that a row has beside headers and body */
	OLD_AT_ONCE = 200,    /* removed in one slice */
	INDEXES = 512 * 1024, /* bytes that the indexes and half-filled pages may take */
};

/* The source whose ring is being filled. */
struct ring {
	int64_t source; /* 0: none yet */
	int64_t count, bytes;
};

/* What a row takes of the disk: so many fit into a page, or it has pages of its own. */
static int64_t size_of(const struct store_refused *r)
{
	int64_t len = (int64_t)(r->headers_len + r->body_len) + ROW_MORE;

	return len > PAGE ? (len + PAGE - 1) / PAGE * PAGE + PAGE : PAGE / (PAGE / len);
}

/* The first row of a statement that has `value` as its parameter. *there is false if it has none.
 */
static int read_pair(struct store_db *db, enum store_sql sql, int64_t value, int64_t *first,
	int64_t *second, bool *there)
{
	sqlite3_stmt *s = db->sql[sql];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, value, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	*there = rc == SQLITE_ROW;
	if (*there) {
		*first = sqlite3_column_int64(s, 0);
		*second = sqlite3_column_int64(s, 1);
	}
	store_reset(s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int delete_row(struct store_db *db, int64_t id)
{
	sqlite3_stmt *s = db->sql[SQL_REFUSED_DELETE];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, id, &rc);
	return store_step(s, rc);
}

/* Removes the oldest until there is room for one of that size. */
static int make_room(struct store_db *db, struct ring *ring, int64_t size)
{
	int rc = SQLITE_OK;

	while (rc == SQLITE_OK && ring->count > 0 &&
		(ring->count >= STORE_REFUSED_ROWS ||
			ring->bytes + size > STORE_REFUSED_BYTES - INDEXES)) {
		int64_t id = 0, bytes = 0;
		bool there;

		rc = read_pair(db, SQL_REFUSED_OLDEST, ring->source, &id, &bytes, &there);
		if (rc == SQLITE_OK)
			rc = there ? delete_row(db, id) : SQLITE_CORRUPT;
		ring->count--;
		ring->bytes -= bytes;
	}
	return rc;
}

static int insert_row(struct store_db *db, const struct store_refused *r, int64_t size)
{
	sqlite3_stmt *s = db->sql[SQL_REFUSED_INSERT];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, r->source, &rc);
	store_bind_int(s, 2, r->received_at, &rc);
	store_bind_text(s, 3, r->remote, &rc);
	store_bind_text(s, 4, r->reason, &rc);
	store_bind_int(s, 5, size, &rc);
	store_bind_blob(s, 6, r->headers, r->headers_len, &rc);
	store_bind_blob(s, 7, r->body, r->body_len, &rc);
	return store_step(s, rc);
}

static int keep_one(struct store_db *db, struct ring *ring, const struct store_refused *r)
{
	int64_t size = size_of(r);
	int rc = SQLITE_OK;
	bool there;

	if (ring->source != r->source) {
		ring->source = r->source;
		rc = read_pair(db, SQL_REFUSED_SIZE, r->source, &ring->count, &ring->bytes, &there);
	}
	if (rc == SQLITE_OK)
		rc = make_room(db, ring, size);
	if (rc == SQLITE_OK)
		rc = insert_row(db, r, size);
	ring->count++;
	ring->bytes += size;
	return rc;
}

static int remove_old(struct store_db *db, int64_t now)
{
	sqlite3_stmt *s = db->sql[SQL_REFUSED_OLD];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, now - STORE_REFUSED_AGE, &rc);
	store_bind_int(s, 2, OLD_AT_ONCE, &rc);
	return store_step(s, rc);
}

/* A disk that is nearly full is left to the events. */
int store_keep_run(struct store_db *db, const struct store_keep *k)
{
	struct ring ring = {0};

	int rc = remove_old(db, k->now);
	for (const struct store_refusal *r = k->first;
		r != NULL && rc == SQLITE_OK && !db->slice_tight; r = r->next)
		rc = keep_one(db, &ring, &r->request);
	return rc;
}

static int mark_event(struct store_db *db, const struct store_imported_event *e)
{
	sqlite3_stmt *s = db->sql[SQL_RECHECK];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, e->event->source_id, &rc);
	store_bind_text(s, 2, e->event->idempotency_key, &rc);
	store_bind_int(s, 3, e->refused_at, &rc);
	store_bind_text(s, 4, e->event->remote, &rc);
	return store_step(s, rc);
}

int store_recheck_end(struct store_db *db, const struct store_imported_event *e)
{
	int rc = e->result == STORE_IMPORT_NEW ? mark_event(db, e) : SQLITE_OK;

	return rc == SQLITE_OK ? delete_row(db, e->refused) : rc;
}
