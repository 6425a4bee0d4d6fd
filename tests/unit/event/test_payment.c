/* What an event says about a payment, in all the shapes that senders have. */
#include "event/payment.h"
#include "sender/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *body;
	const char *reference, *amount, *fees, *currency, *customer, *mode, *money;
} rows[] = {
	{"{\"entity\":{\"reference\":\"trx_1\",\"amount\":5000,\"fees\":90,\"currency\":{\"iso\":"
	 "\"XOF\"},\"mode\":\"mtn_open\",\"customer\":{\"full_name\":\"Awa Dossou\",\"email\":"
	 "\"awa@example.com\"}}}",
		"trx_1", "5000", "90", "XOF", "Awa Dossou <awa@example.com>", "mtn_open",
		"5 000 FCFA"},
	{"{\"entity\":\"{\\\"amount\\\":12,\\\"currency\\\":\\\"EUR\\\"}\"}", "", "12", "", "EUR",
		"", "", "0,12 EUR"},
	{"{\"entity\":{\"amount\":\"12.50\",\"currency\":\"usd\",\"merchant_reference\":\"m7\"}}",
		"m7", "12.50", "", "usd", "", "", "12,50 USD"},
	{"{\"entity\":{\"firstname\":\"Koffi\",\"lastname\":\"Adjovi\"}}", "", "", "", "",
		"Koffi Adjovi", "", ""},
	{"{\"entity\":{\"customer\":{\"email\":\"k@example.com\"}}}", "", "", "", "",
		"k@example.com", "", ""},
	{"{\"entity\":{\"customer\":{\"lastname\":\"Adjovi\"}}}", "", "", "", "", "Adjovi", "", ""},
	{"{\"amount\":7,\"reference\":\"bare\"}", "bare", "7", "", "", "", "", "7"},
	{"{\"entity\":{\"amount\":1.5,\"currency\":{\"iso\":\"ZZZ\"}}}", "", "1.5", "", "ZZZ", "",
		"", "1.5 ZZZ"},
	{"{\"entity\":{\"amount\":[5],\"currency\":5,\"reference\":{},\"customer\":[],\"mode\":"
	 "null}}",
		"", "", "", "5", "", "", ""},
	{"{\"entity\":null}", "", "", "", "", "", "", ""},
	{"[1,2]", "", "", "", "", "", "", ""},
	{"not JSON", "", "", "", "", "", "", ""},
	{"", "", "", "", "", "", "", ""},
};

static void what_senders_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct payment p;
		struct buf money = {0};

		assert_true(payment_read(
			&p, &sender_find("fedapay")->shape, rows[i].body, strlen(rows[i].body)));
		assert_string_equal(p.reference, rows[i].reference);
		assert_string_equal(p.amount, rows[i].amount);
		assert_string_equal(p.fees, rows[i].fees);
		assert_string_equal(p.currency, rows[i].currency);
		assert_string_equal(p.customer, rows[i].customer);
		assert_string_equal(p.mode, rows[i].mode);
		payment_add_money(&money, &p, p.amount);
		assert_string_equal(money.data != NULL ? money.data : "", rows[i].money);
		buf_free(&money);
		payment_free(&p);
	}
}

static void a_nul_ends_a_text(void **state)
{
	static const char body[] = "{\"entity\":{\"reference\":\"a\\u0000b\"}}";
	struct payment p;

	(void)state;
	assert_true(payment_read(&p, &sender_find("fedapay")->shape, body, sizeof(body) - 1));
	assert_string_equal(p.reference, "a");
	payment_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_senders_say),
		cmocka_unit_test(a_nul_ends_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
