#include "config.h"

#include "output.h"
#include "store/owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct conf *ctl_config_load(const struct ctl *ctl)
{
	struct buf errors = {0};
	struct conf *conf = conf_load(ctl->config, &errors);

	/* Warnings are left to hookd --check; here every command would repeat them. */
	if (conf == NULL) {
		fflush(stdout);
		if (errors.len > 0)
			fwrite(errors.data, 1, errors.len, stderr);
		else
			ctl_error("%s cannot be read: out of memory", ctl->config);
	}
	buf_free(&errors);
	return conf;
}

const struct conf_source *ctl_config_source(const struct conf *conf, const char *name)
{
	const struct conf_source *source;
	struct buf line = {0};

	if (name == NULL && conf->source_count == 1)
		return &conf->sources[0];
	source = name != NULL ? conf_source_by_name(conf, name) : NULL;
	if (source != NULL)
		return source;
	if (name != NULL) {
		buf_add_text(&line, "no source \"");
		buf_add_escaped(&line, name, strlen(name), '"');
		buf_printf(&line, "\" in %s; it has", conf->file);
	} else if (conf->source_count == 0) {
		buf_printf(&line, "%s has no source", conf->file);
	} else {
		buf_printf(&line, "%s has %zu sources; choose one with --source:", conf->file,
			conf->source_count);
	}
	for (size_t i = 0; i < conf->source_count; i++)
		buf_printf(&line, "%s %s", i > 0 ? "," : "", conf->sources[i].name);
	ctl_error("%s", line.data != NULL ? line.data : "out of memory");
	buf_free(&line);
	return NULL;
}

/* Ignores errors in the rest of the config, because the store is needed most when there are
 * some. */
static char *configured_store_path(const struct ctl *ctl)
{
	struct buf errors = {0};
	char *path = conf_store_path(ctl->config, &errors);

	if (path == NULL) {
		if (errors.len > 0)
			(void)fwrite(errors.data, 1, errors.len, stderr);
		ctl_error("option --store FILE reads a store without the config");
	}
	buf_free(&errors);
	return path;
}

char *ctl_store_path(const struct ctl *ctl, const char *path)
{
	char *copy = path != NULL ? strdup(path) : configured_store_path(ctl);

	if (path != NULL && copy == NULL)
		ctl_error("out of memory");
	return copy;
}

struct store_reader *ctl_store_open(
	const struct ctl *ctl, const char *path, char **name, int *status)
{
	char why[STORE_READ_WHY];
	struct store_reader *reader;

	*status = CTL_CONFIG;
	*name = ctl_store_path(ctl, path);
	if (*name == NULL)
		return NULL;
	*status = CTL_FAILED;
	reader = store_become_owner(*name, why) ? store_reader_open(*name, why) : NULL;
	if (reader == NULL) {
		ctl_error("%s", why);
		free(*name);
		*name = NULL;
	}
	return reader;
}
