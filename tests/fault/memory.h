/* memory.h - allocations that fail on demand, and what is run with them. */
#ifndef HOOKD_FAULT_MEMORY_H
#define HOOKD_FAULT_MEMORY_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before SQLite is first used. */
void memory_begin(void);
/* From the nth allocation on `times` fail, in any thread; 0: no more failures. */
void memory_fail(unsigned n, unsigned times);
unsigned memory_failed(void);   /* since memory_fail */
long memory_live(void);         /* blocks allocated and not freed, by any thread */
void memory_free(void *memory); /* of hookd's */
uint64_t memory_random(uint64_t *state);

/* The result of an input, as text; false: it reported that it is out of memory. */
struct subject {
	const char *name;
	const char *corpus; /* a directory of tests/fuzz/corpus */
	bool (*run)(const char *bytes, size_t len, struct buf *text);
};

extern const struct subject subjects[]; /* ends with one that has no name */

#endif
