#include "action/action.h"

#include "action/output.h"
#include "base/clock.h"
#include "script_fixture.h"

#include <dirent.h>
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
static struct action_place *place;
static const struct action *ended; /* the last that action_place_ready reported */

static void note_end(void *holder, struct action *a)
{
	assert_null(holder);
	ended = a;
}

static struct delivery_job *make_job(const char *payload)
{
	struct delivery_job *job = calloc(1, sizeof(*job));
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

static struct action *start_hook(struct conf *conf, enum action_step *step)
{
	struct action *a = action_start(place, conf, &conf->hooks[0], make_job("{}"), step);
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
		assert_true(timeout < PATIENCE); /* nothing happened in all that time */
	enum action_step step = ACTION_GOES_ON;
	if (n > 0) {
		ended = NULL;
		action_place_ready(place, event.data.ptr);
		assert_true(ended == NULL || ended == a);
		step = ended == NULL ? ACTION_GOES_ON : ACTION_FINISHED;
	}
	if (step == ACTION_GOES_ON && a->deadline <= clock_steady())
		step = action_expire(a);
	return step;
}

static void run_to_end(struct action *a, enum action_step step)
{
	while (step == ACTION_GOES_ON)
		step = turn(a);
}

static struct action *run(struct conf *conf)
{
	enum action_step step;
	struct action *a = start_hook(conf, &step);
	run_to_end(a, step);
	return a;
}

/* Waits until the script has printed something. */
static void await_output(void)
{
	struct epoll_event event;
	assert_int_equal(epoll_wait(epoll, &event, 1, PATIENCE), 1);
	ended = NULL;
	action_place_ready(place, event.data.ptr);
	assert_null(ended);
}

static struct conf *one_hook(const char *script)
{
	struct conf *conf = fixture_conf(1, 4);
	fixture_hook(conf, 0, "ship", 1, script);
	return conf;
}

static void end(struct action *a, struct conf *conf)
{
	action_free(a);
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
		conf->hooks[0].own.give_up_on = calloc(2, sizeof(int));
		conf->hooks[0].own.give_up_on[0] = 43;
		conf->hooks[0].own.give_up_on[1] = 42;
		conf->hooks[0].own.give_up_count = 2;
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
	fixture_run(&conf->hooks[0].own, "/usr/bin/env", (const char *const[]){NULL});
	struct action *a = run(conf);
	assert_output(a, "PATH=/usr/bin:/bin\nHOME=/home/awa\nHOOKD_EVENT_ID=42\n"
			 "HOOKD_EVENT_TYPE=transaction.approved\nHOOKD_SOURCE=fedapay\n"
			 "HOOKD_ORIGIN=manual\n"
			 "HOOKD_HOOK=ship\nHOOKD_DELIVERY_ID=7\nHOOKD_ATTEMPT=3\n"
			 "HOOKD_IDEMPOTENCY_KEY=fedapay/id:9876543/ship\n");
	end(a, conf);

	conf = one_hook("cat");
	a = run(conf);
	assert_output(a, "{}");
	end(a, conf);
}

static void too_much_output_keeps_its_head_and_its_tail(void **state)
{
	(void)state;
	struct conf *conf =
		one_hook("echo first; head -c 10000000 /dev/zero | tr '\\0' x; echo; echo last");
	conf->hooks[0].own.output = 4096;
	struct action *a = run(conf);
	assert_int_equal(a->outcome.result, ATTEMPT_OK);
	assert_in_range(a->outcome.output_len, 4096, 4096 + 64);
	assert_memory_equal(a->outcome.output, "first\nxxxx", 10);
	assert_memory_equal(a->outcome.output + a->outcome.output_len - 7, "x\nlast\n", 7);
	char *gap = memmem(a->outcome.output, a->outcome.output_len, "bytes left out", 14);
	assert_non_null(gap);
	end(a, conf);

	conf = one_hook("echo nothing of this is kept");
	conf->hooks[0].own.output = 0;
	a = run(conf);
	assert_int_equal(a->outcome.result, ATTEMPT_OK);
	assert_null(memmem(
		a->outcome.output ? a->outcome.output : "", a->outcome.output_len, "nothing", 7));
	end(a, conf);
}

static void output_may_hold_any_bytes(void **state)
{
	(void)state;
	struct conf *conf = one_hook("printf 'a\\000b\\377c'; printf 'to stderr' >&2");
	struct action *a = run(conf);
	assert_int_equal(a->outcome.output_len, 14);
	assert_memory_equal(a->outcome.output, "a\0b\377cto stderr", 14);
	end(a, conf);
}

static void lines_are_logged_with_their_tags(void **state)
{
	(void)state;
	struct fixture_log log;
	fixture_log_catch(&log);
	struct conf *conf = one_hook("echo one; printf 'two, without an end'");
	struct action *a = run(conf);
	end(a, conf);
	char *text = fixture_log_release(&log);
	assert_non_null(strstr(text, "script output event=42 hook=ship attempt=3 line=one\n"));
	assert_non_null(strstr(
		text, "script output event=42 hook=ship attempt=3 line=\"two, without an end\"\n"));
	free(text);
}

/* A process that a script starts and leaves behind: its pid is the first line. */
static pid_t left_behind(const struct action *a)
{
	char number[16] = "";
	assert_true(a->outcome.output_len > 0);
	(void)snprintf(number, sizeof(number), "%.*s",
		(int)(a->outcome.output_len < 15 ? a->outcome.output_len : 15), a->outcome.output);
	return (pid_t)strtol(number, NULL, 10);
}

/* init reaps an orphan, if there is an init: a zombie counts as gone, too. */
static bool is_gone(pid_t pid)
{
	char path[64], state_of = 'X';
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "r");
	if (!file)
		return true;
	if (fscanf(file, "%*d (%*[^)]) %c", &state_of) != 1)
		state_of = 'X';
	fclose(file);
	return state_of == 'Z' || state_of == 'X';
}

