#include "action.h"

#include "action_output.h"
#include "clock.h"
#include "script_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE = 60000 };

static int epoll = -1;

static struct store_job *make_job(const char *payload)
{
	struct store_job *job = calloc(1, sizeof(*job));
	assert_non_null(job);
	job->delivery = 7;
	job->event = 42;
	job->hook = 1;
	job->attempt = 3;
	job->source = strdup("fedapay");
	job->type = strdup("transaction.approved");
	job->idempotency_key = strdup("fedapay/id:9876543/ship");
	job->payload = strdup(payload);
	job->payload_len = strlen(payload);
	return job;
}

static struct action *begin(struct conf *conf, enum action_step *step)
{
	struct action *a = action_of(&conf->hooks[0])
				   ->start(epoll, conf, &conf->hooks[0], make_job("{}"), step);
	assert_non_null(a);
	return a;
}

/* One turn of what the dispatcher does. */
static enum action_step turn(struct action *a)
{
	struct epoll_event event;
	int64_t left = a->deadline == INT64_MAX ? PATIENCE : a->deadline - clock_steady();
	int timeout = left < 0 ? 0 : left < PATIENCE ? (int)left : PATIENCE;
	int n = epoll_wait(epoll, &event, 1, timeout);
	assert_true(n >= 0);
	if (n == 0 && a->deadline > clock_steady())
		assert_true(timeout < PATIENCE); /* nothing came of it in all that time */
	enum action_step step = ACTION_GOES_ON;
	if (n > 0) {
		struct action_watch *watch = event.data.ptr;
		assert_ptr_equal(watch->action, a);
		step = a->kind->ready(a, watch);
	}
	if (step == ACTION_GOES_ON && a->deadline <= clock_steady())
		step = a->kind->expired(a);
	return step;
}

static void finish(struct action *a, enum action_step step)
{
	while (step == ACTION_GOES_ON)
		step = turn(a);
}

static struct action *run(struct conf *conf)
{
	enum action_step step;
	struct action *a = begin(conf, &step);
	finish(a, step);
	return a;
}

/* Goes on until the script has printed something. */
static void await_output(struct action *a)
{
	struct epoll_event event;
	assert_int_equal(epoll_wait(epoll, &event, 1, PATIENCE), 1);
	assert_int_equal(a->kind->ready(a, event.data.ptr), ACTION_GOES_ON);
}

static struct conf *one_hook(const char *script)
{
	struct conf *conf = fixture_conf(1, 4);
	fixture_hook(conf, 0, "ship", 1, script);
	return conf;
}

static void end(struct action *a, struct conf *conf)
{
	a->kind->free(a);
	conf_unref(conf);
}

static void assert_output(const struct action *a, const char *expected)
{
	assert_int_equal(a->outcome.output_len, strlen(expected));
	assert_memory_equal(a->outcome.output ? a->outcome.output : "", expected, strlen(expected));
}

static void exit_codes_and_signals_are_judged(void **state)
{
	(void)state;
	static const struct {
		const char *script;
		enum attempt_result result;
		int exit_code, signal;
		const char *message;
	} rows[] = {
		{"exit 0", ATTEMPT_OK, 0, 0, ""},
		{"exit 1", ATTEMPT_TEMPFAIL, 1, 0, "exited with 1"},
		{"exit 75", ATTEMPT_TEMPFAIL, 75, 0, "exited with 75"},
		{"exit 65", ATTEMPT_PERMFAIL, 65, 0, "exited with 65"},
		{"exit 100", ATTEMPT_PERMFAIL, 100, 0, "exited with 100"},
		{"exit 42", ATTEMPT_PERMFAIL, 42, 0, "exited with 42"},
		{"exit 43", ATTEMPT_PERMFAIL, 43, 0, "exited with 43"},
		{"kill -SEGV $$", ATTEMPT_TEMPFAIL, -1, SIGSEGV, "killed by SIGSEGV"},
		{"kill -TERM $$", ATTEMPT_TEMPFAIL, -1, SIGTERM, "killed by SIGTERM"},
		{"kill -40 $$", ATTEMPT_TEMPFAIL, -1, 40, "killed by signal 40"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf *conf = one_hook(rows[i].script);
		conf->hooks[0].give_up_on = calloc(2, sizeof(int));
		conf->hooks[0].give_up_on[0] = 43;
		conf->hooks[0].give_up_on[1] = 42;
		conf->hooks[0].give_up_count = 2;
		struct action *a = run(conf);
		assert_int_equal(a->outcome.result, rows[i].result);
		assert_int_equal(a->outcome.exit_code, rows[i].exit_code);
		assert_int_equal(a->outcome.signal, rows[i].signal);
		assert_string_equal(a->outcome.message, rows[i].message);
		end(a, conf);
	}
}

static void environment_and_payload_are_as_promised(void **state)
{
	(void)state;
	struct conf *conf = one_hook("");
	conf_hook_env:;
	char **run_before = conf->hooks[0].run;
	conf->hooks[0].run = fixture_texts(1, (const char *const[]){"/usr/bin/env"});
	struct action *a = run(conf);
	assert_output(a, "PATH=/usr/bin:/bin\nHOME=/home/awa\nHOOKD_EVENT_ID=42\n"
			 "HOOKD_EVENT_TYPE=transaction.approved\nHOOKD_SOURCE=fedapay\n"
			 "HOOKD_HOOK=ship\nHOOKD_DELIVERY_ID=7\nHOOKD_ATTEMPT=3\n"
			 "HOOKD_IDEMPOTENCY_KEY=fedapay/id:9876543/ship\n");
	for (size_t i = 0; run_before[i]; i++)
		free(run_before[i]);
	free(run_before);
	end(a, conf);

	conf = one_hook("cat");
	a = run(conf);
	assert_output(a, "{}");
	end(a, conf);
}
