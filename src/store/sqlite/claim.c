/* store/sqlite/claim.c - claims due deliveries: picks them in turns over the hooks and makes them
 * RUNNING. */
#include "db.h"

#include <sqlite3.h>
#include <stdlib.h>

/* To claim n deliveries at most n * CANDIDATE_FACTOR + CANDIDATE_EXTRA are read, so that a claim
 * does not keep the writer from incoming events. */
#define CANDIDATE_FACTOR 4
#define CANDIDATE_EXTRA  64

/* More wants than these are first compared with the hooks that have READY deliveries: with
 * thousands of hooks that is cheaper than to ask for each. */
#define FEW_WANTS 8

/* ms after which a claim looks again at what the last one left: room for a payload is also noticed
 * when it is there. */
#define AGAIN 1000

/* Noted when the hooks cannot be compared so, because of one that cannot be read. */
#define ALL_HOOKS (-1)

/* A want that may have something due. */
struct pick {
	struct store_want *want;
	unsigned limit; /* deliveries that it gets */
	int64_t *ids;   /* `limit` places … */
	size_t count;   /* … of which so many are used */
	bool taken;     /* one of them was made RUNNING … */
	bool left;      /* … or left for later */
};

/* What a claim has picked so far. */
struct picks {
	int64_t now;
	struct pick *list; /* in the order of the wants */
	size_t count;
	unsigned width; /* the greatest limit */
	int64_t *ids;
	int64_t *candidates; /* of the current want */
	size_t total;
	struct store_job_limit payload; /* of the next job */
};

static int claim_write(struct store_db *db, const struct delivery_job *job)
{
	sqlite3_stmt *s = db->sql[SQL_CLAIM_DELIVERY];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, job->delivery, &rc);
	store_bind_int(s, 2, job->attempt, &rc);
	rc = store_step(s, rc);
	s = db->sql[SQL_CLAIM_ATTEMPT];
	store_bind_int(s, 1, job->delivery, &rc);
	store_bind_int(s, 2, job->attempt, &rc);
	store_bind_int(s, 3, job->started_at, &rc);
	return store_step(s, rc);
}

static int claim_due(
	struct store_db *db, int64_t hook, int64_t now, size_t limit, int64_t *ids, size_t *count)
{
	sqlite3_stmt *s = db->sql[SQL_CLAIM_DUE];
	int rc = SQLITE_OK;

