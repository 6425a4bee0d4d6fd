#include "history.h"

#include <assert.h>
#include <stdlib.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

#define EVENTS_PER_CASE 2.66 /* measured, for one transaction, customer or payout */
#define FIRST_EVENT     UINT64_C(1203400000)
#define FIRST_ENTITY    UINT64_C(98446000)
#define CUSTOMERS       20000 /* active at a time, each buying several times */

/* A future event. */
struct coming {
	int64_t received_at;
	int64_t changed_at;
	int64_t created_at;
	uint64_t number; /* of the case */
	enum fedapay_kind kind;
	const char *state;
};

struct history {
	uint64_t seed;
	double gap;          /* ms from one case to the next */
	int64_t begin;       /* unix ms */
	uint64_t cases;      /* so far */
	uint64_t events;     /* so far */
	struct coming *heap; /* the earliest first */
	size_t count;
	size_t room;
};

enum what { WHAT_KIND, WHAT_FATE, WHAT_DELAY, WHAT_LATE, WHAT_LOOKS, WHAT_AMOUNT, WHAT_CUSTOMER };

uint64_t history_bits(uint64_t seed, uint64_t number, uint64_t what)
{
	/* splitmix64 */
	uint64_t z = seed * UINT64_C(0xd1342543de82ef95) + number * UINT64_C(0x9e3779b97f4a7c15) +
		     what * UINT64_C(0xbf58476d1ce4e5b9) + UINT64_C(0x94d049bb133111eb);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static unsigned per_mille(const struct history *h, uint64_t number, enum what what)
{
	return (unsigned)(history_bits(h->seed, number, what) % 1000);
}

/* ---- future events ---- */

static bool push(struct history *h, const struct coming *c)
{
	if (h->count == h->room) {
		size_t room = h->room == 0 ? 1024 : 2 * h->room;
		struct coming *heap = reallocarray(h->heap, room, sizeof(*heap));
		if (heap == NULL)
			return false;
		h->heap = heap;
		h->room = room;
	}
	size_t i = h->count++;
	for (; i > 0 && h->heap[(i - 1) / 2].received_at > c->received_at; i = (i - 1) / 2)
		h->heap[i] = h->heap[(i - 1) / 2];
	h->heap[i] = *c;
	return true;
}

static struct coming pop(struct history *h)
{
	assert(h->count > 0);
	struct coming first = h->heap[0];
	struct coming last = h->heap[--h->count];
	size_t i = 0;

	for (size_t child; (child = 2 * i + 1) < h->count; i = child) {
		if (child + 1 < h->count &&
			h->heap[child + 1].received_at < h->heap[child].received_at)
			child++;
		if (last.received_at <= h->heap[child].received_at)
			break;
		h->heap[i] = h->heap[child];
	}
	h->heap[i] = last;
	return first;
}

/* One state of a case, `after` ms from its creation. One in a hundred needs a second try by
 * FedaPay and may be overtaken. */
static bool add(struct history *h, const struct coming *base, const char *state, int64_t after)
{
	struct coming c = *base;
	uint64_t bits = history_bits(h->seed, base->number * 8 + (uint64_t)after, WHAT_LATE);

	c.state = state;
	c.changed_at = base->created_at + after;
	c.received_at = c.changed_at + 200 + (int64_t)(bits % 1500);
	if (bits >> 32 < UINT32_MAX / 100)
		c.received_at += 30 * SECOND + (int64_t)(bits % (5 * (uint64_t)MINUTE));
	return push(h, &c);
}

static bool add_transaction(struct history *h, const struct coming *base)
{
	uint64_t delay = history_bits(h->seed, base->number, WHAT_DELAY);
	int64_t decided = 20 * SECOND + (int64_t)(delay % (3 * (uint64_t)MINUTE));
	int64_t settled = 24 * HOUR + (int64_t)(delay / 7 % (6 * (uint64_t)HOUR));
	unsigned fate = per_mille(h, base->number, WHAT_FATE);

	if (!add(h, base, "created", 0))
		return false;
	if (fate >= 980)
		return true; /* the customer gave up */
	if (fate >= 950)
		return add(h, base, "expired", 24 * HOUR);
	if (fate >= 900)
		return add(h, base, "canceled", decided);
	if (fate >= 720)
		return add(h, base, "declined", decided);
	if (!add(h, base, "approved", decided))
		return false;
	if (fate < 15)
		return add(h, base, "refunded", settled);
	return fate >= 640 || add(h, base, "transferred", settled);
}

static bool add_case(struct history *h)
{
	uint64_t number = h->cases++;
	unsigned kind = per_mille(h, number, WHAT_KIND);
	uint64_t delay = history_bits(h->seed, number, WHAT_DELAY);
	struct coming c = {
		.number = number,
		.created_at = h->begin + (int64_t)((double)number * h->gap),
	};

	if (kind < 60) {
		c.kind = FEDAPAY_CUSTOMER;
		return add(h, &c, "created", 0) &&
		       (kind >= 20 ||
			       add(h, &c, "updated", (int64_t)(delay % (48 * (uint64_t)HOUR))));
	}
	if (kind < 120) {
		c.kind = FEDAPAY_PAYOUT;
		return add(h, &c, "created", 0) && add(h, &c, "started", 5 * SECOND) &&
		       add(h, &c, kind < 65 ? "failed" : "sent",
			       30 * SECOND + (int64_t)(delay % (uint64_t)HOUR));
	}
	c.kind = FEDAPAY_TRANSACTION;
	return add_transaction(h, &c);
}

/* A new case begins before anything else happens. */
static bool next(struct history *h, struct coming *c)
{
	while (h->count == 0 ||
		h->begin + (int64_t)((double)h->cases * h->gap) <= h->heap[0].received_at)
		if (!add_case(h))
			return false;
	*c = pop(h);
	return true;
}

struct history *history_new(uint64_t seed, uint64_t events, int64_t end)
{
	struct history *h = calloc(1, sizeof(*h));
	struct coming c = {0};

	if (h == NULL)
		return NULL;
	h->seed = seed;
	h->gap = (double)HISTORY_SPAN / ((double)events / EVENTS_PER_CASE + 1);
	/* The time of the last one is known only after all were made: so they are made twice. */
	for (uint64_t i = 0; i < events; i++) {
		if (!next(h, &c)) {
			history_free(h);
			return NULL;
		}
	}
	h->begin = end - c.received_at;
	h->cases = 0;
	h->count = 0;
	return h;
}

/* Some customers buy several times; a customer's own case is about that customer. */
static uint64_t customer_of(const struct history *h, const struct coming *c)
{
	uint64_t bits = history_bits(h->seed, c->number, WHAT_CUSTOMER);

	if (c->kind == FEDAPAY_CUSTOMER || c->number < CUSTOMERS)
		return 2345000 + c->number;
	return 2345000 + c->number - bits % CUSTOMERS;
}

bool history_next(struct history *h, struct fedapay_event *ev, int64_t *received_at)
{
	struct coming c;

	if (!next(h, &c))
		return false;
	uint64_t amount = history_bits(h->seed, c.number, WHAT_AMOUNT);
	*received_at = c.received_at;
	*ev = (struct fedapay_event){
		.id = FIRST_EVENT + h->events++,
		.kind = c.kind,
		.state = c.state,
		.entity_id =
			c.kind == FEDAPAY_CUSTOMER ? customer_of(h, &c) : FIRST_ENTITY + c.number,
		.customer_id = customer_of(h, &c),
		.looks = history_bits(h->seed, c.number, WHAT_LOOKS),
		.amount = 100 * (int64_t)(1 + amount % 50 * (amount / 64 % 20)),
		.created_at = c.created_at,
		.changed_at = c.changed_at,
	};
	return true;
}

void history_free(struct history *h)
{
	if (h == NULL)
		return;
	free(h->heap);
	free(h);
}
