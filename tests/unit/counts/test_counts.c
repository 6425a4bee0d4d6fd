/* The running hookd's counts and those of the store's file have the same meaning. */
#include "counts/counts.h"
#include "store/fixture.h"

static struct counts_stored read_counts(const struct fixture *fx)
{
	char why[STORE_READ_WHY];
	struct store_reader *r = store_reader_open(fx->path, why);
	struct counts_stored c;

	assert_non_null(r);
	assert_true(counts_read(r, clock_wall(), &c, why));
	store_reader_close(r);
	return c;
}

static void assert_same(struct fixture *fx, int64_t waiting, int64_t running, int64_t dead)
{
	struct store_counts live = fx_counts(fx);
	struct counts_stored stored = read_counts(fx);

	assert_int_equal(stored.deliveries.waiting, waiting);
	assert_int_equal(stored.deliveries.running, running);
	assert_int_equal(stored.deliveries.dead, dead);
	assert_int_equal(live.waiting, waiting + running);
	assert_int_equal(live.dead, dead);
}

static void counts_agree_through_a_delivery_s_life(void **state)
{
	struct fixture *fx = *state;
	struct store_claim c;

	(void)fx_put(fx, "id:1", 3);
	(void)fx_put(fx, "id:2", 1);
	assert_same(fx, 4, 0, 0);
	c = fx_claim(fx, 2, 2);
	assert_int_equal(c.job_count, 2);
	assert_same(fx, 2, 2, 0);
	(void)fx_settle(fx, c.jobs[0]->delivery, 1, ATTEMPT_PERMFAIL, DELIVERY_DEAD, 0);
	(void)fx_settle(fx, c.jobs[1]->delivery, 1, ATTEMPT_OK, DELIVERY_DONE, 0);
	fx_claim_free(&c);
	assert_same(fx, 2, 0, 1);
	assert_int_equal(read_counts(fx).done, 1);
	assert_int_equal(read_counts(fx).events, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			counts_agree_through_a_delivery_s_life, fx_make_open, fx_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
