/* store/sqlite/checkpoint.c - checkpoints the WAL beside the writer. SQLite would do so in the
 * commit that makes the WAL long, and tens of thousands of requests a second would wait for it.
 * Here a thread with its own connection does most of it, in passes that become shorter, as each
 * copies only the pages that were written during the one before. The writer does the small rest:
 * only when nothing is left can the next commit reset the WAL.
 *
 * SQLite syncs the database file in a pass that leaves nothing, not in the ones before it. If that
 * sync fails, the pages of all of them may be gone, although nBackfill, SQLite's note of how far
 * the WAL was checkpointed, counts them. So the store stops (stop.c). */
#include "base/thread.h"
#include "db.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/statvfs.h>

enum {
	FRAMES = 500, /* pages in the WAL that make a checkpoint worthwhile: 8 MB. With more, the
			 fsync of the database file delays the commits for longer. */
	FRAMES_LEAST = 16,  /* on a disk with little room, a quarter of it makes a checkpoint
			       worthwhile, but no fewer pages than this */
	FRAMES_SMALL = 150, /* a pass that checkpointed no more than this was the last */
	FRAMES_MAX = 2000,  /* 31 MiB, or half the room: the writer waits for the thread. Otherwise
			       on a slow disk the WAL would grow as fast as events come. With a
			       group on top, 512 events in a large store or STORE_GROUP_BYTES of
			       payloads, it stays below 64 MiB. */
	PASSES = 6,
	PAGE = 16384,
	FRAMES_GROWN = 4096,      /* 64 MiB: only a reader can let the WAL become so long */
	ROOM = 4 * FRAMES * PAGE, /* bytes */
};

enum checkpoint_phase { CHECKPOINT_IDLE, CHECKPOINT_WANTED, CHECKPOINT_DONE };

struct store_checkpoint {
	struct store_db *db; /* the thread uses its path and its stop only */
	pthread_t thread;
	struct sqlite3 *sqlite;    /* thread only */
	struct log_limit failures; /* thread only */
	_Atomic int frames;        /* in the WAL, as of the writer's last commit; 0: all are
				    * checkpointed */
	int left;                  /* writer only: frames that the last checkpoint had to leave */
	int most;                  /* writer only: frames that the WAL's file has room for */
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

static int connect_thread(struct store_checkpoint *c)
{
	if (c->sqlite != NULL)
		return SQLITE_OK;
	int rc = sqlite3_open_v2(
		c->db->path, &c->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_extended_result_codes(c->sqlite, 1);
	if (rc == SQLITE_OK && !store_place_holds(c->db)) /* it may have opened another file */
		rc = SQLITE_CANTOPEN;
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(c->sqlite, "PRAGMA synchronous = FULL; PRAGMA cache_size = -100",
			NULL, NULL, NULL);
	return rc;
}

/* Also called if the connection could not be opened or set up: the next checkpoint makes another
 * one. */
static void disconnect_thread(struct store_checkpoint *c)
{
	(void)sqlite3_close(c->sqlite);
	c->sqlite = NULL;
}

/* Frames that cannot be checkpointed are safe in the WAL, and are tried again later. */
static void log_failure(struct store_checkpoint *c, int rc)
{
	unsigned suppressed;

	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY && log_allowed(&c->failures, &suppressed))
		store_log_error(c->sqlite, rc, "store cannot checkpoint its WAL yet", c->db->path);
}

/* A checkpoint must not begin when all frames are checkpointed: up to SQLite 3.51.2, if the writer
 * resets the WAL at that moment, it takes frames of the new WAL for checkpointed ones, and they are
 * lost (https://www.sqlite.org/wal.html#walresetbug). While some are not, the WAL is not reset. */
static void checkpoint_in_passes(struct store_checkpoint *c)
{
	int done = 0;
	int rc = connect_thread(c);
	bool connected = rc == SQLITE_OK;

	for (int i = 0; i < PASSES && rc == SQLITE_OK && c->frames > done; i++) {
		int before = done;
		rc = sqlite3_wal_checkpoint_v2(
			c->sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, &done);
		if (rc != SQLITE_OK || done - before < FRAMES_SMALL)
			break;
	}
	log_failure(c, rc);
	if (rc == SQLITE_IOERR_FSYNC)
		store_stop(c->db);
	if (!connected)
		disconnect_thread(c);
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
		checkpoint_in_passes(c);
		(void)pthread_mutex_lock(&c->mutex);
		c->phase = CHECKPOINT_DONE;
		(void)pthread_cond_signal(&c->done);
	}
	(void)pthread_mutex_unlock(&c->mutex);
	return NULL;
}

