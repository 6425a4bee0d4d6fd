/* hookd/main.c - the daemon: reads its options, starts the areas in order, handles signals, stops
 * them in reverse order. */
#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "counts/counts.h"
#include "dispatcher/dispatcher.h"
#include "listener/listener.h"
#include "notify.h"
#include "options.h"
#include "privilege.h"
#include "process/sandbox.h"
#include "reporter/reporter.h"
#include "store/notify.h"
#include "store/store.h"
#include "transfer/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define STATUS_EVERY 10000 /* ms between STATUS lines when no watchdog sets the pace */
#define STOP_MARGIN  5000  /* ms beyond its own limits that stopping may take */

struct hookd {
	const char *config;
	struct conf *conf;
	struct store *store;
	struct dispatcher *dispatcher;
	struct listener *listener;
	struct reporter *reporter;
	int signals;       /* signalfd */
	int notifications; /* the socket of store_notify_listen; -1: none */
	struct store_op ping;
	_Atomic bool ping_out; /* the store has not answered the last ping yet */
};

/* Loads the config and logs its errors or warnings, a line each. */
static struct conf *load_config(const char *file)
{
	struct buf errors = {0};
	struct conf *conf = conf_load(file, &errors);

	if (conf != NULL)
		log_setup(conf->log_level, conf->log_format);
	for (char *line = errors.data, *end; line != NULL && *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		if (end == NULL)
			break;
		*end = '\0';
		log_write(conf != NULL ? LOG_WARN : LOG_ERROR, line, LOG_END);
	}
	buf_free(&errors);
	if (conf != NULL && !secret_all_locked())
		log_warn("not every secret could be locked in memory: it may get into swap",
			log_text("hint", "LimitMEMLOCK= in the unit"));
	return conf;
}

/* ---- the process ---- */

/* If 0, 1 or 2 were closed, the next file opened would get that number: a stray write would end up
 * in the store. */
static bool open_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

static bool set_up_process(struct hookd *h)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file at its size limit is then only an error of write(2) */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	/* Before any thread starts: all inherit the mask, so only the signalfd gets signals.
	 * SIGCHLD is blocked and unused: a pidfd reports to the dispatcher that a script has
	 * ended. */
	sigset_t blocked = set;
	sigaddset(&blocked, SIGCHLD);
	if (pthread_sigmask(SIG_BLOCK, &blocked, NULL) != 0)
		return false;
	h->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return h->signals != -1;
}

/* Each connection needs a descriptor, each script up to four while it starts. */
static void raise_descriptor_limit(const struct conf *conf)
{
	rlim_t need = conf->limits.connections + 4 * (rlim_t)conf->limits.concurrency + 64;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
		return;
	limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < need)
		log_warn("fewer descriptors than limits.connections may need",
			log_int("allowed", (int64_t)limit.rlim_cur),
			log_int("needed", (int64_t)need),
			log_text("hint", "LimitNOFILE= in the unit"));
}

/* ---- names and orphans ---- */

static bool name_id(struct store *st, enum store_name_kind kind, const char *name, int64_t *id)
{
	struct store_name op = {
		.op = {.kind = STORE_OP_NAME},
		.name_kind = kind,
		.name = name,
	};

	if (store_wait(st, &op.op) != STORE_OK)
		return false;
	*id = op.id;
	return true;
}

/* Gives each source and hook its row in the store. */
static bool name_all(struct store *st, struct conf *conf)
{
	for (size_t i = 0; i < conf->source_count; i++)
		if (!name_id(st, STORE_NAME_SOURCE, conf->sources[i].name,
			    &conf->sources[i].store_id))
			return false;
	if (!name_id(st, STORE_NAME_SOURCE, conf->own.name, &conf->own.store_id))
		return false;
	for (size_t i = 0; i < conf->all_count; i++)
		if (!name_id(st, STORE_NAME_HOOK, conf->all[i]->name, &conf->all[i]->store_id))
			return false;
	return true;
}

static void report_orphan(void *arg, const char *hook, int64_t waiting)
{
	(void)arg;
	log_warn("deliveries wait for a hook that the config does not have", log_text("hook", hook),
		log_int("waiting", waiting),
		log_text("hint", "they run once a hook of that name exists again"));
}

