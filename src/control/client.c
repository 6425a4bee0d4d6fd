#include "control/client.h"

#include "base/json.h"
#include "control/act.h"
#include "request.h"
#include "socket.h"
#include "store/lock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A process that may write beside the store may write STORE.lock, too. So the name must be one that
 * hookd gives its socket: otherwise a request could be sent to some other program of root's. */
static bool is_control_name(const char *name)
{
	static const char word[] = "control";
	size_t len = strlen(name), end = sizeof(word) - 1;

	return len >= end && strcmp(name + len - end, word) == 0 &&
	       (len == end || name[len - end - 1] == '.');
}

static bool explain_connect(int64_t pid, const char *path, char why[CONTROL_WHY])
{
	char text[128];

	if (errno == EACCES || errno == EPERM)
		(void)snprintf(why, CONTROL_WHY,
			"%.300s: permission denied: hookd's group and root may use it", path);
	else if (errno == EAGAIN)
		(void)snprintf(why, CONTROL_WHY, "hookd (pid %" PRId64 ") does not answer", pid);
	else if (errno == ECONNREFUSED || errno == ENOENT)
		(void)snprintf(why, CONTROL_WHY,
			"hookd (pid %" PRId64 ") does not listen at %.300s: is it stopping?", pid,
			path);
	else
		(void)snprintf(why, CONTROL_WHY, "%.300s: %s", path,
			strerror_r(errno, text, sizeof(text)));
	return false;
}

/* Is the listener the store's owner? Root's hookd may be one, too, but root itself must not be led
 * to another program of root's by a store that belongs to someone else. */
static bool check_peer(int fd, const char *store, const char *path, char why[CONTROL_WHY])
{
	struct ucred peer;
	struct stat sb;

	if (socket_peer(fd, &peer) && lstat(store, &sb) == 0 &&
		(peer.uid == sb.st_uid || (peer.uid == 0 && geteuid() != 0)))
		return true;
	(void)snprintf(why, CONTROL_WHY,
		"%.300s: another user than the store's owner listens there, so nothing was asked",
		path);
	return false;
}

static bool connect_to(
	const struct store_lock *lock, const char *store, int *fd, char why[CONTROL_WHY])
{
	struct socket_place place;
	bool good = socket_place_open(&place, lock->socket);

	if (good && !is_control_name(place.name)) {
		(void)snprintf(
			why, CONTROL_WHY, "%.300s: not the name of a control socket", lock->socket);
		socket_place_close(&place);
		return false;
	}
	*fd = good ? socket_connect(&place) : -1;
	if (*fd < 0)
		good = explain_connect(lock->pid, lock->socket, why);
	socket_place_close(&place);
	if (!good || check_peer(*fd, store, lock->socket, why))
		return good;
	(void)close(*fd);
	*fd = -1;
	return false;
}

static void explain_no_socket(const struct store_lock *lock, char why[CONTROL_WHY])
{
	if (lock->hookctl)
		(void)snprintf(why, CONTROL_WHY,
			"another hookctl (pid %" PRId64 ") works on the store: wait for its end",
			lock->pid);
	else
		(void)snprintf(why, CONTROL_WHY,
			"process %" PRId64 " has the store open and no control socket: a hookd "
			"that is still starting, or of another version: then restart it",
			lock->pid);
}

enum control_reach control_connect(const char *path, int *fd, char why[CONTROL_WHY])
{
	struct store_lock lock;

	_Static_assert(CONTROL_WHY == STORE_READ_WHY, "one buffer has room for both");
	*fd = -1;
	if (!store_lock_holder(path, &lock, why))
		return CONTROL_FAILED;
	if (!lock.held)
		return CONTROL_ABSENT;
	if (lock.socket[0] != '\0')
		return connect_to(&lock, path, fd, why) ? CONTROL_CONNECTED : CONTROL_FAILED;
	explain_no_socket(&lock, why);
	return CONTROL_FAILED;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

bool control_send(int fd, const char *store, json_t *request, char why[CONTROL_WHY])
{
	char error[128], *text = NULL;
	struct buf line = {0};
	struct stat sb;
	bool good = false;

	if (lstat(store, &sb) != 0) {
		(void)snprintf(why, CONTROL_WHY, "%.300s: %s", store,
			strerror_r(errno, error, sizeof(error)));
		return false;
	}
	if (json_object_set_new(request, "hookd", json_integer(CONTROL_VERSION)) == 0 &&
		json_object_set_new(request, "store", request_store_id(&sb)) == 0)
		text = json_text(request, JSON_COMPACT);
	if (text != NULL) {
		buf_add_text(&line, text);
		buf_add_char(&line, '\n');
	}
	free(text);
	if (text == NULL || !buf_ok(&line)) {
		(void)snprintf(why, CONTROL_WHY, "out of memory");
	} else {
		good = send_all(fd, line.data, line.len);
		if (!good)
			(void)snprintf(why, CONTROL_WHY, "hookd has closed the connection: %s",
				strerror_r(errno, error, sizeof(error)));
	}
	buf_free(&line);
	return good;
}
