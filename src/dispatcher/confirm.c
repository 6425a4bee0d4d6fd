/* dispatcher/confirm.c - before a delivery starts whose hook wants it, the sender's API is asked
 * whether what the event reports is still so. Meanwhile the delivery is RUNNING in the store, waits
 * here, and takes no slot of limits.concurrency: an API that is slow holds up no other hook. */
#include "private.h"

#include <stddef.h>

static struct run *run_of(struct confirmation *c)
{
	char *base = (char *)c - offsetof(struct run, question);

	return (struct run *)(void *)base;
}

/* Any thread. */
static void question_answered(struct confirmation *c)
{
	struct dispatcher *d = run_of(c)->dispatcher;

	pthread_mutex_lock(&d->lock);
	c->next = d->orders.answered;
	d->orders.answered = c;
	pthread_mutex_unlock(&d->lock);
	dispatcher_wake(d);
}

bool dispatcher_confirm_ask(struct dispatcher *d, struct run *r, const struct conf_hook *hook)
{
	const struct delivery_job *job = r->job;
	const char *const *states;
	size_t count;

	if (d->confirmer.ask == NULL || job->failure != NULL || job->unreadable || job->damaged ||
		hook->action != &hook->own ||
		!conf_confirms(hook, job->type, job->origin, &states, &count))
		return false;
	r->conf = conf_ref(d->conf);
	r->hook = hook;
	r->question = (struct confirmation){
		.source = hook->source->name,
		.type = job->type,
		.payload = job->payload,
		.payload_len = job->payload_len,
		.states = states,
		.state_count = count,
		.done = question_answered,
	};
	r->next = d->asking;
	d->asking = r;
	r->queue->asking++;
	d->confirmer.ask(d->confirmer.arg, &r->question);
	return true;
}

struct run *dispatcher_confirm_take(struct dispatcher *d, struct confirmation *c)
{
	struct run *r = run_of(c), **link = &d->asking;

	while (*link != r)
		link = &(*link)->next;
	*link = r->next;
	r->queue->asking--;
	r->queue->due = 0; /* there may be room for another */
	return r;
}