/* Checkpoints by the writer's connection. False: frames are left. */
static bool checkpoint_rest(struct store_db *db)
{
	int frames = 0, done = 0;
	int rc = sqlite3_wal_checkpoint_v2(
		db->sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &done);

	if (rc == SQLITE_IOERR_FSYNC) {
		store_log_error(db->sqlite, rc, "store cannot checkpoint its WAL yet", db->path);
		store_stop(db);
	}
	return rc == SQLITE_OK && done == frames;
}

/* If a reader keeps the WAL from being reset, the next checkpoint is due when the WAL has grown
 * again. */
static void checkpoint_finish(struct store_db *db)
{
	struct store_checkpoint *c = db->checkpoint;

	if (checkpoint_rest(db))
		c->frames = 0; /* none that is left to do: the next commit counts them again */
	c->left = c->frames;
}

/* After each time that it has doubled. */
static void report_growth(struct store_db *db)
{
	const int64_t bytes = (int64_t)db->checkpoint->frames * PAGE;
	int64_t before = db->wal_bytes;
	bool grown = db->checkpoint->frames >= FRAMES_GROWN;

	if (grown ? bytes < 2 * before : before == 0)
		return;
	(void)pthread_mutex_lock(&db->mutex);
	db->wal_bytes = grown ? bytes : 0;
	(void)pthread_mutex_unlock(&db->mutex);
	if (grown)
		log_warn("store's WAL grows: a process keeps a transaction open on the store",
			log_int("MiB", bytes >> 20), log_text("file", db->path),
			log_text("hint", "fuser -v on the file shows which"));
	else
		log_info("store's WAL is short again", log_text("file", db->path));
}

/* How many frames make a checkpoint worthwhile. If the WAL took all the room that the disk has,
 * nothing could be checkpointed any more that makes the database file longer. */
static int worthwhile(const struct store_checkpoint *c)
{
	struct statvfs disk;

	if (statvfs(c->db->path, &disk) != 0 || disk.f_bavail >= ROOM / disk.f_frsize)
		return FRAMES;
	int room = (int)(disk.f_bavail * disk.f_frsize / PAGE) + c->most;
	int frames = room / 4 < FRAMES ? room / 4 : FRAMES;
	return frames > FRAMES_LEAST ? frames : FRAMES_LEAST;
}

void store_checkpoint_after_write(struct store_db *db)
{
	struct store_checkpoint *c = db->checkpoint;
	int more = c->frames - c->left;
	bool done;

	if (c->most < c->frames)
		c->most = c->frames;
	report_growth(db);
	int enough = more >= FRAMES_LEAST ? worthwhile(c) : FRAMES;
	if (more < enough || store_is_stopped(db) || db->misplaced != NULL)
		return;
	int too_many = enough < FRAMES ? 2 * enough : FRAMES_MAX;
	(void)pthread_mutex_lock(&c->mutex);
	if (c->phase == CHECKPOINT_IDLE) {
		c->phase = CHECKPOINT_WANTED;
		(void)pthread_cond_signal(&c->wake);
	}
	while (c->phase == CHECKPOINT_WANTED && c->frames >= too_many)
		(void)pthread_cond_wait(&c->done, &c->mutex);
	done = c->phase == CHECKPOINT_DONE;
	if (done)
		c->phase = CHECKPOINT_IDLE;
	(void)pthread_mutex_unlock(&c->mutex);
	if (done && !store_is_stopped(db))
		checkpoint_finish(db);
}

bool store_checkpoint_all(struct store_db *db)
{
	struct store_checkpoint *c = db->checkpoint;

	if (c->frames == 0 || store_is_stopped(db))
		return false;
	(void)pthread_mutex_lock(&c->mutex);
	while (c->phase == CHECKPOINT_WANTED)
		(void)pthread_cond_wait(&c->done, &c->mutex);
	c->phase = CHECKPOINT_IDLE;
	(void)pthread_mutex_unlock(&c->mutex);
	checkpoint_finish(db);
	return c->frames == 0;
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
	c->db = db;
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
	(void)sqlite3_close(c->sqlite);
	/* The close of the writer's connection would checkpoint what is left, and ignore a failed
	 * sync. */
	if (store_is_stopped(db) || !checkpoint_rest(db))
		(void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	checkpoint_free(c);
	db->checkpoint = NULL;
}