static void report_orphans(struct store *st, const struct conf *conf)
{
	int64_t *ids = calloc(conf->all_count + 1, sizeof(*ids));

	if (ids == NULL)
		return;
	for (size_t i = 0; i < conf->all_count; i++)
		ids[i] = conf->all[i]->store_id;
	store_orphans(st, ids, conf->all_count, report_orphan, NULL);
	free(ids);
}

/* ---- reload, status, watchdog ---- */

/* `also` has other lines of the same message, which go before the status. */
static void send_status(struct hookd *h, const char *also)
{
	const struct counts_sources sources = {h->store, h->dispatcher, h->listener};
	struct counts c;

	counts_gather(&sources, &c);
	notify_send("%sSTATUS=%" PRId64 " events stored, %" PRId64 " duplicates, %" PRId64
		    " quarantined; deliveries: %" PRId64 " waiting, %" PRId64 " running, %" PRId64
		    " done, %" PRId64 " dead; %" PRId64 " requests refused, %u connections",
		also, c.stored, c.duplicates, c.quarantined, c.deliveries.waiting,
		c.deliveries.running, c.done, c.deliveries.dead, c.refused, c.connections);
}

static bool apply_config(struct hookd *h, struct conf *next)
{
	struct buf restart = {0};

	if (!name_all(h->store, next) || !listener_reload(h->listener, next))
		return false;
	dispatcher_reload(h->dispatcher, next);
	reporter_reload(h->reporter, next);
	store_configure(h->store, next->store.retention, next->limits.backlog);
	log_setup(next->log_level, next->log_format);
	conf_restart_keys(h->conf, next, &restart);
	if (restart.len > 0)
		log_warn(
			"reloaded, but some of it needs a restart", log_text("keys", restart.data));
	buf_free(&restart);
	return true;
}

