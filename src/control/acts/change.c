/* control/acts/change.c - replay and cancel: finds the deliveries, changes them slice by slice, and
 * sends a row for each:
 *   {"row":{"event":7,"hook":"ship","state":"DEAD","delivery":12,"made":31}}
 * made is the new delivery, or the one that was cancelled; 0: it was changed by someone else in the
 * meantime, or it is a dry run. */
#include "act.h"
#include "base/clock.h"
#include "base/json.h"
#include "find.h"

#include <string.h>

enum {
	SLICE_MAX = 500,    /* deliveries in one operation */
	STEPS_A_SECOND = 4, /* of a replay with a rate */
};

#define RATE_MAX   1000000
#define HOOK_BYTES 4096

struct change {
	struct found_list found;
	enum store_change_kind kind;
	int64_t rate; /* deliveries a second; 0: no limit */
	int64_t began;
	int64_t changed;
};

static void send_changed(struct act *a, const struct found *f, int64_t made)
{
	act_send_row(
		a, json_pack("{s:I, s:o, s:s, s:I, s:I}", "event", (json_int_t)f->event, "hook",
			   json_safe_text(f->hook), "state", delivery_state_text(f->state),
			   "delivery", (json_int_t)f->delivery, "made", (json_int_t)made));
}

static size_t slice_size(const struct change *c, size_t left)
{
	size_t size = SLICE_MAX;

	if (c->rate > 0 && c->rate / STEPS_A_SECOND < SLICE_MAX)
		size = c->rate > STEPS_A_SECOND ? (size_t)c->rate / STEPS_A_SECOND : 1;
	return left < size ? left : size;
}

/* Changes the next ones, at least one; *done are. Sends only what the store has committed. */
static bool change_slice(struct act *a, struct change *c, size_t from, size_t *done)
{
	int64_t deliveries[SLICE_MAX], made[SLICE_MAX] = {0};
	const struct found *rows = c->found.rows + from;
	struct store_change op = {
		.op.kind = STORE_OP_CHANGE,
		.kind = c->kind,
		.deliveries = deliveries,
		.count = slice_size(c, c->found.count - from),
		.again = act_flag(a, "again"),
		.now = clock_wall(),
		.audit = &a->audit,
		.made = made,
	};

	for (size_t i = 0; i < op.count; i++)
		deliveries[i] = rows[i].delivery;
	if (!act_write(a, &op.op))
		return false;
	for (size_t i = 0; i < op.done; i++) {
		c->changed += made[i] != 0;
		send_changed(a, &rows[i], made[i]);
	}
	*done = op.done;
	return true;
}

/* Until the rate allows more than `done`. */
static int64_t wait_for_rate(const struct change *c, size_t done)
{
	int64_t wait = 0;

	if (c->rate > 0 && done < c->found.count)
		wait = c->began + (int64_t)done * 1000 / c->rate - clock_steady();
	return wait > 0 ? wait : 0;
}

static void change_all(struct act *a, struct change *c)
{
	size_t done = 0, more;

	c->began = clock_steady();
	while (done < c->found.count && !act_stopped(a, wait_for_rate(c, done))) {
		a->cut = !change_slice(a, c, done, &more);
		if (a->cut)
			return;
		done += more;
		act_send_progress(a, (int64_t)done, (int64_t)c->found.count);
	}
}

static void send_found(struct act *a, const struct found_list *found)
{
	for (size_t i = 0; i < found->count && !((i % SLICE_MAX) == 0 && act_stopped(a, 0)); i++)
		send_changed(a, &found->rows[i], 0);
}

static json_t *change_found(struct act *a, struct change *c)
{
	size_t count = c->found.count, done = 0;
	int64_t last = count > 0 ? c->found.rows[count - 1].delivery : 0;

	for (size_t i = 0; i < count; i++)
		done += c->found.rows[i].state == DELIVERY_DONE;
	if (a->dry_run)
		send_found(a, &c->found);
	else
		change_all(a, c);
	json_t *answer = json_pack("{s:I, s:I, s:I, s:I}", "changed", (json_int_t)c->changed,
		"found", (json_int_t)count, "last", (json_int_t)last, "as_of",
		(json_int_t)c->found.as_of);
	if (answer != NULL && done > 0)
		(void)json_object_set_new(answer, "found_done", json_integer((json_int_t)done));
	return answer;
}

static json_t *change_by_request(
	struct act *a, enum store_change_kind kind, enum store_change_set set)
{
	struct change c = {.kind = kind, .rate = act_number(a, "rate", 0)};
	json_t *done = NULL;

	if (found_by_request(a, set, kind == STORE_CHANGE_REPLAY, &c.found))
		done = change_found(a, &c);
	found_free(&c.found);
	return done;
}

static bool names(const struct act *a, const char *member)
{
	return json_object_get(a->request, member) != NULL;
}

static bool names_events(const struct act *a)
{
	return json_array_size(json_object_get(a->request, "events")) > 0;
}

static json_t *replay(struct act *a)
{
	static const struct {
		const char *name;
		enum store_change_set set;
	} states[] = {
		{"ended", STORE_CHANGE_ENDED},
		{"done", STORE_CHANGE_DONE},
		{"dead", STORE_CHANGE_DEAD},
		{"skipped", STORE_CHANGE_SKIPPED},
	};
	const char *state = act_text(a, "state");

	if (!names_events(a) && !names(a, "hook") && !names(a, "state") && !names(a, "since"))
		return act_fail(a, "expected events, or at least one of hook, state and since");
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(state != NULL ? state : "ended", states[i].name) == 0)
			return change_by_request(a, STORE_CHANGE_REPLAY, states[i].set);
	return act_fail(a, "state: expected done, dead, skipped or ended");
}

static json_t *cancel(struct act *a)
{
	if (!names_events(a) && !names(a, "hook") && !act_flag(a, "dead"))
		return act_fail(a, "expected events, hook or dead");
	return change_by_request(a, STORE_CHANGE_CANCEL,
		act_flag(a, "dead") ? STORE_CHANGE_DEAD : STORE_CHANGE_WAITING);
}

static const struct act_member replay_members[] = {
	{"events", ACT_NUMBERS, 1, INT64_MAX, false},
	{"hook", ACT_TEXT, 1, HOOK_BYTES, false},
	{"state", ACT_TEXT, 1, 16, false},
	{"since", ACT_NUMBER, 0, INT64_MAX, false},
	{"rate", ACT_NUMBER, 1, RATE_MAX, false},
	{"again", ACT_FLAG, 0, 0, false},
	{"until", ACT_NUMBER, 0, INT64_MAX, false},
	{"as_of", ACT_NUMBER, 0, INT64_MAX, false},
	{"dry_run", ACT_FLAG, 0, 0, false},
	{0},
};

const struct act_kind act_replay = {.name = "replay", .members = replay_members, .run = replay};

static const struct act_member cancel_members[] = {
	{"events", ACT_NUMBERS, 1, INT64_MAX, false},
	{"hook", ACT_TEXT, 1, HOOK_BYTES, false},
	{"dead", ACT_FLAG, 0, 0, false},
	{"since", ACT_NUMBER, 0, INT64_MAX, false},
	{"until", ACT_NUMBER, 0, INT64_MAX, false},
	{"as_of", ACT_NUMBER, 0, INT64_MAX, false},
	{"dry_run", ACT_FLAG, 0, 0, false},
	{0},
};

const struct act_kind act_cancel = {.name = "cancel", .members = cancel_members, .run = cancel};
