/* How the hookd of a store is found. What a process may do that holds the lock in its place is in
 * tests/e2e/peers.test.mjs. */
#include "base/log.h"
#include "control/client.h"
#include "fixture.h"

#include <sys/file.h>

static void assert_reach(
	const char *path, enum control_reach expected, const char *part, const char *what)
{
	char why[CONTROL_WHY] = "";
	int fd;
	enum control_reach reach = control_connect(path, &fd, why);

	if (reach != expected || strstr(why, part) == NULL)
		fail_msg("%s: %d: %s", what, (int)reach, why);
	assert_int_equal(fd >= 0, expected == CONTROL_CONNECTED);
	if (fd >= 0)
		close(fd);
}

static void connects_and_asks(void **state)
{
	struct fixture *fx = *state;
	char why[CONTROL_WHY] = "";
	json_t *request = json_pack("{s:s}", "act", "status");
	int fd;

	assert_int_equal(control_connect(fx->path, &fd, why), CONTROL_CONNECTED);
	assert_true(control_send(fd, fx->path, request, why));
	json_decref(request);
	char *answer = fx_read_until(fd, NULL);
	assert_non_null(strstr(answer, "\"done\""));
	free(answer);
	close(fd);
}

static void another_store(void **state)
{
	struct fixture *fx = *state;
	char other[128], why[CONTROL_WHY] = "";
	json_t *request = json_pack("{s:s}", "act", "status");
	int fd;

	(void)snprintf(other, sizeof(other), "%s/other.db", fx->dir);
	close(open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(control_connect(fx->path, &fd, why), CONTROL_CONNECTED);
	assert_true(control_send(fd, other, request, why));
	json_decref(request);
	char *answer = fx_read_until(fd, NULL);
	assert_string_equal(answer, "{\"error\":\"this hookd runs on another store\"}\n");
	free(answer);
	close(fd);
}

static void socket_is_closed(void **state)
{
	struct fixture *fx = *state;

	control_stop(fx->control);
	fx->control = NULL;
	assert_reach(fx->path, CONTROL_FAILED, "does not listen at", "the lock is held");
}

/* A lock of its own, with that second line. */
static void assert_line(const struct fixture *fx, const char *line, const char *part)
{
	char path[128], name[160], text[512];

	(void)snprintf(path, sizeof(path), "%s/line.db", fx->dir);
	(void)snprintf(name, sizeof(name), "%s.lock", path);
	assert_reach(path, CONTROL_ABSENT, "", "no lock");
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int len = snprintf(text, sizeof(text), "4711\n%s", line);
	assert_int_equal(write(fd, text, (size_t)len), len);
	assert_reach(path, CONTROL_ABSENT, "", "nobody holds it");
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_reach(path, CONTROL_FAILED, part, line);
	close(fd);
	assert_int_equal(unlink(name), 0);
}

static void lines_of_a_lock(void **state)
{
	struct fixture *fx = *state;
	char line[256];

	assert_line(fx, "", "process 4711 has the store open and no control socket");
	assert_line(fx, "relative/control\n", "no control socket");
	assert_line(fx, "/run/docker.sock\n", "not the name of a control socket");
	assert_line(fx, "/nonexistent/control\n", "hookd (pid 4711) does not listen at");
	assert_line(fx, "/tmp/uncontrol\n", "not the name of a control socket");
	assert_line(fx, "/tmp/\n", "Invalid argument");
	(void)snprintf(line, sizeof(line), "/tmp/%0150d.control\n", 1);
	assert_line(fx, line, "File name too long");
	(void)snprintf(line, sizeof(line), "%s\n", fx->socket); /* of another store's hookd */
	assert_line(fx, line, "another user than the store's owner listens there");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(connects_and_asks, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(another_store, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(socket_is_closed, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(lines_of_a_lock, fx_make, fx_remove),
	};

	log_setup(LOG_ERROR, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
