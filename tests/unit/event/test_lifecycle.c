/* The order of states, with FedaPay's. */
#include "event/lifecycle.h"
#include "sender/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static int rank_of(const char *type)
{
	return lifecycle_rank(sender_find("fedapay")->states, type);
}

static const char *before_of(const char *type)
{
	return lifecycle_before(sender_find("fedapay")->states, type);
}

static const char *state_of(const char *type)
{
	return lifecycle_state(sender_find("fedapay")->states, type);
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Lives as FedaPay's events report them: each state is later than the one before. */
static void later_states_rank_higher(void **state)
{
	static const char *const lives[][6] = {
		{"transaction.created", "transaction.approved", "transaction.transferred",
			"transaction.deleted"},
		{"transaction.created", "transaction.approved", "transaction.refunded",
			"transaction.deleted"},
		{"transaction.created", "transaction.declined", "transaction.approved",
			"transaction.refunded", "transaction.deleted"},
		{"transaction.created", "transaction.canceled", "transaction.approved",
			"transaction.transferred"},
		{"transaction.created", "transaction.canceled", "transaction.expired"},
		{"transaction.created", "transaction.approved",
			"transaction.approved_partially_refunded", "transaction.deleted"},
		{"transaction.created", "transaction.approved",
			"transaction.transferred_partially_refunded"},
		{"payout.created", "payout.scheduled", "payout.sent"},
		{"transaction.created", "transaction.expired", "transaction.deleted"},
		{"payout.created", "payout.started", "payout.sent", "payout.deleted"},
		{"payout.created", "payout.processing", "payout.failed", "payout.deleted"},
		{"customer.created", "customer.deleted"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lives); i++)
		for (size_t k = 0; k < 5 && lives[i][k + 1] != NULL; k++)
			if (rank_of(lives[i][k]) >= rank_of(lives[i][k + 1]))
				fail_msg("%s is not before %s", lives[i][k], lives[i][k + 1]);
}

static void ends_of_the_same_length_rank_the_same(void **state)
{
	int end = rank_of("transaction.approved");

	(void)state;
	assert_int_equal(rank_of("transaction.declined"), rank_of("transaction.canceled"));
	assert_in_range(
		rank_of("transaction.expired"), rank_of("transaction.canceled") + 1, end - 1);
	assert_int_equal(rank_of("payout.sent"), rank_of("payout.failed"));
	assert_int_equal(rank_of("payout.started"), rank_of("payout.processing"));
	assert_int_equal(rank_of("transaction.refunded"), rank_of("transaction.transferred"));
	assert_int_equal(rank_of("transaction.transferred_partially_refunded"),
		rank_of("transaction.transferred"));
}

static void the_first_state_ranks_0(void **state)
{
	(void)state;
	assert_int_equal(rank_of("transaction.created"), 0);
	assert_int_equal(rank_of("payout.created"), 0);
	assert_int_equal(rank_of(".created"), 0);
	assert_int_equal(rank_of("a.b.created"), 0); /* the last word is the state */
}

static void what_is_no_state(void **state)
{
	static const char *const types[] = {"transaction.updated", "customer.updated", "", ".",
		"created", "approved", "transaction.", "transaction.approved.",
		"transaction.approve", "transaction.approvedx", "transaction.Approved",
		"transaction. approved", "transaction.approved ", "transaction.approved\n",
		"approved.transaction", "transaction.unknown", "transaction/approved"};

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++)
		if (rank_of(types[i]) != -1)
			fail_msg("%s is a state", types[i]);
}

static void what_goes_before(void **state)
{
	(void)state;
	assert_null(before_of("transaction.created"));
	assert_null(before_of("transaction.updated"));
	assert_string_equal(before_of("transaction.approved"), "created");
	assert_string_equal(before_of("transaction.refunded"), "approved");
	assert_string_equal(state_of("a.b.sent"), "sent");
	assert_null(state_of("transaction.updated"));
	assert_null(state_of("sent"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later_states_rank_higher),
		cmocka_unit_test(ends_of_the_same_length_rank_the_same),
		cmocka_unit_test(the_first_state_ranks_0),
		cmocka_unit_test(what_is_no_state),
		cmocka_unit_test(what_goes_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
