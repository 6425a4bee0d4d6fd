#include "store/notify.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_MODE 0660 /* as the store's */

static bool address_of(const char *store, struct sockaddr_un *address)
{
	int len;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	len = snprintf(address->sun_path, sizeof(address->sun_path), "%s.poke", store);
	return len > 0 && (size_t)len < sizeof(address->sun_path);
}

static int open_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int store_notify_listen(const char *store)
{
	struct sockaddr_un address;
	int fd;

	if (!address_of(store, &address)) {
		log_warn("store.path is too long for a socket beside it: hookd notices hookctl's "
			 "changes with the next event or start only",
			log_int("longest", (int64_t)sizeof(address.sun_path) - 6));
		return -1;
	}
	fd = open_socket();
	(void)unlink(address.sun_path);
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
		chmod(address.sun_path, SOCKET_MODE) == 0)
		return fd;
	log_warn("no socket for hookctl: hookd notices its changes with the next event or start "
		 "only",
		log_text("reason", strerror(errno)), log_text("file", address.sun_path));
	store_notify_close(fd);
	return -1;
}

bool store_notify_received(int fd)
{
	char byte;
	bool received = false;

	while (fd >= 0 && recv(fd, &byte, sizeof(byte), 0) >= 0)
		received = true;
	return received;
}

void store_notify_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

bool store_notify_is_heard(const char *store)
{
	struct sockaddr_un address;
	bool heard;
	int fd;

	if (!address_of(store, &address))
		return false;
	fd = open_socket();
	/* refused if the file exists but no process has it open */
	heard = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
	store_notify_close(fd);
	return heard;
}

bool store_notify_send(const char *store)
{
	struct sockaddr_un address;
	const char byte = 0;
	bool sent;
	int fd;

	if (!address_of(store, &address))
		return false;
	fd = open_socket();
	/* a full queue is as good: hookd has yet to read it */
	sent = fd >= 0 && (sendto(fd, &byte, sizeof(byte), MSG_NOSIGNAL,
				   (const struct sockaddr *)&address, sizeof(address)) == 1 ||
				  errno == EAGAIN || errno == ENOBUFS);
	store_notify_close(fd);
	return sent;
}
