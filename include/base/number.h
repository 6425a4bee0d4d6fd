/* base/number.h - whole numbers written in decimal digits, alone or with a unit. No
 * sign, no white space, no other base. Pure; any thread. */
#ifndef HOOKD_NUMBER_H
#define HOOKD_NUMBER_H

#include "attributes.h"
#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many digits the text begins with. */
size_t number_digits(const char *text, size_t len);

/* Reads len bytes that are digits and nothing else. False: there are other bytes or
 * none, or the number is greater than max; *n is as before. */
bool number_read(const char *text, size_t len, int64_t max, int64_t *n) WARN_UNUSED;

struct number_unit {
	const char *suffix; /* "": none */
	int64_t factor;
};

/* Reads digits and the suffix of one of the units (a NULL suffix is last), or a bare
 * 0. False: neither; *n is undefined. A number too large for int64_t becomes
 * INT64_MAX, which is out of every range. */
bool number_read_unit(const char *text, const struct number_unit *units, int64_t *n) WARN_UNUSED;

/* Appends n, not negative, in the first unit that divides it; 0 without a unit. The
 * last unit has the factor 1. */
void number_add_unit(struct buf *out, const struct number_unit *units, int64_t n);

#endif
