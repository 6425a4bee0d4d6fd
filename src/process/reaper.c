#include "process/reaper.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static pid_t *own;                                        /* children that child.c has started */
static size_t own_count, own_room;

static bool make_room(void)
{
	size_t room = own_room > 0 ? 2 * own_room : 16;
	pid_t *larger;

	if (own_count < own_room)
		return true;
	larger = reallocarray(own, room, sizeof(*own));
	if (larger == NULL)
		return false;
	own = larger;
	own_room = room;
	return true;
}

bool reaper_begin_start(void)
{
	(void)pthread_mutex_lock(&mutex);
	if (make_room())
		return true;
	(void)pthread_mutex_unlock(&mutex);
	return false;
}

void reaper_end_start(pid_t pid)
{
	if (pid > 0)
		own[own_count++] = pid;
	(void)pthread_mutex_unlock(&mutex);
}

/* Where it is in the list; own_count: it is not. */
static size_t find(pid_t pid)
{
	size_t i = 0;

	while (i < own_count && own[i] != pid)
		i++;
	return i;
}

void reaper_forget(pid_t pid)
{
	(void)pthread_mutex_lock(&mutex);
	size_t i = find(pid);
	if (i < own_count)
		own[i] = own[--own_count];
	(void)pthread_mutex_unlock(&mutex);
}

void reaper_run(void)
{
	(void)pthread_mutex_lock(&mutex);
	for (;;) {
		siginfo_t info = {0};
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0 ||
			find(info.si_pid) < own_count)
			break;
		(void)waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
	}
	(void)pthread_mutex_unlock(&mutex);
}