static void timeout_ends_the_whole_group(void **state)
{
	(void)state;
	struct conf *conf = one_hook("(trap '' TERM; while :; do sleep 1; done) & echo $!\n"
				     "trap '' TERM; while :; do sleep 1; done");
	conf->hooks[0].own.timeout = 200;
	conf->hooks[0].own.kill_after = 100;
	struct action *a = run(conf);
	assert_int_equal(a->outcome.result, ATTEMPT_TEMPFAIL);
	assert_int_equal(a->outcome.signal, SIGKILL);
	assert_string_equal(a->outcome.message, "timed out after 200ms");
	pid_t grandchild = left_behind(a);
	assert_true(grandchild > 1);
	for (int i = 0; i < 600 && !is_gone(grandchild); i++)
		usleep(100000);
	assert_true(is_gone(grandchild));
	end(a, conf);
}

static void a_script_that_obeys_sigterm_is_timed_out_too(void **state)
{
	(void)state;
	struct conf *conf = one_hook("exec sleep 600");
	conf->hooks[0].own.timeout = 1000;
	struct action *a = run(conf);
	assert_int_equal(a->outcome.result, ATTEMPT_TEMPFAIL);
	assert_int_equal(a->outcome.signal, SIGTERM);
	assert_string_equal(a->outcome.message, "timed out after 1s");
	end(a, conf);
}

static void background_processes_are_not_waited_for(void **state)
{
	(void)state;
	struct conf *conf = one_hook("sleep 600 & echo $!");
	struct action *a = run(conf);
	assert_int_equal(a->outcome.result, ATTEMPT_OK);
	pid_t background = left_behind(a);
	assert_false(is_gone(background));
	assert_int_equal(kill(background, SIGKILL), 0);
	end(a, conf);
}

