/* store/lock.h - who holds a store's lock: STORE.lock, which hookd keeps as long as it has the
 * store open. Its lines, written when it was taken:
 *   1234 hookd            the pid and the program of its holder
 *   /run/hookd/control    the control socket of a hookd; none for others */
#ifndef HOOKD_STORE_LOCK_H
#define HOOKD_STORE_LOCK_H

#include "base/attributes.h"
#include "store/read.h"

#include <stdbool.h>
#include <stdint.h>

#define STORE_LOCK_MAX 4096 /* bytes: a longer file is no lock */

/* The lines are what the store's owner wrote: they may name any process and any socket. */
struct store_lock {
	bool held;                       /* if not, all below is 0 or "" */
	int64_t pid;                     /* 0: unknown */
	bool hookctl;                    /* the holder is a hookctl at work without a hookd */
	int64_t taken;                   /* unix ms */
	char socket[STORE_LOCK_MAX + 1]; /* absolute; "": none */
};

/* Who holds the lock of the store at `path`? It is not held if there is no such file. False with
 * the reason in why: something else has its name, or it may not be read. Any thread. */
bool store_lock_holder(
	const char *path, struct store_lock *lock, char why[STORE_READ_WHY]) WARN_UNUSED;

/* If nobody holds it: does a process have the store open all the same, because its STORE.lock was
 * removed or replaced? Before the caller opens the store: the close of a file drops SQLite's locks
 * on it. */
bool store_lock_is_lost(const char *path) WARN_UNUSED;

#endif
