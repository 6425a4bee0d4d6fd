/* store/sqlite/copy.c - copies the store, a slice at a time. The copy is made from the writer's own
 * connection: SQLite carries what that one writes meanwhile into the pages that are copied already,
 * so the copy never begins again because of a commit, and no read transaction keeps the WAL from
 * being reset. The pages are gathered in memory; the asker takes them. */
#include "act.h"
#include "descriptor.h"
#include "session.h"
#include "store/pages.h"
#include "trust.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEP = 16 /* pages, between two checks of the time */ };

struct store_copy {
	struct sqlite3 *to;
	struct sqlite3_backup *backup;
	struct store_pages *pages; /* gathered since the last slice */
};

static int copy_end(struct store_backup *b)
{
	struct store_copy *c = b->copy;

	if (c == NULL)
		return SQLITE_OK;
	int rc = sqlite3_backup_finish(c->backup);
	(void)sqlite3_close(c->to);
	store_pages_free(c->pages);
	free(c);
	b->copy = NULL;
	return rc;
}

static int copy_begin(struct store_db *db, struct store_backup *b)
{
	b->copy = calloc(1, sizeof(*b->copy));
	if (b->copy == NULL || (b->copy->pages = store_pages_new()) == NULL)
		return SQLITE_NOMEM;
	int rc = store_gather_open(&b->copy->pages, &b->copy->to);
	if (rc != SQLITE_OK)
		return rc;
	b->copy->backup = sqlite3_backup_init(b->copy->to, "main", db->sqlite, "main");
	return b->copy->backup != NULL ? SQLITE_OK : sqlite3_errcode(b->copy->to);
}

static int copy_step(struct store_db *db, struct store_backup *b)
{
	int rc;

	store_slice_start(db);
	do
		rc = sqlite3_backup_step(b->copy->backup, STEP);
	while (rc == SQLITE_OK && !store_slice_is_over(db));
	b->all = sqlite3_backup_pagecount(b->copy->backup);
	b->done = b->all - sqlite3_backup_remaining(b->copy->backup);
	b->over = rc == SQLITE_DONE;
	if (store_pages_full(b->copy->pages))
		b->op.why = "more is stored meanwhile than the copy can take";
	return b->over ? SQLITE_OK : rc;
}

/* Hands over what was gathered. */
static int copy_give(struct store_backup *b)
{
	struct store_pages *next = store_pages_new();

	if (next == NULL)
		return SQLITE_NOMEM;
	store_pages_set_size(next, store_pages_size(b->copy->pages));
	b->pages = b->copy->pages;
	b->copy->pages = next;
	return SQLITE_OK;
}

static void forget_pages(struct store_backup *b)
{
	store_pages_free(b->pages);
	b->pages = NULL;
}

int store_backup_run(struct store_db *db, struct store_backup *b)
{
	int rc = store_is_stopped(db) ? SQLITE_IOERR_FSYNC : SQLITE_OK;

	assert(b->stop || b->pages == NULL); /* they were taken */
	if (rc == SQLITE_OK && b->copy == NULL && !b->stop)
		rc = copy_begin(db, b);
	if (rc == SQLITE_OK && !b->stop)
		rc = copy_step(db, b);
	if (rc == SQLITE_OK && !b->stop)
		rc = copy_give(b);
	if (rc == SQLITE_OK && !b->stop && !b->over)
		return rc;
	int end = copy_end(b);
	rc = rc == SQLITE_OK && !b->stop ? end : rc;
	if (rc != SQLITE_OK || b->stop)
		forget_pages(b);
	return rc;
}

struct checking {
	char fault[STORE_READ_WHY]; /* the first; "" for none */
	store_progress *progress;
	void *arg;
};

static void keep_first(void *arg, enum store_fault kind, const char *fault)
{
	struct checking *c = arg;

	(void)kind;
	if (c->fault[0] == '\0')
		(void)snprintf(c->fault, sizeof(c->fault), "%s", fault);
}

static bool pass_progress(void *arg, int64_t done, int64_t all)
{
	const struct checking *c = arg;

	return c->progress(c->arg, done, all);
}

/* The file may be anything: nothing of it runs, and it has hookd's tables and no others. */
static bool is_store(struct sqlite3 *sqlite, char why[STORE_READ_WHY])
{
	char what[STORE_SCHEMA_WHAT];
	int64_t version;
	enum store_file kind = store_file_kind(sqlite, &version);
	int rc = kind == STORE_FILE_OURS ? store_schema_compare(sqlite, what) : SQLITE_OK;

	if (kind != STORE_FILE_OURS)
		store_file_explain(kind, sqlite, "the copy", version, why, STORE_READ_WHY);
	else if (rc == SQLITE_AUTH)
		(void)snprintf(
			why, STORE_READ_WHY, "the copy is not as hookd makes a store: %s", what);
	else if (rc != SQLITE_OK)
		(void)snprintf(
			why, STORE_READ_WHY, "the copy cannot be read: %s", sqlite3_errstr(rc));
	return kind == STORE_FILE_OURS && rc == SQLITE_OK;
}

static bool check_rows(
	struct sqlite3 *sqlite, store_progress *progress, void *arg, char why[STORE_READ_WHY])
{
	struct checking c = {.progress = progress, .arg = arg};
	int rc = store_check_database(sqlite, false, keep_first, pass_progress, &c);

	if (rc != SQLITE_OK)
		(void)snprintf(
			why, STORE_READ_WHY, "the copy cannot be read: %s", sqlite3_errstr(rc));
	else if (c.fault[0] != '\0')
		(void)snprintf(why, STORE_READ_WHY, "the copy is damaged: %.400s", c.fault);
	return rc == SQLITE_OK && c.fault[0] == '\0';
}

bool store_check_descriptor(int fd, store_progress *progress, void *arg, char why[STORE_READ_WHY])
{
	struct sqlite3 *sqlite = NULL;
	int rc = store_descriptor_open(fd, &sqlite);
	bool good = rc == SQLITE_OK;

	if (!good)
		(void)snprintf(
			why, STORE_READ_WHY, "the copy cannot be read: %s", sqlite3_errstr(rc));
	good = good && is_store(sqlite, why) && check_rows(sqlite, progress, arg, why);
	(void)sqlite3_close(sqlite);
	return good;
}
