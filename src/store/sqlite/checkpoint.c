/* store/sqlite/checkpoint.c - carries what the WAL holds over into the database file, beside the
 * writer. SQLite would do so in the commit that makes the WAL long: ten thousands of
 * requests a second would all wait for it. Here a thread with a connection of its own
 * carries over the most, in passes that become shorter as each has only to do what was
 * written during the one before; the writer does the small rest, since only when nothing is
 * left can the next commit begin the WAL anew.
 *
 * When a sync of the database file fails, Linux drops what it was for, and reports that once.
 * SQLite would do the last pass again, but not the earlier ones, which it never syncs by
 * themselves; then it would begin the WAL anew, and what they carried would be gone. So the
 * WAL is kept from being begun anew, and carried over once more from its beginning, until a
 * sync after that succeeds. At hookd's end, if that was not so yet, nothing is carried over:
 * all is in the WAL, and the next start reads it from its beginning. */
#include "db.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	FRAMES = 500, /* pages in the WAL from which on it is worth while: 8 MB. With more of them
			  the database file's fsync holds up the commits for longer. */
	FRAMES_SMALL = 150, /* a pass that had no more to do was the last */
	FRAMES_MAX = 4000,  /* 64 MB: the writer waits for the thread, or a slow disk would let
			       the WAL grow as fast as events come */
	PASSES = 6,
	FORGET_PAUSE = 10, /* ms */
};

enum checkpoint_phase { CHECKPOINT_IDLE, CHECKPOINT_WANTED, CHECKPOINT_CARRIED };

struct store_checkpoint {
	const char *path;
	pthread_t thread;
	struct sqlite3 *db;        /* the thread's */
	struct log_limit failures; /* the thread's */
	bool held;                 /* the thread's: it keeps the WAL from being begun anew */
	_Atomic bool lost;         /* a sync of the database file failed, and is not mended */
	_Atomic int frames;        /* in the WAL, as of the connection's last commit */
	int next;                  /* the writer's: so many and it is time */
	pthread_mutex_t mutex;     /* guards what follows */
	pthread_cond_t wake;       /* for the thread */
	pthread_cond_t done;       /* for the writer: the thread has carried over what it could */
	enum checkpoint_phase phase;
	bool stopping;
};

static int committed(void *arg, struct sqlite3 *db, const char *name, int frames)
{
	struct store_checkpoint *c = arg;

	(void)db;
	(void)name;
	c->frames = frames;
	return SQLITE_OK;
}

static int open_database(const struct store_checkpoint *c, struct sqlite3 **db)
{
	int rc = sqlite3_open_v2(c->path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_extended_result_codes(*db, 1);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(*db, "PRAGMA synchronous = FULL; PRAGMA cache_size = -100", NULL,
			NULL, NULL);
	return rc;
}

static int connect(struct store_checkpoint *c)
{
	return c->db != NULL ? SQLITE_OK : open_database(c, &c->db);
}

/* What cannot be carried over stays in the WAL, where it is safe: tried again later. */
static void tell(struct store_checkpoint *c, struct sqlite3 *db, int rc)
{
	unsigned suppressed;

	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY && log_allowed(&c->failures, &suppressed))
		store_log_error(db, rc, "store cannot carry the WAL over yet", c->path);
}

/* One that could not be opened, or not be set up, is of no use: the next time makes another. */
static void disconnect(struct store_checkpoint *c)
{
	(void)sqlite3_close(c->db);
	c->db = NULL;
}

/* SQLite's own way to the database file; NULL: it has none with shared memory. Another
 * descriptor would drop SQLite's locks when closed. */
static sqlite3_file *database_file(struct sqlite3 *db)
{
	sqlite3_file *f = NULL;
	int rc = sqlite3_file_control(db, NULL, SQLITE_FCNTL_FILE_POINTER, &f);

	return rc == SQLITE_OK && f != NULL && f->pMethods != NULL && f->pMethods->iVersion >= 2
		       ? f
		       : NULL;
}

/* Whoever carries over next begins at the WAL's first frame again: another process that has
 * the store open keeps the note of how far that had come, beyond our end and into the life of
 * the next hookd, and would carry over the rest only, and then remove the WAL. The note is
 * nBackfill of https://www.sqlite.org/walformat.html; it may always be less than was carried.
 * False: somebody is at it meanwhile and may overwrite it, or there is no shared memory. */
