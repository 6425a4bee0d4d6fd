/* fill FILE EVENTS [SEED [WAITING]] - makes a store with 90 days of history (history.h), whose
 * newest event is of this minute: four hooks, most deliveries DONE, some after retries, some DEAD,
 * replayed or SKIPPED; the newest WAITING deliveries of the hook tell-erp (default: one for 1,000
 * events) are READY. hookd's own code makes the tables; the rows are inserted past it, unsynced. */
#include "base/clock.h"
#include "history.h"
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMIT_EVERY 100000 /* events */
#define ATTEMPTS_MAX 12
#define SOURCE       "fedapay"

/* A hook wants the types that begin so; "" is all. */
static const struct shop_hook {
	const char *name;
	const char *wants;
	const char *output;
} shop_hooks[] = {
	{"mark-paid", "transaction.approved", "order is paid\n"},
	{"mail-receipt", "transaction.approved", NULL},
	{"mail-declined", "transaction.declined", NULL},
	{"tell-erp", "", NULL},
};

#define HOOKS     (sizeof(shop_hooks) / sizeof(shop_hooks[0]))
#define TELL_ERP  3
#define MARK_PAID 0

enum sql { SQL_EVENT, SQL_DELIVERY, SQL_ATTEMPT, SQL_COUNT };

static const char *const texts[SQL_COUNT] = {
	[SQL_EVENT] = "INSERT INTO events(id, source_id, idempotency_key, provider_event_id, type,"
		      " entity_kind, entity_id, received_at, occurred_at, origin, remote_addr, "
		      "duplicates,"
		      " quarantined, payload)"
		      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'webhook', ?10, ?11, ?12, ?13)",
	[SQL_DELIVERY] =
		"INSERT INTO deliveries(id, event_id, hook_id, state, attempts, failures, due_at,"
		" ended_at, reason, replay_of, replayed_by)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	[SQL_ATTEMPT] = "INSERT INTO attempts(delivery_id, number, started_at, ended_at, result,"
			" exit_code, message, output) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
};

enum salt { SALT_FATE = 100, SALT_DURATION, SALT_RETRIES, SALT_EVENT };

struct fill {
	const char *path;
	uint64_t events;
	uint64_t seed;
	uint64_t waiting;
	int64_t now;
	int64_t source;
	int64_t hooks[HOOKS];
	sqlite3 *db;
	sqlite3_stmt *sql[SQL_COUNT];
	int64_t delivery; /* the last id */
	int64_t states[DELIVERY_SKIPPED + 1];
};

/* The state of one delivery. */
struct fate {
	enum delivery_state state;
	unsigned attempts;
	unsigned failures;
	int64_t due_at;
	int64_t ended_at; /* 0: not yet */
	int64_t replay_of;
	int64_t replayed_by;
};

static void die(const struct fill *f, const char *what)
{
	fprintf(stderr, "fill: %s: %s: %s\n", f->path, what,
		f->db != NULL ? sqlite3_errmsg(f->db) : "see above");
	exit(EXIT_FAILURE);
}

