/* act_fixture.h - what a person asks for, in short. */
#ifndef HOOKD_ACT_FIXTURE_H
#define HOOKD_ACT_FIXTURE_H

#include "fixture.h"
#include "store/audit.h"
#include "store/change.h"
#include "store/import.h"
#include "store/maintenance.h"
#include "store/quarantine.h"

#include <sys/resource.h>

static inline struct store_audit act_named(const char *act)
{
	return (struct store_audit){.at = clock_wall(), .uid = 1000, .act = act, .detail = "{}"};
}

/* Changes all of them, however many slices that takes. */
static inline void act_change(struct fixture *fx, enum store_change_kind kind,
	const int64_t *deliveries, size_t count, struct store_audit *audit, int64_t *made)
{
	for (size_t done = 0; done < count;) {
		struct store_change c = {
			.op.kind = STORE_OP_CHANGE,
			.kind = kind,
			.deliveries = deliveries + done,
			.count = count - done,
			.now = clock_wall(),
			.audit = audit,
			.made = made + done,
		};

		assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
		assert_in_range(c.done, 1, count - done);
		done += c.done;
	}
}

/* Returns the new delivery; 0: it was not replayed. */
static inline int64_t act_replay(struct fixture *fx, int64_t delivery)
{
	int64_t made = -1;

	act_change(fx, STORE_CHANGE_REPLAY, &delivery, 1, NULL, &made);
	return made;
}

static inline int64_t act_cancel(struct fixture *fx, int64_t delivery)
{
	int64_t made = -1;

	act_change(fx, STORE_CHANGE_CANCEL, &delivery, 1, NULL, &made);
	return made;
}

static inline struct store_pause act_pause(struct fixture *fx, const char *hook, bool pause)
{
	struct store_pause p = {
		.op.kind = STORE_OP_PAUSE, .hook = hook, .pause = pause, .now = clock_wall()};

	assert_int_equal(store_wait(fx->st, &p.op), STORE_OK);
	return p;
}

/* Imports an event of an entity for the first `hooks` hooks. */
static inline enum store_imported act_import(struct fixture *fx, char *key, char *entity,
	int64_t occurred_at, size_t hooks, const char *skipped)
{
	static char kind[] = "transaction";
	struct event ev = fx_event(fx, key, "{}", 2);
	ev.entity_kind = kind;
	ev.entity_id = entity;
	ev.occurred_at = occurred_at;
	struct store_imported_event e = {
		.event = &ev, .hooks = fx->hooks, .hook_count = hooks, .skipped = skipped};
	struct store_import i = {
		.op.kind = STORE_OP_IMPORT, .list = &e, .count = 1, .now = clock_wall()};

	assert_int_equal(store_wait(fx->st, &i.op), STORE_OK);
	assert_int_equal(i.done, 1);
	return e.result;
}

static inline int64_t act_put_quarantined(struct fixture *fx, char *key)
{
	static char reason[] = "no type";
	struct event ev = fx_event(fx, key, "{}", 2);
	ev.type = NULL;
	ev.quarantined = reason;
	struct store_put put = {.op.kind = STORE_OP_PUT, .event = &ev};

	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	return put.event_id;
}

static inline bool act_release(struct fixture *fx, int64_t event, const char *entity, size_t hooks)
{
	struct store_release r = {
		.op.kind = STORE_OP_RELEASE,
		.event = event,
		.type = "transaction.updated",
		.entity_kind = entity != NULL ? "transaction" : NULL,
		.entity_id = entity,
		.hooks = fx->hooks,
		.hook_count = hooks,
		.now = clock_wall(),
	};

	assert_int_equal(store_wait(fx->st, &r.op), STORE_OK);
	return r.done;
}

static inline bool act_drop(struct fixture *fx, int64_t event)
{
	struct store_drop d = {.op.kind = STORE_OP_DROP, .event = event};

	assert_int_equal(store_wait(fx->st, &d.op), STORE_OK);
	return d.done;
}

/* Removes all that came before that time and has ended. */
static inline struct store_pruned act_prune(
	struct fixture *fx, int64_t before, struct store_audit *audit)
{
	struct store_prune p = {.op.kind = STORE_OP_PRUNE, .before = before, .audit = audit};

	while (!p.at.over)
		assert_int_equal(store_wait(fx->st, &p.op), STORE_OK);
	return p.at;
}

static inline void act_end(struct fixture *fx, struct store_audit *audit, const char *result)
{
	struct store_note n = {
		.op.kind = STORE_OP_AUDIT, .audit = audit, .result = result, .now = clock_wall()};

	assert_int_equal(store_wait(fx->st, &n.op), STORE_OK);
}

/* The counts in memory are those that a start would count. */
static inline void act_check_counts(struct fixture *fx)
{
	struct store_counts counts = fx_counts(fx);

	assert_int_equal(counts.waiting,
		fx_number(fx, "SELECT count(*) FROM deliveries WHERE state IN ('READY', "
			      "'RUNNING')"));
	assert_int_equal(
		counts.dead, fx_number(fx, "SELECT count(*) FROM deliveries"
					   " WHERE state = 'DEAD' AND replayed_by IS NULL"));
}

/* No file may grow beyond `bytes`, so that a transaction fails; -1: no limit. */
static inline void act_limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes == (rlim_t)-1 ? limit.rlim_max : bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
