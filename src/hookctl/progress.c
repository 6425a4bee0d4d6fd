/* A bar on standard error, when that is a terminal. */
#include "base/clock.h"
#include "hookctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR = 24 /* columns */ };

void ctl_progress(int64_t done, int64_t all, const char *unit, int64_t began)
{
	int64_t took = clock_steady() - began;
	char bar[BAR + 1], left[CTL_SPAN];

	if (isatty(STDERR_FILENO) != 1 || done <= 0 || all <= 0)
		return;
	memset(bar, '.', BAR);
	memset(bar, '#', (size_t)((done < all ? done : all) * BAR / all));
	bar[BAR] = '\0';
	ctl_span(took * (all - done) / done / 1000, left);
	fprintf(stderr, "\r[%s] %" PRId64 " of %" PRId64 "%s, %" PRId64 " a second, %s left \033[K",
		bar, done, all, unit, took > 0 ? done * 1000 / took : 0, left);
	if (done >= all)
		fputc('\n', stderr);
}