static void exec(struct fill *f, const char *sql)
{
	if (sqlite3_exec(f->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		die(f, sql);
}

/* ---- the tables, by hookd's code ---- */

static int64_t name_id(
	const struct fill *f, struct store *st, enum store_name_kind kind, const char *name)
{
	int64_t id;
	struct store_name n = {kind, name, &id};
	struct store_names names = {.op.kind = STORE_OP_NAMES, .list = &n, .count = 1};

	if (store_wait(st, &names.op) != STORE_OK)
		die(f, name);
	return id;
}

static void make_store(struct fill *f)
{
	struct store_options options = {.path = f->path, .migrate = true};
	struct store *st = access(f->path, F_OK) == 0 ? NULL : store_open(&options);

	if (st == NULL)
		die(f, "must be a new file");
	f->source = name_id(f, st, STORE_NAME_SOURCE, SOURCE);
	for (size_t i = 0; i < HOOKS; i++)
		f->hooks[i] = name_id(f, st, STORE_NAME_HOOK, shop_hooks[i].name);
	store_close(st);
}

/* If this is interrupted, the file is not a store: remove it. */
static void open_unsafe(struct fill *f)
{
	if (sqlite3_open_v2(f->path, &f->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
		SQLITE_OK)
		die(f, "cannot be opened");
	exec(f, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF;"
		"PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;"
		"PRAGMA foreign_keys = OFF");
	for (int i = 0; i < SQL_COUNT; i++)
		if (sqlite3_prepare_v3(f->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &f->sql[i],
			    NULL) != SQLITE_OK)
			die(f, texts[i]);
}

static void close_safely(struct fill *f)
{
	for (int i = 0; i < SQL_COUNT; i++)
		(void)sqlite3_finalize(f->sql[i]);
	exec(f, "PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = WAL;"
		"PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)");
	if (sqlite3_close(f->db) != SQLITE_OK)
		die(f, "cannot be closed");
}

/* ---- rows ---- */

static void step(struct fill *f, enum sql which)
{
	sqlite3_stmt *s = f->sql[which];

	if (sqlite3_step(s) != SQLITE_DONE)
		die(f, texts[which]);
	(void)sqlite3_reset(s);
	(void)sqlite3_clear_bindings(s);
}

static void bind_text(sqlite3_stmt *s, int column, const char *text)
{
	(void)sqlite3_bind_text(s, column, text, -1, SQLITE_STATIC);
}

static void bind_int(sqlite3_stmt *s, int column, int64_t value)
{
	(void)sqlite3_bind_int64(s, column, value);
}

/* NULL for 0 */
static void bind_some(sqlite3_stmt *s, int column, int64_t value)
{
	if (value != 0)
		bind_int(s, column, value);
}

static void add_event(struct fill *f, int64_t id, const struct fedapay_event *ev, const char *type,
	int64_t received_at)
{
	sqlite3_stmt *s = f->sql[SQL_EVENT];
	uint64_t bits = history_bits(f->seed, (uint64_t)id, SALT_EVENT);
	bool quarantined = bits % 10000 == 0;
	char body[FEDAPAY_BODY_MAX];
	char key[32], provider[24], entity[24];

	/* A body that is cut off is not JSON and has no type. */
	size_t len = fedapay_write(ev, body) - (quarantined ? 1 : 0);
	(void)snprintf(key, sizeof(key), "id:%" PRIu64, ev->id);
	(void)snprintf(provider, sizeof(provider), "%" PRIu64, ev->id);
	(void)snprintf(entity, sizeof(entity), "%" PRIu64, ev->entity_id);
	bind_int(s, 1, id);
	bind_int(s, 2, f->source);
	bind_text(s, 3, key);
	if (quarantined) {
		bind_text(s, 12, "not JSON");
	} else {
		bind_text(s, 4, provider);
		bind_text(s, 5, type);
		bind_text(s, 6, fedapay_kind_text(ev->kind));
		bind_text(s, 7, entity);
		bind_int(s, 9, ev->changed_at + 160);
	}
	bind_int(s, 8, received_at);
	bind_text(s, 10, "203.0.113.17");
	bind_int(s, 11, bits >> 32 < UINT32_MAX / 200);
	(void)sqlite3_bind_blob64(s, 13, body, len, SQLITE_STATIC);
	step(f, SQL_EVENT);
}

static void add_attempt(struct fill *f, unsigned number, int64_t started_at, int64_t ended_at,
	bool ok, const char *output)
{
	sqlite3_stmt *s = f->sql[SQL_ATTEMPT];

	bind_int(s, 1, f->delivery);
	bind_int(s, 2, number);
	bind_int(s, 3, started_at);
	bind_int(s, 4, ended_at);
	bind_text(s, 5, ok ? "ok" : "tempfail");
	bind_int(s, 6, ok ? 0 : 75);
	if (!ok) {
		bind_text(s, 7, "exited with 75");
		output = "curl: (28) Connection timed out after 20001 milliseconds\n";
	}
	if (output != NULL)
		(void)sqlite3_bind_blob64(s, 8, output, strlen(output), SQLITE_STATIC);
	step(f, SQL_ATTEMPT);
}

/* The attempts, with gaps that double, up to the end of the delivery. */
static void add_attempts(struct fill *f, const struct fate *fate, const char *output)
{
	int64_t duration =
		3 + (int64_t)(history_bits(f->seed, (uint64_t)f->delivery, SALT_DURATION) % 400);
	int64_t at = fate->due_at;

	for (unsigned i = 1; i <= fate->attempts; i++) {
		bool last = i == fate->attempts;
		int64_t end = last && fate->ended_at != 0 ? fate->ended_at : at + duration;
		add_attempt(f, i, last ? end - duration : at, end, i > fate->failures, output);
		at = end + (INT64_C(5000) << i);
	}
}

static void add_delivery(struct fill *f, int64_t event, size_t hook, const struct fate *fate)
{
	sqlite3_stmt *s = f->sql[SQL_DELIVERY];

	f->states[fate->state]++;
	bind_int(s, 1, ++f->delivery);
	bind_int(s, 2, event);
	bind_int(s, 3, f->hooks[hook]);
	bind_text(s, 4, delivery_state_text(fate->state));
	bind_int(s, 5, fate->attempts);
	bind_int(s, 6, fate->failures);
	bind_int(s, 7, fate->state == DELIVERY_READY ? f->now + fate->due_at : fate->due_at);
	bind_some(s, 8, fate->ended_at);
	if (fate->state == DELIVERY_SKIPPED)
		bind_text(s, 9, "overtaken by transaction.transferred");
	bind_some(s, 10, fate->replay_of);
	bind_some(s, 11, fate->replayed_by);
	step(f, SQL_DELIVERY);
	if (fate->state != DELIVERY_READY)
		add_attempts(f, fate, shop_hooks[hook].output);
}

static struct fate done_at(int64_t due_at, unsigned failures, uint64_t bits)
{
	return (struct fate){
		.state = DELIVERY_DONE,
		.attempts = failures + 1,
		.failures = failures,
		.due_at = due_at,
		.ended_at = due_at + 420 + (int64_t)(bits % 900) +
			    (failures > 0 ? INT64_C(10000) << failures : 0),
	};
}

/* Of 1,000 deliveries: 1 dead, 1 dead and replayed, 3 of mark-paid overtaken, 30 done after
 * retries, the rest done at once. */
static void deliver(struct fill *f, int64_t event, size_t hook, int64_t received_at)
{
	uint64_t bits = history_bits(f->seed, (uint64_t)event * HOOKS + hook, SALT_FATE);
	uint64_t fate = bits % 1000;
	struct fate d = done_at(received_at, fate < 40 ? 1 + (unsigned)(bits >> 40) % 3 : 0, bits);

	if (hook == TELL_ERP && (uint64_t)event + f->waiting > f->events) {
		/* never tried: due from half an hour ago to half an hour ahead */
		d = (struct fate){.due_at = (int64_t)(bits % 3600000) - 1800000};
	} else if (hook == MARK_PAID && fate >= 997) {
		d = (struct fate){
			.state = DELIVERY_SKIPPED, .due_at = received_at, .ended_at = d.ended_at};
	} else if (fate < 2) {
		d.state = DELIVERY_DEAD;
		d.attempts = d.failures = ATTEMPTS_MAX;
		d.ended_at = received_at + (INT64_C(10000) << ATTEMPTS_MAX);
		if (d.ended_at > f->now)
			d = done_at(received_at, 0, bits);
		else if (fate == 1)
			d.replayed_by = f->delivery + 2;
	}
	add_delivery(f, event, hook, &d);
	if (d.replayed_by != 0) {
		d = done_at(d.ended_at, 0, bits);
		d.replay_of = f->delivery;
		add_delivery(f, event, hook, &d);
	}
}

static bool wants(const struct shop_hook *hook, const char *type)
{
	return strncmp(type, hook->wants, strlen(hook->wants)) == 0;
}

static void fill(struct fill *f)
{
	struct history *h = history_new(f->seed, f->events, f->now);

	if (h == NULL)
		die(f, "out of memory");
	exec(f, "BEGIN");
	for (uint64_t i = 1; i <= f->events; i++) {
		struct fedapay_event ev;
		int64_t received_at;
		char type[64];
		if (!history_next(h, &ev, &received_at))
			die(f, "out of memory");
		(void)snprintf(type, sizeof(type), "%s.%s", fedapay_kind_text(ev.kind), ev.state);
		add_event(f, (int64_t)i, &ev, type, received_at);
		for (size_t k = 0; k < HOOKS; k++)
			if (wants(&shop_hooks[k], type))
				deliver(f, (int64_t)i, k, received_at);
		if (i % COMMIT_EVERY == 0)
			exec(f, "COMMIT; BEGIN");
	}
	exec(f, "COMMIT");
	history_free(h);
}

static bool read_number(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && end != text && *end == '\0';
}

int main(int argc, char **argv)
{
	struct fill f = {.seed = 1, .now = clock_wall()};
	int64_t began = clock_steady();

	if (argc < 3 || argc > 5 || !read_number(argv[2], &f.events) || f.events == 0 ||
		(argc > 3 && !read_number(argv[3], &f.seed)) ||
		(argc > 4 && !read_number(argv[4], &f.waiting))) {
		fputs("usage: fill FILE EVENTS [SEED [WAITING]]\n", stderr);
		return 2;
	}
	f.path = argv[1];
	if (argc <= 4)
		f.waiting = f.events / 1000;
	/* Its memory statistics cost a lock for each allocation. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	make_store(&f);
	open_unsafe(&f);
	fill(&f);
	close_safely(&f);
	printf("{\"events\": %" PRIu64 ", \"deliveries\": %" PRId64 ", \"ready\": %" PRId64
	       ", \"done\": %" PRId64 ", \"dead\": %" PRId64 ", \"skipped\": %" PRId64
	       ", \"seconds\": %.1f}\n",
		f.events, f.delivery, f.states[DELIVERY_READY], f.states[DELIVERY_DONE],
		f.states[DELIVERY_DEAD], f.states[DELIVERY_SKIPPED],
		(double)(clock_steady() - began) / 1000);
	return EXIT_SUCCESS;
}
