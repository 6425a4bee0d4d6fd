/* transactions.h - each kind of the store's transactions, with a fault in it that the program
 * makes: allocations that fail (memory.c), or calls of the disk (errors.c). */
#ifndef HOOKD_FAULT_TRANSACTIONS_H
#define HOOKD_FAULT_TRANSACTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transaction_fault {
	/* Around the life of a store in that directory. `end` is false if something is wrong. */
	void (*begin)(const char *directory);
	bool (*end)(char *why);
	/* From the nth call on so many fail; 0: none. */
	void (*set)(unsigned n, unsigned times);
	unsigned (*failed)(void);      /* since then */
	void (*release)(void *memory); /* frees what hookd has allocated */
};

/* Makes the store that each run begins with. After directory_begin. */
void transactions_begin(void);

/* NULL: there is no such kind. */
const char *transactions_name(size_t kind);

/* Runs a kind with the fault at n = 1 and on, in strides of up to `stride`, until there is no nth
 * call; *most is the last. The number of runs; 0: something is wrong, `why` says what. */
unsigned transactions_run(size_t kind, const struct transaction_fault *fault, unsigned times,
	unsigned stride, uint64_t seed, unsigned *most, char *why);

#endif
