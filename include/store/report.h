/* store/report.h - what the store can say of a stretch of time: for the daily
 * digest and the alert on silence. Everything is found through an index and
 * bounded, by the stretch or by a limit; nothing is sorted, so that no temporary
 * file is needed.
 *
 * Left out everywhere is what is hookd's own: events of the source "hookd", and
 * deliveries of hooks whose names begin with "hookd/".
 * Times are unix ms; a stretch [from, to) has from in it and to not. Each call
 * sees one state of the store; rows' pointers are valid during the call of `seen`
 * only. False: the store could not be read, with the reason in why. One thread
 * at a time, as the reader. */
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
	int64_t duplicates;  /* further arrivals of these events, whenever they came */
};
typedef void store_report_type_seen(void *arg, const struct store_report_type *row);

/* The events received in the stretch, by source and type, in the order of their
 * names. The first `limit` kinds met have a row of their own. */
bool store_report_types(struct store_reader *r, int64_t from, int64_t to, size_t limit,
	store_report_type_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

struct store_report_hook {
	const char *hook;
	int64_t done, dead, skipped; /* came to that in the stretch, and still are that */
	int64_t ready;               /* now; those held behind another among them */
	int64_t running;             /* now */
	int64_t dead_now;
};
typedef void store_report_hook_seen(void *arg, const struct store_report_hook *row);

/* Every hook that has any of these, in the order of their names. */
bool store_report_hooks(struct store_reader *r, int64_t from, int64_t to,
	store_report_hook_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

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

/* The DEAD deliveries, those that died last first, up to `limit`. Here and below
 * those that were replayed are left out. */
bool store_report_dead(struct store_reader *r, unsigned limit, store_report_dead_seen *seen,
	void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* How many deliveries are DEAD, and how many of them died at or after `since`. */
bool store_report_deaths(struct store_reader *r, int64_t since, int64_t *dead, int64_t *died,
	char why[STORE_READ_WHY]) WARN_UNUSED;

struct store_report_payload {
	int64_t event;
	const char *source;
	const char *type;
	int64_t received_at;
	const void *payload;
	size_t payload_len;
	bool damaged; /* it is not what came in */
};
typedef void store_report_payload_seen(void *arg, const struct store_report_payload *row);

/* The events received in the stretch whose type matches a glob, by time of
 * arrival, the first `limit`; without those that are quarantined. */
bool store_report_payloads(struct store_reader *r, const char *type, int64_t from, int64_t to,
	unsigned limit, store_report_payload_seen *seen, void *arg,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* When the last event of a source came, if at or after `since`; 0: none did. */
bool store_report_last(struct store_reader *r, const char *source, int64_t since,
	int64_t *received_at, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Did an event of the source come in the stretch? */
bool store_report_came(struct store_reader *r, const char *source, int64_t from, int64_t to,
	bool *came, char why[STORE_READ_WHY]) WARN_UNUSED;

/* When the first event came that is still in the store; 0: there is none. */
bool store_report_first(
	struct store_reader *r, int64_t *received_at, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Is there an event of the source with that idempotency key? hookd's own too. */
bool store_report_has(struct store_reader *r, const char *source, const char *idempotency_key,
	bool *has, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
