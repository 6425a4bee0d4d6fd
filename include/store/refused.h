/* store/refused.h - keeps requests that no secret of their source could prove, so that they can be
 * judged again once the secret is right. Nothing acts on them. Of each source the newest are kept:
 * as many as STORE_REFUSED_ROWS, in STORE_REFUSED_BYTES of the disk, for STORE_REFUSED_AGE.
 *
 * Anybody may send such requests, as many as he likes, so they never wait for the store, nor does
 * the store wait for them: what is refused goes into a bounded queue in memory, from which a newer
 * request pushes an older one, and of which the writer takes a small part a few times a second. */
#ifndef HOOKD_STORE_REFUSED_H
#define HOOKD_STORE_REFUSED_H

#include "base/attributes.h"
#include "read.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_REFUSED_ROWS  1000
#define STORE_REFUSED_BYTES ((int64_t)16 << 20)
#define STORE_REFUSED_AGE   (7 * INT64_C(86400000)) /* ms */

struct store_refused {
	int64_t source;      /* its store id */
	int64_t received_at; /* unix ms */
	const char *remote;
	const char *reason;
	const void *headers; /* those that the proof reads: lines "NAME: VALUE\n" */
	size_t headers_len;
	const void *body;
	size_t body_len;
};

/* Copies the request, which is to be kept. One that is too large, or for which there is no memory,
 * is counted only. Any thread; never waits for a disk. */
void store_refuse(struct store *st, const struct store_refused *r);

struct store_refused_row {
	int64_t id;
	const char *source;
	int64_t received_at;
	const char *remote;
	const char *reason;
	int64_t size;     /* of the body, bytes */
	const void *body; /* NULL in a list, like headers */
	size_t body_len;
	const void *headers;
	size_t headers_len;
};
typedef void store_refused_seen(void *arg, const struct store_refused_row *row);

/* Of a source (NULL: of all), the newest first. Without those that are older than the AGE at
 * `now`. A row's pointers are valid during the call only. False with the reason in why. */
bool store_refused_list(struct store_reader *r, const char *source, int64_t now, int64_t limit,
	store_refused_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* The next one with a larger id than `after`, its headers and body too; none: `seen` is not
 * called. */
bool store_refused_next(struct store_reader *r, const char *source, int64_t now, int64_t after,
	store_refused_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* How many there are. */
bool store_refused_count(struct store_reader *r, const char *source, int64_t now, int64_t *count,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* Of one source. */
struct store_refused_source {
	const char *name;
	int64_t count;       /* that are kept, and came after its last authentic event */
	int64_t first, last; /* when these came, unix ms */
	const char *reason;  /* of the last */
};
typedef void store_refused_source_seen(void *arg, const struct store_refused_source *row);

/* The sources all of whose requests since their last event were refused, by name. */
bool store_refused_sources(struct store_reader *r, int64_t now, store_refused_source_seen *seen,
	void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
