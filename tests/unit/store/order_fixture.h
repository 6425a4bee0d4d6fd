/* order_fixture.h - deliveries of alpha, wanted in order, for test_order*.c. */
#ifndef HOOKD_ORDER_FIXTURE_H
#define HOOKD_ORDER_FIXTURE_H

#include "fixture.h"

#define BLOCKED "SELECT count(*) FROM deliveries WHERE blocked_by IS NOT NULL"

static const struct store_want in_order = {.ordered = true};

static inline struct store_claim claim(struct fixture *fx, unsigned total)
{
	struct store_claim c = fx_claim_as(fx, 1, total, in_order);

	assert_int_equal(c.op.result, STORE_OK);
	return c;
}

static inline int64_t put(
	struct fixture *fx, const char *key, const char *entity, int64_t occurred_at)
{
	return fx_put_entity(fx, key, "transaction.updated", entity, occurred_at, 1);
}

/* Claims all that may run; it must be the one delivery of this event. */
static inline struct delivery_job claim_only(struct fixture *fx, int64_t event)
{
	struct store_claim c = claim(fx, 10);

	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->event, event);
	struct delivery_job job = {
		.delivery = c.jobs[0]->delivery, .attempt = c.jobs[0]->attempt, .event = event};
	fx_claim_free(&c);
	return job;
}

static inline void claim_none(struct fixture *fx)
{
	struct store_claim c = claim(fx, 10);

	assert_int_equal(c.job_count, 0);
}

static inline void finish(struct fixture *fx, struct delivery_job job, enum delivery_state state)
{
	enum attempt_result result = state == DELIVERY_DONE ? ATTEMPT_OK : ATTEMPT_PERMFAIL;

	assert_int_equal(fx_settle(fx, job.delivery, job.attempt, result, state, 0), STORE_OK);
}

static inline void requeue(struct fixture *fx, struct delivery_job job, int64_t due_at)
{
	assert_int_equal(
		fx_settle(fx, job.delivery, job.attempt, ATTEMPT_TEMPFAIL, DELIVERY_READY, due_at),
		STORE_OK);
}

#endif
