/* A whole session of the control socket, after two bytes that say when the act is told to stop and
 * when the client reads no more. However it goes, each message is one of the protocol's, the last
 * is the end, no descriptor is left open, and what the store counts is what it has. */
#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "catchup/catchup.h"
#include "conf/conf.h"
#include "control/act.h"
#include "control/request.h"
#include "control/session.h"
#include "counts/counts.h"
#include "sender/sender.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);

#define CHANGES 50

static const char config[] =
	"listen: 127.0.0.1:8080\n"
	"store: {path: hookd.db}\n"
	"limits: {body: 1KiB, backlog: 40}\n"
	"email: {sendmail: /bin/true, from: shop@example.com}\n"
	"sources:\n"
	"- {name: fedapay, path: /in, scheme: fedapay, secrets: [{env: FUZZ_SECRET}]}\n"
	"hooks:\n"
	"- {name: ship, source: fedapay, on: 'transaction.*', when: {entity.amount: {gte: 100}},\n"
	"   email: {to: a@example.com, subject: s, body: b}}\n"
	"- {name: mail, source: fedapay, on: '*', email: {to: a@example.com, subject: s, body: "
	"b}}\n";

static const char *const events[] = {
	"{\"id\":1,\"name\":\"transaction.approved\",\"entity\":{\"id\":9,\"amount\":500}}",
	"{\"id\":2,\"name\":\"transaction.approved\",\"entity\":{\"id\":9,\"amount\":5}}",
	"{\"id\":3,\"name\":\"payout.sent\",\"entity\":{\"id\":7}}",
	"{\"id\":4}",
	"no JSON",
};

static struct {
	char dir[64];
	struct conf *conf;
	void *store; /* the file as each input finds it */
	size_t store_len;
	struct store *st;
	struct store_reader *reader;
	unsigned changes;  /* since it was opened */
	struct buf answer; /* what the client has read */
	size_t budget;     /* bytes that it reads */
	bool deaf;         /* it has read them all */
	unsigned questions, stop_after;
} fuzz;

_Noreturn static void broken(const char *what)
{
	(void)dprintf(STDERR_FILENO, "%s; answered:\n%.4000s\n", what,
		fuzz.answer.data != NULL ? fuzz.answer.data : "");
	abort();
}

/* ---- the client ---- */

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
	(void)fd;
	(void)flags;
	if (fuzz.budget == 0) {
		fuzz.deaf = true;
		errno = EPIPE;
		return -1;
	}
	if (len > fuzz.budget)
		len = fuzz.budget;
	fuzz.budget -= len;
	buf_add(&fuzz.answer, bytes, len);
	return (ssize_t)len;
}

/* Asked whether there is more to read, or whether the act is to stop: the second descriptor. */
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	(void)timeout;
	if (++fuzz.questions > fuzz.stop_after) {
		fds[count - 1].revents = POLLIN;
		return 1;
	}
	return (fds[0].events & POLLIN) != 0 ? __real_poll(fds, count, 0) : 0;
}

static bool host_reload(void *arg, struct buf *lines)
{
	(void)arg;
	buf_add_text(lines, "one\ntwo");
	return fuzz.stop_after % 2 == 0;
}

static void host_status(void *arg, json_t *done)
{
	(void)arg;
	(void)json_object_set_new(done, "pid", json_integer(1));
}

/* An event and a fact, unless it is to be stopped. */
static void host_catch_up(void *arg, struct catchup_order *order)
{
	(void)arg;
	order->good = !order->stopped(order->arg);
	if (!order->good)
		return;
	order->found = 1;
	order->progress(order->arg, 1, 2);
	if (order->check)
		order->fact(order->arg, &(struct catchup_fact){"shop", "events", "\xff"});
	else
		order->row(order->arg,
			&(struct catchup_row){.source = "shop", .type = "\xff", .event = 1});
}

/* ---- the store ---- */

static void write_file(const char *name, const void *bytes, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	close(fd);
}

