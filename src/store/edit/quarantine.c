#include "store/quarantine.h"

#include "editor.h"

static bool leave_quarantine(struct store_editor *e, const struct store_release *r, bool *done)
{
	const struct store_value values[] = {
		{.number = r->event},
		{.text = r->type},
		store_value_text(r->entity_kind),
		store_value_text(r->entity_id),
		store_value_text(r->declined),
	};
	struct store_changed changed;

	bool good = store_editor_run(e, EDIT_LEAVE_QUARANTINE, STORE_VALUES(values), &changed);
	*done = good && changed.rows > 0;
	return good;
}

bool store_release(struct store_editor *e, const struct store_release *release, bool *done,
	char why[STORE_READ_WHY])
{
	*done = false;
	if (!store_editor_begin(e, why))
		return false;
	bool good = leave_quarantine(e, release, done);
	if (good && *done)
		good = store_editor_deliver(
			e, release->event, release->hooks, release->hook_count, release->now, NULL);
	return store_editor_end(e, good, why);
}

bool store_drop(struct store_editor *e, int64_t event, bool *done, char why[STORE_READ_WHY])
{
	const struct store_value value = {.number = event};
	struct store_changed changed;

	*done = false;
	if (!store_editor_begin(e, why))
		return false;
	bool good = store_editor_run(e, EDIT_DROP_QUARANTINED, &value, 1, &changed);
	*done = good && changed.rows > 0;
	return store_editor_end(e, good, why);
}
