/* errors.c - hookd's store on a disk on which the nth call of a kind fails, for each n until
 * there is no nth call (errors STRIDE SEED ROW: about every STRIDEth n only, from that row on).
 *
 * Each time the store refuses or works, acknowledges nothing that is not stored, and resumes by
 * itself, without being reopened, when the disk works again. After some of the failures the power
 * fails as well: Linux drops what a sync failed for, although it can still be read. */
#include "directory.h"
#include "disk.h"
#include "promises.h"

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
enum { LOADS = 6 };           /* of CHECKPOINTED: more than the 64 MB between two tries */

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

static bool is_checkpoint_sync(const struct row *row)
{
	return row->load == CHECKPOINTED && row->ops == OP(SYNC);
}

/* A checkpoint makes room in the WAL: it must not grow with each load for ever. */
static bool is_repaired(struct promises *p, struct store *st, char *why)
{
	off_t size[LOADS];

	for (unsigned i = 0; i < LOADS; i++) {
		if (!promises_work(p, st, &loads[CHECKPOINTED], why, WHY))
			return false;
		size[i] = wal_size();
		if (i > 0 && size[i] == size[i - 1])
			return true;
	}
	(void)snprintf(why, WHY, "the disk works again, and the WAL still grows: %jd, … %jd",
		(intmax_t)size[0], (intmax_t)size[LOADS - 1]);
	return false;
}

static bool try_n(const struct row *row, unsigned n, uint64_t seed, bool *reached, char *why)
{
	struct promises *p = promises_new(seed, path);
	bool ok = true;

	directory_empty(&disk);
	disk_begin(disk.path, seed);
	long log = directory_log_end();
	disk_fail((struct disk_failure){
		{row->ops, row->kinds, n}, row->times, row->error, row->half});
	struct store *st = promises_open(path);
	if (st == NULL && disk_failed() == 0) {
		(void)snprintf(why, WHY, "the store does not open");
		ok = false;
	} else if (st == NULL && directory_log_end() == log) {
		(void)snprintf(why, WHY, "the store does not open, and does not say why");
		ok = false;
	}
	if (st != NULL)
		ok = promises_work(p, st, &loads[row->load], why, WHY);
	*reached = disk_failed() > 0;
	if (ok && st == NULL) {
		disk_fail((struct disk_failure){.times = 0});
		st = promises_open(path);
		ok = st != NULL;
		if (!ok)
			(void)snprintf(
				why, WHY, "the disk is sound again, and the store does not open");
	}
	/* Half of the time the failures include the close. */
	if (ok && n % 2 == 0) {
		disk_fail((struct disk_failure){.times = 0});
		ok = goes_on(p, st, why) && (!is_checkpoint_sync(row) || is_repaired(p, st, why));
	}
	if (row->power && n % 3 != 0)
		disk_cut();
	if (st != NULL)
		store_close(st);
	disk_fail((struct disk_failure){.times = 0});
	/* What the next start checkpoints must last too. */
	if (ok && row->power && !disk_is_dead() && (st = promises_open(path)) != NULL) {
		ok = goes_on(p, st, why);
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
	(void)fprintf(out,
		"errors: %u runs, each nth call of %zu kinds, in strides of %u; %.0f s\n  "
		"SEED=%llu\n",
		runs, sizeof(rows) / sizeof(rows[0]), stride, difftime(time(NULL), begun),
		(unsigned long long)seed);
	directory_end(ok);
	return ok ? 0 : 1;
}
