/* failing.h - what a test tells the libraries that it has preloaded into hookd: failing.mjs
 * writes it, failing.c and failing_memory.c read it. */
#ifndef HOOKD_FAULT_FAILING_H
#define HOOKD_FAULT_FAILING_H

enum failing_call {
	FAILING_OPEN = 1,
	FAILING_READ = 2,
	FAILING_WRITE = 4,
	FAILING_SYNC = 8,
	FAILING_TRUNCATE = 16,
};

struct failing {
	unsigned calls;  /* bits of those that fail */
	int error;       /* errno */
	unsigned every;  /* allocation of memory that fails; 0: none */
	unsigned failed; /* calls and allocations that did */
};

#endif
