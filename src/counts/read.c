/* counts/read.c - the counts of a store's file. */
#include "counts/counts.h"

#include "store/status.h"

bool counts_read(
	struct store_reader *r, int64_t now, struct counts_stored *out, char why[STORE_READ_WHY])
{
	struct store_status s;

	if (!store_status(r, now, &s, why))
		return false;
	*out = (struct counts_stored){
		.deliveries = {.waiting = s.ready, .running = s.running, .dead = s.dead},
		.done = s.done,
		.skipped = s.skipped,
		.replayed = s.replayed,
		.events = s.events,
		.quarantined = s.quarantined,
		.last_minute = s.last_minute,
		.last_hour = s.last_hour,
		.last_day = s.last_day,
		.quarantined_last_day = s.quarantined_last_day,
		.oldest_due = s.oldest_due,
	};
	return true;
}
