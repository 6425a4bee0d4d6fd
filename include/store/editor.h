/* store/editor.h - what store_replay.c and the like share: a connection that writes into
 * a store beside the daemon, or without one, in short transactions. One thread. */
#ifndef HOOKD_STORE_EDITOR_H
#define HOOKD_STORE_EDITOR_H

#include "base/attributes.h"
#include "read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_editor;
struct sqlite3;

/* NULL with the reason in why: no such file, not a hookd store of this version, not
 * writable by this user. */
struct store_editor *store_editor_open(const char *path, char why[STORE_READ_WHY]) WARN_UNUSED;
void store_editor_close(struct store_editor *e);

/* The store's absolute path. */
const char *store_editor_path(const struct store_editor *e);

/* For store*.c only. */
struct sqlite3 *store_editor_begin(struct store_editor *e, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Commits when rc is SQLITE_OK, else rolls back; false with the reason in why. */
bool store_editor_end(struct store_editor *e, int rc, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Makes a delivery of an event for each hook by name: READY at `now`; or, when `skipped` is
 * the reason, SKIPPED. Returns an SQLite result code. For store*.c only. */
int store_editor_deliver(struct sqlite3 *db, int64_t event, const char *const *hooks, size_t count,
	int64_t now, const char *skipped) WARN_UNUSED;

#endif
