/* memory.c - hookd's parsers and store when the nth allocation fails, for each n until there is no
 * nth one: only the nth, and all from the nth on (memory CORPUS STRIDE SEED).
 *
 * The archive linked here has malloc and the like renamed (memory.syms); SQLite and jansson (by
 * base/json.c) are configured to allocate through them. A subject either reports that it is out of
 * memory or returns exactly what it returns otherwise: an event with another key, or without one
 * of its hooks, would cost money. */
#include "memory.h"

#include "directory.h"
#include "promises.h"
#include "transactions.h"

#include <dirent.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { UNTOUCHED, TOUCHED, WRONG };

static FILE *out;
static uint64_t seed;
static unsigned stride;
static unsigned runs;

/* The parsers have few allocations: even the short run tries nearly all. */
static unsigned step(unsigned n, uint64_t *rng)
{
	unsigned by = n / 8 + 1 < stride ? n / 8 + 1 : stride;

	return n < 120 ? 1 : 1 + (unsigned)(memory_random(rng) % (2 * by - 1));
}

/* ---- the parsers: an input gives a text, or nothing when out of memory */
static bool fits(const struct subject *s, const char *name, const struct buf *input,
	const struct buf *wanted, unsigned n, unsigned times)
{
	struct buf got = {0};
	long live = memory_live();

	memory_fail(n, times);
	bool given = s->run(input->data != NULL ? input->data : "", input->len, &got);
	bool reached = memory_failed() > 0;
	memory_fail(0, 0);
	if (given && (got.len != wanted->len ||
			     (got.len > 0 && memcmp(got.data, wanted->data, got.len) != 0))) {
		(void)fprintf(out,
			"memory: %s of %s, allocation %u: instead of\n%.*s\nit gives\n%.*s\n",
			s->name, name, n, (int)wanted->len, wanted->data, (int)got.len, got.data);
		(void)fflush(out);
		_exit(WRONG);
	}
	if (!given && !reached) {
		(void)fprintf(
			out, "memory: %s of %s: refused, and nothing failed\n", s->name, name);
		(void)fflush(out);
		_exit(WRONG);
	}
	buf_free(&got);
	if (memory_live() != live) {
		(void)fprintf(out, "memory: %s of %s, allocation %u: %ld blocks are not freed\n",
			s->name, name, n, memory_live() - live);
		(void)fflush(out);
		_exit(WRONG);
	}
	return reached;
}

/* In its own process, which may end in any way. */
static bool fits_apart(const struct subject *s, const char *name, const struct buf *input,
	const struct buf *wanted, unsigned n, unsigned times)
{
	int status = 0;

	(void)fflush(out);
	pid_t pid = fork();
	if (pid == 0) {
		bool reached = fits(s, name, input, wanted, n, times);
		_exit(reached ? TOUCHED : UNTOUCHED);
	}
	runs++;
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	if (!WIFEXITED(status) || WEXITSTATUS(status) >= WRONG) {
		(void)fprintf(out, "memory: %s of %s, allocation %u: status %d\n", s->name, name, n,
			status);
		exit(1);
	}
	return WEXITSTATUS(status) == TOUCHED;
}

static unsigned each_n(const struct subject *s, const char *name, const struct buf *input)
{
	struct buf wanted = {0};
	uint64_t rng = seed;
	unsigned n = 1, most = 0;

	if (!s->run(input->data != NULL ? input->data : "", input->len, &wanted)) {
		(void)fprintf(out, "memory: %s of %s is refused with all memory there is\n",
			s->name, name);
		exit(1);
	}
	for (bool reached = true; reached; n += step(n, &rng)) {
		reached = fits_apart(s, name, input, &wanted, n, 1);
		if (reached)
			(void)fits_apart(s, name, input, &wanted, n, ~0U);
		most = reached ? n : most;
	}
	buf_free(&wanted);
	return most;
}

static bool read_all(const char *file, struct buf *input)
{
	char bytes[4096];
	FILE *f = fopen(file, "re");

	if (f == NULL)
		return false;
	for (size_t n; (n = fread(bytes, 1, sizeof(bytes), f)) > 0;)
		buf_add(input, bytes, n);
	(void)fclose(f);
	return buf_ok(input);
}

