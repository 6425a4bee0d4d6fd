/* control/act.h - what an operator asks for: replays, cancels, pauses, prunes, imports … Runs one
 * request of the control protocol (src/README.md, "The control socket"), wherever it comes from:
 * hookd gets it from the socket, and hookctl runs it in its own process when no hookd runs on the
 * store. Rows are found through a read-only connection; changes go through the store's writer, a
 * slice at a time.
 *
 * Any thread, several at once. */
#ifndef HOOKD_CONTROL_ACT_H
#define HOOKD_CONTROL_ACT_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "store/store.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_VERSION 1 /* of the protocol: the member "hookd" of each request */

struct catchup_order; /* catchup/catchup.h */

/* What only a running hookd can do. Called from any thread, several at once. */
struct control_host {
	/* Reads the config again. *lines gets the errors or warnings, a line each. False: refused;
	 * the old config stays. */
	bool (*reload)(void *arg, struct buf *lines);
	/* Adds what `status` answers to *done. */
	void (*status)(void *arg, json_t *done);
	/* Reads back from senders' APIs what is missing, and returns when that has ended. */
	void (*catch_up)(void *arg, struct catchup_order *order);
	void *arg;
};

struct act_context {
	struct store *store; /* NULL: nothing is to be changed, nor audited */
	const char *store_path;
	struct conf *conf;               /* NULL: acts that need the config are refused */
	const struct control_host *host; /* NULL: no hookd runs */
	int64_t uid;                     /* of the process that asked, for the audit */
};

enum act_line {
	ACT_LINE,
	ACT_LINE_TOO_LONG, /* it is left out */
	ACT_LINE_END,      /* there are no more */
};

/* How an act and the one who asked talk. An act calls these from the thread it runs in. */
struct act_io {
	/* Takes a message, which is borrowed. */
	void (*send)(struct act_io *io, const json_t *message);
	/* Is the act to stop? Waits up to `wait` ms for that. What was sent before is on its way.
	 */
	bool (*stopped)(struct act_io *io, int64_t wait);
	/* The next line of the file to import, without its end, of at most `max` bytes. *text is
	 * valid until the next call. */
	enum act_line (*next_line)(struct act_io *io, size_t max, const char **text, size_t *len);
};

/* Runs the request to its end. Returns the last message, {"done":…} or {"error":…}, new, which is
 * not sent yet. NULL: out of memory, at which point some of it may be done. */
json_t *act_run(
	const struct act_context *context, const json_t *request, struct act_io *io) WARN_UNUSED;

/* Gives each source and hook of the conf its row in the store, before the conf is shared. False:
 * logged. */
bool act_name_config(struct store *st, struct conf *conf) WARN_UNUSED;

#endif
