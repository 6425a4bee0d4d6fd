#include "hostname.h"

#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards `known` */
static char known[HOSTNAME_ROOM];                        /* the full name, once it was found */

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < HOSTNAME_ROOM && name[0] != '.' && name[0] != '-' &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.") ==
		       len;
}

/* Not "localhost.localdomain": it says nothing about the machine. */
static bool is_full(const char *name)
{
	return is_name(name) && strchr(name, '.') != NULL && strncmp(name, "localhost", 9) != 0;
}

/* What the resolver (/etc/hosts, DNS) calls the machine of that short name. */
static void find_canonical(const char *name, char out[HOSTNAME_ROOM])
{
	const struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;

	if (getaddrinfo(name, NULL, &hints, &found) != 0)
		return;
	if (found->ai_canonname != NULL && is_full(found->ai_canonname))
		(void)snprintf(out, HOSTNAME_ROOM, "%s", found->ai_canonname);
	freeaddrinfo(found);
}

static void remember(const char *name)
{
	(void)pthread_mutex_lock(&lock);
	(void)snprintf(known, sizeof(known), "%s", name);
	(void)pthread_mutex_unlock(&lock);
}

void hostname_find(char out[HOSTNAME_ROOM])
{
	(void)pthread_mutex_lock(&lock);
	memcpy(out, known, HOSTNAME_ROOM);
	(void)pthread_mutex_unlock(&lock);
	if (out[0] != '\0')
		return;
	if (gethostname(out, HOSTNAME_ROOM) != 0)
		out[0] = '\0';
	out[HOSTNAME_ROOM - 1] = '\0';
	if (is_name(out) && !is_full(out))
		find_canonical(out, out);
	if (is_full(out))
		remember(out);
	else if (!is_name(out))
		out[0] = '\0';
}
