/* Log lines: form, level, escaping, the journal, the limit on lines of outsiders. */
#include "base/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static FILE *caught;
static int stderr_before;
static char text[16384];

static void catch_log(void)
{
	caught = tmpfile();
	stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_true(caught != NULL && dup2(fileno(caught), STDERR_FILENO) >= 0);
}

static void release_log(void)
{
	assert_true(dup2(stderr_before, STDERR_FILENO) >= 0);
	close(stderr_before);
	rewind(caught);
	text[fread(text, 1, sizeof(text) - 1, caught)] = '\0';
	(void)fclose(caught);
}

static void lines_are_a_sentence_and_its_facts(void **state)
{
	(void)state;
	log_setup(LOG_INFO, LOG_FORMAT_TEXT);
	catch_log();
	log_info("event stored", log_int("event", 42), log_text("source", "fedapay"),
		log_text("nothing", NULL), log_text("empty", ""), log_text("words", "two words"));
	release_log();
	assert_non_null(strstr(text, "Z info event stored event=42 source=fedapay empty=\"\" "
				     "words=\"two words\"\n"));
}

static void levels_are_held(void **state)
{
	(void)state;
	log_setup(LOG_WARN, LOG_FORMAT_TEXT);
	assert_true(log_wants(LOG_ERROR));
	assert_false(log_wants(LOG_INFO));
	catch_log();
	log_error("shown e");
	log_warn("shown w");
	log_info("hidden i");
	log_debug("hidden d");
	release_log();
	assert_non_null(strstr(text, "error shown e\n"));
	assert_non_null(strstr(text, "warn shown w\n"));
	assert_null(strstr(text, "hidden"));
}

static void no_value_forges_a_line(void **state)
{
	(void)state;
	log_setup(LOG_INFO, LOG_FORMAT_TEXT);
	catch_log();
	log_info("event stored", log_text("type", "a\n2026-01-01T00:00:00Z error forged x=1"),
		log_text("colour", "\x1b[31mred\""), log_bytes("bytes", "a\0b\xff", 4),
		log_text("key", "a=b"));
	release_log();
	assert_int_equal(strchr(text, '\n') - text, (long)strlen(text) - 1);
	assert_non_null(strstr(text, "type=\"a\\n2026-01-01T00:00:00Z error forged x=1\""));
	assert_non_null(strstr(text, "colour=\"\\x1b[31mred\\\"\""));
	assert_non_null(strstr(text, "bytes=\"a\\x00b\\xff\""));
	assert_non_null(strstr(text, "key=\"a=b\""));
}

static void json_lines_are_objects(void **state)
{
	(void)state;
	log_setup(LOG_INFO, LOG_FORMAT_JSON);
	catch_log();
	log_warn("delivery failed", log_int("event", -1), log_text("reason", "a\n\"b\"\x1b\xff"),
		log_text("left out", NULL));
	release_log();
	json_t *line = json_loads(text, 0, NULL);
	assert_non_null(line);
	assert_string_equal(json_string_value(json_object_get(line, "level")), "warn");
	assert_string_equal(json_string_value(json_object_get(line, "message")), "delivery failed");
	assert_int_equal(json_integer_value(json_object_get(line, "event")), -1);
	assert_string_equal(
		json_string_value(json_object_get(line, "reason")), "a\n\"b\"\x1b\xef\xbf\xbd");
	assert_null(json_object_get(line, "left out"));
	json_decref(line);
}

