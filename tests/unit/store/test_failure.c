/* The delivery to on_failure for one that was given up. */
#include "fixture.h"
#include "store/read.h"

static struct delivery_job claim_hook(struct fixture *fx, int64_t hook, struct store_claim *c)
{
	struct store_want want = {.hook = hook, .max = 10};

	*c = (struct store_claim){.op.kind = STORE_OP_CLAIM,
		.wants = &want,
		.want_count = 1,
		.total = 10,
		.now = clock_wall(),
		.room = INT64_MAX};
	assert_int_equal(store_wait(fx->st, &c->op), STORE_OK);
	c->wants = NULL;
	return c->job_count > 0 ? *c->jobs[0] : (struct delivery_job){0};
}

struct ending {
	int64_t delivery;
	unsigned attempt;
	enum delivery_state state;
	int64_t failure_hook;
	const char *message;
	const char *output;
	size_t output_len;
	int status;
};

static enum store_result settle(struct fixture *fx, struct ending e)
{
	char output[8192];
	struct attempt_outcome outcome = {.result = ATTEMPT_PERMFAIL,
		.exit_code = 65,
		.status = e.status,
		.output = output,
		.output_len = e.output_len};
	struct store_settle s = {
		.op.kind = STORE_OP_SETTLE,
		.delivery = e.delivery,
		.attempt = e.attempt,
		.outcome = &outcome,
		.ended_at = clock_wall(),
		.state = e.state,
		.failure_hook = e.failure_hook,
	};

	if (e.output_len > 0)
		memcpy(output, e.output, e.output_len);
	(void)snprintf(
		outcome.message, sizeof(outcome.message), "%s", e.message != NULL ? e.message : "");
	return store_wait(fx->st, &s.op);
}

/* One delivery of alpha that was given up, after two attempts. */
static int64_t give_up(struct fixture *fx, int64_t failure_hook, const char *output, size_t len)
{
	struct store_claim c;

	(void)fx_put(fx, "id:1", 1);
	int64_t delivery = claim_hook(fx, fx->hooks[0], &c).delivery;
	fx_claim_free(&c);
	struct ending e = {
		.delivery = delivery, .attempt = 1, .state = DELIVERY_READY, .message = "at first"};
	assert_int_equal(settle(fx, e), STORE_OK);
	(void)claim_hook(fx, fx->hooks[0], &c);
	fx_claim_free(&c);
	e = (struct ending){.delivery = delivery,
		.attempt = 2,
		.state = DELIVERY_DEAD,
		.failure_hook = failure_hook,
		.message = "no such order",
		.output = output,
		.output_len = len,
		.status = 404};
	assert_int_equal(settle(fx, e), STORE_OK);
	return delivery;
}

static void test_its_action_gets_what_was_given_up(void **state)
{
	struct fixture *fx = *state;
	int64_t telling = fx_name(fx->st, STORE_NAME_HOOK, "alpha/on_failure");
	int64_t before = clock_wall();
	struct store_claim c;

	int64_t delivery = give_up(fx, telling, "a\0b", 3);
	assert_int_equal(fx_counts(fx).dead, 1);
	assert_int_equal(fx_counts(fx).waiting, 1);
	(void)claim_hook(fx, telling, &c);
	assert_int_equal(c.job_count, 1);
	const struct delivery_job *job = c.jobs[0];
	assert_int_equal(job->hook, telling);
	assert_int_equal(job->attempt, 1);
	assert_memory_equal(job->payload, "{}", 2);
	assert_string_equal(job->type, "transaction.approved");
	assert_true(job->received_at >= before && job->received_at <= job->started_at);
	assert_non_null(job->failure);
	assert_int_equal(job->failure->delivery, delivery);
	assert_int_equal(job->failure->attempts, 2);
	assert_string_equal(job->failure->hook, "alpha");
	assert_string_equal(job->failure->reason, "no such order");
	assert_int_equal(job->failure->output_len, 3);
	assert_memory_equal(job->failure->output, "a\0b", 3);
	char key[64];
	(void)snprintf(key, sizeof(key), "fedapay/id:1/alpha/on_failure/%lld", (long long)delivery);
	assert_string_equal(job->idempotency_key, key);
	fx_claim_free(&c);
	assert_int_equal(fx_number(fx, "SELECT status FROM attempts WHERE number = 2"
				       " AND delivery_id = (SELECT min(id) FROM deliveries)"),
		404);
}

