/* store/quarantine.h - releases a quarantined event with a type, so that hooks get it, or drops
 * it. A running daemon is notified by store_notify_send. One thread. */
#ifndef HOOKD_STORE_QUARANTINE_H
#define HOOKD_STORE_QUARANTINE_H

#include "base/attributes.h"
#include "store/change.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_release {
	int64_t event;
	const char *type;
	const char *entity_kind, *entity_id; /* NULL: none */
	const char *const *hooks;            /* names; each gets a READY delivery */
	size_t hook_count;
	const char *declined; /* as in struct store_put; NULL: none */
	int64_t now;          /* unix ms */
};

/* *done is false if the event is not, or no longer, in quarantine. False with the reason in why:
 * nothing was changed. */
bool store_release(struct store_editor *e, const struct store_release *release, bool *done,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* Deletes the event. */
bool store_drop(
	struct store_editor *e, int64_t event, bool *done, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