static void remove_files(void)
{
	DIR *dir = opendir(fuzz.dir);

	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), e->d_name, 0);
	if (dir != NULL)
		(void)closedir(dir);
}

static void remove_directory(void)
{
	remove_files();
	(void)rmdir(fuzz.dir);
}

static struct store *open_store(bool make)
{
	struct store_options options = {.path = "hookd.db", .backlog = 40, .migrate = make};
	struct store *st = store_open(&options);

	if (st == NULL || !act_name_config(st, fuzz.conf))
		abort();
	return st;
}

static void put_events(struct store *st)
{
	const int64_t hooks[] = {fuzz.conf->hooks[0].store_id, fuzz.conf->hooks[1].store_id};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct event ev;
		struct store_put put = {.op.kind = STORE_OP_PUT, .event = &ev, .hooks = hooks};

		if (!event_parse(&ev, &sender_default()->shape, events[i], strlen(events[i])))
			abort();
		ev.source = "fedapay";
		ev.source_id = fuzz.conf->sources[0].store_id;
		ev.received_at = 1782859829001 + (int64_t)i;
		ev.origin = "webhook";
		put.hook_count = ev.quarantined == NULL ? 2 : 0;
		if (store_wait(st, &put.op) != STORE_OK)
			abort();
		event_free(&ev);
	}
}

/* The first deliveries are done and dead. */
static void settle_some(struct store *st)
{
	struct store_want want = {.hook = fuzz.conf->hooks[0].store_id, .max = 2};
	struct store_claim claim = {
		.op.kind = STORE_OP_CLAIM, .wants = &want, .want_count = 1, .total = 2};

	if (store_wait(st, &claim.op) != STORE_OK)
		abort();
	for (size_t i = 0; i < claim.job_count; i++) {
		struct attempt_outcome outcome = {.message = "m", .exit_code = 1};
		struct store_settle settle = {.op.kind = STORE_OP_SETTLE,
			.delivery = claim.jobs[i]->delivery,
			.attempt = claim.jobs[i]->attempt,
			.outcome = &outcome,
			.ended_at = 1782859830001,
			.state = i == 0 ? DELIVERY_DONE : DELIVERY_DEAD};

		if (store_wait(st, &settle.op) != STORE_OK)
			abort();
		delivery_job_free(claim.jobs[i]);
	}
	free(claim.jobs);
	free(claim.skips);
}