	*count = 0;
	store_bind_int(s, 1, hook, &rc);
	store_bind_int(s, 2, now, &rc);
	store_bind_int(s, 3, (int64_t)limit, &rc);
	while (rc == SQLITE_OK && *count < limit) {
		rc = sqlite3_step(s);
		if (rc != SQLITE_ROW)
			break;
		ids[(*count)++] = sqlite3_column_int64(s, 0);
		rc = SQLITE_OK;
	}
	store_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A hook with READY deliveries that are not blocked. */
struct ready {
	int64_t hook;
	int64_t due; /* the first of them */
};

/* The next one after `hook`; *found is false: there is none. */
static int read_ready(struct store_db *db, int64_t hook, struct ready *next, bool *found)
{
	sqlite3_stmt *s = db->sql[SQL_CLAIM_READY];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, hook, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	*found = rc == SQLITE_ROW;
	if (*found)
		*next = (struct ready){sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1)};
	store_reset(s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* All of them, in the order of their ids. */
static int list_ready(struct store_db *db, struct ready **list, size_t *count)
{
	struct ready next = {.hook = INT64_MIN};
	size_t capacity = 0;
	bool found = true;

	*list = NULL;
	*count = 0;
	for (;;) {
		int rc = read_ready(db, next.hook, &next, &found);
		if (rc != SQLITE_OK || !found)
			return rc;
		if (*count == capacity) {
			capacity = capacity == 0 ? 16 : capacity * 2;
			struct ready *more = reallocarray(*list, capacity, sizeof(*more));
			if (more == NULL)
				return SQLITE_NOMEM;
			*list = more;
		}
		(*list)[(*count)++] = next;
	}
}

static int compare_hooks(const void *left, const void *right)
{
	const struct ready *a = left, *b = right;

	return (a->hook > b->hook) - (a->hook < b->hook);
}

/* Sets each want's next_due, so that it is in the future if nothing is due. */
static int find_due(struct store_db *db, struct store_claim *c)
{
	bool few =
		c->want_count <= FEW_WANTS || store_unreadable_parts(db, ROW_HOOK, ALL_HOOKS) != 0;
	struct ready *list = NULL;
	size_t count = 0;

	for (size_t i = 0; i < c->want_count; i++)
		c->wants[i].next_due = few ? 0 : INT64_MAX;
	if (few)
		return SQLITE_OK;
	int rc = store_reading(
		db, ROW_HOOK, ALL_HOOKS, UNREADABLE_ALL, list_ready(db, &list, &count));
	for (size_t i = 0; i < c->want_count && rc == SQLITE_OK && count > 0; i++) {
		const struct ready key = {.hook = c->wants[i].hook};
		const struct ready *found =
			bsearch(&key, list, count, sizeof(*list), compare_hooks);
		if (found != NULL && !store_pause_has(db, key.hook))
			c->wants[i].next_due = found->due;
	}
	free(list);
	return rc;
}

/* Called after the jobs are taken, so that the first READY delivery is the next one. */
static int read_next_due(struct store_db *db, int64_t hook, int64_t *due)
{
	sqlite3_stmt *s = db->sql[SQL_CLAIM_NEXT];
	int rc = SQLITE_OK;

	*due = INT64_MAX;
	if (store_pause_has(db, hook))
		return SQLITE_OK;
	store_bind_int(s, 1, hook, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*due = sqlite3_column_int64(s, 0);
	store_reset(s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static bool is_unreadable(const struct store_db *db, int64_t hook)
{
	return (store_unreadable_parts(db, ROW_HOOK, hook) & UNREADABLE_ALL) != 0;
}

static int set_next_due(struct store_db *db, struct store_claim *c, const struct picks *p)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < p->count && rc == SQLITE_OK; i++) {
		const struct pick *k = &p->list[i];
		int64_t *due = &k->want->next_due;
		*due = p->now;
		if (!is_unreadable(db, k->want->hook))
			rc = store_reading(db, ROW_HOOK, k->want->hook, UNREADABLE_ALL,
				read_next_due(db, k->want->hook, due));
		/* Another claim at once would leave the same ones. */
		if (k->left && !k->taken && *due < p->now + AGAIN)
			*due = p->now + AGAIN;
	}
	for (size_t i = 0; i < c->want_count; i++)
		if (c->wants[i].next_due < c->next_due)
			c->next_due = c->wants[i].next_due;
	return rc;
}

static size_t candidate_limit(unsigned limit)
{
	return (size_t)limit * CANDIDATE_FACTOR + CANDIDATE_EXTRA;
}

/* Of a delivery that has become SKIPPED: releases those that it blocks. */
static int note_skip(struct store_db *db, struct store_claim *c, const struct store_skip *skip)
{
	struct store_skip *more = reallocarray(c->skips, c->skip_count + 1, sizeof(*more));

	if (more == NULL)
		return SQLITE_NOMEM;
	c->skips = more;
	c->skips[c->skip_count++] = *skip;
	db->delta->waiting--;
	return store_order_release(db, skip->delivery);
}

/* Makes a delivery SKIPPED if it was overtaken. */
static int skip_stale(struct store_db *db, struct store_claim *c,
	const struct lifecycle_state *states, int64_t delivery, int64_t now, bool *skipped)
{
	struct store_skip skip;

	int rc = store_order_skip(db, states, delivery, now, &skip, skipped);
	return rc == SQLITE_OK && *skipped ? note_skip(db, c, &skip) : rc;
}

/* … or if its hook has acted on its entity. */
static int skip_acted(
	struct store_db *db, struct store_claim *c, int64_t delivery, int64_t now, bool *skipped)
{
	struct store_skip skip;

	int rc = store_once_skip(db, delivery, now, &skip, skipped);
	return rc == SQLITE_OK && *skipped ? note_skip(db, c, &skip) : rc;
}

/* Is a candidate not to be claimed now? It is left, blocked or skipped. */
static int check_candidate(struct store_db *db, struct store_claim *c, struct pick *k, int64_t id,
	int64_t now, bool *out)
{
	const struct store_want *want = k->want;
	unsigned unreadable = store_unreadable_parts(db, ROW_DELIVERY, id);
	int rc = SQLITE_OK;

	*out = (unreadable & UNREADABLE_ALL) != 0;
	k->left |= *out;
	if (!*out && want->ordered)
		rc = store_reading(
			db, ROW_DELIVERY, id, UNREADABLE_ALL, store_order_block(db, id, out));
	if (rc == SQLITE_OK && !*out && want->skip_stale && (unreadable & UNREADABLE_STATES) == 0)
		rc = store_reading(db, ROW_DELIVERY, id, UNREADABLE_STATES,
			skip_stale(db, c, want->skip_stale, id, now, out));
	if (rc == SQLITE_OK && !*out && want->once)
		rc = store_reading(
			db, ROW_DELIVERY, id, UNREADABLE_ALL, skip_acted(db, c, id, now, out));
	return rc;
}

static int pick_want(struct store_db *db, struct store_claim *c, struct pick *k, struct picks *p)
{
	const struct store_want *want = k->want;
	size_t limit = want->ordered || want->skip_stale ? candidate_limit(k->limit) : k->limit;
	size_t found = 0;

	if (store_pause_has(db, want->hook))
		return SQLITE_OK;
	k->left = is_unreadable(db, want->hook);
	if (k->left)
		return SQLITE_OK;
	int rc = store_reading(db, ROW_HOOK, want->hook, UNREADABLE_ALL,
		claim_due(db, want->hook, p->now, limit + db->unreadable_count, p->candidates,
			&found));
	for (size_t i = 0; i < found && k->count < k->limit && rc == SQLITE_OK; i++) {
		bool out;
		rc = check_candidate(db, c, k, p->candidates[i], p->now, &out);
		if (rc == SQLITE_OK && !out)
			k->ids[k->count++] = p->candidates[i];
	}
	return rc;
}

/* Lists the wants that may have something due, and makes room for what they get. */
static int list_picks(const struct store_db *db, struct store_claim *c, struct picks *p)
{
	size_t room = 0;

	p->list = calloc(c->want_count, sizeof(*p->list));
	if (p->list == NULL)
		return SQLITE_NOMEM;
	for (size_t i = 0; i < c->want_count; i++) {
		struct store_want *want = &c->wants[i];
		unsigned limit = want->max < c->total ? want->max : c->total;
		if (want->next_due > p->now)
			continue;
		p->list[p->count++] = (struct pick){.want = want, .limit = limit};
		p->width = limit > p->width ? limit : p->width;
		room += limit;
	}
	if (p->count == 0)
		return SQLITE_OK;
	p->ids = calloc(room + 1, sizeof(*p->ids));
	p->candidates =
		calloc(candidate_limit(p->width) + db->unreadable_count, sizeof(*p->candidates));
	return p->ids != NULL && p->candidates != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

static int pick_all(struct store_db *db, struct store_claim *c, struct picks *p)
{
	size_t used = 0;
	int rc = SQLITE_OK;

	for (size_t i = 0; i < c->want_count && rc == SQLITE_OK; i++)
		if (!is_unreadable(db, c->wants[i].hook))
			rc = store_order_want(db, c->wants[i].hook, c->wants[i].ordered);
	if (rc == SQLITE_OK)
		rc = find_due(db, c);
	if (rc == SQLITE_OK && c->want_count > 0)
		rc = list_picks(db, c, p);
	for (size_t i = 0; i < p->count && rc == SQLITE_OK; i++) {
		struct pick *k = &p->list[i];
		k->ids = p->ids + used;
		used += k->limit;
		rc = pick_want(db, c, k, p);
		p->total += k->count;
	}
	return rc;
}

/* What counts goes in turn: a smaller one does not overtake the first that was left, otherwise that
 * one might wait for ever. */
static void leave_job(struct store_claim *c, struct picks *p, struct pick *k)
{
	k->left = true;
	if (c->needed == 0) {
		c->needed = p->payload.needed;
		c->needed_hook = k->want->hook;
	}
	p->payload.room = 0;
	p->payload.alone = false;
}

static int take_job(struct store_db *db, struct store_claim *c, struct picks *p, struct pick *k,
	int64_t delivery)
{
	struct delivery_job *job;

	int rc = store_job_read(db, delivery, p->now, &p->payload, &job);
	if (rc == SQLITE_OK && p->payload.needed > 0)
		leave_job(c, p, k);
	if (rc != SQLITE_OK || job == NULL)
		return rc;
	c->jobs[c->job_count++] = job;
	k->taken = true;
	job->hook = k->want->hook; /* the index, by which it was found, may say something else */
	if (job->payload_len > STORE_SMALL_PAYLOAD) {
		p->payload.room -= (int64_t)job->payload_len;
		p->payload.alone = false;
	}
	return store_reading(db, ROW_DELIVERY, delivery, UNREADABLE_ALL, claim_write(db, job));
}

static int take_jobs(struct store_db *db, struct store_claim *c, struct picks *p)
{
	int rc = SQLITE_OK;

	if (p->total == 0)
		return SQLITE_OK;
	c->jobs = calloc(p->total, sizeof(struct delivery_job *));
	if (c->jobs == NULL)
		return SQLITE_NOMEM;
	for (unsigned round = 0; round < p->width; round++) {
		for (size_t i = 0; i < p->count && rc == SQLITE_OK; i++) {
			struct pick *k = &p->list[i];
			if (c->job_count == c->total)
				return SQLITE_OK;
			if (round < k->count)
				rc = take_job(db, c, p, k, k->ids[round]);
		}
	}
	return rc;
}

int store_claim_run(struct store_db *db, struct store_claim *c)
{
	struct picks p = {.now = c->now, .payload = {.room = c->room, .alone = c->alone}};

	int rc = pick_all(db, c, &p);
	if (rc == SQLITE_OK)
		rc = take_jobs(db, c, &p);
	if (rc == SQLITE_OK)
		rc = set_next_due(db, c, &p);
	free(p.list);
	free(p.ids);
	free(p.candidates);
	return rc;
}
