/* Preloaded into hookd by clock.test.mjs: CLOCK_REALTIME runs off by as many
 * seconds as the file $CLOCK_OFFSET_FILE says. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *ts)
{
	char text[32] = "0";
	const char *file = getenv("CLOCK_OFFSET_FILE");
	long result = syscall(SYS_clock_gettime, id, ts);
	int fd;

	if (result != 0 || id != CLOCK_REALTIME || file == NULL)
		return (int)result;
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		if (read(fd, text, sizeof(text) - 1) > 0)
			ts->tv_sec += strtol(text, NULL, 10);
		close(fd);
	}
	return 0;
}
