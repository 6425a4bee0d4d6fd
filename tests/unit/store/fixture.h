/* store/fixture.h - a store in its own directory, and short ways to use it. */
#ifndef HOOKD_STORE_FIXTURE_H
#define HOOKD_STORE_FIXTURE_H

#include "base/clock.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct fixture {
	char dir[64];
	char path[96];
	struct store *st;
	int64_t source;
	int64_t hooks[3]; /* "alpha", "beta", "gamma" */
};

static inline int64_t fx_name(struct store *st, enum store_name_kind kind, const char *name)
{
	int64_t id;
	struct store_name n = {kind, name, &id};
	struct store_names names = {.op.kind = STORE_OP_NAMES, .list = &n, .count = 1};

	assert_int_equal(store_wait(st, &names.op), STORE_OK);
	return id;
}

static inline void fx_open_with(struct fixture *fx, const struct store_options *options)
{
	fx->st = store_open(options);
	assert_non_null(fx->st);
	fx->source = fx_name(fx->st, STORE_NAME_SOURCE, "fedapay");
	fx->hooks[0] = fx_name(fx->st, STORE_NAME_HOOK, "alpha");
	fx->hooks[1] = fx_name(fx->st, STORE_NAME_HOOK, "beta");
	fx->hooks[2] = fx_name(fx->st, STORE_NAME_HOOK, "gamma");
}

static inline void fx_open(struct fixture *fx)
{
	struct store_options options = {.path = fx->path, .migrate = true, .backlog = 100000};

	fx_open_with(fx, &options);
}

static inline void fx_close(struct fixture *fx)
{
	store_close(fx->st);
	fx->st = NULL;
}

static inline int fx_make(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	(void)snprintf(fx->dir, sizeof(fx->dir), "/tmp/hookd-store-XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	(void)snprintf(fx->path, sizeof(fx->path), "%s/hookd.db", fx->dir);
	*state = fx;
	return 0;
}

static inline int fx_make_open(void **state)
{
	int rc = fx_make(state);

	fx_open(*state);
	return rc;
}

static inline int fx_remove(void **state)
{
	struct fixture *fx = *state;

	if (fx->st != NULL)
		fx_close(fx);
	DIR *dir = opendir(fx->dir);
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), e->d_name, 0);
	}
	(void)closedir(dir);
	(void)rmdir(fx->dir);
	free(fx);
	return 0;
}

static inline struct event fx_event(
	const struct fixture *fx, char *key, const void *payload, size_t len)
{
	static char type[] = "transaction.approved";

	return (struct event){
		.source = "fedapay",
		.source_id = fx->source,
		.type = type,
		.received_at = clock_wall(),
		.idempotency_key = key,
		.origin = "webhook",
		.remote = "203.0.113.7",
		.payload = payload,
		.payload_len = len,
	};
}

/* Puts a small event for the first `hooks` hooks that came `age` ms ago. */
static inline struct store_put fx_put_aged(
	struct fixture *fx, const char *key, size_t hooks, int64_t age)
{
	char copy[256];
	(void)snprintf(copy, sizeof(copy), "%s", key);
	struct event ev = fx_event(fx, copy, "{}", 2);
	ev.received_at -= age;
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = hooks};

	(void)store_wait(fx->st, &put.op);
	put.event = NULL;
	return put;
}

static inline int64_t fx_put(struct fixture *fx, const char *key, size_t hooks)
{
	struct store_put put = fx_put_aged(fx, key, hooks, 0);

	assert_int_equal(put.op.result, STORE_OK);
	return put.event_id;
}

/* The states of the entities of fx_put_entity, for skip_stale. */
static const struct lifecycle_state fx_states[] = {
	{"created", 0, NULL, false, false},
	{"approved", 1, "created", true, false},
	{"declined", 1, "created", true, false},
	{"transferred", 2, "approved", false, false},
	{"refunded", 2, "approved", false, false},
	{"deleted", 3, "created", false, false},
	{NULL, 0, NULL, false, false},
};

