#include "promises_private.h"

#include "base/clock.h"
#include "disk.h"
#include "store/version_1_fixture.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of hooks that no claim wants: they stay as they are. */
static const char version_1_rows[] =
	"INSERT INTO sources VALUES(1, 'fedapay'); INSERT INTO hooks VALUES(91, 'old');"
	"INSERT INTO events SELECT 10 + n, 1, 'id:' || n, n, 'transaction.approved', 'transaction',"
	" n % 7, 1000 * CAST(strftime('%s', 'now') AS INTEGER), NULL, 'webhook', '::1', 0, 0, NULL,"
	" randomblob(n * 300) FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
	" LIMIT 40) SELECT n FROM c);"
	"INSERT INTO deliveries SELECT id, id, 91, CASE id % 4 WHEN 0 THEN 'READY' WHEN 1 THEN "
	"'DONE'"
	" WHEN 2 THEN 'DEAD' ELSE 'RUNNING' END, 1, 0, received_at FROM events;"
	"INSERT INTO attempts SELECT id, 1, due_at, due_at + 1, CASE WHEN state <> 'RUNNING' THEN"
	" 'ok' END, 0, NULL, CASE WHEN state <> 'RUNNING' THEN 'text' END, NULL FROM deliveries;"
	"PRAGMA application_id = 1752525668; PRAGMA user_version = 1";
const char promises_version_1_content[] =
	"SELECT group_concat(line, char(10)) FROM (SELECT 'event ' || quote(id)"
	" || quote(idempotency_key) || quote(type) || quote(entity_id) || quote(received_at)"
	" || quote(payload) AS line FROM events WHERE idempotency_key LIKE 'id:%'"
	" UNION ALL SELECT 'delivery ' || id || ' ' || event_id || ' ' || hook_id || ' '"
	" || replace(state, 'RUNNING', 'READY') || ' ' || attempts || ' ' || due_at"
	" FROM deliveries WHERE hook_id = 91"
	" UNION ALL SELECT 'attempt ' || delivery_id || ' ' || number || quote(started_at)"
	" || quote(message) FROM attempts WHERE delivery_id < 100 AND message = 'text'"
	" ORDER BY line)";

/* ---- events */
struct made promises_made(const struct promises *p, unsigned i)
{
	uint64_t rng = p->seed ^ (i * UINT64_C(0x2545f4914f6cdd1d));
	uint64_t r = disk_random(&rng);
	struct made m = {.hooks = (unsigned)(r % 3), .old = (r >> 8) % 16 == 0};

	if (m.old)
		m.hooks = 0;
	(void)snprintf(m.key, sizeof(m.key), "e:%06u:%08x", i, (unsigned)(r >> 32));
	(void)snprintf(m.entity, sizeof(m.entity), "%u", (unsigned)(r >> 16) % 8);
	m.bytes = disk_random(&rng);
	return m;
}

static unsigned char *payload_of(const struct made *m, size_t len)
{
	uint64_t rng = m->bytes;
	unsigned char *bytes = malloc(len + sizeof(rng));

	assert(bytes != NULL);
	for (size_t i = 0; i < len; i += sizeof(rng)) {
		uint64_t r = disk_random(&rng);
		memcpy(bytes + i, &r, sizeof(r));
	}
	return bytes;
}

bool promises_payload_is(const struct promises *p, unsigned i, const void *bytes, size_t len)
{
	struct made m = promises_made(p, i);
	unsigned char *expected = payload_of(&m, p->sizes[i]);
	bool same = len == p->sizes[i] && memcmp(bytes, expected, len) == 0;

	free(expected);
	return same;
}

/* The event's number, with which its key begins; -1: not ours. */
int promises_number(const char *key)
{
	unsigned i;

	return sscanf(key, "e:%6u:", &i) == 1 && i < EVENTS ? (int)i : -1;
}

static void __attribute__((format(printf, 2, 3)))
broken(struct promises *p, const char *format, ...)
{
	va_list ap;

	(void)pthread_mutex_lock(&p->mutex);
	if (p->broken[0] == '\0') {
		va_start(ap, format);
		(void)vsnprintf(p->broken, sizeof(p->broken), format, ap);
		va_end(ap);
	}
	(void)pthread_mutex_unlock(&p->mutex);
}

/* ---- operations */
static bool is_over(const struct promises *p)
{
	return disk_is_dead() || p->stopped;
}

