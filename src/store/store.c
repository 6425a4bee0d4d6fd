/* store/store.c - opens the store: the lock, the file, recovery, counts; and closes
 * it. What happens in between is the writer's. */
#include "store/store.h"
#include "base/clock.h"
#include "store/sqlite/checksum.h"
#include "store/sqlite/db.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The greatest retry.max: nothing is due later, unless the clock was wrong. */
#define DUE_MAX "86400000" /* ms */

#define FILE_MODE 0660 /* the group may read and replay: hookctl */

static void log_errno(const char *message, const char *file)
{
	char text[128];

	log_error(message, log_text("error", strerror_r(errno, text, sizeof(text))),
		log_text("file", file));
}

static void log_locked(int fd, const char *path)
{
	char text[32] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid = n > 0 ? strtol(text, NULL, 10) : 0;

	log_error("store is in use by another hookd; stop that one first", log_int("pid", pid),
		log_text("file", path));
}

/* Takes the lock of PATH.lock, which stays when we end: removing it would let
 * two daemons each lock a file of that name. Returns -1 with the reason logged. */
static int lock_take(const char *path)
{
	char *name = NULL;
	char pid[32];

	if (asprintf(&name, "%s.lock", path) < 0) {
		log_error("out of memory");
		return -1;
	}
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd < 0) {
		log_errno("store lock cannot be opened", name);
		goto out;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			log_locked(fd, path);
		else
			log_errno("store cannot be locked", name);
		(void)close(fd);
		fd = -1;
		goto out;
	}
	/* The pid is for people; on a full disk the lock holds without it. */
	int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (fchmod(fd, FILE_MODE) != 0 || ftruncate(fd, 0) != 0 ||
		write(fd, pid, (size_t)len) != len)
		log_warn("store lock does not show our pid", log_text("file", name));
out:
	free(name);
	return fd;
}

/* A new file's name must be on disk before the first event is acknowledged. */
static bool directory_sync(const char *path)
{
	char *copy = strdup(path);

	if (copy == NULL)
		return false;
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		(void)close(fd);
	free(copy);
	return ok;
}

/* Makes the file if there is none: SQLite would do so with a mode of its own,
 * and would open one that may not be written read-only without a word. Must be
 * called before SQLite has the file: closing it would drop SQLite's locks. */
static bool file_make(const char *path)
{
	struct stat sb;
	bool ok = false;

	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	bool made = fd >= 0;
	if (!made && errno == EEXIST)
		fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &sb) != 0) {
		log_errno("store cannot be opened", path);
		goto out;
	}
	if (!S_ISREG(sb.st_mode)) {
		log_error("store.path is not a regular file", log_text("file", path));
		goto out;
	}
	if (made && (fchmod(fd, FILE_MODE) != 0 || !directory_sync(path))) {
		log_errno("store cannot be made", path);
		goto out;
	}
	ok = true;
out:
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

/* After a sync that failed Linux still shows what it did not write: a WAL that an earlier
 * hookd left may be whole here and not on the disk, and what is appended to it would be lost
 * with it when the power goes. So it is carried over before anything is acknowledged. What
 * cannot be (a full disk, a reader) stays where it is. */
