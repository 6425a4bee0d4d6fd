/* store/sqlite/session.h - SQLite's side of store/session.h: what its files here share.
 *
 *   session.c     opens, begins, ends, runs statements, reads columns
 *   permission.c  why a file cannot be opened
 *   queries.c     the SQL of enum store_query
 *   edits.c       the SQL of enum store_edit
 *   list.c        lists by a filter, whose SQL depends on it
 *   backup.c      a copy, check.c its check */
#ifndef HOOKD_STORE_SQLITE_SESSION_H
#define HOOKD_STORE_SQLITE_SESSION_H

#include "base/attributes.h"
#include "store/session.h"

#include <stdbool.h>
#include <stddef.h>

struct sqlite3;
struct sqlite3_stmt;

struct store_session {
	char *path; /* absolute */
	char *wal;
	struct sqlite3 *sqlite; /* NULL between two connections of a reader */
	bool edits;
	/* Opened as a file that no process writes: no hookd runs and none was killed. Otherwise
	 * SQLite would make a WAL, which a reader must not and often cannot. */
	bool immutable;
	bool no_memory;                        /* the error is ours, not SQLite's */
	unsigned depth;                        /* of nested begins */
	struct sqlite3_stmt *edit[EDIT_COUNT]; /* prepared when first used */
};

/* session.c: as in struct store_session_engine */
struct store_session *store_session_open(
	const char *path, bool edit, char why[STORE_READ_WHY]) WARN_UNUSED;
void store_session_close(struct store_session *s);
const char *store_session_path(const struct store_session *s);
bool store_session_begin(struct store_session *s, char why[STORE_READ_WHY]) WARN_UNUSED;
bool store_session_end(struct store_session *s, bool good, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Runs a SELECT, which may leave out some of the parameters. */
bool store_select_sql(struct store_session *s, const char *sql, const struct store_value *values,
	size_t count, store_row_seen *seen, void *to) WARN_UNUSED;
/* Binds as many as the statement has. Returns an SQLite result code. */
int store_bind_values(
	struct sqlite3_stmt *statement, const struct store_value *values, size_t count) WARN_UNUSED;

/* permission.c: explains errno after opening a store's file failed, with the group to join if
 * that is missing. */
void store_explain_errno(const char *path, bool to_write, char why[STORE_READ_WHY]);

/* queries.c */

/* The columns of `e` with its source `s`, and its deliveries' states; STORE_EVENT_PAYLOAD may
 * follow them. */
#define STORE_EVENT_COLUMNS                                                                        \
	"e.id, s.name, e.idempotency_key, e.provider_event_id, e.type, e.entity_kind,"             \
	" e.entity_id, e.received_at, e.occurred_at, e.origin, e.remote_addr,"                     \
	" e.duplicates, e.conflicts, e.quarantined,"                                               \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id"                              \
	" AND d.state IN ('READY', 'RUNNING')),"                                                   \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id AND d.state = 'DONE'),"       \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id AND d.state = 'DEAD'"         \
	" AND d.replayed_by IS NULL),"                                                             \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id AND d.state = 'SKIPPED')"
/* These are at the end of the stored row, which may be many pages further. */
#define STORE_EVENT_PAYLOAD ", e.payload, e.declined, e.checksum"

/* The columns of `d` with its event `e`, source `s` and hook `h`. */
#define STORE_DELIVERY_COLUMNS                                                                     \
	"d.id, h.name, d.state, d.attempts, d.failures, d.due_at, " STORE_KEY_SQL                  \
	", d.reason, d.blocked_by, d.failed_id, d.replay_of, d.replayed_by, h.paused_at"
#define STORE_LISTED_SQL                                                                           \
	"SELECT " STORE_DELIVERY_COLUMNS ", d.event_id, d.ended_at, e.type, s.name,"               \
	" e.entity_kind, e.entity_id, (SELECT a.message FROM attempts a"                           \
	" WHERE a.delivery_id = d.id AND a.number = d.attempts) FROM "

/* The types in use; each is one step in the index, however many events have it. */
#define STORE_TYPES_SQL                                                                            \
	"WITH RECURSIVE t(type) AS (SELECT min(type) FROM events UNION ALL"                        \
	" SELECT (SELECT min(e.type) FROM events e WHERE e.type > t.type) FROM t"                  \
	" WHERE t.type IS NOT NULL) "

bool store_select(struct store_session *s, enum store_query query, const struct store_value *values,
	size_t count, store_row_seen *seen, void *to) WARN_UNUSED;

/* edits.c */
bool store_edit(struct store_session *s, enum store_edit edit, const struct store_value *values,
	size_t count, struct store_changed *changed) WARN_UNUSED;
bool store_return_pages(struct store_session *s, int64_t *pages, int64_t *size) WARN_UNUSED;

/* list.c */
bool store_list(struct store_session *s, enum store_list list, const struct store_filter *filter,
	store_row_seen *seen, void *to) WARN_UNUSED;
bool store_list_changeable(struct store_session *s, const struct store_change_filter *filter,
	store_row_seen *seen, void *to) WARN_UNUSED;

/* backup.c, check.c */
bool store_backup_file(struct store_session *s, const char *file, store_progress *progress,
	void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;
bool store_check_file(struct store_session *s, bool full, store_fault_seen *seen,
	store_progress *progress, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