/* Waits for an operation, which a stopped store may not acknowledge. */
static enum store_result operate(struct promises *p, struct store *st, struct store_op *op)
{
	bool stopped = p->stopped;
	enum store_result result = store_wait(st, op);

	if (stopped && result != STORE_ERROR)
		broken(p, "the store has stopped, and operation %d has result %d", (int)op->kind,
			(int)result);
	return result;
}

/* ---- putting */
static enum store_result put(struct promises *p, struct store *st, unsigned i, struct store_put *op)
{
	static char type[] = "transaction.approved", kind[] = "transaction";
	struct made m = promises_made(p, i);
	unsigned char *payload = payload_of(&m, p->sizes[i]);
	struct event ev = {
		.source = "fedapay",
		.source_id = p->source,
		.type = type,
		.entity_kind = kind,
		.entity_id = m.entity,
		.received_at = clock_wall() - (m.old ? 2 * DAY : 0),
		.idempotency_key = m.key,
		.origin = "webhook",
		.remote = "203.0.113.7",
		.payload = payload,
		.payload_len = p->sizes[i],
	};

	*op = (struct store_put){
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = p->hooks, .hook_count = m.hooks};
	(void)operate(p, st, &op->op);
	op->event = NULL;
	free(payload);
	return op->op.result;
}

/* An acknowledged event, sent again. */
void promises_put_again(struct promises *p, struct store *st, unsigned i)
{
	struct store_put op;
	enum store_result result = put(p, st, i, &op);

	/* Retention may have removed an old one, and with it the key. */
	if (result == STORE_ERROR || promises_made(p, i).old)
		return;
	if (result != STORE_DUPLICATE || op.conflict || op.event_id != p->numbers[i])
		broken(p, "event %u sent again: result %d, number %lld instead of %lld", i,
			(int)result, (long long)op.event_id, (long long)p->numbers[i]);
	(void)pthread_mutex_lock(&p->mutex);
	p->count.duplicates++;
	(void)pthread_mutex_unlock(&p->mutex);
}

static bool take(struct promises *p, unsigned *i)
{
	(void)pthread_mutex_lock(&p->mutex);
	bool some = p->left > 0 && p->broken[0] == '\0' && p->next < EVENTS;
	if (some) {
		p->left--;
		*i = p->next++;
		uint64_t rng = p->seed + *i;
		uint64_t r = disk_random(&rng);
		p->sizes[*i] = (uint32_t)(r % 1000 < p->work->large ? 65536 + (r >> 16) % 196608
								    : 1 + (r >> 16) % 3000);
	}
	(void)pthread_mutex_unlock(&p->mutex);
	return some;
}

/* Puts an event until the store takes it. False: it never did. */
static bool put_until_stored(struct promises *p, unsigned i)
{
	struct store_put op;

	for (unsigned tries = 1; put(p, p->st, i, &op) == STORE_ERROR; tries++) {
		(void)pthread_mutex_lock(&p->mutex);
		p->count.refused++;
		(void)pthread_mutex_unlock(&p->mutex);
		if (is_over(p) || tries == p->work->tries)
			return false;
	}
	/* After a refusal nothing is stored: so there are no duplicates. */
	if (op.op.result != STORE_OK) {
		broken(p, "event %u, which is new: result %d", i, (int)op.op.result);
		return false;
	}
	(void)pthread_mutex_lock(&p->mutex);
	p->numbers[i] = op.event_id;
	p->count.events++;
	(void)pthread_mutex_unlock(&p->mutex);
	return true;
}

static void *putter_main(void *arg)
{
	struct promises *p = arg;
	unsigned i;

	while (!is_over(p) && take(p, &i)) {
		if (put_until_stored(p, i) && i % 16 == 0)
			promises_put_again(p, p->st, i);
	}
	(void)pthread_mutex_lock(&p->mutex);
	p->running--;
	(void)pthread_mutex_unlock(&p->mutex);
	return NULL;
}

/* ---- claiming and settling */
static struct delivery *delivery_of(struct promises *p, int64_t id)
{
	assert(id > 0 && id < DELIVERIES);
	return &p->deliveries[id];
}

static void note_claim(struct promises *p, const struct delivery_job *job)
{
	struct delivery *d = delivery_of(p, job->delivery);
	const char *key = strchr(job->idempotency_key, '/');
	int i = key != NULL ? promises_number(key + 1) : -1;

	if (d->settled == d->claimed && d->settled > 0 && !d->unsure && d->state != DELIVERY_READY)
		broken(p, "delivery %lld was over and is claimed again", (long long)job->delivery);
	if (job->attempt <= d->claimed)
		broken(p, "delivery %lld: attempt %u is given out twice", (long long)job->delivery,
			job->attempt);
	if (i >= 0 && !promises_payload_is(p, (unsigned)i, job->payload, job->payload_len))
		broken(p, "event %d is claimed with another payload", i);
	d->claimed = job->attempt;
	d->unsure = false;
}

