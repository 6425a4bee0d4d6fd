/* base/money.h - amounts of money, exact to each digit. A whole number is in the currency's minor
 * unit (ISO 4217 exponent: XOF 0, EUR 2, KWD 3), as payment providers send it; a number with
 * decimals cannot be, and is in the main unit. An exponent moves the point first: 1.2e3 is 1200.
 *   5000 XOF -> 5 000 FCFA   123456 EUR -> 1 234,56 EUR   12.5 USD, 12.50 USD -> 12,50 USD
 * A space separates groups of three digits, a comma the decimals. Pure; any thread. */
#ifndef HOOKD_MONEY_H
#define HOOKD_MONEY_H

#include "attributes.h"
#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The ISO 4217 exponent of an upper- or lower-case alphabetic code; -1: unknown. */
int money_exponent(const char *currency, size_t len);

/* Appends the amount, a number as JSON writes it, and the currency's name. False: amount is not a
 * number, has more decimals than the currency (other than zeros) or more than 30 digits before the
 * point, or the currency is unknown; out is as before. */
bool money_format(struct buf *out, const char *amount, size_t amount_len, const char *currency,
	size_t currency_len) WARN_UNUSED;

/* The same as plain decimal text in the main unit, with a point: "1234.56", "-5000".
 * Without leading zeros, with as many decimals as the currency has. */
bool money_decimal(struct buf *out, const char *amount, size_t amount_len, const char *currency,
	size_t currency_len) WARN_UNUSED;

/* The same as a number of minor units, to add up. False also if it does not fit. */
bool money_minor(int64_t *out, const char *amount, size_t amount_len, const char *currency,
	size_t currency_len) WARN_UNUSED;

#endif
