/* libmicrohttpd's own threads are not used. In poll mode they walk all connections for each
 * event: with 5,000 idle ones, nine tenths of the speed were lost. In epoll mode they wait
 * again without having worked when 128 events come at once (0.9.75). Driven from outside,
 * its epoll mode never waits, and costs only what is ready.
 *
 * Its own wake-up (MHD_USE_ITC) is not used either: a run may consume the wake-up of a
 * connection that it has not yet seen resumed. */
#include "loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define THREAD_NAME   "hookd-http"
#define TIMEOUT_MAX   1000 /* ms */
#define BUSY_TURNS    20
#define BUSY_PAUSE    10   /* ms */
#define BUSY_PATIENCE 2000 /* ms */

static int timeout_of(const struct loop *loop)
{
	unsigned long long ms;

	if (MHD_get_timeout(loop->daemon, &ms) != MHD_YES)
		return -1;
	return ms < TIMEOUT_MAX ? (int)ms : TIMEOUT_MAX;
}

/* ---- readers ----
 * The line with a chunk's size may fill the buffer without an end. The daemon takes the
 * buffer's content for something the application will still read, and wants to be run again
 * at once, forever; it does not report which connection is the reason. So while it wants that and
 * nothing else happens, it is run only now and then, and a chunked request from which nothing
 * arrives for some seconds is ended. */

void loop_watch(struct reader *r, struct connection *c, struct MHD_Connection *mhd, int64_t limit)
{
	struct loop *loop = c->loop;

	*r = (struct reader){.connection = c, .next = loop->readers, .since = clock_steady()};
	if (r->next != NULL)
		r->next->previous = r;
	loop->readers = r;
	/* Later than our deadline, which shuts the connection down: a daemon that is in this
	 * state since a connection was resumed does not notice that. */
	MHD_set_connection_option(mhd, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)(limit / 1000 + 2));
}

void loop_unwatch(struct reader *r)
{
	if (r->connection == NULL)
		return;
	if (r->previous != NULL)
		r->previous->next = r->next;
	else
		r->connection->loop->readers = r->next;
	if (r->next != NULL)
		r->next->previous = r->previous;
	r->connection = NULL;
}

static void end_silent_readers(struct loop *loop)
{
	int64_t now = clock_steady();

	for (struct reader *r = loop->readers; r != NULL; r = r->next) {
		if (now - r->since < BUSY_PATIENCE)
			continue;
		r->since = now;
		connection_enter(loop->owner->connections, r->connection, CONNECTION_READING, 0);
	}
}

/* Waits for something to do. */
static void wait_for_work(struct loop *loop, struct pollfd fds[3])
{
	int timeout = timeout_of(loop), arrivals = arrivals_prepare(loop);

	loop->busy_turns = timeout == 0 && loop->readers != NULL ? loop->busy_turns + 1 : 0;
	loop->idle_turns = timeout == 0 ? loop->idle_turns + 1 : 0;
	if (loop->busy_turns > BUSY_TURNS)
		end_silent_readers(loop);
	/* During a TLS handshake that waits for the client, the daemon wants to be run at
	 * once, too: what the client sends ends the pause. */
	if (loop->busy_turns > BUSY_TURNS || loop->idle_turns > BUSY_TURNS)
		timeout = BUSY_PAUSE;
	if (arrivals != -1 && (timeout == -1 || timeout > arrivals))
		timeout = arrivals;
	while (poll(fds, 3, timeout) < 0)
		; /* a signal */
}

/* ---- turns ---- */

static void run_turn(struct loop *loop)
{
	const struct loop_owner *owner = loop->owner;

	MHD_run(loop->daemon);
	owner->ran(loop);
	if (owner->turn_over != NULL)
		owner->turn_over(owner->arg, &loop->turn);
}

/* Does what other threads have asked for. True: the loop must stop. */
static bool handle_wake(struct loop *loop)
{
	struct resumption *resumed;
	eventfd_t count;
	bool stop;

	(void)eventfd_read(loop->wake, &count);
	pthread_mutex_lock(&loop->lock);
	resumed = loop->resumed;
	loop->resumed = NULL;
	if (loop->quiesce && !loop->quiesced) {
		arrivals_quiesce(loop);
		loop->quiesced = true;
		pthread_cond_signal(&loop->done);
	}
	stop = loop->stop;
	pthread_mutex_unlock(&loop->lock);
	while (resumed != NULL) {
		struct MHD_Connection *mhd = resumed->mhd;

		resumed = resumed->next;
		MHD_resume_connection(mhd);
	}
	return stop;
}

static void *run_loop(void *arg)
{
	struct loop *loop = arg;
	struct pollfd fds[] = {
		{.fd = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
			.events = POLLIN},
		{.fd = loop->wake, .events = POLLIN},
		{.fd = loop->arrivals.epoll, .events = POLLIN},
	};

	/* The thread names itself: another thread would have to open a file in /proc, which an
	 * undumpable hookd may not. */
	pthread_setname_np(pthread_self(), THREAD_NAME);
	if (loop->owner->thread_begin != NULL)
		loop->owner->thread_begin();
	for (;;) {
		wait_for_work(loop, fds);
		if (fds[1].revents != 0 && handle_wake(loop))
			return NULL;
		if (fds[2].revents != 0)
			arrivals_take(loop);
		run_turn(loop);
	}
}

/* Under the lock, so that the loop cannot end during the call. Writing to the descriptor, a
 * counter, does not block. */
static void wake_loop(struct loop *loop)
{
	if (eventfd_write(loop->wake, 1) != 0)
		log_error("eventfd", log_text("error", strerror(errno)));
}

void loop_resume(struct loop *loop, struct resumption *r)
{
	pthread_mutex_lock(&loop->lock);
	r->next = loop->resumed;
	loop->resumed = r;
	if (r->next == NULL)
		wake_loop(loop);
	pthread_mutex_unlock(&loop->lock);
}

struct loop *loop_new(const struct loop_owner *owner, struct generation *g, int socket)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (loop != NULL)
		*loop = (struct loop){
			.owner = owner, .generation = g, .socket = socket, .wake = wake};
	if (loop == NULL || wake == -1 || !arrivals_open(loop)) {
		if (wake != -1)
			close(wake);
		free(loop);
		return NULL;
	}
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->done, NULL);
	return loop;
}

bool loop_start(struct loop *loop)
{
	loop->started = thread_start(&loop->thread, THREAD_NAME, run_loop, loop);
	return loop->started;
}

void loop_quiesce(struct loop *loop)
{
	if (!loop->started)
		return;
	pthread_mutex_lock(&loop->lock);
	loop->quiesce = true;
	wake_loop(loop);
	while (!loop->quiesced)
		pthread_cond_wait(&loop->done, &loop->lock);
	pthread_mutex_unlock(&loop->lock);
}

void loop_free(struct loop *loop)
{
	if (loop->started) {
		pthread_mutex_lock(&loop->lock);
		loop->stop = true;
		wake_loop(loop);
		pthread_mutex_unlock(&loop->lock);
		pthread_join(loop->thread, NULL);
	}
	arrivals_close(loop);
	if (loop->daemon != NULL)
		MHD_stop_daemon(loop->daemon);
	if (loop->socket != -1)
		close(loop->socket);
	close(loop->wake);
	pthread_cond_destroy(&loop->done);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}
