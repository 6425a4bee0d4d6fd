/* rule/compare.h - how a value of an event compares to an operand of the config. Private
 * to rule. Pure; any thread. */
#ifndef HOOKD_CONDITION_COMPARE_H
#define HOOKD_CONDITION_COMPARE_H

#include "rule/condition.h"

#include <stdint.h>

/* -?digits[.digits], taken apart: compared digit by digit, so exactly. */
struct decimal {
	bool negative;
	const char *whole; /* without leading zeros; may be empty */
	size_t whole_len;
	const char *part; /* without trailing zeros; may be empty */
	size_t part_len;
};

bool decimal_read(const char *text, size_t len, struct decimal *out) WARN_UNUSED;
int decimal_compare(const struct decimal *a, const struct decimal *b);

/* An operand and what it can be compared as, determined once. */
struct operand {
	char *text;
	size_t len;
	bool plain;
	bool is_decimal;
	struct decimal decimal; /* points into text */
	bool is_time;
	int64_t time;
};

/* Copies. False: out of memory. */
bool operand_set(struct operand *o, const struct condition_operand *from) WARN_UNUSED;

/* -1, 0, 1 into *order. False: they are neither both numbers nor both times. */
bool compare_order(const json_t *value, const struct operand *o, int *order) WARN_UNUSED;

bool compare_equal(const json_t *value, const struct operand *o);

#endif
