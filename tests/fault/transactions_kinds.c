/* transactions_kinds.c - operations of each kind, and a store in which each has something to do. */
#include "transactions_private.h"

#include "store/change.h"
#include "store/import.h"
#include "store/maintenance.h"
#include "store/quarantine.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOOKS = 3, MANY = 30, LARGE = 200000 }; /* MANY of LARGE bytes: twice the page cache */

#define DAY ((int64_t)86400000)
#define NOW INT64_C(1600000000000) /* all is due */

struct store_audit kinds_audit = {.at = NOW, .act = "act", .detail = ""};
atomic_uint kinds_puts_stored;
static char large[LARGE];
static int64_t source, hooks[HOOKS];

/* ---- events */
struct put_group {
	struct event events[MANY];
	struct store_put puts[MANY];
	char keys[MANY][24];
};

static atomic_uint puts_left;

static struct event event_of(char *key, size_t len)
{
	static char type[] = "transaction.approved", kind[] = "transaction", entity[] = "7";

	return (struct event){
		.source = "fedapay",
		.source_id = source,
		.type = type,
		.entity_kind = kind,
		.entity_id = entity,
		.received_at = NOW,
		.idempotency_key = key,
		.origin = "webhook",
		.remote = "203.0.113.7",
		.payload = large,
		.payload_len = len,
	};
}

static void put_done(struct store_op *op)
{
	kinds_puts_stored += op->result == STORE_OK || op->result == STORE_DUPLICATE;
	puts_left--;
}

/* In one transaction if it succeeds, else each in its own. */
static enum outcome put_many(struct store *st, const char *prefix, unsigned count, size_t len)
{
	struct put_group *g = calloc(1, sizeof(*g));

	assert(g != NULL && count <= MANY);
	puts_left = count;
	kinds_puts_stored = 0;
	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(g->keys[i], sizeof(g->keys[i]), "%s:%u", prefix, i);
		g->events[i] = event_of(g->keys[i], len);
		g->puts[i] = (struct store_put){
			.op = {.kind = STORE_OP_PUT, .done = put_done},
			.event = &g->events[i],
			.hooks = hooks,
			.hook_count = 2,
		};
		if (i > 0)
			g->puts[i - 1].op.next = &g->puts[i].op;
	}
	store_submit_all(st, &g->puts[0].op);
	while (puts_left > 0)
		(void)usleep(100);
	free(g);
	return kinds_puts_stored == 0 ? NOTHING : kinds_puts_stored == count ? ALL : SOME;
}

/* One slice. */
static enum outcome import_many(
	struct store *st, const char *prefix, size_t count, size_t len, int64_t received_at)
{
	static struct event events[MANY];
	static struct store_imported_event list[MANY];
	static char keys[MANY][24];
	struct store_import op = {.op.kind = STORE_OP_IMPORT,
		.list = list,
		.count = count,
		.now = NOW,
		.audit = &kinds_audit};

	for (size_t i = 0; i < count; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "%s:%zu", prefix, i);
		events[i] = event_of(keys[i], len);
		events[i].received_at = received_at;
		list[i] = (struct store_imported_event){.event = &events[i]};
	}
	if (store_wait(st, &op.op) != STORE_OK)
		return NOTHING;
	return op.done == count ? ALL : SOME;
}

static enum outcome outcome_of(enum store_result result)
{
	return result == STORE_ERROR ? NOTHING : ALL;
}

static enum outcome add_names(struct store *st, const char *const names[HOOKS])
{
	struct store_name list[HOOKS + 1];
	struct store_names op = {.op.kind = STORE_OP_NAMES, .list = list, .count = HOOKS + 1};

	for (unsigned i = 0; i < HOOKS; i++)
		list[i] = (struct store_name){STORE_NAME_HOOK, names[i], &hooks[i]};
	list[HOOKS] = (struct store_name){STORE_NAME_SOURCE, "fedapay", &source};
	return outcome_of(store_wait(st, &op.op));
}

bool kinds_find_names(struct store *st)
{
	static const char *const names[HOOKS] = {"alpha", "beta", "gamma"};

	return add_names(st, names) == ALL;
}

/* ---- deliveries */
static struct {
	int64_t delivery;
	unsigned attempt;
} claimed;

static enum outcome claim(struct store *st, unsigned total)
{
	struct store_want wants[] = {
		{.hook = hooks[0], .max = total},
		{.hook = hooks[1], .max = total, .ordered = true},
	};
	struct store_claim op = {.op.kind = STORE_OP_CLAIM,
		.wants = wants,
		.want_count = 2,
		.total = total,
		.now = NOW};
	enum store_result result = store_wait(st, &op.op);

