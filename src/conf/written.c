/* conf/written.c - what the file has for values with a ${NAME} in them: people are shown that, not
 * what the environment has, which may be secret. */
#include "read.h"

#include <stdlib.h>
#include <string.h>

void conf_note_written(const struct conf_value *v, const void *member)
{
	struct conf *conf = v->reader->conf;
	struct conf_written *larger;
	char *text;

	if (v->node->kind != CONF_NODE_SCALAR || !conf_value_has_environment(v))
		return;
	text = strdup(v->node->text);
	larger = reallocarray(conf->written, conf->written_count + 1, sizeof(*larger));
	if (larger != NULL)
		conf->written = larger;
	if (larger == NULL || text == NULL) {
		free(text);
		v->reader->errors.no_memory = true;
		return;
	}
	larger[conf->written_count++] = (struct conf_written){.member = member, .text = text};
}

const char *conf_written(const struct conf *conf, const void *member)
{
	for (size_t i = 0; i < conf->written_count; i++)
		if (conf->written[i].member == member)
			return conf->written[i].text;
	return NULL;
}

const char *conf_shown(const struct conf *conf, const void *member, const char *value)
{
	const char *written = conf_written(conf, member);

	return written != NULL ? written : value;
}

void conf_free_written(struct conf *conf)
{
	for (size_t i = 0; i < conf->written_count; i++)
		free(conf->written[i].text);
	free(conf->written);
}
