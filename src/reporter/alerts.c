#include "alerts.h"

#include "base/clock.h"
#include "contradictions.h"
#include "dispatcher/dispatcher.h"
#include "fills.h"
#include "listener/listener.h"
#include "mismatches.h"
#include "reporter/alert.h"
#include "store/catchup.h"
#include "store/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLDS   64                    /* hooks with an alert at once */
#define DAY     INT64_C(86400000)     /* ms: what came so long before the start is compared */
#define OVERLAP INT64_C(60000)        /* ms: what is stored by now may have come before that */
#define SETTLED (15 * INT64_C(60000)) /* ms after the start: what was held is held again */

static bool is_alarming(const struct listener_health *health, int64_t now)
{
	return health->refused_since != 0 && health->refused >= ALERT_REFUSED_LEAST &&
	       now - health->refused_since >= ALERT_REFUSED_AFTER;
}

static bool has_new_events(const struct alerts *al)
{
	struct store_counts counts;

	store_counts(al->watched.store, &counts);
	return al->searched == 0 || counts.stored != al->stored;
}

bool alerts_find(struct alerts *al, const struct round *round)
{
	struct listener_health health;
	struct dispatcher_hold hold;

	if (!al->looked || al->open || has_new_events(al) ||
		dispatcher_holds(al->watched.dispatcher, &hold, 1) > 0)
		return true;
	for (size_t i = 0; i < round->conf->source_count; i++) {
		listener_health(al->watched.listener, round->conf->sources[i].store_id, &health);
		if (is_alarming(&health, round->now) || round->conf->sources[i].api.key != NULL)
			return true;
	}
	return false;
}

/* The alert about the same source or hook that is open in the store. *since 0: none is. False: it
 * failed. */
static bool find_open(struct round *round, const struct alert *a, int64_t *since)
{
	struct alert any = *a;
	char id[ALERT_ID], prefix[ALERT_ID + 3], why[STORE_READ_WHY], *key;

	*since = 0;
	any.since = 0;
	alert_id(&any, false, id);
	(void)snprintf(prefix, sizeof(prefix), "id:%s", id);
	if (!store_report_last_key(round->store, round->conf->own.name, prefix, &key, why)) {
		round_failed(round, "cannot read the store for an alert", why);
		return false;
	}
	/* "…:over" comes after the alert itself. */
	if (key != NULL && strchr(key + strlen(prefix), ':') == NULL)
		*since = strtoll(key + strlen(prefix), NULL, 10);
	free(key);
	return true;
}

static void store_alert(struct round *round, const struct alert *a, bool over)
{
	struct buf body = {0};

	if (!alert_body(a, over, round->now, &body))
		round_failed(round, "out of memory: report not made", a->name);
	else
		(void)round_store(round, round->conf->alert_hook, &body);
	buf_free(&body);
}

/* The state is on (a->since), or it is known to be over. */
static void check_state(struct alerts *al, struct round *round, struct alert *a, bool on, bool over)
{
	int64_t since;

	if (!find_open(round, a, &since)) {
		al->looked = false;
		return;
	}
	if (on && (since == 0 || (a->kind == ALERT_WEBHOOK && since != a->since))) {
		store_alert(round, a, false);
	} else if (over && since != 0) {
		a->since = since;
		store_alert(round, a, true);
	}
	al->open = al->open || on || (since != 0 && !over);
}

static void check_source(struct alerts *al, struct round *round, const struct conf_source *source)
{
	struct listener_health health;
	struct alert a = {.kind = ALERT_REFUSED, .name = source->name, .source = source};

	listener_health(al->watched.listener, source->store_id, &health);
	a.since = health.refused_since;
	a.count = health.refused;
	a.reason = health.reason != NULL ? health.reason : "";
	check_state(al, round, &a, is_alarming(&health, round->now),
		health.refused_since == 0 && health.accepted_at != 0);
}

/* One message for both if hookd has enabled it at once. */
static void check_webhook(struct alerts *al, struct round *round, struct alert *a,
	const struct store_catchup_state *state)
{
	bool bad = store_catchup_webhook_is_bad(state);

	a->kind = ALERT_WEBHOOK;
	a->since = state->webhook_bad_at;
	a->reason = state->webhook_text;
	a->by_hookd = state->reenabled_at != 0 && state->reenabled_at >= state->webhook_bad_at;
	if (!bad && a->by_hookd)
		store_alert(round, a, true);
	else
		check_state(al, round, a, bad, !bad && state->webhook_at != 0);
}

