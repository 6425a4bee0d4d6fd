/* store/sqlite/session.h - SQLite's side of store/session.h: what its files here share.
 *
 *   session.c  opens, begins, ends, runs statements, reads columns
 *   connect.c  the connection, and what it may open
 *   queries.c  the SQL of enum store_query
 *   list.c     lists by a filter, whose SQL depends on it
 *   check.c    a check */
#ifndef HOOKD_STORE_SQLITE_SESSION_H
#define HOOKD_STORE_SQLITE_SESSION_H

#include "base/attributes.h"
#include "store/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sqlite3;
struct sqlite3_stmt;

struct store_file_id {
	dev_t device;
	ino_t inode; /* 0: no file */
};

struct store_session {
	char *path; /* absolute */
	char *wal, *shm;
	struct sqlite3 *sqlite; /* NULL between two connections of a reader */
	/* Opened as a file that no process writes: no hookd runs and none was killed. Otherwise
	 * SQLite would make a WAL, which a reader must not and often cannot. */
	bool immutable;
	struct store_file_id shm_id; /* of the -shm file that the connection has open */
	int64_t schema;              /* the version that was compared with the migrations' */
	bool no_memory;              /* the error is ours, not SQLite's */
	unsigned depth;              /* of nested begins */
};

/* session.c: as in struct store_session_engine */
struct store_session *store_session_open(const char *path, char why[STORE_READ_WHY]) WARN_UNUSED;
void store_session_close(struct store_session *s);
const char *store_session_path(const struct store_session *s);
bool store_session_begin(struct store_session *s, char why[STORE_READ_WHY]) WARN_UNUSED;
bool store_session_end(struct store_session *s, bool good, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Runs a SELECT, which may leave out some of the parameters. */
bool store_select_sql(struct store_session *s, const char *sql, const struct store_value *values,
	size_t count, store_row_seen *seen, void *to) WARN_UNUSED;

/* connect.c */

/* Write to why: that memory is wanting; the connection's current error; that the store's files are
 * now others. The first two return false. */
bool store_session_explain_memory(char why[STORE_READ_WHY]);
bool store_session_explain(const struct store_session *s, char why[STORE_READ_WHY]);
void store_session_explain_outdated(const struct store_session *s, char why[STORE_READ_WHY]);

/* Sets the paths, and refuses what is not a regular file that this user may read. */
bool store_session_find(
	struct store_session *s, const char *path, char why[STORE_READ_WHY]) WARN_UNUSED;
bool store_session_connect(struct store_session *s, char why[STORE_READ_WHY]) WARN_UNUSED;
void store_session_disconnect(struct store_session *s);
/* Has a hookd been started since it was connected, so that it reads files of the past? */
bool store_session_is_outdated(const struct store_session *s) WARN_UNUSED;
/* In a transaction: is it still a store of this version, as hookd makes it? */
bool store_session_check(struct store_session *s, char why[STORE_READ_WHY]) WARN_UNUSED;

/* queries.c */

/* How it came, and from where. */
#define STORE_CAME_SQL                                                                             \
	STORE_ORIGIN_SQL                                                                           \
	","                                                                                        \
	" coalesce((SELECT r.remote_addr FROM rechecked r WHERE r.event_id = e.id), "              \
	"e.remote_addr)"

/* The columns of `e` with its source `s`, and its deliveries' states; STORE_EVENT_PAYLOAD may
 * follow them. */
#define STORE_EVENT_COLUMNS                                                                        \
	"e.id, s.name, e.idempotency_key, e.provider_event_id, e.type, e.entity_kind,"             \
	" e.entity_id, e.received_at, e.occurred_at, " STORE_CAME_SQL ","                          \
	" e.duplicates, e.conflicts, e.quarantined,"                                               \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id"                              \
	" AND d.state IN ('READY', 'RUNNING')),"                                                   \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id AND d.state = 'DONE'),"       \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id AND d.state = 'DEAD'"         \
	" AND d.replayed_by IS NULL),"                                                             \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id AND d.state = 'SKIPPED')"
/* These are at the end of the stored row, which may be many pages further. */
#define STORE_EVENT_PAYLOAD ", e.payload, e.declined, e.checksum, e.state_key"

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

/* list.c */
bool store_list(struct store_session *s, enum store_list list, const struct store_filter *filter,
	store_row_seen *seen, void *to) WARN_UNUSED;
bool store_list_changeable(struct store_session *s, const struct store_change_filter *filter,
	const struct store_part *part, store_row_seen *seen, void *to) WARN_UNUSED;
bool store_list_changeable_ids(struct store_session *s, const struct store_change_filter *filter,
	store_row_seen *seen, void *to) WARN_UNUSED;

/* check.c */
bool store_check_file(struct store_session *s, bool full, store_fault_seen *seen,
	store_progress *progress, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;
/* Returns an SQLite result code. */
int store_check_database(struct sqlite3 *db, bool full, store_fault_seen *seen,
	store_progress *progress, void *arg) WARN_UNUSED;

/* copy.c: see store_backup_check */
bool store_check_descriptor(
	int fd, store_progress *progress, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
