/* counts/gather.c - the counts of the running hookd. */
#include "counts/counts.h"

#include "dispatcher/dispatcher.h"
#include "listener/listener.h"
#include "store/store.h"

void counts_gather(const struct counts_sources *from, struct counts *out)
{
	struct store_counts store;
	struct dispatcher_counts dispatcher;
	struct listener_counts listener;

	store_counts(from->store, &store);
	dispatcher_counts(from->dispatcher, &dispatcher);
	listener_counts(from->listener, &listener);
	*out = (struct counts){
		.deliveries = {.running = dispatcher.running, .dead = store.dead},
		.stored = store.stored,
		.duplicates = store.duplicates,
		.quarantined = store.quarantined,
		.done = dispatcher.done,
		.requests = listener.requests,
		.refused = listener.refused,
		.unavailable = listener.unavailable,
		.connections = listener.connections,
		.held = dispatcher_holds(from->dispatcher, NULL, 0),
	};
	/* The store's number includes the running ones, some of which may have started since it was
	 * read. */
	if (store.waiting > (int64_t)dispatcher.running)
		out->deliveries.waiting = store.waiting - (int64_t)dispatcher.running;
}
