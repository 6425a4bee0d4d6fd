/* dispatcher/payloads.c - the room in memory that large payloads share. Those that find none wait
 * in the store. They get it in turn: while the first of them waits for room, others that count are
 * left, too, even if they would fit. */
#include "private.h"

void dispatcher_payloads_limit(struct dispatcher *d)
{
	d->payloads.reserved = d->payloads.needed > 0;
	d->claim.room = d->payloads.reserved ? 0 : d->payloads.max - d->payloads.bytes;
	d->claim.alone = d->payloads.bytes == 0;
}

/* Claims again if there is room for the one that was left. */
static void check_needed(struct dispatcher *d)
{
	bool room =
		d->payloads.bytes == 0 || d->payloads.needed <= d->payloads.max - d->payloads.bytes;

	if (d->payloads.needed == 0 || !room)
		return;
	d->payloads.needed = 0;
	dispatcher_refresh(d);
}

void dispatcher_payloads_claimed(struct dispatcher *d)
{
	if (d->payloads.reserved)
		return; /* it says nothing new */
	d->payloads.needed = d->claim.needed;
	d->payloads.hook = d->claim.needed_hook;
	check_needed(d); /* it may have been freed meanwhile */
}

int64_t dispatcher_payload_take(struct dispatcher *d, const struct delivery_job *job)
{
	int64_t bytes = job->payload_len > STORE_SMALL_PAYLOAD ? (int64_t)job->payload_len : 0;

	d->payloads.bytes += bytes;
	return bytes;
}

void dispatcher_payload_free(struct dispatcher *d, int64_t bytes)
{
	d->payloads.bytes -= bytes;
	check_needed(d);
}
