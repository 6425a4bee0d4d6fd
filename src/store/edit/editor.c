#include "editor.h"

#include <stdio.h>
#include <stdlib.h>

struct store_editor *store_editor_open(const char *path, char why[STORE_READ_WHY])
{
	struct store_editor *e = malloc(sizeof(*e));

	if (e == NULL) {
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
		return NULL;
	}
	e->engine = &store_sqlite_sessions;
	e->session = e->engine->open(path, true, why);
	if (e->session != NULL)
		return e;
	free(e);
	return NULL;
}

void store_editor_close(struct store_editor *e)
{
	if (e == NULL)
		return;
	e->engine->close(e->session);
	free(e);
}

const char *store_editor_path(const struct store_editor *e)
{
	return e->engine->path(e->session);
}

bool store_editor_begin(struct store_editor *e, char why[STORE_READ_WHY])
{
	return e->engine->begin(e->session, why);
}

bool store_editor_end(struct store_editor *e, bool good, char why[STORE_READ_WHY])
{
	return e->engine->end(e->session, good, why);
}

bool store_editor_run(struct store_editor *e, enum store_edit edit,
	const struct store_value *values, size_t count, struct store_changed *changed)
{
	return e->engine->edit(e->session, edit, values, count, changed);
}

struct number_to {
	int64_t *number;
	bool *found;
};

static void number_row(const struct store_row *row, void *to)
{
	const struct number_to *n = to;

	*n->number = store_row_number(row, 0);
	*n->found = true;
}

bool store_editor_number(struct store_editor *e, enum store_query query,
	const struct store_value *values, size_t count, int64_t *number, bool *found)
{
	struct number_to to = {number, found};

	*number = 0;
	*found = false;
	return e->engine->select(e->session, query, values, count, number_row, &to);
}

bool store_editor_deliver(struct store_editor *e, int64_t event, const char *const *hooks,
	size_t count, int64_t now, const char *skipped)
{
	struct store_changed changed;
	bool good = true;

	for (size_t i = 0; i < count && good; i++) {
		const struct store_value name = {.text = hooks[i]};
		const struct store_value delivery[] = {{.number = event}, {.text = hooks[i]},
			{.number = now}, store_value_text(skipped)};

		good = store_editor_run(e, EDIT_ADD_HOOK, &name, 1, &changed) &&
		       store_editor_run(e, EDIT_ADD_DELIVERY, STORE_VALUES(delivery), &changed);
	}
	return good;
}
