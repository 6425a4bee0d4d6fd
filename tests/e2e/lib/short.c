/* Preloaded into hookd by limits.test.mjs: while the file $SHORT_FILE is there, every second
 * eventfd is one too many, after a moment. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

int eventfd(unsigned count, int flags)
{
	static int calls;
	const char *file = getenv("SHORT_FILE");

	if (file != NULL && access(file, F_OK) == 0 && ++calls % 2 == 0) {
		(void)usleep(200000);
		errno = EMFILE;
		return -1;
	}
	return (int)syscall(SYS_eventfd2, count, flags);
}
