/* store/session.h - what a database engine does for hookctl and the reporter, which read a store
 * beside the daemon, or without one. query/ names statements, passes values and reads rows; the SQL
 * is the engine's. One thread at a time.
 *
 * Each `bool` is false on an error, which the session keeps; `end` explains it. */
#ifndef HOOKD_STORE_SESSION_H
#define HOOKD_STORE_SESSION_H

#include "base/attributes.h"
#include "store/change.h"
#include "store/maintenance.h"
#include "store/read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_session; /* an open connection; each engine defines its own */

/* A parameter: a number unless `text`, `bytes` or `null` is set. */
struct store_value {
	int64_t number;
	const char *text;
	const void *bytes;
	size_t len; /* of bytes */
	bool null;
};

/* NULL for NULL. */
static inline struct store_value store_value_text(const char *text)
{
	return (struct store_value){.text = text, .null = text == NULL};
}

/* Never NULL. */
static inline struct store_value store_value_bytes(const void *bytes, size_t len)
{
	return (struct store_value){.bytes = len > 0 ? bytes : "", .len = len};
}

/* Deliveries: those of the list that are in [from, to]. */
struct store_part {
	int64_t from, to;
	const char *ids; /* JSON: an array of numbers; NULL: all */
};

/* Two arguments: the values of an array and their number. */
#define STORE_VALUES(array) (array), sizeof(array) / sizeof((array)[0])

/* Queries, with their parameters and the columns of their rows. */
enum store_query {
	/* struct store_event_row, in the order of its fields, and last, if the query reads
	 * payloads: payload, declined, checksum. */
	QUERY_EVENT,  /* id; with payload */
	QUERY_ENTITY, /* id, kind; with payloads, in order of arrival */

	/* struct store_delivery_row, in the order of its fields */
	QUERY_DELIVERIES, /* event */

	/* the same, then event, ended_at, type, source, entity kind and id, last message */
	QUERY_DELIVERY, /* id */

	QUERY_ATTEMPTS,      /* delivery: struct store_attempt_row, in the order of its fields */
	QUERY_HOOKS,         /* name of each hook */
	QUERY_HOOK,          /* name: the same if there is one */
	QUERY_VERSION,       /* a number that changes when another process writes */
	QUERY_LAST_DELIVERY, /* id of the newest; NULL: there is none */
	QUERY_AUDIT,         /* limit: struct store_audit_row, in the order of its fields */

	/* store/report.h; [from, to) in unix ms */
	QUERY_REPORT_TYPES, /* from, to: for each event source, type, is quarantined, duplicates */
	QUERY_REPORT_HOOKS, /* from, to: struct store_report_hook */
	QUERY_REPORT_WAITING,  /* hook: number */
	QUERY_REPORT_DEAD,     /* limit: struct store_report_dead */
	QUERY_REPORT_DEATHS,   /* since: all, since then */
	QUERY_REPORT_PAYLOADS, /* type, from, to, limit: struct store_report_payload with the
				  checksum in place of damaged */
	QUERY_REPORT_ENTITIES, /* from, to: struct store_report_entity */
	QUERY_REPORT_ENTITY,   /* source, kind, id, limit: as QUERY_REPORT_PAYLOADS */
	QUERY_REPORT_LAST,     /* source, since: received_at */
	QUERY_REPORT_CAME,     /* source, from, to: 1 if there is one */
	QUERY_REPORT_FIRST,    /* received_at */
	QUERY_REPORT_LAST_KEY, /* source, prefix: idempotency key */
	QUERY_REPORT_HAS,      /* source, idempotency key: 1 if there is one */

	/* store/stats.h: struct store_stats */
	QUERY_STATS_BETWEEN, /* from, to */
	QUERY_STATS_TYPES,   /* from, to */
	QUERY_STATS_HOOKS,   /* from, to */

	/* store/status.h */
	QUERY_STATUS, /* times a minute, an hour and a day ago: events, quarantined, those of the
			 minute, hour and day, quarantined in the day, ready, running, all
			 deliveries, all DEAD, skipped, dead and not replayed, oldest due */
	QUERY_STATUS_SOURCES, /* struct store_status_source */
	QUERY_STATUS_PAUSED,  /* struct store_status_paused */
	QUERY_STATUS_FAILING, /* limit: struct store_status_failing */

