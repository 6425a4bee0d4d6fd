/* Amounts for people and for programs, in minor and in main units. */
#include "base/money.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *amount, *currency, *text, *decimal; /* NULL: refused */
} rows[] = {
	{"5000", "XOF", "5 000 FCFA", "5000"},
	{"5000", "xaf", "5 000 FCFA", "5000"},
	{"123456", "EUR", "1 234,56 EUR", "1234.56"},
	{"12345678", "usd", "123 456,78 USD", "123456.78"},
	{"5", "EUR", "0,05 EUR", "0.05"},
	{"50", "EUR", "0,50 EUR", "0.50"},
	{"-123456", "EUR", "-1 234,56 EUR", "-1234.56"},
	{"1234567", "KWD", "1 234,567 KWD", "1234.567"},
	{"7", "CLF", "0,0007 CLF", "0.0007"},
	{"12.5", "USD", "12,50 USD", "12.50"},
	{"0012.5", "USD", "12,50 USD", "12.50"},
	{"12.500", "USD", "12,50 USD", "12.50"},
	{"1234567.0", "XOF", "1 234 567 FCFA", "1234567"},
	{"0", "XOF", "0 FCFA", "0"},
	{"0", "EUR", "0,00 EUR", "0.00"},
	{"000", "XOF", "0 FCFA", "0"},
	{"999", "XOF", "999 FCFA", "999"},
	{"1000000", "XOF", "1 000 000 FCFA", "1000000"},
	{"123456789012345678901234567890", "XOF", "123 456 789 012 345 678 901 234 567 890 FCFA",
		"123456789012345678901234567890"},
	{"1234567890123456789012345678901", "XOF", NULL, NULL},
	{"12.505", "USD", NULL, NULL},
	{"12.5", "XOF", NULL, NULL},
	{"12.", "USD", NULL, NULL},
	{".5", "USD", NULL, NULL},
	{"", "USD", NULL, NULL},
	{"-", "USD", NULL, NULL},
	{"+5", "USD", NULL, NULL},
	{"12.00", "EUR", "12,00 EUR", "12.00"},
	{"12.00", "XOF", "12 FCFA", "12"},
	{"12.345", "EUR", NULL, NULL},
	{"12.345", "KWD", "12,345 KWD", "12.345"},
	{"12.340", "EUR", "12,34 EUR", "12.34"},
	{"1200", "EUR", "12,00 EUR", "12.00"},
	{"-5", "EUR", "-0,05 EUR", "-0.05"},
	{"-5.00", "EUR", "-5,00 EUR", "-5.00"},
	{"-0", "EUR", "0,00 EUR", "0.00"},
	{"-0.000", "XOF", "0 FCFA", "0"},
	{"1e3", "USD", "10,00 USD", "10.00"},
	{"1E+3", "XOF", "1 000 FCFA", "1000"},
	{"1.2e3", "EUR", "12,00 EUR", "12.00"},
	{"1.23456e2", "EUR", NULL, NULL},
	{"1.2345e3", "EUR", "1 234,50 EUR", "1234.50"},
	{"125e-1", "EUR", "12,50 EUR", "12.50"},
	{"5e-2", "EUR", "0,05 EUR", "0.05"},
	{"5e-3", "EUR", NULL, NULL},
	{"0e40", "EUR", "0,00 EUR", "0.00"},
	{"0.00e2", "XOF", "0 FCFA", "0"},
	{"100e-2", "XOF", "1 FCFA", "1"},
	{"1e29", "XOF", "100 000 000 000 000 000 000 000 000 000 FCFA",
		"100000000000000000000000000000"},
	{"1e30", "XOF", NULL, NULL},
	{"1e41", "XOF", NULL, NULL},
	{"1e400", "XOF", NULL, NULL},
	{"1e-400", "XOF", NULL, NULL},
	{"12345678901234567890", "EUR", "123 456 789 012 345 678,90 EUR", "123456789012345678.90"},
	{"1e", "USD", NULL, NULL},
	{"1e+", "USD", NULL, NULL},
	{"1e3 ", "USD", NULL, NULL},
	{"1.e3", "USD", NULL, NULL},
	{"e3", "USD", NULL, NULL},
	{" 5", "USD", NULL, NULL},
	{"5 000", "XOF", NULL, NULL},
	{"5", "ZZZ", NULL, NULL},
	{"5", "EU", NULL, NULL},
	{"5", "EURO", NULL, NULL},
	{"5", "", NULL, NULL},
	{"5", "OF ", NULL, NULL},
};

typedef bool write_money(struct buf *, const char *, size_t, const char *, size_t);

static void check(write_money *write, size_t i, const char *expected)
{
	struct buf out = {0};
	bool good;

	buf_add_text(&out, "was: ");
	good = write(&out, rows[i].amount, strlen(rows[i].amount), rows[i].currency,
		strlen(rows[i].currency));
	if (good != (expected != NULL))
		fail_msg("%s %s: %s", rows[i].amount, rows[i].currency, out.data);
	assert_string_equal(out.data + 5, expected != NULL ? expected : "");
	buf_free(&out);
}

static void for_people(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(money_format, i, rows[i].text);
}

static void for_programs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(money_decimal, i, rows[i].decimal);
}

static void in_minor_units(void **state)
{
	static const struct {
		const char *amount, *currency;
		int64_t minor; /* -1: refused */
	} minor[] = {
		{"5000", "XOF", 5000},
		{"5000.00", "XOF", 5000},
		{"1200", "EUR", 1200},
		{"12.00", "EUR", 1200},
		{"12.5", "EUR", 1250},
		{"-12.5", "EUR", -1250},
		{"0.05", "EUR", 5},
		{"1e3", "EUR", 1000},
		{"9223372036854775806", "XOF", INT64_MAX - 1},
		{"9223372036854775808", "XOF", -1},
		{"123456789012345678901234567890.5", "CLF", -1},
		{"12.5", "XOF", -1},
		{"5", "?", -1},
		{"", "XOF", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(minor) / sizeof(minor[0]); i++) {
		int64_t n = -1;

		assert_int_equal(money_minor(&n, minor[i].amount, strlen(minor[i].amount),
					 minor[i].currency, strlen(minor[i].currency)),
			minor[i].minor != -1);
		assert_int_equal(n, minor[i].minor);
	}
}

static void exponents(void **state)
{
	(void)state;
	assert_int_equal(money_exponent("XOF", 3), 0);
	assert_int_equal(money_exponent("eur", 3), 2);
	assert_int_equal(money_exponent("TND", 3), 3);
	assert_int_equal(money_exponent("UYW", 3), 4);
	assert_int_equal(money_exponent("XXX", 3), -1);
	assert_int_equal(money_exponent("EURO", 4), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(for_people),
		cmocka_unit_test(for_programs),
		cmocka_unit_test(in_minor_units),
		cmocka_unit_test(exponents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