static void settle(struct promises *p, const struct delivery_job *job, uint64_t r)
{
	static const struct {
		enum attempt_result result;
		enum delivery_state state;
	} kinds[] = {
		{ATTEMPT_OK, DELIVERY_DONE},
		{ATTEMPT_OK, DELIVERY_DONE},
		{ATTEMPT_OK, DELIVERY_DONE},
		{ATTEMPT_TEMPFAIL, DELIVERY_READY},
		{ATTEMPT_PERMFAIL, DELIVERY_DEAD},
	};
	size_t kind = r % (sizeof(kinds) / sizeof(kinds[0]));
	struct delivery *d = delivery_of(p, job->delivery);
	static char output[] = "what it said";
	struct attempt_outcome outcome = {.result = kinds[kind].result,
		.exit_code = (int)kind,
		.output = output,
		.output_len = sizeof(output)};
	struct store_settle op = {.op.kind = STORE_OP_SETTLE,
		.delivery = job->delivery,
		.attempt = job->attempt,
		.outcome = &outcome,
		.ended_at = clock_wall(),
		.state = kinds[kind].state,
		.due_at = clock_wall() + (int64_t)((r >> 8) % 20),
		.failure_hook = job->hook != p->hooks[2] ? p->hooks[2] : 0};

	for (unsigned tries = 1; operate(p, p->st, &op.op) == STORE_ERROR; tries++) {
		if (is_over(p) || tries == p->work->tries) {
			d->unsure = true;
			return;
		}
	}
	d->settled = job->attempt;
	d->state = (unsigned char)op.state;
	d->result = (unsigned char)outcome.result;
	d->told = op.state == DELIVERY_DEAD && op.failure_hook != 0;
	(void)pthread_mutex_lock(&p->mutex);
	p->count.settled++;
	(void)pthread_mutex_unlock(&p->mutex);
}

/* One round; false: there was nothing to do. */
static bool work_off(struct promises *p, uint64_t *rng)
{
	struct store_want wants[HOOKS] = {
		{.hook = p->hooks[0], .max = 4},
		{.hook = p->hooks[1], .max = 4, .ordered = true},
		{.hook = p->hooks[2], .max = 2},
	};
	struct store_claim c = {.op.kind = STORE_OP_CLAIM,
		.wants = wants,
		.want_count = HOOKS,
		.total = CLAIM,
		.now = clock_wall(),
		.room = INT64_MAX};

	enum store_result result = operate(p, p->st, &c.op);
	if (result != STORE_OK && (c.job_count != 0 || c.jobs != NULL))
		broken(p, "a claim that failed gives jobs");
	for (size_t i = 0; i < c.job_count; i++)
		note_claim(p, c.jobs[i]);
	for (size_t i = 0; i < c.job_count; i++) {
		settle(p, c.jobs[i], disk_random(rng));
		delivery_job_free(c.jobs[i]);
	}
	free(c.jobs);
	free(c.skips);
	return c.job_count > 0;
}

static void *worker_main(void *arg)
{
	struct promises *p = arg;
	bool on = true;

	(void)pthread_mutex_lock(&p->mutex);
	uint64_t rng = p->seed ^ p->next;
	(void)pthread_mutex_unlock(&p->mutex);

	while (on && !is_over(p)) {
		(void)pthread_mutex_lock(&p->mutex);
		bool putting = p->running > 0;
		on = p->broken[0] == '\0';
		(void)pthread_mutex_unlock(&p->mutex);
		if (work_off(p, &rng))
			continue;
		on = on && putting;
		(void)usleep(200);
	}
	return NULL;
}

