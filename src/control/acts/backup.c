/* control/acts/backup.c - copies the store: sends its pages to the asker, who writes them to a file
 * of its own and checks that. An asker that is slow holds up this act alone: the store's writer
 * only gathers the pages. Progress is in pages. */
#include "act.h"
#include "store/maintenance.h"

#include <sodium.h>
#include <stdlib.h>

static char *to_base64(const void *bytes, size_t len)
{
	size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(size);

	if (text != NULL)
		(void)sodium_bin2base64(text, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
	return text;
}

static bool send_part(void *arg, int64_t at, const void *bytes, size_t len)
{
	struct act *a = arg;
	char *text = to_base64(bytes, len);
	json_t *pages =
		text != NULL ? json_pack("{s:I, s:s}", "at", (json_int_t)at, "data", text) : NULL;

	free(text);
	if (pages == NULL) {
		(void)act_fail(a, "out of memory");
		return false;
	}
	act_send_pages(a, pages);
	return !act_stopped(a, 0);
}

/* Ends a copy that is of no use any more. Its failure is no news. */
static void give_up(struct act *a, struct store_backup *op)
{
	op->stop = true;
	(void)store_wait(a->context->store, &op->op);
}

/* False: it failed; or it was stopped, which a->stopped says. */
static bool copy_store(struct act *a, struct store_backup *op)
{
	while (!op->over) {
		if (act_stopped(a, 0)) {
			give_up(a, op);
			return false;
		}
		if (!act_write(a, &op->op))
			return false;
		if (!store_backup_take(op, send_part, a, a->why)) {
			give_up(a, op);
			return false;
		}
		act_send_progress(a, op->done, op->all);
	}
	return true;
}

static json_t *backup(struct act *a)
{
	struct store_backup op = {.op.kind = STORE_OP_BACKUP};

	if (!copy_store(a, &op))
		return a->stopped ? json_object() : NULL;
	return json_pack("{s:I}", "size", (json_int_t)op.size);
}

static const struct act_member no_members[] = {{0}};

const struct act_kind act_backup = {.name = "backup", .members = no_members, .run = backup};
