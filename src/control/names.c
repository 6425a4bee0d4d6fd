/* control/names.c - the rows that the config's names have in the store. */
#include "base/log.h"
#include "control/act.h"

#include <stdlib.h>

/* All in one transaction: with thousands of new ones a sync for each would take minutes. */
bool act_name_config(struct store *st, struct conf *conf)
{
	struct store_name *list = calloc(conf->source_count + 1 + conf->all_count, sizeof(*list));
	struct store_names names = {.op = {.kind = STORE_OP_NAMES}, .list = list};

	if (list == NULL) {
		log_error("out of memory");
		return false;
	}
	for (size_t i = 0; i < conf->source_count; i++)
		list[names.count++] = (struct store_name){
			STORE_NAME_SOURCE, conf->sources[i].name, &conf->sources[i].store_id};
	list[names.count++] =
		(struct store_name){STORE_NAME_SOURCE, conf->own.name, &conf->own.store_id};
	for (size_t i = 0; i < conf->all_count; i++)
		list[names.count++] = (struct store_name){
			STORE_NAME_HOOK, conf->all[i]->name, &conf->all[i]->store_id};
	bool known = store_wait(st, &names.op) == STORE_OK;
	free(list);
	return known;
}