static void parse(const struct subject *s, const char *corpus)
{
	char directory[512], file[1024];
	unsigned inputs = 0, most = 0;

	(void)snprintf(directory, sizeof(directory), "%s/%s", corpus, s->corpus);
	DIR *dir = opendir(directory);
	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
		struct buf input = {0};
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(file, sizeof(file), "%s/%s", directory, e->d_name);
		if (!read_all(file, &input))
			abort();
		unsigned n = each_n(s, e->d_name, &input);
		most = most < n ? n : most;
		inputs++;
		buf_free(&input);
	}
	if (dir == NULL || inputs == 0)
		abort();
	(void)closedir(dir);
	(void)fprintf(out, "  %5u  %s, %u inputs\n", most, s->name, inputs);
}

/* ---- the store */
static struct directory directory;
static char path[DIRECTORY_PATH];

static bool store_try(unsigned n, unsigned times, bool *reached, char *why)
{
	struct work work = {.putters = 2, .events = 12, .deliveries = true, .tries = 3};
	struct work after = {.putters = 2, .events = 6, .deliveries = true, .tries = 1};
	struct promises *p = promises_new(seed + n, path);

	directory_empty(&directory);
	memory_fail(n, times);
	struct store *st = promises_open(p, path);
	bool ok = st == NULL || promises_work(p, st, &work, why, WHY);
	*reached = memory_failed() > 0;
	memory_fail(0, 0);
	if (st == NULL && !*reached) {
		(void)snprintf(why, WHY, "the store does not open");
		ok = false;
	}
	if (ok && st == NULL && (st = promises_open(p, path)) == NULL) {
		(void)snprintf(why, WHY, "there is memory again, and the store does not open");
		ok = false;
	}
	unsigned before = promises_count(p).events;
	ok = ok && promises_work(p, st, &after, why, WHY);
	if (ok && promises_count(p).events != before + after.events) {
		(void)snprintf(why, WHY, "there is memory again, and the store does not take all");
		ok = false;
	}
	if (st != NULL)
		store_close(st);
	ok = ok && promises_check(p, path, why, WHY);
	promises_free(p);
	runs++;
	return ok;
}

static void store_each(unsigned times, const char *name)
{
	char why[WHY] = "";
	uint64_t rng = seed;
	bool reached = true;
	unsigned n = 1, most = 0;

	for (; reached; n += step(n, &rng)) {
		if (!store_try(n, times, &reached, why)) {
			(void)fprintf(out,
				"memory: store, %s, from number %u on, seed %llu: %s\n%s\n", name,
				n, (unsigned long long)seed, why, directory_top());
			exit(1);
		}
		most = reached ? n : most;
	}
	(void)fprintf(out, "  %5u  store, %s\n", most, name);
}

/* ---- each kind of the store's transactions */
static long live;

static void note_live(const char *directory_path)
{
	(void)directory_path;
	live = memory_live();
}

static bool is_freed(char *why)
{
	if (memory_live() == live)
		return true;
	(void)snprintf(why, WHY, "%ld blocks are not freed", memory_live() - live);
	return false;
}

static const struct transaction_fault memory_fault = {
	note_live, is_freed, memory_fail, memory_failed, memory_free};

static void transactions_each(unsigned times, const char *name)
{
	char why[WHY] = "";

	for (size_t i = 0; transactions_name(i) != NULL; i++) {
		unsigned most = 0;
		unsigned done = transactions_run(i, &memory_fault, times, stride, seed, &most, why);
		if (done == 0) {
			(void)fprintf(out, "memory: %s, %s, number %u, seed %llu: %s\n%s\n",
				transactions_name(i), name, most, (unsigned long long)seed, why,
				directory_top());
			exit(1);
		}
		runs += done;
		(void)fprintf(out, "  %5u  %s: %s\n", most, transactions_name(i), name);
	}
}

int main(int argc, char **argv)
{
	time_t begun = time(NULL);

	if (argc < 2 || sodium_init() < 0)
		return 2;
	stride = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
	seed = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)time(NULL);
	memory_begin();
	out = directory_begin("memory");
	directory_make(&directory, "store");
	(void)snprintf(path, sizeof(path), "%s/store.db", directory.path);
	for (const struct subject *s = subjects; s->name != NULL; s++)
		parse(s, argv[1]);
	store_each(1, "an allocation");
	store_each(20, "20 allocations");
	transactions_begin();
	transactions_each(1, "an allocation");
	transactions_each(20, "20 allocations");
	(void)fprintf(out, "memory: %u runs, in strides of %u; %.0f s\n  SEED=%llu\n", runs, stride,
		difftime(time(NULL), begun), (unsigned long long)seed);
	directory_end(true);
	return 0;
}
