/* memory.h - allocations that fail when told so, and what is tried with them. */
#ifndef HOOKD_FAULT_MEMORY_H
#define HOOKD_FAULT_MEMORY_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before SQLite is first used. */
void memory_begin(void);
/* From the nth allocation on `times` fail, in any thread; 0: none any more. */
void memory_fail(unsigned n, unsigned times);
unsigned memory_failed(void); /* since memory_fail */
long memory_live(void);       /* blocks that are allocated and not freed, by any thread */
uint64_t memory_random(uint64_t *state);

/* What an input gives, as text: false when it says that memory is short. */
struct subject {
	const char *name;
	const char *corpus; /* a directory of tests/fuzz/corpus */
	bool (*run)(const char *bytes, size_t len, struct buf *text);
};

extern const struct subject subjects[]; /* ends with one without a name */

#endif
