/* power.c - hookd's store on a disk that loses power, LOSSES times (power LOSSES SEED).
 *
 * A store lives through several losses, each at another moment: while it is made or migrated,
 * recovers from the previous loss, takes events, checkpoints its WAL, closes, or after that. In
 * some lives a sync fails before: the store stops, and is opened again as by the next hookd. After
 * each loss a copy of what the disk kept is checked, then the next life starts from it: so a loss
 * may hit the recovery from another one. All choices follow from the seed; the threads' order does
 * not, so a broken promise may take several runs to reappear. A broken store is left in the
 * directory that is named. */
#include "directory.h"
#include "disk.h"
#include "promises.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	LIVES = 8,
	STARTS = 4,
	CHANGES = 1U << DISK_WRITE | 1U << DISK_SYNC | 1U << DISK_TRUNCATE | 1U << DISK_UNLINK,
};

static struct directory disk;     /* loses power */
static struct directory copy;     /* the check's */
static struct directory kept;     /* what the disk kept, for debugging */
static char path[DIRECTORY_PATH]; /* the store */
static char copy_path[DIRECTORY_PATH];
static FILE *out; /* stderr is the store's */

/* ---- one life of a store */
enum phase { MAKING, MOVING, RECOVERING, WORKING, STOPPED, CLOSING, CLOSED, PHASES };

static const char *const phase_text[] = {"while it was made", "while it was migrated",
	"during recovery", "at work", "after a failed sync, before it had recovered",
	"while it closed", "after it had closed"};

static unsigned failures; /* failed syncs */
static unsigned met[PHASES][DISK_OPS + 1][DISK_KINDS];

static uint64_t below(uint64_t *rng, uint64_t n)
{
	return disk_random(rng) % n;
}

/* Small numbers as often as large ones. */
static unsigned spread(uint64_t *rng, unsigned most)
{
	unsigned bits = 0;

	while (most >> bits > 0)
		bits++;
	return 1 + (unsigned)below(rng, (uint64_t)1 << below(rng, bits + 1)) % most;
}

static struct work plan(uint64_t *rng, bool first, struct disk_moment *cut)
{
	struct work work = {.putters = 1 + (unsigned)below(rng, 8),
		.events = spread(rng, 200),
		.deliveries = below(rng, 4) != 0,
		.reader = below(rng, 6) == 0};

	switch (first && below(rng, 2) == 0 ? 1 : below(rng, 9)) {
	case 0: /* early: while it is made or recovers */
		*cut = (struct disk_moment){DISK_ANY, DISK_ANY, spread(rng, 200)};
		break;
	case 1:
		*cut = (struct disk_moment){CHANGES, DISK_ANY, 1 + (unsigned)below(rng, 60)};
		break;
	case 2: /* at a sync: what was written is not synced */
		work.events = 10000;
		*cut = (struct disk_moment){1U << DISK_SYNC, DISK_ANY, spread(rng, 200)};
		break;
	case 3:
		work.events = 10000;
		*cut = (struct disk_moment){CHANGES, DISK_ANY, spread(rng, 4000)};
		break;
	case 4: /* in the checkpoint of the close, if not before */
		*cut = (struct disk_moment){
			CHANGES, 1U << DISK_DATABASE | 1U << DISK_DIRECTORY, spread(rng, 100)};
		break;
	case 5: /* none before it is closed */
		work.events = spread(rng, 40);
		*cut = (struct disk_moment){CHANGES, DISK_ANY, 1000000};
		break;
	default: /* enough for a checkpoint */
		work.events = 10000;
		work.large = 100 + (unsigned)below(rng, 400);
		*cut = (struct disk_moment){CHANGES, 1U << DISK_DATABASE, spread(rng, 2500)};
		break;
	}
	return work;
}

/* In some lives one or two syncs fail first. */
static void plan_failure(uint64_t *rng, struct disk_moment *cut)
{
	const unsigned files = 1U << DISK_DATABASE | 1U << DISK_WAL;
	struct disk_failure failure = {.times = 1 + (unsigned)below(rng, 2), .error = EIO};

	if (below(rng, 4) == 0) {
		failure.when = (struct disk_moment){1U << DISK_SYNC,
			below(rng, 2) == 0 ? files : 1U << DISK_DATABASE, spread(rng, 60)};
		*cut = (struct disk_moment){CHANGES, DISK_ANY, 2000};
	}
	disk_fail(failure);
}

/* Opens the store and works until the power fails, a sync fails, or all is done. *over: nothing is
 * left to do in this life. */
static bool work_once(
	struct promises *p, const struct work *work, enum phase *phase, bool *over, char *why)
{
	struct store *st = promises_open(p, path);
	bool ok = true;

	if (st == NULL && !disk_is_dead() && disk_failed() == 0) {
		(void)snprintf(why, WHY, "the store does not open");
		return false;
	}
	*over = disk_is_dead();
	if (st != NULL) {
		*phase = disk_is_dead() ? *phase : WORKING;
		ok = promises_work(p, st, work, why, WHY);
		*phase = disk_is_dead() ? *phase : promises_stopped(p) ? STOPPED : CLOSING;
		*over = disk_is_dead() || !promises_stopped(p);
		store_close(st);
	}
	return ok;
}