static void test_other_jobs_have_no_failure(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put(fx, "id:1", 1);
	struct store_claim c = fx_claim(fx, 1, 1);
	assert_null(c.jobs[0]->failure);
	assert_string_equal(c.jobs[0]->idempotency_key, "fedapay/id:1/alpha");
	fx_claim_free(&c);
}

static void test_only_the_end_of_a_long_output(void **state)
{
	struct fixture *fx = *state;
	int64_t telling = fx_name(fx->st, STORE_NAME_HOOK, "alpha/on_failure");
	static char output[8000];
	struct store_claim c;

	for (size_t i = 0; i < sizeof(output); i++)
		output[i] = (char)(i * 7 >> 2);
	(void)give_up(fx, telling, output, sizeof(output));
	(void)claim_hook(fx, telling, &c);
	assert_int_equal(c.jobs[0]->failure->output_len, DELIVERY_FAILURE_OUTPUT);
	assert_memory_equal(c.jobs[0]->failure->output,
		output + sizeof(output) - DELIVERY_FAILURE_OUTPUT, DELIVERY_FAILURE_OUTPUT);
	fx_claim_free(&c);
}

static void test_without_message_and_output(void **state)
{
	struct fixture *fx = *state;
	int64_t telling = fx_name(fx->st, STORE_NAME_HOOK, "alpha/on_failure");
	struct store_claim c;

	(void)fx_put(fx, "id:1", 1);
	int64_t delivery = claim_hook(fx, fx->hooks[0], &c).delivery;
	fx_claim_free(&c);
	struct ending e = {.delivery = delivery,
		.attempt = 1,
		.state = DELIVERY_DEAD,
		.failure_hook = telling};
	assert_int_equal(settle(fx, e), STORE_OK);
	(void)claim_hook(fx, telling, &c);
	assert_string_equal(c.jobs[0]->failure->reason, "");
	assert_int_equal(c.jobs[0]->failure->output_len, 0);
	fx_claim_free(&c);
}

static void test_settling_twice_adds_it_once(void **state)
{
	struct fixture *fx = *state;
	int64_t telling = fx_name(fx->st, STORE_NAME_HOOK, "alpha/on_failure");
	int64_t delivery = give_up(fx, telling, NULL, 0);
	struct ending e = {.delivery = delivery,
		.attempt = 2,
		.state = DELIVERY_DEAD,
		.failure_hook = telling};

	assert_int_equal(settle(fx, e), STORE_OK);
	e.attempt = 1;
	assert_int_equal(settle(fx, e), STORE_OK);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries"), 2);
	assert_int_equal(fx_counts(fx).waiting, 1);
	assert_int_equal(fx_counts(fx).dead, 1);
}

static void test_only_what_is_given_up_has_one(void **state)
{
	struct fixture *fx = *state;
	int64_t telling = fx_name(fx->st, STORE_NAME_HOOK, "alpha/on_failure");
	struct store_claim c;

	(void)give_up(fx, 0, NULL, 0);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries"), 1);
	(void)fx_put(fx, "id:2", 1);
	int64_t delivery = claim_hook(fx, fx->hooks[0], &c).delivery;
	fx_claim_free(&c);
	struct ending e = {.delivery = delivery,
		.attempt = 1,
		.state = DELIVERY_DONE,
		.failure_hook = telling};
	assert_int_equal(settle(fx, e), STORE_OK);
	assert_int_equal(fx_counts(fx).waiting, 0);
}

