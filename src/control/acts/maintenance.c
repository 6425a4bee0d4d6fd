/* control/acts/maintenance.c - removes old events, and returns free space to the disk. */
#include "store/maintenance.h"
#include "act.h"

static bool count_old(struct act *a, int64_t before, int64_t *old)
{
	struct store_reader *reader = act_open_reader(a);
	bool good = reader != NULL && store_old_count(reader, before, old, a->why);

	store_reader_close(reader);
	return good;
}

static void remove_old(struct act *a, struct store_prune *op, int64_t old)
{
	while (!op->at.over && !a->cut && !act_stopped(a, 0)) {
		a->cut = !act_write(a, &op->op);
		act_send_progress(a, op->at.seen < old ? op->at.seen : old, old);
	}
}

static json_t *prune(struct act *a)
{
	struct store_prune op = {.op.kind = STORE_OP_PRUNE,
		.before = act_number(a, "before", 0),
		.audit = &a->audit};
	int64_t old;

	if (!count_old(a, op.before, &old))
		return NULL;
	if (a->dry_run)
		return json_pack("{s:I}", "old", (json_int_t)old);
	remove_old(a, &op, old);
	return json_pack("{s:I, s:I, s:I}", "removed", (json_int_t)op.at.removed, "kept",
		(json_int_t)(op.at.seen - op.at.removed), "old", (json_int_t)old);
}

static json_t *vacuum(struct act *a)
{
	struct store_vacuum op = {.op.kind = STORE_OP_VACUUM, .audit = &a->audit};
	int64_t all = 0;

	while (!op.over && !act_stopped(a, 0)) {
		if (!act_write(a, &op.op))
			return NULL;
		all = all == 0 ? op.pages : all;
		act_send_progress(a, all - op.pages, all);
	}
	return json_pack("{s:I, s:I}", "pages", (json_int_t)op.pages, "size", (json_int_t)op.size);
}

static const struct act_member prune_members[] = {
	{"before", ACT_NUMBER, 0, INT64_MAX, true},
	{"dry_run", ACT_FLAG, 0, 0, false},
	{0},
};

const struct act_kind act_prune = {.name = "prune", .members = prune_members, .run = prune};

static const struct act_member no_members[] = {{0}};

const struct act_kind act_vacuum = {.name = "vacuum", .members = no_members, .run = vacuum};
