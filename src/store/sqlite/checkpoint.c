/* store/sqlite/checkpoint.c - checkpoints the WAL beside the writer. SQLite would do so in the
 * commit that makes the WAL long, and tens of thousands of requests a second would wait for it.
 * Here a thread with its own connection does most of it, in passes that become shorter, as each
 * copies only the pages that were written during the one before. The writer does the small rest:
 * only when nothing is left can the next commit reset the WAL.
 *
 * When a sync of the database file fails, Linux drops the unwritten pages and reports that once.
 * SQLite would repeat the last pass, but not the earlier ones, which it never syncs by
 * themselves; then it would reset the WAL, and their pages would be gone. So a read transaction
 * keeps the WAL from being reset, and all of the WAL is checkpointed again, until a sync after
 * that succeeds. If hookd ends before that, it does not checkpoint: everything is in the WAL, and
 * the next start checkpoints it from its first frame. */
#include "base/thread.h"
#include "db.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	FRAMES = 500, /* pages in the WAL that make a checkpoint worthwhile: 8 MB. With more, the
			 fsync of the database file delays the commits for longer. */
	FRAMES_SMALL = 150, /* a pass that checkpointed no more than this was the last */
	FRAMES_MAX = 4000,  /* 64 MB: the writer waits for the thread. Otherwise on a slow disk the
			       WAL would grow as fast as events come. */
	PASSES = 6,
	BACKFILL_PAUSE = 10, /* ms between two tries */
};

enum checkpoint_phase { CHECKPOINT_IDLE, CHECKPOINT_WANTED, CHECKPOINT_DONE };

struct store_checkpoint {
	const char *path;
	pthread_t thread;
	struct sqlite3 *sqlite;    /* thread only */
	struct log_limit failures; /* thread only */
	bool holding;              /* thread only: its read transaction keeps the WAL from reset */
	_Atomic bool lost;         /* a sync of the database file failed, and is not repaired */
	_Atomic int frames;        /* in the WAL, as of the writer's last commit; 0: all are
				    * checkpointed */
	int next;                  /* writer only: checkpoint when the WAL has this many frames */
	pthread_mutex_t mutex;     /* guards what follows */
	pthread_cond_t wake;       /* for the thread */
	pthread_cond_t done;       /* for the writer: the thread has done all that it could */
	enum checkpoint_phase phase;
	bool stopping;
};

static int count_frames(void *arg, struct sqlite3 *sqlite, const char *name, int frames)
{
	struct store_checkpoint *c = arg;

	(void)sqlite;
	(void)name;
	c->frames = frames;
	return SQLITE_OK;
}

static int open_connection(const struct store_checkpoint *c, struct sqlite3 **sqlite)
{
	int rc =
		sqlite3_open_v2(c->path, sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_extended_result_codes(*sqlite, 1);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(*sqlite, "PRAGMA synchronous = FULL; PRAGMA cache_size = -100",
			NULL, NULL, NULL);
	return rc;
}

static int connect_thread(struct store_checkpoint *c)
{
	return c->sqlite != NULL ? SQLITE_OK : open_connection(c, &c->sqlite);
}

/* Also called if the connection could not be opened or set up: the next checkpoint makes another
 * one. */
static void disconnect_thread(struct store_checkpoint *c)
{
	(void)sqlite3_close(c->sqlite);
	c->sqlite = NULL;
}

/* Frames that cannot be checkpointed are safe in the WAL, and are tried again later. */
static void log_failure(struct store_checkpoint *c, struct sqlite3 *sqlite, int rc)
{
	unsigned suppressed;

	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY && log_allowed(&c->failures, &suppressed))
		store_log_error(sqlite, rc, "store cannot checkpoint its WAL yet", c->path);
}

/* SQLite's own handle of the database file; closing another descriptor would drop SQLite's
 * locks. NULL: it has none with shared memory. */
