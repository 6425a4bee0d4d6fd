/* store/space.h - makes room in a store by hand: removes old events, gives free pages
 * back to the disk; in short transactions, beside a running daemon. One thread. */
#ifndef HOOKD_STORE_SPACE_H
#define HOOKD_STORE_SPACE_H

#include "base/attributes.h"
#include "editor.h"

#include <stdbool.h>
#include <stdint.h>

/* How many events came before that time, unix ms. */
bool store_space_old(struct store_reader *r, int64_t before, int64_t *count,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* Where a walk through the old events has come to. Zero-initialised: at the first. */
struct store_space_walk {
	int64_t before; /* unix ms: the caller's */
	int64_t received_at, event;
	int64_t seen, removed;
	bool over;
};

/* The next ones: removes those whose deliveries are all over. */
bool store_space_prune(struct store_editor *e, struct store_space_walk *walk,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* Gives some free pages back; *pages are left free, *size bytes is the file then. The
 * last call leaves as many as the one before. */
bool store_space_vacuum(struct store_editor *e, int64_t *pages, int64_t *size,
	char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