static void test_both_go_in_or_neither(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;
	struct store_claim c;

	(void)fx_put(fx, "id:1", 1);
	int64_t delivery = claim_hook(fx, fx->hooks[0], &c).delivery;
	fx_claim_free(&c);
	struct ending e = {.delivery = delivery,
		.attempt = 1,
		.state = DELIVERY_DEAD,
		.failure_hook = 4711}; /* there is no such hook */
	capture_begin(&capture);
	enum store_result result = settle(fx, e);
	assert_non_null(strstr(capture_end(&capture), "store cannot write"));
	assert_int_equal(result, STORE_ERROR);
	assert_int_equal(fx_number(fx, "SELECT state = 'RUNNING' FROM deliveries"), 1);
	assert_int_equal(fx_counts(fx).dead, 0);
	assert_int_equal(fx_counts(fx).waiting, 1);
}

static void test_it_survives_a_restart_and_counts(void **state)
{
	struct fixture *fx = *state;
	int64_t telling = fx_name(fx->st, STORE_NAME_HOOK, "alpha/on_failure");
	struct store_claim c;

	(void)give_up(fx, telling, "x", 1);
	(void)claim_hook(fx, telling, &c);
	fx_claim_free(&c);
	fx_close(fx);
	fx_open(fx);
	assert_int_equal(fx_counts(fx).waiting, 1);
	(void)claim_hook(fx, telling, &c);
	assert_int_equal(c.jobs[0]->attempt, 2);
	assert_string_equal(c.jobs[0]->failure->reason, "no such order");
	fx_claim_free(&c);
}

static void test_retention_takes_both(void **state)
{
	struct fixture *fx = *state;
	int64_t telling = fx_name(fx->st, STORE_NAME_HOOK, "alpha/on_failure");
	struct store_claim c;

	(void)give_up(fx, telling, "x", 1);
	fx_exec(fx->path, "UPDATE events SET received_at = 1000");
	store_configure(fx->st, 3600000, 1000);
	(void)fx_put(fx, "id:2", 0);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries"), 2); /* one waits */
	int64_t delivery = claim_hook(fx, telling, &c).delivery;
	fx_claim_free(&c);
	struct ending e = {.delivery = delivery, .attempt = 1, .state = DELIVERY_DEAD};
	assert_int_equal(settle(fx, e), STORE_OK);
	assert_int_equal(fx_counts(fx).dead, 2);
	store_configure(fx->st, 3600001, 1000);
	fx_await(fx, "SELECT count(*) FROM deliveries", 0);
	struct store_op ping = {.kind = STORE_OP_PING};
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	assert_int_equal(fx_counts(fx).dead, 0);
}

struct seen {
	int rows;
	int64_t failed_id;
	char key[128];
};

static void see(void *arg, const struct store_delivery_row *row)
{
	struct seen *seen = arg;

	seen->rows++;
	seen->failed_id = row->failed_id;
	(void)snprintf(seen->key, sizeof(seen->key), "%s", row->idempotency_key);
}

static void test_a_reader_sees_what_it_is_for(void **state)
{
	struct fixture *fx = *state;
	int64_t telling = fx_name(fx->st, STORE_NAME_HOOK, "alpha/on_failure");
	int64_t delivery = give_up(fx, telling, NULL, 0);
	char why[STORE_READ_WHY];
	struct seen seen = {0};
	struct store_claim c;

	struct store_reader *r = store_reader_open(fx->path, why);
	assert_non_null(r);
	assert_true(store_read_deliveries(r, 1, see, &seen, why));
	store_reader_close(r);
	assert_int_equal(seen.rows, 2);
	assert_int_equal(seen.failed_id, delivery);
	(void)claim_hook(fx, telling, &c);
	assert_string_equal(seen.key, c.jobs[0]->idempotency_key);
	fx_claim_free(&c);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_its_action_gets_what_was_given_up),
		OPEN(test_other_jobs_have_no_failure),
		OPEN(test_only_the_end_of_a_long_output),
		OPEN(test_without_message_and_output),
		OPEN(test_settling_twice_adds_it_once),
		OPEN(test_only_what_is_given_up_has_one),
		OPEN(test_both_go_in_or_neither),
		OPEN(test_it_survives_a_restart_and_counts),
		OPEN(test_retention_takes_both),
		OPEN(test_a_reader_sees_what_it_is_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
