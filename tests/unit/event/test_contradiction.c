/* What events of one transaction cannot all say, by FedaPay's life cycle. */
#include "base/buf.h"
#include "event/contradiction.h"
#include "event/event.h"
#include "sender/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 8 };

/* A type, and its entity's members besides id and currency. */
struct one {
	const char *type, *entity;
};

static void add(void *arg, const struct contradiction *c)
{
	buf_printf(arg, "%lld: %s\n", (long long)c->event, c->text);
}

/* The events arrive in this order. To be freed. */
static char *found(const struct one *list)
{
	const struct sender *sender = sender_find("fedapay");
	struct contradiction_event events[MOST];
	struct payment payments[MOST];
	struct event parsed[MOST];
	struct buf out = {0};
	size_t count = 0;

	for (; list[count].type != NULL; count++) {
		char body[1024];
		int len = snprintf(body, sizeof(body),
			"{\"name\":\"%s\",\"entity\":{\"id\":7,\"currency\":{\"iso\":\"XOF\"}%s%s}"
			"}",
			list[count].type, list[count].entity[0] != '\0' ? "," : "",
			list[count].entity);

		assert_true(event_parse(&parsed[count], &sender->shape, body, (size_t)len));
		assert_true(payment_read(&payments[count], &sender->shape, body, (size_t)len));
		events[count] = (struct contradiction_event){.id = (int64_t)count + 1,
			.type = list[count].type,
			.state_at = parsed[count].state_at,
			.payment = &payments[count]};
	}
	assert_true(contradictions_find(
		sender->states, &sender->shape.payment, events, count, add, &out));
	for (size_t i = 0; i < count; i++) {
		payment_free(&payments[i]);
		event_free(&parsed[i]);
	}
	return buf_take(&out);
}

#define AT(name, minute) "\"" name "_at\":\"2026-06-30T22:" minute ":00.000Z\""

static void expect(const struct one *list, const char *text)
{
	char *got = found(list);

	assert_string_equal(got, text);
	free(got);
}

static void a_life_contradicts_nothing(void **state)
{
	(void)state;
	expect((const struct one[]){{"transaction.created", AT("created", "10")},
		       {"transaction.approved", AT("approved", "11") ",\"amount\":5000"},
		       {"transaction.transferred", AT("transferred", "12") ",\"amount\":5000.00"},
		       {"transaction.refunded", AT("refunded", "13") ",\"amount\":\"5000\""}, {0}},
		"");
	/* In any order of arrival; of one moment. */
	expect((const struct one[]){{"transaction.transferred", AT("transferred", "12")},
		       {"transaction.approved", AT("approved", "12")},
		       {"transaction.created", AT("created", "10")}, {0}},
		"");
	/* A time that is not known says nothing. */
	expect((const struct one[]){{"transaction.transferred", ""},
		       {"transaction.approved", AT("approved", "12")}, {0}},
		"");
}

static void a_late_approval_is_taken(void **state)
{
	static const char *const before[] = {"declined", "canceled", "expired"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char type[32], at[64];

		(void)snprintf(type, sizeof(type), "transaction.%s", before[i]);
		(void)snprintf(at, sizeof(at), "\"%s_at\":\"2026-06-30T22:10:00Z\"", before[i]);
		expect((const struct one[]){{type, at},
			       {"transaction.approved", AT("approved", "11")}, {0}},
			"");
		(void)snprintf(at, sizeof(at), "\"%s_at\":\"2026-06-30T22:12:00Z\"", before[i]);
		char *got = found((const struct one[]){
			{type, at}, {"transaction.approved", AT("approved", "11")}, {0}});
		assert_non_null(strstr(got, "2: \"approved\" (event 2) was before \""));
		free(got);
	}
}

static void an_order_that_cannot_be(void **state)
{
	(void)state;
	expect((const struct one[]){{"transaction.transferred", AT("transferred", "10")},
		       {"transaction.approved", AT("approved", "11")}, {0}},
		"2: \"transferred\" (event 1) was before \"approved\" (event 2)\n");
	expect((const struct one[]){{"transaction.approved", AT("approved", "10")},
		       {"transaction.refunded", AT("refunded", "11")},
		       {"transaction.approved", AT("approved", "12")},
		       {"transaction.approved", AT("approved", "13")}, {0}},
		"3: \"refunded\" (event 2) was before \"approved\" (event 3)\n");
	expect((const struct one[]){{"payout.sent", AT("sent", "10")},
		       {"payout.failed", AT("failed", "11")}, {"payout.sent", AT("sent", "12")},
		       {0}},
		"2: \"sent\" (event 1) and \"failed\" (event 2) exclude each other\n");
}

static void another_amount(void **state)
{
	(void)state;
	expect((const struct one[]){{"transaction.created", "\"amount\":5000"},
		       {"transaction.approved", "\"amount\":100"},
		       {"transaction.transferred", "\"amount\":100"}, {0}},
		"2: event 2 has another amount, 100 FCFA, than event 1, 5 000 FCFA\n");
	expect((const struct one[]){{"transaction.created", "\"amount\":5000"},
		       {"transaction.updated", "\"amount\":7000"},
		       {"transaction.approved", "\"amount\":7000"}, {0}},
		"");
	expect((const struct one[]){{"transaction.created", "\"amount\":5000"},
		       {"transaction.approved", ""}, {"transaction.transferred", "\"amount\":null"},
		       {0}},
		"");
	expect((const struct one[]){{"transaction.created", "\"amount\":5000"},
		       {"transaction.approved", "\"amount\":5000,\"currency\":{\"iso\":\"EUR\"}"},
		       {0}},
		"2: event 2 has another amount, 50,00 EUR, than event 1, 5 000 FCFA\n");
}

static void refunds_are_held_against_the_payment(void **state)
{
	static const char one[] = "\"amount\":5000,\"refunds\":[{\"id\":1,\"amount\":3000}]";
	static const char both[] = "\"amount\":5000,\"refunds\":[{\"id\":1,\"amount\":3000},"
				   "{\"id\":2,\"amount\":2000}]";
	static const char more[] = "\"amount\":5000,\"refunds\":[{\"id\":3,\"amount\":1}]";
	static const char wrong[] = "\"amount\":5000,\"refunds\":[1,null,{\"amount\":{}}]";

	(void)state;
	expect((const struct one[]){{"transaction.approved_partially_refunded", one},
		       {"transaction.approved_partially_refunded", both},
		       {"transaction.refunded", both}, {0}},
		"");
	expect((const struct one[]){{"transaction.approved_partially_refunded", one},
		       {"transaction.approved_partially_refunded", both},
		       {"transaction.approved_partially_refunded", more},
		       {"transaction.refunded", both}, {0}},
		"3: the refunds, 5 001 FCFA, are more than the payment, 5 000 FCFA (event 3)\n");
	expect((const struct one[]){{"transaction.refunded", wrong}, {0}}, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_life_contradicts_nothing),
		cmocka_unit_test(a_late_approval_is_taken),
		cmocka_unit_test(an_order_that_cannot_be),
		cmocka_unit_test(another_amount),
		cmocka_unit_test(refunds_are_held_against_the_payment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
