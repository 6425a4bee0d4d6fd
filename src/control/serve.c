#include "control/serve.h"

#include "request.h"
#include "session.h"

#include <poll.h>
#include <sys/stat.h>

void control_serve(int fd, const struct act_context *context)
{
	struct session s = {.request = {.fd = fd}, .stop = -1};
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	enum request_state state;
	struct stat store;

	while ((state = request_read(&s.request)) == REQUEST_PART)
		(void)poll(&ready, 1, -1);
	if (state != REQUEST_WHOLE)
		session_refuse(&s.request, "the request is longer than 64 KiB");
	else if (stat(context->store_path, &store) != 0)
		session_refuse(&s.request, "the store has gone");
	else
		session_run(&s, context, &store);
	request_free(&s.request);
}

void control_refuse(int fd, const char *why)
{
	struct request r = {.fd = fd};

	session_refuse(&r, why);
}
