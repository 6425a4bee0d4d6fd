#include "socket.h"

#include "base/net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define SOCKET_MODE     0660 /* as the store's: its owner and group */
#define CONNECT_SECONDS 10   /* to wait for a listener whose queue is full */
#define QUEUE           256  /* connections that may wait to be accepted */

static int open_directory(const char *path, size_t len)
{
	char *directory = strndup(path, len > 0 ? len : 1);
	int fd = -1;

	if (directory != NULL)
		fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(directory);
	return fd;
}

bool socket_place_open(struct socket_place *place, const char *path)
{
	const char *slash = strrchr(path, '/');
	int len;

	*place = (struct socket_place){.directory = -1, .address.sun_family = AF_UNIX};
	if (slash == NULL || slash[1] == '\0') {
		errno = EINVAL;
		return false;
	}
	place->name = slash + 1;
	place->directory = open_directory(path, (size_t)(slash - path));
	if (place->directory < 0)
		return false;
	len = snprintf(place->address.sun_path, sizeof(place->address.sun_path),
		"/proc/self/fd/%d/%s", place->directory, place->name);
	if (len > 0 && (size_t)len < sizeof(place->address.sun_path))
		return true;
	errno = ENAMETOOLONG;
	return false;
}

void socket_place_close(struct socket_place *place)
{
	if (place->directory >= 0)
		(void)close(place->directory);
	place->directory = -1;
}

static const struct sockaddr *address_of(const struct socket_place *place)
{
	return (const struct sockaddr *)&place->address;
}

static bool bind_and_listen(int fd, const struct socket_place *place)
{
	struct stat sb;

	if (fstatat(place->directory, place->name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISSOCK(sb.st_mode))
		(void)unlinkat(place->directory, place->name, 0);
	net_refuse_descriptors(fd);
	/* Until the last step nobody else can connect, whatever the umask is. */
	return fchmod(fd, 0) == 0 && bind(fd, address_of(place), sizeof(place->address)) == 0 &&
	       listen(fd, QUEUE) == 0 &&
	       fchmodat(place->directory, place->name, SOCKET_MODE, AT_SYMLINK_NOFOLLOW) == 0;
}

int socket_listen(const struct socket_place *place)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind_and_listen(fd, place))
		return fd;
	int error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

/* Makes the address that of the socket itself: no symbolic link may lead elsewhere. Returns the
 * descriptor that the address needs until it is connected; -1: errno. */
static int pin_socket(const struct socket_place *place, struct sockaddr_un *address)
{
	int fd = openat(place->directory, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat sb;

	if (fd < 0)
		return -1;
	if (fstat(fd, &sb) != 0 || !S_ISSOCK(sb.st_mode)) {
		(void)close(fd);
		errno = ENOTSOCK;
		return -1;
	}
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	(void)snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d", fd);
	return fd;
}

static int connect_socket(const struct sockaddr_un *address)
{
	const struct timeval wait = {.tv_sec = CONNECT_SECONDS}, forever = {0};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
		connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &forever, sizeof(forever)) == 0)
		return fd;
	int error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

int socket_connect(const struct socket_place *place)
{
	struct sockaddr_un address;
	int pinned = pin_socket(place, &address);
	int fd = pinned >= 0 ? connect_socket(&address) : -1;
	int error = errno;

	if (pinned >= 0)
		(void)close(pinned);
	errno = error;
	return fd;
}

bool socket_peer(int fd, struct ucred *peer)
{
	socklen_t len = sizeof(*peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &len) == 0;
}
