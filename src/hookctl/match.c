#include "match.h"

#include "conf/match.h"
#include "output.h"

#include <stdlib.h>

bool ctl_match(
	struct ctl_match *m, struct conf *conf, const struct conf_source *source, struct event *ev)
{
	int64_t *places = calloc(conf->hook_count + 1, sizeof(*places));

	*m = (struct ctl_match){.hooks = calloc(conf->hook_count + 1, sizeof(*m->hooks))};
	if (places == NULL || m->hooks == NULL) {
		ctl_error("out of memory");
		free(places);
		return false;
	}
	for (size_t i = 0; i < conf->hook_count; i++)
		conf->hooks[i].store_id = (int64_t)i; /* hookctl has no other ids */
	m->count = match_hooks(conf, source, ev, places, &m->declined);
	for (size_t i = 0; i < m->count; i++)
		m->hooks[i] = conf->hooks[places[i]].name;
	free(places);
	if (!buf_ok(&m->declined))
		ctl_error("out of memory");
	return buf_ok(&m->declined);
}

void ctl_match_free(struct ctl_match *m)
{
	buf_free(&m->declined);
	free(m->hooks);
	*m = (struct ctl_match){0};
}