static bool carry_over(struct store *st)
{
	int rc = sqlite3_wal_checkpoint_v2(st->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

	/* The WAL's own name: SQLite syncs the directory, but not minding whether it could. */
	if (!directory_sync(st->path)) {
		log_errno("store cannot be opened: its directory cannot be synced", st->path);
		return false;
	}
	if (rc != SQLITE_IOERR_FSYNC)
		return true;
	store_log_error(st->db, rc, "store cannot be opened", st->path);
	return false;
}

static bool connect(struct store *st)
{
	int rc = sqlite3_open_v2(
		st->path, &st->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, store_vfs());
	if (rc != SQLITE_OK) {
		if (st->db == NULL)
			log_error("out of memory");
		else
			store_log_error(st->db, rc, "store cannot be opened", st->path);
		return false;
	}
	(void)sqlite3_extended_result_codes(st->db, 1);
	(void)sqlite3_busy_timeout(st->db, STORE_BUSY_TIMEOUT);
	/* It would not mind a sync that fails; store/sqlite/checkpoint.c does. */
	(void)sqlite3_wal_autocheckpoint(st->db, 0);
	return store_schema_open(st->db, st->path) && carry_over(st);
}

static bool database_open(struct store *st)
{
	struct sqlite3 *first = NULL;

	/* Its count of memory costs a lock for each allocation, and nobody reads it. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	int rc = store_checkpoint_forget(st->path, &first);
	/* What is no database is told of in better words. */
	bool connected = (rc == SQLITE_OK || rc == SQLITE_NOTADB) && connect(st);
	if (rc != SQLITE_OK && rc != SQLITE_NOTADB)
		store_log_error(first, rc, "store cannot be opened", st->path);
	(void)sqlite3_close(first);
	if (!connected)
		return false;
	rc = store_put_register(st);
	if (rc == SQLITE_OK)
		rc = store_checksum_register(st->db);
	if (rc == SQLITE_OK)
		rc = store_sql_prepare(st);
	if (rc != SQLITE_OK)
		store_log_error(st->db, rc, "store cannot be opened", st->path);
	return rc == SQLITE_OK;
}

static int run_with_time(struct store *st, const char *sql, int64_t time)
{
	sqlite3_stmt *s = NULL;

	int rc = sqlite3_prepare_v2(st->db, sql, -1, &s, NULL);
	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(s) > 0)
		store_bind_int(s, 1, time, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	(void)sqlite3_finalize(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int recover_running(struct store *st, int64_t now)
{
	int rc = run_with_time(st,
		"UPDATE attempts SET result = 'interrupted',"
		" message = 'hookd ended while it ran' WHERE result IS NULL AND"
		" delivery_id IN (SELECT id FROM deliveries WHERE state = 'RUNNING')",
		0);
	if (rc == SQLITE_OK)
		rc = run_with_time(st,
			"UPDATE deliveries SET state = 'READY', due_at = min(due_at, ?1)"
			" WHERE state = 'RUNNING'",
			now);
	if (rc == SQLITE_OK)
		st->counts.recovered = sqlite3_changes(st->db);
	return rc;
}

/* What is held behind one that is over, gone or, as nothing runs any more, has to
 * come after it. */
static int recover_held(struct store *st)
{
	int64_t held = 0;

	int rc = run_with_time(st,
		"UPDATE deliveries SET behind = NULL WHERE behind IS NOT NULL AND NOT EXISTS"
		" (SELECT 1 FROM deliveries p WHERE p.id = deliveries.behind"
		" AND p.state = 'READY' AND (p.lane_at, p.event_id, p.id)"
		" < (deliveries.lane_at, deliveries.event_id, deliveries.id))",
		0);
	if (rc == SQLITE_OK)
		rc = store_number(
			st->db, "SELECT count(*) FROM deliveries WHERE behind IS NOT NULL", &held);
	st->held = held > 0;
	return rc;
}

static int recover_late(struct store *st, int64_t now, int64_t *late)
{
	int rc = run_with_time(st,
		"UPDATE deliveries SET due_at = ?1"
		" WHERE state = 'READY' AND behind IS NULL AND due_at > ?1 + " DUE_MAX,
		now);
	if (rc == SQLITE_OK)
		*late = sqlite3_changes(st->db);
	if (rc == SQLITE_OK)
		rc = run_with_time(st,
			"UPDATE deliveries SET due_at = ?1"
			" WHERE behind IS NOT NULL AND due_at > ?1 + " DUE_MAX,
			now);
	if (rc == SQLITE_OK)
		*late += sqlite3_changes(st->db);
	return rc;
}

int store_count(struct store *st, int64_t *waiting, int64_t *dead)
{
	int rc = store_number(st->db,
		"SELECT (SELECT count(*) FROM deliveries WHERE state = 'READY' AND behind IS NULL)"
		" + (SELECT count(*) FROM deliveries WHERE behind IS NOT NULL)"
		" + (SELECT count(*) FROM deliveries WHERE state = 'RUNNING')",
		waiting);

	if (rc == SQLITE_OK)
		rc = store_number(st->db,
			"SELECT count(*) FROM deliveries"
			" WHERE state = 'DEAD' AND replayed_by IS NULL",
			dead);
	return rc;
}

/* What the last hookd left RUNNING is READY again, due at once; and what a
 * wrong clock put off beyond any retry is due now. Looks at live deliveries
 * only, however many events there are. */
static bool recover(struct store *st)
{
	int64_t now = clock_wall();
	int64_t late = 0;

	int rc = store_begin(st);
	if (rc == SQLITE_OK)
		rc = recover_running(st, now);
	if (rc == SQLITE_OK)
		rc = recover_held(st);
	if (rc == SQLITE_OK)
		rc = recover_late(st, now, &late);
	if (rc == SQLITE_OK)
		rc = store_count(st, &st->counts.waiting, &st->counts.dead);
	if (rc == SQLITE_OK)
		rc = store_pause_read(st);
	if (store_end(st, rc) != SQLITE_OK)
		return false;
	if (st->counts.recovered > 0)
		log_info("deliveries that ran when hookd ended will run again",
			log_int("deliveries", st->counts.recovered));
	if (late > 0)
		log_warn("deliveries that were due too far ahead are due now; was the clock wrong?",
			log_int("deliveries", late));
	return true;
}

static void store_free(struct store *st)
{
	store_checkpoint_stop(st);
	if (st->db != NULL) {
		store_sql_finalize(st);
		if (sqlite3_close(st->db) != SQLITE_OK)
			store_log_error(
				st->db, sqlite3_errcode(st->db), "store was not closed", st->path);
	}
	if (st->lock >= 0)
		(void)close(st->lock); /* last: the next hookd may start now */
	(void)pthread_cond_destroy(&st->waited);
	(void)pthread_cond_destroy(&st->wake);
	(void)pthread_mutex_destroy(&st->mutex);
	free(st->ordered);
	free(st->paused);
	free(st->path);
	free(st);
}

static struct store *store_new(const struct store_options *options)
{
	struct store *st = calloc(1, sizeof(*st));
	pthread_condattr_t attr;

	if (st == NULL)
		return NULL;
	st->path = strdup(options->path);
	if (st->path == NULL) {
		free(st);
		return NULL;
	}
	st->lock = -1;
	st->on_ready = options->on_ready;
	st->on_ready_arg = options->on_ready_arg;
	st->retention = options->retention;
	st->backlog = options->backlog;
	st->tail = &st->head;
	st->prune_at = clock_steady();
	/* These cannot fail with glibc's defaults. */
	(void)pthread_mutex_init(&st->mutex, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&st->wake, &attr);
	(void)pthread_cond_init(&st->waited, &attr);
	(void)pthread_condattr_destroy(&attr);
	return st;
}

struct store *store_open(const struct store_options *options)
{
	struct store *st = store_new(options);

	if (st == NULL) {
		log_error("out of memory");
		return NULL;
	}
	st->lock = lock_take(st->path);
	if (st->lock < 0 || !file_make(st->path) || !database_open(st) || !recover(st) ||
		!store_checkpoint_start(st) || !store_writer_start(st)) {
		store_free(st);
		return NULL;
	}
	return st;
}

void store_configure(struct store *st, int64_t retention, unsigned backlog)
{
	(void)pthread_mutex_lock(&st->mutex);
	st->backlog = backlog;
	if (st->retention != retention) {
		st->retention = retention;
		st->prune_at = clock_steady();
		(void)pthread_cond_signal(&st->wake);
	}
	(void)pthread_mutex_unlock(&st->mutex);
}

void store_counts(struct store *st, struct store_counts *out)
{
	(void)pthread_mutex_lock(&st->mutex);
	*out = st->counts;
	(void)pthread_mutex_unlock(&st->mutex);
}

void store_orphans(struct store *st, const int64_t *known_hooks, size_t known_count,
	void (*say)(void *arg, const char *hook, int64_t waiting), void *arg)
{
	struct store_orphans o = {.op.kind = STORE_OP_ORPHANS};

	if (store_wait(st, &o.op) != STORE_OK)
		return;
	for (size_t i = 0; i < o.count; i++) {
		bool known = false;
		for (size_t k = 0; k < known_count && !known; k++)
			known = known_hooks[k] == o.rows[i].hook;
		if (!known)
			say(arg, o.rows[i].name, o.rows[i].waiting);
	}
	store_orphans_free(&o);
}

void store_close(struct store *st)
{
	store_writer_stop(st);
	store_free(st);
}