	/* store/refused.h. ?2 NULL: of all sources */
	QUERY_REFUSED_LIST,    /* limit, source, since: struct store_refused_row up to size */
	QUERY_REFUSED_NEXT,    /* after, source, since: the same, body, headers */
	QUERY_REFUSED_COUNT,   /* 0, source, since: number */
	QUERY_REFUSED_SOURCES, /* since: struct store_refused_source */
	QUERY_CATCHUP,         /* source: struct store_catchup_state, in the order of its fields */
	QUERY_CATCHUP_LAST,    /* source: received_at of the last event by webhook, 0 */
	QUERY_CATCHUP_BEGUN,   /* source, type, from: entity_id, received_at */
	QUERY_CATCHUP_FIRST,   /* source, from: received_at of the first filled in, 0 */
	QUERY_CATCHUP_FILLED,  /* source, from, to: number, received_at of the last */

	QUERY_OLD_COUNT, /* before: number of events */
	QUERY_COUNT,
};

enum store_list {
	STORE_LIST_EVENTS,     /* columns as QUERY_EVENT; payloads as the filter says */
	STORE_LIST_ENTITIES,   /* the last event of each; columns as QUERY_EVENT, no payload */
	STORE_LIST_DELIVERIES, /* columns as QUERY_DELIVERY */
};

/* How an engine reads the columns of a row. NULL reads as 0, a null pointer, no bytes. */
struct store_columns {
	int64_t (*number)(void *cursor, int column);
	const char *(*text)(void *cursor, int column);
	const void *(*bytes)(void *cursor, int column, size_t *len);
	bool (*is_null)(void *cursor, int column);
	/* Does the payload differ from its checksum? False if there is no checksum. */
	bool (*is_damaged)(void *cursor, int payload, int checksum);
};

/* A row of a query. What it returns is valid during the call only. */
struct store_row {
	const struct store_columns *columns;
	void *cursor;
};
typedef void store_row_seen(const struct store_row *row, void *to);

struct store_session_engine {
	/* NULL with the reason in why: no such file, not a hookd store
	 * of this version, no permission. */
	struct store_session *(*open)(const char *path, char why[STORE_READ_WHY]);
	void (*close)(struct store_session *s);             /* NULL is allowed */
	const char *(*path)(const struct store_session *s); /* absolute */

	/* Between the two all queries see one state of the store. They may be nested. `end`
	 * explains the error if not all went well. */
	bool (*begin)(struct store_session *s, char why[STORE_READ_WHY]);
	bool (*end)(struct store_session *s, bool good, char why[STORE_READ_WHY]);

	/* Shows each row of a query. */
	bool (*select)(struct store_session *s, enum store_query query,
		const struct store_value *values, size_t count, store_row_seen *seen, void *to);
	bool (*list)(struct store_session *s, enum store_list list,
		const struct store_filter *filter, store_row_seen *seen, void *to);
	/* Of a part. Columns: id, event, hook, state, ended. */
	bool (*list_changeable)(struct store_session *s, const struct store_change_filter *filter,
		const struct store_part *part, store_row_seen *seen, void *to);
	/* All. Column: id, in ascending order. */
	bool (*list_changeable_ids)(struct store_session *s,
		const struct store_change_filter *filter, store_row_seen *seen, void *to);

	/* Whole operations: they need no `begin` and `end`; store/maintenance.h describes them. */
	bool (*check)(struct store_session *s, bool full, store_fault_seen *seen,
		store_progress *progress, void *arg, char why[STORE_READ_WHY]);
	bool (*check_copy)(int fd, store_progress *progress, void *arg, char why[STORE_READ_WHY]);
};

extern const struct store_session_engine store_sqlite_sessions;

static inline int64_t store_row_number(const struct store_row *row, int column)
{
	return row->columns->number(row->cursor, column);
}

/* NULL for NULL. */
static inline const char *store_row_text(const struct store_row *row, int column)
{
	return row->columns->text(row->cursor, column);
}

/* "" for NULL. */
static inline const char *store_row_string(const struct store_row *row, int column)
{
	const char *text = store_row_text(row, column);

	return text != NULL ? text : "";
}

static inline bool store_row_is_null(const struct store_row *row, int column)
{
	return row->columns->is_null(row->cursor, column);
}

static inline bool store_row_is_damaged(const struct store_row *row, int payload, int checksum)
{
	return row->columns->is_damaged(row->cursor, payload, checksum);
}

static inline const void *store_row_bytes(const struct store_row *row, int column, size_t *len)
{
	return row->columns->bytes(row->cursor, column, len);
}

#endif