static void the_journal_gets_priorities(void **state)
{
	(void)state;
	char stream[64];
	struct stat st;

	catch_log();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(
		stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_setup(LOG_DEBUG, LOG_FORMAT_TEXT);
	log_error("e");
	log_warn("w");
	log_info("i");
	log_debug("d");
	setenv("JOURNAL_STREAM", "1:1", 1); /* another stream than stderr */
	log_setup(LOG_DEBUG, LOG_FORMAT_TEXT);
	log_error("not the journal");
	release_log();
	unsetenv("JOURNAL_STREAM");
	assert_int_equal(strncmp(text, "<3>e\n<4>w\n<6>i\n<7>d\n2", 21), 0);
}

static void an_outsider_cannot_flood_it(void **state)
{
	(void)state;
	struct log_limit limit = {0};
	unsigned suppressed = 99;
	int allowed = 0;

	for (int i = 0; i < 1000; i++)
		allowed += log_allowed(&limit, &suppressed);
	assert_int_equal(allowed, LOG_LIMIT_BURST);
	limit.window -= LOG_LIMIT_WINDOW; /* as if that time had passed */
	assert_true(log_allowed(&limit, &suppressed));
	assert_int_equal(suppressed, 1000 - LOG_LIMIT_BURST);
	assert_true(log_allowed(&limit, &suppressed));
	assert_int_equal(suppressed, 0);
}

/* ---- the thread that writes ---- */

/* Each in a process of its own: the thread never ends. */
static void passes_apart(int (*child)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(child());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Makes a pipe stderr, and returns its other end. */
static FILE *open_pipe(void)
{
	int fds[2];
	bool good = pipe2(fds, O_CLOEXEC) == 0 && dup2(fds[1], STDERR_FILENO) == STDERR_FILENO &&
		    close(fds[1]) == 0;

	return good ? fdopen(fds[0], "r") : NULL;
}

static void log_numbered(int from, int to)
{
	for (int i = from; i < to; i++)
		log_info("a line as long as most of them are, so that not many fill a pipe",
			log_int("number", i));
}

/* The number after the name; -1: it is not there. */
static int number_of(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	return at != NULL ? atoi(at + strlen(name)) : -1;
}

static bool reads_number(FILE *pipe, int number)
{
	char line[256];

	return fgets(line, sizeof(line), pipe) != NULL && number_of(line, " number=") == number;
}

/* Reads numbered lines up to a report of missing ones. Returns the number that follows those that
 * were read and those that are reported; -1: some are missing without a report. */
static int read_up_to_report(FILE *pipe, int next)
{
	char line[256];

	while (fgets(line, sizeof(line), pipe) != NULL) {
		int missing = number_of(line, "Z warn lines were not logged: stderr was not read, "
					      "or not writable lines=");
		if (missing > 0)
			return next + missing;
		if (number_of(line, " number=") != next++)
			return -1;
	}
	return -1;
}

static int use_a_pipe_that_is_not_read(void)
{
	enum { MANY = 40000 }; /* lines: 5 MB */
	FILE *reader = open_pipe();

	log_setup(LOG_INFO, LOG_FORMAT_TEXT);
	if (reader == NULL || !log_start())
		return 1;
	log_numbered(0, MANY);
	if ((fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK) != 0)
		return 2; /* that would be for all who have it open */
	log_flush();
	if (read_up_to_report(reader, 0) != MANY)
		return 3;
	log_numbered(MANY, MANY + 1);
	return reads_number(reader, MANY) ? 0 : 4;
}

static void a_pipe_that_is_not_read_blocks_nothing(void **state)
{
	(void)state;
	passes_apart(use_a_pipe_that_is_not_read);
}

static int use_a_pipe_without_a_reader(void)
{
	FILE *reader = open_pipe();

	log_setup(LOG_INFO, LOG_FORMAT_TEXT);
	if (reader == NULL || !log_start() || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 1;
	(void)fclose(reader);
	log_numbered(0, 10);
	log_flush();
	reader = open_pipe();
	log_numbered(10, 11);
	if (reader == NULL || read_up_to_report(reader, 0) != 10)
		return 2;
	return reads_number(reader, 10) ? 0 : 3;
}

static void what_cannot_be_written_is_reported(void **state)
{
	(void)state;
	passes_apart(use_a_pipe_without_a_reader);
}

static int use_a_pipe_made_non_blocking(void)
{
	FILE *reader = open_pipe();

	log_setup(LOG_INFO, LOG_FORMAT_TEXT);
	if (reader == NULL || fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK) != 0 || !log_start())
		return 1;
	log_numbered(0, 2000);
	for (int i = 0; i < 2000; i++)
		if (!reads_number(reader, i))
			return 2;
	return 0;
}

static void others_may_make_it_non_blocking(void **state)
{
	(void)state;
	passes_apart(use_a_pipe_made_non_blocking);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_a_sentence_and_its_facts),
		cmocka_unit_test(levels_are_held),
		cmocka_unit_test(no_value_forges_a_line),
		cmocka_unit_test(json_lines_are_objects),
		cmocka_unit_test(the_journal_gets_priorities),
		cmocka_unit_test(an_outsider_cannot_flood_it),
		cmocka_unit_test(a_pipe_that_is_not_read_blocks_nothing),
		cmocka_unit_test(what_cannot_be_written_is_reported),
		cmocka_unit_test(others_may_make_it_non_blocking),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
