/* store/import.h - adds events to a store from outside, beside the daemon or without it, with
 * origin `manual`, each key once. One thread. */
#ifndef HOOKD_STORE_IMPORT_H
#define HOOKD_STORE_IMPORT_H

#include "base/attributes.h"
#include "event/event.h"
#include "store/change.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum store_imported {
	STORE_IMPORT_NEW,
	STORE_IMPORT_THERE,    /* its key is stored already */
	STORE_IMPORT_REPAIRED, /* … with a damaged payload, which is repaired now */
	STORE_IMPORT_CONFLICT, /* … with another payload */
};

struct store_import {
	const struct event *event; /* its `source` is used, not its source_id */
	const char *const *hooks;  /* names; each gets a delivery */
	size_t hook_count;
	const char *declined;       /* see struct store_put */
	const char *skipped;        /* why its deliveries are SKIPPED; NULL: they are to run */
	enum store_imported result; /* out */
};

#define STORE_IMPORT_MAX 200 /* in one transaction: the daemon waits for its end */

/* Imports up to STORE_IMPORT_MAX events, all or none. False with the reason in why. `now`
 * in unix ms. */
bool store_import(struct store_editor *e, struct store_import *list, size_t count, int64_t now,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* Counts the deliveries that wait or run: for limits.backlog. */
bool store_import_waiting(
	struct store_editor *e, int64_t *waiting, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
