/* hookd/main.c - the daemon: reads its options, starts the areas in order, handles signals, stops
 * them in reverse order. */
#include "base/character.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "config.h"
#include "control/server.h"
#include "counts/counts.h"
#include "dispatcher/dispatcher.h"
#include "hookd.h"
#include "listener/listener.h"
#include "notify.h"
#include "opening.h"
#include "options.h"
#include "process/reaper.h"
#include "process/sandbox.h"
#include "process_state.h"
#include "reporter/reporter.h"
#include "store/store.h"
#include "transfer/transfer.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STATUS_EVERY 10000 /* ms between STATUS lines when no watchdog sets the pace */
#define REAP_EVERY   5000  /* ms between looks for orphans */
#define STOP_MARGIN  5000  /* ms beyond its own limits that stopping may take */

/* ---- status, watchdog ---- */

/* `also` has other lines of the same message, which go before the status. */
static void send_status(struct hookd *h, const char *also)
{
	const struct counts_sources sources = {h->store, h->dispatcher, h->listener};
	char trouble[STORE_TROUBLE] = "";
	struct counts c;
	char held[40] = "";

	counts_gather(&sources, &c);
	if (c.held > 0)
		(void)snprintf(held, sizeof(held), "; %zu hooks held", c.held);
	bool troubled = store_trouble(h->store, trouble);
	notify_send("%sSTATUS=%s%s%" PRId64 " events stored, %" PRId64 " duplicates, %" PRId64
		    " quarantined; deliveries: %" PRId64 " waiting, %" PRId64 " running, %" PRId64
		    " done, %" PRId64 " dead%s; %" PRId64 " requests refused, %u connections",
		also, trouble, troubled ? "; " : "", c.stored, c.duplicates, c.quarantined,
		c.deliveries.waiting, c.deliveries.running, c.done, c.deliveries.dead, held,
		c.refused, c.connections);
}

static void ping_answered(struct store_op *op)
{
	struct hookd *h = (struct hookd *)((char *)op - offsetof(struct hookd, ping));

	atomic_store(&h->ping_out, false);
}

/* The watchdog is fed only while the store's writer and the dispatcher both answer. */
static void send_signs_of_life(struct hookd *h)
{
	bool alive = dispatcher_alive(h->dispatcher) && !atomic_load(&h->ping_out);

	if (!atomic_exchange(&h->ping_out, true)) {
		h->ping = (struct store_op){.kind = STORE_OP_PING, .done = ping_answered};
		store_submit(h->store, &h->ping);
	}
	send_status(h, alive && notify_watchdog() > 0 ? "WATCHDOG=1\n" : "");
}

/* ---- start, run, stop ---- */

/* In the directory that the service manager has made: of several, separated by colons, the first.
 * Without its socket hookd works on. */
static void start_control(struct hookd *h)
{
	const char *list = getenv("RUNTIME_DIRECTORY");
	char *directory = list != NULL && list[0] == '/' ? strndup(list, strcspn(list, ":")) : NULL;

	h->host.sources = (struct counts_sources){h->store, h->dispatcher, h->listener};
	h->host.catchup = h->catchup;
	h->control = control_start(directory, h->conf, h->store, &h->host.control);
	free(directory);
}

/* A thread of the store calls it. */
static void store_failed(void *arg)
{
	const struct hookd *h = arg;

	(void)eventfd_write(h->failure, 1);
}

/* For the events that an older store has of a source. */
static const struct event_shape *shape_of(void *arg, const char *source)
{
	return conf_shape_of(arg, source);
}

/* The thread that reads events back calls it. */
static void state_changed(void *arg)
{
	reporter_notify(arg);
}

