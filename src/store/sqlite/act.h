/* store/sqlite/act.h - what a person asks for, a slice at a time: what its files share.
 *
 *   change.c      replays and cancels deliveries
 *   pause.c       pauses and resumes hooks
 *   quarantine.c  releases and drops events
 *   import.c      adds events
 *   refused.c     keeps refused requests, and takes them for events
 *   prune.c       removes old events, returns free pages to the disk
 *   copy.c        copies the store to a file
 *   audit.c       records the acts
 *
 * Each slice is alone in its transaction. What it changes in the counts goes into db->delta. */
#ifndef HOOKD_STORE_ACT_H
#define HOOKD_STORE_ACT_H

#include "base/attributes.h"
#include "db.h"
#include "store/change.h"
#include "store/import.h"
#include "store/maintenance.h"
#include "store/quarantine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int store_change_run(struct store_db *db, struct store_change *c) WARN_UNUSED;
int store_pause_run(struct store_db *db, struct store_pause *p) WARN_UNUSED;
int store_release_run(struct store_db *db, struct store_release *r) WARN_UNUSED;
int store_drop_run(struct store_db *db, struct store_drop *d) WARN_UNUSED;
int store_import_run(struct store_db *db, struct store_import *i) WARN_UNUSED;
int store_prune_run(struct store_db *db, struct store_prune *p) WARN_UNUSED;
int store_vacuum_run(struct store_db *db, struct store_vacuum *v) WARN_UNUSED;
/* Not in a transaction. */
int store_backup_run(struct store_db *db, struct store_backup *b) WARN_UNUSED;
/* refused.c */
int store_keep_run(struct store_db *db, const struct store_keep *k) WARN_UNUSED;
/* After an event was imported from a refused request: the request is removed, and a new event
 * has its time and address. */
int store_recheck_end(struct store_db *db, const struct store_imported_event *e) WARN_UNUSED;

int store_note_run(struct store_db *db, const struct store_note *n) WARN_UNUSED;

/* import.c: adds a delivery of an event for each hook: READY at `now`, or SKIPPED if `skipped` is
 * the reason. */
int store_deliver(struct store_db *db, int64_t event, const int64_t *hooks, size_t count,
	int64_t now, const char *skipped) WARN_UNUSED;

/* audit.c: adds `changed` to what the act has changed; the first time, adds the act. NULL: it is
 * not recorded. */
int store_audit_add(struct store_db *db, struct store_audit *audit, int64_t changed) WARN_UNUSED;

#endif
