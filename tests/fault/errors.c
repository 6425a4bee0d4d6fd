/* errors.c - hookd's store on a disk on which the nth call of a kind fails, for each n until
 * there is no nth call (errors STRIDE SEED ROW: about every STRIDEth n only, from that row on).
 *
 * Each time the store refuses or works, and acknowledges nothing that is not stored. After a failed
 * sync it stops and is opened again, as by the next hookd; after any other failure it resumes by
 * itself when the disk works again. After some of the failures the power fails as well, also while
 * the next hookd recovers: Linux drops what a sync failed for, although it can still be read. */
#include "directory.h"
#include "disk.h"
#include "promises.h"
#include "transactions.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOREVER (~0U)
#define OP(op)  (1U << DISK_##op)

enum { SMALL, CHECKPOINTED }; /* CHECKPOINTED: enough for a checkpoint */
enum { LOADS = 6 };           /* of CHECKPOINTED, of 25 MB each */

#define WAL_MAX ((off_t)64 * 1024 * 1024)

static const struct row {
	const char *name;
	unsigned ops;
	unsigned kinds;
	int error;
	unsigned times; /* in a row */
	bool half;      /* of a write is done first */
	int load;
	bool power; /* goes afterwards */
} rows[] = {
	{"a write, EIO", OP(WRITE), DISK_ANY, EIO, 1, false, SMALL, false},
	{"all writes, EIO", OP(WRITE), DISK_ANY, EIO, FOREVER, false, SMALL, false},
	{"a write, ENOSPC", OP(WRITE), DISK_ANY, ENOSPC, 1, false, SMALL, false},
	{"all writes, ENOSPC", OP(WRITE), DISK_ANY, ENOSPC, FOREVER, false, SMALL, true},
	{"a short write", OP(WRITE), DISK_ANY, ENOSPC, 1, true, SMALL, false},
	{"a short write, then ENOSPC", OP(WRITE), DISK_ANY, ENOSPC, FOREVER, true, SMALL, true},
	{"a sync, EIO", OP(SYNC), DISK_ANY, EIO, 1, false, SMALL, true},
	{"two syncs, EIO", OP(SYNC), DISK_ANY, EIO, 2, false, SMALL, true},
	{"all syncs, EIO", OP(SYNC), DISK_ANY, EIO, FOREVER, false, SMALL, true},
	{"a read, EIO", OP(READ), DISK_ANY, EIO, 1, false, SMALL, false},
	{"all reads, EIO", OP(READ), DISK_ANY, EIO, FOREVER, false, SMALL, false},
	{"an open, EMFILE", OP(OPEN), DISK_ANY, EMFILE, 1, false, SMALL, false},
	{"all opens, EMFILE", OP(OPEN), DISK_ANY, EMFILE, FOREVER, false, SMALL, false},
	{"an open, EIO", OP(OPEN), DISK_ANY, EIO, 1, false, SMALL, false},
	{"a truncation, EIO", OP(TRUNCATE), DISK_ANY, EIO, 1, false, SMALL, false},
	{"all truncations, EIO", OP(TRUNCATE), DISK_ANY, EIO, FOREVER, false, SMALL, false},
	{"a removal, EIO", OP(UNLINK), DISK_ANY, EIO, 1, false, SMALL, true},
	{"all removals, EROFS", OP(UNLINK), DISK_ANY, EROFS, FOREVER, false, SMALL, false},
	{"a mapping, ENOMEM", OP(MAP), DISK_ANY, ENOMEM, 1, false, SMALL, false},
	{"all mappings, ENOMEM", OP(MAP), DISK_ANY, ENOMEM, FOREVER, false, SMALL, false},
	{"a lock, EIO", OP(LOCK), DISK_ANY, EIO, 1, false, SMALL, false},
	{"a write in a checkpoint, EIO", OP(WRITE), 1U << DISK_DATABASE, EIO, 1, false,
		CHECKPOINTED, true},
	{"all writes in a checkpoint, ENOSPC", OP(WRITE), 1U << DISK_DATABASE, ENOSPC, FOREVER,
		false, CHECKPOINTED, true},
	{"a sync in a checkpoint, EIO", OP(SYNC), 1U << DISK_DATABASE, EIO, 1, false, CHECKPOINTED,
		true},
	{"two syncs in a checkpoint, EIO", OP(SYNC), 1U << DISK_DATABASE, EIO, 2, false,
		CHECKPOINTED, true},
	{"all syncs in a checkpoint, EIO", OP(SYNC), 1U << DISK_DATABASE, EIO, FOREVER, false,
		CHECKPOINTED, true},
	{"any call, EIO", DISK_ANY & ~OP(LOCK), DISK_ANY, EIO, 1, false, SMALL, true},
};

