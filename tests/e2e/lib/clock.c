/* Preloaded into hookd by clock.test.mjs: CLOCK_REALTIME runs off by as many
 * seconds as the file $CLOCK_OFFSET_FILE says. It is mapped once, before hookd's
 * threads give up to open files. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROOM 32 /* as in offset.mjs */

static const volatile char *text;

__attribute__((constructor)) static void map_file(void)
{
	const char *file = getenv("CLOCK_OFFSET_FILE");
	int fd = file != NULL ? open(file, O_RDONLY | O_CLOEXEC) : -1;
	void *mapped;

	if (fd == -1)
		return;
	mapped = mmap(NULL, ROOM, PROT_READ, MAP_SHARED, fd, 0);
	if (mapped != MAP_FAILED)
		text = mapped;
	close(fd);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	char copy[ROOM] = "";
	long result = syscall(SYS_clock_gettime, id, ts);

	if (result != 0 || id != CLOCK_REALTIME || text == NULL)
		return (int)result;
	for (int i = 0; i < ROOM - 1; i++)
		copy[i] = text[i];
	ts->tv_sec += strtol(copy, NULL, 10);
	return 0;
}
