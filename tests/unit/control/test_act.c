/* What each act finds, changes and answers, and its line in the audit. */
#include "base/log.h"
#include "fixture.h"

#include "store/audit.h"
#include "store/maintenance.h"

#include <sqlite3.h>

#define LINE "{\"hookd\":1,\"act\":"

/* ---- the audit ---- */

struct last {
	char text[512];
};

static void note_last(void *arg, const struct store_audit_row *row)
{
	struct last *last = arg;

	(void)snprintf(last->text, sizeof(last->text), "%lld %s %s %lld %s", (long long)row->uid,
		row->act, row->detail, (long long)row->changed,
		row->result != NULL ? row->result : "-");
}

/* "UID ACT DETAIL CHANGED RESULT" of the last line. */
static void assert_audit(const struct fixture *fx, const char *expected)
{
	char why[STORE_READ_WHY], whole[600];
	struct store_reader *reader = store_reader_open(fx->path, why);
	struct last last = {""};

	assert_non_null(reader);
	assert_true(store_read_audit(reader, 1, note_last, &last, why));
	store_reader_close(reader);
	(void)snprintf(whole, sizeof(whole), "%u %s", getuid(), expected);
	assert_string_equal(last.text, whole);
}

/* ---- replay and cancel ---- */

/* As if somebody had waited between them: delivery 1 ended at 1001, delivery 2 at 1002 … */
static void set_ends(const struct fixture *fx)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(fx->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(db, PATIENCE), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "UPDATE deliveries SET ended_at = 1000 + id", NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void replay_dry_run_and_until(void **state)
{
	struct fixture *fx = *state;

	fx_import(fx, 1, 3);
	set_ends(fx);
	fx_assert_answer(fx, LINE "\"replay\",\"state\":\"skipped\",\"dry_run\":true}",
		"{\"row\":{\"event\":1,\"hook\":\"alpha\",\"state\":\"SKIPPED\",\"delivery\":1,"
		"\"made\":0}}\n"
		"{\"row\":{\"event\":2,\"hook\":\"alpha\",\"state\":\"SKIPPED\",\"delivery\":2,"
		"\"made\":0}}\n"
		"{\"row\":{\"event\":3,\"hook\":\"alpha\",\"state\":\"SKIPPED\",\"delivery\":3,"
		"\"made\":0}}\n"
		"{\"done\":{\"changed\":0,\"found\":3,\"last\":3,\"as_of\":1003}}\n");
	assert_audit(fx, "import {} 3 done");
	fx_assert_answer(fx, LINE "\"replay\",\"state\":\"skipped\",\"until\":2}",
		"{\"row\":{\"event\":1,\"hook\":\"alpha\",\"state\":\"SKIPPED\",\"delivery\":1,"
		"\"made\":4}}\n"
		"{\"row\":{\"event\":2,\"hook\":\"alpha\",\"state\":\"SKIPPED\",\"delivery\":2,"
		"\"made\":5}}\n"
		"{\"progress\":{\"done\":2,\"all\":2}}\n"
		"{\"done\":{\"changed\":2,\"found\":2,\"last\":2,\"as_of\":1002}}\n");
	assert_audit(fx, "replay {\"state\":\"skipped\",\"until\":2} 2 done");
}

static void replay_of_events(void **state)
{
	struct fixture *fx = *state;

	fx_import(fx, 1, 3);
	set_ends(fx);
	fx_assert_part(fx, LINE "\"replay\",\"events\":[3,1,3]}",
		"{\"done\":{\"changed\":2,\"found\":2,\"last\":3,\"as_of\":1003}}\n");
	fx_assert_answer(fx, LINE "\"replay\",\"events\":[3,1]}",
		"{\"done\":{\"changed\":0,\"found\":0,\"last\":0,\"as_of\":0}}\n");
	fx_assert_part(
		fx, LINE "\"replay\",\"hook\":\"alpha\",\"since\":9000000000000}", "\"found\":0");
	fx_assert_part(fx, LINE "\"replay\",\"hook\":\"alpha\",\"state\":\"done\"}", "\"found\":0");
	fx_assert_part(fx, LINE "\"replay\",\"hook\":\"alpha\"}", "\"changed\":1,\"found\":1");
}

static void cancel_what_waits(void **state)
{
	struct fixture *fx = *state;

	fx_import(fx, 1, 2);
	fx_assert_part(fx, LINE "\"replay\",\"hook\":\"alpha\"}", "\"changed\":2");
	fx_assert_part(fx, LINE "\"cancel\",\"dead\":true}", "\"found\":0");
	fx_assert_part(fx, LINE "\"cancel\",\"events\":[2]}",
		"{\"row\":{\"event\":2,\"hook\":\"alpha\",\"state\":\"READY\",\"delivery\":4,"
		"\"made\":4}}\n");
	assert_audit(fx, "cancel {\"events\":[2]} 1 done");
}

static void what_ended_later_is_left_out(void **state)
{
	struct fixture *fx = *state;

	fx_import(fx, 1, 3);
	set_ends(fx);
	fx_assert_part(fx,
		LINE
		"\"replay\",\"state\":\"skipped\",\"until\":3,\"as_of\":1000,\"dry_run\":true}",
		"\"found\":0");
	fx_assert_part(fx, LINE "\"replay\",\"state\":\"skipped\",\"until\":3,\"as_of\":1002}",
		"\"changed\":2,\"found\":2,\"last\":2,\"as_of\":1002");
	/* Deliveries that wait and were never tried ended at no time. */
	fx_assert_part(fx, LINE "\"cancel\",\"hook\":\"alpha\",\"until\":5,\"as_of\":0}",
		"\"changed\":2,\"found\":2,\"last\":5,\"as_of\":0");
}

/* ---- import of long lines ---- */

static void assert_long_line(const struct fixture *fx, const struct buf *line, const char *part)
{
	int fd = fx_connect(fx);

	fx_send(fd, "{\"hookd\":1,\"act\":\"import\"}\n");
	for (size_t sent = 0; sent < line->len;) {
		ssize_t n = send(fd, line->data + sent, line->len - sent, MSG_NOSIGNAL);
		assert_true(n > 0);
		sent += (size_t)n;
	}
	(void)shutdown(fd, SHUT_WR);
	char *answer = fx_read_until(fd, NULL);
	close(fd);
	if (strstr(answer, part) == NULL)
		fail_msg("%s", answer);
	free(answer);
}

/* limits.body is 4 KiB, so a line may have 88 KiB. */
static void import_of_long_lines(void **state)
{
	struct fixture *fx = *state;
	struct buf line = {0};

	buf_add_text(&line, "{\"id\":1,\"name\":\"transaction.approved\",\"entity\":{\"a\":[");
	for (int i = 0; i < 2000; i++)
		buf_add_text(&line, "[],");
	buf_add_text(&line, "0]}}\n");
	assert_long_line(fx, &line, "limits.body is 4096");
	buf_free(&line);
	buf_add_text(&line, "{\"payload\":\"{}\",\"a\":\"\\\"");
	for (int i = 0; i < 80000; i++)
		buf_add_char(&line, '[');
	buf_add_text(&line, "\",\"b\":[1,2]}\n"); /* in a string, they are no arrays */
	assert_long_line(fx, &line, "\"imported\":1");
	buf_free(&line);
}

/* ---- pause, prune, vacuum, check ---- */

static void pause_and_resume(void **state)
{
	struct fixture *fx = *state;

	fx_assert_answer(fx, LINE "\"pause\",\"hooks\":[\"alpha\",\"no\"]}",
		"{\"row\":{\"hook\":\"alpha\",\"since\":0,\"known\":true}}\n"
		"{\"row\":{\"hook\":\"no\",\"since\":0,\"known\":false}}\n"
		"{\"done\":{}}\n");
	assert_audit(fx, "pause {\"hooks\":[\"alpha\",\"no\"]} 1 done");
	assert_true(store_hook_paused(fx->st, fx->conf->hooks[0].store_id));
	fx_assert_part(fx, LINE "\"resume\",\"hooks\":[\"alpha\"]}", "\"known\":true}}\n{\"done\"");
	assert_false(store_hook_paused(fx->st, fx->conf->hooks[0].store_id));
	fx_assert_part(fx, LINE "\"resume\",\"hooks\":[\"alpha\"]}", "\"since\":0");
}

static void prune_and_vacuum(void **state)
{
	struct fixture *fx = *state;

	fx_import(fx, 1, 10);
	fx_assert_part(fx, LINE "\"replay\",\"events\":[1,2]}", "\"changed\":2");
	fx_assert_answer(fx, LINE "\"prune\",\"before\":9000000000000,\"dry_run\":true}",
		"{\"done\":{\"old\":10}}\n");
	fx_assert_part(fx, LINE "\"prune\",\"before\":9000000000000}",
		"{\"done\":{\"removed\":8,\"kept\":2,\"old\":10}}\n");
	assert_audit(fx, "prune {\"before\":9000000000000} 8 done");
	fx_assert_part(fx, LINE "\"vacuum\"}", "{\"done\":{\"pages\":0,\"size\":");
}

static void check_the_store(void **state)
{
	struct fixture *fx = *state;

	fx_import(fx, 1, 2);
	fx_assert_answer(fx, LINE "\"check\",\"full\":true}",
		"{\"done\":{\"faults\":0,\"damaged_payloads\":0}}\n");
	assert_audit(fx, "check {\"full\":true} 0 done");
}

/* Puts the pages of the answer together. Returns how large the copy is said to be. */
static int64_t write_answer(char *answer, int fd)
{
	static unsigned char bytes[STORE_BACKUP_PART];
	int64_t size = -1;

	for (char *line = strtok(answer, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		json_t *message = json_loads(line, 0, NULL);
		const json_t *pages = json_object_get(message, "pages"),
			     *data = json_object_get(pages, "data"),
			     *done = json_object_get(message, "done");
		size_t len = 0;

		assert_non_null(message);
		if (pages != NULL) {
			assert_int_equal(sodium_base642bin(bytes, sizeof(bytes),
						 json_string_value(data), json_string_length(data),
						 NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL),
				0);
			assert_int_equal(pwrite(fd, bytes, len,
						 json_integer_value(json_object_get(pages, "at"))),
				len);
		}
		if (done != NULL)
			size = json_integer_value(json_object_get(done, "size"));
		json_decref(message);
	}
	return size;
}

static bool no_progress(void *arg, int64_t done, int64_t all)
{
	(void)arg, (void)done, (void)all;
	return true;
}

static void back_up(void **state)
{
	struct fixture *fx = *state;
	int target = open(fx->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char why[STORE_READ_WHY] = "";

	fx_import(fx, 1, 500);
	char *answer = fx_ask(fx, LINE "\"backup\"}");
	int64_t size = write_answer(answer, target);
	free(answer);
	assert_true(size > 100000);
	assert_int_equal(lseek(target, 0, SEEK_END), size);
	if (!store_backup_check(target, no_progress, NULL, why))
		fail_msg("%s", why);
	close(target);
	assert_audit(fx, "backup {} 0 done");
}

/* ---- import and quarantine ---- */

static char *import_text(const struct fixture *fx, const char *request, const char *lines)
{
	int fd = fx_connect(fx);

	fx_send(fd, request);
	fx_send(fd, "\n");
	fx_send(fd, lines);
	(void)shutdown(fd, SHUT_WR);
	char *answer = fx_read_until(fd, NULL);
	close(fd);
	return answer;
}

static void assert_import(
	const struct fixture *fx, const char *request, const char *lines, const char *expected)
{
	char *answer = import_text(fx, request, lines);
	char *done = strstr(answer, "{\"progress\"");

	/* without the progress, whose number is of no interest here */
	if (done != NULL)
		memmove(done, strchr(done, '\n') + 1, strlen(strchr(done, '\n')));
	assert_string_equal(answer, expected);
	free(answer);
}

static const char body[] = "{\"id\":1,\"name\":\"transaction.approved\",\"entity\":{\"id\":1}}\n";

static void import_lines(void **state)
{
	static const char lines[] =
		"{\"id\":1,\"name\":\"transaction.approved\",\"entity\":{\"id\":1}}\r\n"
		"  \t\r\n"
		"\n"
		"nope\n"
		"[1]\n"
		"{\"id\":2}\n"
		"{\"payload\":\"{}\",\"source\":\"other\"}\n"
		"{\"payload_base64\":\"e30\"}\n"
		"{\"payload_base64\":\"e30=\",\"type\":\"transaction.x\",\"source\":\"fedapay\"}\n"
		"{\"id\":1,\"name\":\"transaction.approved\",\"entity\":{\"id\":2}}\n"
		"{\"id\":3,\"name\":\"transaction.approved\",\"entity\":{}}";

	assert_import(*state, LINE "\"import\",\"run\":true}", lines,
		"{\"fault\":{\"line\":4,\"text\":\"column 1: expected a value\"}}\n"
		"{\"fault\":{\"line\":5,\"text\":\"expected a JSON object\"}}\n"
		"{\"fault\":{\"line\":6,\"text\":\"expected a line of export --format ndjson, or an"
		" event: no type\"}}\n"
		"{\"fault\":{\"line\":7,\"text\":\"the config has no source \\\"other\\\"\"}}\n"
		"{\"fault\":{\"line\":8,\"text\":\"payload_base64: expected base64\"}}\n"
		"{\"fault\":{\"line\":10,\"text\":\"the store has this event with another body,"
		" which stays\"}}\n"
		"{\"done\":{\"imported\":2,\"there\":0,\"refused\":6,\"to_run\":2,"
		"\"repaired\":0}}\n");
	assert_audit(*state, "import {\"run\":true} 2 done");
	assert_import(*state, LINE "\"import\",\"dry_run\":true}", body,
		"{\"done\":{\"imported\":0,\"there\":1,\"refused\":0,\"to_run\":0,"
		"\"repaired\":0}}\n");
}

/* Of a line that is too long the rest is passed over, and the next one is read. */
static void import_long_lines(void **state)
{
	struct fixture *fx = *state;
	size_t size = 6 * fx->conf->limits.body + 64 * 1024;
	struct buf lines = {0};

	for (int more = 0; more < 2; more++) {
		buf_add_text(&lines, "{\"payload\":\"\",\"x\":\"");
		size_t filler = size - 21 + (size_t)more;
		for (size_t i = 0; i < filler; i++)
			buf_add_char(&lines, 'x');
		buf_add_text(&lines, "\"}\n");
	}
	buf_add_text(&lines, "{\"payload\":\"");
	for (size_t i = 0; i <= fx->conf->limits.body; i++)
		buf_add_char(&lines, 'x');
	buf_add_text(&lines, "\"}\n");
	buf_add_text(&lines, body);
	assert_import(fx, LINE "\"import\"}", lines.data,
		"{\"fault\":{\"line\":2,\"text\":\"the line is too long for a payload of"
		" limits.body\"}}\n"
		"{\"fault\":{\"line\":3,\"text\":\"the payload has 4097 bytes; limits.body is"
		" 4096\"}}\n"
		"{\"done\":{\"imported\":2,\"there\":0,\"refused\":2,\"to_run\":1,"
		"\"repaired\":0}}\n");
	buf_free(&lines);
}

static void release_and_drop(void **state)
{
	struct fixture *fx = *state;
	char *answer = import_text(fx, LINE "\"import\"}",
		"{\"payload\":\"a\"}\n{\"payload\":\"b\"}\n{\"payload\":\"c\"}\n");

	assert_non_null(strstr(answer, "\"imported\":3,\"there\":0,\"refused\":0,\"to_run\":0"));
	free(answer);
	fx_assert_answer(fx,
		LINE "\"release\",\"event\":2,\"type\":\"transaction.x\",\"dry_run\":true}",
		"{\"row\":{\"event\":2,\"hooks\":1}}\n{\"done\":{}}\n");
	fx_assert_answer(fx, LINE "\"release\",\"event\":2,\"type\":\"transaction.x\"}",
		"{\"row\":{\"event\":2,\"hooks\":1}}\n{\"done\":{}}\n");
	assert_audit(fx, "release {\"event\":2,\"type\":\"transaction.x\"} 1 done");
	fx_assert_answer(fx, LINE "\"release\",\"event\":2,\"type\":\"transaction.x\"}",
		"{\"error\":\"event 2 is not in quarantine\"}\n");
	fx_assert_answer(
		fx, LINE "\"drop\",\"event\":2}", "{\"error\":\"event 2 is not in quarantine\"}\n");
	fx_assert_answer(fx, LINE "\"drop\",\"event\":1,\"dry_run\":true}",
		"{\"row\":{\"event\":1}}\n{\"done\":{}}\n");
	fx_assert_answer(
		fx, LINE "\"drop\",\"event\":1}", "{\"row\":{\"event\":1}}\n{\"done\":{}}\n");
	fx_assert_part(fx, LINE "\"drop\",\"event\":1}", "{\"error\":\"no event 1 in /");
	fx_assert_part(fx, LINE "\"release\",\"event\":3,\"type\":\"payout.x\"}", "\"hooks\":0");
}

/* ---- without a socket ---- */

struct kept {
	struct act_io io;
	size_t messages, asked;
	size_t stop_after; /* questions */
};

static void count_message(struct act_io *io, const json_t *message)
{
	assert_true(json_is_object(message));
	((struct kept *)io)->messages++;
}

static bool stops_then(struct act_io *io, int64_t wait)
{
	struct kept *kept = (struct kept *)io;

	assert_true(wait >= 0);
	return ++kept->asked > kept->stop_after;
}

static enum act_line no_line(struct act_io *io, size_t max, const char **text, size_t *len)
{
	(void)io;
	(void)max;
	(void)text;
	(void)len;
	return ACT_LINE_END;
}

static char *run_text(struct act_context *context, struct kept *kept, const char *text)
{
	json_t *request = json_loads(text, 0, NULL);

	assert_non_null(request);
	kept->io = (struct act_io){count_message, stops_then, no_line};
	json_t *answer = act_run(context, request, &kept->io);
	assert_non_null(answer);
	char *out = json_dumps(answer, JSON_COMPACT);
	json_decref(answer);
	json_decref(request);
	return out;
}

static void assert_run(struct act_context *context, const char *text, const char *expected)
{
	struct kept kept = {.stop_after = 1000};
	char *answer = run_text(context, &kept, text);

	assert_string_equal(answer, expected);
	free(answer);
}

static void run_alone(void **state)
{
	struct fixture *fx = *state;
	struct act_context context = {.store = fx->st, .store_path = fx->path, .uid = getuid()};

	assert_run(&context, "{\"act\":\"pause\",\"hooks\":[\"alpha\"]}", "{\"done\":{}}");
	assert_run(&context, "{\"act\":\"import\"}", "{\"error\":\"import needs the config\"}");
	assert_run(&context, "{\"act\":\"release\",\"event\":1,\"type\":\"x\"}",
		"{\"error\":\"release needs the config\"}");
	assert_run(&context, "{\"act\":\"status\"}", "{\"error\":\"no hookd runs on this store\"}");
	assert_run(&context, "{\"act\":\"reload\"}", "{\"error\":\"no hookd runs on this store\"}");
	context.store = NULL;
	assert_run(&context, "{\"act\":\"check\"}",
		"{\"done\":{\"faults\":0,\"damaged_payloads\":0}}");
	assert_run(&context, "{\"act\":\"resume\",\"hooks\":[\"alpha\"]}",
		"{\"error\":\"the store is open to be read only\"}");
}

/* Wherever an act is stopped, it says how far it came, and so does the audit. */
static void stopped_at_each_point(void **state)
{
	static const char *const requests[] = {
		"{\"act\":\"replay\",\"hook\":\"alpha\",\"rate\":4}",
		"{\"act\":\"prune\",\"before\":9000000000000}",
		"{\"act\":\"vacuum\"}",
		"{\"act\":\"import\"}",
		"{\"act\":\"pause\",\"hooks\":[\"alpha\",\"alpha\"]}",
		"{\"act\":\"backup\"}",
	};
	struct fixture *fx = *state;
	struct act_context context = {
		.store = fx->st, .store_path = fx->path, .conf = fx->conf, .uid = getuid()};

	fx_import(fx, 1, 20);
	for (size_t r = 0; r < sizeof(requests) / sizeof(requests[0]); r++) {
		for (size_t stop = 0; stop < 3; stop++) {
			struct kept kept = {.stop_after = stop};
			char *answer = run_text(&context, &kept, requests[r]);
			bool stopped = strstr(answer, "\"stopped\":true") != NULL;

			assert_int_equal(stopped, kept.asked > stop);
			assert_non_null(strstr(answer, "{\"done\":"));
			free(answer);
		}
	}
	fx_assert_part(fx, LINE "\"status\"}", "done");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(replay_dry_run_and_until, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(what_ended_later_is_left_out, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(import_of_long_lines, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(replay_of_events, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(cancel_what_waits, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(pause_and_resume, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(prune_and_vacuum, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(check_the_store, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(back_up, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(import_lines, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(import_long_lines, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(release_and_drop, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(run_alone, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(stopped_at_each_point, fx_make, fx_remove),
	};

	log_setup(LOG_ERROR, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
