#include "notify.h"

#include "base/log.h"
#include "base/number.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_FDS_START 3 /* sd_listen_fds(3) */
#define MESSAGE_MAX      1024

static int notify_socket = -1;
static struct sockaddr_un notify_address;
static socklen_t notify_address_len;
static int64_t watchdog_ms;
static int listen_count; /* -1: LISTEN_FDS is not a number that we take */

/* An environment variable's whole value as a number from 0 to max; -1: it is not one. */
static int64_t env_number(const char *name, int64_t max)
{
	const char *text = getenv(name);
	int64_t value = -1;

	return text != NULL && number_read(text, strlen(text), max, &value) ? value : -1;
}

/* NOTIFY_SOCKET is a path, or with @ an abstract name: sd_notify(3). */
static void open_notify_socket(const char *path)
{
	size_t len = path != NULL ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(notify_address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	notify_address.sun_family = AF_UNIX;
	memcpy(notify_address.sun_path, path, len);
	if (path[0] == '@')
		notify_address.sun_path[0] = '\0';
	notify_address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	notify_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static bool is_for_this_process(const char *pid_name)
{
	int64_t pid = env_number(pid_name, INT32_MAX);

	return pid == -1 ? getenv(pid_name) == NULL : pid == getpid();
}

void notify_init(void)
{
	int64_t usec = env_number("WATCHDOG_USEC", INT64_MAX);
	int64_t count = env_number("LISTEN_FDS", NOTIFY_SOCKETS_MAX);
	bool passed = getenv("LISTEN_FDS") != NULL && getenv("LISTEN_PID") != NULL &&
		      is_for_this_process("LISTEN_PID");

	open_notify_socket(getenv("NOTIFY_SOCKET"));
	if (usec > 0 && is_for_this_process("WATCHDOG_PID"))
		watchdog_ms = usec / 2000 > 0 ? usec / 2000 : 1;
	if (passed)
		listen_count = (int)count;
	static const char *const names[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
		"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	for (int i = 0; i < listen_count; i++)
		fcntl(LISTEN_FDS_START + i, F_SETFD, FD_CLOEXEC);
}

/* Does not wait for a manager that does not read. */
static bool send_message(const char *message)
{
	return sendto(notify_socket, message, strlen(message), MSG_NOSIGNAL | MSG_DONTWAIT,
		       (const struct sockaddr *)&notify_address, notify_address_len) >= 0;
}

/* The manager acts on a change of our state, so it must learn of it later. */
static bool is_state(const char *message)
{
	return strncmp(message, "READY=1", 7) == 0 || strncmp(message, "RELOADING=1", 11) == 0 ||
	       strncmp(message, "STOPPING=1", 10) == 0;
}

void notify_send(const char *format, ...)
{
	static char unsent[MESSAGE_MAX]; /* the last change of our state, if it could not be sent */
	char message[MESSAGE_MAX];
	va_list args;
	int n;

	if (notify_socket == -1)
		return;
	va_start(args, format);
	n = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(message))
		return;
	if (unsent[0] != '\0' && send_message(unsent))
		unsent[0] = '\0';
	if (!send_message(message) && is_state(message))
		memcpy(unsent, message, (size_t)n + 1);
}

void notify_reloading(void)
{
	struct timespec ts;

	/* systemd compares with CLOCK_MONOTONIC: sd_notify(3), MONOTONIC_USEC. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRId64,
		(int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

int64_t notify_watchdog(void)
{
	return watchdog_ms;
}

bool notify_wanted(void)
{
	return notify_socket != -1;
}

bool notify_sockets(int sockets[NOTIFY_SOCKETS_MAX], size_t *count)
{
	for (int i = 0; i < listen_count; i++)
		sockets[i] = LISTEN_FDS_START + i;
	*count = listen_count > 0 ? (size_t)listen_count : 0;
	if (listen_count < 0)
		log_error("LISTEN_FDS is not a number of sockets that hookd can take",
			log_int("most", NOTIFY_SOCKETS_MAX));
	return listen_count >= 0;
}