static void *reader_main(void *arg)
{
	struct promises *p = arg;
	sqlite3 *db = NULL;
	bool on = true;

	/* Its errors come from the disk, and it has no promises. */
	if (sqlite3_open_v2(p->path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK)
		(void)sqlite3_busy_timeout(db, 1000);
	while (on && !is_over(p)) {
		(void)sqlite3_exec(db, "BEGIN; SELECT count(*) FROM events", NULL, NULL, NULL);
		(void)usleep(3000);
		(void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
		(void)pthread_mutex_lock(&p->mutex);
		on = p->running > 0;
		(void)pthread_mutex_unlock(&p->mutex);
	}
	(void)sqlite3_close(db);
	return NULL;
}

/* The ids of the names; new ones are added. */
bool promises_names(struct promises *p, struct store *st)
{
	static const char *const hooks[HOOKS] = {"alpha", "beta", "gamma"};

	struct store_name list[HOOKS + 1];
	struct store_names names = {.op.kind = STORE_OP_NAMES, .list = list, .count = HOOKS + 1};

	for (unsigned i = 0; i < HOOKS; i++)
		list[i] = (struct store_name){STORE_NAME_HOOK, hooks[i], &p->hooks[i]};
	list[HOOKS] = (struct store_name){STORE_NAME_SOURCE, "fedapay", &p->source};
	return operate(p, st, &names.op) == STORE_OK;
}

bool promises_work(
	struct promises *p, struct store *st, const struct work *work, char *why, size_t size)
{
	enum { MAX = 16 };
	pthread_t threads[MAX + 2];
	size_t n = 0;

	assert(work->putters <= MAX);
	bool named = false;
	for (unsigned tries = 1; !named && !is_over(p); tries++) {
		named = promises_names(p, st);
		if (tries == work->tries)
			break;
	}
	if (!named) { /* the store took nothing, and promised nothing */
		(void)snprintf(why, size, "%s", p->broken);
		return p->broken[0] == '\0';
	}
	p->st = st;
	p->work = work;
	p->left = work->events;
	p->running = work->putters;
	for (unsigned i = 0; i < work->putters; i++)
		(void)pthread_create(&threads[n++], NULL, putter_main, p);
	if (work->deliveries)
		(void)pthread_create(&threads[n++], NULL, worker_main, p);
	if (work->reader)
		(void)pthread_create(&threads[n++], NULL, reader_main, p);
	for (size_t i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
	(void)snprintf(why, size, "%s", p->broken);
	return p->broken[0] == '\0';
}

struct promised promises_count(const struct promises *p)
{
	return p->count;
}

/* ---- the object */
static void note_stop(void *arg)
{
	struct promises *p = arg;

	p->stopped = true;
	if (++p->stops > 1)
		broken(p, "on_failure is called twice");
}

struct store *promises_open(struct promises *p, const char *path)
{
	struct store_options options = {.path = path,
		.migrate = true,
		.retention = DAY,
		.backlog = 1000000,
		.on_failure = note_stop,
		.on_failure_arg = p};

	p->stopped = false;
	p->stops = 0;
	return store_open(&options);
}

bool promises_stopped(const struct promises *p)
{
	return p->stopped;
}

struct promises *promises_new(uint64_t seed, const char *path)
{
	struct promises *p = calloc(1, sizeof(*p));

	assert(p != NULL);
	p->seed = seed;
	p->path = path;
	(void)pthread_mutex_init(&p->mutex, NULL);
	p->numbers = calloc(EVENTS, sizeof(*p->numbers));
	p->sizes = calloc(EVENTS, sizeof(*p->sizes));
	p->deliveries = calloc(DELIVERIES, sizeof(*p->deliveries));
	assert(p->numbers != NULL && p->sizes != NULL && p->deliveries != NULL);
	return p;
}

void promises_free(struct promises *p)
{
	(void)pthread_mutex_destroy(&p->mutex);
	free(p->numbers);
	free(p->sizes);
	free(p->deliveries);
	free(p->version_1);
	free(p);
}

static int note_content(void *arg, int count, char **values, char **columns)
{
	struct promises *p = arg;

	(void)columns;
	p->version_1 = count == 1 && values[0] != NULL ? strdup(values[0]) : NULL;
	return 0;
}

void promises_version_1(struct promises *p)
{
	sqlite3 *db = NULL;

	bool ok = sqlite3_open(p->path, &db) == SQLITE_OK &&
		  sqlite3_exec(db, version_1_pragmas, NULL, NULL, NULL) == SQLITE_OK &&
		  sqlite3_exec(db, version_1, NULL, NULL, NULL) == SQLITE_OK &&
		  sqlite3_exec(db, version_1_rows, NULL, NULL, NULL) == SQLITE_OK &&
		  sqlite3_exec(db, promises_version_1_content, note_content, p, NULL) == SQLITE_OK;
	assert(ok && p->version_1 != NULL);
	(void)sqlite3_close(db);
}