/* Puts an event of an entity for the first `hooks` hooks. */
static inline int64_t fx_put_entity(struct fixture *fx, const char *key, const char *type,
	const char *entity, int64_t occurred_at, size_t hooks)
{
	static char kind[] = "transaction";
	char key_copy[64];
	char type_copy[64];
	char entity_copy[64];
	(void)snprintf(key_copy, sizeof(key_copy), "%s", key);
	(void)snprintf(type_copy, sizeof(type_copy), "%s", type);
	(void)snprintf(entity_copy, sizeof(entity_copy), "%s", entity);
	struct event ev = fx_event(fx, key_copy, "{}", 2);
	ev.type = type_copy;
	ev.entity_kind = kind;
	ev.entity_id = entity_copy;
	ev.occurred_at = occurred_at;
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = hooks};

	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	return put.event_id;
}

/* Claims up to `total` of the first `hooks` hooks, each wanted like `like`. */
static inline struct store_claim fx_claim_as(
	struct fixture *fx, size_t hooks, unsigned total, struct store_want like)
{
	struct store_want wants[3];
	for (size_t i = 0; i < hooks; i++) {
		wants[i] = like;
		wants[i].hook = fx->hooks[i];
		wants[i].max = total;
	}
	struct store_claim c = {.op.kind = STORE_OP_CLAIM,
		.wants = wants,
		.want_count = hooks,
		.total = total,
		.now = clock_wall(),
		.room = INT64_MAX};

	(void)store_wait(fx->st, &c.op);
	c.wants = NULL;
	return c;
}

static inline struct store_claim fx_claim(struct fixture *fx, size_t hooks, unsigned total)
{
	return fx_claim_as(fx, hooks, total, (struct store_want){0});
}

static inline void fx_claim_free(struct store_claim *c)
{
	store_claim_free(c);
}

static inline enum store_result fx_settle(struct fixture *fx, int64_t delivery, unsigned attempt,
	enum attempt_result result, enum delivery_state state, int64_t due_at)
{
	struct attempt_outcome outcome = {.result = result, .exit_code = -1};
	struct store_settle s = {
		.op.kind = STORE_OP_SETTLE,
		.delivery = delivery,
		.attempt = attempt,
		.outcome = &outcome,
		.ended_at = clock_wall(),
		.state = state,
		.due_at = due_at,
	};

	return store_wait(fx->st, &s.op);
}

static inline struct store_counts fx_counts(struct fixture *fx)
{
	struct store_counts counts;

	store_counts(fx->st, &counts);
	return counts;
}

/* The number that a query returns, through its own connection. */
static inline int64_t fx_number(const struct fixture *fx, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_open(fx->path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 60000);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	int64_t value = sqlite3_column_int64(s, 0);
	(void)sqlite3_finalize(s);
	(void)sqlite3_close(db);
	return value;
}

static inline void fx_exec(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 60000);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
}

/* Waits until the query returns `wanted`; fails after a minute. */
static inline void fx_await(const struct fixture *fx, const char *sql, int64_t wanted)
{
	for (int i = 0; i < 6000 && fx_number(fx, sql) != wanted; i++)
		(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_int_equal(fx_number(fx, sql), wanted);
}

struct capture {
	int saved;
	FILE *file;
	char text[8192];
};

/* Captures what is logged until capture_end. */
static inline void capture_begin(struct capture *c)
{
	c->file = tmpfile();
	assert_non_null(c->file);
	c->saved = dup(STDERR_FILENO);
	(void)dup2(fileno(c->file), STDERR_FILENO);
}

static inline const char *capture_end(struct capture *c)
{
	(void)dup2(c->saved, STDERR_FILENO);
	(void)close(c->saved);
	ssize_t n = pread(fileno(c->file), c->text, sizeof(c->text) - 1, 0);
	c->text[n > 0 ? n : 0] = '\0';
	(void)fclose(c->file);
	return c->text;
}

#endif