static struct directory disk;
static char path[DIRECTORY_PATH];
static FILE *out;

static const struct work loads[] = {
	[SMALL] = {.putters = 1, .events = 10, .deliveries = true, .tries = 3},
	[CHECKPOINTED] =
		{.putters = 4, .events = 160, .large = 1000, .deliveries = true, .tries = 3},
};

/* The disk works again: everything is stored at once. */
static bool goes_on(struct promises *p, struct store *st, char *why)
{
	struct work work = {.putters = 2, .events = 6, .deliveries = true, .tries = 1};
	unsigned before = promises_count(p).events;

	if (!promises_work(p, st, &work, why, WHY))
		return false;
	if (promises_count(p).events == before + work.events)
		return true;
	(void)snprintf(why, WHY, "the disk is sound again, and %u events of %u were taken",
		promises_count(p).events - before, work.events);
	return false;
}

static off_t wal_size(void)
{
	char name[DIRECTORY_PATH + 4];
	struct stat sb = {0};

	(void)snprintf(name, sizeof(name), "%s-wal", path);
	return stat(name, &sb) == 0 ? sb.st_size : 0;
}

/* A checkpoint makes room in the WAL: it must not grow with each load for ever. */
static bool is_repaired(struct promises *p, struct store *st, char *why)
{
	for (unsigned i = 0; i < LOADS; i++) {
		if (!promises_work(p, st, &loads[CHECKPOINTED], why, WHY))
			return false;
	}
	if (wal_size() <= WAL_MAX)
		return true;
	(void)snprintf(why, WHY, "the disk works again, and the WAL has grown to %jd bytes",
		(intmax_t)wal_size());
	return false;
}

static bool no(char *why, const char *text)
{
	(void)snprintf(why, WHY, "%s", text);
	return false;
}

/* A failed sync stops the store, whichever thread it was in. */
static bool stops_rightly(const struct promises *p, char *why)
{
	for (unsigned ms = 0; ms < 1000 && disk_failed_syncs() > 0 && !promises_stopped(p); ms++)
		(void)usleep(1000);
	if (disk_failed_syncs() > 0 && !promises_stopped(p))
		return no(why, "a sync failed, and the store goes on");
	if (disk_failed_syncs() == 0 && promises_stopped(p))
		return no(why, "no sync failed, and the store has stopped");
	return true;
}

/* Opens the store and works on the disk that fails. *st is NULL afterwards if it must be opened
 * again. */
static bool works(
	struct promises *p, const struct row *row, unsigned n, struct store **st, char *why)
{
	long log = directory_log_end();

	disk_fail((struct disk_failure){
		{row->ops, row->kinds, n}, row->times, row->error, row->half});
	*st = promises_open(p, path);
	if (*st == NULL && disk_failed() == 0)
		return no(why, "the store does not open");
	if (*st == NULL)
		return directory_log_end() != log ||
		       no(why, "the store does not open, and does not say why");
	bool ok = promises_work(p, *st, &loads[row->load], why, WHY) && stops_rightly(p, why);
	if (promises_stopped(p)) {
		store_close(*st);
		*st = NULL;
	}
	return ok;
}

/* The next hookd: the disk works again, unless the power fails at the nth change. NULL: it did, or
 * *ok is false. */
static struct store *start_again(struct promises *p, unsigned nth, bool *ok, char *why)
{
	const unsigned changes = OP(WRITE) | OP(SYNC) | OP(TRUNCATE) | OP(UNLINK);

	disk_fail((struct disk_failure){.times = 0});
	disk_cut_at((struct disk_moment){changes, DISK_ANY, nth});
	struct store *st = promises_open(p, path);
	if (st == NULL && !disk_is_dead())
		*ok = no(why, "the disk is sound again, and the store does not open");
	return st;
}

