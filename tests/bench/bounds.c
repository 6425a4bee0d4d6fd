/* bounds sync FILE SECONDS - how long one page takes to be on disk (write, fdatasync)
 * bounds spawn CONCURRENCY SECONDS - processes that can be started: /bin/true by
 *     posix_spawn, so many at once, and each waited for
 * Prints in JSON what the machine can do, to compare hookd's figures with. */
#include "histogram.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000) /* ns */
#define PAGE   16384                /* as in hookd's store */
#define PAGES  1024                 /* written in turn, as a WAL that is used again */

static void die(const char *what)
{
	fprintf(stderr, "bounds: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

static void write_page(int fd, unsigned i)
{
	char page[PAGE];

	memset(page, (int)(i % 251), sizeof(page));
	if (pwrite(fd, page, PAGE, (off_t)(i % PAGES) * PAGE) != PAGE)
		die("write");
}

static void measure_sync(const char *file, uint64_t duration)
{
	struct histogram h = {0};
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	unsigned i = 0;

	if (fd == -1)
		die(file);
	for (; i < PAGES; i++)
		write_page(fd, i);
	if (fsync(fd) != 0)
		die("fsync");
	for (uint64_t begin = now_ns(), now = begin; now - begin < duration; i++) {
		uint64_t before = now;
		write_page(fd, i);
		if (fdatasync(fd) != 0)
			die("fdatasync");
		now = now_ns();
		histogram_add(&h, now - before);
	}
	(void)close(fd);
	(void)unlink(file);
	printf("{\"count\": %" PRIu64 ", \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n",
		h.total, (double)histogram_at(&h, 0.5) / 1000,
		(double)histogram_at(&h, 0.99) / 1000, (double)h.max / 1000);
}

static void start(void)
{
	static char name[] = "/bin/true";
	char *const argv[] = {name, NULL};
	char *const none[] = {NULL};
	pid_t pid;

	errno = posix_spawn(&pid, name, NULL, NULL, argv, none);
	if (errno != 0)
		die(name);
}

/* Of this process and all that it waited for. */
static double cpu_us(void)
{
	static const int of[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
	struct rusage used;
	double us = 0;

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		(void)getrusage(of[i], &used);
		us += (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
		      (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
	}
	return us;
}

static void measure_spawn(unsigned concurrency, uint64_t duration)
{
	uint64_t begin = now_ns();
	uint64_t ended = 0;

	for (unsigned i = 0; i < concurrency; i++)
		start();
	for (;;) {
		if (wait(NULL) == -1)
			die("wait");
		ended++;
		if (now_ns() - begin >= duration)
			break;
		start();
	}
	double seconds = (double)(now_ns() - begin) / (double)SECOND;
	for (unsigned i = 1; i < concurrency; i++)
		(void)wait(NULL);
	printf("{\"concurrency\": %u, \"per_second\": %.1f, \"cpu_us\": %.1f}\n", concurrency,
		(double)ended / seconds, cpu_us() / (double)(ended + concurrency - 1));
}

int main(int argc, char **argv)
{
	uint64_t duration = argc == 4 ? (uint64_t)(strtod(argv[3], NULL) * (double)SECOND) : 0;

	if (duration > 0 && strcmp(argv[1], "sync") == 0) {
		measure_sync(argv[2], duration);
	} else if (duration > 0 && strcmp(argv[1], "spawn") == 0 && atol(argv[2]) > 0) {
		measure_spawn((unsigned)atol(argv[2]), duration);
	} else {
		fputs("usage: bounds sync FILE SECONDS\n       bounds spawn CONCURRENCY SECONDS\n",
			stderr);
		return 2;
	}
	return EXIT_SUCCESS;
}
