/* control/acts/check.c - checks whether the store is sound: a fault for each thing that is not.
 *   {"fault":{"text":"event 7: its payload is not what was received","payload":true}} */
#include "act.h"
#include "base/json.h"
#include "store/maintenance.h"

struct check {
	struct act *act;
	int64_t faults, damaged_payloads; /* damaged payloads are faults, too */
};

static bool send_check_progress(void *arg, int64_t done, int64_t all)
{
	const struct check *c = arg;

	act_send_progress(c->act, done, all);
	return !act_stopped(c->act, 0);
}

static void send_check_fault(void *arg, enum store_fault kind, const char *fault)
{
	struct check *c = arg;
	bool payload = kind == STORE_FAULT_PAYLOAD;

	c->faults++;
	c->damaged_payloads += payload;
	act_send_fault(
		c->act, json_pack("{s:o, s:b}", "text", json_safe_text(fault), "payload", payload));
}

static json_t *check(struct act *a)
{
	struct check c = {.act = a};
	struct store_reader *reader = act_open_reader(a);

	if (reader == NULL)
		return NULL;
	bool good = store_check(
		reader, act_flag(a, "full"), send_check_fault, send_check_progress, &c, a->why);
	store_reader_close(reader);
	if (!good && !a->stopped)
		return NULL;
	return json_pack("{s:I, s:I}", "faults", (json_int_t)c.faults, "damaged_payloads",
		(json_int_t)c.damaged_payloads);
}

static const struct act_member members[] = {
	{"full", ACT_FLAG, 0, 0, false},
	{0},
};

const struct act_kind act_check = {.name = "check", .members = members, .run = check};
