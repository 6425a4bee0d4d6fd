/* power.c - hookd's store on a disk that loses power, LOSSES times (power LOSSES SEED).
 *
 * A store lives through a few losses, each at a moment of its own: while it is made or
 * brought to a newer schema, recovers from the loss before, takes events, carries the WAL
 * over, closes, or after that. After each the check is made on a copy of what the disk kept,
 * then the next life goes on from it: so a loss may meet the recovery from another one.
 * The seed gives all choices; the threads' order is the machine's, so a broken promise may
 * take some runs to come back. What is found broken is left in the directory that is named. */
#include "disk.h"
#include "promises.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 128, LIVES = 8, WHY = 300 };

static char top[PATH_SIZE / 2];   /* of this run */
static char dir[PATH_SIZE];       /* the store's, on the disk that loses power */
static char path[PATH_SIZE + 16]; /* the store */
static char copy[PATH_SIZE];      /* the check's */
static FILE *out;                 /* stderr is the store's */

/* ---- files */
static void empty(const char *name)
{
	char file[512];
	DIR *d = opendir(name);

	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		(void)snprintf(file, sizeof(file), "%s/%s", name, e->d_name);
		(void)unlink(file);
	}
	if (d != NULL)
		(void)closedir(d);
	(void)mkdir(name, 0700);
}

static void copy_file(const char *from, const char *to)
{
	static char bytes[1 << 20];
	ssize_t n;

	int in = open(from, O_RDONLY | O_CLOEXEC);
	int target = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (in < 0 || target < 0)
		abort();
	while ((n = read(in, bytes, sizeof(bytes))) > 0) {
		if (write(target, bytes, (size_t)n) != n)
			abort();
	}
	(void)close(in);
	(void)close(target);
}

static void copy_all(const char *from, const char *to)
{
	char a[512], b[512];
	DIR *d = opendir(from);

	empty(to);
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(a, sizeof(a), "%s/%s", from, e->d_name);
		(void)snprintf(b, sizeof(b), "%s/%s", to, e->d_name);
		copy_file(a, b);
	}
	if (d != NULL)
		(void)closedir(d);
}

/* ---- one life of a store */
enum phase { MAKING, MOVING, RECOVERING, WORKING, CLOSING, CLOSED, PHASES };

static const char *const phase_text[] = {"while it was made",
	"while it was brought to a newer schema", "during recovery", "at work", "while it closed",
	"after it had closed"};

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
	const unsigned changes =
		1U << DISK_WRITE | 1U << DISK_SYNC | 1U << DISK_TRUNCATE | 1U << DISK_UNLINK;
	struct work work = {.putters = 1 + (unsigned)below(rng, 8),
		.events = spread(rng, 200),
		.deliveries = below(rng, 4) != 0,
		.reader = below(rng, 6) == 0};

	switch (first && below(rng, 2) == 0 ? 1 : below(rng, 9)) {
	case 0: /* early: as it is made or recovers */
		*cut = (struct disk_moment){DISK_ANY, DISK_ANY, spread(rng, 200)};
		break;
	case 1:
		*cut = (struct disk_moment){changes, DISK_ANY, 1 + (unsigned)below(rng, 60)};
		break;
	case 2: /* what was written is not synced */
		work.events = 10000;
		*cut = (struct disk_moment){1U << DISK_SYNC, DISK_ANY, spread(rng, 200)};
		break;
	case 3:
		work.events = 10000;
		*cut = (struct disk_moment){changes, DISK_ANY, spread(rng, 4000)};
		break;
	case 4: /* in the close's carrying over, if not before */
		*cut = (struct disk_moment){
			changes, 1U << DISK_DATABASE | 1U << DISK_DIRECTORY, spread(rng, 100)};
		break;
	case 5: /* none before it is closed */
		work.events = spread(rng, 40);
		*cut = (struct disk_moment){changes, DISK_ANY, 1000000};
		break;
	default: /* enough to have the WAL carried over */
		work.events = 10000;
		work.large = 100 + (unsigned)below(rng, 400);
		*cut = (struct disk_moment){changes, 1U << DISK_DATABASE, spread(rng, 2500)};
		break;
	}
	return work;
}

