/* store/catchup.h - how far a source's events have been read back from its sender's API. */
#ifndef HOOKD_STORE_CATCHUP_H
#define HOOKD_STORE_CATCHUP_H

#include "base/attributes.h"
#include "store/read.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define STORE_CATCHUP_WHY   400
#define STORE_CATCHUP_STATE 16

/* Times are unix ms; 0: none. */
struct store_catchup_state {
	int64_t begun_at; /* nothing that happened before is filled in */
	int64_t read_to;  /* all that happened before is stored, or was not wanted */
	int64_t read_at;  /* when the last whole sweep ended */
	int64_t filled;   /* events that sweeps have stored */
	int64_t filled_at;
	int64_t upper;                   /* of the sweep under way; 0: none is */
	int64_t page;                    /* … the page it asks for */
	int64_t found;                   /* … the missing events that it has found so far */
	int64_t failed_at;               /* since when sweeps fail; 0: the last one was good */
	int64_t denied;                  /* 1: because the API refuses the key */
	char failure[STORE_CATCHUP_WHY]; /* why; "": they do not */

	/* The webhook that brings the source's events, as its sender's API shows it. */
	int64_t webhook_id;                /* the sender's; 0: none is known */
	int64_t webhook_at;                /* when that was asked; 0: never */
	int64_t webhook_bad_at;            /* when it was last found not to be well … */
	int64_t webhook_good_at;           /* … and to be well again; 0, or before: it is not */
	int64_t reenabled_at;              /* when hookd tried last to enable it */
	char webhook[STORE_CATCHUP_STATE]; /* its state in a word: "enabled", "disabled" …; "" */
	char webhook_text[STORE_CATCHUP_WHY]; /* … and for people */
};

/* Words for `webhook`; others say what is wrong. */
#define STORE_WEBHOOK_ENABLED  "enabled"
#define STORE_WEBHOOK_DISABLED "disabled"
#define STORE_WEBHOOK_SILENT   "silent"  /* enabled, but it brings nothing */
#define STORE_WEBHOOK_UNKNOWN  "unknown" /* none could be told to be the source's */

/* Replaces what is stored about a source. */
struct store_catchup {
	struct store_op op;                      /* STORE_OP_CATCHUP */
	int64_t source;                          /* its store id */
	const struct store_catchup_state *state; /* borrowed until done */
};

/* *state is all zeros if nothing is stored about the source. False: the reason is in why. */
bool store_catchup_read(struct store_reader *r, const char *source,
	struct store_catchup_state *state, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Is something wrong with the webhook? */
bool store_catchup_webhook_is_bad(const struct store_catchup_state *state);

/* When the last event arrived that the webhook brought; 0: none did. */
bool store_catchup_last_webhook(struct store_reader *r, const char *source, int64_t *received_at,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* An entity of which an event of the type arrived. */
typedef void store_catchup_seen(void *arg, const char *id, int64_t received_at);

/* Those of a source since `from`, in the order of arrival. */
bool store_catchup_begun(struct store_reader *r, const char *source, const char *type, int64_t from,
	store_catchup_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* When the first event at or after `from` was filled in from the API; 0: none was. */
bool store_catchup_first(struct store_reader *r, const char *source, int64_t from, int64_t *first,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* How many events were filled in from the API in [from, to), and when the last of them was. */
bool store_catchup_filled(struct store_reader *r, const char *source, int64_t from, int64_t to,
	int64_t *count, int64_t *last, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
