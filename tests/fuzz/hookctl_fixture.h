/* hookctl_fixture.h - hookctl's commands, called in this process, on a small store in a
 * directory of its own that is made again for each input. Nothing gets out: the linker puts the
 * functions named __wrap_… in place of those that talk to somebody or wait (see the Makefile), and
 * no argument may name a file elsewhere. */
#ifndef HOOKD_HOOKCTL_FIXTURE_H
#define HOOKD_HOOKCTL_FIXTURE_H

#include "base/clock.h"
#include "hookctl/alone.h"
#include "hookctl/keys.h"
#include "hookctl/trial.h"
#include "store/change.h"
#include "store/read.h"
#include "store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* libFuzzer has the main(). */
int hookctl_main(int argc, char **argv);
#define main hookctl_main
#include "hookctl/main.c"
#undef main

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

CURLcode __wrap_curl_easy_perform(CURL *easy);
bool __wrap_trial_run(struct trial *trial, struct conf *conf, const struct conf_hook *hook,
	struct delivery_job *job);
bool __wrap_ctl_alone_start(struct ctl_alone *a);
void __wrap_ctl_alone_end(struct ctl_alone *a);
int __wrap_ctl_follow(struct store_reader *reader, bool (*look)(void *arg), void *arg);
bool __real_ctl_number(const char *what, const char *text, int64_t min, int64_t max, int64_t *out);
bool __wrap_ctl_number(const char *what, const char *text, int64_t min, int64_t max, int64_t *out);
int __wrap_nanosleep(const struct timespec *wait, struct timespec *left);

CURLcode __wrap_curl_easy_perform(CURL *easy)
{
	(void)easy;
	return CURLE_OK;
}

bool __wrap_trial_run(struct trial *trial, struct conf *conf, const struct conf_hook *hook,
	struct delivery_job *job)
{
	(void)trial;
	(void)conf;
	(void)hook;
	delivery_job_free(job);
	return false;
}

static pthread_t fixture_alone;
static int fixture_served; /* the thread's end of the connection */

static void *fixture_serve(void *arg)
{
	ctl_alone_serve(arg, fixture_served);
	return NULL;
}

/* A thread in place of a process, so that the fuzzer sees what the act does. */
bool __wrap_ctl_alone_start(struct ctl_alone *a)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		abort();
	a->connection = fds[0];
	fixture_served = fds[1];
	if (pthread_create(&fixture_alone, NULL, fixture_serve, a) != 0)
		abort();
	return true;
}

void __wrap_ctl_alone_end(struct ctl_alone *a)
{
	(void)close(a->connection);
	(void)pthread_join(fixture_alone, NULL);
}

/* Otherwise this would run forever. */
int __wrap_ctl_follow(struct store_reader *reader, bool (*look)(void *arg), void *arg)
{
	(void)reader;
	return look(arg) ? CTL_OK : CTL_FAILED;
}

/* Without this, --count could send a million events. */
bool __wrap_ctl_number(const char *what, const char *text, int64_t min, int64_t max, int64_t *out)
{
	bool good = __real_ctl_number(what, text, min, max, out);

	if (good && strcmp(what, "--count") == 0 && *out > 20)
		*out = 20;
	return good;
}

int __wrap_nanosleep(const struct timespec *wait, struct timespec *left)
{
	(void)wait;
	(void)left;
	return 0;
}

/* ---- the store ---- */

static struct {
	char dir[64];
	void *store; /* as each input finds it */
	size_t store_len;
	char *out, *said; /* what the last command wrote to stdout and stderr */
	size_t out_len, said_len;
} fixture;

static const char fixture_config[] =
	"listen: 127.0.0.1:8080\n"
	"store: {path: hookd.db}\n"
	"email: {server: 'smtp://127.0.0.1:25', tls: none, from: shop@example.com}\n"
	"sources:\n"
	"- {name: fedapay, path: /in, scheme: fedapay, secrets: [{env: FUZZ_SECRET}]}\n"
	"hooks:\n"
	"- {name: ship, source: fedapay, on: 'transaction.*', run: [/bin/true, "
	"'{{entity.reference}}'],\n"
	"   when: {entity.amount: {gte: 100}}}\n"
	"- {name: mail, source: fedapay, on: '*', email: {to: '{{entity.customer.email}}',\n"
	"   subject: 'Paiement {{entity.reference}}', body: '{{entity.amount | money}}'}}\n"
	"- {name: erp, source: fedapay, on: '*', forward: {url: 'http://127.0.0.1:9/{{id}}'},\n"
	"   on_failure: {run: [/bin/true]}}\n";