static void a_script_that_does_not_start_is_explained(void **state)
{
	(void)state;
	static const struct {
		const char *program, *message;
	} rows[] = {
		{"/no/such/script", "cannot run /no/such/script: No such file or directory"},
		{"/etc/passwd", "cannot run /etc/passwd: it is not executable (chmod +x)"},
		{"/etc", "cannot run /etc: it is a directory"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf *conf = one_hook("");
		free(conf->hooks[0].own.program);
		conf->hooks[0].own.program = strdup(rows[i].program);
		struct fixture_log log;
		fixture_log_catch(&log);
		struct action *a = run(conf);
		char *text = fixture_log_release(&log);
		assert_int_equal(a->outcome.result, ATTEMPT_TEMPFAIL);
		assert_string_equal(a->outcome.message, rows[i].message);
		assert_non_null(strstr(text, " error "));
		assert_non_null(strstr(text, "event=42 hook=ship attempt=3"));
		assert_non_null(strstr(text, rows[i].message));
		free(text);
		end(a, conf);
	}
	struct conf *conf = one_hook("");
	free(conf->hooks[0].own.directory);
	conf->hooks[0].own.directory = strdup("/no/such/directory");
	struct action *a = run(conf);
	assert_int_equal(a->outcome.result, ATTEMPT_TEMPFAIL);
	assert_non_null(strstr(a->outcome.message, "/no/such/directory"));
	end(a, conf);
}

static void an_interrupted_script_is_not_a_failed_one(void **state)
{
	(void)state;
	enum action_step step;
	struct conf *conf = one_hook("echo up; exec sleep 600");
	struct action *a = start_hook(conf, &step);
	assert_int_equal(step, ACTION_GOES_ON);
	await_output();
	action_interrupt(a);
	run_to_end(a, ACTION_GOES_ON);
	assert_int_equal(a->outcome.result, ATTEMPT_INTERRUPTED);
	end(a, conf);

	conf = one_hook("trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done");
	a = start_hook(conf, &step);
	await_output();
	action_interrupt(a);
	run_to_end(a, ACTION_GOES_ON);
	assert_int_equal(a->outcome.result, ATTEMPT_OK);
	end(a, conf);

	conf = one_hook("trap '' TERM; echo up; while :; do sleep 1; done");
	a = start_hook(conf, &step);
	await_output();
	action_kill(a);
	end(a, conf);
}

static int open_descriptors(void)
{
	int n = 0;
	DIR *dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void nothing_is_left_behind(void **state)
{
	(void)state;
	int before = open_descriptors();
	for (int i = 0; i < 20; i++) {
		struct conf *conf = one_hook(i % 2 ? "exit 1" : "echo x; exec sleep 600");
		enum action_step step;
		struct action *a = start_hook(conf, &step);
		if (i % 2)
			run_to_end(a, step);
		else
			action_kill(a);
		end(a, conf);
	}
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* ECHILD: no zombie */
}

static void an_exit_after_the_timeout_is_a_failure(void **state)
{
	(void)state;
	struct conf *conf =
		one_hook("trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done");
	conf->hooks[0].own.timeout = 1000;
	enum action_step step;
	struct action *a = start_hook(conf, &step);
	await_output();
	a->deadline = clock_steady();
	run_to_end(a, step);
	assert_int_equal(a->outcome.result, ATTEMPT_TEMPFAIL);
	assert_int_equal(a->outcome.exit_code, 0);
	assert_string_equal(a->outcome.message, "timed out after 1s");
	end(a, conf);
}

static void a_background_writer_does_not_delay_it(void **state)
{
	(void)state;
	struct conf *conf = one_hook("yes & echo; exit 4");
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	struct action *a = run(conf);
	assert_int_equal(a->outcome.exit_code, 4);
	assert_true(waitpid(-1, NULL, 0) > 0); /* SIGPIPE: its reader is gone */
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	end(a, conf);
}

static unsigned occurrences(const char *text, const char *of)
{
	unsigned n = 0;
	for (const char *at = strstr(text, of); at; at = strstr(at + 1, of))
		n++;
	return n;
}

static void lines_are_logged_up_to_a_budget(void **state)
{
	(void)state;
	struct action_output o;
	struct fixture_log log;
	char line[1500];
	size_t len;
	memset(line, 'x', sizeof(line));

	fixture_log_catch(&log);
	action_output_init(&o, 10, 42, "ship", 1);
	action_output_add(&o, line, sizeof(line)); /* pieces of 1024 and 476 */
	action_output_add(&o, "\n", 1);
	action_output_add(&o, line, 1024); /* exactly one line */
	action_output_add(&o, "\r\n", 2);
	for (int i = 0; i < 100; i++)
		action_output_add(&o, "0123456789abcdef\n", 17);
	char *logged = fixture_log_release(&log);
	assert_int_equal(occurrences(logged, "script output "), 3 + (4096 - 2524 - 1) / 16);
	assert_int_equal(
		occurrences(logged, "script prints too much: the rest is not logged event=42"), 1);
	free(logged);

	char *kept = action_output_take(&o, &len);
	assert_int_equal(len, strlen("xx\n[… 4217 bytes left out …]\n9abcdef\n"));
	assert_string_equal(kept, "xx\n[… 4217 bytes left out …]\n9abcdef\n");
	free(kept);
	action_output_free(&o);
}

/* Whatever the sizes, the head and the tail of the output are kept. */
static void any_cap_and_any_pieces_keep_head_and_tail(void **state)
{
	(void)state;
	char whole[700];
	for (size_t i = 0; i < sizeof(whole); i++)
		whole[i] = (char)('a' + i % 26);
	for (size_t cap = 0; cap <= 300; cap += 7) {
		for (size_t piece = 1; piece < 700; piece += 53) {
			struct action_output o;
			char expected[1024];
			size_t len;
			action_output_init(&o, cap, 1, "h", 1);
			o.budget = 0; /* no log lines here */
			for (size_t at = 0; at < sizeof(whole); at += piece) {
				size_t n = sizeof(whole) - at;
				action_output_add(&o, whole + at, n < piece ? n : piece);
			}
			char *kept = action_output_take(&o, &len);
			int n = snprintf(expected, sizeof(expected),
				"%.*s%s[… %zu bytes left out …]\n%.*s", (int)(cap / 4), whole,
				cap >= 4 ? "\n" : "", sizeof(whole) - cap, (int)(cap - cap / 4),
				whole + sizeof(whole) - (cap - cap / 4));
			assert_int_equal(len, n);
			assert_memory_equal(kept, expected, len);
			free(kept);
			action_output_free(&o);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes_and_signals_are_judged),
		cmocka_unit_test(environment_and_payload_are_as_promised),
		cmocka_unit_test(too_much_output_keeps_its_head_and_its_tail),
		cmocka_unit_test(output_may_hold_any_bytes),
		cmocka_unit_test(lines_are_logged_with_their_tags),
		cmocka_unit_test(timeout_ends_the_whole_group),
		cmocka_unit_test(a_script_that_obeys_sigterm_is_timed_out_too),
		cmocka_unit_test(background_processes_are_not_waited_for),
		cmocka_unit_test(a_script_that_does_not_start_is_explained),
		cmocka_unit_test(an_interrupted_script_is_not_a_failed_one),
		cmocka_unit_test(nothing_is_left_behind),
		cmocka_unit_test(an_exit_after_the_timeout_is_a_failure),
		cmocka_unit_test(a_background_writer_does_not_delay_it),
		cmocka_unit_test(lines_are_logged_up_to_a_budget),
		cmocka_unit_test(any_cap_and_any_pieces_keep_head_and_tail),
	};
	epoll = epoll_create1(EPOLL_CLOEXEC);
	place = action_place_new(epoll, note_end, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
