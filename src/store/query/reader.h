/* store/query/reader.h - what store/query/read.c, store/query/report.c and others share and
 * nobody else sees: a reader's connection, behind one way to run a SELECT. */
#ifndef HOOKD_STORE_READER_H
#define HOOKD_STORE_READER_H

#include "base/attributes.h"
#include "store/read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite3;
struct sqlite3_stmt;

/* For what is more than a SELECT: begins to read, and ends it; between the two all
 * reads of the connection see one state. NULL and false: the reason is in why, when rc
 * is not SQLITE_OK in the connection's words. */
struct sqlite3 *store_look_begin(struct store_reader *r, char why[STORE_READ_WHY]) WARN_UNUSED;
bool store_look_end(struct store_reader *r, int rc, char why[STORE_READ_WHY]) WARN_UNUSED;

/* A parameter: the text, or where that is NULL the number. */
struct store_value {
	const char *text;
	int64_t number;
};

/* The statement stands on a row; what it gives is valid during the call. */
typedef void store_row_seen(struct sqlite3_stmt *s, void *to);

/* Shows each row of a SELECT with its parameters ?1 to ?count, of which it may leave
 * some out; all come from one state of the store. False with the reason in why. */
bool store_look(struct store_reader *r, const char *sql, const struct store_value *values,
	size_t count, store_row_seen *seen, void *to, char why[STORE_READ_WHY]) WARN_UNUSED;

/* What errno says of opening a store's file, with the group to join if that is what
 * is missing. */
void store_say_errno(const char *path, bool to_write, char why[STORE_READ_WHY]);

/* Of a column `state`, which has no other texts than these. */
enum delivery_state store_state_from_text(const char *text);

/* Never NULL. */
const char *store_column_text(struct sqlite3_stmt *s, int column);

/* The columns of `e` with its source `s`, and its deliveries' states; behind them may be
 * STORE_EVENT_REST. */
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
/* They lie at the row's end, behind what may be many pages. */
#define STORE_EVENT_REST ", e.payload, e.declined, e.checksum"

struct store_event_to {
	store_event_seen *seen;
	void *arg;
};
store_row_seen store_event_row; /* to: a struct store_event_to */

/* The columns of `d` with its event `e`, source `s` and hook `h`. */
#define STORE_DELIVERY_COLUMNS                                                                     \
	"d.id, h.name, d.state, d.attempts, d.failures, d.due_at, " STORE_KEY_SQL                  \
	", d.reason, d.behind, d.failed_id, d.replay_of, d.replayed_by, h.paused_at"
#define STORE_DELIVERY_WIDTH 13
struct store_delivery_row store_delivery_row(struct sqlite3_stmt *s);

#endif