static bool live(struct promises *p, uint64_t *rng, enum phase begun, char *why)
{
	struct disk_moment cut;
	struct work work = plan(rng, begun != RECOVERING, &cut);
	enum phase phase = begun;
	enum disk_op op;
	enum disk_kind kind;
	bool ok = true;

	disk_cut_at(cut);
	struct store *st = promises_open(path);
	if (st == NULL && !disk_is_dead()) {
		(void)snprintf(why, WHY, "the store does not open");
		return false;
	}
	if (st != NULL) {
		phase = disk_is_dead() ? phase : WORKING;
		ok = promises_work(p, st, &work, why, WHY);
		phase = disk_is_dead() ? phase : CLOSING;
		store_close(st);
	}
	phase = disk_is_dead() ? phase : CLOSED;
	disk_cut();
	const char *place = disk_cut_place(&op, &kind);
	met[phase][op][kind]++;
	if (!ok)
		return false;
	disk_restore();
	copy_all(dir, copy);
	char file[PATH_SIZE + 16];
	(void)snprintf(file, sizeof(file), "%s/store.db", copy);
	char kept[PATH_SIZE];
	(void)snprintf(kept, sizeof(kept), "%s/kept", top);
	copy_all(dir, kept);
	if (!promises_check(p, file, why, WHY)) {
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
	(void)fprintf(out, "  %4u in a write, %u in a sync of the WAL\n",
		of(WORKING, 1U << DISK_WRITE, 1U << DISK_WAL),
		of(WORKING, 1U << DISK_SYNC, 1U << DISK_WAL));
	(void)fprintf(out, "  %4u at work while the WAL was carried over\n",
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

	empty(dir);
	if (old)
		promises_version_1(p);
	disk_begin(dir, disk_random(&rng));
	for (*ok = true; *ok && n < lives && n < losses; n++) {
		*ok = live(p, &rng, n > 0 ? RECOVERING : old ? MOVING : MAKING, why);
		if (!*ok)
			(void)fprintf(out,
				"power: store %u of seed %llu, loss %u: %s\nwhat the disk kept: "
				"%s/kept, what was logged: %s/log\n",
				store, (unsigned long long)seed, n + 1, why, top, top);
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
	char log[PATH_SIZE];

	/* In memory: the disk is the model's. */
	(void)snprintf(top, sizeof(top), "%s/hookd-power-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	out = fdopen(dup(STDERR_FILENO), "w");
	if (out == NULL || mkdtemp(top) == NULL)
		return 2;
	(void)snprintf(dir, sizeof(dir), "%s/disk", top);
	(void)snprintf(path, sizeof(path), "%s/store.db", dir);
	(void)snprintf(copy, sizeof(copy), "%s/copy", top);
	(void)snprintf(log, sizeof(log), "%s/log", top);
	if (freopen(log, "w", stderr) == NULL)
		return 2;
	for (; ok && done < losses; stores++)
		done += life_of(stores, seed, losses - done, &sum, &ok);
	tell(done, stores, sum, difftime(time(NULL), begun));
	(void)fprintf(out, "  SEED=%llu\n", (unsigned long long)seed);
	if (ok) {
		char kept[PATH_SIZE];
		(void)snprintf(kept, sizeof(kept), "%s/kept", top);
		const char *const all[] = {dir, copy, kept};
		for (size_t i = 0; i < 3; i++) {
			empty(all[i]);
			(void)rmdir(all[i]);
		}
		(void)unlink(log);
		(void)rmdir(top);
	}
	(void)fclose(out);
	return ok ? 0 : 1;
}