/* Bodies as they may arrive; the last ones are hostile. */
static const char *const fixture_events[] = {
	"{\"id\":1,\"name\":\"transaction.created\",\"object\":\"transaction\",\"entity\":{\"id\":"
	"9,"
	"\"reference\":\"trx_9\",\"amount\":5000,\"fees\":90,\"mode\":\"mtn_open\",\"currency\":"
	"{\"iso\":\"XOF\"},\"customer\":{\"firstname\":\"Awa\",\"lastname\":\"Dossou\","
	"\"email\":\"awa@example.com\"}},\"created_at\":\"2026-06-30T22:50:29.001Z\"}",
	"{\"id\":2,\"name\":\"transaction.approved\",\"object\":\"transaction\",\"entity\":{\"id\":"
	"9,"
	"\"amount\":5000,\"currency\":{\"iso\":\"XOF\"}}}",
	"{\"id\":3,\"name\":\"payout.sent\",\"object\":\"payout\",\"entity\":{\"id\":7,\"amount\":"
	"12.5,\"currency\":\"EUR\",\"reference\":\"=1+1\"}}",
	"{\"id\":4,\"name\":\"customer.created\",\"object\":\"customer\",\"entity\":{\"id\":\"c\","
	"\"full_name\":\"\\u001b[31mred\\n\\\"x\\\"\",\"email\":\"\\u0007@example.com\"}}",
	"{\"id\":5,\"name\":\"trans\\u001b[2Jaction.\\r\\n\\u009b\",\"entity\":{\"id\":\"\\u0000\","
	"\"amount\":1e300,\"reference\":\"\\u2028\\u202e\"}}",
	"{\"id\":6,\"entity\":{}}",
	"\x1b[31m\xff\xfe no JSON",
	"",
};

_Noreturn static void broken(const char *what, int argc, char *const *argv)
{
	(void)dprintf(STDERR_FILENO, "%s:", what);
	for (int i = 0; i < argc; i++)
		(void)dprintf(STDERR_FILENO, " '%s'", argv[i]);
	(void)dprintf(STDERR_FILENO, "\n--- stdout\n%.4000s\n--- stderr\n%.4000s\n",
		fixture.out != NULL ? fixture.out : "", fixture.said != NULL ? fixture.said : "");
	abort();
}

static void fixture_write(const char *name, const void *bytes, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd == -1 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	close(fd);
}

static void *fixture_read(const char *name, size_t *len)
{
	struct buf b = {0};

	if (!ctl_read_file(name, &b))
		abort();
	*len = b.len;
	return buf_take(&b);
}

static int64_t fixture_name(struct store *st, enum store_name_kind kind, const char *name)
{
	int64_t id;
	struct store_name n = {kind, name, &id};
	struct store_names names = {.op.kind = STORE_OP_NAMES, .list = &n, .count = 1};

	if (store_wait(st, &names.op) != STORE_OK)
		abort();
	return id;
}

/* The first few of what waits are done, dead, or have failed once. */
static void fixture_settle(struct store *st, int64_t hook)
{
	struct store_want want = {.hook = hook, .max = 4};
	struct store_claim c = {.op.kind = STORE_OP_CLAIM,
		.wants = &want,
		.want_count = 1,
		.total = 4,
		.now = clock_wall(),
		.room = INT64_MAX};
	char output[] = "\x1b[32mgreen\x1b[0m \xff\n\n| a line\r\n";

	if (store_wait(st, &c.op) != STORE_OK)
		abort();
	for (size_t i = 0; i < c.job_count; i++) {
		static const enum delivery_state states[] = {
			DELIVERY_DONE, DELIVERY_DEAD, DELIVERY_READY};
		struct attempt_outcome o = {
			.result = (enum attempt_result)(i % 3),
			.exit_code = (int)i,
			.status = 500,
			.message = "it said \"no\"\x1b[0m",
			.output = output,
			.output_len = sizeof(output) - 1,
		};
		struct store_settle s = {
			.op.kind = STORE_OP_SETTLE,
			.delivery = c.jobs[i]->delivery,
			.attempt = c.jobs[i]->attempt,
			.outcome = &o,
			.ended_at = clock_wall(),
			.state = i < 3 ? states[i] : DELIVERY_READY,
			.due_at = clock_wall() + 1000000,
		};

		if (i < 3 && store_wait(st, &s.op) != STORE_OK)
			abort();
		delivery_job_free(c.jobs[i]);
	}
	free(c.jobs);
	free(c.skips);
}

