/* event/delivery.c - texts of the states and results; frees jobs. */
#include "event/delivery.h"

#include <stdlib.h>

const char *attempt_result_text(enum attempt_result result)
{
	static const char *const text[] = {
		[ATTEMPT_OK] = "ok",
		[ATTEMPT_TEMPFAIL] = "tempfail",
		[ATTEMPT_PERMFAIL] = "permfail",
		[ATTEMPT_INTERRUPTED] = "interrupted",
	};
	return text[result];
}

const char *delivery_state_text(enum delivery_state state)
{
	static const char *const text[] = {
		[DELIVERY_READY] = "READY",
		[DELIVERY_RUNNING] = "RUNNING",
		[DELIVERY_DONE] = "DONE",
		[DELIVERY_DEAD] = "DEAD",
		[DELIVERY_SKIPPED] = "SKIPPED",
	};
	return text[state];
}

void delivery_failure_free(struct delivery_failure *failure)
{
	if (failure == NULL)
		return;
	free(failure->hook);
	free(failure->reason);
	free(failure->output);
	free(failure);
}

void delivery_job_free(struct delivery_job *job)
{
	if (job == NULL)
		return;
	delivery_failure_free(job->failure);
	free(job->source);
	free(job->type);
	free(job->idempotency_key);
	free(job->origin);
	free(job->payload);
	free(job);
}
