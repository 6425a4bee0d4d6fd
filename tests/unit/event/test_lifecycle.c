#include "event/lifecycle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Ways through life as FedaPay's events tell them: each is later than the one before. */
static void later_states_rank_higher(void **state)
{
	static const char *const lives[][5] = {
		{"transaction.created", "transaction.approved", "transaction.transferred",
			"transaction.deleted"},
		{"transaction.created", "transaction.approved", "transaction.refunded",
			"transaction.deleted"},
		{"transaction.created", "transaction.declined", "transaction.deleted"},
		{"transaction.created", "transaction.canceled", "transaction.deleted"},
		{"transaction.created", "transaction.expired", "transaction.deleted"},
		{"payout.created", "payout.started", "payout.sent", "payout.deleted"},
		{"payout.created", "payout.processing", "payout.failed", "payout.deleted"},
		{"customer.created", "customer.deleted"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lives); i++)
		for (size_t k = 0; k < 4 && lives[i][k + 1] != NULL; k++)
			if (lifecycle_rank(lives[i][k]) >= lifecycle_rank(lives[i][k + 1]))
				fail_msg("%s is not before %s", lives[i][k], lives[i][k + 1]);
}

static void ends_of_the_same_length_rank_the_same(void **state)
{
	int end = lifecycle_rank("transaction.approved");

	(void)state;
	assert_int_equal(lifecycle_rank("transaction.declined"), end);
	assert_int_equal(lifecycle_rank("transaction.canceled"), end);
	assert_int_equal(lifecycle_rank("transaction.expired"), end);
	assert_int_equal(lifecycle_rank("payout.sent"), lifecycle_rank("payout.failed"));
	assert_int_equal(lifecycle_rank("payout.started"), lifecycle_rank("payout.processing"));
	assert_int_equal(
		lifecycle_rank("transaction.refunded"), lifecycle_rank("transaction.transferred"));
}

static void the_first_state_ranks_0(void **state)
{
	(void)state;
	assert_int_equal(lifecycle_rank("transaction.created"), 0);
	assert_int_equal(lifecycle_rank("payout.created"), 0);
	assert_int_equal(lifecycle_rank(".created"), 0);
	assert_int_equal(lifecycle_rank("a.b.created"), 0); /* the last word says it */
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
		if (lifecycle_rank(types[i]) != -1)
			fail_msg("%s is a state", types[i]);
}

static void what_goes_before(void **state)
{
	(void)state;
	assert_null(lifecycle_before("transaction.created"));
	assert_null(lifecycle_before("transaction.updated"));
	assert_string_equal(lifecycle_before("transaction.approved"), "created");
	assert_string_equal(lifecycle_before("transaction.refunded"), "approved");
	assert_string_equal(lifecycle_state("a.b.sent"), "sent");
	assert_null(lifecycle_state("transaction.updated"));
	assert_null(lifecycle_state("sent"));
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
