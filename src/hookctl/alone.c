#include "alone.h"

#include "base/log.h"
#include "control/act.h"
#include "control/serve.h"
#include "output.h"
#include "store/maintenance.h"
#include "store/owner.h"
#include "store/read.h"
#include "store/store.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A reader explains best why a file is not a store, and makes none where there is none. */
static bool check_store(const char *path, char why[STORE_READ_WHY])
{
	struct store_reader *reader = store_reader_open(path, why);

	store_reader_close(reader);
	return reader != NULL;
}

static bool open_store(
	struct act_context *context, const struct ctl_alone *a, char why[STORE_READ_WHY])
{
	const struct store_options options = {
		.path = a->store,
		.backlog = a->conf != NULL ? a->conf->limits.backlog : 0,
	};

	if (!check_store(a->store, why))
		return false;
	if (a->only_reads)
		return true; /* acts that write find no store */
	context->store = store_open(&options);
	if (context->store != NULL && (a->conf == NULL || act_name_config(context->store, a->conf)))
		return true;
	(void)snprintf(why, STORE_READ_WHY, "%s: cannot be opened for a change", a->store);
	return false;
}

static void send_line(int fd, const char *line)
{
	(void)send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* hookctl ends the connection when a signal is to stop the check. */
static bool has_ended(int fd)
{
	struct pollfd asker = {.fd = fd, .events = POLLRDHUP};

	return poll(&asker, 1, 0) != 0;
}

static bool send_progress(void *arg, int64_t done, int64_t all)
{
	int fd = *(const int *)arg;

	(void)done;
	(void)all;
	send_line(fd, "{\"progress\":{\"done\":0,\"all\":0}}\n");
	return !has_ended(fd);
}

static void check_copy(int copy, int fd)
{
	char why[STORE_READ_WHY] = "";

	bool good = store_backup_check(copy, send_progress, &fd, why);
	if (!good && !has_ended(fd)) {
		control_refuse(fd, why);
		return;
	}
	send_line(fd, good ? "{\"done\":{}}\n" : "{\"done\":{\"stopped\":true}}\n");
	(void)close(fd);
}

void ctl_alone_serve(const struct ctl_alone *a, int fd)
{
	struct act_context context = {.store_path = a->store, .conf = a->conf, .uid = a->asker};
	char why[STORE_READ_WHY] = "";

	if (a->checks_copy)
		check_copy(a->copy, fd);
	else if (open_store(&context, a, why))
		control_serve(fd, &context);
	else
		control_refuse(fd, why);
	if (context.store != NULL)
		store_close(context.store);
}

/* hookctl ends the connection when a signal is to stop the act. */
static _Noreturn void run_alone(const struct ctl_alone *a, int fd)
{
	char why[STORE_READ_WHY] = "";

	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* as in hookd: an error of write(2) */
	log_setup(LOG_ERROR, LOG_FORMAT_TEXT);
	if (store_become_owner(a->store, why))
		ctl_alone_serve(a, fd);
	else
		control_refuse(fd, why);
	_exit(EXIT_SUCCESS);
}

bool ctl_alone_start(struct ctl_alone *a)
{
	int fds[2];

	a->connection = -1;
	a->asker = (int64_t)getuid();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
		ctl_error("no process can be started: %s", strerror(errno));
		return false;
	}
	(void)fflush(stdout);
	a->process = fork();
	if (a->process == 0) {
		(void)close(fds[0]);
		run_alone(a, fds[1]);
	}
	(void)close(fds[1]);
	a->connection = fds[0];
	if (a->process > 0)
		return true;
	ctl_error("no process can be started: %s", strerror(errno));
	ctl_alone_end(a);
	return false;
}

void ctl_alone_end(struct ctl_alone *a)
{
	if (a->connection >= 0)
		(void)close(a->connection);
	a->connection = -1;
	while (a->process > 0 && waitpid(a->process, NULL, 0) < 0 && errno == EINTR)
		;
}
