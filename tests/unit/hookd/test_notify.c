/* Each case is a process of its own: what the manager says is read once. */
#include "hookd/notify.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];
static int manager = -1;

static void listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(name);

	memcpy(address.sun_path, name, len);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(manager, (const struct sockaddr *)&address,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
		0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static const char *heard(void)
{
	static char text[2048];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* 0 when `child` found all as expected. */
static int apart(int (*child)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(child());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int sends(void)
{
	notify_init();
	notify_send("READY=1\nSTATUS=%d events", 5);
	notify_reloading();
	return !notify_wanted() || getenv("NOTIFY_SOCKET") != NULL;
}

static void messages_reach_the_manager(void **state)
{
	(void)state;
	static const char *const names[] = {NULL, "@hookd-test-notify"};

	for (size_t i = 0; i < 2; i++) {
		listen_at(names[i] != NULL ? names[i] : path);
		assert_int_equal(apart(sends), 0);
		assert_string_equal(heard(), "READY=1\nSTATUS=5 events");
		assert_int_equal(strncmp(heard(), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
		assert_string_equal(heard(), "");
		close(manager);
	}
	unsetenv("NOTIFY_SOCKET");
}

static int sends_to_a_full_manager(void)
{
	notify_init();
	for (int i = 0; i < 1000; i++) /* as many as a queue takes, and more */
		notify_send("STATUS=%d", i);
	notify_send("READY=1\nSTATUS=late");
	while (heard()[0] != '\0')
		;
	notify_send("STATUS=at last");
	return 0;
}

static void a_manager_that_does_not_read_blocks_nothing(void **state)
{
	(void)state;
	(void)unlink(path);
	listen_at(path);
	assert_int_equal(apart(sends_to_a_full_manager), 0);
	assert_string_equal(heard(), "READY=1\nSTATUS=late");
	assert_string_equal(heard(), "STATUS=at last");
	assert_string_equal(heard(), "");
	close(manager);
	unsetenv("NOTIFY_SOCKET");
}

static int unwanted(void)
{
	notify_init();
	notify_send("READY=1");
	return notify_wanted();
}

static void without_a_manager_nothing_happens(void **state)
{
	(void)state;
	assert_int_equal(apart(unwanted), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(apart(unwanted), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(apart(unwanted), 0);
	unsetenv("NOTIFY_SOCKET");
}

static int watched_at_30_s(void)
{
	notify_init();
	return notify_watchdog() != 30000;
}

static int not_watched(void)
{
	notify_init();
	return notify_watchdog() != 0;
}

static int watched_by_pid(void)
{
	char pid[16];

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	return watched_at_30_s();
}

static void the_watchdog_is_fed_at_half_its_time(void **state)
{
	(void)state;
	setenv("WATCHDOG_USEC", "60000000", 1);
	assert_int_equal(apart(watched_at_30_s), 0);
	assert_int_equal(apart(watched_by_pid), 0);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(apart(not_watched), 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "sixty", 1);
	assert_int_equal(apart(not_watched), 0);
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(apart(not_watched), 0);
}

static int takes_two(void)
{
	int sockets[NOTIFY_SOCKETS_MAX];
	size_t count;
	char pid[16];

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	if (dup2(STDERR_FILENO, 3) != 3 || dup2(STDERR_FILENO, 4) != 4)
		return 2;
	notify_init();
	return !notify_sockets(sockets, &count) || count != 2 || sockets[0] != 3 ||
	       sockets[1] != 4 || (fcntl(3, F_GETFD) & FD_CLOEXEC) == 0 ||
	       (fcntl(4, F_GETFD) & FD_CLOEXEC) == 0 || getenv("LISTEN_FDS") != NULL;
}

static int takes_none(void)
{
	int sockets[NOTIFY_SOCKETS_MAX];
	size_t count;

	notify_init();
	return !notify_sockets(sockets, &count) || count != 0;
}

static int refuses(void)
{
	int sockets[NOTIFY_SOCKETS_MAX];
	size_t count;
	char pid[16];

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	notify_init();
	return notify_sockets(sockets, &count) || count != 0;
}

static void sockets_for_us_are_taken(void **state)
{
	(void)state;
	setenv("LISTEN_FDS", "2", 1);
	assert_int_equal(apart(takes_two), 0);
	setenv("LISTEN_PID", "1", 1);
	assert_int_equal(apart(takes_none), 0);
	unsetenv("LISTEN_PID");
	assert_int_equal(apart(takes_none), 0);
	static const char *const wrong[] = {"17", "1000", "-1", "two", ""};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		setenv("LISTEN_FDS", wrong[i], 1);
		assert_int_equal(apart(takes_none), 0);
		assert_int_equal(apart(refuses), 0);
	}
	unsetenv("LISTEN_FDS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_reach_the_manager),
		cmocka_unit_test(a_manager_that_does_not_read_blocks_nothing),
		cmocka_unit_test(without_a_manager_nothing_happens),
		cmocka_unit_test(the_watchdog_is_fed_at_half_its_time),
		cmocka_unit_test(sockets_for_us_are_taken),
	};
	(void)snprintf(path, sizeof(path), "/tmp/hookd-notify-%d", (int)getpid());
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	return failed;
}
