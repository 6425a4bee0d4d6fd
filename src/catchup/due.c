/* catchup/due.c - one sweep of a source with all that belongs to it, and when the next one is. */
#include "base/clock.h"
#include "base/log.h"
#include "health.h"
#include "pace.h"
#include "parts.h"
#include "task.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdint.h>

#define SECOND       INT64_C(1000)
#define MINUTE       (60 * SECOND)
#define DENIED_AGAIN (60 * MINUTE) /* to the next probe with a key that was refused */
#define FAILED_FIRST MINUTE
#define FAILED_MAX   (15 * MINUTE)
#define HEALTH_EVERY (15 * MINUTE)

void due_log(struct task *t, enum task_end end, int64_t filled)
{
	const struct log_field source = log_text("source", t->source->name);

	if (end == TASK_DENIED && !t->denied)
		log_error("events cannot be read back: once an hour it is tried again", source,
			log_text("reason", t->state.failure));
	else if (end == TASK_LATER || end == TASK_INCOMPLETE)
		log_warn("events could not all be read back", source,
			log_text("reason", t->state.failure));
	else if (end == TASK_WHOLE && t->failures > 0)
		log_info("events are read back again", source);
	if (filled > 0)
		log_warn("the webhook had not brought all events: the missing ones are filled in",
			source, log_int("events", filled));
	if (end != TASK_STOPPED)
		t->denied = end == TASK_DENIED;
}

int64_t due_wait(struct task *t, enum task_end end, bool more)
{
	const struct conf_api *api = &t->source->api;
	bool first = !t->swept;

	if (end == TASK_STOPPED)
		return 0;
	t->failures = end == TASK_WHOLE ? 0 : t->failures + 1;
	t->swept = t->swept || end == TASK_WHOLE;
	if (end == TASK_DENIED)
		return DENIED_AGAIN;
	if (end == TASK_LATER)
		return pace_backoff(t->failures, FAILED_FIRST, FAILED_MAX, UINT32_MAX / 2) +
		       pace_backoff(t->failures, FAILED_FIRST, FAILED_MAX, randombytes_random()) /
			       2;
	if (more)
		return 0;
	/* what came just before the start is old enough then */
	return first && api->grace + SECOND < api->every ? api->grace + SECOND : api->every;
}

static void note_end(struct task *t, enum task_end end)
{
	if (end == TASK_STOPPED)
		return;
	if (end != TASK_WHOLE && t->state.failed_at == 0)
		t->state.failed_at = clock_wall();
	t->changed = t->changed || t->state.denied != (end == TASK_DENIED);
	t->state.denied = end == TASK_DENIED;
	if (end == TASK_WHOLE)
		t->dead = false;
}

static void check_health(struct task *t)
{
	int64_t every = t->source->api.every < HEALTH_EVERY ? t->source->api.every : HEALTH_EVERY;

	if (clock_steady() < t->health_at)
		return;
	t->health_at = clock_steady() + every - SECOND;
	health_check(t);
}

enum task_end due_sweep(struct task *t, bool *more)
{
	int64_t filled = t->state.filled, before = t->state.read_at;
	enum task_end end;

	if (t->state.begun_at == 0)
		t->state.begun_at = clock_wall();
	check_health(t);
	end = pass_run(t, more);
	parts_forget(t);
	if (end == TASK_WHOLE && !*more && t->order == NULL)
		end = pending_ask(t, before);
	filled = t->state.filled - filled;
	if (filled > 0 && t->order == NULL)
		health_note_missing(t);
	note_end(t, end);
	if (end != TASK_STOPPED && !task_save(t))
		end = TASK_LATER;
	due_log(t, end, filled);
	return end;
}

bool due_open_store(struct task *t)
{
	char why[STORE_READ_WHY];

	t->reader = store_reader_open(t->store_path, why);
	if (t->reader != NULL && store_catchup_read(t->reader, t->source->name, &t->state, why))
		return true;
	task_note(t, "the store cannot be read: %s", why);
	store_reader_close(t->reader);
	t->reader = NULL;
	return false;
}

void due_close_store(struct task *t)
{
	store_reader_close(t->reader);
	t->reader = NULL;
}
