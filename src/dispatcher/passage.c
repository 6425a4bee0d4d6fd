/* dispatcher/passage.c - submits operations to the store and takes them back; decides when
 * the store is tried again after a failure. */
#include "base/clock.h"
#include "private.h"

#include <unistd.h>

enum { BACKOFF_FIRST = 1000, BACKOFF_MAX = 30000 }; /* ms */

void dispatcher_wake(struct dispatcher *d)
{
	const uint64_t one = 1;
	/* Fails only if the counter is full, and then the thread is awake already. */
	ssize_t n = write(d->wake, &one, sizeof(one));
	(void)n;
}

void dispatcher_op_returned(struct dispatcher *d, struct store_op *op)
{
	pthread_mutex_lock(&d->lock);
	op->next = NULL;
	if (d->orders.last)
		d->orders.last->next = op;
	else
		d->orders.first = op;
	d->orders.last = op;
	/* Under the lock: once the last operation is back, the dispatcher may be freed, and
	 * nothing here may touch it after that. This eventfd never blocks. */
	if (d->orders.first == op) /* otherwise it is awake already, and takes all of them */
		dispatcher_wake(d);
	pthread_mutex_unlock(&d->lock);
}

void dispatcher_submit(struct dispatcher *d, struct store_op *op)
{
	struct store_op *first = op;

	if (op != NULL)
		op->next = NULL;
	if (d->batch_count > 0) {
		first = d->batch;
		*d->batch_end = op;
	}
	d->with_store += d->batch_count + (op != NULL);
	d->batch_count = 0;
	store_submit_all(d->store, first);
}

bool dispatcher_store_is_well(const struct dispatcher *d)
{
	return d->store_again == INT64_MAX;
}

void dispatcher_store_failed(struct dispatcher *d)
{
	if (!dispatcher_store_is_well(d))
		return; /* another operation of the same transaction has reported it */
	d->backoff = d->backoff ? d->backoff * 2 : BACKOFF_FIRST;
	if (d->backoff > BACKOFF_MAX)
		d->backoff = BACKOFF_MAX;
	d->store_again = clock_steady() + d->backoff;
}

void dispatcher_store_worked(struct dispatcher *d)
{
	if (dispatcher_store_is_well(d))
		d->backoff = 0;
}