static bool forget_carried(sqlite3_file *f)
{
	enum { CARRY_LOCK = 1, REGION = 32768, CARRIED = 96 / sizeof(uint32_t) };
	volatile void *shared = NULL;

	if (f == NULL)
		return false;
	bool locked = f->pMethods->xShmLock(f, CARRY_LOCK, 1,
			      SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE) == SQLITE_OK;
	bool mapped = f->pMethods->xShmMap(f, 0, REGION, 0, &shared) == SQLITE_OK && shared != NULL;
	if (mapped)
		__atomic_store_n((volatile uint32_t *)shared + CARRIED, 0, __ATOMIC_RELAXED);
	if (locked)
		(void)f->pMethods->xShmLock(
			f, CARRY_LOCK, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
	return locked && mapped;
}

/* SQLite has the WAL and the shared memory from the first read on. */
static int read_once(struct sqlite3 *db)
{
	return sqlite3_exec(db, "PRAGMA schema_version", NULL, NULL, NULL);
}

/* Waits for who carries over now. SQLITE_BUSY: in vain. */
static int forget_surely(struct sqlite3 *db)
{
	const struct timespec pause = {.tv_nsec = FORGET_PAUSE * 1000000L};

	for (int ms = 0; ms < STORE_BUSY_TIMEOUT; ms += FORGET_PAUSE) {
		if (forget_carried(database_file(db)))
			return SQLITE_OK;
		(void)nanosleep(&pause, NULL);
	}
	return SQLITE_BUSY;
}

static int has_wal(struct sqlite3 *db, bool *wal)
{
	sqlite3_stmt *s = NULL;
	int rc = read_once(db);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &s, NULL);
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

int store_checkpoint_forget(const char *path, struct sqlite3 **db)
{
	bool wal = false;
	int rc = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_extended_result_codes(*db, 1);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(*db, STORE_BUSY_TIMEOUT);
	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (rc == SQLITE_OK)
		rc = has_wal(*db, &wal);
	return rc == SQLITE_OK && wal ? forget_surely(*db) : rc;
}

static void lose(struct store_checkpoint *c, struct sqlite3 *db)
{
	(void)forget_carried(database_file(db));
	if (atomic_exchange(&c->lost, true))
		return;
	log_error("store is safe in its WAL, but may not be so in the database file, whose sync "
		  "failed: the WAL grows until it could be carried over from its beginning; see "
		  "to the disk",
		log_text("file", c->path));
}

/* A reader's place in the WAL: while it is held nobody begins the WAL anew, whoever says
 * that all of it was carried over. But only where less is noted than the WAL holds: a reader
 * of what was all carried over reads the database file alone. */
static int hold(struct store_checkpoint *c)
{
	if (c->held)
		return SQLITE_OK;
	int rc = connect(c);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(c->db, "BEGIN; SELECT count(*) FROM sources", NULL, NULL, NULL);
	c->held = rc == SQLITE_OK;
	if (!c->held)
		disconnect(c);
	return rc;
}

/* Carries over from the beginning, and syncs that, by another connection: the one that holds
 * cannot. Pages with a frame behind the place it holds are left to the next pass. */
static int carry_anew(struct store_checkpoint *c, struct sqlite3 *db)
{
	int rc = read_once(db);
	sqlite3_file *f = database_file(db);

	if (rc != SQLITE_OK || f == NULL)
		return rc != SQLITE_OK ? rc : SQLITE_ERROR;
	/* What this descriptor has to report of before is known. */
	(void)f->pMethods->xSync(f, SQLITE_SYNC_NORMAL);
	if (!forget_carried(f))
		return SQLITE_BUSY;
	rc = hold(c);
	if (rc == SQLITE_OK)
		rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = f->pMethods->xSync(f, SQLITE_SYNC_NORMAL);
	if (rc != SQLITE_OK)
		(void)forget_carried(f);
	return rc;
}

static void mend(struct store_checkpoint *c)
{
	struct sqlite3 *db = NULL;
	int rc = open_database(c, &db);

	if (rc == SQLITE_OK)
		rc = carry_anew(c, db);
	tell(c, db, rc);
	(void)sqlite3_close(db);
	if (rc != SQLITE_OK)
		return;
	c->lost = false;
	c->held = false;
	disconnect(c); /* gives up its place, too */
	log_info("store's WAL can be carried over again", log_text("file", c->path));
}

static void carry(struct store_checkpoint *c)
{
	int frames, carried, before = 0;
	int rc = connect(c);
	bool connected = rc == SQLITE_OK;

	for (int i = 0; i < PASSES && rc == SQLITE_OK; i++) {
		rc = sqlite3_wal_checkpoint_v2(
			c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &carried);
		if (rc != SQLITE_OK || carried - before < FRAMES_SMALL)
			break;
		before = carried;
	}
	tell(c, c->db, rc);
	if (rc == SQLITE_IOERR_FSYNC)
		lose(c, c->db);
	if (!connected)
		disconnect(c);
}

/* It is not to wait for what may take long, or does not succeed. */
static void tell_writer(struct store_checkpoint *c)
{
	(void)pthread_mutex_lock(&c->mutex);
	(void)pthread_cond_signal(&c->done);
	(void)pthread_mutex_unlock(&c->mutex);
}

static void *run(void *arg)
{
	struct store_checkpoint *c = arg;

	(void)pthread_mutex_lock(&c->mutex);
	while (!c->stopping) {
		if (c->phase != CHECKPOINT_WANTED) {
			(void)pthread_cond_wait(&c->wake, &c->mutex);
			continue;
		}
		(void)pthread_mutex_unlock(&c->mutex);
		if (!c->lost)
			carry(c);
		if (c->lost) {
			tell_writer(c);
			mend(c);
			/* It leaves what was written meanwhile, which may be much. */
			if (!c->lost)
				carry(c);
		}
		(void)pthread_mutex_lock(&c->mutex);
		c->phase = c->lost ? CHECKPOINT_IDLE : CHECKPOINT_CARRIED;
		(void)pthread_cond_signal(&c->done);
	}
	(void)pthread_mutex_unlock(&c->mutex);
	return NULL;
}

/* The rest, in the writer's thread. A reader may keep the WAL from being begun anew: then
 * the next is due when it has grown by as much again. */
static void finish(struct store *st)
{
	struct store_checkpoint *c = st->checkpoint;
	int frames = 0, carried = 0;
	int rc = sqlite3_wal_checkpoint_v2(
		st->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &carried);

	c->next = rc == SQLITE_OK && carried == frames ? FRAMES : c->frames + FRAMES;
	if (rc == SQLITE_IOERR_FSYNC) {
		lose(c, st->db);
		c->next = 0; /* the thread is to mend it */
	}
}

void store_checkpoint_after(struct store *st)
{
	struct store_checkpoint *c = st->checkpoint;
	bool carried;

	if (c->frames < c->next)
		return;
	(void)pthread_mutex_lock(&c->mutex);
	if (c->phase == CHECKPOINT_IDLE) {
		c->phase = CHECKPOINT_WANTED;
		if (c->lost) /* each try writes all that the WAL holds; without work, none */
			c->next = c->frames + FRAMES_MAX;
		(void)pthread_cond_signal(&c->wake);
	}
	while (c->phase == CHECKPOINT_WANTED && c->frames >= FRAMES_MAX && !c->lost)
		(void)pthread_cond_wait(&c->done, &c->mutex);
	carried = c->phase == CHECKPOINT_CARRIED;
	if (carried)
		c->phase = CHECKPOINT_IDLE;
	(void)pthread_mutex_unlock(&c->mutex);
	if (carried)
		finish(st);
}

bool store_checkpoint_start(struct store *st)
{
	struct store_checkpoint *c = calloc(1, sizeof(*c));
	char text[128];
	sigset_t all, before;
	int error;

	if (c == NULL) {
		log_error("out of memory");
		return false;
	}
	c->path = st->path;
	c->next = FRAMES;
	/* These cannot fail with glibc's defaults. */
	(void)pthread_mutex_init(&c->mutex, NULL);
	(void)pthread_cond_init(&c->wake, NULL);
	(void)pthread_cond_init(&c->done, NULL);
	(void)sigfillset(&all); /* signals are the main thread's */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&c->thread, NULL, run, c);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0) {
		log_error("store's checkpoint thread cannot be started",
			log_text("error", strerror_r(error, text, sizeof(text))));
		(void)pthread_cond_destroy(&c->wake);
		(void)pthread_cond_destroy(&c->done);
		(void)pthread_mutex_destroy(&c->mutex);
		free(c);
		return false;
	}
	(void)pthread_setname_np(c->thread, "checkpoint");
	(void)sqlite3_wal_hook(st->db, committed, c);
	st->checkpoint = c;
	return true;
}

void store_checkpoint_stop(struct store *st)
{
	struct store_checkpoint *c = st->checkpoint;

	if (c == NULL)
		return;
	(void)pthread_mutex_lock(&c->mutex);
	c->stopping = true;
	(void)pthread_cond_signal(&c->wake);
	(void)pthread_mutex_unlock(&c->mutex);
	(void)pthread_join(c->thread, NULL);
	(void)sqlite3_wal_hook(st->db, NULL, NULL);
	if (c->lost) {
		int rc = forget_surely(st->db);
		if (rc != SQLITE_OK)
			store_log_error(
				st->db, rc, "store's WAL is not kept from other programs", c->path);
		(void)sqlite3_db_config(st->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	}
	(void)sqlite3_close(c->db); /* before the writer's, whose close carries over the rest */
	(void)pthread_cond_destroy(&c->wake);
	(void)pthread_cond_destroy(&c->done);
	(void)pthread_mutex_destroy(&c->mutex);
	free(c);
	st->checkpoint = NULL;
}
