/* failing_memory.c - preloaded into hookd: while the shared memory named by $FAILING asks for it,
 * every Nth allocation fails, whichever library makes it. Not for sanitizers, which have their own
 * allocator. */
#include "failing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static struct failing *failing;
static unsigned count;

static __attribute__((constructor)) void begin(void)
{
	const char *file = getenv("FAILING");
	int fd = file != NULL ? open(file, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	void *memory = mmap(NULL, sizeof(*failing), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	failing = memory == MAP_FAILED ? NULL : memory;
}

static int fails(void)
{
	unsigned every = failing != NULL ? failing->every : 0;

	if (every == 0 || __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) % every != 0)
		return 0;
	(void)__atomic_add_fetch(&failing->failed, 1, __ATOMIC_RELAXED);
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
	return fails() ? NULL : __libc_realloc(memory, size);
}
