/* transactions.c - each kind of the store's transactions with a fault in it. It changes everything
 * that it changes otherwise, or nothing. Then another connection commits: what the failed
 * transaction has written to the WAL already, because it did not fit into the page cache, must not
 * come over that. Everything is checked in the files as a kill would leave them.
 *
 * Each run begins with a copy of the same store. */
#include "transactions.h"
#include "directory.h"
#include "disk.h"
#include "transactions_private.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { OTHERS = 100 };

static struct directory base, work, copy;
static char base_path[DIRECTORY_PATH], work_path[DIRECTORY_PATH], copy_path[DIRECTORY_PATH];
static const struct transaction_fault *fault;

unsigned kinds_failed(void)
{
	return fault != NULL ? fault->failed() : 0;
}

void kinds_release(void *memory)
{
	(fault != NULL ? fault->release : free)(memory);
}

const char *kinds_directory(void)
{
	return copy.path;
}

/* ---- the store before it */
static struct store *open_store(const char *path)
{
	struct store_options options = {.path = path, .migrate = true, .backlog = 100000};

	return store_open(&options);
}

void transactions_begin(void)
{
	directory_make(&base, "base");
	directory_make(&work, "work");
	directory_make(&copy, "copy");
	(void)snprintf(base_path, sizeof(base_path), "%s/store.db", base.path);
	(void)snprintf(work_path, sizeof(work_path), "%s/store.db", work.path);
	(void)snprintf(copy_path, sizeof(copy_path), "%s/store.db", copy.path);
	struct store *st = open_store(base_path);
	assert(st != NULL && kinds_fill(st));
	store_close(st);
}

/* ---- what is in it */

/* All rows but the other connection's, without times. */
static const char content[] =
	"SELECT group_concat(line, char(10)) FROM ("
	"SELECT 'hook ' || id || name || (paused_at IS NULL) AS line FROM hooks WHERE name <> "
	"'last'"
	" UNION ALL SELECT 'event ' || id || quote(idempotency_key) || quote(type)"
	" || quote(entity_id) || duplicates || conflicts || quote(quarantined) || length(payload)"
	" || quote(checksum) FROM events"
	" UNION ALL SELECT 'delivery ' || id || ' ' || event_id || ' ' || hook_id || state"
	" || attempts || ' ' || failures || quote(blocked_by) || quote(ordering_key)"
	" || quote(failed_id) || quote(replay_of) || quote(replayed_by) FROM deliveries"
	" UNION ALL SELECT 'attempt ' || delivery_id || ' ' || number || quote(result)"
	" || quote(output) FROM attempts"
	" UNION ALL SELECT 'audit ' || id || act || changed || quote(result) FROM audit"
	" ORDER BY line)";

static sqlite3 *connect_file(const char *path)
{
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		abort();
	return db;
}

/* What the statement returns, to be freed by sqlite3_free. */
static char *read_text(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = NULL;
	char *text;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		text = sqlite3_mprintf("%s", (const char *)sqlite3_column_text(s, 0));
	else
		text = sqlite3_mprintf("%s", sqlite3_errmsg(db));
	(void)sqlite3_finalize(s);
	assert(text != NULL);
	return text;
}

static long long read_number(sqlite3 *db, const char *sql)
{
	char *text = read_text(db, sql);
	long long number = strtoll(text, NULL, 10);

	sqlite3_free(text);
	return number;
}

static bool no(char *why, const char *text)
{
	(void)snprintf(why, WHY, "%s", text);
	return false;
}

static bool is_text(char *text, const char *wanted)
{
	bool same = strcmp(text, wanted) == 0;

	sqlite3_free(text);
	return same;
}

/* ---- a run */
/* Another connection, into the place in the WAL where the operation has written. */
static bool commit_others(char *why)
{
	sqlite3 *db = NULL;
	char *error = NULL;

	int rc = sqlite3_open(work_path, &db);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db,
			"PRAGMA wal_autocheckpoint = 0; WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL"
			" SELECT n + 1 FROM c LIMIT 100) INSERT INTO sources(name)"
			" SELECT 'other' || n || hex(zeroblob(3000)) FROM c",
			NULL, NULL, &error);
	if (rc != SQLITE_OK)
		(void)snprintf(why, WHY, "another connection cannot write: %s",
			error != NULL ? error : sqlite3_errmsg(db));
	sqlite3_free(error);
	(void)sqlite3_close(db);
	return rc == SQLITE_OK;
}

/* What the writer writes after that. */
static bool commit_last(struct store *st, char *why)
{
	int64_t id;
	struct store_name list[] = {{STORE_NAME_HOOK, "last", &id}};
	struct store_names op = {.op.kind = STORE_OP_NAMES, .list = list, .count = 1};

	return store_wait(st, &op.op) == STORE_OK ||
	       no(why, "the fault is over, and the store takes nothing");
}

static bool check_counts(struct store *st, sqlite3 *db, char *why)
{
	struct store_counts counts;

	store_counts(st, &counts);
	return (read_number(db, "SELECT count(*) FROM deliveries"
				" WHERE state IN ('READY', 'RUNNING')") == counts.waiting &&
		       read_number(db,
			       "SELECT count(*) FROM deliveries"
			       " WHERE state = 'DEAD' AND replayed_by IS NULL") == counts.dead) ||
	       no(why, "the store counts its deliveries wrongly");
}