static bool start_areas(struct hookd *h)
{
	struct store_options options = {
		.path = h->conf->store.path,
		.migrate = true,
		.shape_of = shape_of,
		.shape_arg = h->conf,
		.retention = h->conf->store.retention,
		.backlog = h->conf->limits.backlog,
		.on_ready = dispatcher_notify,
		.on_failure = store_failed,
		.on_failure_arg = h,
	};
	int sockets[NOTIFY_SOCKETS_MAX];
	size_t socket_count;

	if (!notify_sockets(sockets, &socket_count))
		return false;
	h->dispatcher = dispatcher_new();
	options.on_ready_arg = h->dispatcher;
	h->confirms = confirms_new();
	if (h->dispatcher != NULL && h->confirms != NULL)
		dispatcher_confirm_by(
			h->dispatcher, &(struct confirmer){confirms_ask, h->confirms});
	if (h->dispatcher == NULL || h->confirms == NULL ||
		!opening_store(h, &options, sockets, socket_count) ||
		!act_name_config(h->store, h->conf) ||
		!dispatcher_start(h->dispatcher, h->conf, h->store))
		return false;
	if (h->listener == NULL)
		h->listener = listener_start(h->conf, h->store, sockets, socket_count);
	else if (!listener_use_store(h->listener, h->store))
		return false;
	if (h->listener == NULL)
		return false;
	h->reporter = reporter_start(
		h->conf, &(struct reporter_watched){h->store, h->listener, h->dispatcher});
	if (h->reporter == NULL)
		return false;
	h->catchup = catchup_start(h->conf, &(struct catchup_with){h->store, h->listener,
						    state_changed, h->reporter, h->confirms});
	if (h->catchup == NULL)
		return false;
	start_control(h);
	config_report_orphans(h);
	return true;
}

/* False: the store has stopped after a failed sync. */
static bool stop_areas(struct hookd *h)
{
	eventfd_t failure;

	host_close(&h->host);
	if (h->catchup != NULL)
		catchup_drain(h->catchup);
	control_stop(h->control);
	catchup_stop(h->catchup);
	reporter_stop(h->reporter);
	if (h->listener != NULL)
		listener_stop(h->listener);
	if (h->dispatcher != NULL)
		dispatcher_free(h->dispatcher);
	confirms_free(h->confirms);
	if (h->store != NULL)
		store_close(h->store);
	host_free(&h->host);
	conf_unref(h->conf);
	bool good = eventfd_read(h->failure, &failure) != 0;
	close(h->failure);
	close(h->signals);
	return good;
}