static sqlite3_file *database_file(struct sqlite3 *sqlite)
{
	sqlite3_file *f = NULL;
	int rc = sqlite3_file_control(sqlite, NULL, SQLITE_FCNTL_FILE_POINTER, &f);

	return rc == SQLITE_OK && f != NULL && f->pMethods != NULL && f->pMethods->iVersion >= 2
		       ? f
		       : NULL;
}

/* Makes the next checkpoint start at the WAL's first frame. Without this, a process that keeps
 * the store open (hookctl) would carry nBackfill across our restart; the next hookd would
 * checkpoint only the remaining frames, and then remove the WAL. nBackfill is described in
 * https://www.sqlite.org/walformat.html; it may always be less than what was checkpointed.
 * False: another process is checkpointing and may overwrite it, or there is no shared memory. */
static bool clear_backfill(sqlite3_file *f)
{
	enum { CHECKPOINT_LOCK = 1, REGION = 32768, BACKFILL = 96 / sizeof(uint32_t) };
	volatile void *shared = NULL;

	if (f == NULL)
		return false;
	bool locked = f->pMethods->xShmLock(f, CHECKPOINT_LOCK, 1,
			      SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE) == SQLITE_OK;
	bool mapped = f->pMethods->xShmMap(f, 0, REGION, 0, &shared) == SQLITE_OK && shared != NULL;
	if (mapped)
		__atomic_store_n((volatile uint32_t *)shared + BACKFILL, 0, __ATOMIC_RELAXED);
	if (locked)
		(void)f->pMethods->xShmLock(
			f, CHECKPOINT_LOCK, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
	return locked && mapped;
}

/* SQLite opens the WAL and the shared memory with the first read. */
static int read_once(struct sqlite3 *sqlite)
{
	return sqlite3_exec(sqlite, "PRAGMA schema_version", NULL, NULL, NULL);
}

/* Waits for another process's checkpoint. SQLITE_BUSY: it did not end in time. */
static int clear_backfill_surely(struct sqlite3 *sqlite)
{
	const struct timespec pause = {.tv_nsec = BACKFILL_PAUSE * 1000000L};

	for (int ms = 0; ms < STORE_BUSY_TIMEOUT; ms += BACKFILL_PAUSE) {
		if (clear_backfill(database_file(sqlite)))
			return SQLITE_OK;
		(void)nanosleep(&pause, NULL);
	}
	return SQLITE_BUSY;
}

static int has_wal(struct sqlite3 *sqlite, bool *wal)
{
	sqlite3_stmt *s = NULL;
	int rc = read_once(sqlite);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(sqlite, "PRAGMA journal_mode", -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		const char *mode = (const char *)sqlite3_column_text(s, 0);
		*wal = mode != NULL && strcmp(mode, "wal") == 0;
		rc = mode != NULL ? SQLITE_OK : SQLITE_NOMEM;
	}
	(void)sqlite3_finalize(s);
	return rc;
}

int store_checkpoint_clear_backfill(const char *path, struct sqlite3 **sqlite)
{
	bool wal = false;
	int rc = sqlite3_open_v2(path, sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_extended_result_codes(*sqlite, 1);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(*sqlite, STORE_BUSY_TIMEOUT);
	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(*sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (rc == SQLITE_OK)
		rc = has_wal(*sqlite, &wal);
	return rc == SQLITE_OK && wal ? clear_backfill_surely(*sqlite) : rc;
}

static void note_lost_sync(struct store_checkpoint *c, struct sqlite3 *sqlite)
{
	(void)clear_backfill(database_file(sqlite));
	if (atomic_exchange(&c->lost, true))
		return;
	log_error("store is safe in its WAL, but the database file could not be synced: the WAL "
		  "grows until all of it is checkpointed again; check the disk",
		log_text("file", c->path));
}

/* Begins a read transaction: while it lasts no process resets the WAL, whatever nBackfill says.
 * That needs an nBackfill below the end of the WAL: a reader of a WAL that was fully
 * checkpointed reads the database file only. */
static int hold_wal(struct store_checkpoint *c)
{
	if (c->holding)
		return SQLITE_OK;
	int rc = connect_thread(c);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(
			c->sqlite, "BEGIN; SELECT count(*) FROM sources", NULL, NULL, NULL);
	c->holding = rc == SQLITE_OK;
	if (!c->holding)
		disconnect_thread(c);
	return rc;
}

/* Checkpoints from the first frame and syncs that. Needs another connection than the one that
 * holds the WAL. Pages with a frame after the held place are left to the next pass. */
static int checkpoint_all(struct store_checkpoint *c, struct sqlite3 *sqlite, int *done)
{
	int rc = read_once(sqlite);
	sqlite3_file *f = database_file(sqlite);

	if (rc != SQLITE_OK || f == NULL)
		return rc != SQLITE_OK ? rc : SQLITE_ERROR;
	/* Clears an earlier failure, which this descriptor has yet to report. */
	(void)f->pMethods->xSync(f, SQLITE_SYNC_NORMAL);
	if (!clear_backfill(f))
		return SQLITE_BUSY;
	rc = hold_wal(c);
	if (rc == SQLITE_OK)
		rc = sqlite3_wal_checkpoint_v2(sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, done);
	if (rc == SQLITE_OK)
		rc = f->pMethods->xSync(f, SQLITE_SYNC_NORMAL);
	if (rc != SQLITE_OK)
		(void)clear_backfill(f);
	return rc;
}

/* *done is set to the number of frames that are checkpointed after it. */
static void repair_lost_sync(struct store_checkpoint *c, int *done)
{
	struct sqlite3 *sqlite = NULL;
	int rc = open_connection(c, &sqlite);

	if (rc == SQLITE_OK)
		rc = checkpoint_all(c, sqlite, done);
	log_failure(c, sqlite, rc);
	(void)sqlite3_close(sqlite);
	if (rc != SQLITE_OK)
		return;
	c->lost = false;
	c->holding = false;
	disconnect_thread(c); /* ends its read transaction too */
	log_info("store's WAL can be checkpointed again", log_text("file", c->path));
}

/* `done` frames are checkpointed already. A checkpoint must not begin when all are: up to
 * SQLite 3.51.2, if the writer resets the WAL at that moment, it takes frames of the new WAL
 * for checkpointed ones, and they are lost (https://www.sqlite.org/wal.html#walresetbug).
 * While some are not, the WAL is not reset. */
static void checkpoint_in_passes(struct store_checkpoint *c, int done)
{
	int rc = connect_thread(c);
	bool connected = rc == SQLITE_OK;

	for (int i = 0; i < PASSES && rc == SQLITE_OK && c->frames > done; i++) {
		int before = done;
		rc = sqlite3_wal_checkpoint_v2(
			c->sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, &done);
		if (rc != SQLITE_OK || done - before < FRAMES_SMALL)
			break;
	}
	log_failure(c, c->sqlite, rc);
	if (rc == SQLITE_IOERR_FSYNC)
		note_lost_sync(c, c->sqlite);
	if (!connected)
		disconnect_thread(c);
}

/* The writer must not wait for a repair, which may take long or fail. */
static void release_writer(struct store_checkpoint *c)
{
	(void)pthread_mutex_lock(&c->mutex);
	(void)pthread_cond_signal(&c->done);
	(void)pthread_mutex_unlock(&c->mutex);
}

static void checkpoint_run(struct store_checkpoint *c)
{
	int done = 0;

	if (!c->lost)
		checkpoint_in_passes(c, done);
	if (!c->lost)
		return;
	release_writer(c);
	repair_lost_sync(c, &done);
	/* Frames written during the repair are left, which may be many. */
	if (!c->lost)
		checkpoint_in_passes(c, done);
}

static void *checkpoint_main(void *arg)
{
	struct store_checkpoint *c = arg;

	(void)pthread_mutex_lock(&c->mutex);
	while (!c->stopping) {
		if (c->phase != CHECKPOINT_WANTED) {
			(void)pthread_cond_wait(&c->wake, &c->mutex);
			continue;
		}
		(void)pthread_mutex_unlock(&c->mutex);
		checkpoint_run(c);
		(void)pthread_mutex_lock(&c->mutex);
		c->phase = c->lost ? CHECKPOINT_IDLE : CHECKPOINT_DONE;
		(void)pthread_cond_signal(&c->done);
	}
	(void)pthread_mutex_unlock(&c->mutex);
	return NULL;
}

/* In the writer's thread. If a reader keeps the WAL from being reset, the next checkpoint is due
 * when the WAL has grown by FRAMES again. */
static void checkpoint_rest(struct store_db *db)
{
	struct store_checkpoint *c = db->checkpoint;
	int frames = 0, done = 0;
	int rc = sqlite3_wal_checkpoint_v2(
		db->sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &done);

	if (rc == SQLITE_OK && done == frames) {
		c->frames = 0; /* none that is left to do: the next commit counts them again */
		c->next = FRAMES;
	} else {
		c->next = c->frames + FRAMES;
	}
	if (rc == SQLITE_IOERR_FSYNC) {
		note_lost_sync(c, db->sqlite);
		c->next = 0; /* the thread repairs it now */
	}
}

void store_checkpoint_after_write(struct store_db *db)
{
	struct store_checkpoint *c = db->checkpoint;
	bool done;

	if (c->frames < c->next)
		return;
	(void)pthread_mutex_lock(&c->mutex);
	if (c->phase == CHECKPOINT_IDLE) {
		c->phase = CHECKPOINT_WANTED;
		if (c->lost) /* each try writes all of the WAL: none while nothing is written */
			c->next = c->frames + FRAMES_MAX;
		(void)pthread_cond_signal(&c->wake);
	}
	while (c->phase == CHECKPOINT_WANTED && c->frames >= FRAMES_MAX && !c->lost)
		(void)pthread_cond_wait(&c->done, &c->mutex);
	done = c->phase == CHECKPOINT_DONE;
	if (done)
		c->phase = CHECKPOINT_IDLE;
	(void)pthread_mutex_unlock(&c->mutex);
	if (done)
		checkpoint_rest(db);
}

static void checkpoint_free(struct store_checkpoint *c)
{
	(void)pthread_cond_destroy(&c->wake);
	(void)pthread_cond_destroy(&c->done);
	(void)pthread_mutex_destroy(&c->mutex);
	free(c);
}

bool store_checkpoint_start(struct store_db *db)
{
	struct store_checkpoint *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		log_error("out of memory");
		return false;
	}
	c->path = db->path;
	c->next = FRAMES;
	(void)pthread_mutex_init(&c->mutex, NULL); /* cannot fail with glibc's defaults */
	thread_condition_init(&c->wake);
	thread_condition_init(&c->done);
	if (!thread_start(&c->thread, "checkpoint", checkpoint_main, c)) {
		checkpoint_free(c);
		return false;
	}
	(void)sqlite3_wal_hook(db->sqlite, count_frames, c);
	db->checkpoint = c;
	return true;
}

void store_checkpoint_stop(struct store_db *db)
{
	struct store_checkpoint *c = db->checkpoint;

	if (c == NULL)
		return;
	(void)pthread_mutex_lock(&c->mutex);
	c->stopping = true;
	(void)pthread_cond_signal(&c->wake);
	(void)pthread_mutex_unlock(&c->mutex);
	(void)pthread_join(c->thread, NULL);
	(void)sqlite3_wal_hook(db->sqlite, NULL, NULL);
	if (c->lost) {
		int rc = clear_backfill_surely(db->sqlite);
		if (rc != SQLITE_OK)
			store_log_error(db->sqlite, rc,
				"store's WAL may be removed by another program", c->path);
		(void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	}
	/* Before the writer's connection, whose close checkpoints the rest. */
	(void)sqlite3_close(c->sqlite);
	checkpoint_free(c);
	db->checkpoint = NULL;
}
