/* store/report.h - counts and lists over a period: for the daily digest and the alert on silence.
 * Every query uses an index and is bounded, by the period or by a limit; nothing is sorted, so no
 * temporary file is needed.
 *
 * hookd's own are left out everywhere: events of the source "hookd", and deliveries of hooks
 * whose names begin with "hookd/".
 * Times are unix ms; a period [from, to) includes from and excludes to. Each call sees one state
 * of the store; rows' pointers are valid during the call of `seen` only. False: the store could
 * not be read, with the reason in why. One thread at a time. */
#ifndef HOOKD_STORE_REPORT_H
#define HOOKD_STORE_REPORT_H

#include "base/attributes.h"
#include "read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_report_type {
	const char *source; /* "" with `rest` */
	const char *type;   /* NULL: quarantined without one, or `rest` */
	bool rest;          /* the sum of all kinds beyond the limit; the last row */
	int64_t events;
	int64_t quarantined; /* of these events */
	int64_t duplicates;  /* further arrivals of these events, at any time */
};
typedef void store_report_type_seen(void *arg, const struct store_report_type *row);

/* The events received in the period, by source and type, ordered by name. The first `limit` kinds
 * found have their own row. */
bool store_report_types(struct store_reader *r, int64_t from, int64_t to, size_t limit,
	store_report_type_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

struct store_report_hook {
	const char *hook;
	int64_t done, dead, skipped; /* ended in the period, unchanged since */
	int64_t ready;               /* now, including blocked ones */
	int64_t running;             /* now */
	int64_t dead_now;
};
typedef void store_report_hook_seen(void *arg, const struct store_report_hook *row);

/* Every hook that has any of these, ordered by name. */
bool store_report_hooks(struct store_reader *r, int64_t from, int64_t to,
	store_report_hook_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* How many deliveries of a hook wait or run. */
bool store_report_waiting(struct store_reader *r, const char *hook, int64_t *waiting,
	char why[STORE_READ_WHY]) WARN_UNUSED;

struct store_report_dead {
	int64_t delivery;
	int64_t event;
	const char *source;
	const char *type; /* NULL: none */
	const char *hook;
	int64_t attempts;
	const char *message; /* the last attempt's; "" for none */
	int64_t ended_at;
};
typedef void store_report_dead_seen(void *arg, const struct store_report_dead *row);

/* The DEAD deliveries, latest first, up to `limit`. Here and below replayed ones are left out. */
bool store_report_dead(struct store_reader *r, unsigned limit, store_report_dead_seen *seen,
	void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Counts the DEAD deliveries, and those of them that died from `from` to before `to`. */
bool store_report_deaths(struct store_reader *r, int64_t from, int64_t to, int64_t *dead,
	int64_t *died, char why[STORE_READ_WHY]) WARN_UNUSED;

struct store_report_payload {
	int64_t event;
	const char *source;
	const char *type;
	int64_t received_at;
	const void *payload;
	size_t payload_len;
	bool damaged; /* the payload is not what was received */
};
typedef void store_report_payload_seen(void *arg, const struct store_report_payload *row);

/* The first `limit` events received in the period whose type matches a glob, in order of arrival;
 * without quarantined ones. */
bool store_report_payloads(struct store_reader *r, const char *type, int64_t from, int64_t to,
	unsigned limit, store_report_payload_seen *seen, void *arg,
	char why[STORE_READ_WHY]) WARN_UNUSED;

struct store_report_entity {
	int64_t event; /* its last in the period */
	const char *source;
	const char *kind; /* "" for none */
	const char *id;
};
typedef void store_report_entity_seen(void *arg, const struct store_report_entity *row);

/* The entities of which events arrived in the period, in the order of their last ones. `seen` may
 * ask for the events of one. */
bool store_report_entities(struct store_reader *r, int64_t from, int64_t to,
	store_report_entity_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* The last `limit` events of an entity, the newest first; without quarantined ones. */
bool store_report_entity(struct store_reader *r, const struct store_report_entity *entity,
	unsigned limit, store_report_payload_seen *seen, void *arg,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* When the last event of a source arrived, if at or after `since`; 0: none did. */
bool store_report_last(struct store_reader *r, const char *source, int64_t since,
	int64_t *received_at, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Did an event of the source arrive in the period? */
bool store_report_came(struct store_reader *r, const char *source, int64_t from, int64_t to,
	bool *came, char why[STORE_READ_WHY]) WARN_UNUSED;

/* When the oldest event in the store arrived; 0: there is none. */
bool store_report_first(
	struct store_reader *r, int64_t *received_at, char why[STORE_READ_WHY]) WARN_UNUSED;

/* The last of the source's idempotency keys, in the order of bytes, that begin with `prefix`; also
 * of hookd's own. NULL: none, or out of memory; to be freed. */
bool store_report_last_key(struct store_reader *r, const char *source, const char *prefix,
	char **key, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Is there an event of the source with one of these keys (state_key NULL: none)? Also of hookd's
 * own. */
bool store_report_has(struct store_reader *r, const char *source, const char *idempotency_key,
	const char *state_key, bool *has, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