/* What the thread that reads events back has found. */
static void check_api(struct alerts *al, struct round *round, const struct conf_source *source)
{
	struct alert a = {.kind = ALERT_API, .name = source->name, .source = source};
	struct store_catchup_state state;
	char why[STORE_READ_WHY];
	int64_t last;

	if (!store_catchup_read(round->store, source->name, &state, why) ||
		!store_catchup_filled(round->store, source->name, state.webhook_bad_at, INT64_MAX,
			&a.count, &last, why)) {
		round_failed(round, "cannot read the store for an alert", why);
		return;
	}
	a.since = state.failed_at;
	a.reason = state.failure;
	check_state(al, round, &a,
		state.failed_at != 0 &&
			(state.denied != 0 || round->now - state.failed_at >= ALERT_API_AFTER),
		state.failed_at == 0 && state.read_at != 0);
	check_webhook(al, round, &a, &state);
	fills_check(round, source->name, &state);
}

static const struct dispatcher_hold *find_hold(
	const struct dispatcher_hold *holds, size_t count, const char *hook)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(holds[i].hook, hook) == 0)
			return &holds[i];
	return NULL;
}

/* A hook that was held when hookd ended, and is not held yet, may be so again soon. */
static void check_hook(struct alerts *al, struct round *round, const struct conf_hook *hook,
	const struct dispatcher_hold *hold)
{
	struct alert a = {.kind = ALERT_HELD, .name = hook->name, .reason = ""};

	if (hold != NULL) {
		a.since = hold->since;
		a.count = hold->probes;
		a.reason = hold->why;
	}
	check_state(al, round, &a, hold != NULL,
		hold == NULL && clock_steady() - al->started >= SETTLED);
}

/* `all`: the store may have an alert that is open. Otherwise only those that are held. */
static void check_hooks(struct alerts *al, struct round *round, bool all)
{
	struct dispatcher_hold *holds = calloc(HOLDS, sizeof(*holds));
	size_t count;

	if (holds == NULL)
		return;
	count = dispatcher_holds(al->watched.dispatcher, holds, HOLDS);
	if (count > HOLDS)
		count = HOLDS;
	/* Not the alert's own hook: its target is what is down. */
	for (size_t i = 0; i < round->conf->all_count; i++) {
		const struct conf_hook *hook = round->conf->all[i];
		const struct dispatcher_hold *hold = find_hold(holds, count, hook->name);

		if (hook != round->conf->alert_hook && (all || hold != NULL))
			check_hook(al, round, hook, hold);
	}
	free(holds);
}

struct search {
	struct round *round;
	bool failed;
};

static void alert_contradiction(void *arg, const struct store_report_entity *entity,
	const struct contradiction *c, unsigned number)
{
	struct search *s = arg;
	struct buf body = {0};

	if (!contradiction_body(entity, c, number, s->round->now, &body)) {
		round_failed(s->round, "out of memory: report not made", entity->source);
		s->failed = true;
	} else if (!round_store(s->round, s->round->conf->alert_hook, &body)) {
		s->failed = true;
	}
	buf_free(&body);
}

/* One that was found before is stored already. */
static void check_contradictions(struct alerts *al, struct round *round)
{
	int64_t from = al->searched != 0 ? al->searched - OVERLAP : round->now - DAY;
	struct search search = {.round = round};
	char why[STORE_READ_WHY];
	struct store_counts counts;

	if (!has_new_events(al))
		return;
	store_counts(al->watched.store, &counts);
	if (!contradictions_each(
		    round->store, round->conf, from, INT64_MAX, alert_contradiction, &search, why))
		round_failed(round, "cannot read the store for an alert", why);
	else if (!search.failed) {
		al->stored = counts.stored;
		al->searched = round->now;
	}
}

void alerts_check(struct alerts *al, struct round *round)
{
	bool all = !al->looked || al->open;

	al->looked = true;
	al->open = false;
	for (size_t i = 0; i < round->conf->source_count; i++)
		check_source(al, round, &round->conf->sources[i]);
	for (size_t i = 0; i < round->conf->source_count; i++)
		if (round->conf->sources[i].api.key != NULL)
			check_api(al, round, &round->conf->sources[i]);
	check_hooks(al, round, all);
	check_contradictions(al, round);
	mismatches_check(round, round->now - DAY);
}
