/* conf/value/members.c - a list of paths into the event: what to leave out of it. */
#include "conf/read.h"
#include "rule/path.h"

#include <stdlib.h>
#include <string.h>

/* Returns NULL if it is refused. */
static struct path *read_path(const struct conf_value *item)
{
	const char *text = conf_value_text(item);
	char quoted[CONF_QUOTED];
	struct path *path = NULL;
	struct fault fault;

	if (text == NULL)
		return NULL;
	path = path_parse(text, strlen(text), &fault);
	if (path == NULL)
		conf_refuse(item, "%s %s", conf_value_quote(item, quoted), fault.what);
	return path;
}

bool conf_read_members(const struct conf_value *v)
{
	struct path **paths;
	void *items;
	size_t count;
	bool good = true;

	if (!conf_list_open(v, true, sizeof(*paths), &items, &count))
		return false;
	paths = items;
	for (size_t i = 0; i < count; i++) {
		const struct conf_value item = conf_value_item(v, i);

		paths[i] = read_path(&item);
		conf_note_written(&item, &paths[i]);
		good = good && paths[i] != NULL;
	}
	if (good && count > 0)
		conf_list_store(v, paths, count);
	else
		conf_free_paths(paths, count);
	return good;
}