static bool live(struct promises *p, uint64_t *rng, enum phase begun, char *why)
{
	struct disk_moment cut;
	struct work work = plan(rng, begun != RECOVERING, &cut);
	enum phase phase = begun;
	enum disk_op op;
	enum disk_kind kind;
	bool ok = true, over = false;

	plan_failure(rng, &cut);
	disk_cut_at(cut);
	for (unsigned starts = 0; ok && !over && starts < STARTS; starts++) {
		ok = work_once(p, &work, &phase, &over, why);
		if (ok && !over && below(rng, 2) == 0) /* soon */
			disk_cut_at((struct disk_moment){CHANGES, DISK_ANY, spread(rng, 60)});
	}
	phase = disk_is_dead() ? phase : CLOSED;
	failures += disk_failed();
	disk_cut();
	const char *place = disk_cut_place(&op, &kind);
	met[phase][op][kind]++;
	if (!ok)
		return false;
	disk_restore();
	directory_copy(&disk, &copy);
	directory_copy(&disk, &kept);
	if (!promises_check(p, copy_path, why, WHY)) {
		size_t len = strlen(why);
		(void)snprintf(
			why + len, WHY - len, "; the power went %s: %s", phase_text[phase], place);
		return false;
	}
	return true;
}

/* ---- the run */
static void add(struct promised *sum, struct promised more)
{
	sum->events += more.events;
	sum->refused += more.refused;
	sum->duplicates += more.duplicates;
	sum->settled += more.settled;
}

static unsigned of(enum phase phase, unsigned ops, unsigned kinds)
{
	unsigned n = 0;

	for (unsigned op = 0; op <= DISK_OPS; op++) {
		for (unsigned kind = 0; kind < DISK_KINDS; kind++)
			n += (ops & 1U << op) && (kinds & 1U << kind) ? met[phase][op][kind] : 0;
	}
	return n;
}

static void tell(unsigned losses, unsigned stores, struct promised sum, double seconds)
{
	(void)fprintf(out,
		"power: %u losses, %u stores; %u events acknowledged, %u attempts settled, "
		"%u sent again, %u refused; %.0f s\n",
		losses, stores, sum.events, sum.settled, sum.duplicates, sum.refused, seconds);
	for (enum phase i = 0; i < PHASES; i++)
		(void)fprintf(out, "  %4u %s\n", of(i, DISK_ANY, DISK_ANY), phase_text[i]);
	(void)fprintf(out, "  %4u syncs failed\n", failures);
	(void)fprintf(out, "  %4u in a write, %u in a sync of the WAL\n",
		of(WORKING, 1U << DISK_WRITE, 1U << DISK_WAL),
		of(WORKING, 1U << DISK_SYNC, 1U << DISK_WAL));
	(void)fprintf(out, "  %4u at work during a checkpoint\n",
		of(WORKING, DISK_ANY, 1U << DISK_DATABASE));
}

static unsigned life_of(
	unsigned store, uint64_t seed, unsigned losses, struct promised *sum, bool *ok)
{
	uint64_t rng = seed + store;
	char why[WHY] = "";
	unsigned lives = 1 + (unsigned)below(&rng, LIVES);
	unsigned n = 0;
	struct promises *p = promises_new(disk_random(&rng), path);
	bool old = below(&rng, 4) == 0;

	directory_empty(&disk);
	if (old)
		promises_version_1(p);
	disk_begin(disk.path, disk_random(&rng));
	for (*ok = true; *ok && n < lives && n < losses; n++) {
		*ok = live(p, &rng, n > 0 ? RECOVERING : old ? MOVING : MAKING, why);
		if (!*ok)
			(void)fprintf(out,
				"power: store %u of seed %llu, loss %u: %s\nwhat the disk kept: "
				"%s, what was logged: %s/log\n",
				store, (unsigned long long)seed, n + 1, why, kept.path,
				directory_top());
	}
	disk_end();
	add(sum, promises_count(p));
	promises_free(p);
	return n;
}

int main(int argc, char **argv)
{
	unsigned losses = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
	struct promised sum = {0};
	unsigned done = 0, stores = 0;
	time_t begun = time(NULL);
	bool ok = true;

	out = directory_begin("power");
	directory_make(&disk, "disk");
	directory_make(&copy, "copy");
	directory_make(&kept, "kept");
	(void)snprintf(path, sizeof(path), "%s/store.db", disk.path);
	(void)snprintf(copy_path, sizeof(copy_path), "%s/store.db", copy.path);
	for (; ok && done < losses; stores++)
		done += life_of(stores, seed, losses - done, &sum, &ok);
	tell(done, stores, sum, difftime(time(NULL), begun));
	(void)fprintf(out, "  SEED=%llu\n", (unsigned long long)seed);
	directory_end(ok);
	return ok ? 0 : 1;
}