/* Events that were stored are there with their deliveries, and no others. */
static bool check_stored(sqlite3 *db, const struct kind *k, char *why)
{
	char sql[200];

	(void)snprintf(sql, sizeof(sql),
		"SELECT count(*) FROM events e WHERE idempotency_key LIKE '%s' AND (SELECT count(*)"
		" FROM deliveries d WHERE d.event_id = e.id AND d.failed_id IS NULL) = 2",
		k->counted);
	long long whole = read_number(db, sql);
	(void)snprintf(sql, sizeof(sql),
		"SELECT count(*) FROM events WHERE idempotency_key LIKE '%s'", k->counted);
	if (whole == read_number(db, sql) && whole >= kinds_puts_stored)
		return true;
	return no(why, "not each event is there with its deliveries");
}

/* Contents; NULL: to be filled in by the run. */
struct wanted {
	char *before, *after;
};

static bool check_content(sqlite3 *db, enum outcome outcome, struct wanted *w, char *why)
{
	char *text = read_text(db, content);
	bool before = strcmp(text, w->before) == 0;

	if (w->after == NULL && (outcome == ALL || outcome == EITHER)) {
		w->after = text;
		return true;
	}
	bool after = w->after != NULL && strcmp(text, w->after) == 0;
	sqlite3_free(text);
	if (outcome == NOTHING && !before)
		return no(why, "it failed, and something of it is there");
	if (outcome == ALL && !after)
		return no(why, "it was acknowledged, and not all of it is there");
	return outcome != EITHER || before || after || no(why, "a part of it is there");
}

static bool check_copy(struct store *st, sqlite3 *db, const struct kind *k, enum outcome outcome,
	struct wanted *w, char *why)
{
	if (!is_text(read_text(db, "PRAGMA integrity_check"), "ok"))
		return no(why, "the store is damaged");
	if (read_number(db, "SELECT count(*) FROM sources WHERE name LIKE 'other%'") != OTHERS ||
		read_number(db, "SELECT count(*) FROM hooks WHERE name = 'last'") != 1)
		return no(why, "what was committed afterwards is not there");
	if (outcome == NOTHING && kinds_audit.id != 0)
		return no(why, "the act has a row that is not there");
	return check_content(db, outcome, w, why) &&
	       (k->counted == NULL || check_stored(db, k, why)) && check_counts(st, db, why);
}

static bool run_kind(struct store *st, const struct kind *k, unsigned n, unsigned times,
	struct wanted *w, bool *reached, char *why)
{
	if (!kinds_find_names(st) || (k->prepare != NULL && !k->prepare(st)))
		return no(why, "the store takes nothing");
	if (w->before == NULL) {
		sqlite3 *db = connect_file(work_path);
		w->before = read_text(db, content);
		(void)sqlite3_close(db);
	}
	kinds_audit.id = 0;
	fault->set(n, times);
	enum outcome outcome = k->run(st);
	*reached = fault->failed() > 0;
	fault->set(0, 0);
	if (outcome == NOTHING && !*reached)
		return no(why, "it fails without a fault");
	if (!commit_others(why) || !commit_last(st, why))
		return false;
	directory_copy(&work, &copy);
	sqlite3 *db = connect_file(copy_path);
	bool ok = check_copy(st, db, k, outcome, w, why);
	(void)sqlite3_close(db);
	return ok;
}

static bool try_n(const struct kind *k, unsigned n, unsigned times, struct wanted *w, bool *reached,
	char *why)
{
	directory_copy(&base, &work);
	fault->begin(work.path);
	struct store *st = open_store(work_path);
	bool ok = st != NULL ? run_kind(st, k, n, times, w, reached, why)
			     : no(why, "the store does not open");
	if (st != NULL)
		store_close(st);
	return fault->end(why) && ok;
}

/* Until a run without a fault has done all. */
static bool learn(const struct kind *k, struct wanted *w, char *why)
{
	bool ok = true, reached;

	for (unsigned tries = 0; ok && w->after == NULL && tries < 20; tries++) {
		sqlite3_free(w->before);
		w->before = NULL;
		ok = try_n(k, 0, 0, w, &reached, why);
	}
	return ok && (w->after != NULL || no(why, "it does not do all of it"));
}

/* Each of the first ones, then about one in a quarter of what lies behind. */
static unsigned step(unsigned n, unsigned stride, uint64_t *rng)
{
	unsigned by = n / 4 + 1 < stride ? n / 4 + 1 : stride;

	return 1 + (unsigned)(disk_random(rng) % (2 * by - 1));
}

unsigned transactions_run(size_t kind, const struct transaction_fault *f, unsigned times,
	unsigned stride, uint64_t seed, unsigned *most, char *why)
{
	const struct kind *k = &kinds[kind];
	struct wanted w = {0};
	uint64_t rng = seed;

	fault = f;
	bool ok = learn(k, &w, why), reached = true;
	unsigned n = 1, runs = 1;
	for (; ok && reached; n += step(n, stride, &rng), runs++) {
		ok = try_n(k, n, times, &w, &reached, why);
		*most = reached || !ok ? n : *most;
	}
	sqlite3_free(w.before);
	sqlite3_free(w.after);
	return ok ? runs : 0;
}

const char *transactions_name(size_t kind)
{
	return kinds[kind].name;
}
