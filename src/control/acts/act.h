/* control/acts/act.h - one request in work, and what its act calls. Each kind of act has a file in
 * this folder and its row in control/run.c. */
#ifndef HOOKD_CONTROL_ACTS_ACT_H
#define HOOKD_CONTROL_ACTS_ACT_H

#include "control/act.h"

#include "base/attributes.h"
#include "store/change.h"
#include "store/read.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACT_WHY 512

struct act {
	const struct act_context *context;
	const json_t *request; /* checked: its members are of the kind's types */
	struct act_io *io;
	bool dry_run;
	bool stopped; /* it saw that it is to stop */
	bool cut;     /* it could not go on: why says so, and `done` what was done before */
	struct store_audit audit;
	int64_t progress_at; /* steady ms of the last progress message */
	char why[ACT_WHY];   /* set when it fails */
};

enum act_type { ACT_FLAG, ACT_NUMBER, ACT_TEXT, ACT_NUMBERS, ACT_TEXTS };

/* A member that a request of this kind may have. */
struct act_member {
	const char *name; /* NULL ends the table */
	enum act_type type;
	int64_t min, max; /* of a number; texts have 1 to `max` bytes */
	bool needed;
};

struct act_kind {
	const char *name;
	const struct act_member *members;
	bool unaudited; /* it changes nothing that anyone must know of later */
	/* Returns the members of `done`, new; NULL: the reason is in why, and nothing was done, or
	 * the rows say what. */
	json_t *(*run)(struct act *a);
};

extern const struct act_kind act_replay, act_cancel, act_pause, act_resume, act_release, act_drop,
	act_catch_up, act_refresh, act_check_api, act_prune, act_vacuum, act_import, act_recheck,
	act_backup, act_check, act_reload, act_status;

/* The value of a member that is there or not. */
bool act_flag(const struct act *a, const char *name);
int64_t act_number(const struct act *a, const char *name, int64_t otherwise);
const char *act_text(const struct act *a, const char *name); /* NULL: not there */

/* Is the act to stop, because the asker has gone or pressed Ctrl-C, or hookd stops? Waits up to
 * `wait` ms for that. */
bool act_stopped(struct act *a, int64_t wait);

/* Send a message. These take the reference to `row`, NULL: out of memory, and nothing is sent.
 * Progress is sent at most ten times a second. */
void act_send_row(struct act *a, json_t *row);
void act_send_fault(struct act *a, json_t *fault);
void act_send_pages(struct act *a, json_t *pages);
void act_send_progress(struct act *a, int64_t done, int64_t all);

/* Opens a read-only connection. NULL: the reason is in why. */
struct store_reader *act_open_reader(struct act *a) WARN_UNUSED;

/* Runs an operation of the store and waits for it. False: the reason is in why. */
bool act_write(struct act *a, struct store_op *op) WARN_UNUSED;

/* Sets why. Returns NULL, for an act to return. */
json_t *act_fail(struct act *a, const char *format, ...) PRINTF(2, 3);

#endif
