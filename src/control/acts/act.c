#include "act.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PROGRESS_EVERY 100 /* ms */

bool act_flag(const struct act *a, const char *name)
{
	return json_is_true(json_object_get(a->request, name));
}

int64_t act_number(const struct act *a, const char *name, int64_t otherwise)
{
	const json_t *value = json_object_get(a->request, name);

	return value != NULL ? json_integer_value(value) : otherwise;
}

const char *act_text(const struct act *a, const char *name)
{
	return json_string_value(json_object_get(a->request, name));
}

bool act_stopped(struct act *a, int64_t wait)
{
	a->stopped = a->stopped || a->io->stopped(a->io, wait);
	return a->stopped;
}

static void send_under(struct act *a, const char *kind, json_t *content)
{
	json_t *message = json_pack("{s:o}", kind, content);

	if (message != NULL)
		a->io->send(a->io, message);
	json_decref(message);
}

void act_send_row(struct act *a, json_t *row)
{
	send_under(a, "row", row);
}

void act_send_fault(struct act *a, json_t *fault)
{
	send_under(a, "fault", fault);
}

void act_send_pages(struct act *a, json_t *pages)
{
	send_under(a, "pages", pages);
}

void act_send_progress(struct act *a, int64_t done, int64_t all)
{
	int64_t now = clock_steady();

	if (now < a->progress_at + PROGRESS_EVERY)
		return;
	a->progress_at = now;
	send_under(a, "progress",
		json_pack("{s:I, s:I}", "done", (json_int_t)done, "all", (json_int_t)all));
}

struct store_reader *act_open_reader(struct act *a)
{
	return store_reader_open(a->context->store_path, a->why);
}

bool act_write(struct act *a, struct store_op *op)
{
	if (a->context->store == NULL) {
		(void)act_fail(a, "the store is open to be read only");
		return false;
	}
	if (store_wait(a->context->store, op) == STORE_OK)
		return true;
	(void)act_fail(a, "the store cannot be changed: %s",
		op->why != NULL ? op->why : "see hookd's log");
	return false;
}

json_t *act_fail(struct act *a, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(a->why, sizeof(a->why), format, args);
	va_end(args);
	return NULL;
}
