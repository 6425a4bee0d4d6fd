/* dispatcher/answer.c - what the answer to a question of confirm.c means for its delivery. */
#include "base/log.h"
#include "private.h"

enum { MISSING_MAX = 2 /* attempts that may find nothing */ };

static void log_deferred(struct dispatcher *d, const struct run *r)
{
	unsigned suppressed;

	if (!log_allowed(&d->deferrals, &suppressed))
		return;
	log_warn("delivery waits for its confirmation", log_int("event", r->job->event),
		log_text("hook", r->hook->name), log_int("retry_in_s", r->question.wait / 1000),
		log_text("reason", r->question.why));
}

static void await_slot(struct dispatcher *d, struct run *r)
{
	conf_unref(r->conf);
	r->conf = NULL;
	r->hook = NULL;
	r->confirmed = true;
	dispatcher_run_await_slot(d, r);
}

static void skip(struct dispatcher *d, struct run *r)
{
	log_info("delivery skipped", log_int("event", r->job->event),
		log_text("hook", r->hook->name), log_text("reason", r->question.why));
	dispatcher_run_leave(d, r, true, 0);
}

static void take_answer(struct dispatcher *d, struct run *r)
{
	switch (r->question.result) {
	case CONFIRMATION_YES:
		await_slot(d, r);
		break;
	case CONFIRMATION_OVER:
		skip(d, r);
		break;
	case CONFIRMATION_MISMATCH:
		dispatcher_run_refuse(d, r, ATTEMPT_PERMFAIL);
		break;
	case CONFIRMATION_MISSING:
		dispatcher_run_refuse(d, r,
			r->job->failures >= MISSING_MAX ? ATTEMPT_PERMFAIL : ATTEMPT_TEMPFAIL);
		break;
	case CONFIRMATION_LATER:
		log_deferred(d, r);
		dispatcher_run_leave(d, r, false, r->question.wait);
		break;
	}
}

void dispatcher_answers_take(struct dispatcher *d, struct confirmation *first)
{
	while (first != NULL) {
		struct confirmation *next = first->next;
		struct run *r = dispatcher_confirm_take(d, first);

		first = next;
		if (d->draining)
			dispatcher_run_leave(d, r, false, 0);
		else
			take_answer(d, r);
	}
}