static int wait_ms(int64_t until)
{
	int64_t ms = until - clock_steady();

	return until == INT64_MAX ? -1 : ms < 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* Ends the process; the next start recovers what is interrupted. */
_Noreturn static void stop_at_once(struct hookd *h)
{
	log_warn("stopping at once");
	/* Stopped, not freed: the listener still runs, and each event that it stores notifies the
	 * dispatcher. */
	dispatcher_stop(h->dispatcher);
	log_flush();
	_exit(EXIT_FAILURE);
}

/* After a failed sync the store takes nothing: events are answered 503, and results are lost. */
_Noreturn static void stop_after_failure(struct hookd *h)
{
	log_error("hookd ends, because the store could not be synced; the next start recovers the "
		  "store from the disk");
	notify_send("STATUS=the store could not be synced\nERRNO=%d", EIO);
	stop_at_once(h);
}

/* Of a container. Returns when to look again, steady ms. */
static int64_t reap_as_first_process(void)
{
	if (getpid() != 1)
		return INT64_MAX;
	reaper_run();
	return clock_steady() + REAP_EVERY;
}

static void reload(struct hookd *h)
{
	config_reload(h);
	send_status(h, "READY=1\n");
}

/* Returns on SIGTERM or SIGINT. */
static void serve(struct hookd *h)
{
	struct pollfd fds[] = {
		{.fd = h->signals, .events = POLLIN},
		{.fd = h->host.event, .events = POLLIN},
		{.fd = h->failure, .events = POLLIN},
	};
	int64_t every = notify_watchdog() > 0 ? notify_watchdog() : STATUS_EVERY;
	int64_t next = notify_wanted() ? clock_steady() + every : INT64_MAX;
	int64_t reap = reap_as_first_process();
	int signal;

	for (;;) {
		poll(fds, 3, wait_ms(next < reap ? next : reap));
		if (clock_steady() >= reap)
			reap = reap_as_first_process();
		if (fds[2].revents != 0)
			stop_after_failure(h);
		while ((signal = process_next_signal(h->signals)) != 0) {
			if (signal != SIGHUP)
				return;
			reload(h);
		}
		if (host_reload_asked(&h->host))
			reload(h);
		if (clock_steady() >= next) {
			send_signs_of_life(h);
			next = clock_steady() + every;
		}
	}
}

/* A SIGHUP is too late; any other signal is the second one. */
static void take_signals(struct hookd *h)
{
	for (int signal; (signal = process_next_signal(h->signals)) != 0;)
		if (signal != SIGHUP)
			stop_at_once(h);
}

/* Waits until the open requests are answered, the running actions have ended, and what hookctl has
 * asked for has stopped, within their limits. A second SIGTERM ends the process at once. */
static void drain_areas(struct hookd *h)
{
	int64_t patience = h->conf->limits.grace + h->conf->limits.request_time + STOP_MARGIN;
	int64_t until = clock_steady() + patience;
	struct pollfd fds[] = {
		{.fd = h->signals, .events = POLLIN},
		{.fd = listener_drain(h->listener), .events = POLLIN},
		{.fd = dispatcher_drain(h->dispatcher), .events = POLLIN},
		{.fd = h->control != NULL ? control_drain(h->control) : -1, .events = POLLIN},
		{.fd = h->failure, .events = POLLIN},
	};

	host_close(&h->host);
	catchup_drain(h->catchup);
	notify_send("STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=%" PRId64,
		(patience + STOP_MARGIN) * 1000);
	log_info("stopping: running actions may end first",
		log_int("grace_seconds", h->conf->limits.grace / 1000));
	while ((fds[1].fd != -1 || fds[2].fd != -1 || fds[3].fd != -1) && wait_ms(until) > 0) {
		poll(fds, 5, wait_ms(until));
		if (fds[4].revents != 0)
			stop_after_failure(h);
		take_signals(h);
		for (int i = 1; i <= 3; i++)
			if (fds[i].revents != 0)
				fds[i].fd = -1;
	}
	if (fds[1].fd != -1 || fds[2].fd != -1 || fds[3].fd != -1)
		stop_at_once(h); /* a thread of theirs waits for something that does not answer */
}

/* What hookd needs before it reads its config. False: logged. */
static bool set_up_process(struct hookd *h, const char *config)
{
	notify_init();
	log_setup(LOG_INFO, LOG_FORMAT_TEXT);
	h->signals = process_set_state();
	h->failure = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* Otherwise both would be done later, in a thread that may not open files. */
	json_object_seed(0);
	character_load();
	if (h->signals != -1 && h->failure != -1 && host_init(&h->host) && log_start() &&
		(h->config = process_leave_directory(config)) != NULL) {
		if (sandbox_process())
			return true;
		log_error(
			"cannot protect the process's memory", log_text("error", strerror(errno)));
	} else {
		log_error("cannot set up the process", log_text("error", strerror(errno)));
	}
	return false;
}

static int run_daemon(struct hookd *h)
{
	if (!start_areas(h)) {
		(void)stop_areas(h);
		return h->stopped ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	log_info("hookd is ready", log_text("version", HOOKD_VERSION),
		log_text("config", h->config), log_text("store", h->conf->store.path),
		log_int("sources", (int64_t)h->conf->source_count),
		log_int("hooks", (int64_t)h->conf->hook_count));
	send_status(h, "READY=1\n");
	serve(h);
	drain_areas(h);
	bool good = stop_areas(h);
	log_info("hookd has stopped");
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct hookd h = {.signals = -1, .failure = -1};
	struct options options;
	int code = options_read(argc, argv, &options);

	if (code != -1)
		return code;
	if (!process_open_standard_descriptors() || sodium_init() < 0 ||
		!transfer_global_init(true)) {
		fputs("hookd: cannot set up standard descriptors, libsodium or libcurl\n", stderr);
		return EXIT_FAILURE;
	}
	if (options.check)
		return options_check_config(&options);
	code = set_up_process(&h, options.config) ? config_start(&h) : EXIT_FAILURE;
	if (code == -1)
		code = run_daemon(&h);
	log_flush();
	free(h.config);
	return code;
}
