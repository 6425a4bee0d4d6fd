#include "store/import.h"

#include "editor.h"
#include "store/checksum.h"

#include <stdio.h>

static bool add_event(
	struct store_editor *e, const struct store_import *i, struct store_changed *added)
{
	const struct event *ev = i->event;
	const struct store_value source = {.text = ev->source};
	const struct store_value values[] = {
		source,
		{.text = ev->idempotency_key},
		store_value_text(ev->provider_event_id),
		store_value_text(ev->type),
		store_value_text(ev->entity_kind),
		store_value_text(ev->entity_id),
		{.number = ev->received_at},
		{.number = ev->occurred_at},
		store_value_text(ev->quarantined),
		store_value_text(i->declined),
		store_value_bytes(ev->payload, ev->payload_len),
		{.number = store_checksum(ev->payload, ev->payload_len)},
	};

	return store_editor_run(e, EDIT_ADD_SOURCE, &source, 1, added) &&
	       store_editor_run(e, EDIT_IMPORT, STORE_VALUES(values), added);
}

/* The key is stored already: repairs its payload if that is damaged, or compares. */
static bool compare_event(struct store_editor *e, struct store_import *i, bool *found)
{
	const struct event *ev = i->event;
	const struct store_value values[] = {
		{.text = ev->source},
		{.text = ev->idempotency_key},
		store_value_bytes(ev->payload, ev->payload_len),
		{.number = store_checksum(ev->payload, ev->payload_len)},
	};
	struct store_changed repaired;
	int64_t same;

	*found = true;
	if (!store_editor_run(e, EDIT_REPAIR, STORE_VALUES(values), &repaired))
		return false;
	i->result = STORE_IMPORT_REPAIRED;
	if (repaired.rows > 0)
		return true;
	if (!store_editor_number(e, QUERY_IMPORTED, values, 3, &same, found))
		return false;
	i->result = same == 1 ? STORE_IMPORT_THERE : STORE_IMPORT_CONFLICT;
	return true;
}

/* *sound is false if the index says that the key is stored and the table has no such event. */
static bool import_one(struct store_editor *e, struct store_import *i, int64_t now, bool *sound)
{
	struct store_changed added;

	if (!add_event(e, i, &added))
		return false;
	if (added.rows == 0)
		return compare_event(e, i, sound) && *sound;
	i->result = STORE_IMPORT_NEW;
	return store_editor_deliver(e, added.id, i->hooks, i->hook_count, now, i->skipped);
}

bool store_import(struct store_editor *e, struct store_import *list, size_t count, int64_t now,
	char why[STORE_READ_WHY])
{
	bool good = true, sound = true;

	if (!store_editor_begin(e, why))
		return false;
	for (size_t i = 0; i < count && good; i++)
		good = import_one(e, &list[i], now, &sound);
	good = store_editor_end(e, good, why);
	if (!sound)
		(void)snprintf(why, STORE_READ_WHY, "%s: damaged; see hookctl check",
			store_editor_path(e));
	return good;
}

bool store_import_waiting(struct store_editor *e, int64_t *waiting, char why[STORE_READ_WHY])
{
	bool found;

	if (!store_editor_begin(e, why))
		return false;
	bool good = store_editor_number(e, QUERY_WAITING, NULL, 0, waiting, &found);
	return store_editor_end(e, good, why);
}