static void fixture_make_store(void)
{
	struct store_options options = {.path = "hookd.db", .migrate = true, .backlog = 1000};
	struct store *st = store_open(&options);
	int64_t hooks[3], source;

	if (st == NULL)
		abort();
	source = fixture_name(st, STORE_NAME_SOURCE, "fedapay");
	hooks[0] = fixture_name(st, STORE_NAME_HOOK, "ship");
	hooks[1] = fixture_name(st, STORE_NAME_HOOK, "mail");
	hooks[2] = fixture_name(st, STORE_NAME_HOOK, "erp");
	for (size_t i = 0; i < sizeof(fixture_events) / sizeof(fixture_events[0]); i++) {
		struct event ev;

		if (!event_parse(&ev, &sender_default()->shape, fixture_events[i],
			    strlen(fixture_events[i])))
			abort();
		ev.source = "fedapay";
		ev.source_id = source;
		ev.received_at = 1782859829001 + (int64_t)i;
		ev.origin = "webhook";
		(void)snprintf(ev.remote, sizeof(ev.remote), "192.0.2.1");
		struct store_put put = {.op.kind = STORE_OP_PUT,
			.event = &ev,
			.hooks = hooks,
			.hook_count = ev.quarantined == NULL ? 3 : 0,
			.declined = "other\tits amount is \x1b[31m 5\n"};

		if (store_wait(st, &put.op) != STORE_OK)
			abort();
		event_free(&ev);
	}
	for (size_t i = 0; i < 3; i++)
		fixture_settle(st, hooks[i]);
	store_close(st);
}

static void fixture_remove(void)
{
	DIR *dir = opendir(fixture.dir);

	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
		(void)unlinkat(dirfd(dir), e->d_name, 0);
	if (dir != NULL)
		(void)closedir(dir);
	(void)rmdir(fixture.dir);
}

static void fixture_start(void)
{
	if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
		setenv("FUZZ_SECRET", "wh_sandbox_fuzz", 1) != 0)
		abort();
	(void)snprintf(fixture.dir, sizeof(fixture.dir), "%s/hookd-fuzz-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(fixture.dir) == NULL || chdir(fixture.dir) != 0 ||
		freopen("/dev/null", "r", stdin) == NULL)
		abort();
	(void)atexit(fixture_remove);
	log_setup(LOG_ERROR, LOG_FORMAT_TEXT);
	fixture_write("hookd.yaml", fixture_config, strlen(fixture_config));
	fixture_make_store();
	fixture.store = fixture_read("hookd.db", &fixture.store_len);
}

/* The directory as it was at first, and `in` for the command to read. */
static void fixture_reset(const void *in, size_t len)
{
	DIR *dir = opendir(".");

	if (dir == NULL)
		abort();
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		if (e->d_name[0] != '.' && strcmp(e->d_name, "hookd.yaml") != 0)
			(void)unlinkat(dirfd(dir), e->d_name, 0);
	(void)closedir(dir);
	fixture_write("hookd.db", fixture.store, fixture.store_len);
	fixture_write("in", in, len);
	(void)setenv("TZ", "UTC0", 1);
	tzset();
}

/* Runs hookctl; argv[argc] is NULL. */
static int fixture_run(int argc, char **argv)
{
	FILE *real_out = stdout, *real_err = stderr;
	int status;

	free(fixture.out);
	free(fixture.said);
	fixture.out = fixture.said = NULL;
	stdout = open_memstream(&fixture.out, &fixture.out_len);
	stderr = open_memstream(&fixture.said, &fixture.said_len);
	if (stdout == NULL || stderr == NULL)
		abort();
	optind = 0;
	status = read_options_and_run(argc, argv);
	(void)fclose(stdout);
	(void)fclose(stderr);
	stdout = real_out;
	stderr = real_err;
	return status;
}

#endif
