/* The control socket: what it answers, and what a client may do to it. */
#include "base/log.h"
#include "fixture.h"

#include <sys/wait.h>

static void answers_and_lock(void **state)
{
	struct fixture *fx = *state;
	char text[256] = "", expected[256], name[128];
	struct stat sb;

	fx_assert_part(fx, "{\"hookd\":1,\"act\":\"status\"}", "{\"done\":{\"store\":\"/tmp/");
	assert_int_equal(stat(fx->socket, &sb), 0);
	assert_true(S_ISSOCK(sb.st_mode));
	assert_int_equal(sb.st_mode & 07777, 0660);
	(void)snprintf(name, sizeof(name), "%s.lock", fx->path);
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	(void)snprintf(expected, sizeof(expected), "%d %s\n%s\n", getpid(),
		program_invocation_short_name, fx->socket);
	assert_string_equal(text, expected);
}

static void store_named(void **state)
{
	struct fixture *fx = *state;
	char request[256];
	struct stat sb;

	assert_int_equal(stat(fx->path, &sb), 0);
	(void)snprintf(request, sizeof(request),
		"{\"hookd\":1,\"act\":\"status\",\"store\":[%llu,%llu]}",
		(unsigned long long)sb.st_dev, (unsigned long long)sb.st_ino);
	fx_assert_part(fx, request, "\"done\"");
	fx_assert_answer(fx, "{\"hookd\":1,\"act\":\"status\",\"store\":[1,2]}",
		"{\"error\":\"this hookd runs on another store\"}\n");
	fx_assert_answer(fx, "{\"hookd\":1,\"act\":\"status\",\"store\":\"/x\"}",
		"{\"error\":\"this hookd runs on another store\"}\n");
}

