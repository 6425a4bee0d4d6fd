#include "store/poke.h"

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

int poke_listen(const char *store)
{
	struct sockaddr_un address;
	int fd;

	if (!address_of(store, &address)) {
		log_warn("store.path is too long for a socket beside it: what hookctl changes is "
			 "noticed with the next event, or start",
			log_int("longest", (int64_t)sizeof(address.sun_path) - 6));
		return -1;
	}
	fd = open_socket();
	(void)unlink(address.sun_path);
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
		chmod(address.sun_path, SOCKET_MODE) == 0)
		return fd;
	log_warn("what hookctl changes is noticed with the next event, or start: no socket",
		log_text("reason", strerror(errno)), log_text("file", address.sun_path));
	poke_close(fd);
	return -1;
}

bool poke_taken(int fd)
{
	char byte;
	bool taken = false;

	while (fd >= 0 && recv(fd, &byte, sizeof(byte), 0) >= 0)
		taken = true;
	return taken;
}

void poke_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

bool poke_heard(const char *store)
{
	struct sockaddr_un address;
	bool heard;
	int fd;

	if (!address_of(store, &address))
		return false;
	fd = open_socket();
	/* refused where the file is there but nobody has it open */
	heard = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
	poke_close(fd);
	return heard;
}

bool poke_send(const char *store)
{
	struct sockaddr_un address;
	const char byte = 0;
	bool sent;
	int fd;

	if (!address_of(store, &address))
		return false;
	fd = open_socket();
	/* a full queue is as good: hookd has not looked yet */
	sent = fd >= 0 && (sendto(fd, &byte, sizeof(byte), MSG_NOSIGNAL,
				   (const struct sockaddr *)&address, sizeof(address)) == 1 ||
				  errno == EAGAIN || errno == ENOBUFS);
	poke_close(fd);
	return sent;
}
