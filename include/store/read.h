/* store/read.h - reads a store without changing it, beside a running daemon or without one: for
 * hookctl and the reporter. One thread at a time. */
#ifndef HOOKD_STORE_READ_H
#define HOOKD_STORE_READ_H

#include "base/attributes.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_reader;

#define STORE_READ_WHY 512

/* Opens read-only. NULL with the reason in why: no such file, not a hookd
 * store, made by a newer hookd, not readable by this user. */
struct store_reader *store_reader_open(const char *path, char why[STORE_READ_WHY]) WARN_UNUSED;
void store_reader_close(struct store_reader *r);

/* Between the two all reads see one state of the store. */
bool store_reader_begin(struct store_reader *r, char why[STORE_READ_WHY]) WARN_UNUSED;
bool store_reader_end(struct store_reader *r, char why[STORE_READ_WHY]) WARN_UNUSED;

struct store_event_row {
	int64_t id;
	const char *source;
	const char *idempotency_key;
	const char *provider_event_id; /* NULL: none */
	const char *type;              /* NULL: quarantined without one */
	const char *entity_kind;       /* NULL: none */
	const char *entity_id;         /* NULL: none */
	int64_t received_at;
	int64_t occurred_at; /* 0: not known */
	const char *origin;
	const char *remote;
	int64_t duplicates;
	int64_t conflicts;
	const char *quarantined; /* NULL, or why */
	const void *payload;
	size_t payload_len;
	bool damaged;          /* the payload is not what was received */
	const char *state_key; /* NULL: none */
	const char *declined;  /* NULL, or lines "HOOK\tREASON\n": hooks that declined it */
	int64_t waiting, done, dead, skipped; /* its deliveries by state; a dead one that was
					       * replayed is not counted */
};

struct store_delivery_row {
	int64_t id;
	const char *hook;
	enum delivery_state state;
	int64_t attempts;
	int64_t failures;
	int64_t due_at;
	const char *idempotency_key;
	const char *reason;  /* NULL, or why it is SKIPPED, or waits although it could run */
	int64_t blocked_by;  /* READY: the delivery that blocks it; 0: none */
	int64_t failed_id;   /* the delivery whose failure this one handles; 0: none */
	int64_t replay_of;   /* the first of the deliveries that this one replays; 0: none */
	int64_t replayed_by; /* the next one, which replays this one; 0: none */
	int64_t paused_at;   /* when its hook was paused; 0: it is not */
};

struct store_attempt_row {
	int64_t number;
	int64_t started_at;
	int64_t ended_at;   /* 0: still running, or interrupted */
	const char *result; /* "running" while it runs */
	int exit_code;      /* -1: none */
	int signal;         /* 0: none */
	int status;         /* of HTTP or SMTP; 0: none */
	const char *message;
	const void *output;
	size_t output_len;
};

/* The rows' pointers are valid during the call only. Each returns false when
 * the store could not be read, with the reason in why. */
typedef void store_event_seen(void *arg, const struct store_event_row *row);
typedef void store_delivery_seen(void *arg, const struct store_delivery_row *row);
typedef void store_attempt_seen(void *arg, const struct store_attempt_row *row);

/* Which events or deliveries to list, newest first: by id, or, where that would mean sorting
 * many, by their event's time of arrival or their event. Payloads, `state_key` and `declined`
 * are read only if asked for, otherwise NULL. */
struct store_filter {
	int64_t before; /* smaller ids than this; 0: no bound */
	int64_t after;  /* larger ids than this */
	bool oldest_first;
	unsigned limit;
	unsigned skip;           /* leave out that many first */
	const char *type;        /* a glob; NULL: any, as all below */
	const char *source;      /* exact */
	const char *entity_kind; /* exact; only with entity_id */
	const char *entity_id;   /* exact */
	const char *hook;        /* the hook of the delivery, or of one of the event's … */
	const char *state;       /* … in this state, such as "READY"; "DEAD": not replayed */
	const char *origin;      /* exact; "api": without hookd's own, unless source names them */
	const char *was;         /* of entities, see store_list_entities */
	const char *text;        /* these bytes are in the payload */
	int64_t since, until;    /* received in [since, until), unix ms; 0: no bound */
	bool quarantined_only;
	bool payloads; /* of events: read these too */
};
bool store_read_events(struct store_reader *r, const struct store_filter *filter,
	store_event_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* All events of an entity in order of arrival, with their payloads; of any source. */
bool store_read_entity(struct store_reader *r, const char *kind, const char *id,
	store_event_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* The last event of each entity of a kind ("transaction") and its types ("transaction.*"), newest
 * first. Uses the filter's source, since, until, limit and skip; and `was`, a state: only entities
 * with an event that reports it, of which some may be in another one by now. */
bool store_list_entities(struct store_reader *r, const char *kind,
	const struct store_filter *filter, store_event_seen *seen, void *arg,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* A delivery in a list, with the most important facts of its event. */
struct store_listed {
	struct store_delivery_row delivery;
	int64_t event, ended_at;                             /* ended_at 0: not ended */
	const char *type, *source, *entity_kind, *entity_id; /* all but source may be NULL */
	const char *message;                                 /* of its last attempt; "" for none */
};
typedef void store_listed_seen(void *arg, const struct store_listed *row);
bool store_list_deliveries(struct store_reader *r, const struct store_filter *filter,
	store_listed_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* One delivery; if `seen` is not called, there is none. */
bool store_list_delivery(struct store_reader *r, int64_t id, store_listed_seen *seen, void *arg,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* A number that changes when another process changes the store. */
bool store_read_version(
	struct store_reader *r, int64_t *version, char why[STORE_READ_WHY]) WARN_UNUSED;

/* One event with its payload; if `seen` is not called, there is none. */
bool store_read_event(struct store_reader *r, int64_t id, store_event_seen *seen, void *arg,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* The hooks that the store has ever had, by name; only the one called `name` if that is given. */
typedef void store_hook_seen(void *arg, const char *hook);
bool store_read_hooks(struct store_reader *r, const char *name, store_hook_seen *seen, void *arg,
	char why[STORE_READ_WHY]) WARN_UNUSED;

bool store_read_deliveries(struct store_reader *r, int64_t event, store_delivery_seen *seen,
	void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

bool store_read_attempts(struct store_reader *r, int64_t delivery, store_attempt_seen *seen,
	void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