static void refusals(void **state)
{
	static const struct {
		const char *request, *part;
	} rows[] = {
		{"garbage", "the request is not JSON: column"},
		{"", "the request is not JSON"},
		{"[1]", "the request is not a JSON object"},
		{"{\"act\":\"status\"}", "speaks version 1 of the control protocol"},
		{"{\"hookd\":2,\"act\":\"status\"}", ",\"hookd\":1}"},
		{"{\"hookd\":\"1\",\"act\":\"status\"}", ",\"hookd\":1}"},
		{"{\"hookd\":1}", "act: expected one of replay cancel"},
		{"{\"hookd\":1,\"act\":7}", "act: expected one of replay cancel"},
		{"{\"hookd\":1,\"act\":\"Status\"}", "unknown act \\\"Status\\\"; expected one of"},
		{"{\"hookd\":1,\"act\":\"status\",\"x\\u001b\":1}",
			"unknown member \\\"x\\\\x1b\\\"; status takes none"},
		{"{\"hookd\":1,\"act\":\"replay\",\"dead\":true}",
			"unknown member \\\"dead\\\"; replay takes events hook"},
		{"{\"hookd\":1,\"act\":\"replay\",\"hook\":7}",
			"hook: expected a text of 1 to 4096 bytes"},
		{"{\"hookd\":1,\"act\":\"replay\",\"hook\":\"\"}", "hook: expected a text"},
		{"{\"hookd\":1,\"act\":\"replay\",\"hook\":\"a\\u0000b\"}",
			"the request is not JSON"},
		{"{\"hookd\":1,\"act\":\"replay\",\"since\":1.5}",
			"since: expected a whole number, 0 to"},
		{"{\"hookd\":1,\"act\":\"replay\",\"since\":-1}", "since: expected"},
		{"{\"hookd\":1,\"act\":\"replay\",\"since\":18446744073709551616}",
			"since: expected a whole number, 0 to"},
		{"{\"hookd\":1,\"act\":\"replay\",\"rate\":0}",
			"rate: expected a whole number, 1 to 1000000"},
		{"{\"hookd\":1,\"act\":\"replay\",\"events\":[1,\"2\"]}",
			"events: expected a list of whole numbers, 1 to"},
		{"{\"hookd\":1,\"act\":\"replay\",\"events\":{}}", "events: expected a list"},
		{"{\"hookd\":1,\"act\":\"replay\",\"dry_run\":1,\"hook\":\"alpha\"}",
			"dry_run: expected true or false"},
		{"{\"hookd\":1,\"act\":\"replay\",\"hook\":\"a\",\"hook\":\"b\"}",
			"a name that the object has already"},
		{"{\"hookd\":1,\"act\":\"replay\"}", "expected events, or at least one of"},
		{"{\"hookd\":1,\"act\":\"replay\",\"events\":[]}", "expected events, or"},
		{"{\"hookd\":1,\"act\":\"replay\",\"state\":\"ready\"}",
			"state: expected done, dead, skipped or ended"},
		{"{\"hookd\":1,\"act\":\"replay\",\"events\":[7]}", "the store has no event 7"},
		{"{\"hookd\":1,\"act\":\"replay\",\"hook\":\"no\"}",
			"the store knows no hook \\\"no\\\""},
		{"{\"hookd\":1,\"act\":\"cancel\"}", "expected events, hook or dead"},
		{"{\"hookd\":1,\"act\":\"cancel\",\"since\":1}", "expected events, hook or dead"},
		{"{\"hookd\":1,\"act\":\"pause\"}", "hooks: expected a list of texts"},
		{"{\"hookd\":1,\"act\":\"prune\"}", "before: expected a whole number"},
		{"{\"hookd\":1,\"act\":\"release\",\"event\":7}", "type: expected a text"},
		{"{\"hookd\":1,\"act\":\"release\",\"event\":7,\"type\":\"x\"}", "no event 7 in /"},
		{"{\"hookd\":1,\"act\":\"drop\",\"event\":0}", "event: expected a whole number"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		fx_assert_part(*state, rows[i].request, rows[i].part);
}

static void odd_bytes(void **state)
{
	struct fixture *fx = *state;
	char *long_line = malloc(70001), *deep = malloc(60001);

	assert_non_null(long_line);
	assert_non_null(deep);
	memset(long_line, ' ', 70000);
	long_line[70000] = '\0';
	fx_assert_answer(fx, long_line, "{\"error\":\"the request is longer than 64 KiB\"}\n");
	memset(deep, '[', 60000);
	deep[60000] = '\0';
	fx_assert_part(fx, deep, "the request is not JSON");
	int fd = fx_connect(fx);
	assert_int_equal(send(fd, "{\"hookd\":1\0}\n", 13, MSG_NOSIGNAL), 13);
	char *answer = fx_read_until(fd, NULL);
	assert_non_null(strstr(answer, "the request is not JSON"));
	free(answer);
	close(fd);
	free(long_line);
	free(deep);
}

static void line_in_pieces(void **state)
{
	static const char request[] = "{\"hookd\":1,\"act\":\"status\"}\n";
	int fd = fx_connect(*state);

	for (size_t i = 0; i < sizeof(request) - 1; i++)
		assert_int_equal(send(fd, &request[i], 1, MSG_NOSIGNAL), 1);
	char *answer = fx_read_until(fd, NULL);
	assert_non_null(strstr(answer, "\"done\""));
	free(answer);
	close(fd);
}

/* Connections that send nothing, or half a line, keep nobody away. */
static void idle_connections(void **state)
{
	struct fixture *fx = *state;
	size_t before = fx_open_descriptors();
	int fds[200];

	for (size_t i = 0; i < 200; i++) {
		fds[i] = fx_connect(fx);
		if (i % 2 == 0)
			fx_send(fds[i], "{\"hookd\":1,");
		if (i % 50 == 49)
			fx_assert_part(fx, "{\"hookd\":1,\"act\":\"status\"}", "\"done\"");
	}
	char *answer = fx_read_until(fds[0], NULL);
	assert_non_null(strstr(answer, "busy"));
	free(answer);
	for (size_t i = 0; i < 200; i++)
		close(fds[i]);
	for (int i = 0; i < 100 && fx_open_descriptors() > before; i++)
		usleep(20000);
	assert_int_equal(fx_open_descriptors(), before);
}

/* Of the process, on the files of the store: a close of any descriptor of one would drop them. */
static size_t store_locks(const struct fixture *fx)
{
	FILE *file = fopen("/proc/locks", "re");
	char line[256], inode[32], path[112];
	struct stat sb;
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "%s-shm", fx->path);
	assert_int_equal(stat(path, &sb), 0);
	(void)snprintf(inode, sizeof(inode), ":%lu ", (unsigned long)sb.st_ino);
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		n += strstr(line, "POSIX") != NULL && strstr(line, inode) != NULL;
	(void)fclose(file);
	return n;
}

/* A kernel before Linux 6.16 lets them be sent, but nobody takes them. */
static void descriptors_are_not_taken(void **state)
{
	struct fixture *fx = *state;
	size_t before = fx_open_descriptors(), locks = store_locks(fx);
	char path[112];

	(void)snprintf(path, sizeof(path), "%s-shm", fx->path);
	/* from another process, whose own close drops no locks of this one */
	pid_t child = fork();
	if (child == 0) {
		int shm = open(path, O_RDWR | O_CLOEXEC);
		int fd = fx_connect(fx);
		bool sent = fx_send_descriptors(fd, "{\"hookd\":1,", shm, 3);

		(void)fx_send_descriptors(fd, "\"act\":\"status\"}\n", shm, 3);
		_exit(shm >= 0 && (sent || errno == EPERM) ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	fx_assert_part(fx, "{\"hookd\":1,\"act\":\"status\"}", "\"done\"");
	for (int i = 0; i < 100 && fx_open_descriptors() > before; i++)
		usleep(20000);
	assert_int_equal(fx_open_descriptors(), before);
	assert_true(locks > 0);
	assert_int_equal(store_locks(fx), locks);
}

/* Two requests remain for other users than the one who has many in work. */
static void many_of_one_user(void **state)
{
	struct fixture *fx = *state;
	int fds[6];

	for (size_t i = 0; i < 6; i++) {
		fds[i] = fx_connect(fx);
		fx_send(fds[i], "{\"hookd\":1,\"act\":\"import\"}\n[]\n");
		char *answer = fx_read_until(fds[i], "}}\n");
		free(answer);
	}
	fx_assert_part(fx, "{\"hookd\":1,\"act\":\"status\"}", "{\"error\":\"busy");
	for (size_t i = 0; i < 6; i++) {
		(void)shutdown(fds[i], SHUT_WR);
		free(fx_read_until(fds[i], NULL));
		close(fds[i]);
	}
	fx_assert_part(fx, "{\"hookd\":1,\"act\":\"status\"}", "\"done\"");
}

static void client_stops_an_act(void **state)
{
	struct fixture *fx = *state;

	fx_import(fx, 1, 50);
	int fd = fx_connect(fx);
	fx_send(fd, "{\"hookd\":1,\"act\":\"replay\",\"state\":\"skipped\",\"rate\":1}\n");
	free(fx_read_until(fd, "}}\n"));
	(void)shutdown(fd, SHUT_WR);
	char *answer = fx_read_until(fd, NULL);
	assert_non_null(strstr(answer, "{\"done\":{\"changed\":1,\"found\":50,\"last\":50,"));
	assert_non_null(strstr(answer, "\"stopped\":true}}\n"));
	free(answer);
	close(fd);
}

/* A stop of hookd waits neither for an act that waits, nor for a client that does not read. */
static void stop_ends_acts(void **state)
{
	struct fixture *fx = *state;

	fx_import(fx, 1, 4000);
	int importing = fx_connect(fx), slow = fx_connect(fx), deaf = fx_connect(fx);
	fx_send(importing, "{\"hookd\":1,\"act\":\"import\"}\n[]\n");
	fx_send(slow, "{\"hookd\":1,\"act\":\"replay\",\"state\":\"skipped\",\"rate\":1}\n");
	free(fx_read_until(importing, "}}\n"));
	free(fx_read_until(slow, "}}\n"));
	fx_send(deaf, "{\"hookd\":1,\"act\":\"replay\",\"state\":\"skipped\",\"dry_run\":true}\n");
	usleep(300000);

	int idle = control_drain(fx->control);
	struct pollfd poll_fd = {.fd = idle, .events = POLLIN};
	assert_int_equal(poll(&poll_fd, 1, PATIENCE), 1);
	char *answer = fx_read_until(importing, NULL);
	assert_non_null(strstr(answer, "\"stopped\":true"));
	free(answer);
	answer = fx_read_until(slow, NULL);
	assert_non_null(strstr(answer, "\"stopped\":true"));
	free(answer);
	close(importing);
	close(slow);
	close(deaf);
}

/* A client whose answer has begun, and which does not read it. The thread of an act that has just
 * answered may still count: then this one is told "busy", and tries again. */
static int connect_deaf(const struct fixture *fx)
{
	char first[6] = "";
	int fd;

	for (;;) {
		fd = fx_connect(fx);
		fx_send(fd, "{\"hookd\":1,\"act\":\"replay\",\"state\":\"skipped\",\"dry_run\":"
			    "true}\n");
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		assert_int_equal(poll(&poll_fd, 1, PATIENCE), 1);
		assert_true(recv(fd, first, sizeof(first) - 1, MSG_PEEK) > 0);
		if (strcmp(first, "{\"row") == 0)
			return fd;
		close(fd);
		usleep(20000);
	}
}

/* A client that reads nothing stops its act. */
static void deaf_client(void **state)
{
	struct fixture *fx = *state;
	bool busy = true;
	int fds[6];

	fx_import(fx, 1, 4000);
	for (size_t i = 0; i < 6; i++)
		fds[i] = connect_deaf(fx);
	int64_t began = clock_steady();
	while (busy && clock_steady() - began < 3 * PATIENCE) {
		usleep(200000);
		char *answer = fx_ask(fx, "{\"hookd\":1,\"act\":\"status\"}");
		busy = strstr(answer, "busy") != NULL;
		free(answer);
	}
	assert_false(busy);
	for (size_t i = 0; i < 6; i++)
		close(fds[i]);
}

static void config_of_an_act_survives_a_reload(void **state)
{
	struct fixture *fx = *state;
	int fd = fx_connect(fx);

	fx_send(fd, "{\"hookd\":1,\"act\":\"import\"}\n[]\n");
	free(fx_read_until(fd, "}}\n"));
	struct conf *next = fx_conf(fx, "- {name: beta, source: fedapay, on: '*',"
					" email: {to: a@example.com, subject: s, body: b}}\n");
	control_reload(fx->control, next);
	conf_unref(fx->conf);
	fx->conf = next;
	fx_send(fd, "{\"id\":1,\"name\":\"transaction.approved\",\"entity\":{\"id\":1}}\n");
	(void)shutdown(fd, SHUT_WR);
	char *answer = fx_read_until(fd, NULL);
	assert_non_null(strstr(answer, "\"imported\":1,\"there\":0,\"refused\":1,\"to_run\":1,"));
	free(answer);
	close(fd);
}

static void reload_and_its_lines(void **state)
{
	fx_assert_answer(*state, "{\"hookd\":1,\"act\":\"reload\"}",
		"{\"fault\":{\"text\":\"hookd.yaml:1:1: first\"}}\n"
		"{\"fault\":{\"text\":\"hookd.yaml:2:1: second\"}}\n"
		"{\"error\":\"reload refused: the config stays as it was\"}\n");
	fx_assert_part(*state, "{\"hookd\":1,\"act\":\"reload\"}", "{\"done\":{}}\n");
}

/* An address has room for 107 bytes. */
static void long_paths(void **state)
{
	struct fixture *fx = *state;
	char directory[256], path[512];
	struct stat sb;

	(void)snprintf(directory, sizeof(directory), "%s/%0150d", fx->dir, 7);
	assert_int_equal(mkdir(directory, 0700), 0);
	control_stop(fx->control);
	fx->control = control_start(directory, fx->conf, fx->st, &fx->host);
	assert_non_null(fx->control);
	(void)snprintf(path, sizeof(path), "%s/control", directory);
	assert_int_equal(stat(path, &sb), 0);
	control_stop(fx->control);
	fx->control = NULL;
	assert_int_equal(stat(path, &sb), -1);
	assert_int_equal(rmdir(directory), 0);
}

/* Another process's socket is replaced; a file that is none is left alone. */
static void file_in_the_way(void **state)
{
	struct fixture *fx = *state;
	int fd;

	control_stop(fx->control);
	fd = open(fx->socket, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	fx->control = control_start(NULL, fx->conf, fx->st, &fx->host);
	assert_null(fx->control);
	assert_int_equal(access(fx->socket, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_and_lock, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(store_named, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(refusals, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(odd_bytes, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(line_in_pieces, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(idle_connections, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(descriptors_are_not_taken, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(many_of_one_user, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(client_stops_an_act, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(stop_ends_acts, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(deaf_client, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(
			config_of_an_act_survives_a_reload, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(reload_and_its_lines, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(long_paths, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(file_in_the_way, fx_make, fx_remove),
	};

	log_setup(LOG_ERROR, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
