/* catchup/task.c - what every part of the work on a source needs: to wait, to note why it fails, to
 * store how far it is. */
#include "task.h"

#include "base/clock.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ORDER_LOOK 200 /* ms between looks whether an order is to be stopped */

bool task_stopped(const struct task *t)
{
	return t->order != NULL && t->order->stopped(t->order->arg);
}

bool task_sleep(const struct task *t, int64_t ms)
{
	const int64_t most = t->order != NULL ? ORDER_LOOK : INT32_MAX;
	struct pollfd fd = {.fd = t->stop, .events = POLLIN};
	int64_t until = clock_steady() + ms, left;

	while ((left = until - clock_steady()) > 0)
		if (poll(&fd, 1, (int)(left < most ? left : most)) > 0 || task_stopped(t))
			return false;
	return true;
}

void task_note(struct task *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(t->state.failure, sizeof(t->state.failure), format, args);
	va_end(args);
}

bool task_is_plain_id(const char *id)
{
	return id != NULL && id[0] != '\0' && strlen(id) <= 40 &&
	       strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") ==
		       strlen(id);
}

bool task_save(struct task *t)
{
	struct store_catchup op = {.op = {.kind = STORE_OP_CATCHUP},
		.source = t->source->store_id,
		.state = &t->state};

	if (store_wait(t->store, &op.op) == STORE_OK)
		return true;
	task_note(t, "the store cannot be written: %s", op.op.why != NULL ? op.op.why : "");
	return false;
}
