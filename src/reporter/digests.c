#include "digests.h"

#include "base/clock.h"
#include "dispatcher/dispatcher.h"
#include "reporter/digest.h"
#include "schedule.h"
#include "store/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY INT64_C(86400000)

enum { HELD = 16 }; /* hooks that a digest names */

/* Did the store have an event by then? A new hookd makes no digest of the day before. */
static bool had_events(struct round *round, int64_t due)
{
	char why[STORE_READ_WHY];
	int64_t first;

	if (store_report_first(round->store, &first, why))
		return first != 0 && first < due;
	round_failed(round, "cannot read the store for a report", why);
	return false;
}

/* The end that an id names. Version 0.1.0 wrote the day only. 0: none. */
static int64_t end_of_id(const char *id, unsigned at)
{
	const char *text = id + strlen(DIGEST_ID);
	size_t len = strlen(text);
	int64_t end;

	if (clock_parse(text, len, &end))
		return end;
	return clock_parse_short(text, len, &end) ? schedule_last(end + DAY - 1, at) : 0;
}

/* When the last digest ended; one of the future was made by a clock that was ahead. 0: there is
 * none. False: it failed. */
static bool find_last(struct digests *ds, struct round *round, int64_t *last)
{
	char why[STORE_READ_WHY], *key;

	*last = ds->ended;
	if (*last == 0) {
		if (!store_report_last_key(
			    round->store, round->conf->own.name, "id:" DIGEST_ID, &key, why)) {
			round_failed(round, "cannot read the store for a report", why);
			return false;
		}
		if (key != NULL)
			*last = end_of_id(key + strlen("id:"), round->conf->digest.at);
		free(key);
	}
	if (*last > round->now)
		*last = 0;
	return true;
}

/* With `when: dead` a day of which nothing was reported is not part of a later digest. */
static bool find_start(struct round *round, int64_t last, int64_t due, int64_t *from)
{
	int64_t day_before = schedule_last(due - 1, round->conf->digest.at), dead = 0, died = 1;
	char why[STORE_READ_WHY];

	*from = last != 0 ? last : day_before;
	if (*from >= day_before || round->conf->digest.when != CONF_DIGEST_DEAD)
		return true;
	if (!store_report_deaths(round->store, *from, day_before, &dead, &died, why)) {
		round_failed(round, "cannot read the store for a report", why);
		return false;
	}
	if (died == 0)
		*from = day_before;
	return true;
}

/* Fills held, which points into holds; how many there are. */
static size_t find_held(struct dispatcher *dispatcher, struct dispatcher_hold holds[HELD],
	struct digest_held held[HELD])
{
	size_t count = dispatcher_holds(dispatcher, holds, HELD);

	if (count > HELD)
		count = HELD;
	for (size_t i = 0; i < count; i++)
		held[i] = (struct digest_held){holds[i].hook, holds[i].why, holds[i].since};
	return count;
}

static void make_digest(struct digests *ds, struct round *round, int64_t from, int64_t due)
{
	struct dispatcher_hold holds[HELD];
	struct digest_held held[HELD];
	const struct digest_scope scope = {from, due, held, find_held(ds->dispatcher, holds, held)};
	char why[STORE_READ_WHY];
	struct buf body = {0};
	int64_t died;

	if (!digest_make(round->store, round->conf, &scope, &body, &died, why))
		round_failed(round, "digest not made, will be retried", why);
	else if ((round->conf->digest.when == CONF_DIGEST_DEAD && died == 0) ||
		 round_store(round, round->conf->digest_hook, &body))
		ds->ended = due;
	buf_free(&body);
}

void digests_check(struct digests *ds, struct round *round)
{
	unsigned at = round->conf->digest.at;
	int64_t due = schedule_last(round->now, at), last, from;

	round_schedule(round, schedule_next(round->now, at));
	if (!find_last(ds, round, &last) || due <= last)
		return;
	if (had_events(round, due) && find_start(round, last, due, &from))
		make_digest(ds, round, from, due);
}
