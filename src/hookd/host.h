/* hookd/host.h - what hookctl asks of the running hookd itself: to reload the config, which is
 * handed from the control socket's threads to the main thread; and how it is, with the outcome of
 * the last reload, by signal or by hookctl. */
#ifndef HOOKD_HOST_H
#define HOOKD_HOST_H

#include "base/attributes.h"
#include "base/buf.h"
#include "catchup/catchup.h"
#include "control/act.h"
#include "counts/counts.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct reload_request;

struct host {
	struct control_host control; /* for control_start */
	struct counts_sources sources;
	struct catchup *catchup;
	int64_t started; /* unix ms */
	int event;       /* eventfd, to poll for reading: somebody asks */

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t ended;
	struct reload_request *asked; /* not begun yet */
	struct reload_request *begun;
	bool closed;
	int64_t at; /* unix ms of the last reload; 0: none yet */
	bool good;
	char *text; /* its errors or warnings; NULL: none */
};

/* Main thread. False: errno is set. Free it in any case. */
bool host_init(struct host *h) WARN_UNUSED;
void host_free(struct host *h);

/* Main thread, as the following: does anyone ask for a reload? The next one is theirs. */
bool host_reload_asked(struct host *h);

/* A reload has ended; lines are its errors or warnings. */
void host_reload_ended(struct host *h, bool good, const struct buf *lines);

/* There will be no more reloads; who asks is refused. */
void host_close(struct host *h);

#endif
