/* hookctl/config.h - what commands need from the config: all of it, one of its sources, or the
 * store it names. Missing parts are reported on stderr. One thread. */
#ifndef HOOKD_CTL_CONFIG_H
#define HOOKD_CTL_CONFIG_H

#include "base/attributes.h"
#include "command.h"
#include "conf/conf.h"
#include "store/read.h"

/* Loads the config. NULL: exit with CTL_CONFIG. */
struct conf *ctl_config_load(const struct ctl *ctl) WARN_UNUSED;

/* The source of that name; for NULL the only one. NULL: exit with CTL_USAGE. */
const struct conf_source *ctl_config_source(const struct conf *conf, const char *name) WARN_UNUSED;

/* A copy of `path`, or for NULL the config's path of the store. NULL: exit with CTL_CONFIG. */
char *ctl_store_path(const struct ctl *ctl, const char *path) WARN_UNUSED;

/* Opens the store at `path`; for NULL the config's. *name is its path, to be freed. On NULL
 * *status is the code to exit with. */
struct store_reader *ctl_store_open(
	const struct ctl *ctl, const char *path, char **name, int *status) WARN_UNUSED;

#endif