static bool try_n(const struct row *row, unsigned n, uint64_t seed, bool *reached, char *why)
{
	struct promises *p = promises_new(seed, path);
	struct store *st;

	directory_empty(&disk);
	disk_begin(disk.path, seed);
	bool ok = works(p, row, n, &st, why);
	*reached = disk_failed() > 0;
	bool stopped = st == NULL;
	if (ok && stopped && row->power && n % 4 == 1)
		disk_cut();
	else if (ok && stopped)
		st = start_again(
			p, row->power && n % 4 == 3 ? 1 + (unsigned)(seed % 40) : 0, &ok, why);
	/* Half of the time the failures include the close. */
	if (ok && n % 2 == 0) {
		disk_fail((struct disk_failure){.times = 0});
		ok = goes_on(p, st, why) && (row->load != CHECKPOINTED || is_repaired(p, st, why));
	}
	if (row->power && n % 3 != 0)
		disk_cut();
	if (st != NULL)
		store_close(st);
	disk_fail((struct disk_failure){.times = 0});
	/* What the next start checkpoints must last too. */
	if (ok && row->power && !disk_is_dead() && (st = promises_open(p, path)) != NULL) {
		ok = goes_on(p, st, why) || disk_is_dead(); /* start_again's cut may come here */
		store_close(st);
	}
	if (row->power) {
		disk_cut();
		disk_restore();
	}
	ok = ok && promises_check(p, path, why, WHY);
	disk_end();
	promises_free(p);
	return ok;
}

/* Checkpoints write thousands of pages. */
static unsigned step(const struct row *row, unsigned n, unsigned stride, uint64_t *rng)
{
	bool many = row->load == CHECKPOINTED && row->ops == OP(WRITE);
	unsigned by = many ? 12 * stride : stride;

	return n < 8 && (!many || stride == 1) ? 1
					       : 1 + (unsigned)(disk_random(rng) % (2 * by - 1));
}

/* ---- each kind of the store's transactions */
static const struct inside {
	const char *name;
	unsigned ops;
	int error;
	unsigned times;
} insides[] = {
	{"a read, EIO", OP(READ), EIO, 1},
	{"a write, EIO", OP(WRITE), EIO, 1},
	{"20 writes, ENOSPC", OP(WRITE), ENOSPC, 20},
};

static const struct inside *inside; /* the one that is tried */

static void begin_inside(const char *directory)
{
	disk_begin(directory, 1);
}

static bool end_inside(char *why)
{
	(void)why;
	disk_end();
	return true;
}

static void fail_inside(unsigned n, unsigned times)
{
	disk_fail((struct disk_failure){
		.when = {inside->ops, DISK_ANY, n}, .times = times, .error = inside->error});
}

static bool try_inside(unsigned stride, uint64_t seed, unsigned *runs)
{
	static const struct transaction_fault fault = {
		begin_inside, end_inside, fail_inside, disk_failed, free};
	char why[WHY] = "";

	for (size_t i = 0; transactions_name(i) != NULL; i++) {
		unsigned most = 0;
		unsigned done =
			transactions_run(i, &fault, inside->times, stride, seed, &most, why);
		if (done == 0) {
			(void)fprintf(out, "errors: %s: %s, number %u, seed %llu: %s\n%s\n",
				transactions_name(i), inside->name, most, (unsigned long long)seed,
				why, directory_top());
			return false;
		}
		*runs += done;
		(void)fprintf(out, "  %5u  %s: %s\n", most, transactions_name(i), inside->name);
	}
	return true;
}

int main(int argc, char **argv)
{
	unsigned stride = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
	time_t begun = time(NULL);
	char why[WHY] = "";
	unsigned runs = 0;
	bool ok = true;

	out = directory_begin("errors");
	directory_make(&disk, "disk");
	(void)snprintf(path, sizeof(path), "%s/store.db", disk.path);
	size_t first = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	for (size_t i = first; ok && i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool reached = true;
		unsigned n = 1;
		uint64_t rng = seed + i;
		for (; ok && reached; runs++) {
			ok = try_n(&rows[i], n, seed + n, &reached, why);
			if (!ok)
				(void)fprintf(out,
					"errors: %s from number %u on, seed %llu: %s\n%s\n",
					rows[i].name, n, (unsigned long long)seed, why,
					directory_top());
			else if (reached)
				n += step(&rows[i], n, stride, &rng);
		}
		if (ok)
			(void)fprintf(out, "  %5u  %s\n", n - 1, rows[i].name);
	}
	transactions_begin();
	for (size_t i = 0; ok && i < sizeof(insides) / sizeof(insides[0]); i++) {
		inside = &insides[i];
		ok = try_inside(stride, seed, &runs);
	}
	(void)fprintf(out,
		"errors: %u runs, each nth call of %zu kinds, and of %zu in each kind of "
		"transaction, in strides of %u; %.0f s\n  "
		"SEED=%llu\n",
		runs, sizeof(rows) / sizeof(rows[0]), sizeof(insides) / sizeof(insides[0]), stride,
		difftime(time(NULL), begun), (unsigned long long)seed);
	directory_end(ok);
	return ok ? 0 : 1;
}
