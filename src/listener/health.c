#include "health.h"

#include <stdatomic.h>
#include <stdlib.h>

/* The facts may be a request apart from each other: they are for people. */
struct source_health {
	struct source_health *next; /* constant */
	int64_t source;             /* constant */
	_Atomic int64_t refused_since, refused, accepted_at;
	_Atomic(const char *) reason;
};

struct health {
	_Atomic(struct source_health *) first;
};

static struct source_health *find(struct health *list, int64_t source)
{
	struct source_health *h = list != NULL ? atomic_load(&list->first) : NULL;

	while (h != NULL && h->source != source)
		h = h->next;
	return h;
}

static bool add_source(struct health *list, int64_t source)
{
	struct source_health *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return false;
	h->source = source;
	h->next = atomic_load(&list->first);
	atomic_store(&list->first, h);
	return true;
}

bool health_add(struct health **list, const struct conf *conf)
{
	if (*list == NULL)
		*list = calloc(1, sizeof(**list));
	for (size_t i = 0; *list != NULL && i < conf->source_count; i++) {
		int64_t source = conf->sources[i].store_id;

		if (find(*list, source) == NULL && !add_source(*list, source))
			return false;
	}
	return *list != NULL;
}

void health_free(struct health *list)
{
	struct source_health *h = list != NULL ? atomic_load(&list->first) : NULL;

	while (h != NULL) {
		struct source_health *next = h->next;

		free(h);
		h = next;
	}
	free(list);
}

void health_refused(struct health *list, int64_t source, int64_t now, const char *reason)
{
	struct source_health *h = find(list, source);
	int64_t none = 0;

	if (h == NULL)
		return;
	if (atomic_compare_exchange_strong(&h->refused_since, &none, now))
		atomic_store(&h->refused, 0);
	atomic_fetch_add(&h->refused, 1);
	atomic_store(&h->reason, reason);
}

void health_accepted(struct health *list, int64_t source, int64_t now)
{
	struct source_health *h = find(list, source);

	if (h == NULL)
		return;
	atomic_store(&h->accepted_at, now);
	if (atomic_load(&h->refused_since) != 0)
		atomic_store(&h->refused_since, 0);
}

void health_read(struct health *list, int64_t source, struct listener_health *out)
{
	struct source_health *h = find(list, source);

	*out = (struct listener_health){0};
	if (h == NULL)
		return;
	out->refused_since = atomic_load(&h->refused_since);
	out->refused = out->refused_since != 0 ? atomic_load(&h->refused) : 0;
	out->accepted_at = atomic_load(&h->accepted_at);
	out->reason = atomic_load(&h->reason);
}
