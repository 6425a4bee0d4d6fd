#include "opening.h"

#include "base/log.h"
#include "notify.h"
#include "process/reaper.h"
#include "process_state.h"
#include "store/obstacle.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#define LOOK_EVERY 2000 /* ms */

/* The service has started as far as its manager is concerned: a start that takes too long would be
 * killed. */
static void report_waiting(const char *why)
{
	notify_send("READY=1\n%sSTATUS=requests are answered 503: %s",
		notify_watchdog() > 0 ? "WATCHDOG=1\n" : "", why);
}

/* False: a signal asks to stop. */
static bool pause_or_stop(struct hookd *h)
{
	struct pollfd fd = {.fd = h->signals, .events = POLLIN};
	int64_t watchdog = notify_watchdog();

	(void)poll(&fd, 1, watchdog > 0 && watchdog < LOOK_EVERY ? (int)watchdog : LOOK_EVERY);
	for (int signal; (signal = process_next_signal(h->signals)) != 0;) {
		h->stopped = h->stopped || signal != SIGHUP;
		if (signal == SIGHUP)
			log_warn("reload refused: the store is not open yet");
	}
	if (getpid() == 1)
		reaper_run();
	return !h->stopped;
}

/* Returns whether the obstacle has gone. */
static bool wait_for_room(struct hookd *h, const char *path, char why[STORE_READ_WHY])
{
	log_warn("hookd waits for its store, and answers 503 until it can be opened",
		log_text("reason", why), log_text("file", path));
	do
		report_waiting(why);
	while (pause_or_stop(h) && store_obstacle(path, why));
	return !h->stopped;
}

bool opening_store(struct hookd *h, const struct store_options *options, const int *sockets,
	size_t socket_count)
{
	char why[STORE_READ_WHY];

	while ((h->store = store_open(options)) == NULL) {
		if (!store_obstacle(options->path, why))
			return false;
		if (h->listener == NULL)
			h->listener = listener_start(h->conf, NULL, sockets, socket_count);
		if (h->listener == NULL || !wait_for_room(h, options->path, why))
			return false;
	}
	return true;
}
