/* store/edit/change.c - replays and cancels deliveries, pauses hooks. */
#include "store/change.h"
#include "editor.h"
#include "store/query/reader.h"

struct find_to {
	store_changeable_seen *seen;
	void *arg;
};

static void find_row(const struct store_row *row, void *to)
{
	const struct find_to *f = to;
	struct store_changeable found = {
		.delivery = store_row_number(row, 0),
		.event = store_row_number(row, 1),
		.hook = store_row_string(row, 2),
		.state = store_state_from_text(store_row_string(row, 3)),
	};

	f->seen(f->arg, &found);
}

bool store_change_find(struct store_reader *r, const struct store_change_filter *filter,
	store_changeable_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct find_to to = {seen, arg};

	if (!r->engine->begin(r->session, why))
		return false;
	bool good = r->engine->list_changeable(r->session, filter, find_row, &to);
	return r->engine->end(r->session, good, why);
}

/* *made is 0 if there was nothing to change. */
typedef bool change_one(struct store_editor *e, int64_t delivery, int64_t now, int64_t *made);

static bool replay_one(struct store_editor *e, int64_t delivery, int64_t now, int64_t *made)
{
	const struct store_value values[] = {{.number = delivery}, {.number = now}};
	struct store_changed changed;

	if (!store_editor_run(e, EDIT_REPLAY, STORE_VALUES(values), &changed))
		return false;
	if (changed.rows == 0)
		return true;
	*made = changed.id;
	const struct store_value link[] = {{.number = delivery}, {.number = *made}};
	return store_editor_run(e, EDIT_REPLAYED_BY, STORE_VALUES(link), &changed);
}

static bool cancel_one(struct store_editor *e, int64_t delivery, int64_t now, int64_t *made)
{
	const struct store_value values[] = {{.number = delivery}, {.number = now}};
	struct store_changed changed;

	if (!store_editor_run(e, EDIT_CANCEL, STORE_VALUES(values), &changed))
		return false;
	if (changed.rows == 0)
		return true;
	*made = delivery;
	return store_editor_run(e, EDIT_RELEASE_BLOCKED, values, 1, &changed);
}

static bool change_all(struct store_editor *e, change_one *change, const int64_t *deliveries,
	size_t count, int64_t now, int64_t *made, char why[STORE_READ_WHY])
{
	bool good = true;

	if (!store_editor_begin(e, why))
		return false;
	for (size_t i = 0; i < count && good; i++) {
		made[i] = 0;
		good = change(e, deliveries[i], now, &made[i]);
	}
	return store_editor_end(e, good, why);
}

bool store_replay(struct store_editor *e, const int64_t *deliveries, size_t count, int64_t now,
	int64_t *made, char why[STORE_READ_WHY])
{
	return change_all(e, replay_one, deliveries, count, now, made, why);
}

bool store_cancel(struct store_editor *e, const int64_t *deliveries, size_t count, int64_t now,
	int64_t *made, char why[STORE_READ_WHY])
{
	return change_all(e, cancel_one, deliveries, count, now, made, why);
}

static bool set_paused(struct store_editor *e, const char *hook, bool pause, int64_t now)
{
	const struct store_value values[] = {{.text = hook}, {.number = now, .null = !pause}};
	struct store_changed changed;

	return store_editor_run(e, EDIT_PAUSE, STORE_VALUES(values), &changed);
}

bool store_pause(struct store_editor *e, const char *hook, bool pause, int64_t now, bool *known,
	int64_t *since, char why[STORE_READ_WHY])
{
	const struct store_value name = {.text = hook};

	*known = false;
	*since = 0;
	if (!store_editor_begin(e, why))
		return false;
	bool good = store_editor_number(e, QUERY_PAUSED, &name, 1, since, known);
	if (good && *known && pause != (*since != 0))
		good = set_paused(e, hook, pause, now);
	return store_editor_end(e, good, why);
}
