/* Bodies that share a budget: what each may hold, and what all hold together. */
#include "http/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define KIB   ((size_t)1024)
#define MIB   (1024 * KIB)
#define PIECE (12 * KIB) /* what libmicrohttpd hands over at once, at most */
#define CROWD 1000

static char bytes[PIECE];

/* Adds bytes in pieces until there are `len`. Returns how many were taken. */
static size_t fill(struct body *b, struct body_budget *budget, size_t limit, size_t len)
{
	while (b->bytes.len < len) {
		size_t left = len - b->bytes.len, n = left < PIECE ? left : PIECE;

		if (!body_add(b, budget, limit, bytes, n))
			break;
	}
	return b->bytes.len;
}

static size_t held_by(const struct body_budget *budget)
{
	return atomic_load(&budget->held);
}

static void one_alone_may_have_half(void **state)
{
	struct body_budget budget = {0};
	struct body b = {.most = MIB};

	(void)state;
	assert_true(body_fits(&budget, 2 * MIB, MIB));
	assert_false(body_fits(&budget, 2 * MIB, MIB + 1));
	assert_int_equal(fill(&b, &budget, 2 * MIB, MIB), MIB);
	assert_int_equal(held_by(&budget), MIB);
	body_free(&b, &budget);
	assert_int_equal(held_by(&budget), 0);
	b = (struct body){.most = MIB};
	assert_in_range(fill(&b, &budget, 2 * MIB - 2, MIB), MIB / 2, MIB - 1);
	body_free(&b, &budget);
}

static void what_is_announced_is_not_what_is_held(void **state)
{
	struct body_budget budget = {0};
	struct body b = {.most = MIB};

	(void)state;
	assert_int_equal(fill(&b, &budget, 64 * MIB, 1), 1);
	assert_int_equal(held_by(&budget), BODY_ALWAYS);
	assert_int_equal(fill(&b, &budget, 64 * MIB, 100 * KIB), 100 * KIB);
	assert_int_equal(held_by(&budget), 128 * KIB);
	assert_int_equal(b.bytes.capacity, 128 * KIB + 1);
	body_free(&b, &budget);
	b = (struct body){.most = 10};
	assert_int_equal(fill(&b, &budget, 64 * MIB, 10), 10);
	assert_int_equal(held_by(&budget), 10);
	body_free(&b, &budget);
}

/* With the default limits: 1,000 bodies of 1 MiB that never end. */
static void a_crowd_holds_the_budget_and_no_more(void **state)
{
	const size_t limit = 64 * MIB;
	struct body_budget budget = {0};
	struct body *crowd = calloc(CROWD, sizeof(*crowd)), small = {.most = MIB};
	size_t sum = 0;

	(void)state;
	assert_non_null(crowd);
	for (size_t i = 0; i < CROWD; i++) {
		crowd[i].most = MIB;
		(void)fill(&crowd[i], &budget, limit, MIB - 1);
		sum += crowd[i].bytes.data != NULL ? crowd[i].bytes.capacity - 1 : 0;
	}
	assert_int_equal(held_by(&budget), sum);
	assert_in_range(sum, limit - limit / 8, limit + CROWD * BODY_ALWAYS);
	/* An ordinary event finds room; a large one does not. */
	assert_int_equal(fill(&small, &budget, limit, BODY_ALWAYS), BODY_ALWAYS);
	assert_false(body_fits(&budget, limit, MIB / 2));
	for (size_t i = 0; i < CROWD; i++)
		body_free(&crowd[i], &budget);
	assert_true(body_fits(&budget, limit, MIB));
	body_free(&small, &budget);
	assert_int_equal(held_by(&budget), 0);
	free(crowd);
}

/* All grow at the same speed: each gets its share, and the next one gets as much. */
static void what_is_left_is_shared(void **state)
{
	const size_t limit = 64 * MIB;
	struct body_budget budget = {0};
	struct body crowd[100], next = {.most = MIB};
	size_t at_once = 0;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		crowd[i] = (struct body){.most = MIB};
	for (size_t len = 0; len < MIB; len += PIECE)
		for (size_t i = 0; i < 100; i++)
			(void)fill(&crowd[i], &budget, limit, len);
	for (size_t i = 0; i < 100; i++)
		at_once += crowd[i].held;
	assert_int_equal(held_by(&budget), at_once);
	assert_in_range(at_once, limit / 2, limit);
	assert_int_equal(fill(&next, &budget, limit, limit / 101 / 2), limit / 101 / 2);
	for (size_t i = 0; i < 100; i++)
		body_free(&crowd[i], &budget);
	body_free(&next, &budget);
	assert_int_equal(held_by(&budget), 0);
}

static void bytes_are_kept_as_they_came(void **state)
{
	struct body_budget budget = {0};
	struct body b = {.most = 100 * KIB};
	char *wanted = malloc(100 * KIB);

	(void)state;
	assert_non_null(wanted);
	for (size_t i = 0; i < 100 * KIB; i++)
		wanted[i] = (char)(i * 31 % 251);
	for (size_t at = 0, n = 1; at < 100 * KIB; at += n, n = n * 3 % 8191 + 1) {
		if (n > 100 * KIB - at)
			n = 100 * KIB - at;
		assert_true(body_add(&b, &budget, MIB, wanted + at, n));
		assert_int_equal(b.bytes.data[b.bytes.len], '\0');
	}
	assert_true(buf_ok(&b.bytes));
	assert_int_equal(b.bytes.len, 100 * KIB);
	assert_memory_equal(b.bytes.data, wanted, 100 * KIB);
	body_free(&b, &budget);
	free(wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_alone_may_have_half),
		cmocka_unit_test(what_is_announced_is_not_what_is_held),
		cmocka_unit_test(a_crowd_holds_the_budget_and_no_more),
		cmocka_unit_test(what_is_left_is_shared),
		cmocka_unit_test(bytes_are_kept_as_they_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
