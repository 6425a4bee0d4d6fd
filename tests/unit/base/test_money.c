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
	{"1e3", "USD", NULL, NULL},
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
		cmocka_unit_test(exponents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