static void reload_config(struct hookd *h)
{
	struct conf *next;

	notify_reloading();
	next = load_config(h->config);
	if (next != NULL && privilege_check(next) && apply_config(h, next)) {
		conf_unref(h->conf);
		h->conf = next;
		raise_descriptor_limit(next);
		report_orphans(h->store, next);
		privilege_report_dropped(next);
		log_info("config reloaded", log_text("file", h->config),
			log_int("sources", (int64_t)next->source_count),
			log_int("hooks", (int64_t)next->hook_count));
	} else {
		conf_unref(next);
		log_setup(h->conf->log_level, h->conf->log_format);
		log_error(
			"reload refused: the config stays as it was", log_text("file", h->config));
	}
	send_status(h, "READY=1\n");
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

static bool start_areas(struct hookd *h)
{
	struct store_options options = {
		.path = h->conf->store.path,
		.retention = h->conf->store.retention,
		.backlog = h->conf->limits.backlog,
		.on_ready = dispatcher_notify,
	};
	int sockets[NOTIFY_SOCKETS_MAX];
	size_t socket_count = notify_sockets(sockets);

	h->dispatcher = dispatcher_new();
	options.on_ready_arg = h->dispatcher;
	if (h->dispatcher == NULL || (h->store = store_open(&options)) == NULL ||
		!name_all(h->store, h->conf) || !dispatcher_start(h->dispatcher, h->conf, h->store))
		return false;
	h->listener = listener_start(h->conf, h->store, sockets, socket_count);
	if (h->listener == NULL)
		return false;
	h->reporter = reporter_start(h->conf, h->store);
	if (h->reporter == NULL)
		return false;
	h->notifications = store_notify_listen(h->conf->store.path);
	report_orphans(h->store, h->conf);
	return true;
}

static void stop_areas(struct hookd *h)
{
	store_notify_close(h->notifications);
	if (h->listener != NULL)
		listener_stop(h->listener);
	reporter_stop(h->reporter);
	if (h->dispatcher != NULL)
		dispatcher_free(h->dispatcher);
	if (h->store != NULL)
		store_close(h->store);
	conf_unref(h->conf);
	close(h->signals);
}

/* The next signal, 0 when there is none. */
static int next_signal(const struct hookd *h)
{
	struct signalfd_siginfo info;

	return read(h->signals, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

static int wait_ms(int64_t until)
{
	int64_t ms = until - clock_steady();

	return until == INT64_MAX ? -1 : ms < 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* Called when hookctl has changed the store. */
static void refresh_store(struct hookd *h)
{
	struct store_op op = {.kind = STORE_OP_REFRESH};

	if (store_wait(h->store, &op) == STORE_OK)
		log_info("the store was changed by hookctl");
}

/* Returns on SIGTERM or SIGINT. */
static void serve(struct hookd *h)
{
	struct pollfd fds[] = {
		{.fd = h->signals, .events = POLLIN},
		{.fd = h->notifications, .events = POLLIN},
	};
	int64_t every = notify_watchdog() > 0 ? notify_watchdog() : STATUS_EVERY;
	int64_t next = notify_wanted() ? clock_steady() + every : INT64_MAX;
	int signal;

	for (;;) {
		poll(fds, 2, wait_ms(next));
		while ((signal = next_signal(h)) != 0) {
			if (signal != SIGHUP)
				return;
			reload_config(h);
		}
		if (store_notify_received(h->notifications))
			refresh_store(h);
		if (clock_steady() >= next) {
			send_signs_of_life(h);
			next = clock_steady() + every;
		}
	}
}

/* Waits until the open requests are answered and the running actions have ended, within their
 * limits. A second SIGTERM ends the process at once; the next start recovers what it
 * interrupted. */
static void drain_areas(struct hookd *h)
{
	int64_t patience = h->conf->limits.grace + h->conf->limits.request_time + STOP_MARGIN;
	int64_t until = clock_steady() + patience;
	struct pollfd fds[] = {
		{.fd = h->signals, .events = POLLIN},
		{.fd = listener_drain(h->listener), .events = POLLIN},
		{.fd = dispatcher_drain(h->dispatcher), .events = POLLIN},
	};

	notify_send("STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=%" PRId64,
		(patience + STOP_MARGIN) * 1000);
	log_info("stopping: running actions may end first",
		log_int("grace_seconds", h->conf->limits.grace / 1000));
	while ((fds[1].fd != -1 || fds[2].fd != -1) && wait_ms(until) > 0) {
		poll(fds, 3, wait_ms(until));
		for (int signal; (signal = next_signal(h)) != 0;) {
			if (signal == SIGHUP)
				continue;
			log_warn("stopping at once");
			/* Stopped, not freed: the listener still runs, and each event that it
			 * stores notifies the dispatcher. */
			dispatcher_stop(h->dispatcher);
			_exit(EXIT_FAILURE);
		}
		for (int i = 1; i <= 2; i++)
			if (fds[i].revents != 0)
				fds[i].fd = -1;
	}
}

int main(int argc, char **argv)
{
	struct hookd h = {.signals = -1, .notifications = -1};
	struct options options;
	int code = options_read(argc, argv, &options);

	if (code != -1)
		return code;
	if (!open_standard_descriptors() || sodium_init() < 0 || !transfer_global_init(true)) {
		fputs("hookd: cannot set up standard descriptors, libsodium or libcurl\n", stderr);
		return EXIT_FAILURE;
	}
	if (options.check)
		return options_check_config(&options);
	notify_init();
	log_setup(LOG_INFO, LOG_FORMAT_TEXT);
	/* Now: otherwise jansson would do it later, in a thread that may not open files. */
	json_object_seed(0);
	if (!sandbox_process()) {
		log_error(
			"cannot protect the process's memory", log_text("error", strerror(errno)));
		return EXIT_FAILURE;
	}
	h.config = options.config;
	h.conf = load_config(options.config);
	if (h.conf == NULL || !privilege_check(h.conf)) {
		conf_unref(h.conf);
		notify_send("STATUS=the config has errors\nERRNO=%d", EINVAL);
		return EXIT_CONFIG;
	}
	if (!set_up_process(&h)) {
		log_error("cannot set up the process", log_text("error", strerror(errno)));
		return EXIT_FAILURE;
	}
	/* Before any thread reads it; to change it hookd must be restarted. */
	if (h.conf->timezone != NULL && setenv("TZ", h.conf->timezone, 1) != 0)
		return EXIT_FAILURE;
	tzset();
	raise_descriptor_limit(h.conf);
	privilege_drop(h.conf);
	if (!start_areas(&h)) {
		stop_areas(&h);
		return EXIT_FAILURE;
	}
	log_info("hookd is ready", log_text("version", HOOKD_VERSION), log_text("config", h.config),
		log_text("store", h.conf->store.path),
		log_int("sources", (int64_t)h.conf->source_count),
		log_int("hooks", (int64_t)h.conf->hook_count));
	send_status(&h, "READY=1\n");
	serve(&h);
	drain_areas(&h);
	stop_areas(&h);
	log_info("hookd has stopped");
	return EXIT_SUCCESS;
}
