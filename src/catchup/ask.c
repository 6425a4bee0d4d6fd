/* catchup/ask.c - asks the API politely, and again. */
#include "base/clock.h"
#include "pace.h"
#include "task.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

enum {
	TRIES = 3,
	TRY_FIRST = 2000, /* ms */
	TRY_MAX = 8000,
	CONFIRM_LOOK = 250,     /* ms between looks for questions that go first */
	ORDER_WAIT = 60 * 1000, /* ms that a person waits because the API is busy */
};

/* json NULL: GET. */
static void ask_once(
	struct task *t, const char *path, const char *json, struct client_answer *answer)
{
	int64_t wait;

	t->before_asking(t);
	*answer = (struct client_answer){.result = CLIENT_STOPPED};
	while ((wait = client_wait(t->client)) > 0) {
		if (t->order != NULL && wait > ORDER_WAIT) {
			answer->result = CLIENT_REJECTED;
			(void)snprintf(answer->why, sizeof(answer->why),
				"it asked to be left alone for %" PRId64 " s", wait / 1000);
			return;
		}
		if (!task_sleep(t, wait < CONFIRM_LOOK ? wait : CONFIRM_LOOK))
			return;
		t->before_asking(t);
	}
	if (json == NULL)
		client_get(t->client, path, answer);
	else
		client_put(t->client, path, json, answer);
	if (answer->date != 0)
		t->offset = answer->date - clock_wall();
}

void task_get_once(struct task *t, const char *path, struct client_answer *answer)
{
	ask_once(t, path, NULL, answer);
}

void task_put(struct task *t, const char *path, const char *json, struct client_answer *answer)
{
	ask_once(t, path, json, answer);
}

void task_get(struct task *t, const char *path, struct client_answer *answer)
{
	unsigned failed = 0;

	for (;;) {
		ask_once(t, path, NULL, answer);
		if (answer->result != CLIENT_BUSY &&
			(answer->result != CLIENT_FAILED || ++failed >= TRIES))
			return;
		if (answer->result == CLIENT_FAILED &&
			!task_sleep(t,
				pace_backoff(failed, TRY_FIRST, TRY_MAX, randombytes_random()))) {
			answer->result = CLIENT_STOPPED;
			return;
		}
		buf_free(&answer->body);
	}
}

enum task_end task_end_of(struct task *t, const struct client_answer *answer)
{
	switch (answer->result) {
	case CLIENT_STOPPED:
		return TASK_STOPPED;
	case CLIENT_DENIED:
		task_note(t, "the API refuses the key: %s", answer->why);
		return TASK_DENIED;
	case CLIENT_MISSING:
		task_note(t, "the API has no such list: %s", answer->why);
		return TASK_DENIED;
	case CLIENT_OK:
	case CLIENT_BUSY:
	case CLIENT_REJECTED:
	case CLIENT_FAILED:
		break;
	}
	task_note(t, "the API cannot be read: %s", answer->why);
	return TASK_LATER;
}
