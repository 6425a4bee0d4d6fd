/* rule/compare.h - how a value of an event compares to an operand of the config. Private
 * to rule. Pure; any thread. */
#ifndef HOOKD_CONDITION_COMPARE_H
#define HOOKD_CONDITION_COMPARE_H

#include "rule/condition.h"

#include <stdint.h>

/* A number, taken apart: compared digit by digit, so exactly. It is 0.DIGITS times ten to the
 * power of `point`. */
struct decimal {
	bool negative;
	const char *digits; /* first and last are not 0, and a point may be among them; empty: 0 */
	size_t len;
	int64_t point;
};

/* -?digits[.digits], and an exponent if that is allowed. */
bool decimal_read(const char *text, size_t len, bool exponent, struct decimal *out) WARN_UNUSED;
int decimal_compare(const struct decimal *a, const struct decimal *b);

/* An operand and what it can be compared as, determined once. */
struct operand {
	char *text;
	char *written; /* to be shown instead; NULL: text */
	size_t len;
	bool plain;
	bool is_decimal;
	struct decimal decimal; /* points into text */
	bool is_time;
	int64_t time;
};

/* Copies. False: out of memory. */
bool operand_set(struct operand *o, const struct condition_operand *from) WARN_UNUSED;

void operand_free(struct operand *o);

/* -1, 0, 1 into *order. False: they are neither both numbers nor both times. */
bool compare_order(const json_t *value, const struct operand *o, int *order) WARN_UNUSED;

bool compare_equal(const json_t *value, const struct operand *o);

#endif
