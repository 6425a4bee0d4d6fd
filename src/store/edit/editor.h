/* store/edit/editor.h - what the files of this folder share: a session that edits the store
 * beside the daemon, or without one, in short transactions. */
#ifndef HOOKD_STORE_EDITOR_H
#define HOOKD_STORE_EDITOR_H

#include "base/attributes.h"
#include "store/change.h"
#include "store/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_editor {
	const struct store_session_engine *engine;
	struct store_session *session;
};

/* Between the two all edits are one transaction; `end` commits it if all went well. */
bool store_editor_begin(struct store_editor *e, char why[STORE_READ_WHY]) WARN_UNUSED;
bool store_editor_end(struct store_editor *e, bool good, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Runs one statement. */
bool store_editor_run(struct store_editor *e, enum store_edit edit,
	const struct store_value *values, size_t count, struct store_changed *changed) WARN_UNUSED;

/* The number in the first column of the only row; *found: there is a row. */
bool store_editor_number(struct store_editor *e, enum store_query query,
	const struct store_value *values, size_t count, int64_t *number, bool *found) WARN_UNUSED;

/* Adds a delivery of an event for each hook by name: READY at `now`, or SKIPPED if `skipped` is
 * the reason. */
bool store_editor_deliver(struct store_editor *e, int64_t event, const char *const *hooks,
	size_t count, int64_t now, const char *skipped) WARN_UNUSED;

#endif