	assert(result != STORE_OK || op.job_count > 0 || kinds_failed() > 0);
	for (size_t i = 0; i < op.job_count; i++) {
		claimed.delivery = op.jobs[i]->delivery;
		claimed.attempt = op.jobs[i]->attempt;
		delivery_job_free(op.jobs[i]);
	}
	kinds_release(op.jobs);
	kinds_release(op.skips);
	/* What cannot be read, or has no memory, is left for a later claim. */
	return result == STORE_OK && kinds_failed() > 0 ? SOME : outcome_of(result);
}

static enum outcome settle(struct store *st, enum attempt_result result, enum delivery_state state)
{
	static char output[] = "what it printed";
	struct attempt_outcome outcome = {
		.result = result, .output = output, .output_len = sizeof(output)};
	struct store_settle op = {.op.kind = STORE_OP_SETTLE,
		.delivery = claimed.delivery,
		.attempt = claimed.attempt,
		.outcome = &outcome,
		.ended_at = NOW,
		.state = state,
		.due_at = NOW,
		.failure_hook = hooks[2]};

	return outcome_of(store_wait(st, &op.op));
}

static enum outcome change(struct store *st, enum store_change_kind kind, int64_t a, int64_t b)
{
	int64_t deliveries[2] = {a, b}, made[2];
	struct store_change op = {.op.kind = STORE_OP_CHANGE,
		.kind = kind,
		.deliveries = deliveries,
		.count = 2,
		.now = NOW,
		.audit = &kinds_audit,
		.made = made};

	if (store_wait(st, &op.op) != STORE_OK)
		return NOTHING;
	return op.done == op.count ? ALL : SOME;
}

/* ---- the kinds of transactions */
static enum outcome run_names(struct store *st)
{
	static const char *const names[HOOKS] = {"delta", "epsilon", "zeta"};

	return add_names(st, names);
}

static enum outcome run_put(struct store *st)
{
	return put_many(st, "new", 3, 2);
}

static enum outcome run_put_again(struct store *st)
{
	return put_many(st, "ready", 2, 3);
}

static enum outcome run_put_large(struct store *st)
{
	return put_many(st, "large", MANY, LARGE);
}

static enum outcome run_claim(struct store *st)
{
	return claim(st, 4);
}

static bool prepare_settle(struct store *st)
{
	return claim(st, 1) == ALL;
}

static enum outcome run_settle(struct store *st)
{
	return settle(st, ATTEMPT_OK, DELIVERY_DONE);
}

static enum outcome run_settle_dead(struct store *st)
{
	return settle(st, ATTEMPT_PERMFAIL, DELIVERY_DEAD);
}

static enum outcome run_shift(struct store *st)
{
	struct store_shift op = {.op.kind = STORE_OP_SHIFT, .delta = -5000};

	return outcome_of(store_wait(st, &op.op));
}

static void see_orphan(void *arg, const char *hook, int64_t waiting)
{
	(void)arg, (void)hook, (void)waiting;
}

static enum outcome run_orphans(struct store *st)
{
	store_orphans(st, hooks, 1, see_orphan, NULL);
	return ALL; /* it changes nothing */
}

/* The base has deliveries 1, DONE, and 3, DEAD; the others wait. */

static enum outcome run_replay(struct store *st)
{
	return change(st, STORE_CHANGE_REPLAY, 1, 3);
}

static enum outcome run_cancel(struct store *st)
{
	return change(st, STORE_CHANGE_CANCEL, 3, 4);
}

static enum outcome run_pause(struct store *st)
{
	struct store_pause op = {.op.kind = STORE_OP_PAUSE,
		.hook = "alpha",
		.pause = true,
		.now = NOW,
		.audit = &kinds_audit};

	return outcome_of(store_wait(st, &op.op));
}

/* Events 1 and 2 of the base are in quarantine. */

static enum outcome run_release(struct store *st)
{
	struct store_release op = {.op.kind = STORE_OP_RELEASE,
		.event = 1,
		.type = "transaction.approved",
		.entity_kind = "transaction",
		.entity_id = "7",
		.hooks = hooks,
		.hook_count = HOOKS,
		.now = NOW,
		.audit = &kinds_audit};

	return outcome_of(store_wait(st, &op.op));
}

static enum outcome run_drop(struct store *st)
{
	struct store_drop op = {.op.kind = STORE_OP_DROP, .event = 2, .audit = &kinds_audit};

	return outcome_of(store_wait(st, &op.op));
}

static enum outcome run_import(struct store *st)
{
	return import_many(st, "imported", 4, 2, NOW);
}

static enum outcome run_import_large(struct store *st)
{
	return import_many(st, "imported", MANY, LARGE, NOW);
}

static enum outcome prune(struct store *st, int64_t before)
{
	struct store_prune op = {
		.op.kind = STORE_OP_PRUNE, .before = before, .audit = &kinds_audit};