static void keep_file(void)
{
	struct buf file = {0};
	char chunk[65536];
	ssize_t n;
	int fd = open("hookd.db", O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(&file, chunk, (size_t)n);
	close(fd);
	fuzz.store_len = file.len;
	fuzz.store = buf_take(&file);
	if (fuzz.store == NULL)
		abort();
}

static void start(void)
{
	struct buf errors = {0};
	struct store *st;

	(void)snprintf(fuzz.dir, sizeof(fuzz.dir), "%s/hookd-fuzz-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (sodium_init() < 0 || setenv("FUZZ_SECRET", "wh_sandbox_fuzz", 1) != 0 ||
		mkdtemp(fuzz.dir) == NULL || chdir(fuzz.dir) != 0)
		abort();
	(void)atexit(remove_directory);
	log_setup(LOG_ERROR, LOG_FORMAT_TEXT);
	fuzz.conf = conf_parse("hookd.yaml", config, strlen(config), &errors);
	if (fuzz.conf == NULL)
		broken(errors.data);
	buf_free(&errors);
	st = open_store(true);
	put_events(st);
	settle_some(st);
	store_close(st);
	keep_file();
}

/* ---- what must hold ---- */

static bool has_one_kind(const json_t *message)
{
	static const char *const kinds[] = {"row", "pages", "progress", "fault", "done", "error"};
	size_t found = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		found += json_object_get(message, kinds[i]) != NULL;
	return found == 1 &&
	       json_object_size(message) == 1 + (size_t)(json_object_get(message, "hookd") != NULL);
}

/* Every whole line is a message, and only the last is an end. */
static void check_answer(void)
{
	const char *p = fuzz.answer.data, *end;
	bool ended = false;

	for (; p != NULL && (end = strchr(p, '\n')) != NULL; p = end + 1) {
		json_t *message;

		if (ended)
			broken("a message follows the end");
		if (!json_read(p, (size_t)(end - p), NULL, &message, NULL) || message == NULL ||
			!has_one_kind(message))
			broken("no message of the protocol");
		ended = json_object_get(message, "done") != NULL ||
			json_object_get(message, "error") != NULL;
		json_decref(message);
	}
	if (!ended && !fuzz.deaf)
		broken("no end");
}

/* Changes when the store does. */
static int64_t store_version(void)
{
	char why[STORE_READ_WHY];
	int64_t version;

	if (!store_read_version(fuzz.reader, &version, why))
		broken(why);
	return version;
}

static void check_counts(struct store *st)
{
	char why[STORE_READ_WHY];
	struct store_counts counts;
	struct counts_stored stored;

	store_counts(st, &counts);
	if (!counts_read(fuzz.reader, 1782859830001, &stored, why))
		broken(why);
	if (counts.waiting != stored.deliveries.waiting + stored.deliveries.running ||
		counts.dead != stored.deliveries.dead)
		broken("the counts differ from the rows");
}

static int next_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

/* ---- a session ---- */

/* False: this is no request's line. */
static bool read_line(struct request *r)
{
	switch (request_read(r)) {
	case REQUEST_WHOLE:
		return true;
	case REQUEST_TOO_LONG:
		session_refuse(r, "the request is longer than 64 KiB");
		break;
	case REQUEST_PART:
	case REQUEST_GONE:
		request_free(r);
		break;
	}
	return false;
}

static void converse(struct store *st, const unsigned char *bytes, size_t size)
{
	const struct control_host host = {host_reload, host_status, host_catch_up, NULL};
	struct act_context context = {
		.store = st, .store_path = "hookd.db", .conf = fuzz.conf, .host = &host};
	struct stat sb;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0 ||
		stat("hookd.db", &sb) != 0 || write(pair[1], bytes, size) != (ssize_t)size ||
		shutdown(pair[1], SHUT_WR) != 0)
		abort();
	struct session s = {.request = {.fd = pair[0]}, .stop = pair[0]};
	if (read_line(&s.request)) {
		session_run(&s, &context, &sb);
		request_free(&s.request);
		check_answer();
	}
	close(pair[1]);
}

/* To open a store takes as long as a hundred acts. So one is kept for a few inputs that change it.
 */
static void renew_store(void)
{
	if (fuzz.st != NULL)
		store_close(fuzz.st);
	store_reader_close(fuzz.reader);
	remove_files();
	write_file("hookd.db", fuzz.store, fuzz.store_len);
	fuzz.st = open_store(false);
	fuzz.changes = 0;
	char why[STORE_READ_WHY];
	fuzz.reader = store_reader_open("hookd.db", why);
	if (fuzz.reader == NULL)
		broken(why);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	if (size < 3 || size > 65536)
		return 0;
	if (fuzz.store == NULL)
		start();
	if (fuzz.st == NULL || fuzz.changes >= CHANGES)
		renew_store();
	buf_clear(&fuzz.answer);
	fuzz.questions = 0;
	fuzz.stop_after = data[0] == 255 ? 100000 : data[0];
	fuzz.budget = data[1] == 255 ? SIZE_MAX : (size_t)data[1] * 16;
	fuzz.deaf = false;
	int64_t version = store_version();
	int before = next_descriptor();
	converse(fuzz.st, data + 2, size - 2);
	if (next_descriptor() != before)
		broken("a descriptor is left open");
	if (store_version() != version) {
		fuzz.changes++;
		check_counts(fuzz.st);
	}
	return 0;
}