	if (store_wait(st, &op.op) != STORE_OK)
		return NOTHING;
	return op.at.over ? ALL : SOME;
}

static enum outcome run_prune(struct store *st)
{
	return prune(st, NOW - 50 * DAY);
}

static enum outcome run_vacuum(struct store *st)
{
	struct store_vacuum op = {.op.kind = STORE_OP_VACUUM, .audit = &kinds_audit};

	if (store_wait(st, &op.op) != STORE_OK)
		return NOTHING;
	return op.over ? ALL : SOME;
}

static enum outcome run_audit(struct store *st)
{
	struct store_note op = {
		.op.kind = STORE_OP_AUDIT, .audit = &kinds_audit, .result = "done", .now = NOW};

	return outcome_of(store_wait(st, &op.op));
}

static bool write_part(void *arg, int64_t at, const void *bytes, size_t len)
{
	return pwrite(*(const int *)arg, bytes, len, at) == (ssize_t)len;
}

/* Changes nothing; the copy is good, or it is reported that it is not. */
static enum outcome run_backup(struct store *st)
{
	struct store_backup op = {.op.kind = STORE_OP_BACKUP};
	char why[STORE_READ_WHY];
	int fd = open(kinds_directory(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	bool good = true;

	assert(fd >= 0);
	while (good && !op.over)
		good = store_wait(st, &op.op) == STORE_OK &&
		       store_backup_take(&op, write_part, &fd, why);
	good = good && ftruncate(fd, op.size) == 0;
	if (!good) {
		op.stop = true;
		(void)store_wait(st, &op.op);
	}
	good = good && store_backup_check(fd, NULL, NULL, why);
	assert(good || kinds_failed() > 0);
	(void)close(fd);
	return ALL;
}

/* Works by itself. */
static enum outcome run_retention(struct store *st)
{
	store_configure(st, 30 * DAY, 100000);
	for (int ms = 0; ms < 100 && kinds_failed() == 0; ms++)
		(void)usleep(1000);
	store_configure(st, 0, 100000);
	struct store_op ping = {.kind = STORE_OP_PING};
	(void)store_wait(st, &ping);
	return EITHER;
}

const struct kind kinds[] = {
	{"names", run_names, NULL, NULL},
	{"put", run_put, NULL, "new:%"},
	{"put, duplicates", run_put_again, NULL, "ready:%"},
	{"put, spilled", run_put_large, NULL, "large:%"},
	{"claim", run_claim, NULL, NULL},
	{"settle", run_settle, prepare_settle, NULL},
	{"settle, dead", run_settle_dead, prepare_settle, NULL},
	{"shift", run_shift, NULL, NULL},
	{"orphans", run_orphans, NULL, NULL},
	{"replay", run_replay, NULL, NULL},
	{"cancel", run_cancel, NULL, NULL},
	{"pause", run_pause, NULL, NULL},
	{"release", run_release, NULL, NULL},
	{"drop", run_drop, NULL, NULL},
	{"import", run_import, NULL, NULL},
	{"import, spilled", run_import_large, NULL, NULL},
	{"prune", run_prune, NULL, NULL},
	{"vacuum", run_vacuum, NULL, NULL},
	{"audit", run_audit, NULL, NULL},
	{"backup", run_backup, NULL, NULL},
	{"retention", run_retention, NULL, NULL},
	{NULL, NULL, NULL, NULL},
};

/* ---- the store before it */
static bool put_quarantined(struct store *st)
{
	char key[] = "quarantined:0", why[] = "not JSON";
	bool good = true;

	for (; good && key[12] < '2'; key[12]++) {
		struct event ev = event_of(key, 1);
		ev.type = ev.entity_kind = ev.entity_id = NULL;
		ev.quarantined = why;
		struct store_put op = {.op.kind = STORE_OP_PUT, .event = &ev};
		good = store_wait(st, &op.op) == STORE_OK;
	}
	return good;
}

/* With free pages, for vacuum. */
bool kinds_fill(struct store *st)
{
	memset(large, 'x', sizeof(large));
	return kinds_find_names(st) && put_quarantined(st) && put_many(st, "ready", 4, 2) == ALL &&
	       claim(st, 1) == ALL && settle(st, ATTEMPT_OK, DELIVERY_DONE) == ALL &&
	       claim(st, 1) == ALL && settle(st, ATTEMPT_PERMFAIL, DELIVERY_DEAD) == ALL &&
	       import_many(st, "gone", 8, LARGE, NOW - 1000 * DAY) != NOTHING &&
	       prune(st, NOW - 500 * DAY) != NOTHING &&
	       import_many(st, "old", 3, 2, NOW - 100 * DAY) == ALL;
}
